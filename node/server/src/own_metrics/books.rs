//! The books as metrics: `collected + copied = delivered + dropped + in flight`, at rest to the row.

use std::sync::Arc;

use prometheus::core::{Collector, Desc};
use prometheus::proto::{MetricFamily, MetricType};
use ringwatch_frame::{Books, BooksSnapshot, DropReason};

const STAGES: &str = "Rows by what became of them: collected (read), copied (made for a further pipeline or exporter), \
                      delivered; collected + copied = delivered + dropped + in flight";

/// Shows the books in the registry.
pub(crate) struct BooksMetrics {
    books: Arc<Books>,
    desc: Vec<Desc>,
}

impl BooksMetrics {
    /// Shows `books`.
    pub(crate) fn new(books: &Arc<Books>) -> prometheus::Result<Self> {
        let desc = Desc::new(
            "ringwatch_books".into(),
            STAGES.into(),
            Vec::new(),
            std::collections::HashMap::new(),
        )?;
        Ok(Self {
            books: Arc::clone(books),
            desc: vec![desc],
        })
    }
}

impl Collector for BooksMetrics {
    fn desc(&self) -> Vec<&Desc> {
        self.desc.iter().collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        families(&self.books.snapshot())
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "a count below 2^53 is exact, and the format knows only doubles"
)]
fn families(books: &BooksSnapshot) -> Vec<MetricFamily> {
    let stage = |stage, value: u64| (vec![("stage", stage)], value as f64);
    let dropped = DropReason::ALL.iter().zip(books.dropped_rows);
    let mut families = vec![
        super::family(
            "ringwatch_frames_total",
            "Frames by what became of them",
            MetricType::COUNTER,
            vec![
                stage("collected", books.collected_frames),
                stage("copied", books.copied_frames),
                stage("delivered", books.delivered_frames),
            ],
        ),
        super::family(
            "ringwatch_rows_total",
            STAGES,
            MetricType::COUNTER,
            vec![
                stage("collected", books.collected_rows),
                stage("copied", books.copied_rows),
                stage("delivered", books.delivered_rows),
            ],
        ),
        super::family(
            "ringwatch_dropped_rows_total",
            "Rows lost, by reason",
            MetricType::COUNTER,
            dropped
                .map(|(reason, rows)| (vec![("reason", reason.as_str())], rows as f64))
                .collect(),
        ),
    ];
    let gauge =
        |name, help, value: i64| super::family(name, help, MetricType::GAUGE, vec![(vec![], value as f64)]);
    families.push(gauge(
        "ringwatch_in_flight_rows",
        "Rows on their way",
        books.in_flight_rows,
    ));
    families.push(gauge(
        "ringwatch_in_flight_bytes",
        "Memory of frames on their way, in bytes",
        books.in_flight_bytes,
    ));
    families
}

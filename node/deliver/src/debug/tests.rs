use std::io;

use ringwatch_frame::Books;
use tracing_subscriber::fmt::MakeWriter;

use super::*;
use crate::testing::{batch, projections};

/// Keeps what is written.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl io::Write for Page {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Page {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

/// The lines for one batch of two frames of two rows each.
fn lines(verbosity: Verbosity, signal: Signal) -> Vec<String> {
    lines_of(verbosity, signal, projections())
}

fn lines_of(verbosity: Verbosity, signal: Signal, projections: Arc<Projections>) -> Vec<String> {
    let settings = DebugExporter {
        verbosity,
        ..DebugExporter::default()
    };
    lines_with(&settings, signal, projections, 1)
}

/// The lines for so many such batches, at once.
fn lines_with(
    settings: &DebugExporter,
    signal: Signal,
    projections: Arc<Projections>,
    batches: u64,
) -> Vec<String> {
    let page = Page::default();
    let subscriber = tracing_subscriber::fmt()
        .with_writer(page.clone())
        .with_ansi(false)
        .without_time()
        .finish();
    let books = Arc::new(Books::default());
    tracing::subscriber::with_default(subscriber, || {
        let debug = debug("debug", settings, projections);
        for _ in 0..batches {
            debug.accept(signal, batch(&books, 2, 2));
        }
    });
    assert_eq!(books.snapshot().delivered_rows, 4 * batches);
    assert!(books.snapshot().balanced());
    let bytes = page.0.lock().unwrap().clone();
    String::from_utf8(bytes)
        .unwrap()
        .lines()
        .map(str::to_owned)
        .collect()
}

#[test]
fn verbosity_says_how_much_is_written() {
    let basic = lines(Verbosity::Basic, Signal::Metrics);
    assert_eq!(basic.len(), 1);
    assert!(
        basic[0].contains("ringwatch::debug") && basic[0].contains("frames=2 rows=4"),
        "{}",
        basic[0]
    );
    assert_eq!(lines(Verbosity::Normal, Signal::Metrics).len(), 2);
    let points = lines(Verbosity::Detailed, Signal::Metrics);
    assert_eq!(points.len(), 12, "three points a row");
    assert!(
        points
            .iter()
            .any(|line| line.contains(r#"value="1" attributes="way=\"in\" user.name=\"bob\"""#)),
        "{points:#?}"
    );
    let records = lines(Verbosity::Detailed, Signal::Logs);
    assert_eq!(records.len(), 4);
    assert!(
        records[0].contains("people.seen") && records[0].contains("ann"),
        "{}",
        records[0]
    );
}

#[test]
fn a_record_is_told_with_body_and_severity() {
    let mut projection = projections()
        .get("postgresql", "people")
        .map(|found| ringwatch_catalogue::Projection::clone(found))
        .unwrap();
    let mut second = projection.events[0].clone();
    second.name.clear();
    second.body = Some("who".into());
    second.severity_number = Some("n".into());
    second.severity_text = Some("who".into());
    projection.events.push(second);
    let mut projections = Projections::default();
    projections.insert("postgresql", "people", projection);
    let lines = lines_of(Verbosity::Detailed, Signal::Logs, Arc::new(projections));
    assert_eq!(lines.len(), 8, "two records a row");
    assert!(
        lines[3].contains(r#"severity="bob" severity_number=1 body="bob""#),
        "{}",
        lines[3]
    );
    assert!(
        !lines[3].contains("event=") && lines[0].contains("event="),
        "{lines:#?}"
    );
    assert!(
        !lines[2].contains("severity_number"),
        "0 says nothing: {}",
        lines[2]
    );
}

#[tokio::test(start_paused = true)]
async fn of_each_second_the_first_and_then_every_nth_are_written() {
    let table = [
        (2, 1, "111111"),
        (2, 3, "110010"),
        (1, 0, "100000"),
        (0, 2, "010101"),
        (0, 0, "000000"),
    ];
    for (sampling_initial, sampling_thereafter, wanted) in table {
        let settings = DebugExporter {
            sampling_initial,
            sampling_thereafter,
            ..DebugExporter::default()
        };
        let mut sampler = Sampler::new(&settings);
        for start in [Instant::now(), Instant::now() + SECOND] {
            let got: String = (0..6)
                .map(|_| if sampler.pass(start) { '1' } else { '0' })
                .collect();
            assert_eq!(got, wanted, "{sampling_initial} then {sampling_thereafter}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_written_is_delivered_all_the_same() {
    let settings = DebugExporter {
        verbosity: Verbosity::Detailed,
        sampling_initial: 5,
        sampling_thereafter: 0,
    };
    let lines = lines_with(&settings, Signal::Metrics, projections(), 8);
    assert_eq!(lines.len(), 5 * 12, "twelve lines a batch, five batches of eight");
}

#[test]
fn a_stream_that_nobody_knows_is_dropped_as_invalid() {
    let books = Arc::new(Books::default());
    debug("debug", &DebugExporter::default(), Arc::default()).accept(Signal::Logs, batch(&books, 1, 3));
    let dropped = books.snapshot().dropped_rows[ringwatch_frame::DropReason::Invalid as usize];
    assert_eq!((dropped, books.snapshot().balanced()), (3, true));
}

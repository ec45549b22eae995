//! An exporter with its books and its metrics.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use prometheus::Registry;
use ringwatch_config::Duration as Setting;
use ringwatch_config::settings::{Compression, Headers, OtlpExporter, RetryOnFailure, SendingQueue, Tls};
use ringwatch_deliver::{AlwaysSure, OtlpHandle, OtlpParts, Signal, start_otlp};
use ringwatch_frame::{Books, BooksSnapshot};
use tokio::time::Instant;

use crate::testing::{batch, projections};

/// An exporter, its books and its metrics.
pub(crate) struct Node {
    pub(crate) exporter: OtlpHandle,
    pub(crate) books: Arc<Books>,
    registry: Registry,
}

impl Node {
    /// An exporter to `endpoint` that retries after 10 ms.
    pub(crate) fn start(endpoint: &impl Display, change: impl FnOnce(&mut OtlpExporter)) -> Self {
        Self::start_with(endpoint, true, change)
    }

    /// The same, with words of the backend counting or not.
    pub(crate) fn start_with(
        endpoint: &impl Display,
        detect_rate_limits: bool,
        change: impl FnOnce(&mut OtlpExporter),
    ) -> Self {
        let mut settings = settings(&endpoint.to_string());
        change(&mut settings);
        let registry = Registry::new();
        let exporter = start_otlp(OtlpParts {
            name: "otlp/test",
            settings: &settings,
            projections: projections(),
            version: "1.2.3",
            registry: &registry,
            standing: Arc::new(AlwaysSure),
            detect_rate_limits,
        })
        .unwrap();
        Self {
            exporter,
            books: Arc::default(),
            registry,
        }
    }

    /// Gives a batch of so many frames and rows to the exporter.
    pub(crate) fn push(&self, signal: Signal, frames: usize, rows: i64) {
        self.exporter
            .outlet(signal)
            .accept(batch(&self.books, frames, rows));
    }

    /// Waits until `done` holds of the books, and gives them.
    pub(crate) async fn wait(&self, why: &str, done: impl Fn(&BooksSnapshot) -> bool) -> BooksSnapshot {
        for _ in 0..1000 {
            let books = self.books.snapshot();
            if done(&books) {
                assert!(books.balanced(), "{books:?}");
                return books;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{why}: {:?}\n{}", self.books.snapshot(), self.metrics());
    }

    /// Waits until `done` holds.
    pub(crate) async fn until(&self, why: &str, done: impl Fn(&Self) -> bool) {
        self.wait(why, |_| done(self)).await;
    }

    /// Waits until no row is on its way.
    pub(crate) async fn settled(&self) -> BooksSnapshot {
        self.wait("every row has ended", |books| books.in_flight_rows == 0)
            .await
    }

    pub(crate) fn metrics(&self) -> String {
        prometheus::TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .unwrap()
    }

    /// The value of the sample whose line begins with `start`.
    #[track_caller]
    pub(crate) fn metric(&self, start: &str) -> f64 {
        let page = self.metrics();
        let line = page
            .lines()
            .find(|line| line.starts_with(start))
            .unwrap_or_else(|| panic!("{start} in\n{page}"));
        line.rsplit_once(' ').unwrap().1.parse().unwrap()
    }

    #[track_caller]
    pub(crate) fn attempts(&self, code: &str) -> f64 {
        self.metric(&format!(
            r#"ringwatch_export_attempts_total{{code="{code}",exporter="otlp/test"}}"#
        ))
    }

    pub(crate) async fn stop(self, after: Duration) -> BooksSnapshot {
        self.exporter.stop(Instant::now() + after).await;
        let books = self.books.snapshot();
        assert!(books.balanced(), "{books:?}");
        assert_eq!((books.in_flight_rows, books.in_flight_bytes), (0, 0));
        books
    }
}

/// Settings under which a retry comes after 10 ms.
pub(crate) fn settings(endpoint: &str) -> OtlpExporter {
    OtlpExporter {
        endpoint: endpoint.to_string(),
        headers: Headers::new(),
        compression: Compression::None,
        timeout: Setting::from_secs(10),
        tls: Tls {
            insecure: true,
            ..Tls::default()
        },
        retry_on_failure: RetryOnFailure {
            initial_interval: Setting::from_millis(10),
            ..RetryOnFailure::default()
        },
        sending_queue: SendingQueue {
            num_consumers: 2,
            ..SendingQueue::default()
        },
    }
}

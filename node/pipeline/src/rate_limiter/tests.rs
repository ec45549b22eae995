use std::time::Duration;

use prometheus::Registry;
use ringwatch_config::settings::{Limit, RateLimiter as Settings};
use ringwatch_frame::{Books, Clock, StreamId, Tick};

use super::*;
use crate::covered::CoveredTarget;
use crate::testing::{assert_at_rest, dropped, frame};

fn processor(rows_per_second: f64, rows_burst: Option<u64>) -> RateLimiterProcessor {
    let defaults = Limit {
        rows_per_second,
        rows_burst,
        ..Limit::default()
    };
    let settings = Settings {
        defaults,
        ..Settings::default()
    };
    let metrics = LimiterMetrics::new(&Registry::new()).unwrap();
    let clock = Clock::simulated(Tick::from_unix_nanos(0));
    let limits = Limits::new("rate_limiter/x", &settings, clock, metrics, Instant::now());
    let covered = CoveredTarget {
        id: TargetId::new("postgresql", "db:5432"),
        endpoint: "db:5432".into(),
        databases: Vec::new(),
    };
    limits.cover(&[covered], Instant::now());
    RateLimiterProcessor::new(Arc::new(limits))
}

/// How many rows of a frame of so many go on.
fn passed(processor: &mut RateLimiterProcessor, books: &Arc<Books>, rows: usize) -> Option<u64> {
    let mut out = Vec::new();
    processor.process(frame(books, 0, rows).into(), &mut out);
    let passed = out.first().map(Batch::rows);
    out.into_iter().for_each(Batch::deliver);
    passed
}

#[tokio::test(start_paused = true)]
async fn rows_beyond_the_limit_are_dropped_and_counted() {
    let books = Arc::new(Books::default());
    let mut limiter = processor(10.0, None);
    assert_eq!(limiter.name(), "rate_limiter/x");
    assert_eq!(passed(&mut limiter, &books, 60), Some(60));
    assert_eq!(
        passed(&mut limiter, &books, 60),
        Some(40),
        "those of ten seconds come at once"
    );
    assert_eq!(passed(&mut limiter, &books, 5), None);
    assert_eq!(
        passed(&mut limiter, &books, 0),
        Some(0),
        "a frame without rows says that there was nothing"
    );
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(passed(&mut limiter, &books, 60), Some(20));
    assert_eq!(dropped(&books, DropReason::RateLimited), 20 + 5 + 40);
    assert_at_rest(&books);

    let mut small = processor(10.0, Some(3));
    assert_eq!(passed(&mut small, &books, 60), Some(3));
    let mut none = processor(0.0, None);
    assert_eq!(passed(&mut none, &books, 60_000), Some(60_000));
    assert_at_rest(&books);
}

#[tokio::test(start_paused = true)]
async fn the_rows_that_go_on_are_the_first_ones() {
    let books = Arc::new(Books::default());
    let mut limiter = processor(1.0, Some(2));
    let mut out = Vec::new();
    limiter.process(frame(&books, 7, 5).into(), &mut out);
    let batch = out.remove(0);
    let kept = batch.frames()[0].batch();
    let column = kept
        .column(0)
        .as_any()
        .downcast_ref::<arrow_array::Int64Array>()
        .unwrap();
    assert_eq!(column.values().to_vec(), [7, 8]);
    batch.deliver();
    let stream = StreamId::of_server("s");
    limiter.limits.ended(
        &TargetId::from_name("x"),
        &stream,
        crate::circuit_breaker::Outcome::NotMade,
        Instant::now(),
    );
    assert_at_rest(&books);
}

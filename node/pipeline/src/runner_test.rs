use std::sync::Mutex;

use ringwatch_config::settings::{Batch as BatchSettings, MemoryLimiter as MemorySettings};
use ringwatch_frame::Books;

use super::*;
use crate::testing::{Delivering, assert_at_rest, dropped, frame, metrics};
use crate::{BatchProcessor, MemoryLimiter};

fn batch(millis: u64, size: u64) -> Box<dyn Processor> {
    let settings = BatchSettings {
        timeout: ringwatch_config::Duration::from_millis(millis),
        send_batch_size: size,
        send_batch_max_size: 0,
    };
    Box::new(BatchProcessor::new("batch", &settings, &metrics()).unwrap())
}

fn start(
    processors: Vec<Box<dyn Processor>>,
    capacity: usize,
) -> (PipelineInput, PipelineHandle, Arc<Delivering>) {
    let outlet = Arc::new(Delivering::default());
    let (input, handle) = start_pipeline(
        "metrics",
        processors,
        vec![Arc::clone(&outlet) as _],
        capacity,
        &metrics(),
    )
    .unwrap();
    (input, handle, outlet)
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

/// Lets the pipeline work until it waits, without any time going by.
async fn settle() {
    for _ in 0..50 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn frames_go_through_in_order_and_to_every_outlet() {
    let books = Arc::new(Books::default());
    let (first, second) = (Arc::new(Delivering::default()), Arc::new(Delivering::default()));
    let outlets: Vec<Arc<dyn Outlet>> = vec![Arc::clone(&first) as _, Arc::clone(&second) as _];
    let metrics = metrics();
    let (input, handle) = start_pipeline("metrics", vec![batch(0, 1)], outlets, 10, &metrics).unwrap();
    for rows in [3, 1, 2] {
        input.offer(frame(&books, 0, rows));
    }
    assert_eq!(input.waiting(), 3);
    handle.stop(soon()).await.unwrap();
    assert_eq!((first.seen(), second.seen()), (vec![3, 1, 2], vec![3, 1, 2]));
    assert_eq!(books.snapshot().copied_rows, 6);
    assert_eq!(metrics.incoming.with_label_values(&["batch", "metrics"]).get(), 6);
    assert_eq!(metrics.outgoing.with_label_values(&["batch", "metrics"]).get(), 6);
    assert_eq!(
        metrics.seconds.with_label_values(&["metrics"]).get_sample_count(),
        3
    );
    assert_at_rest(&books);
}

#[tokio::test(start_paused = true)]
async fn who_offers_never_waits() {
    let books = Arc::new(Books::default());
    let (input, handle, outlet) = start(vec![], 2);
    for _ in 0..5 {
        input.offer(frame(&books, 0, 1));
    }
    assert_eq!(dropped(&books, DropReason::PipelineFull), 3);
    assert!(input.is_running());
    handle.stop(soon()).await.unwrap();
    assert!(!input.is_running());
    input.offer(frame(&books, 0, 1));
    assert_eq!(dropped(&books, DropReason::Shutdown), 1);
    assert_eq!(outlet.seen(), [1, 1]);
    assert_at_rest(&books);
}

#[tokio::test(start_paused = true)]
async fn timers_are_served_while_nothing_comes() {
    let books = Arc::new(Books::default());
    let (input, handle, outlet) = start(vec![batch(100, 1_000)], 10);
    input.offer(frame(&books, 0, 7));
    settle().await;
    tokio::time::sleep(Duration::from_millis(99)).await;
    assert!(outlet.seen().is_empty());
    tokio::time::sleep(Duration::from_millis(2)).await;
    assert_eq!(outlet.seen(), [7]);
    handle.stop(soon()).await.unwrap();
    assert_at_rest(&books);
}

#[tokio::test(start_paused = true)]
async fn what_processors_hold_goes_through_the_following_ones_at_the_stop() {
    let books = Arc::new(Books::default());
    let (input, handle, outlet) = start(vec![batch(5_000, 100), batch(5_000, 1_000)], 10);
    for _ in 0..3 {
        input.offer(frame(&books, 0, 50));
    }
    settle().await;
    handle.stop(soon()).await.unwrap();
    assert_eq!(outlet.seen(), [150]);
    assert_at_rest(&books);
}

#[tokio::test(start_paused = true)]
async fn what_is_left_at_the_deadline_is_dropped_and_counted() {
    let books = Arc::new(Books::default());
    let (input, handle, outlet) = start(vec![batch(5_000, 1_000)], 10);
    input.offer(frame(&books, 0, 5));
    settle().await;
    input.offer(frame(&books, 0, 6));
    handle.stop(Instant::now()).await.unwrap();
    assert!(outlet.seen().is_empty());
    assert_eq!(dropped(&books, DropReason::Shutdown), 11);
    assert_at_rest(&books);
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_ends_by_itself_when_its_handle_or_its_inputs_are_gone() {
    let books = Arc::new(Books::default());
    let (input, handle, outlet) = start(vec![batch(5_000, 1_000)], 10);
    input.offer(frame(&books, 0, 5));
    drop(handle);
    settle().await;
    assert_eq!((outlet.seen(), input.is_running()), (vec![5], false));
    let (input, handle, outlet) = start(vec![batch(5_000, 1_000)], 10);
    input.offer(frame(&books, 0, 6));
    drop(input);
    settle().await;
    assert_eq!(outlet.seen(), [6]);
    handle.stop(soon()).await.unwrap();
    assert_at_rest(&books);
}

/// Its time has always come.
struct Impatient(Arc<std::sync::atomic::AtomicU64>, Instant);

impl Processor for Impatient {
    fn name(&self) -> &'static str {
        "impatient"
    }

    fn process(&mut self, batch: Batch, out: &mut Vec<Batch>) {
        out.push(batch);
    }

    fn deadline(&self) -> Option<Instant> {
        Some(self.1)
    }

    fn on_deadline(&mut self, _: Instant, _: &mut Vec<Batch>) {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    }
}

#[tokio::test]
async fn neither_timers_nor_frames_nor_the_stop_starve() {
    let books = Arc::new(Books::default());
    let called = Arc::default();
    let (input, handle, outlet) = start(
        vec![Box::new(Impatient(Arc::clone(&called), Instant::now()))],
        2_000,
    );
    for _ in 0..1_000 {
        input.offer(frame(&books, 0, 1));
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(outlet.seen().len(), 1_000);
    assert!(called.load(std::sync::atomic::Ordering::Relaxed) >= 1_000);
    handle.stop(soon()).await.unwrap();
    assert_at_rest(&books);
}

struct Panicking;

impl Processor for Panicking {
    fn name(&self) -> &'static str {
        "panicking"
    }

    fn process(&mut self, _: Batch, _: &mut Vec<Batch>) {
        panic!("on purpose");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_seen_and_its_rows_are_counted() {
    let books = Arc::new(Books::default());
    let (input, handle, _) = start(vec![Box::new(Panicking)], 10);
    input.offer(frame(&books, 0, 2));
    input.offer(frame(&books, 0, 3));
    settle().await;
    assert!(!input.is_running());
    input.offer(frame(&books, 0, 4));
    let error = handle.stop(soon()).await.unwrap_err();
    assert!(
        matches!(&error, PipelineError::Panicked { pipeline } if pipeline == "metrics"),
        "{error}"
    );
    let end = books.snapshot();
    assert!(end.balanced() && end.in_flight_rows == 0);
    assert_eq!(
        (
            dropped(&books, DropReason::Unaccounted),
            dropped(&books, DropReason::Shutdown)
        ),
        (5, 4)
    );
}

/// Computes long, and remembers on which threads.
struct Heavy {
    threads: Arc<Mutex<Vec<std::thread::ThreadId>>>,
    panics: bool,
}

impl Processor for Heavy {
    fn name(&self) -> &'static str {
        "heavy"
    }

    fn process(&mut self, batch: Batch, out: &mut Vec<Batch>) {
        self.threads.lock().unwrap().push(std::thread::current().id());
        assert!(!self.panics, "on purpose");
        out.push(batch);
    }

    fn is_heavy(&self) -> bool {
        true
    }
}

#[tokio::test(start_paused = true)]
async fn what_computes_long_does_so_on_another_thread_and_in_order() {
    let books = Arc::new(Books::default());
    let threads = Arc::default();
    let heavy = Heavy {
        threads: Arc::clone(&threads),
        panics: false,
    };
    let (input, handle, outlet) = start(vec![Box::new(heavy), batch(0, 1)], 10);
    for rows in [3, 1, 2] {
        input.offer(frame(&books, 0, rows));
    }
    handle.stop(soon()).await.unwrap();
    assert_eq!(outlet.seen(), [3, 1, 2]);
    let seen = threads.lock().unwrap();
    assert_eq!(seen.len(), 3);
    assert!(!seen.contains(&std::thread::current().id()));
    assert_at_rest(&books);
}

#[tokio::test(start_paused = true)]
async fn a_panic_on_another_thread_ends_the_pipeline_as_well() {
    let books = Arc::new(Books::default());
    let heavy = Heavy {
        threads: Arc::default(),
        panics: true,
    };
    let (input, handle, _) = start(vec![Box::new(heavy)], 10);
    input.offer(frame(&books, 0, 2));
    let error = handle.stop(soon()).await.unwrap_err();
    assert!(matches!(error, PipelineError::Panicked { .. }), "{error}");
    let end = books.snapshot();
    assert!(end.balanced() && end.in_flight_rows == 0);
    assert_eq!(dropped(&books, DropReason::Unaccounted), 2);
}

#[tokio::test(start_paused = true)]
async fn two_pipelines_share_processors_of_the_same_name() {
    let books = Arc::new(Books::default());
    let metrics = metrics();
    let settings = MemorySettings {
        check_interval: ringwatch_config::Duration::from_secs(1),
        limit_mib: Some(1),
        spike_limit_mib: None,
        limit_percentage: None,
        spike_limit_percentage: None,
    };
    let mut handles = Vec::new();
    for name in ["metrics", "logs"] {
        let limiter =
            MemoryLimiter::with_rss("memory_limiter", &settings, &books, &metrics, || Some(u64::MAX))
                .unwrap();
        let outlet: Arc<dyn Outlet> = Arc::new(Delivering::default());
        let (input, handle) =
            start_pipeline(name, vec![Box::new(limiter)], vec![outlet], 4, &metrics).unwrap();
        input.offer(frame(&books, 0, 2));
        handles.push(handle);
    }
    for handle in handles {
        handle.stop(soon()).await.unwrap();
    }
    assert_eq!(metrics.refused.with_label_values(&["memory_limiter"]).get(), 4);
    assert_eq!(dropped(&books, DropReason::MemoryLimit), 4);
    assert_at_rest(&books);
}

#[tokio::test]
async fn a_pipeline_without_outlets_is_refused() {
    assert!(matches!(
        start_pipeline("m", vec![], vec![], 1, &metrics()),
        Err(PipelineError::NoOutlet { .. })
    ));
}

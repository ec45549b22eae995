//! Whatever frames go through whatever processors: the rows that come out and those that were dropped are the rows
//! that went in.
#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use prometheus::Registry;
use proptest::prelude::*;
use ringwatch_config::settings::{
    AttributeAction, AttributeActionKind, AttributesProcessor as AttributesSettings, Batch as BatchSettings,
    MemoryLimiter as MemorySettings, ResourceProcessor as ResourceSettings, Scalar,
};
use ringwatch_frame::{
    Batch, Books, Cell, ColumnType, Columns, DropReason, Epoch, Frame, FrameId, FrameMeta, Place, Resource,
    StreamId, TargetId, Tick,
};
use ringwatch_pipeline::{
    AttributesProcessor, BatchProcessor, MemoryLimiter, Outlet, PipelineMetrics, Processor,
    ResourceProcessor, start_pipeline,
};
use tokio::time::Instant;

#[derive(Default)]
struct Counting {
    rows: AtomicU64,
    largest: AtomicU64,
    numbers: Mutex<Vec<i64>>,
}

impl Outlet for Counting {
    fn accept(&self, batch: Batch) {
        self.rows.fetch_add(batch.rows(), Relaxed);
        self.largest.fetch_max(batch.rows(), Relaxed);
        let numbers = batch.frames().iter().map(|frame| frame.id().tick.unix_nanos());
        self.numbers.lock().unwrap().extend(numbers);
        batch.deliver();
    }
}

fn frame(books: &Arc<Books>, number: i64, rows: usize) -> Frame {
    let mut columns = Columns::new([("a", ColumnType::Text), ("b", ColumnType::Int)]);
    for row in 0..rows {
        let text = format!("t{}", row % 3);
        let text = if row % 4 == 0 {
            Cell::Null
        } else {
            Cell::Text(&text)
        };
        columns
            .push(&[
                text,
                if row % 5 == 0 {
                    Cell::Null
                } else {
                    Cell::Int(number)
                },
            ])
            .unwrap();
    }
    let id = FrameId {
        target: TargetId::new("postgresql", "db:5432"),
        stream: StreamId::of_server("postgresql.activity"),
        tick: Tick::from_unix_nanos(number),
        epoch: Epoch(0),
    };
    let resource: Arc<Resource> = Arc::new([("a".into(), "x".into())].into_iter().collect());
    Frame::collected(
        books,
        FrameMeta {
            id,
            source: "postgresql".into(),
            resource,
        },
        columns.finish().unwrap(),
    )
}

fn action() -> impl Strategy<Value = AttributeAction> {
    let key = prop::sample::select(vec!["a", "b", "c"]);
    let value = prop_oneof![
        any::<i64>().prop_map(Scalar::Int),
        any::<bool>().prop_map(Scalar::Bool),
        any::<f64>().prop_map(Scalar::Double),
        "[a-z]{0,4}".prop_map(Scalar::Text),
    ];
    use AttributeActionKind::{Delete, Hash, Insert, Update, Upsert};
    let kind = prop::sample::select(vec![Insert, Update, Upsert, Delete, Hash]);
    (key.clone(), kind, value, prop::option::of(key)).prop_map(|(key, action, value, from)| {
        let sets = matches!(action, Insert | Update | Upsert);
        AttributeAction {
            key: key.to_owned(),
            action,
            value: (sets && from.is_none()).then_some(value),
            from_attribute: from.filter(|_| sets).map(str::to_owned),
        }
    })
}

#[derive(Clone, Debug)]
enum Step {
    Memory(bool),
    Resource(Vec<AttributeAction>),
    Attributes(Vec<AttributeAction>),
    Batch {
        millis: u64,
        size: u64,
        room: Option<u64>,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let actions = || prop::collection::vec(action(), 0..4);
    prop_oneof![
        any::<bool>().prop_map(Step::Memory),
        actions().prop_map(Step::Resource),
        actions().prop_map(Step::Attributes),
        (0_u64..50, 1_u64..40, prop::option::of(0_u64..30)).prop_map(|(millis, size, room)| Step::Batch {
            millis,
            size,
            room
        }),
    ]
}

fn build(step: &Step, books: &Arc<Books>, metrics: &PipelineMetrics) -> Box<dyn Processor> {
    match step {
        Step::Memory(full) => {
            let settings = MemorySettings {
                check_interval: ringwatch_config::Duration::from_millis(10),
                limit_mib: Some(100),
                spike_limit_mib: None,
                limit_percentage: None,
                spike_limit_percentage: None,
            };
            // full at every second look
            static LOOKS: AtomicU64 = AtomicU64::new(0);
            let rss = if *full {
                || Some(LOOKS.fetch_add(1, Relaxed) % 2 * u64::MAX)
            } else {
                || Some(0)
            };
            Box::new(MemoryLimiter::with_rss("memory_limiter", &settings, books, metrics, rss).unwrap())
        }
        Step::Resource(attributes) => Box::new(
            ResourceProcessor::new(
                "resource",
                &ResourceSettings {
                    attributes: attributes.clone(),
                },
            )
            .unwrap(),
        ),
        Step::Attributes(actions) => {
            let settings = AttributesSettings {
                actions: actions.clone(),
            };
            let column_of =
                |_: &str, _: &str, place: Place<'_>| (place == Place::Attribute("c")).then(|| Arc::from("b"));
            Box::new(AttributesProcessor::new("attributes", &settings, Arc::new(column_of)).unwrap())
        }
        Step::Batch { millis, size, room } => {
            let settings = BatchSettings {
                timeout: ringwatch_config::Duration::from_millis(*millis),
                send_batch_size: *size,
                send_batch_max_size: room.map_or(0, |room| size + room),
            };
            Box::new(BatchProcessor::new("batch", &settings, metrics).unwrap())
        }
    }
}

/// Sends the frames, some time apart, and stops the pipeline.
async fn run(
    steps: &[Step],
    frames: &[(usize, u64)],
    outlet: &Arc<Counting>,
    books: &Arc<Books>,
    late: bool,
) {
    let metrics = PipelineMetrics::new(&Registry::new()).unwrap();
    let processors = steps.iter().map(|step| build(step, books, &metrics)).collect();
    let outlets: Vec<Arc<dyn Outlet>> = vec![Arc::clone(outlet) as _];
    let (input, handle) = start_pipeline("metrics", processors, outlets, 8, &metrics).unwrap();
    for (number, (rows, pause)) in frames.iter().enumerate() {
        input.offer(frame(books, i64::try_from(number).unwrap(), *rows));
        if *pause > 0 {
            tokio::time::sleep(Duration::from_millis(*pause)).await;
        }
    }
    let patience = if late {
        Duration::ZERO
    } else {
        Duration::from_secs(5)
    };
    handle.stop(Instant::now() + patience).await.unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn rows_in_are_rows_out_and_rows_dropped(
        steps in prop::collection::vec(step(), 0..5),
        frames in prop::collection::vec((0_usize..90, prop::sample::select(vec![0_u64, 0, 0, 5, 60])), 0..30),
        late in any::<bool>(),
    ) {
        let (books, outlet) = (Arc::new(Books::default()), Arc::new(Counting::default()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(run(&steps, &frames, &outlet, &books, late));
        let end = books.snapshot();
        let sent: usize = frames.iter().map(|(rows, _)| rows).sum();
        prop_assert_eq!(end.collected_rows, sent as u64);
        prop_assert_eq!(outlet.rows.load(Relaxed) + end.dropped_total(), sent as u64);
        prop_assert!(end.balanced());
        prop_assert_eq!((end.in_flight_rows, end.in_flight_bytes), (0, 0));
        let never = [DropReason::Unaccounted, DropReason::Invalid];
        prop_assert!(never.iter().all(|reason| end.dropped_rows[*reason as usize] == 0), "{end:?}");
        let numbers = outlet.numbers.lock().unwrap();
        prop_assert!(numbers.is_sorted(), "out of order: {numbers:?}");
        if let Some(Step::Batch { size, room: Some(room), .. }) = steps.last() {
            prop_assert!(outlet.largest.load(Relaxed) <= size + room);
        }
    }
}

//! Frames, settings and samplers of these tests.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::{Array, Int64Array, RecordBatch};
use prometheus::Registry;
use ringwatch_config::settings::{AdaptiveSampler as Settings, SamplingRule};
use ringwatch_frame::{
    Batch, Books, Cell, ColumnType, Columns, DropReason, Epoch, Frame, FrameId, FrameMeta, StreamId,
    TargetId, Tick,
};
use ringwatch_pipeline::{AdaptiveSampler, Processor, Resolver, SamplerMetrics};

/// The instant at which these tests begin, in seconds since the Unix epoch.
pub(crate) const START: i64 = 1_763_683_200;

/// A statement: its identifier and its mean time in milliseconds.
pub(crate) type Row = (i64, f64);

/// The rows of `postgresql.statements` at `second`.
pub(crate) fn frame(books: &Arc<Books>, second: i64, rows: &[Row]) -> Frame {
    let mut columns = Columns::new([
        ("queryid", ColumnType::Int),
        ("mean_exec_time", ColumnType::Double),
    ]);
    for (id, time) in rows {
        columns.push(&[Cell::Int(*id), Cell::Double(*time)]).unwrap();
    }
    frame_of(books, second, columns.finish().unwrap())
}

pub(crate) fn frame_of(books: &Arc<Books>, second: i64, batch: RecordBatch) -> Frame {
    let id = FrameId {
        target: TargetId::new("postgresql", "db:5432"),
        stream: StreamId::of_server("postgresql.statements"),
        tick: Tick::from_unix_nanos(second * 1_000_000_000),
        epoch: Epoch(1),
    };
    let meta = FrameMeta {
        id,
        source: "postgresql".into(),
        resource: Arc::default(),
    };
    Frame::collected(books, meta, batch)
}

pub(crate) fn rule(name: &str, condition: &str, rate: f64, priority: u32) -> SamplingRule {
    SamplingRule {
        name: name.into(),
        condition: Some(condition.into()),
        conditions: Vec::new(),
        sampling_rate: rate,
        priority: Some(priority),
        max_per_minute: 0,
    }
}

/// Without limits, and without what is new.
pub(crate) fn plain(rules: Vec<SamplingRule>) -> Settings {
    Settings {
        rules,
        max_decisions_per_second: 0,
        keep_new: false,
        ..Settings::default()
    }
}

pub(crate) fn nowhere() -> Resolver {
    Arc::new(|_, _, _| None)
}

pub(crate) fn sampler(settings: &Settings) -> (AdaptiveSampler, Registry) {
    let registry = Registry::new();
    let metrics = SamplerMetrics::new(&registry).unwrap();
    let sampler =
        AdaptiveSampler::new("adaptive_sampler", settings, nowhere(), &metrics, None, None).unwrap();
    (sampler, registry)
}

/// Gives a frame to a processor and gets the identifiers of the rows that passed, which are delivered.
pub(crate) fn sample(processor: &mut dyn Processor, frame: Frame) -> Vec<i64> {
    let mut out = Vec::new();
    processor.process(frame.into(), &mut out);
    let frames: Vec<Frame> = out.into_iter().flat_map(Batch::into_frames).collect();
    let ids = frames.iter().flat_map(|frame| {
        let ids = frame
            .batch()
            .column(0)
            .as_any()
            .downcast_ref::<Int64Array>()
            .unwrap();
        assert_eq!(ids.null_count(), 0);
        ids.values().to_vec()
    });
    let ids = ids.collect();
    frames.into_iter().for_each(Frame::deliver);
    ids
}

/// The same for rows at `second`.
pub(crate) fn sample_rows(processor: &mut dyn Processor, second: i64, rows: &[Row]) -> BTreeSet<i64> {
    let books = Arc::new(Books::default());
    let kept = sample(processor, frame(&books, second, rows))
        .into_iter()
        .collect();
    assert_at_rest(&books);
    kept
}

/// Every row has ended, delivered or dropped by the sampler.
pub(crate) fn assert_at_rest(books: &Books) {
    let end = books.snapshot();
    assert!(end.balanced(), "{end:?}");
    assert_eq!((end.in_flight_rows, end.in_flight_bytes), (0, 0), "{end:?}");
    let ours = dropped(books, DropReason::Sampled) + dropped(books, DropReason::RateLimited);
    assert_eq!(end.dropped_total(), ours, "{end:?}");
}

pub(crate) fn dropped(books: &Books, reason: DropReason) -> u64 {
    books.snapshot().dropped_rows[reason as usize]
}

/// The value of a metric's series that has all of `labels`.
pub(crate) fn metric(registry: &Registry, name: &str, labels: &[(&str, &str)]) -> f64 {
    let families = registry.gather();
    let family = families.iter().find(|family| family.name() == name).unwrap();
    let series = family.get_metric().iter().find(|series| {
        labels.iter().all(|(name, value)| {
            series
                .get_label()
                .iter()
                .any(|label| label.name() == *name && label.value() == *value)
        })
    });
    let series = series.unwrap();
    series.get_counter().get_value() + series.get_gauge().get_value()
}

//! The checks of one pipeline, one after the other.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow_array::{BooleanArray, RecordBatch};
use arrow_buffer::BooleanBuffer;
use arrow_schema::{ArrowError, SchemaRef};
use ringwatch_frame::{ColumnsError, DropReason, Frame, FrameId};
use ringwatch_parse::expr::EvalError;

use super::anomaly::{AsItIs, Detector, Judged, Lru, Measure, of_target};
use super::columns::mix;
use super::healing::Healer;
use super::metrics::Series;
use super::pii::Inspector;
use super::quality::{Fault, Guard, Schemas, score};
use super::shape::{Shape, Shapes};
use super::shared::{Shared, Shown};
use super::state::Learnt;
use super::tags::Changes;
use crate::Resolver;
use crate::throttle::Throttle;

/// How many streams of targets are remembered.
const REMEMBERED: usize = 16_384;
/// A stream that did not come for so long, in nanoseconds, is another node's or nobody's by now.
const GONE: i64 = 1800 * 1_000_000_000;

/// Why a frame could not be checked.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Arrow(#[from] ArrowError),
    #[error(transparent)]
    Columns(#[from] ColumnsError),
    #[error(transparent)]
    Eval(#[from] EvalError),
}

/// What is remembered of one stream of one target.
#[derive(Default)]
pub(super) struct Stream {
    /// The tick of its last reading, in nanoseconds.
    pub(super) tick: Option<i64>,
    /// How long after the one before that was.
    pub(super) seconds: Option<f64>,
    /// Statements in an anomaly.
    pub(super) off: u64,
    /// In how many readings one after the other most values of a column could not be.
    pub(super) strikes: HashMap<usize, u8>,
}

/// A frame as it is checked.
pub(super) struct Subject<'a> {
    pub(super) id: &'a FrameId,
    pub(super) shape: &'a Shape,
    /// The hash of target and stream.
    pub(super) key: u64,
    /// The tick in nanoseconds.
    pub(super) tick: i64,
}

/// The checks and what they remember.
pub(super) struct Core {
    pub(super) name: String,
    pub(super) pipeline: String,
    pub(super) shared: Arc<Shared>,
    resolver: Resolver,
    pub(super) series: Series,
    seen_changes: u64,
    pub(super) learnt: Learnt,
    shapes: Shapes,
    pub(super) schemas: Schemas,
    pub(super) streams: Lru<Stream>,
    pub(super) inspector: Option<Inspector>,
    pub(super) guard: Option<Guard>,
    pub(super) detector: Option<Detector>,
    pub(super) healer: Healer,
    pub(super) judged: Judged,
    told: HashMap<u64, (), std::hash::BuildHasherDefault<AsItIs>>,
    pub(super) anomalies: u64,
    quality: BTreeMap<Arc<str>, f64>,
    pub(super) hits: u64,
    pub(super) misses: u64,
    pub(super) log: Throttle,
}

impl Core {
    pub(super) fn new(
        name: &str,
        pipeline: &str,
        shared: Arc<Shared>,
        resolver: Resolver,
        series: Series,
    ) -> Self {
        let plan = &shared.plan;
        let settings = &plan.settings;
        let key = shared.key();
        let scanner = plan.scanner.clone();
        let anomaly = &settings.anomaly_detection;
        let mut detector = anomaly
            .enabled
            .then(|| Detector::new(anomaly, &settings.auto_tuning));
        if let Some(detector) = &mut detector {
            detector.recall(&shared.thresholds(pipeline));
        }
        Self {
            name: name.to_owned(),
            pipeline: pipeline.to_owned(),
            inspector: scanner.map(|scanner| Inspector::new(&settings.pii_detection, scanner, &key)),
            guard: Guard::new(&settings.quality_validation.cardinality, plan.max_distinct),
            detector,
            healer: Healer::new(&settings.self_healing),
            shared,
            resolver,
            series,
            seen_changes: 0,
            learnt: Learnt::default(),
            shapes: Shapes::default(),
            schemas: Schemas::default(),
            streams: Lru::new(REMEMBERED),
            judged: Judged::default(),
            told: HashMap::default(),
            anomalies: 0,
            quality: BTreeMap::new(),
            hits: 0,
            misses: 0,
            log: Throttle::default(),
        }
    }

    /// Takes up what feedback has taught.
    pub(super) fn obey(&mut self) {
        if let Some(learnt) = self.shared.changed(&mut self.seen_changes) {
            if let Some(inspector) = &mut self.inspector {
                inspector.allow(&learnt.allowed);
            }
            if let Some(detector) = &mut self.detector {
                detector.set_factors(Arc::clone(&learnt.raised));
            }
            self.learnt = learnt;
        }
    }

    /// Anomalies of streams that do not come any more are not counted any more.
    pub(super) fn tidy(&mut self) {
        let before = self.shared.clock().now().unix_nanos().saturating_sub(GONE);
        for stream in self.streams.values_mut() {
            if stream.tick.is_some_and(|tick| tick < before) {
                self.anomalies = self.anomalies.saturating_sub(std::mem::take(&mut stream.off));
            }
        }
    }

    /// Checks the rows of `frame`, changes what must not leave as it is, and lets go of rows that must not
    /// leave at all.
    ///
    /// # Errors
    /// When its columns do not fit together. Then nothing of it may leave.
    pub(super) fn check(&mut self, frame: &mut Frame) -> Result<(), Failure> {
        let id = frame.id().clone();
        let key = mix(
            of_target(id.target.as_str(), id.stream.name()),
            xxhash_rust::xxh3::xxh3_64(id.stream.database().unwrap_or_default().as_bytes()),
        );
        self.hide_in_resource(frame, &id);
        if frame.rows() == 0 {
            // Nothing happened until then; that much it says.
            self.pass_of(key, id.tick.unix_nanos());
            return Ok(());
        }
        let mut faults = Vec::new();
        let rows = self.keep_schema(frame.batch(), &id, key, &mut faults)?;
        let meta = frame.meta();
        let (shape, is_new) = self
            .shapes
            .of(&self.shared.plan, &self.resolver, meta, rows.schema_ref());
        if is_new {
            self.tell_lacks(&id, &shape);
        }
        let subject = Subject {
            id: &id,
            shape: &shape,
            key,
            tick: id.tick.unix_nanos(),
        };
        let mut changes = Changes::new(rows.clone());
        self.judge_quality(&rows, &subject, &mut changes, &mut faults);
        let mut tags = self.judge_behaviour(&rows, &subject);
        let dropped = self.judge_rules(&rows, frame, &subject, &mut tags, &mut faults)?;
        let with_pii = self.inspect(&mut changes, &subject)?;
        self.fold(&mut changes, &subject)?;
        self.conclude(&subject, rows.num_rows() as u64, &faults);
        let changed = changes.finish(&tags)?;
        if let Some(changed) = changed.or_else(|| (!same(frame.batch(), &rows)).then_some(rows)) {
            frame.set_columns(changed)?;
        }
        let with_pii = with_pii.filter(|_| self.shared.plan.drops_pii());
        let kept = with_pii.as_ref().map(|found| !found);
        let dropped = match (&kept, dropped) {
            (Some(kept), Some(dropped)) => Some(of_kept(&dropped, kept)),
            (_, dropped) => dropped,
        };
        for (mask, reason) in [
            (kept, DropReason::Pii),
            (dropped.map(|bits| !&bits), DropReason::Verification),
        ] {
            if let Some(mask) = mask {
                frame.retain(&BooleanArray::new(mask, None), reason)?;
            }
        }
        Ok(())
    }

    /// Notes the faults of a frame, and its score.
    fn conclude(&mut self, subject: &Subject<'_>, rows: u64, faults: &[Fault]) {
        let counted = self.report_faults(subject, faults);
        if self.shared.plan.settings.quality_validation.enabled && rows > 0 {
            let score = score(rows, &counted);
            let stream = &subject.shape.stream;
            self.series.quality(stream, score);
            match self.quality.get_mut(stream) {
                Some(known) => *known = score,
                None => {
                    self.quality.insert(Arc::clone(stream), score);
                }
            }
        }
    }

    /// A stream that can never have what rows must have is told once.
    fn tell_lacks(&mut self, id: &FrameId, shape: &Shape) {
        let key = of_target("", id.stream.name());
        if shape.lacks.is_empty() || self.told.len() >= REMEMBERED || self.told.insert(key, ()).is_some() {
            return;
        }
        let lacks = shape
            .lacks
            .iter()
            .map(|name| &**name)
            .collect::<Vec<_>>()
            .join(", ");
        tracing::info!(processor = %self.name, stream = %id.stream, lacks,
            "a stream has no such attributes: its rows are not judged by them");
    }

    /// The thresholds as they stand.
    pub(super) fn thresholds(&self) -> BTreeMap<Arc<str>, [f32; 2]> {
        let learnt = self.detector.iter().flat_map(Detector::thresholds);
        learnt
            .map(|(stream, thresholds)| (Arc::clone(stream), thresholds))
            .collect()
    }

    /// Shows what it does.
    pub(super) fn show(&mut self, slowest_ms: f64) {
        let (bytes, texts) = self.inspector.as_ref().map_or((0, 0), Inspector::remembered);
        let series = self.detector.as_ref().map_or(0, Detector::series) as u64;
        let now = self.shared.clock().now().unix_nanos();
        let (begun, limit) = self.healer.used(now);
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.series.remembered.set(whole(bytes));
        self.series.series.set(whole(series));
        self.series.active.set(whole(self.anomalies));
        let shown = Shown {
            quality: self.quality.clone(),
            anomalies: self.anomalies,
            series,
            fixes: (begun as u64, limit as u64),
            slowest_ms,
            remembered: (bytes, texts as u64),
            hits: self.hits,
            misses: self.misses,
        };
        self.shared.show(&self.pipeline, |place| *place = shown);
    }

    /// The thresholds that hold from the start, as metrics show them.
    pub(super) fn show_thresholds(&self) {
        for (stream, thresholds) in self.detector.iter().flat_map(Detector::thresholds) {
            for (measure, threshold) in Measure::ALL.into_iter().zip(thresholds) {
                self.series.threshold(stream, measure, threshold);
            }
        }
    }
}

/// Whether both are of one schema object and the same columns.
fn same(one: &RecordBatch, other: &RecordBatch) -> bool {
    let is_same_schema = |one: &SchemaRef, other: &SchemaRef| Arc::ptr_eq(one, other);
    is_same_schema(one.schema_ref(), other.schema_ref())
        && one
            .columns()
            .iter()
            .zip(other.columns())
            .all(|(one, other)| Arc::ptr_eq(one, other))
}

/// The bits of `bits` where `kept` is set.
fn of_kept(bits: &BooleanBuffer, kept: &BooleanBuffer) -> BooleanBuffer {
    kept.set_indices().map(|row| bits.value(row)).collect()
}

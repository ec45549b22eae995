//! One stream with what is remembered between its readings.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::RecordBatch;
use ringwatch_frame::{Schedule, ScheduleError, StreamId, StreamMemory, TargetId, Tick};
use tokio::time::Instant;

use crate::delta::{Baseline, Unfit};
use crate::fault::FaultKind;
use crate::plan::PlannedStream;
use crate::report::Reporter;
use crate::session::Extension;
use crate::texts::TextCache;
use crate::timeline::Timeline;

/// In place of a stream's name in the phase of the streams of one database.
const OF_DATABASE: &str = "database";

/// One stream of one target, or of one database in it, with what is remembered between its readings.
pub(crate) struct Track {
    /// What is read.
    pub(crate) planned: Arc<PlannedStream>,
    /// Its identity.
    pub(crate) id: StreamId,
    /// The database from which it is read.
    pub(crate) database: Arc<str>,
    /// Its ticks. All streams of one database have the same phase, so that they are read one after the other
    /// on one connection, however many databases there are.
    pub(crate) timeline: Timeline,
    /// Its faults.
    pub(crate) reporter: Reporter,
    /// Until then it is not asked.
    pub(crate) held: Option<Instant>,
    /// How often it was stopped by `statement_timeout` in a row.
    timeouts: u32,
    pub(crate) memory: Memory,
}

/// What is remembered between readings.
pub(crate) struct Memory {
    pub(crate) granted: bool,
    pub(crate) extension: Option<Extension>,
    pub(crate) baseline: Option<Baseline>,
    pub(crate) texts: Option<TextCache>,
}

impl Track {
    /// `planned` of `target`, read in `database`, from its first tick after `now`.
    pub(crate) fn new(
        target: &TargetId,
        planned: &Arc<PlannedStream>,
        id: StreamId,
        database: &Arc<str>,
        now: Tick,
    ) -> Result<Self, ScheduleError> {
        let phase = match id.database() {
            Some(database) => &StreamId::of_database(OF_DATABASE, database),
            None => &id,
        };
        let schedule = Schedule::new(target, phase, planned.interval)?;
        let texts = planned.stream.texts.is_some().then(TextCache::new);
        Ok(Self {
            planned: Arc::clone(planned),
            id,
            database: Arc::clone(database),
            timeline: Timeline::new(schedule, now),
            reporter: Reporter::default(),
            held: None,
            timeouts: 0,
            memory: Memory {
                granted: false,
                extension: None,
                baseline: None,
                texts,
            },
        })
    }

    /// Goes on where the stream was left, here or on another node. Says whether its timeline goes on. What
    /// cannot be used is left out with a warning: the stream then begins anew in that respect.
    pub(crate) fn resume(&mut self, target: &TargetId, left: &StreamMemory, now: Tick) -> bool {
        let warn = |part: &str, error: &dyn std::fmt::Display| {
            tracing::warn!(%target, stream = %self.id, %error, "the {part} that was remembered is not used");
        };
        if let Some(batch) = &left.baseline {
            match self.baseline_of(batch) {
                Some(Ok(baseline)) => self.memory.baseline = Some(baseline),
                Some(Err(error)) => warn("baseline", &error),
                None => {}
            }
        }
        let Some(last) = left.last else { return false };
        match self.timeline.resume(last, now) {
            Ok(()) => true,
            Err(error) => {
                warn("timeline", &error);
                false
            }
        }
    }

    fn baseline_of(&self, batch: &RecordBatch) -> Option<Result<Baseline, Unfit>> {
        let spec = self.planned.stream.delta.as_ref()?;
        let kind = |name: &str| {
            let column = self.planned.selected().find(|column| column.name == name)?;
            Some(column.kind.column_type())
        };
        Some(Baseline::from_batch(spec, kind, batch))
    }

    /// After `kind`, it is not asked for a while, and the extension is looked for anew.
    pub(crate) fn hold(&mut self, kind: FaultKind, now: Instant) {
        let timed_out = kind == FaultKind::StatementTimeout;
        self.timeouts = if timed_out {
            self.timeouts.saturating_add(1)
        } else {
            0
        };
        let hold = kind.hold(self.timeouts);
        self.held = Some(now + hold).filter(|_| hold > Duration::ZERO);
        self.memory.extension = None;
        self.memory.granted = false;
    }

    /// It was read: the next reading is compared with `baseline`.
    pub(crate) fn collected(&mut self, baseline: Option<Baseline>) {
        self.held = None;
        self.timeouts = 0;
        self.memory.baseline = baseline;
    }
}

//! One stream with what is remembered between its readings.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::RecordBatch;
use ringwatch_catalogue::model::Cadence;
use ringwatch_frame::{Schedule, ScheduleError, StreamId, StreamMemory, TargetId, Tick};
use tokio::time::Instant;

use crate::delta::{Baseline, Unfit};
use crate::fault::FaultKind;
use crate::plan::{Planned, PlannedStream};
use crate::plans::{LogMemory, PlansMemory, unfit};
use crate::reading::Kept;
use crate::report::Reporter;
use crate::session::Extension;
use crate::sqlquery::QueryMemory;
use crate::texts::TextCache;
use crate::timeline::Timeline;

/// In place of a stream's name in the phase of the streams of one database.
const OF_DATABASE: &str = "database";

/// The ticks of a stream. All streams of one database have the same phase.
pub(crate) fn schedule_of(
    target: &TargetId,
    planned: &Planned,
    id: &StreamId,
) -> Result<Schedule, ScheduleError> {
    let phase = match id.database() {
        Some(database) => &StreamId::of_database(OF_DATABASE, database),
        None => id,
    };
    Schedule::new(target, phase, planned.interval())
}

/// One stream of one target, or of one database in it, with what is remembered between its readings.
pub(crate) struct Track {
    /// What is read.
    pub(crate) planned: Planned,
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
    /// The last tick that was read here.
    done: Option<Tick>,
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
    /// Of a stream of plans.
    pub(crate) plans: Option<PlansMemory>,
    /// Of a log of plans.
    pub(crate) plan_log: Option<LogMemory>,
    /// Of a statement of the user.
    pub(crate) query: QueryMemory,
}

impl Track {
    /// `planned` of `target`, read in `database`, from its first tick after `now`.
    pub(crate) fn new(
        target: &TargetId,
        planned: &Planned,
        id: StreamId,
        database: &Arc<str>,
        now: Tick,
    ) -> Result<Self, ScheduleError> {
        let schedule = schedule_of(target, planned, &id)?;
        let with_texts = matches!(planned, Planned::Stream(planned) if planned.stream.texts.is_some() && planned.plans.is_none());
        let texts = with_texts.then(TextCache::new);
        let (plans, plan_log) = match planned {
            Planned::Stream(planned) if planned.stream.cadence == Cadence::PlanLog => {
                (None, Some(LogMemory::default()))
            }
            Planned::Stream(planned) => (planned.plans.as_deref().map(PlansMemory::new), None),
            Planned::Query(_) => (None, None),
        };
        Ok(Self {
            planned: planned.clone(),
            id,
            database: Arc::clone(database),
            timeline: Timeline::new(schedule, now),
            reporter: Reporter::default(),
            held: None,
            done: None,
            timeouts: 0,
            memory: Memory {
                granted: false,
                extension: None,
                baseline: None,
                texts,
                plans,
                plan_log,
                query: QueryMemory::default(),
            },
        })
    }

    /// Goes on where the stream was left, here or on another node. Says whether its timeline goes on. What
    /// cannot be used is left out with a warning: the stream then begins anew in that respect.
    pub(crate) fn resume(&mut self, target: &TargetId, left: &StreamMemory, now: Tick) -> bool {
        if let Some(batch) = &left.baseline {
            self.take_up(target, batch, now);
        }
        let Some(last) = left.last else { return false };
        match self.timeline.resume(last, now) {
            Ok(()) => {
                self.done = Some(last);
                true
            }
            Err(error) => {
                self.warn(target, "timeline", &error);
                false
            }
        }
    }

    /// Goes on from ticks that another node has read meanwhile. What is older than our own last reading changes
    /// nothing.
    pub(crate) fn rebase(&mut self, target: &TargetId, told: &StreamMemory, now: Tick) {
        let Some(last) = told
            .last
            .filter(|last| self.done.is_none_or(|done| *last >= done))
        else {
            return;
        };
        if !self.timeline.rebase(last, now) {
            return;
        }
        self.done = Some(last);
        // What we had is that of an older reading: to count from it would count twice.
        self.memory.baseline = None;
        if let Some(batch) = &told.baseline {
            self.take_up(target, batch, now);
        }
    }

    /// Another node has read until then, and nobody here knows from where to go on, unless nothing of this stream was due.
    pub(crate) fn was_read_elsewhere(&mut self, until: Tick) {
        if self.done.is_none_or(|done| self.timeline.after(done) <= until) {
            self.memory.baseline = None;
        }
    }

    /// Whether the tick was read, here or on another node.
    pub(crate) fn has_read(&self, tick: Tick) -> bool {
        self.done.is_some_and(|done| done >= tick)
    }

    /// Whether anything of it was read before, here or on another node.
    pub(crate) fn was_read(&self) -> bool {
        self.done.is_some()
    }

    /// Takes a baseline that was told.
    fn take_up(&mut self, target: &TargetId, batch: &RecordBatch, now: Tick) {
        match &self.planned {
            Planned::Stream(planned) if planned.plans.is_some() => {
                let plans = self.memory.plans.as_mut();
                let plan_log = self.memory.plan_log.as_mut();
                if !plans.is_some_and(|plans| plans.resume(batch, now))
                    && !plan_log.is_some_and(|log| log.resume(batch))
                {
                    self.warn(target, "state of plans", &unfit());
                }
            }
            Planned::Stream(planned) => match baseline_of(planned, batch) {
                Some(Ok(baseline)) => self.memory.baseline = Some(baseline),
                Some(Err(error)) => self.warn(target, "baseline", &error),
                None => {}
            },
            Planned::Query(query) => {
                if let Some(name) = query.mapping().tracking()
                    && !self.memory.query.resume(name, batch)
                {
                    self.warn(
                        target,
                        "value of the tracking column",
                        &"it is not one cell of text of that column",
                    );
                }
            }
        }
    }

    fn warn(&self, target: &TargetId, part: &str, error: &dyn std::fmt::Display) {
        tracing::warn!(%target, stream = %self.id, %error, "the {part} that was remembered is not used");
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
        self.memory.query.failed();
        self.memory.granted = false;
    }

    /// It was read: the next reading goes on from what is `kept`.
    pub(crate) fn collected(&mut self, tick: Tick, kept: Option<Kept>) {
        self.done = Some(tick);
        self.held = None;
        self.timeouts = 0;
        match kept {
            Some(Kept::Baseline(baseline)) => self.memory.baseline = Some(baseline),
            Some(Kept::Tracking { value, .. }) => self.memory.query.tracking = Some(value),
            Some(Kept::Plans(kept)) => {
                if let Some(plans) = &mut self.memory.plans {
                    plans.collected(kept.states);
                }
            }
            Some(Kept::PlanLog(kept)) => {
                if let Some(log) = &mut self.memory.plan_log {
                    log.collected(kept);
                }
            }
            None => {}
        }
    }
}

fn baseline_of(planned: &PlannedStream, batch: &RecordBatch) -> Option<Result<Baseline, Unfit>> {
    let spec = planned.stream.delta.as_ref()?;
    let kind = |name: &str| {
        let column = planned.selected().find(|column| column.name == name)?;
        Some(column.kind.column_type())
    };
    Some(Baseline::from_batch(spec, kind, batch))
}

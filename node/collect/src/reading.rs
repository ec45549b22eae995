//! One reading of one stream: ask, clean, compare with the reading before, put in the texts.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::RecordBatch;
use ringwatch_catalogue::model::{Requirement, Texts};
use ringwatch_frame::{Schedule, ScheduleError, StreamId, TargetId, Tick};
use tokio::time::Instant;

use crate::clean::Cleaner;
use crate::delta::{Baseline, Uncertain, step};
use crate::fault::{Fault, FaultKind};
use crate::plan::PlannedStream;
use crate::report::Reporter;
use crate::session::{Arg, Expected, Question, Session};
use crate::texts::{TextCache, expected};
use crate::timeline::Timeline;

/// One stream of one target, or of one database in it, with what is remembered between its readings.
pub(crate) struct Track {
    /// What is read.
    pub(crate) planned: Arc<PlannedStream>,
    /// Its identity.
    pub(crate) id: StreamId,
    /// The database from which it is read.
    pub(crate) database: Arc<str>,
    /// Its ticks.
    pub(crate) timeline: Timeline,
    /// Its faults.
    pub(crate) reporter: Reporter,
    /// Until then it is not asked.
    pub(crate) held: Option<Instant>,
    memory: Memory,
}

/// What is remembered between readings.
struct Memory {
    granted: bool,
    extension: Option<String>,
    baseline: Option<Baseline>,
    texts: Option<TextCache>,
}

/// What a reading gives.
#[derive(Debug)]
pub(crate) struct Reading {
    /// The rows of the frame.
    pub(crate) rows: RecordBatch,
    /// What cannot be known any more.
    pub(crate) uncertain: Uncertain,
    /// What went wrong after the rows were there: they have no new texts.
    pub(crate) fault: Option<Fault>,
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
        let schedule = Schedule::new(target, &id, planned.interval)?;
        let texts = planned.stream.texts.is_some().then(TextCache::new);
        Ok(Self {
            planned: Arc::clone(planned),
            id,
            database: Arc::clone(database),
            timeline: Timeline::new(schedule, now),
            reporter: Reporter::default(),
            held: None,
            memory: Memory {
                granted: false,
                extension: None,
                baseline: None,
                texts,
            },
        })
    }

    /// After `kind`, it is not asked for a while, and the extension is looked for anew.
    pub(crate) fn hold(&mut self, kind: FaultKind, now: Instant) {
        self.held = Some(now + kind.hold()).filter(|_| kind.hold() > Duration::ZERO);
        self.memory.extension = None;
        self.memory.granted = false;
    }

    /// Reads it once. The baseline moves on only when the reading succeeds.
    pub(crate) async fn read<S: Session>(
        &mut self,
        session: &mut S,
        cleaner: &Arc<Cleaner>,
    ) -> Result<Reading, Fault> {
        let planned = Arc::clone(&self.planned);
        self.check_roles(session).await?;
        let version = self.extension_version(session).await?;
        let major = session.version() / 10_000;
        let (sql, args) = planned.statement(major, version.as_deref()).ok_or_else(|| {
            let extension = version.map_or_else(String::new, |version| {
                format!(" with extension version {version}")
            });
            Fault::new(
                FaultKind::Version,
                &format!("no statement for PostgreSQL {major}{extension}"),
            )
        })?;
        let columns: Vec<_> = planned
            .selected()
            .map(|column| Expected {
                name: &column.name,
                kind: column.kind.column_type(),
            })
            .collect();
        let raw = self
            .ask(
                session,
                &Question {
                    sql,
                    args,
                    columns: &columns,
                },
            )
            .await?;
        let secret: Vec<_> = planned
            .selected()
            .filter(|c| c.sql)
            .map(|c| c.name.as_str())
            .collect();
        let clean = cleaner.columns(raw, &secret).await?;
        let (rows, uncertain) = self.changes(clean)?;
        let (rows, fault) = match &planned.stream.texts {
            Some(texts) => self.with_texts(session, cleaner, texts, rows).await?,
            None => (rows, None),
        };
        Ok(Reading {
            rows,
            uncertain,
            fault,
        })
    }

    /// Refuses to read without the rights that the stream needs: the server would not say no, it would hide rows.
    async fn check_roles<S: Session>(&mut self, session: &mut S) -> Result<(), Fault> {
        if !self.memory.granted {
            for requirement in &self.planned.stream.requires {
                if let Requirement::Role(name) = requirement
                    && !session.has_role(name).await?
                {
                    let message =
                        format!("the role has not the rights of `{name}`, so that rows would be hidden");
                    return Err(Fault::new(FaultKind::Grant, &message));
                }
            }
        }
        self.memory.granted = true;
        Ok(())
    }

    /// The version of the extension that the stream needs, if it needs one.
    async fn extension_version<S: Session>(&mut self, session: &mut S) -> Result<Option<String>, Fault> {
        let Some(name) = self.planned.stream.extension().map(str::to_owned) else {
            return Ok(None);
        };
        if self.memory.extension.is_none() {
            self.memory.extension = session.extension(&name).await?;
        }
        if self.memory.extension.is_none() {
            return Err(Fault::new(
                FaultKind::Absent,
                &format!("extension `{name}` is not installed"),
            ));
        }
        Ok(self.memory.extension.clone())
    }

    /// Asks; once more at once when another session held a lock for a moment.
    async fn ask<S: Session>(&self, session: &mut S, question: &Question<'_>) -> Result<RecordBatch, Fault> {
        let mut answer = session.read(question).await;
        if matches!(&answer, Err(fault) if fault.kind == FaultKind::Lock) {
            answer = session.read(question).await;
        }
        let extension = self.planned.stream.extension().is_some();
        answer.map_err(|mut fault| {
            if !extension {
                fault.kind = fault.kind.without_extension();
            }
            fault
        })
    }

    fn changes(&mut self, rows: RecordBatch) -> Result<(RecordBatch, Uncertain), Fault> {
        let Some(spec) = &self.planned.stream.delta else {
            return Ok((rows, Uncertain::default()));
        };
        let step = step(spec, self.memory.baseline.as_ref(), &rows);
        let step = step.map_err(|e| Fault::new(FaultKind::Shape, &e.to_string()))?;
        self.memory.baseline = Some(step.baseline);
        Ok((step.rows, step.uncertain))
    }

    /// Puts the texts in. A failure to read them costs the texts and not the rows, because their counters are not
    /// told again.
    async fn with_texts<S: Session>(
        &mut self,
        session: &mut S,
        cleaner: &Arc<Cleaner>,
        texts: &Texts,
        rows: RecordBatch,
    ) -> Result<(RecordBatch, Option<Fault>), Fault> {
        let planned = Arc::clone(&self.planned);
        let (Some(cache), Some(sql)) = (&mut self.memory.texts, &planned.texts) else {
            return Ok((rows, None));
        };
        let missing = cache.missing(texts, &rows)?;
        let mut fault = None;
        if !missing.is_empty() {
            let columns = expected(&planned.stream, texts);
            let args = [Arg::Ints(missing)];
            match session
                .read(&Question {
                    sql,
                    args: &args,
                    columns: &columns,
                })
                .await
            {
                Ok(answer) => cache.learn(texts, &answer, cleaner).await?,
                Err(failed) => fault = Some(failed),
            }
        }
        Ok((cache.merged(texts, &rows)?, fault))
    }
}

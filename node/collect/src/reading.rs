//! One reading of one stream: ask, clean, compare with the reading before, put in the texts.

use std::sync::Arc;

use arrow_array::RecordBatch;
use ringwatch_catalogue::model::{Cadence, Column, EXTENSION_SCHEMA, Requirement, Texts};
use ringwatch_frame::Tick;

use crate::clean::Cleaner;
use crate::delta::{Baseline, Uncertain, step};
use crate::fault::{Fault, FaultKind};
use crate::meters::TargetMeters;
use crate::plan::{Planned, PlannedStream};
use crate::plans::{KeptLog, KeptPlans};
use crate::session::{Arg, Expected, Extension, Question, Session};
use crate::sqlquery::{PlannedQuery, ask_user, tracking_batch};
use crate::texts::expected;
use crate::track::Track;
use crate::written::Written;

/// What a reading leans on besides its connection.
pub(crate) struct Aids<'a> {
    /// Obfuscates texts.
    pub(crate) cleaner: &'a Arc<Cleaner>,
    /// Counts.
    pub(crate) meters: &'a TargetMeters,
    /// Whether nothing stands in the way of what the stream could do without: no breaker is open or on trial.
    pub(crate) at_ease: &'a (dyn Fn() -> bool + Send + Sync),
    /// The tick that is read.
    pub(crate) tick: Tick,
    /// The role that logs in.
    pub(crate) role: &'a str,
}

/// What a reading gives.
#[derive(Debug)]
pub(crate) struct Reading {
    /// The rows of the frame.
    pub(crate) rows: RecordBatch,
    /// What cannot be known any more.
    pub(crate) uncertain: Uncertain,
    /// What the next reading goes on from, once this one is collected.
    pub(crate) baseline: Option<Kept>,
    /// What went wrong after the rows were there: they have no new texts.
    pub(crate) fault: Option<Fault>,
}

/// What a reading leaves to the next one.
#[derive(Debug)]
pub(crate) enum Kept {
    /// What it is compared with.
    Baseline(Baseline),
    /// The last value of its tracking column.
    Tracking {
        /// The column.
        column: String,
        /// Its value.
        value: String,
    },
    /// What is known of plans.
    Plans(KeptPlans),
    /// Where the reading of a log goes on.
    PlanLog(KeptLog),
}

impl Kept {
    /// As others keep it.
    pub(crate) fn to_batch(&self) -> Option<RecordBatch> {
        match self {
            Self::Baseline(baseline) => Some(baseline.to_batch()),
            Self::Tracking { column, value } => tracking_batch(column, value),
            Self::Plans(kept) => kept.to_batch(),
            Self::PlanLog(kept) => kept.to_batch(),
        }
    }
}

impl Track {
    /// Reads it once. The baseline moves on only when the reading is [collected](Track::collected).
    pub(crate) async fn read<S: Session>(
        &mut self,
        session: &mut S,
        aids: &Aids<'_>,
    ) -> Result<Reading, Fault> {
        match self.planned.clone() {
            Planned::Stream(planned) => match planned.stream.cadence {
                Cadence::Plans => Box::pin(self.read_plans(&planned, session, aids)).await,
                Cadence::PlanLog => Box::pin(self.read_plan_log(&planned, session, aids)).await,
                _ => self.read_stream(&planned, session, aids.cleaner).await,
            },
            Planned::Query(query) => Box::pin(self.ask_query(&query, session, aids.cleaner)).await,
        }
    }

    async fn read_stream<S: Session>(
        &mut self,
        planned: &PlannedStream,
        session: &mut S,
        cleaner: &Arc<Cleaner>,
    ) -> Result<Reading, Fault> {
        let (sql, args, extension) = self.statement(planned, session).await?;
        let columns: Vec<_> = planned
            .selected()
            .map(|column| Expected {
                name: &column.name,
                kind: column.kind.column_type(),
            })
            .collect();
        let raw = self
            .ask(
                planned,
                session,
                &Question {
                    sql: &sql,
                    args: &args,
                    columns: &columns,
                },
            )
            .await?;
        let named = |wanted: fn(&Column) -> bool| -> Vec<&str> {
            let columns = planned.selected().filter(|column| wanted(column));
            columns.map(|column| column.name.as_str()).collect()
        };
        let dialect = planned.dialect_of(session.version() / 10_000);
        let clean = cleaner.columns(dialect, raw, &named(|column| column.sql)).await?;
        let plans = named(|column| column.plan);
        let clean = cleaner.columns(Written::Plan, clean, &plans).await?;
        let (rows, uncertain, baseline) = self.changes(planned, clean)?;
        let (rows, fault) = match (&planned.stream.texts, &planned.texts) {
            (Some(texts), Some(sql)) => {
                let sql = placed(sql, extension.as_ref());
                self.with_texts(planned, session, cleaner, (texts, &sql), rows)
                    .await?
            }
            _ => (rows, None),
        };
        Ok(Reading {
            rows,
            uncertain,
            baseline: baseline.map(Kept::Baseline),
            fault,
        })
    }

    /// The statement for this server with its arguments, and the extension that it needs. Refused without the rights
    /// that the stream needs.
    pub(crate) async fn statement<S: Session>(
        &mut self,
        planned: &PlannedStream,
        session: &mut S,
    ) -> Result<(Arc<str>, Arc<[Arg]>, Option<Extension>), Fault> {
        self.check_roles(planned, session).await?;
        let extension = self.extension(planned, session).await?;
        let version = extension.as_ref().map(|extension| extension.version.as_str());
        let major = session.version() / 10_000;
        let (sql, args) = planned.statement(major, version).ok_or_else(|| {
            let extension = version.map_or_else(String::new, |version| {
                format!(" with extension version {version}")
            });
            Fault::new(
                FaultKind::Version,
                &format!("no statement for {} {major}{extension}", planned.product()),
            )
        })?;
        Ok((placed(sql, extension.as_ref()), Arc::clone(args), extension))
    }

    /// Asks what the user wants to know.
    async fn ask_query<S: Session>(
        &mut self,
        query: &PlannedQuery,
        session: &mut S,
        cleaner: &Arc<Cleaner>,
    ) -> Result<Reading, Fault> {
        let answered = ask_user(query, &mut self.memory.query, session, cleaner).await?;
        let column = query.mapping().tracking().map(str::to_owned);
        let tracking = column.zip(answered.tracking);
        Ok(Reading {
            rows: answered.rows,
            uncertain: Uncertain::default(),
            baseline: tracking.map(|(column, value)| Kept::Tracking { column, value }),
            fault: None,
        })
    }

    /// Refuses to read without the rights that the stream needs: the server would not say no, it would hide rows.
    async fn check_roles<S: Session>(
        &mut self,
        planned: &PlannedStream,
        session: &mut S,
    ) -> Result<(), Fault> {
        if !self.memory.granted {
            for requirement in &planned.stream.requires {
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

    /// The extension that the stream needs, if it needs one.
    async fn extension<S: Session>(
        &mut self,
        planned: &PlannedStream,
        session: &mut S,
    ) -> Result<Option<Extension>, Fault> {
        let Some(name) = planned.stream.extension() else {
            return Ok(None);
        };
        if self.memory.extension.is_none() {
            self.memory.extension = session.extension(name).await?;
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
    pub(crate) async fn ask<S: Session>(
        &self,
        planned: &PlannedStream,
        session: &mut S,
        question: &Question<'_>,
    ) -> Result<RecordBatch, Fault> {
        let mut answer = session.read(question).await;
        if matches!(&answer, Err(fault) if fault.kind == FaultKind::Lock) {
            answer = session.read(question).await;
        }
        let extension = planned.stream.extension().is_some();
        answer.map_err(|mut fault| {
            if !extension {
                fault.kind = fault.kind.without_extension();
            }
            fault
        })
    }

    /// What changed since the baseline, and the baseline of the next reading.
    fn changes(
        &self,
        planned: &PlannedStream,
        rows: RecordBatch,
    ) -> Result<(RecordBatch, Uncertain, Option<Baseline>), Fault> {
        let Some(spec) = &planned.stream.delta else {
            return Ok((rows, Uncertain::default(), None));
        };
        let step = step(spec, self.memory.baseline.as_ref(), &rows);
        let mut step = step.map_err(|e| Fault::new(FaultKind::Shape, &e.to_string()))?;
        if self.memory.baseline.is_none() && self.was_read() {
            step.uncertain.baseline = step.baseline.rows() as u64;
        }
        Ok((step.rows, step.uncertain, Some(step.baseline)))
    }

    /// Puts the texts in. A failure to read them costs the texts and not the rows, because their counters are not
    /// told again.
    async fn with_texts<S: Session>(
        &mut self,
        planned: &PlannedStream,
        session: &mut S,
        cleaner: &Arc<Cleaner>,
        (texts, sql): (&Texts, &Arc<str>),
        rows: RecordBatch,
    ) -> Result<(RecordBatch, Option<Fault>), Fault> {
        let Some(cache) = &mut self.memory.texts else {
            return Ok((rows, None));
        };
        let missing = cache.missing(texts, &rows)?;
        let mut fault = None;
        if !missing.is_empty() {
            let columns = expected(&planned.stream, texts);
            let args = [Arg::Ints(missing.firsts())];
            let question = Question {
                sql,
                args: &args,
                columns: &columns,
            };
            let learned = match session.read(&question).await {
                Ok(answer) => cache.learn(texts, missing, &answer, cleaner).await,
                Err(failed) => Err(failed),
            };
            match learned {
                // Nothing was asked: the whole reading is made again when it may be.
                Err(failed) if failed.kind == FaultKind::NotHeld => return Err(failed),
                learned => fault = learned.err(),
            }
        }
        Ok((cache.merged(texts, &rows)?, fault))
    }
}

/// `sql` with the schema in which this database has the extension.
pub(crate) fn placed(sql: &Arc<str>, extension: Option<&Extension>) -> Arc<str> {
    match extension {
        Some(extension) => sql.replace(EXTENSION_SCHEMA, &extension.schema).into(),
        None => Arc::clone(sql),
    }
}

/// Readings outside a lane.
#[cfg(test)]
pub(crate) mod testing {
    use super::*;
    use crate::meters::Meters;

    /// Reads `track` at `tick`, with nothing in the way.
    pub(crate) async fn read_at<S: Session>(
        track: &mut Track,
        session: &mut S,
        cleaner: &Arc<Cleaner>,
        tick: Tick,
    ) -> Result<Reading, Fault> {
        let target = ringwatch_frame::TargetId::new("test", "a:1");
        let meters = Arc::new(Meters::new(&prometheus::Registry::new()).unwrap());
        let aids = Aids {
            cleaner,
            meters: &TargetMeters::new(&target, &meters),
            at_ease: &|| true,
            tick,
            role: "monitor",
        };
        track.read(session, &aids).await
    }
}

#[cfg(test)]
mod tests {
    use arrow_array::Array;
    use arrow_array::cast::AsArray;
    use arrow_array::types::Int64Type;
    use ringwatch_config::settings::PostgresqlReceiver;
    use ringwatch_frame::{Cell, Columns, StreamId, TargetId, Tick};

    use super::testing::read_at;
    use super::*;
    use crate::plan::{ReceiverPlan, Wants};
    use crate::session::{Described, Query, Refused};
    use crate::sqlquery::Answered;

    /// Counts on at each reading; its texts come without their column.
    struct WithoutTexts(i64);

    impl Session for WithoutTexts {
        fn version(&self) -> u32 {
            150_004
        }

        async fn read(&mut self, question: &Question<'_>) -> Result<RecordBatch, Fault> {
            let named = |column: &Expected<'_>| (column.name.to_owned(), column.kind);
            let mut columns: Vec<_> = question.columns.iter().map(named).collect();
            if &**question.sql == "texts" {
                columns.pop();
            } else {
                self.0 += 5;
            }
            let cells = [Cell::Int(1), Cell::Int(self.0)];
            let mut batch = Columns::new(columns.iter().map(|(name, kind)| (name.as_str(), *kind)));
            batch.push(&cells[..columns.len()]).unwrap();
            Ok(batch.finish().unwrap())
        }

        async fn extension(&mut self, _: &str) -> Result<Option<Extension>, Fault> {
            Ok(None)
        }

        async fn has_role(&mut self, _: &str) -> Result<bool, Fault> {
            Ok(true)
        }

        async fn databases(&mut self) -> Result<Vec<String>, Fault> {
            Ok(Vec::new())
        }

        async fn query(&mut self, _: &Query<'_>) -> Result<Answered, Refused> {
            unreachable!()
        }

        async fn describe(&mut self, _: &Query<'_>) -> Result<Described, Refused> {
            unreachable!()
        }

        async fn started(&mut self) -> Result<Option<i64>, Fault> {
            Ok(None)
        }

        async fn close(self) {}
    }

    /// A stream of one statement, with texts.
    fn statements() -> Track {
        let engine = serde_saphyr::from_str(
            r"
engine: postgresql
streams:
  - name: s
    summary: s
    scope: server
    cadence: statements
    sql: [{text: counters}]
    columns: [{name: id, type: int, summary: s}, {name: calls, type: int, summary: s}]
    delta: {key: [id], counters: [calls], changed: calls}
    texts: {column: query, key: [id], sql: texts}
    event: {name: e, description: d, attributes: []}
",
        )
        .unwrap();
        let settings: PostgresqlReceiver = serde_saphyr::from_str("username: u\nstatements: {}").unwrap();
        let wants = Wants {
            metrics: true,
            logs: true,
        };
        let plan = ReceiverPlan::new(&engine, "r", &settings, wants);
        let (target, id) = (TargetId::new("postgresql", "a:1"), StreamId::of_server("s"));
        let planned = Planned::Stream(Arc::clone(&plan.streams()[0]));
        Track::new(&target, &planned, id, &"app".into(), Tick::from_unix_nanos(1)).unwrap()
    }

    #[tokio::test]
    async fn an_error_with_the_texts_costs_no_rows() {
        let (mut track, now) = (statements(), Tick::from_unix_nanos(1));
        let (mut session, cleaner) = (WithoutTexts(0), Arc::new(Cleaner::new()));
        let first = read_at(&mut track, &mut session, &cleaner, now).await.unwrap();
        track.collected(now, first.baseline);
        let reading = read_at(&mut track, &mut session, &cleaner, now).await.unwrap();
        let calls = reading.rows.column_by_name("calls").unwrap();
        assert_eq!(calls.as_primitive::<Int64Type>().value(0), 5);
        assert!(reading.rows.column_by_name("query").unwrap().is_null(0));
        assert_eq!(reading.fault.unwrap().kind, FaultKind::Shape);
    }

    #[tokio::test]
    async fn what_another_counted_and_cannot_tell_is_uncertain() {
        let (mut track, now) = (statements(), Tick::from_unix_nanos(1));
        let (mut session, cleaner) = (WithoutTexts(0), Arc::new(Cleaner::new()));
        let first = read_at(&mut track, &mut session, &cleaner, now).await.unwrap();
        assert_eq!(first.uncertain, Uncertain::default(), "nobody has read it before");
        track.collected(now, first.baseline);
        track.was_read_elsewhere(track.timeline.after(now));
        let anew = read_at(&mut track, &mut session, &cleaner, now).await.unwrap();
        assert_eq!((anew.rows.num_rows(), anew.uncertain.baseline), (0, 1));
        track.collected(now, anew.baseline);
        let next = read_at(&mut track, &mut session, &cleaner, now).await.unwrap();
        assert_eq!((next.rows.num_rows(), next.uncertain.baseline), (1, 0));
    }
}

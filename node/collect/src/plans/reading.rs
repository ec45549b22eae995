//! One reading of a stream of plans.

use std::sync::Arc;
use std::time::Duration;

use ringwatch_config::settings::Plans;
use ringwatch_parse::sql::Dialect;
use tokio::time::Instant;

use super::answer::{COUNTED, counted, shape};
use super::candidates::{Candidate, candidates};
use super::change::Sum;
use super::meters::PlanRequest;
use super::proof::{Scrubbed, scrubbed};
use super::reason::Reason;
use super::rows::{PlanRows, Shown, Whose};
use super::state::{Counted, Rules, States, Told, later};
use super::{Budget, KeptPlans, bytes_of, rules};
use crate::delta::Uncertain;
use crate::fault::{Fault, FaultKind};
use crate::plan::PlannedStream;
use crate::reading::{Aids, Kept, Reading, placed};
use crate::session::{Explain, Explained, NoPlan, Question, Session};
use crate::track::Track;

/// No further plan is asked for when a reading took so long: other streams of the database wait for it.
const MOST_TIME: Duration = Duration::from_secs(1);
/// Nor when the plans have so many bytes together.
const MOST_BYTES: usize = 8 * 1024 * 1024;
/// Larger plans are not kept until a change is sure; their own record has them.
const KEPT_PLAN: usize = 32 * 1024;

impl Track {
    /// Reads a stream of plans.
    pub(crate) async fn read_plans<S: Session>(
        &mut self,
        planned: &PlannedStream,
        session: &mut S,
        aids: &Aids<'_>,
    ) -> Result<Reading, Fault> {
        let (Some(settings), Some(memory)) = (planned.plans.clone(), &self.memory.plans) else {
            return Err(shape("it is a stream of plans without settings"));
        };
        let (states, budget) = (memory.states.clone(), Arc::clone(&memory.budget));
        let (sql, args, extension) = self.statement(planned, session).await?;
        let question = Question {
            sql: &sql,
            args: &args,
            columns: &COUNTED,
        };
        let answer = self.ask(planned, session, &question).await?;
        let ran = counted(&answer)?;
        let texts = planned.texts.as_ref().map(|sql| placed(sql, extension.as_ref()));
        let mut round = Round {
            settings: &settings,
            rules: rules(&settings),
            dialect: planned.dialect_of(session.version() / 10_000),
            aids,
            budget: &budget,
            states,
            rows: PlanRows::new(),
            bytes: 0,
        };
        let last = round.states.advance(&ran, aids.tick);
        round.changes(&ran)?;
        let fault = match texts {
            Some(texts) => round.ask(&ran, &last, session, &texts).await?,
            None => None,
        };
        let left = budget.left(aids.tick);
        aids.meters.plans().budget(left.left);
        Ok(Reading {
            rows: round.rows.finish()?,
            uncertain: Uncertain::default(),
            baseline: Some(Kept::Plans(KeptPlans {
                states: round.states,
                left,
            })),
            fault,
        })
    }
}

/// What a reading works on.
struct Round<'a> {
    settings: &'a Plans,
    rules: Rules,
    dialect: Dialect,
    aids: &'a Aids<'a>,
    budget: &'a Budget,
    states: States,
    rows: PlanRows,
    /// Of the plans that were told.
    bytes: usize,
}

impl Round<'_> {
    /// Tells the changes that are sure by now.
    fn changes(&mut self, ran: &[Counted]) -> Result<(), Fault> {
        for counted in ran {
            let Some(plan) = self.states.plan_of(&counted.key) else {
                continue;
            };
            let Some(change) = plan.watch.change(self.rules.least) else {
                continue;
            };
            let told = plan.told.take();
            let query = told.as_ref().and_then(|told| told.query.as_deref());
            let shown = Shown {
                plan: told.as_ref().and_then(|told| told.plan.as_deref()),
                source: told.as_ref().map_or("", |told| &told.source),
                hash: change.hash,
            };
            self.rows.change(Whose::of(counted, query), shown, &change)?;
        }
        Ok(())
    }

    /// Asks for the plans that are due. Gives the fault that ended it, where one did.
    async fn ask<S: Session>(
        &mut self,
        ran: &[Counted],
        last: &[Sum],
        session: &mut S,
        texts: &Arc<str>,
    ) -> Result<Option<Fault>, Fault> {
        let began = Instant::now();
        let due = self
            .states
            .due(ran, last, &self.rules, (self.aids.role, self.aids.tick));
        if due.is_empty() {
            return Ok(None);
        }
        let stops = if !(self.aids.at_ease)() {
            Some(PlanRequest::Deferred)
        } else {
            (self.budget.left(self.aids.tick).left < 1.0).then_some(PlanRequest::Budget)
        };
        if let Some(outcome) = stops {
            self.aids.meters.plans().requests(outcome, due.len());
            return Ok(None);
        }
        let found = match candidates(due, session, texts, self.dialect, self.aids).await {
            Ok(found) => found,
            Err(fault) if fault.kind == FaultKind::NotHeld => return Err(fault),
            Err(fault) => return Ok(Some(fault)),
        };
        for counted in &found.without_text {
            self.failed(counted, None, Reason::Absent)?;
        }
        let many = found.candidates.len();
        for (at, candidate) in found.candidates.into_iter().enumerate() {
            let parameters = match candidate.proof {
                Ok(parameters) => parameters,
                Err(reason) => {
                    self.failed(&candidate.due.counted, candidate.query.as_deref(), reason)?;
                    continue;
                }
            };
            let stops = if began.elapsed() > MOST_TIME || self.bytes > MOST_BYTES || !(self.aids.at_ease)() {
                Some(PlanRequest::Deferred)
            } else if !self.budget.take(self.aids.tick) {
                Some(PlanRequest::Budget)
            } else {
                None
            };
            if let Some(outcome) = stops {
                self.aids.meters.plans().requests(outcome, many - at);
                return Ok(None);
            }
            match self.explain(&candidate, parameters, session).await {
                Ok(()) => {}
                // What was asked before is told; the rest is asked for again.
                Err(fault) if fault.kind == FaultKind::NotHeld => return Ok(None),
                Err(fault) => return Ok(Some(fault)),
            }
        }
        Ok(None)
    }

    /// Asks for one plan, and tells what came of it.
    async fn explain<S: Session>(
        &mut self,
        candidate: &Candidate,
        parameters: usize,
        session: &mut S,
    ) -> Result<(), Fault> {
        let counted = &candidate.due.counted;
        let explain = Explain {
            text: &candidate.text,
            parameters,
            place: candidate.place.as_deref(),
            role: counted.rolname.as_deref(),
        };
        let query = candidate.query.as_deref();
        match session.explain(&explain).await {
            Ok(explained) => self.explained(candidate, explained).await,
            Err(NoPlan::Refused(reason, fault)) => {
                let (statement, reason_name) = (&counted.key, reason.as_str());
                tracing::debug!(%statement, reason = reason_name, error = %fault, "a plan cannot be had");
                self.failed(counted, query, reason)
            }
            Err(NoPlan::Fault(fault)) => {
                // Asking again would end in the same way, at the cost of a connection.
                if fault.kind == FaultKind::Deadline {
                    self.failed(counted, query, Reason::Timeout)?;
                }
                Err(fault)
            }
        }
    }

    /// Tells a plan, if it is new, has changed or was not told for long.
    async fn explained(&mut self, candidate: &Candidate, explained: Explained) -> Result<(), Fault> {
        let bytes = bytes_of(self.settings);
        let source = explained.source;
        let scrub = move || scrubbed(&explained.plan, bytes);
        let scrubbed = tokio::task::spawn_blocking(scrub).await;
        let Scrubbed { plan, hash, .. } = match scrubbed.unwrap_or(Err(Reason::Unreadable)) {
            Ok(scrubbed) => scrubbed,
            Err(reason) => {
                return self.failed(&candidate.due.counted, candidate.query.as_deref(), reason);
            }
        };
        self.aids.meters.plans().requests(PlanRequest::Plan, 1);
        let (due, now) = (&candidate.due, self.aids.tick);
        let counted = &due.counted;
        let before = self.states.plan_of(&counted.key);
        let since = before.map_or(counted.sum, |plan| plan.watch.window.less(plan.watch.confirmed));
        let is_new = self.states.planned(due, hash, &self.rules, now);
        let Some(state) = self.states.plan_of(&counted.key) else {
            return Ok(());
        };
        if state.watch.pending.is_none() {
            state.told = None;
        } else if is_new {
            state.told = Some(Told {
                source: source.into(),
                query: candidate.query.clone(),
                plan: (plan.len() <= KEPT_PLAN).then(|| plan.as_str().into()),
            });
        }
        if is_new || now >= later(state.sent, *self.settings.resend) {
            state.sent = now;
            let shown = Shown {
                plan: Some(&plan),
                source,
                hash,
            };
            self.bytes += plan.len();
            let whose = Whose::of(counted, candidate.query.as_deref());
            self.rows.plan(whose, shown, since)?;
        }
        Ok(())
    }

    /// Tells once that there is no plan.
    fn failed(&mut self, counted: &Counted, query: Option<&str>, reason: Reason) -> Result<(), Fault> {
        let is_news = self
            .states
            .failed(&counted.key, reason, &self.rules, self.aids.tick);
        if reason.is_failure() {
            let meters = self.aids.meters.plans();
            meters.requests(PlanRequest::Failure, 1);
            meters.failures(reason, 1);
        }
        if is_news && reason.is_told() {
            self.rows.failure(Whose::of(counted, query), reason)?;
        }
        Ok(())
    }
}

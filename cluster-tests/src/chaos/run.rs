//! A run: faults by a plan, then calm with a deadline, then the verdict.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::faults::Fault;
use super::oracle::audit;
use super::oracle::database::Seen;
use super::oracle::ticks::Ticks;
use super::plan::{Coverage, Plan, Step};
use super::rig::{Rig, SESSIONS, SESSIONS_AT_REST};
use crate::books::NodeBooks;
use crate::cluster::{AGREE, Agreement};
use crate::wait;

/// Within this time after the last fault the nodes agree.
pub const CONVERGED: Duration = Duration::from_secs(30);
/// How long what has been read may take until it has arrived.
const ARRIVED: Duration = Duration::from_secs(30);
/// Requests that may be on their way when a node is killed: one of metrics, one of logs.
const ON_THE_WAY: u32 = 2;

/// How a run goes.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// For how long faults happen; until each kind has happened at least.
    pub time: Duration,
    /// Whether each step is told on the error output.
    pub aloud: bool,
}

/// What came of it.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What happened.
    pub coverage: Coverage,
    /// From the end of the last fault until all nodes agreed.
    pub converged: Duration,
    /// The receiver's side.
    pub ticks: Ticks,
    /// The database's side, until all was at rest again, and then.
    pub seen: Seen,
    at_rest: Seen,
    /// Calls that were not told, and told twice, where there was a load.
    pub calls: Option<(i64, i64)>,
    /// So many may be not told.
    bearable: i64,
    /// What the cluster says of its ticks; or why it cannot.
    pub audit: Result<Value, String>,
}

impl Run {
    /// Plays a plan on a rig, and looks at what came of it.
    ///
    /// # Errors
    /// A fault cannot be made or healed, or the cluster does not come to rest after one.
    pub async fn play(self, rig: &mut Rig, plan: Plan) -> Result<Verdict> {
        let mut coverage = Coverage::of(&plan);
        let (begun, each_once) = (Instant::now(), plan.each_once());
        let mut healed = begun;
        for (n, Step { rest, fault }) in plan.enumerate() {
            if n >= each_once && begun.elapsed() >= self.time {
                break;
            }
            let before = rig
                .settled()
                .await
                .with_context(|| format!("rest before {fault}"))?;
            sleep(rest).await;
            let fault = hitting(rig, &before, fault)?;
            let owned = before.owned_by(rig.cluster.seat(fault.node).id()).len();
            if self.aloud {
                eprintln!("{:>6} s: {fault}, owner of {owned}", begun.elapsed().as_secs());
            }
            rig.suffer(&fault).await?;
            healed = Instant::now();
            coverage.note(fault.kind, owned > 0 || !fault.kind.is_of_a_node());
        }
        rig.cluster.agree(CONVERGED.max(AGREE)).await?;
        let converged = healed.elapsed();
        rig.settled().await?;
        let seen = rig.database.seen();
        rig.database.forget_most();
        rig.more_ticks(3).await?;
        let at_rest = rig.database.seen();
        let calls = rig.calls_lost_and_doubled().await?;
        let ticks = rig.ticks_after(ARRIVED).await;
        rig.tell_of_missing(&ticks);
        let grpc = rig.cluster.seat(0).ports().grpc;
        let audit = audit::balanced(grpc, rig.minutes(), &ticks);
        Ok(Verdict {
            bearable: bearable(rig, coverage.cuts()),
            coverage,
            converged,
            ticks,
            seen,
            at_rest,
            calls,
            audit: audit.map_err(|fault| format!("{fault:#}")),
        })
    }
}

/// Calls that may be in no delta after so many cuts: nobody knows up to where a node has counted that was cut off and went
/// on, so its successor begins anew, and what lies between the two is told by nobody: two intervals at most.
fn bearable(rig: &Rig, cuts: u32) -> i64 {
    let each = rig.calls_of_an_interval() * 2;
    i64::from(cuts) * each * i64::try_from(rig.targets.len()).unwrap_or(i64::MAX)
}

/// The fault, of the busiest node where the one of the plan owns nothing: it would hit nobody.
fn hitting(rig: &Rig, before: &Agreement, mut fault: Fault) -> Result<Fault> {
    let idle = before.owned_by(rig.cluster.seat(fault.node).id()).is_empty();
    if idle && fault.kind.is_of_a_node() {
        let busiest = rig.cluster.number_of(&before.busiest())?;
        if fault.other == busiest {
            fault.other = fault.node;
        }
        fault.node = busiest;
    }
    Ok(fault)
}

impl Verdict {
    /// Refuses a run that is invalid or in which a promise was broken.
    ///
    /// # Errors
    /// Which, and what was seen.
    pub fn ensure_good(&self) -> Result<()> {
        self.coverage.ensure_all()?;
        ensure!(self.ticks.complete(), "ticks are missing: {:?}", self.ticks);
        // Whoever is cut off cannot know that another node delivers the same.
        let alone = self.coverage.kills() + self.coverage.cuts();
        self.ticks.ensure_single(u64::from(ON_THE_WAY * alone))?;
        ensure!(self.seen.looks > 0, "invalid run: nobody looked at the database");
        for (seen, most) in [(&self.seen, SESSIONS), (&self.at_rest, SESSIONS_AT_REST)] {
            let over = seen.over(most);
            ensure!(over.is_empty(), "more than {most} sessions at once: {over:?}");
        }
        ensure!(
            self.seen.shared.is_empty(),
            "locks with two holders: {:?}",
            self.seen.shared
        );
        ensure!(
            self.converged <= CONVERGED,
            "the nodes agreed only {:?} after the last fault",
            self.converged
        );
        if let Some((lost, doubled)) = self.calls {
            ensure!(
                lost <= self.bearable && doubled == 0,
                "{lost} calls were not told, of which {} are bearable, {doubled} twice",
                self.bearable
            );
        }
        match &self.audit {
            Ok(_) => Ok(()),
            Err(fault) => Err(anyhow::anyhow!("{fault}")),
        }
    }

    /// The figures, for people and programs.
    pub fn figures(&self) -> Value {
        let happened: serde_json::Map<String, Value> = self
            .coverage
            .happened()
            .iter()
            .map(|(kind, count)| (format!("{kind:?}"), json!(count)))
            .collect();
        json!({
            "faults": happened,
            "converged_ms": u64::try_from(self.converged.as_millis()).unwrap_or(u64::MAX),
            "activity_ticks": self.ticks.activity,
            "missing_activity_ticks": self.ticks.missing_count(),
            "missing_metric_ticks": self.ticks.missing_metrics_count(),
            "excused_ticks": self.ticks.excused,
            "two_readings": self.ticks.conflicts,
            "repeated_requests": self.ticks.repeated_requests,
            "repeated_items": self.ticks.repeats,
            "calls_lost": self.calls.map(|(lost, _)| lost),
            "calls_doubled": self.calls.map(|(_, doubled)| doubled),
            "most_sessions": self.seen.most_sessions(),
            "most_sessions_at_rest": self.at_rest.most_sessions(),
            "locks_seen": self.seen.holders.len(),
            "locks_with_two_holders": self.seen.shared.len(),
            "looks_at_database": self.seen.looks,
            "longest_pause_of_looks_ms": u64::try_from(self.seen.longest_pause.as_millis()).unwrap_or(u64::MAX),
            "audit_balances": self.audit.is_ok(),
        })
    }
}

/// The books of every node that runs balance.
///
/// # Errors
/// Those of one do not; the message holds them.
pub async fn balanced_books(rig: &Rig) -> Result<()> {
    wait::until(
        "balanced books of all nodes",
        Duration::from_secs(20),
        async || {
            for n in rig.cluster.awake() {
                let node = rig.cluster.node(n).map_err(|e| e.to_string())?;
                let metrics = node.metrics().await.map_err(|e| format!("{e:#}"))?;
                let books = NodeBooks::of(&metrics).map_err(|e| format!("{e:#}"))?;
                wait::when(books.balanced() && books.lost() == 0, || {
                    format!("node-{n}: {books:?}")
                })?;
            }
            Ok(())
        },
    )
    .await
}

//! No gap: what it takes to lose a tick, or to read one twice.

pub(crate) mod calm;
pub(crate) mod chaos;
pub(crate) mod cost;
pub(crate) mod freeze;
pub(crate) mod joins;
pub(crate) mod kill;
pub(crate) mod links;
pub(crate) mod machine;
mod moves;
mod report;

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use ringwatch_cluster_tests::chaos::oracle::audit;
use ringwatch_cluster_tests::chaos::{Rig, Wanted};
use ringwatch_cluster_tests::node::Every;
use tempfile::TempDir;

pub(crate) use moves::Moves;
pub(crate) use report::Report;

/// Targets.
pub(crate) const NAMES: usize = 40;

/// What is said on the command line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Options {
    /// How often.
    pub(crate) rounds: Option<usize>,
    /// For how long.
    pub(crate) minutes: Option<u64>,
    /// What is left to chance follows from it.
    pub(crate) seed: u64,
    /// Whether the figures are printed as JSON.
    pub(crate) json: bool,
}

impl Options {
    pub(crate) fn minutes(self, usual: u64) -> Duration {
        Duration::from_secs(60 * self.minutes.unwrap_or(usual))
    }
}

/// So many nodes, forty targets with activity each second and the rest each ten.
pub(crate) fn wanted(nodes: usize) -> Wanted {
    Wanted {
        every: Every {
            collection: "10s",
            statements: "10s",
            activity: "1s",
        },
        ..Wanted::new(nodes, NAMES)
    }
}

/// Starts a rig in a folder of its own.
pub(crate) async fn start(wanted: &Wanted) -> Result<(Rig, TempDir)> {
    let folder = tempfile::Builder::new().prefix("ringwatch-measure-").tempdir()?;
    eprintln!("starting {} nodes and {} targets", wanted.nodes, wanted.names);
    let rig = Rig::start(wanted, folder.path()).await?;
    Ok((rig, folder))
}

/// What was missing, what came twice, and whether the books balance, once all that is on its way has come. The rig ends.
pub(crate) async fn close(mut rig: Rig, folder: TempDir, report: &mut Report) -> Result<()> {
    eprintln!("waiting for what is on its way");
    rig.settled().await?;
    rig.more_ticks(12).await?;
    let calls = rig.calls_lost_and_doubled().await?;
    let ticks = rig.ticks_after(Duration::from_secs(60)).await;
    report.set("activity_ticks", ticks.activity);
    report.set("missing_activity_ticks", ticks.missing_count());
    report.set("missing_metric_ticks", ticks.missing_metrics_count());
    report.set("two_readings", ticks.conflicts);
    report.set("repeated_requests", ticks.repeated_requests);
    report.set("repeated_items", ticks.repeats);
    if let Some((lost, doubled)) = calls {
        report.set("calls_lost", lost);
        report.set("calls_doubled", doubled);
    }
    for (target, missing) in ticks.missing.iter().take(5) {
        eprintln!("missing of {target}: {missing:?}");
    }
    for words in ticks.contradictions.iter().take(3) {
        eprintln!("two readings: {words}");
    }
    let seen = rig.database.seen();
    report.set("most_sessions_at_a_target", seen.most_sessions());
    report.set("locks_seen", seen.holders.len());
    report.set("locks_with_two_holders", seen.shared.len());
    let account = audit::balanced(rig.cluster.seat(0).ports().grpc, rig.minutes());
    report.set("audit_balances", account.is_ok());
    if let Err(fault) = account {
        eprintln!("{fault:#}");
    }
    if std::env::var_os("RINGWATCH_KEEP").is_some() {
        let kept = folder.keep();
        eprintln!("the logs stay in {}", kept.display());
    }
    drop(rig);
    Ok(())
}

/// What the nodes say of the targets of which more ticks are missing than `known`: in a later life they do not know it.
/// Gives how many are missing.
pub(crate) fn ask_about_missing(rig: &Rig, known: usize) -> Result<usize> {
    let ticks = rig.ticks();
    let missing = ticks.missing_count();
    if missing <= known {
        return Ok(known);
    }
    rig.tell_of_missing(&ticks)?;
    Ok(missing)
}

/// The queries of each target in its busiest second, the most of all of them.
pub(crate) fn busiest_second(rig: &Rig, log: &Path) -> Result<usize> {
    let text = String::from_utf8_lossy(&std::fs::read(log)?).into_owned();
    let busiest = rig.database.seen().busiest_second(&text);
    Ok(busiest.into_values().max().unwrap_or(0))
}

/// Ticks of all nodes that are awake with this outcome.
pub(crate) async fn outcome(rig: &Rig, outcome: &str) -> Result<u64> {
    let all = rig.cluster.metrics().await?;
    let of = [("outcome", outcome)];
    Ok(all.iter().map(|m| m.count("ringwatch_ticks_total", &of)).sum())
}

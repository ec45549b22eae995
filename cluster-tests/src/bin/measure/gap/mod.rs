//! No gap: what it takes to lose a tick, or to read one twice.

pub(crate) mod calm;
pub(crate) mod chaos;
pub(crate) mod cost;
pub(crate) mod freeze;
mod handoffs;
pub(crate) mod joins;
pub(crate) mod kill;
pub(crate) mod links;
pub(crate) mod machine;
mod moves;
pub(crate) mod reach;
mod report;

use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use ringwatch_cluster_tests::chaos::oracle::{audit, covers, owners};
use ringwatch_cluster_tests::chaos::rig::{SESSIONS, SESSIONS_AT_REST};
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

/// What may have happened that counts for the verdict.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Bearable {
    /// Requests that were on their way at a kill or a freeze, or from a node that was cut off and could not know that
    /// another one delivers the same: so many may have come twice, byte for byte.
    pub(crate) requests: usize,
    /// Calls that are in no delta, because a node went on that was cut off.
    pub(crate) calls: i64,
}

/// What was missing, what came twice, and whether the books balance, once all that is on its way has come. Prints the
/// report; the rig ends.
///
/// # Errors
/// The rig does not come to rest, or a promise was not kept.
pub(crate) async fn close(
    mut rig: Rig,
    folder: TempDir,
    mut report: Report,
    bearable: Bearable,
    json: bool,
) -> Result<()> {
    eprintln!("waiting for what is on its way");
    rig.settled().await?;
    let moving = rig.database.seen();
    rig.database.forget_most();
    rig.more_ticks(12).await?;
    let at_rest = rig.database.seen();
    let calls = rig.calls_lost_and_doubled().await?;
    let ticks = rig.ticks_after(Duration::from_secs(60)).await;
    report.set("activity_ticks", ticks.activity);
    report.set_at_most("missing_activity_ticks", ticks.missing_count(), 0.0);
    report.set_at_most("missing_metric_ticks", ticks.missing_metrics_count(), 0.0);
    report.set_at_most("two_readings", ticks.conflicts, 0.0);
    #[expect(clippy::cast_precision_loss, reason = "a few hundred")]
    let requests = bearable.requests as f64;
    report.set_at_most("repeated_requests", ticks.repeated_requests, requests);
    report.set("repeated_items", ticks.repeats);
    if let Some((lost, doubled)) = calls {
        #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
        report.set_at_most("calls_lost", lost, bearable.calls as f64);
        report.set_at_most("calls_doubled", doubled, 0.0);
    }
    rig.tell_of_missing(&ticks);
    for words in ticks.contradictions.iter().take(3) {
        eprintln!("two readings: {words}");
    }
    #[expect(clippy::cast_precision_loss, reason = "a handful")]
    for (name, seen, most) in [
        ("most_sessions_at_a_target", &moving, SESSIONS as f64),
        (
            "most_sessions_at_a_target_at_rest",
            &at_rest,
            SESSIONS_AT_REST as f64,
        ),
    ] {
        report.set_at_most(name, seen.most_sessions(), most);
        let busiest = seen.most.values().max_by_key(|names| names.len());
        eprintln!("{name}: {busiest:?}");
    }
    report.set("locks_seen", at_rest.holders.len());
    report.set_at_most("locks_with_two_holders", at_rest.shared.len(), 0.0);
    let log = log_of(&folder)?;
    let seen = rig.database.seen();
    let covers = rig.sink.look(|ledger| covers::of(&log, &seen, ledger));
    let (read, came): (Vec<_>, Vec<_>) = covers.iter().map(|cover| (cover.read, cover.came)).unzip();
    report.times("covered_activity_read_after_tick", &read);
    report.times("covered_activity_came_after_tick", &came);
    let at_once = owners::at_once(&log);
    for words in at_once.iter().take(3) {
        eprintln!("two owners: {words}");
    }
    report.set_at_most("readings_of_two_owners_at_once", at_once.len(), 0.0);
    let grpc = rig.cluster.seat(0).ports().grpc;
    let account = audit::balanced(grpc, rig.minutes(), &ticks);
    report.set("audit_balances", account.is_ok());
    if let Err(fault) = &account {
        report.expect(&format!("{fault:#}"), false);
    }
    let verdict = report.close(json);
    if verdict.is_err() || std::env::var_os("RINGWATCH_KEEP").is_some() {
        let kept = folder.keep();
        eprintln!("the logs stay in {}", kept.display());
    }
    drop(rig);
    verdict
}

/// What the database server wrote down, where it did.
fn log_of(folder: &TempDir) -> Result<String> {
    let log = std::fs::read(folder.path().join("postgres.log"))?;
    Ok(String::from_utf8_lossy(&log).into_owned())
}

/// What the nodes say of the targets of which more ticks are missing than `known`: in a later life they do not know it.
/// Gives how many are missing.
pub(crate) fn ask_about_missing(rig: &Rig, known: usize) -> usize {
    let ticks = rig.ticks();
    let missing = ticks.missing_count();
    if missing > known {
        rig.tell_of_missing(&ticks);
    }
    missing.max(known)
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

//! Who is watched: the node's components on their way into its health.

use std::sync::Arc;
use std::time::Duration;

use ringwatch_collect::{Collector, ReaderPlan, Targets};
use ringwatch_frame::{Clock, Tick};
use ringwatch_state::StateHandle;
use serde_json::json;
use tokio::sync::watch;

use super::activity::Activity;
use super::member::Membership;
use crate::health::{Condition, Figures, Health, Monitor, Status, Track};
use crate::telemetry::rfc3339;

/// Components as they are added, and whose figures are looked at from time to time.
pub(super) struct Watching {
    health: Health,
    clock: Clock,
    tracks: Vec<Arc<Track>>,
}

impl Watching {
    /// None yet.
    pub(super) fn new(health: &Health, clock: &Clock) -> Self {
        Self {
            health: health.clone(),
            clock: clock.clone(),
            tracks: Vec::new(),
        }
    }

    /// Looks at these figures from time to time.
    pub(super) fn track(&mut self, read: impl Fn() -> Figures + Send + Sync + 'static) -> Arc<Track> {
        let track = Track::new(&self.clock, read);
        self.tracks.push(Arc::clone(&track));
        track
    }

    /// Adds a component; `probe` is asked at every request and must answer at once.
    pub(super) fn watch(
        &self,
        name: impl Into<String>,
        probe: impl Fn() -> Condition + Send + Sync + 'static,
    ) {
        self.health.watch(name, probe);
    }

    /// Begins to look.
    pub(super) fn start(self) -> Monitor {
        Monitor::start(self.tracks)
    }
}

/// Peers that are gone are no fault of the node; that it is no member is.
pub(super) fn watch_membership(health: &Watching, membership: &Membership) {
    let membership = membership.clone();
    health.watch("cluster", move || membership.condition());
}

/// Without a quorum the node goes on with what it has, and says so; without a group there is nothing yet.
pub(super) fn watch_group(health: &Watching, handle: &StateHandle) {
    let handle = handle.clone();
    let standing = handle.standing();
    health.watch("group", move || {
        let standing = standing.borrow().clone();
        let (digest, records, bytes, time) =
            handle.read(|machine| (machine.digest(), machine.count(), machine.bytes(), machine.time()));
        let condition = Condition::well(json!({
            "role": standing.role.name(),
            "leader": standing.leader,
            "term": standing.term,
            "quorum": standing.quorum,
            "voters": standing.voters,
            "learners": standing.learners,
            "missing": standing.missing,
            "commit": standing.commit,
            "applied": standing.applied,
            "records": records,
            "bytes": bytes,
            "digest": format!("{digest:016x}"),
            "last_change": (time > 0).then(|| rfc3339(Tick::from_unix_nanos(time))),
        }));
        if let Some(failed) = standing.failed {
            condition.because(Status::Degraded, failed)
        } else if !standing.founded {
            let waiting = standing
                .waiting
                .unwrap_or_else(|| "the group has not begun".to_owned());
            condition.waiting(Some(waiting))
        } else if !standing.quorum {
            condition.because(Status::Degraded, no_quorum(&standing.missing))
        } else {
            condition
        }
    });
}

fn no_quorum(missing: &[String]) -> String {
    let what = "the group has no quorum: what is remembered stays in force, and nothing is changed";
    if missing.is_empty() {
        what.to_owned()
    } else {
        format!("{what}; missing voters: {}", missing.join(", "))
    }
}

/// A target that is down is no fault of the node: it is shown, not judged.
pub(super) fn watch_collector(health: &Watching, collector: &Arc<Collector>) {
    let collector = Arc::downgrade(collector);
    health.watch("collector", move || {
        let status = collector.upgrade().map(|collector| collector.status());
        let targets = status.as_ref().map(Vec::len);
        let down = status
            .as_ref()
            .map(|all| all.iter().filter(|target| !target.up).count());
        let condition = Condition::well(json!({ "targets": targets, "targets_down": down }));
        if status.is_some() {
            condition
        } else {
            condition.because(Status::Unhealthy, "the collector has ended")
        }
    });
}

/// A receiver is stuck when the ticks of targets that this node reads do not come; a database that does not
/// answer makes it do worse, and no more.
pub(super) fn watch_receivers(
    health: &mut Watching,
    plans: &[ReaderPlan],
    activity: &Arc<Activity>,
    read: &watch::Receiver<Targets>,
) {
    for plan in plans {
        let name = plan.source().to_string();
        let due = longest(plan).map(|interval| interval * 2);
        let (source, counts, list) = (name.clone(), Arc::clone(activity), read.clone());
        let track = health.track(move || {
            let reads = list.borrow().iter().any(|target| {
                let mut readers = target.readers.iter();
                readers.any(|reader| *reader.source == *source)
            });
            counts.figures(&source, due.filter(|_| reads))
        });
        let (source, counts) = (name.clone(), Arc::clone(activity));
        health.watch(format!("receivers/{name}"), move || {
            let (readings, failures) = counts.readings(&source);
            track.condition(json!({ "readings": readings, "failures": failures }))
        });
    }
}

/// The longest interval of what a receiver reads.
fn longest(plan: &ReaderPlan) -> Option<Duration> {
    match plan {
        ReaderPlan::Engine(plan) => plan.streams().iter().map(|planned| planned.interval).max(),
        ReaderPlan::Sql(plan) => plan.queries().iter().map(|query| query.interval()).max(),
    }
}

/// What is shared with probes alone: a request about the node's health may hold it for a moment.
pub(super) async fn sole<T>(mut shared: Arc<T>) -> T {
    loop {
        match Arc::try_unwrap(shared) {
            Ok(sole) => return sole,
            Err(held) => shared = held,
        }
        tokio::task::yield_now().await;
    }
}

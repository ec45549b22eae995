//! What a node's part of the group shows of itself.

use std::time::Duration;

use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};
use ringwatch_proto::v1;

use super::directory::Role;
use super::standing::Standing;
use crate::machine::Machine;

/// What became of a proposal. The names are values of the label `outcome`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    NoQuorum,
    NotFounded,
    Refused,
    Unknown,
    Failed,
}

impl Outcome {
    fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::NoQuorum => "no_quorum",
            Self::NotFounded => "not_founded",
            Self::Refused => "refused",
            Self::Unknown => "unknown",
            Self::Failed => "failed",
        }
    }
}

/// The metrics. Clones count together.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    term: IntGauge,
    commit: IntGauge,
    lag: IntGauge,
    leader: IntGauge,
    voters: IntGauge,
    learners: IntGauge,
    quorum: IntGauge,
    terms: IntCounter,
    proposals: IntCounterVec,
    commits: Histogram,
    pub(crate) snapshot_bytes: IntGauge,
    records: IntGaugeVec,
    bytes: IntGaugeVec,
    refused: IntCounterVec,
    pub(crate) waiting: IntGauge,
    ahead: IntGauge,
    pub(crate) mismatches: IntCounter,
}

/// Makes metrics and registers them.
struct Maker<'a>(&'a Registry);

impl Maker<'_> {
    fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
        let gauge = IntGauge::new(name, help)?;
        self.0.register(Box::new(gauge.clone()))?;
        Ok(gauge)
    }

    fn counter(&self, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
        let counter = IntCounter::new(name, help)?;
        self.0.register(Box::new(counter.clone()))?;
        Ok(counter)
    }

    fn counters(&self, name: &str, help: &str, label: &str) -> Result<IntCounterVec, prometheus::Error> {
        let counters = IntCounterVec::new(Opts::new(name, help), &[label])?;
        self.0.register(Box::new(counters.clone()))?;
        Ok(counters)
    }

    fn tables(&self, name: &str, help: &str) -> Result<IntGaugeVec, prometheus::Error> {
        let gauges = IntGaugeVec::new(Opts::new(name, help), &["table"])?;
        self.0.register(Box::new(gauges.clone()))?;
        Ok(gauges)
    }

    fn commits(&self) -> Result<Histogram, prometheus::Error> {
        let help = "Time from the leader's acceptance of a proposal until it was applied there";
        let buckets = prometheus::exponential_buckets(0.0005, 2.0, 14)?;
        let options = HistogramOpts::new("ringwatch_raft_commit_seconds", help).buckets(buckets);
        let commits = Histogram::with_opts(options)?;
        self.0.register(Box::new(commits.clone()))?;
        Ok(commits)
    }
}

impl Metrics {
    /// Makes and registers them.
    pub(crate) fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let new = Maker(registry);
        let snapshot = "Size of the last snapshot received";
        let mismatches = "How often the state of this node was not that of the others";
        let ahead = "How far the time of the last entry is ahead of this node's clock";
        let leads = "1 while this node leads with a majority behind it";
        let proposals = "Proposals of this node, by what became of them";
        let metrics = Self {
            term: new.gauge("ringwatch_raft_term", "Term of the group")?,
            commit: new.gauge("ringwatch_raft_commit_index", "Last index known to be committed")?,
            lag: new.gauge(
                "ringwatch_raft_apply_lag",
                "Entries of the log not applied here yet",
            )?,
            leader: new.gauge("ringwatch_raft_leader", leads)?,
            voters: new.gauge("ringwatch_raft_voters", "Voters of the group")?,
            learners: new.gauge("ringwatch_raft_learners", "Learners of the group")?,
            quorum: new.gauge(
                "ringwatch_state_quorum",
                "1 while a leader with a majority is seen",
            )?,
            terms: new.counter(
                "ringwatch_raft_elections_total",
                "Terms that this node has seen begin",
            )?,
            proposals: new.counters("ringwatch_raft_proposals_total", proposals, "outcome")?,
            commits: new.commits()?,
            snapshot_bytes: new.gauge("ringwatch_raft_snapshot_bytes", snapshot)?,
            records: new.tables("ringwatch_state_records", "Records of the state")?,
            bytes: new.tables("ringwatch_state_bytes", "Size of the state's records")?,
            refused: new.counters("ringwatch_state_refused_total", "Commands refused", "reason")?,
            waiting: new.gauge("ringwatch_state_waiting", "Changes that wait to be proposed")?,
            ahead: new.gauge("ringwatch_state_time_ahead_seconds", ahead)?,
            mismatches: new.counter("ringwatch_state_digest_mismatches_total", mismatches)?,
        };
        use Outcome::{Done, Failed, NoQuorum, NotFounded, Refused, Unknown};
        for outcome in [Done, NoQuorum, NotFounded, Refused, Unknown, Failed] {
            metrics.proposals.with_label_values(&[outcome.name()]);
        }
        Ok(metrics)
    }

    pub(crate) fn proposal(&self, outcome: Outcome) {
        self.proposals.with_label_values(&[outcome.name()]).inc();
    }

    pub(crate) fn committed(&self, took: Duration) {
        self.commits.observe(took.as_secs_f64());
    }

    /// Counts a command that was refused, or dropped for `why`.
    pub(crate) fn refused(&self, why: &str) {
        self.refused.with_label_values(&[why]).inc();
    }

    /// Counts what an entry's answers refuse.
    pub(crate) fn answers(&self, answers: &[v1::StateAnswer]) {
        let refused = answers
            .iter()
            .filter(|answer| answer.outcome() == v1::StateOutcome::Refused);
        refused.for_each(|answer| self.refused(refusal(answer.refusal())));
    }

    /// Shows how the group stands.
    pub(crate) fn show(&self, standing: &Standing) {
        let set = |gauge: &IntGauge, value: u64| gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        let before = u64::try_from(self.term.get()).unwrap_or(0);
        if before > 0 {
            self.terms.inc_by(standing.term.saturating_sub(before));
        }
        set(&self.term, standing.term);
        set(&self.commit, standing.commit);
        set(&self.lag, standing.last_log.saturating_sub(standing.applied));
        set(&self.leader, u64::from(standing.leads));
        set(&self.voters, standing.voters.len() as u64);
        set(&self.learners, standing.learners.len() as u64);
        set(
            &self.quorum,
            u64::from(standing.quorum && standing.role != Role::None),
        );
    }

    /// Shows the sizes of the state, and how its time stands to the clock's `now`.
    pub(crate) fn show_state(&self, machine: &Machine, now: i64) {
        self.ahead
            .set(machine.time().saturating_sub(now).max(0) / 1_000_000_000);
        for (table, sizes) in machine.sizes() {
            let set = |gauges: &IntGaugeVec, value: u64| {
                gauges
                    .with_label_values(&[table])
                    .set(i64::try_from(value).unwrap_or(i64::MAX));
            };
            set(&self.records, sizes.records);
            set(&self.bytes, sizes.bytes);
        }
    }
}

/// The name of a refusal, a value of the label `reason`.
pub(crate) fn refusal(refusal: v1::StateRefusal) -> &'static str {
    match refusal {
        v1::StateRefusal::Unspecified => "unspecified",
        v1::StateRefusal::OldView => "old_view",
        v1::StateRefusal::Stale => "stale",
        v1::StateRefusal::Limit => "limit",
        v1::StateRefusal::Invalid => "invalid",
        v1::StateRefusal::Version => "version",
        v1::StateRefusal::Absent => "absent",
    }
}

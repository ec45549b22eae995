//! The node's own metrics about members, views and ownership.

use std::time::Duration;

use prometheus::{
    Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
};

use super::knowledge::Knowledge;
use crate::member::State;

/// How a target came here, or went away. The names are values of the label `kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// Nobody owned it.
    Claim,
    /// Its owner died and this node stood by.
    TakeOver,
    /// It was handed to this node.
    In,
    /// It was handed to another.
    Out,
    /// It was to be handed to another, and stayed.
    Abandoned,
    /// It was stopped without a successor of ours: not configured any more, owned by another, or let go.
    Stopped,
}

impl Move {
    fn name(self) -> &'static str {
        match self {
            Self::Claim => "claim",
            Self::TakeOver => "takeover",
            Self::In => "in",
            Self::Out => "out",
            Self::Abandoned => "abandoned",
            Self::Stopped => "stopped",
        }
    }
}

/// What was asked under an old epoch. The names are values of the label `what`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    Prepare,
    Commit,
    Recall,
    Replicate,
}

impl Asked {
    fn name(self) -> &'static str {
        match self {
            Self::Prepare => "prepare",
            Self::Commit => "commit",
            Self::Recall => "recall",
            Self::Replicate => "replicate",
        }
    }
}

const MOVES: [Move; 6] = [
    Move::Claim,
    Move::TakeOver,
    Move::In,
    Move::Out,
    Move::Abandoned,
    Move::Stopped,
];

/// The states with the names that the metric gives them.
const STATES: [(State, &str); 5] = [
    (State::Joining, "joining"),
    (State::Ready, "ready"),
    (State::Draining, "draining"),
    (State::Suspect, "suspect"),
    (State::Dead, "dead"),
];

/// The metrics.
#[derive(Clone)]
pub(crate) struct Metrics {
    members: IntGaugeVec,
    view: IntGauge,
    owned: IntGauge,
    standby: IntGauge,
    covers: IntGauge,
    moves: IntCounterVec,
    quorum: IntGauge,
    pauses: IntCounter,
    seconds: Histogram,
    refused_epochs: IntCounterVec,
    pins: IntGauge,
}

impl Metrics {
    pub(crate) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let help = "Time from the start of a handoff to its end at the old owner";
        let buckets = vec![0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
        let metrics = Self {
            members: IntGaugeVec::new(
                Opts::new(
                    "ringwatch_members",
                    "Members of the cluster as this node sees them",
                ),
                &["state"],
            )?,
            view: IntGauge::new("ringwatch_view", "Number of the present view; 0: none")?,
            owned: IntGauge::new("ringwatch_owned_targets", "Targets that this node collects")?,
            standby: IntGauge::new(
                "ringwatch_standby_targets",
                "Targets that this node stands by for",
            )?,
            covers: IntGauge::new(
                "ringwatch_standby_ready_targets",
                "Targets that this node stands by for and knows all of, so that it can read them now",
            )?,
            moves: IntCounterVec::new(
                Opts::new(
                    "ringwatch_handoffs_total",
                    "Targets that came to this node, or left it",
                ),
                &["kind"],
            )?,
            quorum: IntGauge::new("ringwatch_cluster_quorum", "1 while this node sees a majority")?,
            pauses: IntCounter::new("ringwatch_pauses_total", "How often this process was stopped")?,
            seconds: Histogram::with_opts(
                HistogramOpts::new("ringwatch_handoff_seconds", help).buckets(buckets),
            )?,
            refused_epochs: IntCounterVec::new(
                Opts::new(
                    "ringwatch_refused_epochs_total",
                    "What other nodes asked under an older view than ours, and were refused",
                ),
                &["what"],
            )?,
            pins: IntGauge::new(
                "ringwatch_pins",
                "Targets that the present view keeps where the ring has them not",
            )?,
        };
        for what in [Asked::Prepare, Asked::Commit, Asked::Recall, Asked::Replicate] {
            metrics.refused_epochs.with_label_values(&[what.name()]).inc_by(0);
        }
        for kind in MOVES {
            metrics.moves.with_label_values(&[kind.name()]).inc_by(0);
        }
        let gauges = [
            &metrics.view,
            &metrics.owned,
            &metrics.standby,
            &metrics.covers,
            &metrics.quorum,
            &metrics.pins,
        ];
        for gauge in gauges {
            registry.register(Box::new(gauge.clone()))?;
        }
        registry.register(Box::new(metrics.members.clone()))?;
        registry.register(Box::new(metrics.moves.clone()))?;
        registry.register(Box::new(metrics.pauses.clone()))?;
        registry.register(Box::new(metrics.seconds.clone()))?;
        registry.register(Box::new(metrics.refused_epochs.clone()))?;
        Ok(metrics)
    }

    /// Counts a target that moved.
    pub(crate) fn moved(&self, kind: Move) {
        self.moves.with_label_values(&[kind.name()]).inc();
    }

    /// Counts what was asked under an old epoch.
    pub(crate) fn refused_epoch(&self, what: Asked) {
        self.refused_epochs.with_label_values(&[what.name()]).inc();
    }

    /// A handoff from this node has ended well.
    pub(crate) fn handed_over(&self, took: Duration) {
        self.moved(Move::Out);
        self.seconds.observe(took.as_secs_f64());
    }

    /// This node could read so many targets of others now.
    pub(crate) fn stands_ready(&self, targets: usize) {
        self.covers.set(gauge(targets));
    }

    /// Shows what is known now.
    pub(crate) fn show(&self, knowledge: &Knowledge, owned: usize, standby: usize, pauses: u64) {
        for (state, name) in STATES {
            let count = knowledge
                .members
                .iter()
                .filter(|member| member.state == state)
                .count();
            self.members.with_label_values(&[name]).set(gauge(count));
        }
        self.view.set(i64::try_from(knowledge.view).unwrap_or(i64::MAX));
        self.pins.set(gauge(knowledge.pins.len()));
        self.owned.set(gauge(owned));
        self.standby.set(gauge(standby));
        self.quorum.set(knowledge.quorum.into());
        self.pauses.inc_by(pauses.saturating_sub(self.pauses.get()));
    }
}

fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

//! The books over the life of a cluster: of every node that runs, stopped or was killed.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::{Cluster, End};
use crate::books::NodeBooks;
use crate::sink::Sink;
use crate::wait;

/// The books of all nodes, and what the receiver holds.
#[derive(Clone, Debug, Default)]
pub struct LifeBooks {
    /// Of the nodes that run, by name.
    pub running: Vec<(String, NodeBooks)>,
    /// Rows collected, by all nodes that ever were.
    pub collected: u64,
    /// Rows delivered, likewise.
    pub delivered: u64,
    /// Rows dropped, likewise, but for those of ticks that another node had read too.
    pub dropped: u64,
    /// Rows in flight in nodes that were killed, as seen a moment before. What their standbys delivered is among the
    /// delivered too.
    pub lost_with_killed: i64,
    /// Ticks of the nodes that run, by outcome.
    pub outcomes: BTreeMap<String, u64>,
}

impl LifeBooks {
    /// Looks at all nodes. Frozen ones are left out.
    ///
    /// # Errors
    /// One does not tell its books.
    pub async fn of(cluster: &Cluster) -> Result<Self> {
        let mut all = Self::default();
        for n in cluster.awake() {
            let metrics = cluster.node(n)?.metrics().await?;
            let books = NodeBooks::of(&metrics)?;
            all.collected += books.collected;
            all.delivered += books.delivered;
            all.dropped += books.lost();
            for (outcome, ticks) in metrics.by_label("ringwatch_ticks_total", "outcome") {
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "a counter"
                )]
                let ticks = ticks as u64;
                *all.outcomes.entry(outcome).or_default() += ticks;
            }
            all.running.push((cluster.seat(n).id().to_owned(), books));
        }
        for end in cluster.seats().iter().flat_map(|seat| seat.ends()) {
            match end {
                End::Stopped(books) => {
                    all.collected += books.collected;
                    all.delivered += books.delivered;
                    all.dropped += books.lost();
                }
                End::Killed(books) => {
                    all.collected += books.collected;
                    all.delivered += books.delivered;
                    all.dropped += books.lost();
                    all.lost_with_killed += books.in_flight;
                }
            }
        }
        all.outcomes.retain(|_, ticks| *ticks > 0);
        Ok(all)
    }

    /// Ticks that a running node counted as missed.
    pub fn missed(&self) -> u64 {
        let missed = self.outcomes.iter().filter(|(o, _)| !ended_well(o));
        missed.map(|(_, ticks)| ticks).sum()
    }
}

/// Whether a tick with this outcome is not missing: it was read, or it was another member's.
pub fn ended_well(outcome: &str) -> bool {
    ["collected", "covered", "fenced", "not_owned", "superseded"].contains(&outcome)
}

/// The verdict over a cluster's life: at a moment of rest the books of every running node balance, none has dropped
/// anything, and the receiver holds all that the nodes say they sent, and, where no node has ended, nothing else.
/// A request that two nodes sent because a dead one's frames are delivered by its standby too counts for both.
///
/// # Errors
/// No such moment comes within 20 seconds; the message holds the books as they were last.
pub async fn verdict(cluster: &Cluster, sink: &Sink) -> Result<LifeBooks> {
    let ended = cluster.seats().iter().any(|seat| !seat.ends().is_empty());
    let books = wait::until(
        "balanced books of all nodes",
        Duration::from_secs(20),
        async || {
            let before = received(sink);
            let books = LifeBooks::of(cluster).await.map_err(|e| format!("{e:#}"))?;
            let sent = books.running.iter().fold((0, 0), |(points, records), (_, b)| {
                (points + b.sent_points, records + b.sent_records)
            });
            let enough = before.all_of(sent) && (ended || before.each_at_most(sent));
            let balanced = books.running.iter().all(|(_, b)| b.balanced());
            wait::when(enough && balanced && before == received(sink), || {
                format!("received {before:?}, sent {sent:?}, {books:?}")
            })?;
            Ok(books)
        },
    )
    .await?;
    ensure!(books.dropped == 0, "rows were dropped: {books:?}");
    Ok(books)
}

/// Points and records that the receiver holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Received {
    /// All that came.
    all: (u64, u64),
    /// Each once.
    once: (u64, u64),
}

impl Received {
    fn all_of(self, sent: (u64, u64)) -> bool {
        self.all.0 >= sent.0 && self.all.1 >= sent.1
    }

    fn each_at_most(self, sent: (u64, u64)) -> bool {
        self.once.0 <= sent.0 && self.once.1 <= sent.1
    }
}

fn received(sink: &Sink) -> Received {
    sink.look(|ledger| {
        let double_points: u64 = ledger.series.values().map(|s| s.doubles).sum();
        Received {
            all: (ledger.points, ledger.records),
            once: (
                ledger.points - double_points,
                ledger.records - ledger.double_records,
            ),
        }
    })
}

//! What a rig waits for: that its nodes agree, that ticks come, that all ends in order.

use std::time::Duration;

use anyhow::{Result, ensure};
use tokio::time::{Instant, sleep};

use super::oracle::audit;
use super::oracle::ticks::{Excuse, Ticks};
use super::rig::{Rig, SOON};
use crate::cluster::ticks::{ACTIVITY, SECOND};
use crate::cluster::{AGREE, Agreement, client};
use crate::postgres::questions;
use crate::sink::Ledger;
use crate::wait;

/// Targets of which none has moved for so long stay where they are.
pub const REST: Duration = Duration::from_secs(8);

impl Rig {
    /// From now on no target moves for the load alone.
    ///
    /// # Errors
    /// The nodes refuse.
    pub async fn keep_to_the_ring(&self) -> Result<()> {
        let grpc = self.cluster.seat(0).ports().grpc;
        wait::until("an order that is carried out", SOON, async || {
            let said = client(grpc, &["flags", "set", "rebalance", "off"]).map_err(|e| format!("{e:#}"))?;
            wait::when(said.status.success(), || {
                String::from_utf8_lossy(&said.stderr).into_owned()
            })
        })
        .await
    }

    /// Waits until all nodes that are awake agree, nothing moves, and every target has been read twice more: standbys are
    /// ready again. Targets that have moved often lately may stay away from the ring's place.
    ///
    /// # Errors
    /// They do not, or one is not read.
    pub async fn settled(&self) -> Result<Agreement> {
        let agreement = self.cluster.agree_at_rest(REST, AGREE * 2).await?;
        self.more_ticks(2).await?;
        Ok(agreement)
    }

    /// Waits until each target has `count` more ticks of activity than now.
    ///
    /// # Errors
    /// One has not; the message says how many each has.
    pub async fn more_ticks(&self, count: usize) -> Result<()> {
        let have = || -> Vec<usize> {
            let of = |ledger: &Ledger, target: &String| {
                let key = (target.clone(), ACTIVITY.to_owned());
                ledger
                    .event_times
                    .get(&key)
                    .map_or(0, std::collections::BTreeSet::len)
            };
            self.sink
                .look(|ledger| self.targets.iter().map(|target| of(ledger, target)).collect())
        };
        let wanted: Vec<usize> = have().iter().map(|n| n + count).collect();
        let limit = SOON + Duration::from_secs(count as u64);
        wait::until(
            &format!("{count} more ticks of every target"),
            limit,
            async || {
                let have = have();
                let there = have.iter().zip(&wanted).all(|(have, wanted)| have >= wanted);
                wait::when(there, || format!("{have:?} of {wanted:?}"))
            },
        )
        .await
    }

    /// What the receiver's books say.
    pub fn ticks(&self) -> Ticks {
        self.sink
            .look(|ledger| Ticks::of(ledger, &self.targets, &self.excuses))
    }

    /// The same once no tick is missing, or after `limit`: by then what has not come will not.
    pub async fn ticks_after(&self, limit: Duration) -> Ticks {
        let end = Instant::now() + limit;
        loop {
            let ticks = self.ticks();
            if ticks.complete() || Instant::now() >= end {
                return ticks;
            }
            sleep(Duration::from_millis(500)).await;
        }
    }

    /// Prints what the cluster says of the targets of which ticks are missing, as far as it says anything.
    pub fn tell_of_missing(&self, ticks: &Ticks) {
        let activity = ticks
            .missing
            .iter()
            .map(|(target, at)| (target, format!("{at:?}")));
        let metrics = ticks.missing_metrics.iter();
        let metrics = metrics.map(|(target, at)| (target, format!("of metrics {at:?}")));
        for (target, missing) in activity.chain(metrics) {
            let target = format!("postgresql://{target}");
            let asked = self.cluster.awake().first().copied();
            let said = asked.map(|asked| {
                let grpc = self.cluster.seat(asked).ports().grpc;
                audit::of_target(grpc, self.minutes(), &target)
            });
            eprintln!("missing of {target}: {missing}\n  {said:?}");
        }
    }

    /// Minutes since the first node was started, rounded up, for an audit of all that was since.
    pub fn minutes(&self) -> u64 {
        u64::try_from((questions::now() - self.begun) / 60_000).unwrap_or(0) + 1
    }

    /// Forgives ticks that are missing from `since` until now, in milliseconds since 1970, and some more around.
    pub fn excuse(&mut self, since: i64, around: Duration) {
        let around = u64::try_from(around.as_nanos()).unwrap_or(0);
        let nanos = |millis: i64| u64::try_from(millis).unwrap_or(0) * (SECOND / 1_000);
        self.excuses.push(Excuse {
            from: nanos(since).saturating_sub(around),
            to: nanos(questions::now()) + around,
        });
    }

    /// Ends all nodes in order.
    ///
    /// # Errors
    /// One lost rows, hangs, or panicked.
    pub async fn end(&mut self) -> Result<()> {
        self.cluster.end().await?;
        for seat in self.cluster.seats() {
            let log = std::fs::read_to_string(self.logs().join(format!("{}.log", seat.id())))?;
            ensure!(!log.contains("panicked"), "{} panicked", seat.id());
        }
        Ok(())
    }
}

//! A node that reaches the databases only now and then.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use ringwatch_cluster_tests::chaos::Side;
use ringwatch_cluster_tests::cluster::ask;
use tokio::time::{Instant, sleep};

use super::links::Stage;
use super::{Bearable, Options};

/// How long it does not reach them, and how long it does then.
const AWAY: Duration = Duration::from_secs(10);
const HERE: Duration = Duration::from_secs(20);
/// A target does not come back sooner (`node/cluster/src/views/mod.rs`).
const STAYS: Duration = Duration::from_secs(300);
/// After that it may, when the load is looked at again.
const LOOKED: Duration = Duration::from_secs(660);
/// How often it is looked who owns what, and by how much times may be wrong.
const LOOK: Duration = Duration::from_millis(200);
const WRONG: Duration = Duration::from_secs(1);

/// When the targets of a node went, and came back.
struct Absent {
    node: String,
    grpc: u16,
    lost: BTreeSet<String>,
    left: BTreeMap<String, Instant>,
    back: BTreeMap<String, Instant>,
}

impl Absent {
    /// Looks for so long, or until one is back.
    async fn watch(&mut self, time: Duration) -> Result<()> {
        let end = Instant::now() + time;
        while Instant::now() < end && self.back.is_empty() {
            let now = Instant::now();
            for target in ask::targets(self.grpc).await? {
                let is_here = target.owner == self.node;
                if !self.lost.contains(&target.target_id) || target.owner.is_empty() {
                    continue;
                }
                if !is_here {
                    self.left.entry(target.target_id).or_insert(now);
                } else if self.left.contains_key(&target.target_id) {
                    self.back.entry(target.target_id).or_insert(now);
                }
            }
            sleep(LOOK).await;
        }
        Ok(())
    }

    /// How long each was away.
    fn away(&self) -> Vec<Duration> {
        let away = |(target, back): (&String, &Instant)| Some(*back - *self.left.get(target)?);
        self.back.iter().filter_map(away).collect()
    }
}

pub(crate) async fn measure(options: Options) -> Result<()> {
    let mut stage = Stage::set("gap-reach", 3, None, 1).await?;
    stage.rig.settled().await?;
    let grpc = stage.rig.cluster.seat(1).ports().grpc;
    let node = stage.rig.cluster.seat(0).id().to_owned();
    let owned = ask::targets(grpc)
        .await?
        .into_iter()
        .filter(|target| target.owner == node);
    let mut absent = Absent {
        lost: owned.map(|target| target.target_id).collect(),
        node,
        grpc,
        left: BTreeMap::new(),
        back: BTreeMap::new(),
    };
    ensure!(!absent.lost.is_empty(), "node-0 owns nothing");
    let (begun, time) = (Instant::now(), options.minutes(2));
    let mut cuts = 0;
    while begun.elapsed() < time {
        let cut = stage.rig.network()?.part(Side::Node(0), Side::Database)?;
        absent.watch(AWAY).await?;
        drop(cut);
        cuts += 1;
        absent.watch(HERE).await?;
        eprintln!(
            "{cuts} cuts, {} of {} targets gone",
            absent.left.len(),
            absent.lost.len()
        );
    }
    stage.report.set("cuts", cuts);
    stage.report.set("targets_lost", absent.lost.len());
    stage.report.expect(
        "all targets go to who reaches them",
        absent.left.len() == absent.lost.len(),
    );
    let gone: Vec<_> = absent.left.values().map(|left| *left - begun).collect();
    stage.report.times("cut_until_gone", &gone);
    eprintln!("waiting until the first is back");
    absent.watch(STAYS + LOOKED).await?;
    let soonest = absent.away().into_iter().min();
    let soonest = soonest.context("no target came back when the load was looked at")?;
    stage
        .report
        .expect("none comes back within five minutes", soonest + WRONG >= STAYS);
    stage.report.times("gone_until_back", &[soonest]);
    stage.end(options, Bearable::default()).await
}

//! Clusters of real nodes: what they do when one comes, goes, hangs or lies.

mod asking;
mod command;
mod epochs;
mod identity;
mod kill;
mod lonely;
mod moves;
mod pause;
mod start;
mod strangers;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering::SeqCst};
use std::time::Duration;

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::cluster::life::{self, LifeBooks};
use ringwatch_cluster_tests::cluster::ticks::{self, ACTIVITY, Missing, SECOND, STATEMENTS};
use ringwatch_cluster_tests::cluster::{Cluster, Shape, client};
use ringwatch_cluster_tests::node::Every;
use ringwatch_cluster_tests::postgres::{Server, Wish, sql};
use ringwatch_cluster_tests::scene::Scene;
use ringwatch_cluster_tests::sink::Sink;
use ringwatch_cluster_tests::wait;
use sqlx::postgres::PgConnection;
use tokio::task::JoinHandle;

use crate::story::SOON;

/// How often the clusters here read.
const EVERY: Every = Every {
    collection: "2s",
    statements: "2s",
    activity: "1s",
};

/// The interval of metrics and statements in [`EVERY`], in nanoseconds.
const METRICS: u64 = 2 * SECOND;

/// A cluster, one server under several names, and a receiver.
pub(crate) struct Watching {
    // Ended before the server.
    pub(crate) cluster: Cluster,
    pub(crate) sink: Sink,
    pub(crate) server: Server,
    pub(crate) targets: Vec<String>,
    /// A session that is seen at every tick of the activity stream.
    _open: PgConnection,
}

impl Watching {
    /// Everything but the nodes' start.
    pub(crate) async fn prepare(
        scene: &Scene,
        nodes: usize,
        names: usize,
        shape: impl FnOnce(&mut Shape),
    ) -> Result<Self> {
        let server = scene
            .server("postgres", &Wish::default().with_names(names))
            .await?;
        let sink = scene.sink().await?;
        let mut open = server.connect("postgres").await?;
        sql::execute(&mut open, "begin; select 1").await?;
        let targets = server.endpoints(names);
        let mut wanted = Shape::new(&targets, &sink.endpoint(), EVERY);
        shape(&mut wanted);
        if wanted.roles {
            Shape::make_roles(&server, nodes).await?;
        }
        Ok(Self {
            cluster: Cluster::new(wanted, nodes, scene.logs())?,
            sink,
            server,
            targets,
            _open: open,
        })
    }

    /// The same with all nodes started and agreed, and every target read.
    pub(crate) async fn start(
        scene: &Scene,
        nodes: usize,
        names: usize,
        shape: impl FnOnce(&mut Shape),
    ) -> Result<Self> {
        let mut all = Self::prepare(scene, nodes, names, shape).await?;
        for n in 0..nodes {
            all.cluster.launch(n)?;
        }
        all.cluster.agree(SOON * 2).await?;
        all.more_ticks(2).await?;
        Ok(all)
    }

    /// From now on no target moves for the load alone: who owns what is as the ring says.
    pub(crate) async fn keep_to_the_ring(&self) -> Result<()> {
        let grpc = self.cluster.seat(0).ports().grpc;
        wait::until("an order that is carried out", SOON, async || {
            let said = client(grpc, &["flags", "set", "rebalance", "off"]).map_err(|e| format!("{e:#}"))?;
            wait::when(said.status.success(), || {
                String::from_utf8_lossy(&said.stderr).into_owned()
            })
        })
        .await
    }

    /// Waits until each target has `count` more ticks of activity than now.
    pub(crate) async fn more_ticks(&self, count: usize) -> Result<()> {
        self.more_ticks_of(&self.targets, count).await
    }

    /// The same for these targets.
    pub(crate) async fn more_ticks_of(&self, targets: &[String], count: usize) -> Result<()> {
        let have = || -> Vec<usize> {
            let of = |ledger: &_| {
                targets
                    .iter()
                    .map(|t| ticks::of_event(ledger, t, ACTIVITY).len())
                    .collect()
            };
            self.sink.look(of)
        };
        let wanted: Vec<usize> = have().iter().map(|n| n + count).collect();
        let what = format!("{count} more ticks of {} targets", targets.len());
        wait::until(&what, SOON + Duration::from_secs(count as u64), async || {
            let have = have();
            let there = have.iter().zip(&wanted).all(|(have, wanted)| have >= wanted);
            wait::when(there, || format!("{have:?} of {wanted:?}"))
        })
        .await
    }

    /// Waits until statements of every target were told: their baselines are taken.
    async fn baselines(&self) -> Result<()> {
        wait::until("statements of every target", SOON, async || {
            let without: Vec<&String> = self.sink.look(|l| {
                let told = |t: &&String| ticks::of_event(l, t, STATEMENTS).is_empty();
                self.targets.iter().filter(told).collect()
            });
            wait::when(without.is_empty(), || format!("none of {without:?}"))
        })
        .await
    }

    /// What is missing, once what is on its way has come.
    fn missing(&self) -> Missing {
        self.sink.look(|l| Missing::of(l, &self.targets, METRICS))
    }

    /// No series has a gap and no activity tick is missing, once what is on its way has come.
    pub(crate) async fn nothing_missing(&self) -> Result<()> {
        wait::until("every tick", SOON, async || {
            let missing = self.missing();
            wait::when(missing == Missing::default(), || format!("{missing:?}"))
        })
        .await?;
        self.no_gaps().await
    }

    /// No series has a gap, once what is on its way has come.
    pub(crate) async fn no_gaps(&self) -> Result<()> {
        wait::until("series without gaps", SOON, async || {
            let gaps = self.sink.look(|l| l.gaps());
            wait::when(gaps.is_empty(), || {
                format!("{} gaps, the first: {:?}", gaps.len(), gaps.first())
            })
        })
        .await
    }

    /// No activity tick is missing, once what is on its way has arrived.
    async fn none_missing(&self) -> Result<()> {
        self.at_most_missing(&[], 0).await.map(drop)
    }

    /// At most `most` activity ticks of each target are missing, and of others than `targets` none.
    async fn at_most_missing(&self, targets: &[String], most: usize) -> Result<Missing> {
        wait::until("all but a few activity ticks", SOON, async || {
            let missing = self.missing();
            let bearable = missing
                .activity
                .iter()
                .all(|(target, ticks)| targets.contains(target) && ticks.len() <= most);
            wait::when(bearable, || format!("{missing:?}"))?;
            Ok(missing)
        })
        .await
    }

    /// Nothing came twice with two meanings; gives how much came twice byte for byte.
    pub(crate) fn repeats(&self) -> Result<u64> {
        let (doubles, conflicts) = self.sink.look(|l| (l.doubles(), l.conflicts()));
        ensure!(
            conflicts == 0,
            "{conflicts} points or records say of a tick what another one said otherwise"
        );
        Ok(doubles)
    }

    /// Nothing came twice.
    pub(crate) fn nothing_twice(&self) -> Result<()> {
        let doubles = self.repeats()?;
        ensure!(doubles == 0, "{doubles} points or records came twice");
        Ok(())
    }

    /// The verdict over the books of all nodes, and an orderly end.
    pub(crate) async fn verdict(&mut self) -> Result<LifeBooks> {
        let books = life::verdict(&self.cluster, &self.sink).await?;
        self.cluster.end().await?;
        for seat in self.cluster.seats() {
            let log = std::fs::read_to_string(self.cluster.logs().join(format!("{}.log", seat.id())))?;
            ensure!(!log.contains("panicked"), "{} panicked", seat.id());
        }
        Ok(books)
    }

    /// Waits until `calls` calls of `text` were told of each target.
    async fn told(&self, text: &str, calls: i64) -> Result<()> {
        wait::until(
            &format!("{calls} calls of {text:?} of each target"),
            SOON,
            async || {
                let told: Vec<i64> = self
                    .sink
                    .look(|l| self.targets.iter().map(|t| ticks::calls(l, t, text)).collect());
                wait::when(told.iter().all(|told| *told == calls), || {
                    format!("told {told:?}")
                })
            },
        )
        .await
    }
}

/// Somebody who calls one statement again and again and counts it.
struct Caller {
    count: Arc<AtomicI64>,
    enough: Arc<AtomicBool>,
    task: JoinHandle<Result<()>>,
}

impl Caller {
    /// The statement that it calls begins so.
    const TEXT: &str = "select counted ";

    async fn start(server: &Server) -> Result<Self> {
        let mut session = server.connect("postgres").await?;
        sql::execute(&mut session, "create table called (counted int)").await?;
        let (count, enough) = (Arc::new(AtomicI64::new(0)), Arc::new(AtomicBool::new(false)));
        let (counted, stop) = (Arc::clone(&count), Arc::clone(&enough));
        let task = tokio::spawn(async move {
            while !stop.load(SeqCst) {
                sql::execute(&mut session, "select counted from called").await?;
                counted.fetch_add(1, SeqCst);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Ok(())
        });
        Ok(Self { count, enough, task })
    }

    /// How often it has called so far.
    fn count(&self) -> i64 {
        self.count.load(SeqCst)
    }

    /// Makes it stop; gives how often it has called.
    async fn stop(self) -> Result<i64> {
        self.enough.store(true, SeqCst);
        self.task.await??;
        Ok(self.count.load(SeqCst))
    }
}

//! What most scenarios begin and end with.

use std::time::Duration;

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::books::{self, NodeBooks};
use ringwatch_cluster_tests::node::{Every, Node, NodeConfig};
use ringwatch_cluster_tests::postgres::{Server, Wish};
use ringwatch_cluster_tests::scene::Scene;
use ringwatch_cluster_tests::sink::Sink;
use ringwatch_cluster_tests::wait;

/// How long a state may take that should be there within a few ticks of a second.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// A server, a receiver, and a node between them that reads everything each second.
pub(crate) struct Watched {
    pub(crate) node: Node,
    pub(crate) server: Server,
    pub(crate) sink: Sink,
}

impl Watched {
    /// Starts all three and waits for the first points.
    pub(crate) async fn start(scene: &Scene, every: Every) -> Result<Self> {
        Self::start_with(scene, &Wish::default(), |target, sink| {
            NodeConfig::new(&[target], sink, every)
        })
        .await
    }

    /// The same with a server and a configuration of one's own.
    pub(crate) async fn start_with(
        scene: &Scene,
        wish: &Wish,
        config: impl FnOnce(String, &str) -> NodeConfig,
    ) -> Result<Self> {
        let server = scene.server("postgres", wish).await?;
        let sink = scene.sink().await?;
        let node = scene.node(&config(server.endpoint(), &sink.endpoint())).await?;
        let watched = Self { node, server, sink };
        watched.points_after(watched.newest()).await?;
        Ok(watched)
    }

    /// The target, as the receiver knows it.
    pub(crate) fn target(&self) -> String {
        self.server.endpoint()
    }

    /// The time of the target's newest metric point, or 0.
    pub(crate) fn newest(&self) -> u64 {
        newest(&self.sink, &self.target())
    }

    /// Waits until metric points newer than `time` have come.
    pub(crate) async fn points_after(&self, time: u64) -> Result<u64> {
        points_after(&self.sink, &self.target(), time).await
    }

    /// Waits until `count` more ticks of `metric` have come.
    pub(crate) async fn ticks_of(&self, metric: &str, count: usize) -> Result<()> {
        let seen = || self.sink.look(|l| most_points(l, &self.target(), metric));
        let wanted = seen() + count;
        let limit = SOON + Duration::from_secs(2 * count as u64);
        wait::until(&format!("{count} more ticks of {metric}"), limit, async || {
            wait::when(seen() >= wanted, || format!("{} of {wanted}", seen()))
        })
        .await
    }

    /// The end of a scenario: the books balance while the node runs; told to stop it goes with 0, and its last books
    /// balance too; nothing came twice. Gives the books of the running node.
    pub(crate) async fn verdict(&mut self) -> Result<NodeBooks> {
        let books = books::verdict(&self.node, &self.sink).await?;
        let last = self.node.terminate().await?;
        ensure!(
            last.collected >= books.collected && last.delivered >= books.delivered,
            "the last books {last:?} have less than those before the end: {books:?}"
        );
        ensure!(
            last.dropped == books.dropped_total(),
            "rows were lost at the end: {last:?}, before {books:?}"
        );
        let doubles = self.sink.look(|l| l.doubles());
        ensure!(doubles == 0, "{doubles} points or records came twice");
        Ok(books)
    }

    /// [`Self::verdict`], and nothing was lost and no tick left out.
    pub(crate) async fn spotless(&mut self) -> Result<NodeBooks> {
        let books = self.verdict().await?;
        ensure!(books.dropped.is_empty(), "rows were lost: {:?}", books.dropped);
        self.no_gaps().await?;
        Ok(books)
    }

    /// No series lacks a tick, once what is on its way has come: a later request may overtake an earlier one.
    pub(crate) async fn no_gaps(&self) -> Result<()> {
        wait::until("points without gaps", SOON, async || {
            let gaps = self.sink.look(|l| l.gaps());
            wait::when(gaps.is_empty(), || {
                format!("{} gaps, the first: {:?}", gaps.len(), gaps.first())
            })
        })
        .await
    }
}

/// The time of a target's newest metric point, or 0.
pub(crate) fn newest(sink: &Sink, target: &str) -> u64 {
    sink.look(|ledger| {
        let of_target = ledger.series.iter().filter(|(id, _)| id.target == target);
        of_target
            .filter_map(|(_, series)| series.last())
            .map(|(time, _)| time)
            .max()
            .unwrap_or(0)
    })
}

/// Waits until a target's metric points newer than `time` have come.
pub(crate) async fn points_after(sink: &Sink, target: &str, time: u64) -> Result<u64> {
    wait::until(&format!("points of {target} after {time}"), SOON, async || {
        let newest = newest(sink, target);
        wait::when(newest > time, || format!("the newest is of {newest}")).map(|()| newest)
    })
    .await
}

fn most_points(ledger: &ringwatch_cluster_tests::sink::Ledger, target: &str, metric: &str) -> usize {
    ledger
        .of_metric(target, metric)
        .map(|(_, series)| series.points.len())
        .max()
        .unwrap_or(0)
}

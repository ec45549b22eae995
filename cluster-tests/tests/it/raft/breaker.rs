//! A circuit that is open is open for whoever owns the target next, and the database is left alone.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ringwatch_cluster_tests::cluster::Shape;
use ringwatch_cluster_tests::cluster::group::WELL;
use ringwatch_cluster_tests::node::{Metrics, NodeConfig};
use ringwatch_cluster_tests::postgres::{Server, Wish};
use ringwatch_cluster_tests::scene::{Scene, ensure_fault, scenario};
use ringwatch_cluster_tests::wait;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::cluster::Watching;
use crate::story::SOON;

const STATE: &str = "circuit_breaker_state";
/// Longer than a scenario.
const BREAK: &str = "300s";
/// Longer than a login takes that was on its way when the server went on.
const QUIET: Duration = Duration::from_secs(1);

fn guarded(config: &mut NodeConfig) {
    let breaker = json!({
        "evaluation_interval": "500ms",
        "defaults": {
            "error_threshold_percent": 50,
            "minimum_volume": 3,
            "window": "5s",
            "break_duration": BREAK,
            "half_open_requests": 2,
        },
        "load_prediction": { "enabled": false },
    });
    config.processors.insert("circuit_breaker".into(), breaker);
    config.order.insert(0, "circuit_breaker".into());
}

/// Three nodes, three targets, and one more of its own server that hangs until its circuit is open.
struct Broken {
    all: Watching,
    server: Server,
    id: String,
    owner: usize,
}

impl Broken {
    async fn start(scene: &Scene) -> Result<Self> {
        let server = scene.server("broken", &Wish::default()).await?;
        let endpoint = server.endpoint();
        let shape = |shape: &mut Shape| {
            shape.endpoints.push(endpoint.clone());
            shape.adapt = guarded;
            shape.hold_down = "1s";
        };
        let all = Watching::start(scene, 3, 3, shape).await?;
        all.cluster.whole(3, 0, WELL).await?;
        let agreed = all.cluster.agree(SOON).await?;
        let owner = agreed.owners.get(&endpoint).context("nobody owns it")?;
        let owner = all.cluster.number_of(owner)?;
        let broken = Self {
            id: format!("postgresql://{endpoint}"),
            all,
            server,
            owner,
        };
        broken.server.pause()?;
        let opened = broken.open_at(owner).await;
        broken.server.unpause()?;
        opened?;
        Ok(broken)
    }

    /// Waits until the circuit is open at the node in seat `n`.
    async fn open_at(&self, n: usize) -> Result<Metrics> {
        let labels = [("database", self.id.as_str()), ("state", "open")];
        let node = self.all.cluster.node(n)?;
        node.until("an open circuit", SOON, |metrics| {
            let open = metrics.values(STATE, &labels).count() == 1;
            wait::when(open, || metrics.show(STATE))
        })
        .await
    }

    /// Waits until every node that is awake says that the circuit is open.
    async fn open_everywhere(&self) -> Result<()> {
        wait::until("an open circuit in everybody's list", SOON, async || {
            for n in self.all.cluster.awake() {
                let list = self
                    .all
                    .json(n, &["breaker", "list"])
                    .map_err(|e| format!("{e:#}"))?;
                wait::when(self.state_in(&list) == Some("OPEN"), || {
                    format!("node {n}: {list}")
                })?;
            }
            Ok(())
        })
        .await
    }

    fn state_in<'a>(&self, list: &'a Value) -> Option<&'a str> {
        let mut breakers = list["breakers"].as_array().into_iter().flatten();
        let own = breakers.find(|breaker| breaker["target_id"] == self.id.as_str())?;
        own["state"].as_str()
    }

    /// What the broken server was asked since its log was so long: statements, and logins.
    fn asked(&self, from: usize) -> Result<Vec<String>> {
        let log = self.server.log_text()?;
        let new = log.get(from..).context("the server's log became shorter")?;
        let ours = |line: &&str| {
            let asked = line.contains("statement:") || line.contains("execute");
            (line.contains("app=ringwatch") && asked)
                || (line.contains("connection authorized") && line.contains("application_name=ringwatch"))
        };
        Ok(new.lines().filter(ours).map(str::to_owned).collect())
    }

    /// Waits until the server's log does not grow any more: what was on its way has come. Gives its length.
    async fn quiet(&self) -> Result<usize> {
        let (mut length, mut since) = (0, Instant::now());
        wait::until("a quiet server", SOON, async || {
            let now = self.server.log_text().map_err(|e| e.to_string())?.len();
            if now != length {
                (length, since) = (now, Instant::now());
            }
            wait::when(since.elapsed() > QUIET, || format!("{now} bytes of log"))
        })
        .await?;
        Ok(length)
    }

    /// Waits until another node owns the target and others of its targets are read; gives its seat.
    async fn moved(&self) -> Result<usize> {
        let agreed = self.all.cluster.agree(SOON * 2).await?;
        let owner = agreed
            .owners
            .get(&self.server.endpoint())
            .context("nobody owns it")?;
        let owner = self.all.cluster.number_of(owner)?;
        ensure_fault(owner != self.owner, "the target has its old owner")?;
        Ok(owner)
    }
}

#[test]
fn an_open_circuit_outlives_its_owner() -> Result<()> {
    scenario("raft_breaker", async |scene| {
        let mut broken = Broken::start(scene).await?;
        broken.open_everywhere().await?;
        let from = broken.quiet().await?;
        broken.all.cluster.seat_mut(broken.owner).kill_at_once().await?;
        let owner = broken.moved().await?;
        broken.open_at(owner).await?;
        broken.all.more_ticks(4).await?;
        let asked = broken.asked(from)?;
        ensure!(asked.is_empty(), "the new owner asked: {asked:#?}");
        broken.open_everywhere().await?;
        let metrics = broken.open_at(owner).await?;
        let labels = [("target", broken.id.as_str()), ("outcome", "breaker_open")];
        ensure!(
            metrics.count("ringwatch_ticks_total", &labels) >= 2,
            "no tick was counted as missed: {}",
            metrics.show("ringwatch_ticks_total")
        );
        broken.all.cluster.launch(broken.owner)?;
        broken.all.cluster.whole(3, 0, WELL).await?;
        broken.all.cluster.same_state(SOON).await?;
        broken.all.cluster.end().await
    })
}

/// Handed over in order it is open from the first moment on, for the time that remains; reset at its new owner it is
/// closed for all.
#[test]
fn an_open_circuit_moves_with_its_target() -> Result<()> {
    scenario("raft_breaker_moves", async |scene| {
        let mut broken = Broken::start(scene).await?;
        broken.open_everywhere().await?;
        let from = broken.quiet().await?;
        let to = broken.all.other_than(&[broken.owner])?;
        let id = broken.all.cluster.seat(to).id().to_owned();
        broken.all.asked(to, &["cluster", "move", &broken.id, &id], 0)?;
        wait::until("another owner", SOON, async || {
            let owner = broken.moved().await.map_err(|e| format!("{e:#}"))?;
            wait::when(owner == to, || format!("node {owner}"))
        })
        .await?;
        broken.open_at(to).await?;
        broken.all.more_ticks(3).await?;
        let asked = broken.asked(from)?;
        ensure!(asked.is_empty(), "it was asked: {asked:#?}");
        broken
            .all
            .asked(broken.owner, &["breaker", "reset", &broken.id], 0)?;
        wait::until("a closed circuit in everybody's list", SOON, async || {
            for n in broken.all.cluster.awake() {
                let list = broken
                    .all
                    .json(n, &["breaker", "list"])
                    .map_err(|e| format!("{e:#}"))?;
                wait::when(broken.state_in(&list) == Some("CLOSED"), || {
                    format!("node {n}: {list}")
                })?;
            }
            Ok(())
        })
        .await?;
        wait::until("questions again", SOON, async || {
            let asked = broken.asked(from).map_err(|e| format!("{e:#}"))?;
            wait::when(!asked.is_empty(), || "it was asked nothing".into())
        })
        .await?;
        broken.all.cluster.end().await
    })
}

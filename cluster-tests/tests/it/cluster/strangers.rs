//! Strangers: nodes with another key or another cluster name, datagrams that were recorded, changed or made up.

use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::cluster::relay::Relay;
use ringwatch_cluster_tests::cluster::{ask, flood, new_key};
use ringwatch_cluster_tests::http;
use ringwatch_cluster_tests::scene::{ensure_fault, scenario};
use ringwatch_cluster_tests::wait;
use ringwatch_proto::v1::State;
use serde_json::json;

use super::Watching;
use crate::story::SOON;

const REFUSED: &str = "ringwatch_gossip_refused_total";

impl Watching {
    async fn refused(&self, n: usize) -> Result<u64> {
        Ok(self.cluster.node(n)?.metrics().await?.count(REFUSED, &[]))
    }

    /// Waits until node `n` has refused so many datagrams.
    async fn until_refused(&self, n: usize, wanted: u64) -> Result<()> {
        let fits = |m: &ringwatch_cluster_tests::node::Metrics| {
            wait::when(m.count(REFUSED, &[]) >= wanted, || m.show(REFUSED))
        };
        let what = format!("{wanted} refused datagrams");
        self.cluster.node(n)?.until(&what, SOON, fits).await.map(drop)
    }
}

#[test]
fn nodes_with_another_key_or_another_name_stay_outside() -> Result<()> {
    scenario("cluster_strangers", async |scene| {
        let mut all = Watching::start(scene, 3, 3, |_| {}).await?;
        let before = all.cluster.agree(SOON).await?;
        let key_file = scene.log("other").with_extension("key");
        std::fs::write(&key_file, new_key())?;
        for what in ["key", "name"] {
            let n = all.cluster.add_seat()?;
            let config = &mut all.cluster.seat_mut(n).config;
            if what == "key" {
                config.cluster["gossip"]["key_file"] = json!(key_file);
            } else {
                config.cluster["name"] = json!("another");
            }
            let refused = all.refused(0).await?;
            all.cluster.launch(n)?;
            all.until_refused(0, refused + 5).await?;
            let ready = http::get(all.cluster.seat(n).ports().health, "/health/ready").await?;
            ensure!(ready.status == 503, "a node with another {what} is ready");
            all.cluster.seat_mut(n).kill_at_once().await?;
        }
        let after = all.cluster.agree(SOON).await?;
        ensure!(after == before, "before {before:?}, after {after:?}");
        all.more_ticks(2).await?;
        all.nothing_missing().await?;
        all.nothing_twice()?;
        all.verdict().await.map(drop)
    })
}

/// Sends each datagram, slowly enough for a receiver on a busy machine.
async fn send(to: SocketAddr, datagrams: &[Vec<u8>]) -> Result<u64> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    for datagram in datagrams {
        socket.send_to(datagram, to)?;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(datagrams.len() as u64)
}

/// Each with one bit turned, or cut short.
fn changed(datagrams: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let change = |(n, datagram): (usize, &Vec<u8>)| {
        let mut datagram = datagram.clone();
        let at = fastrand::usize(..datagram.len());
        if n % 3 == 0 {
            datagram.truncate(at);
        } else {
            datagram[at] ^= 1 << fastrand::u8(..8);
        }
        datagram
    };
    datagrams.iter().enumerate().map(change).collect()
}

#[test]
fn recorded_changed_and_made_up_datagrams_are_refused_and_counted() -> Result<()> {
    scenario("cluster_datagrams", async |scene| {
        let mut all = Watching::prepare(scene, 3, 3, |_| {}).await?;
        let behind = all.cluster.seat(1).gossip_address();
        let relay = Relay::start(behind.parse()?).await?;
        let before_it = relay.address().to_string();
        for n in 0..3 {
            let gossip = &mut all.cluster.seat_mut(n).config.cluster["gossip"];
            for seed in gossip["seeds"].as_array_mut().into_iter().flatten() {
                if *seed == behind {
                    *seed = json!(before_it);
                }
            }
            if n == 1 {
                gossip["advertise"] = json!(before_it);
            }
        }
        for n in 0..3 {
            all.cluster.launch(n)?;
        }
        let before = all.cluster.agree(SOON).await?;
        // Those by which strangers meet are answered, again and again, and nothing of them is believed. So let the nodes
        // have met.
        let met = relay.seen().len();
        wait::until("datagrams at the relay", SOON, async || {
            let seen = relay.seen().len() - met;
            wait::when(seen >= 200, || format!("{seen}"))
        })
        .await?;
        let seen = relay.seen().split_off(met);

        let victim: SocketAddr = behind.parse()?;
        let bystander: SocketAddr = all.cluster.seat(2).gossip_address().parse()?;
        let refused = (all.refused(1).await?, all.refused(2).await?);
        let mut sent = send(victim, &seen).await?;
        sent += send(relay.address(), &seen).await?;
        sent += send(victim, &changed(&seen)).await?;
        let elsewhere = send(bystander, &seen).await?;
        all.until_refused(1, refused.0 + sent).await?;
        all.until_refused(2, refused.1 + elsewhere).await?;
        let metrics = all.cluster.node(1)?.metrics().await?;
        println!("sent {sent} and {elsewhere}; {}", metrics.show(REFUSED));
        unmoved_by_a_flood(&all, 1).await?;

        let after = all.cluster.agree(SOON).await?;
        ensure!(after == before, "before {before:?}, after {after:?}");
        all.more_ticks(2).await?;
        all.nothing_missing().await?;
        all.nothing_twice()?;
        all.verdict().await.map(drop)
    })
}

/// Three seconds of garbage at node `n`: it is refused, nobody takes the node for dead, and it costs little.
async fn unmoved_by_a_flood(all: &Watching, n: usize) -> Result<()> {
    /// The node here is one without optimisation, and shares its cores with two more scenarios.
    const MOST: f64 = if cfg!(debug_assertions) { 90.0 } else { 30.0 };
    let id = all.cluster.seat(n).id();
    let mut watch = ask::watch(all.cluster.seat((n + 1) % 3).ports().grpc).await?;
    let refused = all.refused(n).await?;
    let to = all.cluster.seat(n).gossip_address().parse()?;
    let process = all.cluster.node(n)?.process();
    let flood = flood::Flood {
        rate: 10_000,
        time: Duration::from_secs(3),
    };
    let figures = flood.at(to, process).await?;
    let counted = all.refused(n).await? - refused;
    println!("{figures}; {counted} refused");
    ensure_fault(figures.per_second() > 8_000.0, "too few datagrams were sent")?;
    ensure!(
        counted * 2 > figures.sent,
        "of {} datagrams {counted} were refused",
        figures.sent
    );
    ensure!(figures.cpu_percent < MOST, "{figures}");
    while let Ok(Ok(Some(seen))) = tokio::time::timeout(Duration::ZERO, watch.message()).await {
        ensure!(
            !ask::is(&seen, id, State::Dead),
            "it was taken for dead: {seen:?}"
        );
    }
    Ok(())
}

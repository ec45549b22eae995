//! How soon a killed node is seen dead by the others, and whether a live one is when the machine is starved.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use ringwatch_cluster_tests::cluster::{AGREE, ask};
use ringwatch_cluster_tests::node::Every;
use ringwatch_cluster_tests::process::Process;
use ringwatch_proto::v1::{ListMembersResponse, State};
use rustix::process::Signal;
use tokio::time::{Instant, sleep, timeout};
use tonic::Streaming;

use crate::quantiles;
use crate::trio::{SOON, Trio};

const EVERY: Every = Every {
    collection: "10s",
    statements: "",
    activity: "1s",
};
/// Busy loops beside the nodes.
const LOOPS: usize = 8;

/// Kills nodes, then starves all.
pub(crate) async fn measure(rounds: usize, time: Duration) -> Result<()> {
    let mut trio = Trio::start(3, EVERY, |shape| shape.hold_down = "1s").await?;
    let mut times = Vec::new();
    for round in 0..rounds {
        let n = round % 3;
        let id = trio.cluster.seat(n).id().to_owned();
        let mut watches = Vec::new();
        for other in trio.cluster.awake().into_iter().filter(|other| *other != n) {
            watches.push(ask::watch(trio.cluster.seat(other).ports().grpc).await?);
        }
        sleep(Duration::from_millis(fastrand::u64(..500))).await;
        let since = trio.cluster.seat_mut(n).kill_at_once().await?;
        let seen = watches
            .into_iter()
            .map(|watch| timeout(SOON, until_dead(watch, &id, since)));
        for time in futures::future::join_all(seen).await {
            times.push(time.context("never seen dead")??);
        }
        trio.cluster.launch(n)?;
        trio.cluster.agree(AGREE).await?;
    }
    println!(
        "kill to DEAD at the others, three nodes, {rounds} kills: {}",
        quantiles::millis(&times)
    );
    starve(&trio, time).await
}

async fn until_dead(mut watch: Streaming<ListMembersResponse>, id: &str, since: Instant) -> Result<Duration> {
    while let Some(seen) = watch.message().await? {
        if ask::is(&seen, id, State::Dead) {
            return Ok(since.elapsed());
        }
    }
    anyhow::bail!("the stream of members ended")
}

/// Changes of other members into a state, as one node saw them.
#[derive(Clone, Copy, Debug, Default)]
struct Changes {
    suspect: u32,
    dead: u32,
}

async fn starve(trio: &Trio, time: Duration) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let mut loops = Vec::new();
    for n in 0..LOOPS {
        let mut command = Command::new("sh");
        command.args(["-c", "while :; do :; done"]);
        let log = folder.path().join(format!("loop-{n}"));
        loops.push(Process::spawn("busy loop", &mut command, &log, Signal::KILL)?);
    }
    let mut watches = Vec::new();
    for n in trio.cluster.awake() {
        watches.push(changes(
            ask::watch(trio.cluster.seat(n).ports().grpc).await?,
            time,
        ));
    }
    let mut all = Changes::default();
    for seen in futures::future::join_all(watches).await {
        let seen = seen?;
        all.suspect += seen.suspect;
        all.dead += seen.dead;
    }
    drop(loops);
    println!(
        "{} s with {LOOPS} busy loops, all three nodes together: {} false deaths, {} suspicions",
        time.as_secs(),
        all.dead,
        all.suspect
    );
    Ok(())
}

async fn changes(mut watch: Streaming<ListMembersResponse>, time: Duration) -> Result<Changes> {
    let end = Instant::now() + time;
    let (mut all, mut before) = (Changes::default(), ListMembersResponse::default());
    while let Ok(seen) = tokio::time::timeout_at(end, watch.message()).await {
        let seen = seen?.context("the stream of members ended")?;
        for member in &seen.members {
            let newly = |state| member.state() == state && !ask::is(&before, &member.node_id, state);
            all.suspect += u32::from(newly(State::Suspect));
            all.dead += u32::from(newly(State::Dead));
        }
        before = seen;
    }
    Ok(all)
}

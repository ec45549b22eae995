//! The group that remembers: what it keeps when nodes, disks and the power go, and what can be changed while it runs.

mod backup;
mod breaker;
mod disk;
mod leader;
mod minority;
mod moves;
mod power;
mod runtime;
mod sampler;
mod voters;

use std::process::Output;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use ringwatch_cluster_tests::cluster::client;
use ringwatch_cluster_tests::wait;
use serde_json::Value;

use crate::cluster::Watching;
use crate::story::SOON;

/// A new leader is there after this time by itself, however busy the machine is. How soon it is on an idle one is
/// measured elsewhere.
const NEW_LEADER: Duration = Duration::from_secs(20);

/// What a client command printed, where it ended with this code.
fn printed(output: &Output, code: i32) -> Result<String> {
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let err = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.code() == Some(code),
        "it ended with {}: {out}{err}",
        output.status
    );
    Ok(out + &err)
}

impl Watching {
    /// Runs a client command at the node in seat `n`, and gives what it printed, where it ended with this code.
    fn asked(&self, n: usize, arguments: &[&str], code: i32) -> Result<String> {
        let output = client(self.cluster.seat(n).ports().grpc, arguments)?;
        printed(&output, code).with_context(|| format!("ringwatch {arguments:?} at node {n}"))
    }

    /// The same of one that needs a quorum: it is said again while there is none, as an operator would.
    async fn ordered(&self, n: usize, arguments: &[&str]) -> Result<String> {
        wait::until("an order that is carried out", SOON, async || {
            self.asked(n, arguments, 0).map_err(|e| format!("{e:#}"))
        })
        .await
    }

    /// The same of one that answers in JSON.
    fn json(&self, n: usize, arguments: &[&str]) -> Result<Value> {
        let text = self.asked(n, &[arguments, &["-o", "json"]].concat(), 0)?;
        serde_json::from_str(&text).with_context(|| text)
    }

    /// The id of a target, as operators write it.
    fn id(&self, n: usize) -> String {
        format!("postgresql://{}", self.targets[n])
    }

    /// A node that is awake and none of these.
    fn other_than(&self, seats: &[usize]) -> Result<usize> {
        let mut awake = self.cluster.awake().into_iter();
        awake.find(|n| !seats.contains(n)).context("no other node")
    }
}

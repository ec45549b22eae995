//! The group that remembers: what it takes, and what it loses when nodes, disks and the power go.

pub(crate) mod away;
pub(crate) mod disk;
pub(crate) mod leader;
pub(crate) mod power;
pub(crate) mod size;
pub(crate) mod start;
pub(crate) mod writes;

use std::time::Duration;

use anyhow::Result;
use ringwatch_cluster_tests::cluster::group::{Group, WELL};
use ringwatch_cluster_tests::cluster::writer::Writer;
use ringwatch_cluster_tests::cluster::{Cluster, Shape};
use ringwatch_cluster_tests::node::Every;

use crate::trio::Trio;

/// Seldom enough to leave the machine to the group.
const EVERY: Every = Every {
    collection: "10s",
    statements: "",
    activity: "1s",
};

/// Three nodes whose limits can be changed, and a group that is well.
async fn trio(names: usize, shape: impl FnOnce(&mut Shape)) -> Result<Trio> {
    let trio = Trio::start(names, EVERY, |wanted| {
        wanted.adapt = Writer::allow;
        wanted.hold_down = "1s";
        shape(wanted);
    })
    .await?;
    trio.cluster.whole(3, 0, WELL).await?;
    Ok(trio)
}

/// Somebody who writes a hundred times a second, at most.
fn writer(trio: &Trio) -> Result<Writer> {
    Writer::start(&trio.cluster, &id(&trio.targets[0]), Duration::from_millis(10))
}

fn id(target: &str) -> String {
    format!("postgresql://{target}")
}

/// Waits until three nodes vote and all have all.
async fn well(cluster: &Cluster) -> Result<Group> {
    cluster.whole(3, 0, 2 * WELL).await
}

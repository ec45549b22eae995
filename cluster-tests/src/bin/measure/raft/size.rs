//! A hundred thousand decisions of a sampler: what they take in memory and on disk, and how long a snapshot of them is
//! on its way.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use ringwatch_cluster_tests::cluster::client;
use ringwatch_cluster_tests::content;
use ringwatch_cluster_tests::node::program;
use ringwatch_cluster_tests::postgres::questions;
use ringwatch_state::machine::{Machine, export};
use serde_json::Value;
use tokio::time::Instant;

use super::{trio, well, writer};
use crate::trio::{SOON, Trio};

const STATEMENTS: u64 = 100_000;
/// More entries than there are between two snapshots.
const WRITES: u64 = 1_100;

/// Fills a group, then lets a node lose all of it.
pub(crate) async fn measure() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("state.json");
    std::fs::write(&file, export(&full()?).to_string())?;
    snapshots(folder.path())?;

    let mut trio = trio(3, |_| {}).await?;
    let before = memory(&trio)?;
    let path = file.to_str().context("an odd path")?;
    let begun = Instant::now();
    let output = client(trio.cluster.seat(0).ports().grpc, &["state", "import", path])?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    trio.cluster.same_state(SOON).await?;
    println!(
        "{STATEMENTS} statements imported, on three nodes after {:?}",
        begun.elapsed()
    );
    println!("  tables: {}", tables(&trio)?);
    println!(
        "  RSS of the nodes before {before:?} MiB, after {:?} MiB",
        memory(&trio)?
    );

    let writer = writer(&trio)?;
    for _ in 0..4 {
        writer.more(WRITES / 4, SOON).await?;
    }
    writer.proven(&trio.cluster).await?;
    let leader = well(&trio.cluster).await?.leader;
    let said = inspect(&trio, leader)?;
    println!(
        "  snapshot up to {} of {}: {} bytes; the store {} bytes",
        said["snapshot"], said["applied"], said["snapshot_bytes"], said["disk_bytes"]
    );
    let n = (leader + 1) % 3;
    trio.cluster.seat_mut(n).kill_at_once().await?;
    trio.cluster.seat(n).disk().wipe()?;
    let begun = Instant::now();
    trio.cluster.launch(n)?;
    well(&trio.cluster).await?;
    println!(
        "  a wiped node has all of it, and votes, {:?} after its start",
        begun.elapsed()
    );
    trio.cluster.same_state(SOON).await?;
    println!("  RSS of the nodes in the end: {:?} MiB", memory(&trio)?);
    Ok(())
}

/// A state with nothing but these statements.
fn full() -> Result<Machine> {
    let mut machine = Machine::new();
    // Recent: what is a day old is forgotten.
    let begin = (questions::now() - 1_000_000) * 1_000_000;
    for index in 0..STATEMENTS / content::DECISIONS {
        machine.apply(&content::decisions(index, begin))?;
    }
    Ok(machine)
}

/// A store of its own, in a process of its own: what a snapshot takes there.
fn snapshots(folder: &Path) -> Result<()> {
    let output = Command::new(program("ringwatch-store-probe")?)
        .arg("snapshot")
        .arg(folder.join("raft"))
        .arg(STATEMENTS.to_string())
        .output()?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    print!("{}", String::from_utf8_lossy(&output.stdout));
    Ok(())
}

fn inspect(trio: &Trio, n: usize) -> Result<Value> {
    let output = client(
        trio.cluster.seat(n).ports().grpc,
        &["state", "inspect", "-o", "json"],
    )?;
    serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The sizes of the tables that hold something.
fn tables(trio: &Trio) -> Result<String> {
    let said = inspect(trio, 0)?;
    let of = |table: &Value| {
        format!(
            "{} {} records {} bytes",
            table["name"], table["records"], table["bytes"]
        )
    };
    let full = said["tables"].as_array().into_iter().flatten();
    Ok(full
        .filter(|t| t["records"] != "0" && t["records"] != 0)
        .map(of)
        .collect::<Vec<_>>()
        .join("; "))
}

/// Memory of the nodes by seat, in MiB.
fn memory(trio: &Trio) -> Result<BTreeMap<usize, u64>> {
    let awake = trio.cluster.awake().into_iter();
    awake
        .map(|n| Ok((n, trio.cluster.node(n)?.process().rss_bytes()? >> 20)))
        .collect()
}

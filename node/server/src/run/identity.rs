//! Who this node is: its name, and which of its lives this is.

use std::io::{ErrorKind, Write as _};
use std::path::Path;

use anyhow::{Context as _, bail};
use ringwatch_cluster::member::{Incarnation, NodeId};
use ringwatch_config::settings::Cluster;
use ringwatch_frame::Clock;
use ringwatch_pipeline::store::Replacement;

/// The number of the last life of this node, in `cluster.data_dir`.
const FILE: &str = "generation";

/// This life of this node. The name is the configured one, or the machine's.
pub(super) fn identity(cluster: &Cluster, clock: &Clock) -> anyhow::Result<Incarnation> {
    let node = cluster
        .node_id
        .clone()
        .unwrap_or_else(|| rustix::system::uname().nodename().to_string_lossy().into_owned());
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    if node.is_empty() || node.len() > 128 || !node.bytes().all(good) {
        bail!("the machine's host name cannot name a node; set `cluster.node_id`");
    }
    let now = u64::try_from(clock.now().unix_nanos()).unwrap_or(1);
    let generation = match &cluster.data_dir {
        Some(folder) => next_life(Path::new(folder), now).with_context(|| {
            format!("cannot keep the number of this life in {folder}; check `cluster.data_dir`")
        })?,
        None => now,
    };
    Ok(Incarnation {
        node: NodeId::new(&node),
        generation,
    })
}

/// `now`, or more where the clock was set back since the last life. What it gives has been written to the
/// disk.
fn next_life(folder: &Path, now: u64) -> anyhow::Result<u64> {
    let path = folder.join(FILE);
    let last: u64 = match std::fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().unwrap_or_else(|_| {
            tracing::warn!(path = %path.display(), "the number of the last life is no number; the clock's takes its place");
            0
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => 0,
        Err(error) => return Err(error.into()),
    };
    let generation = now.max(last.saturating_add(1));
    // A half-written number must never be read.
    let mut fresh = Replacement::begin(&path)?;
    writeln!(fresh, "{generation}")?;
    fresh.finish()?;
    Ok(generation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_life_has_a_higher_number_whatever_the_clock_says() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("made/here");
        assert_eq!(next_life(&data, 100).unwrap(), 100);
        assert_eq!(next_life(&data, 50).unwrap(), 101);
        assert_eq!(next_life(&data, 200).unwrap(), 200);
        std::fs::write(data.join(FILE), "garbage").unwrap();
        assert_eq!(next_life(&data, 7).unwrap(), 7);
        std::fs::write(folder.path().join("file"), "").unwrap();
        assert!(next_life(&folder.path().join("file"), 1).is_err());
    }
}

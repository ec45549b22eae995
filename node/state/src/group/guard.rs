//! Guards this node's part: its state is that of the others, and its store has one process.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};

use super::digests::Checkpoints;
use super::directory::Directory;
use super::observe::changed;
use super::parts::Me;
use super::run::End;
use super::{Core, Run};

/// How often it compares.
const EVERY: Duration = Duration::from_millis(500);
/// How often the store's size is measured.
const DISK: Duration = Duration::from_secs(30);
/// For how long another node with the same store is seen: a node that was given another name sees its former
/// self until the gossip takes it for dead.
const TWIN: Duration = Duration::from_secs(3);

/// Guards until something is wrong.
pub(crate) async fn guard(core: Arc<Core>, run: Arc<Run>) -> End {
    let mut applied = run.shared.applied();
    let mut checkpoints = Checkpoints::default();
    let mut measured = None;
    let mut compared = Instant::now();
    let mut twin_since: Option<Instant> = None;
    loop {
        let checkpoint = run.shared.checkpoint();
        checkpoints.add(checkpoint.index, checkpoint.digest);
        if compared.elapsed() >= EVERY {
            compared = Instant::now();
            let directory = core.directory();
            let found = twin(&core.parts.me, run.identity.raft_id, &directory);
            twin_since = found
                .as_ref()
                .and(twin_since)
                .or_else(|| found.as_ref().map(|_| Instant::now()));
            let stays = twin_since.is_some_and(|since| since.elapsed() >= TWIN);
            if let Some(node) = found.filter(|_| stays) {
                return End::Failed(format!(
                    "node `{node}` runs with the same store as this one: a data directory was copied, \
                     remove the one of this node and start it again"
                ));
            }
            let me = &core.parts.me;
            let voters: BTreeSet<u64> = {
                let metrics = run.raft.metrics().borrow().membership_config.clone();
                metrics.membership().voter_ids().collect()
            };
            let group = run.identity.group();
            let differs = checkpoints
                .compare(me, &voters, group, &directory)
                .filter(|_| group != 0);
            if let Some(differs) = differs {
                let (index, others) = (differs.index, differs.others.join(", "));
                tracing::error!(
                    index,
                    others,
                    "the state of this node is not that of the others: it is set aside and fetched anew"
                );
                core.metrics.mismatches.inc();
                return End::SetAside(format!("at index {index} it is not the state of {others}"));
            }
        }
        if measured.is_none_or(|at: Instant| at.elapsed() >= DISK) {
            measured = Some(Instant::now());
            run.measure().await;
        }
        tokio::select! {
            () = sleep(EVERY) => {}
            () = changed(&mut applied) => {}
        }
    }
}

/// Another living node that says the same Raft id, if this process is the later one.
fn twin(me: &Me, raft_id: u64, directory: &Directory) -> Option<String> {
    let others = directory
        .peers
        .iter()
        .filter(|peer| peer.alive && !peer.is_me && peer.node != me.node);
    let mut twins = others.filter(|peer| peer.raft_id() == Some(raft_id));
    let twin = twins.find(|peer| (peer.generation, &peer.node) < (me.generation, &me.node))?;
    Some(twin.node.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::directory::{Peer, PeerRaft};

    #[test]
    fn of_two_processes_with_one_store_the_later_gives_way() {
        let me = |generation| Me {
            node: "a".into(),
            generation,
        };
        let mut peer = Peer {
            node: "b".into(),
            generation: 5,
            alive: true,
            raft: Some(PeerRaft {
                id: 9,
                ..PeerRaft::default()
            }),
            ..Peer::default()
        };
        let directory = |peer: &Peer| Directory {
            peers: vec![peer.clone()],
            ..Directory::default()
        };
        assert_eq!(twin(&me(6), 9, &directory(&peer)), Some("b".into()));
        assert_eq!(twin(&me(4), 9, &directory(&peer)), None);
        assert_eq!(twin(&me(6), 8, &directory(&peer)), None);
        peer.alive = false;
        assert_eq!(twin(&me(6), 9, &directory(&peer)), None);
        peer.alive = true;
        peer.is_me = true;
        assert_eq!(twin(&me(6), 9, &directory(&peer)), None);
    }
}

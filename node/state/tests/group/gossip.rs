//! What the nodes of a test know of each other.

use std::collections::BTreeMap;
use std::sync::Arc;

use ringwatch_frame::Tick;
use ringwatch_state::{Announcement, Directory, Peer, PeerRaft};
use tokio::sync::watch;

/// What the gossip of the test knows of a node.
pub(crate) struct Known {
    pub(crate) generation: u64,
    pub(crate) address: String,
    pub(crate) announcement: watch::Receiver<Announcement>,
    pub(crate) alive: bool,
    pub(crate) ready_since: i64,
}

pub(crate) type Changes = Box<dyn Fn(&str, &mut Directory) + Send>;

#[derive(Default)]
pub(crate) struct Gossip {
    pub(crate) known: BTreeMap<String, Known>,
    pub(crate) directories: BTreeMap<String, watch::Sender<Arc<Directory>>>,
    /// What is made of a node's directory before it sees it.
    pub(crate) lie: Option<Changes>,
}

impl Gossip {
    pub(crate) fn feed(&self) {
        for (me, directory) in &self.directories {
            let peers = self.known.iter().map(|(node, known)| {
                let said = *known.announcement.borrow();
                Peer {
                    node: node.clone(),
                    generation: known.generation,
                    raft: (said.id != 0).then_some(PeerRaft {
                        id: said.id,
                        group: said.group,
                        role: said.role,
                        checkpoint: said.checkpoint,
                        digest: said.digest,
                    }),
                    address: known.address.clone(),
                    alive: known.alive,
                    ready: known.alive,
                    ready_since: Some(Tick::from_unix_nanos(known.ready_since)),
                    is_me: node == me,
                }
            });
            let mut next = Directory {
                peers: peers.collect(),
                quorum: true,
                joined: true,
            };
            if let Some(lie) = &self.lie {
                lie(me, &mut next);
            }
            let next = Arc::new(next);
            directory.send_if_modified(|now| {
                let changed = **now != *next;
                *now = next;
                changed
            });
        }
    }
}

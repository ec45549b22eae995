//! The gossip as a table: who heard whom, and when.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ringwatch_state::{Announcement, Directory, Peer, PeerRaft};
use tokio::time::Instant;

use crate::network::Network;
use crate::node::Machine;

/// Who was not heard for this long is dead.
const DEAD: Duration = Duration::from_millis(800);

/// What each node heard of each other one.
#[derive(Default)]
pub(crate) struct Gossip(BTreeMap<(String, String), Heard>);

struct Heard {
    at: Instant,
    generation: u64,
    said: Announcement,
}

impl Gossip {
    /// A round: everybody hears whom it can, and is told.
    pub(crate) fn round(&mut self, nodes: &[Machine], network: &Network) {
        let now = Instant::now();
        for node in nodes {
            let Some(running) = &node.running else {
                // A life that begins knows nobody.
                self.0.retain(|(hears, _), _| *hears != node.name);
                continue;
            };
            for peer in nodes.iter().filter(|peer| peer.name != node.name) {
                let Some(other) = &peer.running else { continue };
                if !network.is_open(&peer.name, &node.name) || !network.is_open(&node.name, &peer.name) {
                    continue;
                }
                let heard = Heard {
                    at: now,
                    generation: peer.generation,
                    said: *other.announcement.borrow(),
                };
                self.0.insert((node.name.clone(), peer.name.clone()), heard);
            }
            let directory = self.directory(node, *running.announcement.borrow(), nodes, now);
            running.directory.send_replace(Arc::new(directory));
        }
    }

    fn directory(&self, node: &Machine, mine: Announcement, nodes: &[Machine], now: Instant) -> Directory {
        let peers = nodes.iter().filter_map(|peer| {
            if peer.name == node.name {
                return Some(entry(&peer.name, node.generation, mine, true, true));
            }
            let heard = self.0.get(&(node.name.clone(), peer.name.clone()))?;
            let alive = now.duration_since(heard.at) < DEAD;
            Some(entry(&peer.name, heard.generation, heard.said, alive, false))
        });
        let peers: Vec<Peer> = peers.collect();
        let alive = peers.iter().filter(|peer| peer.alive).count();
        Directory {
            quorum: 2 * alive > peers.len(),
            joined: peers.len() > 1,
            peers,
        }
    }
}

fn entry(name: &str, generation: u64, said: Announcement, alive: bool, is_me: bool) -> Peer {
    let raft = PeerRaft {
        id: said.id,
        group: said.group,
        role: said.role,
        checkpoint: said.checkpoint,
        digest: said.digest,
    };
    Peer {
        node: name.to_owned(),
        generation,
        raft: Some(raft).filter(|raft| raft.id != 0),
        address: format!("{name}:1"),
        alive,
        ready: true,
        ready_since: None,
        is_me,
    }
}

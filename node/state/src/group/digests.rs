//! Comparison of digests: finds a node whose state is not that of the others.

use std::collections::BTreeMap;

use super::directory::{Directory, Role};
use super::parts::Me;

/// How many of our checkpoints are remembered: peers may be behind.
const REMEMBERED: usize = 64;

/// Our own checkpoints.
#[derive(Debug, Default)]
pub(crate) struct Checkpoints(BTreeMap<u64, u64>);

/// This node's state is not that of the others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Differs {
    /// The index at which it shows.
    pub(crate) index: u64,
    /// The nodes that agree with one another and not with us.
    pub(crate) others: Vec<String>,
}

impl Checkpoints {
    /// Remembers one.
    pub(crate) fn add(&mut self, index: u64, digest: u64) {
        if index > 0 {
            self.0.insert(index, digest);
        }
        while self.0.len() > REMEMBERED {
            self.0.pop_first();
        }
    }

    /// Compares with what the members of `group` say. Who has fewer voices on its side is wrong; with as many
    /// on either side the leader is right, and without a leader among them nothing is said.
    pub(crate) fn compare(&self, me: &Me, leads: bool, group: u64, directory: &Directory) -> Option<Differs> {
        let mut voices: BTreeMap<u64, Vec<(&str, Role, u64)>> = BTreeMap::new();
        for peer in &directory.peers {
            let Some(raft) = peer
                .raft
                .filter(|raft| raft.group == group && raft.checkpoint > 0)
            else {
                continue;
            };
            if !peer.is_me && peer.alive && peer.node != me.node {
                let voice = (peer.node.as_str(), raft.role, raft.digest);
                voices.entry(raft.checkpoint).or_default().push(voice);
            }
        }
        let checked = self
            .0
            .iter()
            .filter_map(|(index, digest)| Some((*index, *digest, voices.get(index)?)));
        checked.into_iter().find_map(|(index, digest, voices)| {
            let others = verdict(digest, leads, voices)?;
            Some(Differs { index, others })
        })
    }
}

/// The nodes that overrule `mine`, if they do.
fn verdict(mine: u64, leads: bool, voices: &[(&str, Role, u64)]) -> Option<Vec<String>> {
    let mut sides: BTreeMap<u64, (usize, bool)> = BTreeMap::from([(mine, (1, leads))]);
    for (_, role, digest) in voices {
        let side = sides.entry(*digest).or_default();
        side.0 += 1;
        side.1 |= *role == Role::Leader;
    }
    let own = *sides.get(&mine)?;
    let (right, _) = sides
        .into_iter()
        .find(|(digest, side)| *digest != mine && *side > own)?;
    let others = voices.iter().filter(|(_, _, digest)| *digest == right);
    Some(others.map(|(node, _, _)| (*node).to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::directory::{Peer, PeerRaft};

    /// Voices are words: `b=5` says digest 5, `c=5*` leads.
    fn compare(mine: u64, leads: bool, voices: &str) -> Option<Vec<String>> {
        let peer = |word: &str| {
            let (node, said) = word.split_once('=').unwrap();
            Peer {
                node: node.into(),
                alive: true,
                raft: Some(PeerRaft {
                    id: 9,
                    group: 7,
                    role: if said.ends_with('*') {
                        Role::Leader
                    } else {
                        Role::Learner
                    },
                    checkpoint: 64,
                    digest: said.trim_end_matches('*').parse().unwrap(),
                }),
                ..Peer::default()
            }
        };
        let directory = Directory {
            peers: voices.split_whitespace().map(peer).collect(),
            ..Directory::default()
        };
        let me = Me {
            node: "a".into(),
            generation: 1,
        };
        let mut checkpoints = Checkpoints::default();
        checkpoints.add(64, mine);
        checkpoints
            .compare(&me, leads, 7, &directory)
            .map(|differs| differs.others)
    }

    #[test]
    fn fewer_voices_are_wrong_and_between_equals_the_leader_is_right() {
        let none: Option<Vec<String>> = None;
        let some = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        for (mine, leads, voices, expected) in [
            (5, false, "b=5 c=5*", none.clone()),
            (5, false, "b=6 c=6*", some(&["b", "c"])),
            (5, true, "b=6 c=6", some(&["b", "c"])),
            (5, false, "b=6*", some(&["b"])),
            (5, true, "b=6", none.clone()),
            (5, false, "b=6", none.clone()),
            (5, false, "b=6 c=5*", none.clone()),
            (5, false, "b=6* c=5", none.clone()),
            (5, false, "b=5 c=6* d=6", some(&["c", "d"])),
            (5, false, "b=6* c=7", some(&["b"])),
            (5, false, "", none),
        ] {
            assert_eq!(
                compare(mine, leads, voices),
                expected,
                "{mine} {leads} `{voices}`"
            );
        }
    }

    #[test]
    fn only_the_same_index_is_compared() {
        let mut checkpoints = Checkpoints::default();
        for index in 1..=1000 {
            checkpoints.add(index * 64, index);
        }
        assert_eq!(checkpoints.0.len(), REMEMBERED);
        let peer = Peer {
            node: "b".into(),
            alive: true,
            raft: Some(PeerRaft {
                id: 2,
                group: 7,
                role: Role::Leader,
                checkpoint: 64,
                digest: 9,
            }),
            ..Peer::default()
        };
        let directory = Directory {
            peers: vec![peer],
            ..Directory::default()
        };
        let me = Me {
            node: "a".into(),
            generation: 1,
        };
        assert_eq!(checkpoints.compare(&me, false, 7, &directory), None);
    }
}

//! Comparison of digests: finds a node whose state is not that of the others.

use std::collections::{BTreeMap, BTreeSet};

use super::directory::{Directory, PeerRaft};
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

    /// Compares with what the members of `group` say. Only a majority of all `voters` that agree with one another is
    /// right: so at most a minority of the voters can ever be found wrong, and what is committed stays.
    pub(crate) fn compare(
        &self,
        me: &Me,
        voters: &BTreeSet<u64>,
        group: u64,
        directory: &Directory,
    ) -> Option<Differs> {
        let mut voices: BTreeMap<u64, Vec<(&str, u64)>> = BTreeMap::new();
        for peer in &directory.peers {
            let says =
                |raft: &PeerRaft| raft.group == group && raft.checkpoint > 0 && voters.contains(&raft.id);
            let Some(raft) = peer.raft.filter(says) else {
                continue;
            };
            if !peer.is_me && peer.alive && peer.node != me.node {
                let voice = (peer.node.as_str(), raft.digest);
                voices.entry(raft.checkpoint).or_default().push(voice);
            }
        }
        let mut checked = self
            .0
            .iter()
            .filter_map(|(index, digest)| Some((*index, *digest, voices.get(index)?)));
        checked.find_map(|(index, digest, voices)| {
            let others = verdict(digest, voters.len(), voices)?;
            Some(Differs { index, others })
        })
    }
}

/// The voters that overrule `mine`, if they do.
fn verdict(mine: u64, voters: usize, voices: &[(&str, u64)]) -> Option<Vec<String>> {
    let mut sides: BTreeMap<u64, Vec<&str>> = BTreeMap::new();
    for (node, digest) in voices.iter().filter(|(_, digest)| *digest != mine) {
        sides.entry(*digest).or_default().push(node);
    }
    let right = sides.into_values().find(|side| 2 * side.len() > voters)?;
    Some(right.into_iter().map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::group::directory::Peer;

    /// Voices are words: `b=5` says digest 5. Every node but those written in capitals votes, and so does this one
    /// where `me` says so.
    fn compare(me: bool, voices: &str) -> Option<Vec<String>> {
        let mut voters = BTreeSet::from_iter(me.then_some(1));
        let mut peer = |(id, word): (u64, &str)| {
            let (node, digest) = word.split_once('=').unwrap();
            if node.chars().all(char::is_lowercase) {
                voters.insert(id);
            }
            Peer {
                node: node.into(),
                alive: true,
                raft: Some(PeerRaft {
                    id,
                    group: 7,
                    checkpoint: 64,
                    digest: digest.parse().unwrap(),
                    ..PeerRaft::default()
                }),
                ..Peer::default()
            }
        };
        let directory = Directory {
            peers: (2..).zip(voices.split_whitespace()).map(&mut peer).collect(),
            ..Directory::default()
        };
        let me = Me {
            node: "me".into(),
            generation: 1,
        };
        let mut checkpoints = Checkpoints::default();
        checkpoints.add(64, 5);
        checkpoints
            .compare(&me, &voters, 7, &directory)
            .map(|differs| differs.others)
    }

    #[test]
    fn only_a_majority_of_all_voters_is_right() {
        let none: Option<Vec<String>> = None;
        let some = |names: &[&str]| Some(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        for (votes, voices, expected) in [
            (true, "b=5 c=5", none.clone()),
            (true, "b=6 c=6", some(&["b", "c"])),
            (true, "b=6", none.clone()),
            (true, "b=6 c=5", none.clone()),
            (true, "b=6 c=7", none.clone()),
            (true, "b=6 c=6 d=5 e=5", none.clone()),
            (true, "b=6 c=6 d=6 e=5", some(&["b", "c", "d"])),
            (true, "b=5 c=5 D=6 E=6 F=6 G=6", none.clone()),
            (false, "b=6 c=6 d=5", some(&["b", "c"])),
            (false, "b=6 c=5", none.clone()),
            (true, "", none),
        ] {
            assert_eq!(compare(votes, voices), expected, "{votes} `{voices}`");
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
                checkpoint: 64,
                digest: 9,
                ..PeerRaft::default()
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
        assert_eq!(
            checkpoints.compare(&me, &BTreeSet::from([2]), 7, &directory),
            None
        );
    }
}

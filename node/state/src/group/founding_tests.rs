//! What a store without a group does, case by case.

use super::*;
use crate::group::directory::{Peer, PeerRaft, Role};

/// A directory from words: `a` lives without a group, `b!` is dead, `c:7` belongs to group 7, `d?` has no
/// store. The Raft id is the letter's place in the alphabet.
fn directory(peers: &str, me: &str) -> Directory {
    let peer = |word: &str| {
        let node = &word[..1];
        let group = word
            .split_once(':')
            .map_or(0, |(_, group)| group.trim_end_matches('!').parse().unwrap());
        Peer {
            node: node.into(),
            alive: !word.ends_with('!'),
            is_me: node == me,
            raft: (!word.ends_with('?')).then(|| PeerRaft {
                id: raft_id(node),
                group,
                role: Role::None,
                ..PeerRaft::default()
            }),
            ..Peer::default()
        }
    };
    Directory {
        peers: peers.split_whitespace().map(peer).collect(),
        quorum: true,
        joined: true,
    }
}

fn raft_id(node: &str) -> u64 {
    u64::from(node.as_bytes()[0] - b'a' + 1)
}

fn plan_of(group: u64, nodes: &str) -> Plan {
    let founder = |node: &str| Founder {
        node: node.into(),
        raft_id: raft_id(node),
    };
    Plan {
        group,
        founders: nodes.split_whitespace().map(founder).collect(),
    }
}

fn promised(group: u64, nodes: &str) -> Promises {
    let mut promises = Promises::default();
    promises.promise(&plan_of(group, nodes));
    promises
}

struct Case {
    me: &'static str,
    peers: &'static str,
    promises: Promises,
    begun: bool,
    alone: bool,
}

impl Case {
    fn new(me: &'static str, peers: &'static str) -> Self {
        Self {
            me,
            peers,
            promises: Promises::default(),
            begun: false,
            alone: false,
        }
    }

    fn next_at(&self, now: Instant, memory: &mut Memory) -> Step {
        let me = Me {
            node: self.me.into(),
            generation: 1,
        };
        let known = Known {
            me: &me,
            raft_id: raft_id(self.me),
            voters: 3,
            alone: self.alone,
            directory: &directory(self.peers, self.me),
            promises: &self.promises,
            begun: self.begun,
            now,
            fresh_group: 99,
        };
        next(&known, memory)
    }

    fn next(&self) -> Step {
        self.next_at(Instant::now(), &mut Memory::default())
    }

    /// The step after it has stood like this for `waited`.
    fn after(&self, waited: Duration) -> Step {
        let (start, mut memory) = (Instant::now(), Memory::default());
        self.next_at(start, &mut memory);
        self.next_at(start + waited, &mut memory)
    }
}

fn waits(step: &Step, word: &str) {
    assert!(matches!(step, Step::Wait(why) if why.contains(word)), "{step:?}");
}

#[test]
fn the_smallest_of_the_smallest_begins_and_the_others_wait() {
    assert_eq!(
        Case::new("a", "a b c d").next(),
        Step::Begin(plan_of(99, "a b c"))
    );
    waits(&Case::new("b", "a b c d").next(), "`a` founds");
    waits(&Case::new("d", "a b c d").next(), "`a` founds");
    assert_eq!(
        Case::new("b", "a! b c d").next(),
        Step::Begin(plan_of(99, "b c d"))
    );
}

#[test]
fn too_few_found_nothing() {
    waits(&Case::new("a", "a b").next(), "2 of 3 voters have met");
    waits(&Case::new("a", "a b c!").next(), "2 of 3 voters have met");
    waits(&Case::new("a", "a b c?").next(), "2 of 3 voters have met");
    waits(&Case::new("a", "").next(), "1 of 3 voters have met");
}

#[test]
fn where_there_is_a_group_none_is_founded() {
    for peers in ["a b c d:7", "a b c d:7!"] {
        waits(&Case::new("a", peers).next(), "has not taken this node in");
    }
    let mut founder = Case::new("b", "a:7 b c");
    founder.promises = promised(7, "a b c");
    waits(&founder.next(), "has not reached this node");
    waits(&founder.after(STUCK * 10), "has not reached this node");
}

#[test]
fn a_promise_is_kept_for_a_while_then_taken_back() {
    let mut driver = Case::new("a", "a b c d");
    driver.promises = promised(5, "a c d");
    assert_eq!(driver.next(), Step::Begin(plan_of(5, "a c d")));
    assert_eq!(driver.after(STUCK), Step::TakeBack(plan_of(5, "a c d")));
    let mut founder = Case::new("c", "a b c d");
    founder.promises = promised(5, "a c d");
    waits(&founder.next(), "`a` founds");
    assert_eq!(founder.after(STUCK), Step::TakeBack(plan_of(5, "a c d")));
}

#[test]
fn what_was_begun_is_given_up_only_for_a_reason() {
    let mut begun = Case::new("a", "a b c");
    begun.promises = promised(5, "a b c");
    begun.begun = true;
    waits(&begun.next(), "voting");
    waits(&begun.after(STUCK), "voting");
    assert_eq!(begun.after(DESERTED), Step::Inquire(plan_of(5, "a b c")));
    begun.peers = "a b:7 c:7";
    waits(&begun.next(), "has not taken this node in");
    assert!(matches!(begun.after(OTHER_GROUP), Step::GiveUp(_)));
    begun.peers = "a b:5 c";
    waits(&begun.after(OTHER_GROUP), "has not reached");
}

#[test]
fn without_gossip_the_group_is_this_node() {
    let mut alone = Case::new("b", "");
    alone.alone = true;
    assert_eq!(alone.next(), Step::Begin(plan_of(99, "b")));
    alone.promises = promised(5, "b");
    assert_eq!(alone.next(), Step::Begin(plan_of(5, "b")));
    alone.promises = promised(5, "a b c");
    assert_eq!(alone.next(), Step::TakeBack(plan_of(5, "a b c")));
    alone.begun = true;
    assert!(matches!(alone.next(), Step::GiveUp(_)));
}

#[test]
fn nothing_is_founded_before_the_gossip_has_found_its_peers() {
    let case = Case::new("a", "a b c");
    let me = Me {
        node: "a".into(),
        generation: 1,
    };
    let known = Known {
        me: &me,
        raft_id: 1,
        voters: 3,
        alone: false,
        directory: &Directory {
            joined: false,
            ..directory(case.peers, "a")
        },
        promises: &case.promises,
        begun: false,
        now: Instant::now(),
        fresh_group: 99,
    };
    waits(&next(&known, &mut Memory::default()), "gossip");
}

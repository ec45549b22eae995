//! Changes of the membership, case by case.

use ringwatch_frame::Tick;

use super::*;
use crate::group::directory::PeerRaft;

const AFTER: Duration = Duration::from_secs(300);

/// A group and what the gossip shows of it.
struct Case {
    members: Members,
    directory: Directory,
    memory: Memory,
    start: Instant,
}

/// Members from words `a1`: node and Raft id.
fn members(words: &str) -> BTreeMap<u64, String> {
    let member = |word: &str| (word[1..].parse().unwrap(), word[..1].to_owned());
    words.split_whitespace().map(member).collect()
}

impl Case {
    /// Node `a` leads with store 1. The peers are words: `b2` lives, `b2!` is dead, `b2@30` has been ready
    /// since second 30.
    fn new(voters: &str, learners: &str, peers: &str) -> Self {
        let learners = members(learners);
        let mut case = Self {
            members: Members {
                me: 1,
                voters: members(voters),
                caught_up: learners.keys().copied().collect(),
                learners,
                unfinished: None,
            },
            directory: Directory::default(),
            memory: Memory::new(7, 3, AFTER),
            start: Instant::now(),
        };
        case.show(peers);
        case
    }

    fn show(&mut self, peers: &str) {
        let peer = |word: &str| {
            let alive = !word.ends_with('!');
            let word = word.trim_end_matches('!');
            let (store, ready) = word.split_once('@').unwrap_or((word, ""));
            let seconds: Option<i64> = ready.parse().ok();
            Peer {
                node: store[..1].into(),
                raft: Some(PeerRaft {
                    id: store[1..].parse().unwrap(),
                    ..PeerRaft::default()
                }),
                alive,
                ready: seconds.is_some(),
                ready_since: seconds.map(|seconds| Tick::from_unix_nanos(seconds * 1_000_000_000)),
                is_me: store == "a1",
                ..Peer::default()
            }
        };
        self.directory.peers = peers.split_whitespace().map(peer).collect();
    }

    fn next_at(&mut self, seconds: u64) -> Option<ChangeStep> {
        let now = self.start + Duration::from_secs(seconds);
        next_change(&self.members, &self.directory, now, &mut self.memory)
    }

    fn next(&mut self) -> Option<ChangeStep> {
        self.next_at(0)
    }
}

fn voters(ids: &[u64]) -> Option<ChangeStep> {
    Some(ChangeStep::Voters(ids.iter().copied().collect()))
}

#[test]
fn a_whole_group_needs_nothing() {
    let mut case = Case::new("a1 b2 c3", "d4", "a1 b2 c3 d4");
    assert_eq!(case.next(), None);
    // A node that restarted says the same id, wherever it is reached now.
    assert_eq!(case.next_at(10_000), None);
}

#[test]
fn whoever_lives_and_is_no_member_is_taken_in() {
    let mut case = Case::new("a1 b2 c3", "", "a1 b2 c3 d4 e5");
    let add = ChangeStep::AddLearner {
        id: 4,
        node: "d".into(),
    };
    assert_eq!(case.next(), Some(add));
    case.show("a1 b2 c3 d4!");
    assert_eq!(case.next(), None, "the dead are not taken in");
    case.show("a1 b2 c3 d4");
    case.directory.peers[3].raft = Some(PeerRaft {
        id: 4,
        group: 8,
        ..PeerRaft::default()
    });
    assert_eq!(case.next(), None, "a store of another group is not ours");
    case.directory.peers[3].raft = Some(PeerRaft {
        id: 4,
        group: 7,
        ..PeerRaft::default()
    });
    assert!(case.next().is_some());
}

#[test]
fn a_dead_voter_is_replaced_after_minutes_by_the_longest_ready() {
    let mut case = Case::new("a1 b2 c3", "d4 e5 f6", "a1 b2 c3! d4@50 e5@20 f6");
    assert_eq!(case.next(), None);
    assert_eq!(case.next_at(299), None);
    assert_eq!(case.next_at(300), voters(&[1, 2, 5]));
}

#[test]
fn a_blink_replaces_nobody() {
    let mut case = Case::new("a1 b2 c3", "d4", "a1 b2 c3! d4@1");
    assert_eq!(case.next(), None);
    case.show("a1 b2 c3 d4@1");
    assert_eq!(case.next_at(200), None);
    case.show("a1 b2 c3! d4@1");
    assert_eq!(case.next_at(400), None, "the time begins anew");
    assert_eq!(case.next_at(700), voters(&[1, 2, 4]));
}

#[test]
fn a_wiped_voter_is_replaced_at_once_by_its_own_new_store_first() {
    let mut case = Case::new("a1 b2 c3", "d4", "a1 b2 c9 d4@1");
    let add = ChangeStep::AddLearner {
        id: 9,
        node: "c".into(),
    };
    assert_eq!(case.next(), Some(add));
    case.members.learners.insert(9, "c".into());
    assert_eq!(
        case.next(),
        voters(&[1, 2, 4]),
        "another is ready and the new store is not"
    );
    case.members.caught_up.insert(9);
    assert_eq!(case.next(), voters(&[1, 2, 9]));
}

#[test]
fn no_change_costs_the_quorum() {
    // Two of three are gone: whatever the leader did would never be agreed on.
    let mut case = Case::new("a1 b2 c3", "d4", "a1 b2! c3! d4@1");
    case.next();
    assert_eq!(case.next_at(1000), None);
    let mut case = Case::new("a1 b2", "", "a1 b2!");
    case.memory.voters = 1;
    assert_eq!(case.next_at(1000), None);
}

#[test]
fn voters_grow_two_at_a_time_and_shrink_one_by_one() {
    let mut case = Case::new("a1", "b2", "a1 b2");
    assert_eq!(
        case.next(),
        None,
        "two voters would bear no loss, as one does not"
    );
    case = Case::new("a1", "b2 c3 d4", "a1 b2@9 c3@8 d4@7");
    assert_eq!(case.next(), voters(&[1, 3, 4]));
    case = Case::new("a1 b2", "c3", "a1 b2 c3");
    assert_eq!(case.next(), voters(&[1, 2, 3]));
    case = Case::new("a1 b2 c3", "d4 e5", "a1 b2 c3 d4 e5");
    case.memory.voters = 5;
    assert_eq!(case.next(), voters(&[1, 2, 3, 4, 5]));
    case = Case::new("a1 b2 c3 d4 e5", "", "a1 b2 c3 d4 e5");
    assert_eq!(case.next(), voters(&[1, 2, 3, 4]));
    case.show("a1 b2! c3 d4 e5");
    assert_eq!(case.next(), voters(&[1, 3, 4, 5]), "the dead go first");
}

#[test]
fn a_learner_has_to_be_caught_up_and_alive_to_vote() {
    let mut case = Case::new("a1 b2", "c3", "a1 b2 c3");
    case.members.caught_up.clear();
    assert_eq!(case.next(), None);
    case = Case::new("a1 b2", "c3", "a1 b2 c3!");
    assert_eq!(case.next(), None);
}

#[test]
fn learners_that_will_not_come_back_are_taken_out() {
    let mut case = Case::new("a1 b2 c3", "d4 e5", "a1 b2 c3 d9 e5!");
    case.members.learners.insert(9, "d".into());
    let remove = ChangeStep::RemoveLearner {
        id: 4,
        node: "d".into(),
    };
    assert_eq!(case.next(), Some(remove));
    case.members.learners.remove(&4);
    assert_eq!(case.next(), None);
    assert_eq!(case.next_at(24 * 3600 - 1), None);
    let remove = ChangeStep::RemoveLearner {
        id: 5,
        node: "e".into(),
    };
    assert_eq!(case.next_at(24 * 3600), Some(remove));
}

#[test]
fn a_change_that_was_begun_is_ended_first() {
    let mut case = Case::new("a1 b2 c3", "d4", "a1 b2 c3 d4 e5");
    case.members.unfinished = Some([1, 2, 4].into());
    assert_eq!(case.next(), Some(ChangeStep::Finish([1, 2, 4].into())));
}

#[test]
fn a_node_of_another_name_with_the_same_store_is_the_same_member() {
    let mut case = Case::new("a1 b2 c3", "", "a1 b2 c3! x3");
    let rename = ChangeStep::Rename {
        id: 3,
        node: "x".into(),
    };
    assert_eq!(case.next(), Some(rename));
    case.members.voters.insert(3, "x".into());
    assert_eq!(case.next_at(10_000), None);
}

#[test]
fn who_is_unknown_to_the_gossip_counts_as_gone() {
    let mut case = Case::new("a1 b2 c3", "d4", "a1 b2 d4@1");
    assert_eq!(case.next(), None);
    assert_eq!(case.next_at(300), voters(&[1, 2, 4]));
}

//! Whether openraft's own messages can be what they say. openraft trusts them, and panics on some that no
//! honest member sends.

use openraft::EntryPayload;
use openraft::raft::{AppendEntriesRequest, VoteRequest};

use super::types::{Entry, LogId, RaftNode, Types};
use crate::network::{CallError, Part};

/// Terms and indexes beyond this are none that a group comes to.
const MOST: u64 = 1 << 53;
/// The most members of a group, with some that are being replaced.
const MEMBERS: usize = 2000;

type Membership = openraft::Membership<u64, RaftNode>;

/// A request for a vote of the store `from`.
pub(crate) fn vote(request: &VoteRequest<u64>, from: u64) -> Result<(), CallError> {
    let sane = is_vote(&request.vote, from, false) && request.last_log_id.as_ref().is_none_or(is_log_id);
    sane.then_some(()).ok_or_else(|| refused("a request for a vote"))
}

/// Entries of the leader `from`.
pub(crate) fn append(request: &AppendEntriesRequest<Types>, from: u64) -> Result<(), CallError> {
    let ids = [request.prev_log_id, request.leader_commit];
    let first = request.prev_log_id.map_or(0, |id| id.index.saturating_add(1));
    let sane = is_vote(&request.vote, from, true)
        && ids.iter().flatten().all(is_log_id)
        && (first..)
            .zip(&request.entries)
            .all(|(index, entry)| is_entry(entry, index))
        && request
            .entries
            .iter()
            .all(|entry| entry.log_id.leader_id.term <= request.vote.leader_id.term);
    sane.then_some(()).ok_or_else(|| refused("an append"))
}

/// A part of a snapshot of the leader `from`.
pub(crate) fn part(part: &Part, from: u64) -> Result<(), CallError> {
    let membership = &part.meta.last_membership;
    let ids = [part.meta.last_log_id, *membership.log_id()];
    let sane = is_vote(&part.vote, from, true)
        && ids.iter().flatten().all(is_log_id)
        && part.meta.last_log_id.is_some()
        && is_membership(membership.membership());
    sane.then_some(()).ok_or_else(|| refused("a snapshot"))
}

fn refused(what: &str) -> CallError {
    CallError::Refused(format!("{what} holds what cannot be"))
}

fn is_vote(vote: &super::types::Vote, from: u64, committed: bool) -> bool {
    vote.committed == committed && vote.leader_id.node_id == from && vote.leader_id.term <= MOST
}

fn is_log_id(id: &LogId) -> bool {
    id.index <= MOST && id.leader_id.term <= MOST
}

fn is_entry(entry: &Entry, index: u64) -> bool {
    let sane = match &entry.payload {
        EntryPayload::Membership(membership) => is_membership(membership),
        EntryPayload::Normal(_) | EntryPayload::Blank => true,
    };
    sane && entry.log_id.index == index && is_log_id(&entry.log_id)
}

/// Every voter is a known member, and there are voters.
fn is_membership(membership: &Membership) -> bool {
    let configs = membership.get_joint_config();
    let known = |id: &u64| membership.get_node(id).is_some();
    (1..=2).contains(&configs.len())
        && membership.nodes().count() <= MEMBERS
        && configs
            .iter()
            .all(|voters| !voters.is_empty() && voters.iter().all(known))
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use openraft::CommittedLeaderId;

    use super::*;
    use crate::group::types::{EntryBytes, Vote};
    use crate::network::{decode, encode};

    fn id(term: u64, index: u64) -> LogId {
        LogId::new(CommittedLeaderId::new(term, 9), index)
    }

    fn request() -> AppendEntriesRequest<Types> {
        let nodes: BTreeMap<u64, RaftNode> = [(9, RaftNode::new("a")), (8, RaftNode::new("b"))].into();
        let membership = Membership::new(vec![BTreeSet::from([9])], nodes);
        let payloads = [
            EntryPayload::Blank,
            EntryPayload::Normal(EntryBytes::default()),
            EntryPayload::Membership(membership),
        ];
        let entries = (6..).zip(payloads).map(|(index, payload)| Entry {
            log_id: id(3, index),
            payload,
        });
        AppendEntriesRequest {
            vote: Vote::new_committed(3, 9),
            prev_log_id: Some(id(2, 5)),
            entries: entries.collect(),
            leader_commit: Some(id(2, 4)),
        }
    }

    #[test]
    fn what_openraft_sends_passes_and_comes_through() {
        let request = request();
        assert_eq!(append(&request, 9), Ok(()));
        let bytes = encode(&request).unwrap();
        let back: AppendEntriesRequest<Types> = decode(&bytes).unwrap();
        assert_eq!(encode(&back).unwrap(), bytes);
        assert!(decode::<AppendEntriesRequest<Types>>(&bytes[..bytes.len() - 1]).is_err());
    }

    #[test]
    fn what_cannot_be_is_refused() {
        type Change = fn(&mut AppendEntriesRequest<Types>);
        let changes: [Change; 8] = [
            |r| r.vote.committed = false,
            |r| r.vote.leader_id.node_id = 8,
            |r| r.vote.leader_id.term = u64::MAX,
            |r| r.prev_log_id = None,
            |r| r.prev_log_id = Some(id(2, u64::MAX)),
            |r| drop(r.entries.remove(1)),
            |r| r.entries.swap(0, 1),
            |r| r.vote.leader_id.term = 2,
        ];
        for (number, change) in changes.into_iter().enumerate() {
            let mut bad = request();
            change(&mut bad);
            assert!(append(&bad, 9).is_err(), "change {number}");
        }
        let mut bad = request();
        bad.entries[2].payload = EntryPayload::Membership(Membership::default());
        assert!(append(&bad, 9).is_err(), "a membership without voters");
    }

    #[test]
    fn a_vote_is_asked_for_in_one_s_own_name() {
        let request = |term, node| VoteRequest {
            vote: Vote::new(term, node),
            last_log_id: Some(id(2, 5)),
        };
        assert_eq!(vote(&request(3, 9), 9), Ok(()));
        assert!(vote(&request(3, 8), 9).is_err());
        assert!(vote(&request(u64::MAX, 9), 9).is_err());
    }
}

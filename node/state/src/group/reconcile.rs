//! Which change the membership of the group needs next. Pure: [`next_change`] decides, the leader acts, one
//! change at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use super::directory::{Directory, Peer};

/// How long a learner is dead before it is taken out.
const LEARNER_DEAD: Duration = Duration::from_secs(24 * 60 * 60);
/// The most members of a group.
const MOST: usize = 1000;

/// The members of the group, as the leader knows them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Members {
    /// This store, which leads.
    pub(crate) me: u64,
    /// The voters: Raft id and node.
    pub(crate) voters: BTreeMap<u64, String>,
    /// The learners: Raft id and node.
    pub(crate) learners: BTreeMap<u64, String>,
    /// Those that have all entries but the last few.
    pub(crate) caught_up: BTreeSet<u64>,
    /// A change of voters was begun and not ended: the voters that are to be.
    pub(crate) unfinished: Option<BTreeSet<u64>>,
}

/// What the leader wants of the group, and since when members have been gone.
#[derive(Debug)]
pub(crate) struct Memory {
    /// The group's id.
    pub(crate) group: u64,
    /// How many nodes shall vote.
    pub(crate) voters: usize,
    /// How long a voter is dead before another takes its place.
    pub(crate) replace_after: Duration,
    gone: BTreeMap<u64, Instant>,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ChangeStep {
    /// Bring a change to its end that was begun.
    Finish(BTreeSet<u64>),
    /// Take a store in that shall get all entries.
    AddLearner { id: u64, node: String },
    /// These are the voters from now on; whoever was one before and is not named learns.
    Voters(BTreeSet<u64>),
    /// Take a learner out.
    RemoveLearner { id: u64, node: String },
    /// The store belongs to a node of another name now.
    Rename { id: u64, node: String },
}

impl fmt::Display for ChangeStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = |ids: &BTreeSet<u64>| ids.iter().map(u64::to_string).collect::<Vec<_>>().join(", ");
        match self {
            Self::Finish(voters) => write!(f, "the change to the voters {} is finished", ids(voters)),
            Self::AddLearner { id, node } => write!(f, "node `{node}` learns, with store {id}"),
            Self::Voters(voters) => write!(f, "the stores {} vote", ids(voters)),
            Self::RemoveLearner { id, node } => write!(f, "store {id} of node `{node}` is taken out"),
            Self::Rename { id, node } => write!(f, "store {id} belongs to node `{node}` now"),
        }
    }
}

/// How a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    /// It lives, as far as the gossip shows.
    Alive,
    /// It is not seen, since then.
    Gone(Instant),
    /// Its node lives with another store: this one will not come back.
    Replaced,
}

impl Memory {
    pub(crate) fn new(group: u64, voters: usize, replace_after: Duration) -> Self {
        Self {
            group,
            voters,
            replace_after,
            gone: BTreeMap::new(),
        }
    }

    /// How the store `id` of `node` is; remembers since when it has been gone.
    fn health(
        &mut self,
        members: &Members,
        directory: &Directory,
        id: u64,
        node: &str,
        now: Instant,
    ) -> Health {
        if id == members.me || directory.by_raft(id).is_some() {
            self.gone.remove(&id);
            return Health::Alive;
        }
        let replaced = directory
            .peer(node)
            .is_some_and(|peer| peer.alive && peer.raft_id().is_some_and(|now| now != id));
        if replaced {
            self.gone.remove(&id);
            return Health::Replaced;
        }
        Health::Gone(*self.gone.entry(id).or_insert(now))
    }
}

/// The next change, if one is needed and can be made without risk for the quorum.
pub(crate) fn next_change(
    members: &Members,
    directory: &Directory,
    now: Instant,
    memory: &mut Memory,
) -> Option<ChangeStep> {
    if let Some(voters) = &members.unfinished {
        return Some(ChangeStep::Finish(voters.clone()));
    }
    let all = members.voters.iter().chain(&members.learners);
    let health: BTreeMap<u64, Health> = all
        .map(|(id, node)| (*id, memory.health(members, directory, *id, node, now)))
        .collect();
    memory.gone.retain(|id, _| health.contains_key(id));
    let newcomer = newcomer(members, directory, memory.group);
    let voters = || next_voters(members, directory, &health, now, memory);
    let superfluous = || superfluous(members, &health, now);
    newcomer
        .or_else(voters)
        .or_else(superfluous)
        .or_else(|| renamed(members, directory))
}

/// A living store that is not a member.
fn newcomer(members: &Members, directory: &Directory, group: u64) -> Option<ChangeStep> {
    let is_new = |peer: &&Peer| {
        let known = |id| members.voters.contains_key(&id) || members.learners.contains_key(&id);
        let ours = peer.group() == 0 || peer.group() == group;
        peer.alive && ours && peer.raft_id().is_some_and(|id| !known(id))
    };
    if members.voters.len() + members.learners.len() >= MOST {
        return None;
    }
    let peer = directory.peers.iter().find(is_new)?;
    Some(ChangeStep::AddLearner {
        id: peer.raft_id()?,
        node: peer.node.clone(),
    })
}

/// Other voters: dead and replaced ones out, learners in, as many as there shall be.
fn next_voters(
    members: &Members,
    directory: &Directory,
    health: &BTreeMap<u64, Health>,
    now: Instant,
    memory: &Memory,
) -> Option<ChangeStep> {
    let lost = |id: &u64| match health.get(id) {
        Some(Health::Replaced) => true,
        Some(Health::Gone(since)) => now.duration_since(*since) >= memory.replace_after,
        Some(Health::Alive) | None => false,
    };
    let present: BTreeSet<u64> = members.voters.keys().copied().collect();
    let ready = candidates(members, directory, health);
    let mut next = present.clone();
    let out = present.iter().find(|id| lost(id));
    if let Some(out) = out {
        let node = members.voters.get(out);
        let own = ready.iter().find(|id| members.learners.get(id) == node);
        if present.len() > memory.voters {
            next.remove(out);
        } else if let Some(into) = own.or_else(|| ready.first()) {
            next.remove(out);
            next.insert(*into);
        }
    } else if present.len() > memory.voters {
        // Fewer are wanted than there are: the last of those that do not lead goes.
        let last = members.voters.iter().filter(|(id, _)| **id != members.me);
        let last = last.max_by_key(|(id, node)| (health.get(id) != Some(&Health::Alive), *node));
        next.remove(last?.0);
    } else if present.len() < memory.voters {
        // Two at a time where there is an odd number: with an even one a loss is less well borne.
        let missing = memory.voters - present.len();
        let step = if present.len() % 2 == 1 { 2 } else { 1 };
        if missing >= step && ready.len() >= step {
            next.extend(ready.iter().take(step));
        }
    }
    let safe = keeps_quorum(&next, health) && keeps_quorum(&present, health);
    (next != present && safe && next.contains(&members.me)).then_some(ChangeStep::Voters(next))
}

/// The learners that could vote, the longest-ready first.
fn candidates(members: &Members, directory: &Directory, health: &BTreeMap<u64, Health>) -> Vec<u64> {
    let able = members
        .learners
        .iter()
        .filter(|(id, _)| members.caught_up.contains(id) && health.get(id) == Some(&Health::Alive));
    let since = able.map(|(id, node)| {
        let peer = directory.by_raft(*id);
        let ready_since = peer.filter(|peer| peer.ready).and_then(|peer| peer.ready_since);
        (ready_since.map_or(i64::MAX, |tick| tick.unix_nanos()), node, *id)
    });
    let mut since: Vec<_> = since.collect();
    since.sort();
    since.into_iter().map(|(_, _, id)| id).collect()
}

/// Whether a majority of `voters` lives.
fn keeps_quorum(voters: &BTreeSet<u64>, health: &BTreeMap<u64, Health>) -> bool {
    let alive = voters
        .iter()
        .filter(|id| health.get(id) == Some(&Health::Alive))
        .count();
    alive > voters.len() / 2
}

/// A learner that will not come back.
fn superfluous(members: &Members, health: &BTreeMap<u64, Health>, now: Instant) -> Option<ChangeStep> {
    let gone = |id: &u64| match health.get(id) {
        Some(Health::Replaced) => true,
        Some(Health::Gone(since)) => now.duration_since(*since) >= LEARNER_DEAD,
        Some(Health::Alive) | None => false,
    };
    let (id, node) = members.learners.iter().find(|(id, _)| gone(id))?;
    Some(ChangeStep::RemoveLearner {
        id: *id,
        node: node.clone(),
    })
}

/// A member whose node was given another name.
fn renamed(members: &Members, directory: &Directory) -> Option<ChangeStep> {
    let mut all = members.voters.iter().chain(&members.learners);
    all.find_map(|(id, node)| {
        let peer = directory.by_raft(*id).filter(|peer| peer.node != *node)?;
        Some(ChangeStep::Rename {
            id: *id,
            node: peer.node.clone(),
        })
    })
}

#[cfg(test)]
#[path = "reconcile_tests.rs"]
mod tests;

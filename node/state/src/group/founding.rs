//! What a store without a group does next. Pure: [`next`] decides, the founder acts.

use std::time::Duration;

use tokio::time::Instant;

use super::directory::Directory;
use super::parts::Me;
use super::promise::{Founder, Plan, Promises};

/// After this time a promise that came to nothing is taken back.
pub(crate) const STUCK: Duration = Duration::from_secs(15);
/// After this time a store that began a group which nobody follows asks whether the others have given it up.
const DESERTED: Duration = Duration::from_secs(30);
/// For how long another group is seen before what was begun here is given up for it.
const OTHER_GROUP: Duration = Duration::from_secs(10);

/// What is known when the next step is chosen.
pub(crate) struct Known<'a> {
    pub(crate) me: &'a Me,
    pub(crate) raft_id: u64,
    /// How many nodes shall vote.
    pub(crate) voters: usize,
    /// There is no gossip.
    pub(crate) alone: bool,
    pub(crate) directory: &'a Directory,
    pub(crate) promises: &'a Promises,
    /// The log has entries: this store drives, and has begun.
    pub(crate) begun: bool,
    pub(crate) now: Instant,
    /// A new group's id, should one be planned.
    pub(crate) fresh_group: u64,
}

/// What was seen before.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// The group last promised to, and since when.
    promised: Option<(u64, Instant)>,
    /// Since when another group has been seen.
    other: Option<Instant>,
}

/// The next step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Nothing; this is what it waits for.
    Wait(String),
    /// Collect the promises of all founders, and begin the group.
    Begin(Plan),
    /// The promise came to nothing: find out whether its group can still come to be.
    TakeBack(Plan),
    /// The group begun here may have been given up by the others: ask them.
    Inquire(Plan),
    /// The group begun here is none any more: this store has to be replaced.
    GiveUp(String),
}

/// The next step of a store without a group.
pub(crate) fn next(known: &Known<'_>, memory: &mut Memory) -> Step {
    let mine = known.promises.current.as_ref();
    memory.promised = mine.map(|plan| match memory.promised {
        Some((group, since)) if group == plan.group => (group, since),
        _ => (plan.group, known.now),
    });
    let waited = memory
        .promised
        .map_or(Duration::ZERO, |(_, since)| known.now.duration_since(since));
    if known.alone {
        return alone(known);
    }
    if let Some(step) = other_group(known, memory) {
        return step;
    }
    if known.begun {
        return match mine {
            Some(plan) if waited >= DESERTED => Step::Inquire(plan.clone()),
            _ => Step::Wait("the founders are voting".into()),
        };
    }
    if let Some(plan) = mine {
        if waited >= STUCK {
            return Step::TakeBack(plan.clone());
        }
        return match plan.driver() {
            Some(driver) if driver.raft_id == known.raft_id => Step::Begin(plan.clone()),
            Some(driver) => Step::Wait(format!("node `{}` founds the group", driver.node)),
            None => Step::TakeBack(plan.clone()),
        };
    }
    plan(known)
}

/// Without gossip the group is this node.
fn alone(known: &Known<'_>) -> Step {
    match &known.promises.current {
        Some(plan) if plan.founders.len() == 1 => Step::Begin(plan.clone()),
        Some(_) if known.begun => {
            Step::GiveUp("it began a group with others, and has no gossip to find them".into())
        }
        Some(plan) => Step::TakeBack(plan.clone()),
        None => Step::Begin(Plan {
            group: known.fresh_group,
            founders: vec![me(known)],
        }),
    }
}

/// There is a group already, if only of nodes that are dead now.
fn other_group(known: &Known<'_>, memory: &mut Memory) -> Option<Step> {
    let groups = known.directory.peers.iter().filter(|peer| !peer.is_me);
    let mut groups = groups
        .map(|peer| peer.group())
        .filter(|group| *group != 0)
        .peekable();
    if groups.peek().is_none() {
        memory.other = None;
        return None;
    }
    let mine = known.promises.current.as_ref().map(|plan| plan.group);
    if groups.any(|group| Some(group) == mine) {
        memory.other = None;
        return Some(Step::Wait(
            "the group's leader has not reached this node yet".into(),
        ));
    }
    let since = *memory.other.get_or_insert(known.now);
    if known.begun && known.now.duration_since(since) >= OTHER_GROUP {
        return Some(Step::GiveUp(
            "the cluster has founded another group than it began".into(),
        ));
    }
    Some(Step::Wait(
        "the cluster's group has not taken this node in yet".into(),
    ))
}

/// Plans a group, if enough nodes have met.
fn plan(known: &Known<'_>) -> Step {
    if !known.directory.joined {
        return Step::Wait("the gossip has not found its peers yet".into());
    }
    let peers = known
        .directory
        .peers
        .iter()
        .filter(|peer| peer.alive && !peer.is_me);
    let founders = peers.filter_map(|peer| {
        Some(Founder {
            node: peer.node.clone(),
            raft_id: peer.raft_id()?,
        })
    });
    let mut founders: Vec<_> = founders.chain([me(known)]).collect();
    founders.sort();
    founders.dedup_by(|one, next| one.node == next.node);
    let voters = known.voters.max(1);
    if founders.len() < voters {
        return Step::Wait(format!("{} of {voters} voters have met", founders.len()));
    }
    founders.truncate(voters);
    let driver = founders
        .first()
        .map(|driver| (driver.raft_id, driver.node.clone()));
    match driver {
        Some((raft_id, _)) if raft_id == known.raft_id => Step::Begin(Plan {
            group: known.fresh_group,
            founders,
        }),
        Some((_, node)) => Step::Wait(format!("node `{node}` founds the group")),
        None => Step::Wait("no voters have met".into()),
    }
}

fn me(known: &Known<'_>) -> Founder {
    Founder {
        node: known.me.node.clone(),
        raft_id: known.raft_id,
    }
}

#[cfg(test)]
#[path = "founding_tests.rs"]
mod tests;

//! For which targets of others this node stands by, and when it reads its own again after a pause.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use ringwatch_frame::{Epoch, TargetId};
use tokio::time::Instant;

use super::gate::{Others, Past, Words};
use super::steer::Steering;
use crate::member::{Incarnation, NodeId, Stage, State, TargetKey};
use crate::memories::Tie;
use crate::view::View;

/// So long after a pause a target without a link to its standby is not read.
const ALONE: Duration = Duration::from_secs(1);
/// So long a standby that can be reached may take to say what it did meanwhile.
const PATIENCE: Duration = Duration::from_secs(10);

/// So long after a view has made another node the standby of a target, the one before it covers on where the owner has
/// not told it yet: it may not come to that.
const LINGERS: Duration = Duration::from_secs(1);

/// So long after it was claimed the session of its former owner may be in the way.
const LATELY: Duration = Duration::from_secs(60);

/// A target for which this node stands by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Covering {
    /// Which.
    pub target: TargetId,
    /// Who owns it: whose sessions count.
    pub owner: NodeId,
    /// Under which epoch, which is that of what this node reads for it.
    pub epoch: u64,
}

/// Targets that are not read again before their standby has said what it did while this node was paused.
#[derive(Debug)]
pub(super) struct Waking {
    since: Instant,
    targets: BTreeSet<TargetId>,
}

impl Steering {
    /// Whether a target of ours waits for its standby after a pause.
    pub(super) fn is_waking(&self, target: &TargetId) -> bool {
        let waking = self.waking.as_ref();
        waking.is_some_and(|waking| waking.targets.contains(target))
    }

    /// The process was paused: standbys may have read what is ours.
    pub(super) fn fall_asleep(&mut self, now: Instant) {
        self.memories.resync();
        self.waking = Some(Waking {
            since: now,
            targets: self.owned.keys().cloned().collect(),
        });
    }

    /// Reads again what its standby has spoken of.
    pub(super) fn wake(&mut self, now: Instant) {
        let Some(waking) = &mut self.waking else {
            return;
        };
        let since = waking.since;
        waking.targets.retain(|target| match self.memories.tie(target) {
            Tie::Alone | Tie::Synced => false,
            Tie::Down(time) => time < ALONE || now < since + ALONE,
            Tie::Waits => now < since + PATIENCE,
        });
        if waking.targets.is_empty() {
            self.waking = None;
        }
    }

    /// Says for which targets this node stands by: those of which it was told by their owner, and whose heir
    /// it is by its own view.
    pub(super) fn care_for_covers(&mut self) {
        let covers: Vec<Covering> = if self.failure.is_none() && self.stage != Stage::Left {
            let owners = self.memories.shadow_owners().into_iter();
            let ours = owners.filter(|(target, owner, _)| self.covers_for(target, owner));
            ours.map(|(target, owner, epoch)| Covering {
                target,
                owner: owner.node,
                epoch,
            })
            .collect()
        } else {
            Vec::new()
        };
        self.claimed.retain(|target, _| self.owned.contains_key(target));
        let targets: BTreeSet<TargetId> = covers.iter().map(|cover| cover.target.clone()).collect();
        self.memories.set_covers(&targets);
        self.metrics.stands_ready(targets.len());
        self.gate.set_others(Others {
            covers: targets,
            at_work: self.at_work(),
            past: self.past_epochs(),
            seated: self.seated(),
        });
        self.covers.send_if_modified(|known| {
            let changed = **known != *covers;
            if changed {
                *known = Arc::from(covers);
            }
            changed
        });
    }

    /// Whether this node is who remembers a target beside `owner`, as [`heirs`](crate::plan::heirs) has it.
    fn covers_for(&self, target: &TargetId, owner: &Incarnation) -> bool {
        let (Some(membership), Some(view)) = (&self.membership, &self.view) else {
            return false;
        };
        let me = &membership.me;
        let busy = self.owned.contains_key(target) || self.stopping.contains(target);
        if owner.node == *me || busy {
            return false;
        }
        let fit = |node: &&NodeId| {
            **node != owner.node
                && membership
                    .member(node)
                    .is_some_and(|member| member.state != State::Dead)
        };
        let stands_by = |view: &View| view.walk(TargetKey::from(target)).find(fit) == Some(me);
        let lingers = Instant::now() < self.view_since + LINGERS;
        let before = self.view_before.as_ref().filter(|_| lingers);
        stands_by(view) || before.is_some_and(stands_by)
    }

    /// The targets of ours that are here by the present view, each with its past. The highest epoch of the past is the
    /// one before ours, or ours where a majority, this node with it, has just taken the owner under it for lost.
    fn past_epochs(&self) -> BTreeMap<TargetId, Past> {
        let (Some(membership), Some(view)) = (&self.membership, &self.view) else {
            return BTreeMap::new();
        };
        let (now, epoch) = (Instant::now(), self.epoch());
        let placed = |target: &TargetId| {
            let place = view.place(TargetKey::from(target));
            place.is_some_and(|place| *place.owner == membership.me)
        };
        let here = self.owned.iter().filter(|(target, _)| placed(target));
        here.map(|(target, since)| {
            let claimed = self.claimed.get(target) == Some(&epoch);
            let lost = claimed && membership.quorum && now < *since + LATELY;
            let past = if lost { epoch } else { epoch.saturating_sub(1) };
            let past = Past {
                epoch: Epoch(past),
                since: *since,
            };
            (target.clone(), past)
        })
        .collect()
    }

    /// The nodes with a seat in the present view.
    fn seated(&self) -> BTreeSet<NodeId> {
        let seats = self.view.iter().flat_map(|view| &view.committed().seats);
        seats.map(|seat| seat.node.clone()).collect()
    }

    /// The other members that do what they are there for, as far as is known.
    fn at_work(&self) -> BTreeMap<NodeId, Words> {
        let members = self.membership.iter().flat_map(|membership| &membership.members);
        let works = |state| matches!(state, State::Ready | State::Draining | State::Suspect);
        members
            .filter(|member| works(member.state) && member.who.node != self.fixed.me.node)
            .map(|member| {
                let words = Words {
                    view: member.said.view,
                    owned: Arc::clone(&member.said.owned),
                };
                (member.who.node.clone(), words)
            })
            .collect()
    }
}

#[cfg(test)]
mod tests;

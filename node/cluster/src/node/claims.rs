//! Claiming targets that nobody owns: the others are asked first, in one batch at a time.
//!
//! Two nodes may want the same target for a moment, when they see different members. The one with the lower
//! id wins: it is told that nobody owns the target, the other one that it is owned.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use ringwatch_frame::{StreamId, TargetId, TargetMemory, Tick};
use tokio::time::Instant;

use crate::member::{Incarnation, Member, NodeId};
use crate::peer::Recalled;

/// A view this young may not be everyone's yet, so that a previous owner may still be handing over.
pub(crate) const SETTLED: Duration = Duration::from_millis(300);
/// So long a claim waits for the answer of a live member that does not answer. Longer than it takes to be
/// dead.
const PATIENCE: Duration = Duration::from_secs(2);

/// So long after an answer that left something unclear nothing is asked again.
const REST: Duration = Duration::from_millis(200);

/// Questions under way about targets that this node wants.
#[derive(Debug, Default)]
pub(crate) struct Claims {
    batch: Option<Batch>,
    last: u64,
    /// Nothing is asked before.
    rests: Option<Instant>,
    /// Since when a target is wanted; cleared when it is not any more.
    wanted: BTreeMap<TargetId, Instant>,
    /// Targets about which all is known: they may be owned in this very step.
    cleared: BTreeMap<TargetId, Cleared>,
}

/// What is known of a target that may be owned.
#[derive(Debug, Default)]
pub(crate) struct Cleared {
    memory: TargetMemory,
    /// The last tick of each stream at its last owners, which deliver what they have until then.
    left: BTreeMap<StreamId, Tick>,
    /// But for these frames, with the memory of their streams.
    doubtful: TargetMemory,
    /// Who has answered: a later life of who has died knows nothing of what that one had read.
    answered: BTreeSet<Incarnation>,
}

#[derive(Debug)]
struct Batch {
    number: u64,
    targets: BTreeSet<TargetId>,
}

/// A batch of targets to ask all others about.
#[derive(Debug, PartialEq)]
pub(crate) struct Ask {
    pub(crate) number: u64,
    pub(crate) targets: Vec<TargetId>,
    pub(crate) of: Vec<Member>,
}

/// What one member has said to a batch.
pub(crate) type Answer = (Incarnation, Told);

/// An answer.
#[derive(Debug)]
pub(crate) enum Told {
    /// This.
    Known(Vec<Recalled>),
    /// Nothing, because it has a newer view than ours.
    Newer,
    /// Nothing in time.
    Silent,
}

impl Told {
    /// What it knows, if it has said so.
    pub(super) fn known(&self) -> &[Recalled] {
        match self {
            Self::Known(known) => known,
            Self::Newer | Self::Silent => &[],
        }
    }
}

impl Claims {
    /// Whether an answer is waited for, or time to pass.
    pub(crate) fn is_pending(&self) -> bool {
        self.batch.is_some() || !self.wanted.is_empty()
    }

    /// `node` asks about `target`. Says whether it is told that the target is owned because we are just
    /// claiming it; else a claim of ours is given up, for it will go to the one who asks.
    pub(crate) fn yields(&mut self, me: &NodeId, node: &NodeId, target: &TargetId) -> bool {
        let Some(batch) = &mut self.batch else {
            return false;
        };
        if !batch.targets.contains(target) {
            return false;
        }
        if me < node {
            return true;
        }
        batch.targets.remove(target);
        false
    }

    /// The target came here by another way.
    pub(crate) fn drop_claim(&mut self, target: &TargetId) {
        if let Some(batch) = &mut self.batch {
            batch.targets.remove(target);
        }
        self.cleared.remove(target);
    }

    /// All answers to a batch are there, or late.
    pub(crate) fn answered(&mut self, number: u64, answers: Vec<Answer>, now: Instant) {
        let Some(batch) = self.batch.take_if(|batch| batch.number == number) else {
            return;
        };
        let complete = answers.iter().all(|(_, answer)| matches!(answer, Told::Known(_)));
        // With that view it may not be ours at all: however long it takes, we wait for it.
        let newer = answers.iter().any(|(_, answer)| matches!(answer, Told::Newer));
        let mut owned = BTreeSet::new();
        let mut known: BTreeMap<TargetId, Cleared> = BTreeMap::new();
        for (who, answer) in answers {
            let Told::Known(all) = answer else {
                continue;
            };
            for recalled in all {
                if recalled.owned {
                    owned.insert(recalled.target);
                } else {
                    let known = known.entry(recalled.target.clone()).or_default();
                    known.add(&who, recalled);
                }
            }
        }
        for target in batch.targets {
            let patient = self
                .wanted
                .get(&target)
                .is_some_and(|since| now < *since + PATIENCE);
            if !newer && !owned.contains(&target) && (complete || !patient) {
                let known = known.remove(&target).unwrap_or_default();
                self.cleared.insert(target, known);
            } else {
                self.rests = Some(now + REST);
            }
        }
    }

    /// Takes what the last answers have cleared. What is not owned with it now must be asked about anew.
    pub(crate) fn take_cleared(&mut self) -> BTreeMap<TargetId, Cleared> {
        std::mem::take(&mut self.cleared)
    }

    /// These targets are wanted now. Gives the question to all `others`, when the view has `settled` and no
    /// other question is under way.
    pub(crate) fn want(
        &mut self,
        targets: &BTreeSet<TargetId>,
        others: Vec<Member>,
        settled: bool,
        now: Instant,
    ) -> Option<Ask> {
        self.wanted.retain(|target, _| targets.contains(target));
        for target in targets {
            self.wanted.entry(target.clone()).or_insert(now);
        }
        let rests = self.rests.is_some_and(|until| now < until);
        if targets.is_empty() || self.batch.is_some() || !settled || rests {
            return None;
        }
        self.last += 1;
        let batch = Batch {
            number: self.last,
            targets: targets.clone(),
        };
        let ask = Ask {
            number: batch.number,
            targets: targets.iter().cloned().collect(),
            of: others,
        };
        self.batch = Some(batch);
        Some(ask)
    }

    /// Forgets all: this node must not claim now.
    pub(crate) fn clear(&mut self) {
        self.batch = None;
        self.wanted.clear();
        self.cleared.clear();
    }
}

impl Cleared {
    fn add(&mut self, who: &Incarnation, recalled: Recalled) {
        self.answered.insert(who.clone());
        let memory = recalled.memory.unwrap_or_default();
        if recalled.delivers {
            self.leave(memory, recalled.doubtful);
        } else {
            merge(&mut self.memory, memory);
        }
    }

    /// What is known here of the target from `owner`, which told of it last.
    pub(crate) fn add_shadow(&mut self, owner: Option<&Incarnation>, mut memory: TargetMemory) {
        if owner.is_some_and(|owner| self.answered.contains(owner)) {
            // It has let it go, and delivers itself what it has read, but for what it has told.
            self.keep_pending(&mut memory, |_, _| false);
        }
        merge(&mut self.memory, memory);
    }

    /// One of the last owners has this memory, and delivers what it has read, but for the frames of `doubtful`.
    pub(crate) fn leave(&mut self, memory: TargetMemory, doubtful: TargetMemory) {
        for (stream, known) in memory.iter().chain(&doubtful) {
            let last = self.left.remove(stream).max(known.last);
            self.left.extend(last.map(|last| (stream.clone(), last)));
        }
        self.doubtful.extend(doubtful);
        merge(&mut self.memory, memory);
    }

    /// The memory to go on from. What is pending in it is this node's to deliver.
    pub(crate) fn settle(mut self) -> TargetMemory {
        let mut memory = std::mem::take(&mut self.memory);
        self.keep_pending(&mut memory, |stream, tick| {
            self.left.get(stream).is_none_or(|left| tick > *left)
        });
        for (stream, given) in self.doubtful {
            let known = memory.get(&stream).and_then(|known| known.last);
            let first = given.pending.front().map(|frame| frame.meta.id.tick);
            if known < given.last && known < first {
                memory.insert(stream, given);
            }
        }
        memory
    }

    /// Of the pending frames those stay that are doubtful, or to be kept for another reason.
    fn keep_pending(&self, memory: &mut TargetMemory, keep: impl Fn(&StreamId, Tick) -> bool) {
        for (stream, known) in memory {
            let given = self.doubtful.get(stream);
            let doubtful = |tick| {
                given.is_some_and(|given| given.pending.iter().any(|frame| frame.meta.id.tick == tick))
            };
            known.pending.retain(|frame| {
                let tick = frame.meta.id.tick;
                doubtful(tick) || keep(stream, tick)
            });
        }
    }
}

/// Of each stream, the memory that has come furthest; of equal ones, the one that has more to deliver.
pub(crate) fn merge(best: &mut TargetMemory, other: TargetMemory) {
    for (stream, memory) in other {
        let rank = |memory: &ringwatch_frame::StreamMemory| (memory.last, memory.pending.len());
        match best.get(&stream) {
            Some(known) if rank(known) >= rank(&memory) => {}
            _ => {
                best.insert(stream, memory);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::testing::{life, memory};

    /// How many frames are left to deliver of a dead owner that had told of two, if this life of it answers.
    fn delivered_if_answers(who: &Incarnation) -> usize {
        let target = TargetId::from_name("t");
        let mut cleared = Cleared::default();
        let knows_nothing = Recalled {
            target: target.clone(),
            owned: false,
            memory: None,
            delivers: false,
            doubtful: TargetMemory::new(),
            moves: Vec::new(),
        };
        cleared.add(who, knows_nothing);
        cleared.add_shadow(Some(&life("b")), memory(&target, 7, 2));
        cleared.settle().values().map(|stream| stream.pending.len()).sum()
    }

    #[test]
    fn what_a_dead_life_had_read_is_delivered_though_its_next_life_answers() {
        let next = Incarnation {
            generation: 2,
            ..life("b")
        };
        assert_eq!(delivered_if_answers(&next), 2);
        assert_eq!(delivered_if_answers(&life("b")), 0, "it delivers that itself");
        assert_eq!(delivered_if_answers(&life("c")), 2);
    }
}

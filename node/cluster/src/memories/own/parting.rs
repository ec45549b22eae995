//! How a target goes, and what becomes of the frames of it that are still here.

use std::time::Duration;

use ringwatch_frame::{TargetId, TargetMemory};
use tokio::time::Instant;

use super::{Own, Told};
use crate::memories::waits::{Grounds, ORPHANED};

/// Why a target goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parting {
    /// It was handed over, or is not watched any more: what was read is ours to deliver.
    Handed,
    /// It is another's, who took it while this node was away: that one may deliver what it had taken of it, and may
    /// have read what waits. It [asks](Own::surrender) for the rest, or needs nothing from here.
    Lost,
    /// This node ends: their standby still answers, and goes on with what it knows.
    Ends,
}

impl Own {
    /// The target is not ours any more. Gives the memory without pending frames.
    pub(in crate::memories) fn release(
        &mut self,
        target: &TargetId,
        parting: Parting,
        now: Instant,
    ) -> Told<TargetMemory> {
        let mut told = Told::default();
        let Some(owned) = self.targets.get_mut(target).filter(|owned| owned.ours) else {
            return told;
        };
        match parting {
            Parting::Handed => {
                told.overflow = self.links.release(target, &mut owned.synced);
                owned.remembered.untake();
                self.waits.clear(target);
            }
            // Its heir still hears what is delivered.
            Parting::Ends => self.links.leave(target),
            Parting::Lost => {
                self.links.leave(target);
                if owned.remembered.is_taken() {
                    self.undecided.insert(target.clone(), now);
                }
                self.waits.orphan(target, now);
            }
        }
        owned.ours = false;
        owned.heard.clear();
        told.value = owned.remembered.retire();
        if owned.remembered.is_settled() {
            self.targets.remove(target);
        }
        told
    }

    /// Another node goes on with a target that this one had, and asks for what is known here: `memory`. So what was
    /// read is ours to deliver, but for frames of which it may know better. These are given to it, with the memory of
    /// their streams: it uses that unless it knows more; where it cannot, there is no last tick in it.
    pub(in crate::memories) fn surrender(
        &mut self,
        target: &TargetId,
        memory: &mut TargetMemory,
        pauses: u64,
    ) -> Told<TargetMemory> {
        let mut told = Told::default();
        self.undecided.remove(target);
        if let Some(owned) = self.targets.get_mut(target) {
            owned.remembered.untake();
            for (stream, tick, grounds) in self.waits.doubtful(target, pauses) {
                let known = memory.remove(&stream);
                let given: &mut TargetMemory = &mut told.value;
                let given = given
                    .entry(stream.clone())
                    .or_insert_with(|| known.unwrap_or_default());
                if grounds != Grounds::Sure {
                    (given.last, given.baseline) = (None, None);
                }
                given.pending.extend(owned.remembered.frame(&stream, tick));
                let number = self.waits.decide(target, &stream, tick, false);
                if let Some(gone) = owned.remembered.settled(&stream, tick, number) {
                    told.drop_later(gone);
                }
            }
            if !owned.ours && owned.remembered.is_settled() {
                self.targets.remove(target);
            }
        }
        self.waits.clear(target);
        told
    }

    /// Whether it is known of all targets that were lost who delivers what.
    pub(in crate::memories) fn is_decided(&self) -> bool {
        self.undecided.is_empty()
    }

    /// Who has not asked by now has taken them over, and delivers what it had taken of them.
    pub(super) fn withdraw_lost(&mut self, now: Instant) {
        let Self {
            undecided, targets, ..
        } = self;
        undecided.retain(|target, since| {
            let late = now >= *since + LOST;
            if late && let Some(owned) = targets.get(target) {
                owned.remembered.withdraw();
            }
            !late
        });
    }
}

/// Whoever goes on with a target that was lost has asked for it after this time, or has taken it over before. As what
/// [waits](ORPHANED) of it.
pub(in crate::memories) const LOST: Duration = ORPHANED;

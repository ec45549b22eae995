//! What is remembered of targets that others own: pure but for the time.

use std::collections::BTreeMap;
use std::time::Duration;

use ringwatch_frame::{TargetId, TargetMemory};
use tokio::time::Instant;

use super::change::Change;
use super::remembered::{Ended, Remembered};
use crate::member::Incarnation;

/// How many targets may have a shadow.
pub(super) const MAX_SHADOWS: usize = 100_000;
/// How long a shadow that nobody wants is kept.
pub(super) const UNWANTED: Duration = Duration::from_secs(60);

/// All shadows of this node.
#[derive(Debug, Default)]
pub(super) struct Shadows {
    by_target: BTreeMap<TargetId, Shadow>,
    next: u64,
}

#[derive(Debug)]
struct Shadow {
    owner: Incarnation,
    remembered: Remembered,
    unwanted: Option<Instant>,
}

/// What is not remembered any more. The caller drops it when the lock is free again.
pub(super) type Gone = Option<Box<dyn Send>>;

impl Shadows {
    /// What `from` says of a target that it owns. Words of an earlier life, and changes of a target of which
    /// `from` has given no snapshot, are of no use.
    pub(super) fn take_in(&mut self, from: &Incarnation, change: Change) -> Gone {
        let target = change.target().clone();
        if let Change::Snapshot { memory, .. } = change {
            return self.replace(from, target, memory);
        }
        let shadow = self
            .by_target
            .get_mut(&target)
            .filter(|shadow| shadow.owner == *from)?;
        let remembered = &mut shadow.remembered;
        match change {
            Change::Ended {
                stream,
                tick,
                baseline,
                frame,
                ..
            } => match remembered.ended(&stream, tick, baseline, frame, &mut self.next) {
                Ended::New(gone) => Some(Box::new(gone)),
                Ended::Old | Ended::Full => None,
            },
            Change::Settled { stream, tick, .. } => remembered
                .settled(&stream, tick, None)
                .map(|gone| Box::new(gone) as Box<dyn Send>),
            Change::Forget { stream, .. } => Some(Box::new(remembered.forget(&stream))),
            Change::Release(_) => self
                .by_target
                .remove(&target)
                .map(|gone| Box::new(gone) as Box<dyn Send>),
            Change::Snapshot { .. } => None,
        }
    }

    fn replace(&mut self, from: &Incarnation, target: TargetId, memory: TargetMemory) -> Gone {
        let before = self.by_target.get(&target);
        let late =
            |shadow: &Shadow| shadow.owner.node == from.node && shadow.owner.generation > from.generation;
        if before.is_some_and(late) || (before.is_none() && self.by_target.len() >= MAX_SHADOWS) {
            return Some(Box::new(memory));
        }
        let shadow = Shadow {
            owner: from.clone(),
            remembered: Remembered::new(memory, &mut self.next),
            unwanted: None,
        };
        self.by_target
            .insert(target, shadow)
            .map(|gone| Box::new(gone) as Box<dyn Send>)
    }

    /// What the owner of `target` said before it died, with the frames that it did not deliver. `None` while
    /// it lives.
    pub(super) fn get(
        &self,
        target: &TargetId,
        alive: &dyn Fn(&Incarnation) -> bool,
    ) -> Option<TargetMemory> {
        let shadow = self
            .by_target
            .get(target)
            .filter(|shadow| !alive(&shadow.owner))?;
        Some(shadow.remembered.memory(true))
    }

    /// As [`get`](Self::get); the shadow is gone then.
    pub(super) fn take(
        &mut self,
        target: &TargetId,
        alive: &dyn Fn(&Incarnation) -> bool,
    ) -> Option<TargetMemory> {
        let memory = self.get(target, alive)?;
        self.by_target.remove(target);
        Some(memory)
    }

    /// Whether [`take`](Self::take) would give a memory.
    pub(super) fn has(&self, target: &TargetId, alive: &dyn Fn(&Incarnation) -> bool) -> bool {
        self.by_target
            .get(target)
            .is_some_and(|shadow| !alive(&shadow.owner))
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.by_target.len()
    }

    /// Drops those that nobody has wanted for [`UNWANTED`].
    pub(super) fn expire(&mut self, now: Instant, wanted: &dyn Fn(&TargetId) -> bool) -> impl Sized + use<> {
        let expired = |(target, shadow): (&TargetId, &mut Shadow)| {
            if wanted(target) {
                shadow.unwanted = None;
                return None;
            }
            let since = *shadow.unwanted.get_or_insert(now);
            (now.duration_since(since) >= UNWANTED).then(|| target.clone())
        };
        let expired: Vec<TargetId> = self.by_target.iter_mut().filter_map(expired).collect();
        expired
            .iter()
            .filter_map(|target| self.by_target.remove(target))
            .collect::<Vec<_>>()
    }
}

//! Which targets breakers cover, from the first time that a target is listed until it is gone for good.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::breaker::Breaker;
use super::breakers::{Breakers, lock};
use super::circuit::Circuit;
use super::listener::Told;
use super::metrics::Meters;
use super::rules::Rules;
use super::slot::Slot;
use crate::covered::{CoveredTarget, names, unused};

/// A target that is gone may come back within this time and finds its circuit as it was.
pub(super) const KEEP: Duration = Duration::from_secs(3600);

impl Breakers {
    /// These are the targets now. A target belongs to one processor only; who calls this sees to it.
    pub fn cover(&self, targets: &[CoveredTarget], now: Instant) {
        for key in unused(targets, &self.settings.databases) {
            tracing::info!(processor = %self.name, database = key,
                "no target has this name, database or address: its entry under `databases` does nothing");
        }
        let listed: BTreeMap<_, _> = targets
            .iter()
            .zip(names(targets, &self.settings.databases))
            .map(|(t, name)| (&t.id, (t, name)))
            .collect();
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        for (id, slot) in slots.iter().filter(|(id, _)| !listed.contains_key(id)) {
            let mut slot = lock(slot);
            if slot.gone.is_none() {
                slot.gone = Some(now);
                tracing::debug!(processor = %self.name, target = %id, "the target is no longer covered");
                slot.meters.hide();
            }
        }
        for (id, (target, name)) in listed {
            match slots.get(id) {
                Some(slot) => self.renew(&mut lock(slot), target, &name, now),
                None => {
                    slots.insert(id.clone(), Arc::new(Mutex::new(self.slot(target, &name, now))));
                }
            }
        }
    }

    fn rules(&self, target: &CoveredTarget) -> Arc<Rules> {
        let entry = target.entry(&self.settings.databases).map(|(_, entry)| entry);
        Arc::new(Rules::new(&self.settings, entry))
    }

    fn slot(&self, target: &CoveredTarget, name: &str, now: Instant) -> Slot {
        let (rules, wall) = (self.rules(target), self.clock.now());
        let circuit = match self.book.get(&target.id) {
            Some(record) => record.resume(rules, wall, now),
            None => Circuit::new(rules, now),
        };
        let mut slot = Slot {
            target: target.clone(),
            entry: self.entry(target),
            name: name.to_owned(),
            reason: circuit.reason(),
            breaker: Breaker::new(circuit, &self.settings, now),
            meters: Meters::new(name, &self.metrics),
            rejected: 0,
            since: wall,
            gone: None,
            is_asked: false,
            told: Told::new(now),
        };
        slot.show();
        slot
    }

    fn entry(&self, target: &CoveredTarget) -> Option<String> {
        target
            .entry(&self.settings.databases)
            .map(|(key, _)| key.to_owned())
    }

    /// The target is in the list again or still, perhaps with other names.
    fn renew(&self, slot: &mut Slot, target: &CoveredTarget, name: &str, now: Instant) {
        slot.gone = None;
        if slot.name != name {
            slot.meters.remove();
            name.clone_into(&mut slot.name);
            slot.meters = Meters::new(name, &self.metrics);
        }
        if slot.target != *target {
            slot.target = target.clone();
            slot.entry = self.entry(target);
            slot.breaker.set_rules(&self.rules(target), now);
        }
        slot.show();
    }

    pub(super) fn drop_gone(&self, now: Instant) {
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        let stay = slots.values().map(lock).filter(|slot| slot.gone.is_none());
        let stay: BTreeSet<String> = stay.map(|slot| slot.name.clone()).collect();
        slots.retain(|_, slot| {
            let mut slot = lock(slot);
            let is_over = is_over(slot.gone, now);
            if is_over {
                // Another target may have taken its name over, and with it its series.
                if !stay.contains(&slot.name) {
                    slot.meters.remove();
                }
                self.book.retain(|target| target != slot.target.id.as_str());
            }
            !is_over
        });
        drop(slots);
        self.put();
    }

    /// Forgets what the process before remembered of targets that this one does not know.
    pub(super) fn forget_strangers(&self, now: Instant) {
        let mut forget = self.forget.lock().unwrap_or_else(PoisonError::into_inner);
        if forget.is_some_and(|at| now >= at) {
            *forget = None;
            let known: Vec<_> = self
                .slots
                .read()
                .unwrap_or_else(PoisonError::into_inner)
                .keys()
                .cloned()
                .collect();
            if self
                .book
                .retain(|target| known.iter().any(|known| known.as_str() == target))
            {
                self.put();
            }
        }
    }
}

pub(super) fn is_over(gone: Option<Instant>, now: Instant) -> bool {
    gone.is_some_and(|gone| now.saturating_duration_since(gone) >= KEEP)
}

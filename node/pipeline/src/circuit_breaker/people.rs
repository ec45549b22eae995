//! What people ask of breakers, and tell them.

use std::time::Duration;

use tokio::time::Instant;

use super::breakers::{Breakers, lock};
use super::phase::State;
use super::slot::Slot;
use super::status::{BreakerHealth, CircuitStatus, UnknownCircuit};

impl Breakers {
    /// All circuits by name.
    pub fn list(&self, now: Instant) -> Vec<CircuitStatus> {
        let wall = self.clock.now();
        let mut list = Vec::new();
        for slot in self.all() {
            let slot = lock(&slot);
            if slot.gone.is_none() {
                list.push(slot.status(&self.name, wall, now));
            }
        }
        list.sort_by(|a, b| a.name.cmp(&b.name));
        list
    }

    /// Closes the circuits that `name` means, and forgets what they held against their targets. A name is
    /// that of the circuit, a target's id, its `host:port`, one of its databases or the key of its entry.
    ///
    /// # Errors
    /// When no circuit has the name.
    pub fn reset(&self, name: &str, now: Instant) -> Result<Vec<CircuitStatus>, UnknownCircuit> {
        self.each(name, now, |slot| {
            let change = slot.breaker.reset(now);
            self.note(slot, change, now);
            slot.show();
            self.remember(slot, now);
        })
    }

    /// Opens the circuits that `name` means, for a time, after which they are half-open, or until they are
    /// reset.
    ///
    /// # Errors
    /// When no circuit has the name.
    pub fn open(
        &self,
        name: &str,
        lasts: Option<Duration>,
        now: Instant,
    ) -> Result<Vec<CircuitStatus>, UnknownCircuit> {
        self.each(name, now, |slot| {
            let change = slot.breaker.open(lasts, now);
            self.note(slot, Some(change), now);
        })
    }

    /// All circuits in numbers.
    pub fn health(&self) -> BreakerHealth {
        let mut health = BreakerHealth::default();
        for slot in self.all() {
            let slot = lock(&slot);
            let circuit = slot.breaker.circuit();
            if slot.gone.is_none() {
                health.circuits += 1;
                health.open_circuits += u64::from(circuit.state() == State::Open);
                health.half_open_circuits += u64::from(circuit.state() == State::HalfOpen);
                health.total_trips = health.total_trips.saturating_add(circuit.past.trips);
            }
        }
        health
    }

    fn each(
        &self,
        name: &str,
        now: Instant,
        act: impl Fn(&mut Slot),
    ) -> Result<Vec<CircuitStatus>, UnknownCircuit> {
        let live: Vec<_> = self
            .all()
            .into_iter()
            .filter(|slot| lock(slot).gone.is_none())
            .collect();
        let is_exactly = |slot: &Slot| slot.name == name || slot.target.id.as_str() == name;
        let may_be = |slot: &Slot| slot.target.answers_to(name) || slot.entry.as_deref() == Some(name);
        let mut meant: Vec<_> = live.iter().filter(|slot| is_exactly(&lock(slot))).collect();
        if meant.is_empty() {
            meant = live.iter().filter(|slot| may_be(&lock(slot))).collect();
        }
        if meant.is_empty() {
            return Err(UnknownCircuit(name.to_owned()));
        }
        let wall = self.clock.now();
        let mut done = Vec::new();
        for slot in meant {
            let mut slot = lock(slot);
            // Others must hear of it also where this process does not make the readings.
            let is_asked = std::mem::replace(&mut slot.is_asked, true);
            act(&mut slot);
            slot.is_asked = is_asked;
            done.push(slot.status(&self.name, wall, now));
        }
        Ok(done)
    }
}

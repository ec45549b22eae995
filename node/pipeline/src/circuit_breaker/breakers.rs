//! The breakers of all targets of one processor: the thin edge around the circuits, with locks, clock and
//! metrics.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use ringwatch_config::settings::CircuitBreaker as Settings;
use ringwatch_frame::{Clock, StreamId, TargetId, Tick};
use tokio::time::Instant;

use super::cover::{KEEP, is_over};
use super::listener::{CircuitListener, is_urgent};
use super::metrics::BreakerMetrics;
use super::phase::{Change, Outcome, Refused, State};
use super::process::{ProcessUse, ProcessWatch, process_use};
use super::record::{Book, Record, Remembered};
use super::slot::Slot;
use crate::store::Keeper;

/// How often [`Breakers::on_interval`] is to be called.
pub const LOOK: Duration = Duration::from_secs(1);

/// What breakers need besides their settings.
pub struct BreakerParts {
    /// For the times that are shown and remembered.
    pub clock: Clock,
    /// Shared by all breakers of the node.
    pub metrics: BreakerMetrics,
    /// Takes what is to be remembered; `None`: nothing is.
    pub keeper: Option<Keeper>,
    /// What was remembered when the process before ended.
    pub remembered: Remembered,
    /// What this process uses; [`process_use`] outside of tests.
    pub process: fn() -> ProcessUse,
    /// Hears of changes; `None`: nobody does.
    pub listener: Option<Arc<dyn CircuitListener>>,
}

impl BreakerParts {
    /// Parts that remember nothing beyond the process.
    pub fn new(clock: Clock, metrics: BreakerMetrics) -> Self {
        Self {
            clock,
            metrics,
            keeper: None,
            remembered: Remembered::default(),
            process: process_use,
            listener: None,
        }
    }
}

/// One circuit for each covered target. Any thread may ask; a target is never held up by another.
pub struct Breakers {
    pub(super) name: String,
    pub(super) settings: Settings,
    pub(super) clock: Clock,
    pub(super) metrics: BreakerMetrics,
    keeper: Option<Keeper>,
    pub(super) listener: Option<Arc<dyn CircuitListener>>,
    pub(super) book: Book,
    pub(super) slots: RwLock<HashMap<TargetId, Arc<Mutex<Slot>>>>,
    process: Mutex<ProcessWatch>,
    /// When what was remembered of targets that did not come back is forgotten.
    pub(super) forget: Mutex<Option<Instant>>,
}

impl Breakers {
    /// The breakers of the processor `name`, which cover nothing yet.
    pub fn new(name: &str, settings: &Settings, parts: BreakerParts, now: Instant) -> Self {
        let watch = ProcessWatch::new(
            settings.cpu_threshold_percent,
            settings.memory_threshold_percent,
            *settings.memory_check_interval,
            parts.process,
            now,
        );
        Self {
            name: name.to_owned(),
            settings: settings.clone(),
            clock: parts.clock,
            metrics: parts.metrics,
            keeper: parts.keeper,
            listener: parts.listener,
            book: Book::new(parts.remembered),
            slots: RwLock::default(),
            process: Mutex::new(watch),
            forget: Mutex::new(Some(now + KEEP)),
        }
    }

    /// The name of the processor.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether it has a circuit for the target.
    pub fn covers(&self, target: &TargetId) -> bool {
        self.slot_of(target)
            .is_some_and(|slot| lock(&slot).gone.is_none())
    }

    /// Leave to make one reading. Every leave ends by one [`Breakers::ended`].
    ///
    /// # Errors
    /// When the tick must be missed. A target that is not covered is never refused.
    pub fn admit(
        &self,
        target: &TargetId,
        stream: &StreamId,
        tick: Tick,
        interval: Duration,
        now: Instant,
    ) -> Result<(), Refused> {
        let Some(slot) = self.slot_of(target) else {
            return Ok(());
        };
        let mut slot = lock(&slot);
        slot.is_asked = true;
        let (answer, change) = slot.breaker.ask(stream, tick, interval, now);
        self.note(&mut slot, change, now);
        if answer.is_err() {
            slot.rejected += 1;
            slot.meters.rejected();
        }
        answer
    }

    /// How a reading that had leave ended.
    pub fn ended(&self, target: &TargetId, stream: &StreamId, outcome: Outcome, now: Instant) {
        if let Some(slot) = self.slot_of(target) {
            let mut slot = lock(&slot);
            let change = slot.breaker.ended(stream, outcome, now);
            self.note(&mut slot, change, now);
        }
    }

    /// Whether the target may be asked for what is not a reading, such as a connection ahead of time: only
    /// while its circuit is closed.
    pub fn at_ease(&self, target: &TargetId) -> bool {
        self.slot_of(target)
            .is_none_or(|slot| lock(&slot).breaker.circuit().state() == State::Closed)
    }

    /// The longest that one round trip of this stream may take now, where that has been learnt.
    pub fn deadline(&self, target: &TargetId, stream: &StreamId) -> Option<Duration> {
        lock(&self.slot_of(target)?).breaker.timeouts().of(stream)
    }

    /// Does what is due although nothing happens. To be called every [`LOOK`].
    pub fn on_interval(&self, now: Instant) {
        let pressed = self
            .process
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .look(now);
        let mut is_old = false;
        for slot in self.all() {
            let mut slot = lock(&slot);
            if let Some(pressed) = pressed {
                let change = slot.breaker.press(pressed, now);
                self.note(&mut slot, change, now);
            }
            let doublings = slot.breaker.circuit().healing.doublings();
            let change = slot.breaker.look(now);
            self.note(&mut slot, change, now);
            if change.is_none() {
                slot.show();
                if doublings != slot.breaker.circuit().healing.doublings() {
                    self.remember(&slot, now);
                }
            }
            if slot.gone.is_none() {
                self.report_learnt(&mut slot, now);
            }
            is_old |= is_over(slot.gone, now);
        }
        if is_old {
            self.drop_gone(now);
        }
        self.forget_strangers(now);
    }

    pub(super) fn note(&self, slot: &mut Slot, change: Option<Change>, now: Instant) {
        if let Some(change) = change {
            let record = slot.changed(change, &self.clock, now);
            self.book.set(&slot.target.id, record);
            self.put();
        }
        if slot.has_news() {
            self.report(slot, is_urgent(change), now);
        }
    }

    pub(super) fn remember(&self, slot: &Slot, now: Instant) {
        let record = Record::of(slot.breaker.circuit(), self.clock.now(), now);
        self.book.set(&slot.target.id, record);
        self.put();
    }

    pub(super) fn put(&self) {
        if let Some(keeper) = &self.keeper {
            keeper.put(self.book.clone());
        }
    }

    pub(super) fn slot_of(&self, target: &TargetId) -> Option<Arc<Mutex<Slot>>> {
        self.slots
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(target)
            .cloned()
    }

    pub(super) fn all(&self) -> Vec<Arc<Mutex<Slot>>> {
        self.slots
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect()
    }
}

pub(super) fn lock(slot: &Arc<Mutex<Slot>>) -> MutexGuard<'_, Slot> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "breakers_tests.rs"]
mod tests;

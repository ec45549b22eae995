//! The limits of all targets of one processor: the thin edge around buckets, with locks, clock and metrics.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use ringwatch_config::settings::{DatabaseLimit, RateLimiter as Settings};
use ringwatch_frame::{Clock, StreamId, TargetId};
use tokio::time::Instant;

use super::adaptive::Adaptive;
use super::bucket::{Bucket, Rate};
use super::metrics::LimiterMetrics;
use super::schedule::{Rates, rate, rates_at};
use super::status::{LimitStatus, OverLimit};
use crate::circuit_breaker::Outcome;
use crate::circuit_breaker::window::Window;
use crate::covered::{CoveredTarget, names, unused};

/// Over how long the share of refusals is counted.
const SHARE: Duration = Duration::from_secs(60);

/// Limits for each covered target. Any thread may ask.
pub struct Limits {
    pub(super) name: String,
    settings: Settings,
    clock: Clock,
    pub(super) metrics: LimiterMetrics,
    pub(super) slots: RwLock<HashMap<TargetId, Arc<Mutex<Slot>>>>,
    global: Mutex<Bucket>,
    /// What was set at run time, also for targets that are not covered yet. Locked after the slots.
    pub(super) overrides: Mutex<BTreeMap<TargetId, f64>>,
}

#[derive(Debug)]
pub(super) struct Slot {
    pub(super) name: String,
    key: Option<String>,
    limit: Option<DatabaseLimit>,
    rates: Rates,
    /// Readings a second in place of those of `rates`.
    pub(super) override_rps: Option<f64>,
    bucket: Bucket,
    adaptive: Adaptive,
    asks: Window,
    rejections: u64,
}

impl Limits {
    /// The limits of the processor `name`, which cover nothing yet.
    pub fn new(name: &str, settings: &Settings, clock: Clock, metrics: LimiterMetrics, now: Instant) -> Self {
        Self {
            name: name.to_owned(),
            settings: settings.clone(),
            clock,
            metrics,
            slots: RwLock::default(),
            global: Mutex::new(Bucket::new(now)),
            overrides: Mutex::default(),
        }
    }

    /// The name of the processor.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// These are the targets now. A target that is gone and comes back begins with a full burst.
    pub fn cover(&self, targets: &[CoveredTarget], now: Instant) {
        let entries = &self.settings.database_limits;
        for key in unused(targets, entries) {
            tracing::info!(processor = %self.name, database = key,
                "no target has this name, database or address: its limit under `database_limits` does nothing");
        }
        let listed: BTreeMap<_, _> = targets
            .iter()
            .zip(names(targets, entries))
            .map(|(target, name)| (&target.id, (target, name)))
            .collect();
        let mut slots = self.slots.write().unwrap_or_else(PoisonError::into_inner);
        slots.retain(|id, slot| {
            let stays = listed.contains_key(id);
            if !stays {
                self.metrics.remove(&lock(slot).name);
            }
            stays
        });
        for (id, (target, name)) in listed {
            match slots.get(id) {
                Some(slot) => self.renew(&mut lock(slot), target, name),
                None => {
                    slots.insert(id.clone(), Arc::new(Mutex::new(self.slot(target, name, now))));
                }
            }
        }
    }

    /// Whether it has a limit for the target.
    pub fn covers(&self, target: &TargetId) -> bool {
        self.slot_of(target).is_some()
    }

    /// Leave to make one reading. Every leave ends by one [`Limits::ended`].
    ///
    /// # Errors
    /// When it is beyond a limit. A target that is not covered is never refused.
    pub fn admit(&self, target: &TargetId, now: Instant) -> Result<(), OverLimit> {
        let Some(slot) = self.slot_of(target) else {
            return Ok(());
        };
        let mut slot = lock(&slot);
        let answer = slot.take(now).and_then(|()| self.take_global(&mut slot, now));
        slot.asks.add(answer.is_err(), Duration::ZERO, now);
        if answer.is_err() {
            slot.rejections = slot.rejections.saturating_add(1);
            self.metrics.rejected(&slot.name);
        }
        answer
    }

    /// How a reading that had leave ended.
    pub fn ended(&self, target: &TargetId, stream: &StreamId, outcome: Outcome, now: Instant) {
        let Some(slot) = self.slot_of(target) else { return };
        let mut slot = lock(&slot);
        match outcome {
            Outcome::Answered { took, .. } => slot.adaptive.ended(stream, took, false, now),
            Outcome::Failed { took } => slot.adaptive.ended(stream, took, true, now),
            Outcome::Ignored => {}
            Outcome::NotMade => {
                slot.bucket.give_back();
                if self.settings.global_max_rps > 0.0 {
                    self.global
                        .lock()
                        .unwrap_or_else(PoisonError::into_inner)
                        .give_back();
                }
            }
        }
    }

    /// Follows the time of the day and the targets. To be called every second or so.
    pub fn on_interval(&self, now: Instant) {
        let wall = self.clock.now();
        for slot in self.all() {
            let mut slot = lock(&slot);
            let rates = rates_at(&self.settings.defaults, slot.limit.as_ref(), wall);
            if rates != slot.rates {
                let (rps, rows) = (
                    rates.readings.map(|rate| rate.per_second),
                    rates.rows.map(|rate| rate.per_second),
                );
                tracing::info!(processor = %self.name, database = %slot.name, rps, rows_per_second = rows,
                    "another limit holds at this time of the day");
            }
            slot.rates = rates;
            let readings = slot.readings();
            if slot.adaptive.look(readings, now) {
                let rps = slot.rate().map(|rate| rate.per_second);
                tracing::debug!(processor = %self.name, database = %slot.name, rps,
                    "the limit followed its target");
            }
            self.show(&slot, now);
        }
    }

    /// All limits by name.
    pub fn list(&self, now: Instant) -> Vec<LimitStatus> {
        let slots = self.slots.read().unwrap_or_else(PoisonError::into_inner);
        let status = |(target, slot): (&TargetId, &Arc<Mutex<Slot>>)| lock(slot).status(target, now);
        let mut list: Vec<_> = slots.iter().map(status).collect();
        list.sort_by(|a, b| a.name.cmp(&b.name));
        list
    }

    /// The share of all readings of the last minute that were refused, from 0 to 1.
    pub fn rejection_rate(&self, now: Instant) -> f64 {
        let (mut asks, mut refused) = (0.0, 0.0);
        for slot in self.all() {
            let counts = lock(&slot).asks.counts(now);
            asks += f64::from(counts.readings);
            refused += f64::from(counts.failed);
        }
        if asks > 0.0 { refused / asks } else { 0.0 }
    }

    /// The rows of the target that may go on now; `None`: all.
    pub(crate) fn rows(&self, target: &TargetId) -> Option<Rate> {
        lock(&self.slot_of(target)?).rates.rows
    }

    /// Takes one of the readings of all targets; what the target gave for it goes back when there is none.
    fn take_global(&self, slot: &mut Slot, now: Instant) -> Result<(), OverLimit> {
        let per_second = self.settings.global_max_rps;
        if per_second <= 0.0 {
            return Ok(());
        }
        let rate = Rate {
            per_second,
            burst: per_second.max(1.0),
        };
        if self
            .global
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .take(rate, now)
        {
            return Ok(());
        }
        slot.bucket.give_back();
        Err(OverLimit::Global)
    }

    fn slot(&self, target: &CoveredTarget, name: String, now: Instant) -> Slot {
        let (key, limit) = self.entry(target);
        let rates = rates_at(&self.settings.defaults, limit.as_ref(), self.clock.now());
        self.metrics.begin(&name);
        let overrides = self.overrides.lock().unwrap_or_else(PoisonError::into_inner);
        let override_rps = overrides.get(&target.id).copied();
        drop(overrides);
        let slot = Slot {
            override_rps,
            name,
            key,
            limit,
            rates,
            bucket: Bucket::new(now),
            adaptive: Adaptive::new(&self.settings.adaptive, now),
            asks: Window::new(SHARE, now),
            rejections: 0,
        };
        self.show(&slot, now);
        slot
    }

    fn renew(&self, slot: &mut Slot, target: &CoveredTarget, name: String) {
        if slot.name != name {
            self.metrics.remove(&slot.name);
            self.metrics.begin(&name);
            slot.name = name;
        }
        (slot.key, slot.limit) = self.entry(target);
        slot.rates = rates_at(&self.settings.defaults, slot.limit.as_ref(), self.clock.now());
    }

    fn entry(&self, target: &CoveredTarget) -> (Option<String>, Option<DatabaseLimit>) {
        let entry = target.entry(&self.settings.database_limits);
        entry.map(|(key, limit)| (key.to_owned(), limit.clone())).unzip()
    }

    fn show(&self, slot: &Slot, now: Instant) {
        self.metrics
            .limit(&slot.name, slot.rate().map(|rate| rate.per_second));
        self.metrics.rejection_rate(&slot.name, slot.rejection_rate(now));
    }

    fn slot_of(&self, target: &TargetId) -> Option<Arc<Mutex<Slot>>> {
        self.slots
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(target)
            .cloned()
    }

    fn all(&self) -> Vec<Arc<Mutex<Slot>>> {
        self.slots
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .values()
            .cloned()
            .collect()
    }
}

impl Slot {
    /// What may be asked for now.
    pub(super) fn rate(&self) -> Option<Rate> {
        self.readings().map(|rate| self.adaptive.rate(rate))
    }

    /// What was set at run time, else what is configured.
    fn readings(&self) -> Option<Rate> {
        let set = self.override_rps.and_then(|rps| rate(rps, None, 1.0));
        set.or(self.rates.readings)
    }

    fn take(&mut self, now: Instant) -> Result<(), OverLimit> {
        let Some(rate) = self.rate() else { return Ok(()) };
        let has = self.bucket.take(rate, now);
        self.adaptive.asked(!has);
        if has { Ok(()) } else { Err(OverLimit::Target) }
    }

    fn rejection_rate(&self, now: Instant) -> f64 {
        self.asks.counts(now).error_percent() / 100.0
    }

    fn status(&self, target: &TargetId, now: Instant) -> LimitStatus {
        let per_second = |rate: Rate| rate.per_second;
        LimitStatus {
            name: self.name.clone(),
            target: target.clone(),
            entry: self.key.clone(),
            rps: self.rate().map(per_second),
            configured_rps: self.rates.readings.map(per_second),
            override_rps: self.override_rps,
            scheduled: self.rates.scheduled,
            rows_per_second: self.rates.rows.map(per_second),
            rejection_rate: self.rejection_rate(now),
            rejections: self.rejections,
        }
    }
}

pub(super) fn lock(slot: &Arc<Mutex<Slot>>) -> MutexGuard<'_, Slot> {
    slot.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "limits_tests.rs"]
mod tests;

//! When a processor tells the listener what is new.

use std::time::Duration;

use tokio::time::Instant;

use super::control::Shared;
use super::core::Core;

/// A pipeline tells at most so often.
const EVERY: Duration = Duration::from_millis(250);
/// Entries that have not changed are told in turn, a share each time, so often.
const TURN: Duration = Duration::from_secs(1);
/// How much of the limits a minute is used is told at most so often.
const CAPS: Duration = Duration::from_secs(10);
/// What is still seen is told again after this part of the time for which it is remembered.
const PART_OF_TTL: u32 = 4;

/// What a processor knows of its telling.
#[derive(Default)]
pub(super) struct Teller {
    is_heard: bool,
    rules: Vec<String>,
    /// When something may be told again, and when it is to be told at the latest.
    next: Option<Instant>,
    due: Option<Instant>,
    last_turn: Option<Instant>,
    next_caps: Option<Instant>,
    used: Vec<(usize, u64)>,
}

impl Teller {
    /// Whether somebody listens; from then on `core` gathers what is new.
    pub(super) fn is_heard(&mut self, shared: &Shared, core: &mut Core) -> bool {
        if !self.is_heard && shared.listener().is_some() {
            self.is_heard = true;
            self.rules = core.plan.names().map(str::to_owned).collect();
            core.gather_news();
        }
        self.is_heard
    }

    /// When it is to be called though no frame comes.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.due
    }

    /// Frames were decided: tells what is new now, or says later when.
    pub(super) fn look(&mut self, shared: &Shared, pipeline: &str, core: &mut Core, now: Instant) {
        let is_turn = self.last_turn.is_none_or(|last| now.duration_since(last) >= TURN);
        if !is_turn && !core.has_news() {
            return;
        }
        match self.next {
            Some(next) if now < next => self.due = Some(next),
            _ => self.tell(shared, pipeline, core, now),
        }
    }

    /// Tells what is new.
    pub(super) fn tell(&mut self, shared: &Shared, pipeline: &str, core: &mut Core, now: Instant) {
        self.due = None;
        let Some(listener) = shared.listener().filter(|_| self.is_heard) else {
            return;
        };
        self.next = Some(now + EVERY);
        let again = core.plan.cache_ttl / PART_OF_TTL;
        let passed = self
            .last_turn
            .map_or(Duration::ZERO, |last| now.duration_since(last));
        self.last_turn = Some(now);
        let share = passed.as_secs_f64() / again.as_secs_f64().max(1e-9);
        let recent = u64::try_from(again.as_nanos()).unwrap_or(u64::MAX);
        let seen = core.tell_seen(share, recent);
        let name = shared.name();
        if !seen.is_empty() {
            listener.seen(name, pipeline, &self.rules, &seen);
        }
        let rates = core.tell_rates();
        if !rates.is_empty() {
            listener.rates(name, pipeline, &rates);
        }
        if self.next_caps.is_none_or(|next| now >= next) {
            let used: Vec<_> = core.used().collect();
            if used != self.used {
                self.next_caps = Some(now + CAPS);
                let named = used
                    .iter()
                    .filter_map(|(rule, used)| Some((self.rules.get(*rule)?.clone(), *used)));
                let named: Vec<(String, u64)> = named.collect();
                listener.caps(name, pipeline, core.minute(), &named);
                self.used = used;
            }
        }
    }
}

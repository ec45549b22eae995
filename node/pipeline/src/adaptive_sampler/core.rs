//! The core: which rows of a frame pass. It knows no frame, no file and no clock but the ticks.

use std::collections::BTreeMap;

use ringwatch_frame::{TargetId, Tick};

use super::fingerprint::{is_whole_row, key_of};
use super::hash::{ALWAYS, Windows};
use super::inbox::Waiting;
use super::limits::{Bucket, Minute, Now};
use super::news::News;
use super::outcome::{Outcome, Rows, UNASKED, Verdict};
use super::plan::Plan;
use super::rate::{Bounds, Load};
use super::recent::Recent;
use super::state::PipelineState;
use super::targets::Rates;

/// All that decisions come from.
pub(super) struct Core {
    pub(super) plan: Plan,
    precedence: Vec<u8>,
    /// The default rate as it is set, in percent, whether it follows the load, and what that makes of it.
    default_rate: f64,
    is_adaptive: bool,
    pub(super) rates: Rates,
    pub(super) cache: Recent,
    pub(super) now: Now,
    load: Load,
    decisions: Bucket,
    records: Bucket,
    /// One for each rule.
    pub(super) minutes: Vec<Minute>,
    /// The same; at the end that of the default, for the target of the frame.
    thresholds: Vec<u64>,
    cleaned: Option<i64>,
    /// `None` while nobody listens.
    pub(super) news: Option<News>,
}

impl Core {
    /// A core with what was remembered.
    pub(super) fn new(plan: Plan, remembered: Option<&PipelineState>) -> Self {
        let mut core = Self {
            precedence: plan.precedence(),
            default_rate: plan.default_rate,
            is_adaptive: true,
            rates: Rates::new(plan.default_rate, plan.bounds(plan.default_rate)),
            cache: Recent::new(plan.cache_limit),
            now: Now::default(),
            load: Load::default(),
            decisions: Bucket::default(),
            records: Bucket::default(),
            minutes: plan
                .rules
                .iter()
                .map(|rule| Minute::new(rule.per_minute))
                .collect(),
            thresholds: plan.rules.iter().map(|rule| rule.threshold).chain([0]).collect(),
            cleaned: None,
            news: None,
            plan,
        };
        if let Some(state) = remembered {
            core.restore(state);
        }
        core
    }

    /// Notes the time of a frame and says how many of its rows are put to the rules.
    pub(super) fn admit(&mut self, tick: Tick, rows: usize) -> usize {
        let now = self.now.see(tick.unix_nanos());
        let granted = self
            .decisions
            .take(now, self.plan.decisions_per_second, rows as u64);
        usize::try_from(granted).unwrap_or(rows).min(rows)
    }

    /// Decides on a frame that was admitted.
    pub(super) fn decide(&mut self, rows: &Rows<'_>, out: &mut Outcome) {
        let now = self.now.get();
        self.minutes.iter_mut().for_each(|minute| minute.move_to(now));
        out.begin(self.thresholds.len(), rows.fingerprints.len());
        if let Some(threshold) = self.thresholds.last_mut() {
            *threshold = self.rates.threshold(rows.target, rows.target_id, now);
        }
        let windows = Windows::new(rows.target, rows.tick, self.plan.window);
        for row in rows.in_turn() {
            let (Some(fingerprint), Some(asked)) = (rows.fingerprints.get(row), rows.rules.get(row)) else {
                continue;
            };
            let (rule, is_new) = self.rule_of(rows, *fingerprint, *asked, out);
            let at = usize::from(rule);
            let threshold = self.thresholds.get(at).copied().unwrap_or(0);
            let passes = threshold == ALWAYS || (is_new && self.plan.keep_new);
            let verdict = if passes || windows.decision(*fingerprint) < threshold {
                let is_over = self.minutes.get_mut(at).is_some_and(|minute| !minute.take());
                if is_over { Verdict::Limited } else { Verdict::Kept }
            } else {
                Verdict::Sampled
            };
            out.note(row, rule, verdict);
        }
        let demand: u64 = out.passed.iter().sum();
        if let Some(load) = self.load.note(now, demand) {
            self.rates.follow(load);
        }
        let granted = self.records.take(now, self.plan.records_per_second, demand);
        if granted < demand {
            self.limit(granted, rows, out);
        }
        out.sum();
    }

    /// The rule of a row and whether its fingerprint is new or has changed rules.
    fn rule_of(&mut self, rows: &Rows<'_>, fingerprint: u64, asked: u8, out: &mut Outcome) -> (u8, bool) {
        let key = key_of(fingerprint, rows.stream);
        if asked != UNASKED {
            let (entry, was_there) = self.cache.touch(key);
            out.hits += u64::from(was_there);
            out.learnt += u64::from(!was_there && !is_whole_row(fingerprint));
            let tick = rows.tick.unix_nanos();
            let noted = entry.note(tick, asked);
            if let Some(news) = &mut self.news {
                news.note(key, tick, noted);
            }
            return (asked, noted.is_new);
        }
        let default = self.plan.default_rule();
        match self.cache.get(key) {
            Some(entry) => {
                out.hits += 1;
                (entry.rule().min(default), false)
            }
            None => (default, false),
        }
    }

    /// Lets only `granted` of the rows that were kept pass: those of rules that keep everything first, then
    /// those of the other rules in their order.
    fn limit(&mut self, mut granted: u64, rows: &Rows<'_>, out: &mut Outcome) {
        let mut quota = vec![0; out.passed.len()];
        for rule in &self.precedence {
            let at = usize::from(*rule);
            if let (Some(quota), Some(wanted)) = (quota.get_mut(at), out.passed.get(at)) {
                *quota = granted.min(*wanted);
                granted -= *quota;
            }
        }
        out.passed.copy_from_slice(&quota);
        for row in rows.in_turn() {
            let (Some(verdict @ Verdict::Kept), Some(rule)) = (out.verdicts.get_mut(row), out.rules.get(row))
            else {
                continue;
            };
            let at = usize::from(*rule);
            match quota.get_mut(at) {
                Some(left @ 1..) => *left -= 1,
                _ => {
                    *verdict = Verdict::Limited;
                    if let Some(minute) = self.minutes.get_mut(at) {
                        minute.give_back();
                    }
                }
            }
        }
    }

    /// Forgets what is too old, if it is time for that. Says whether it was.
    pub(super) fn clean(&mut self) -> bool {
        let now = self.now.get();
        let interval = nanos(self.plan.cleanup_interval);
        let cleaned = *self.cleaned.get_or_insert(now);
        if now.abs_diff(cleaned) < interval {
            return false;
        }
        self.cleaned = Some(now);
        self.cache.forget_old(now, nanos(self.plan.cache_ttl));
        self.rates.forget_old(now);
        true
    }

    /// The default rate as the load makes it, in percent: where targets differ, the lowest.
    pub(super) fn rate(&self) -> f64 {
        self.rates.lowest()
    }

    /// Sets the default rate, in percent, from which the load may lower it again.
    pub(super) fn set_default_rate(&mut self, rate: f64) {
        self.default_rate = rate;
        self.rates.set(rate, self.bounds());
    }

    /// Lets the default rate follow the load, where the settings do, or not.
    pub(super) fn set_adaptive(&mut self, is_adaptive: bool) {
        if self.is_adaptive != is_adaptive {
            self.is_adaptive = is_adaptive;
            self.rates.set(self.default_rate, self.bounds());
        }
    }

    fn bounds(&self) -> Option<Bounds> {
        self.plan.bounds(self.default_rate).filter(|_| self.is_adaptive)
    }

    /// Takes over what was decided elsewhere. What is too old or far ahead of the frames is left out.
    pub(super) fn adopt(&mut self, waiting: Waiting) {
        // The time of a run that has ended may be long ago.
        let (now, ttl) = (self.now.of_this_run(), nanos(self.plan.cache_ttl));
        let is_timely = |seen: i64| now.is_none_or(|now| now.abs_diff(seen) <= ttl);
        let mut seen: Vec<_> = waiting
            .seen
            .into_iter()
            .filter(|(_, entry)| is_timely(entry.seen))
            .collect();
        // Each becomes the oldest in its turn.
        seen.sort_unstable_by_key(|(_, entry)| std::cmp::Reverse(entry.seen));
        for (key, entry) in seen {
            self.cache.adopt(key, entry);
        }
        self.rates.adopt(waiting.rates.iter());
        if let Some((minute, used)) = waiting.caps {
            for (rule, window) in self.plan.rules.iter().zip(&mut self.minutes) {
                window.adopt(minute, used.get(&rule.name).copied().unwrap_or(0));
            }
        }
    }

    /// The rates that were changed by the load since they were told.
    pub(super) fn tell_rates(&mut self) -> Vec<(TargetId, f64)> {
        self.rates.news(self.now.get())
    }

    /// The minute of the last frame, counted from the Unix epoch.
    pub(super) fn minute(&self) -> i64 {
        self.now.get().div_euclid(60_000_000_000)
    }

    /// What must be remembered.
    pub(super) fn state(&self) -> PipelineState {
        // A rate that was set while the node ran ends with it.
        let is_as_configured = self.default_rate.total_cmp(&self.plan.default_rate).is_eq();
        PipelineState {
            rules: self.plan.names().map(str::to_owned).collect(),
            default_rate: self.plan.default_rate,
            rate: if is_as_configured {
                self.rate()
            } else {
                self.plan.default_rate
            },
            rates: Some(if is_as_configured {
                self.rates
                    .iter()
                    .map(|(target, rate)| (target.to_string(), rate))
                    .collect()
            } else {
                BTreeMap::new()
            }),
            now: self.now.clone(),
            cleaned: self.cleaned,
            load: self.load.clone(),
            decisions: self.decisions.clone(),
            records: self.records.clone(),
            minutes: self
                .plan
                .names()
                .zip(&self.minutes)
                .map(|(name, minute)| (name.to_owned(), minute.state()))
                .collect(),
            fingerprints: self.cache.iter().map(Into::into).collect(),
        }
    }

    fn restore(&mut self, state: &PipelineState) {
        self.now = state.now.of_last_run();
        self.cleaned = state.cleaned;
        self.load = state.load.clone();
        self.decisions = state.decisions.clone();
        self.records = state.records.clone();
        if state.default_rate.total_cmp(&self.plan.default_rate).is_eq() {
            match &state.rates {
                Some(rates) => self.rates.restore(rates.iter(), self.now.get()),
                None if (0.0..=100.0).contains(&state.rate) => self.rates.inherit(state.rate),
                None => {}
            }
        }
        for (rule, minute) in self.plan.rules.iter().zip(&mut self.minutes) {
            if let Some(remembered) = state.minutes.get(&rule.name) {
                *minute = Minute::restore(rule.per_minute, remembered);
            }
        }
        let moved = self.plan.places_of(&state.rules);
        for fingerprint in &state.fingerprints {
            let (key, entry) = fingerprint.entry(&moved);
            *self.cache.touch(key).0 = entry;
        }
    }
}

/// As nanoseconds, as many as fit.
fn nanos(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[path = "core_tests.rs"]
mod tests;

//! What a sampler is told to do: its settings, checked, with those of the environment put in.

use std::collections::BTreeMap;
use std::time::Duration;

use ringwatch_config::settings::AdaptiveSampler as Settings;

use super::rate::Bounds;
use super::recent::ENTRY_BYTES;
use super::rule::{DEFAULT, Rule, percent, rules};
use crate::PipelineError;

/// Without a target of its own, this part of `max_records_per_second` should pass.
const TARGET: f64 = 0.9;

/// What to do.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// In the order in which they are asked.
    pub(super) rules: Vec<Rule>,
    /// In percent.
    pub(super) default_rate: f64,
    pub(super) key: Vec<String>,
    pub(super) window: Duration,
    pub(super) cache_limit: usize,
    pub(super) cache_ttl: Duration,
    pub(super) cleanup_interval: Duration,
    pub(super) keep_new: bool,
    pub(super) decisions_per_second: u64,
    pub(super) records_per_second: u64,
    /// Where the rate does not follow the load there is none.
    adaptive: Option<Adaptive>,
    memory_limit: u64,
}

#[derive(Clone, Copy, Debug)]
struct Adaptive {
    target: f64,
    min: f64,
    max: Option<f64>,
}

impl Plan {
    /// The plan of these settings.
    ///
    /// # Errors
    /// When they contradict each other or a condition is none.
    pub(super) fn new(name: &str, settings: &Settings) -> Result<Self, PipelineError> {
        let mut settings = settings.clone();
        settle(&mut settings);
        check(&settings).map_err(|problem| PipelineError::setting(name, problem))?;
        let rules = rules(&settings).map_err(|problem| PipelineError::setting(name, problem))?;
        #[expect(clippy::cast_precision_loss, reason = "a target needs no more than 53 bits")]
        let target = settings
            .adaptive
            .target_records_per_second
            .map(|target| target as f64)
            .or_else(|| {
                (settings.max_records_per_second > 0)
                    .then_some(settings.max_records_per_second as f64 * TARGET)
            });
        let mut plan = Self {
            rules,
            default_rate: settings.default_sampling_rate,
            key: settings.key,
            window: *settings.window,
            cache_limit: 0,
            cache_ttl: *settings.cache_ttl,
            cleanup_interval: *settings.cleanup_interval,
            keep_new: settings.keep_new,
            decisions_per_second: settings.max_decisions_per_second,
            records_per_second: settings.max_records_per_second,
            adaptive: target
                .filter(|_| settings.adaptive.enabled)
                .map(|target| Adaptive {
                    target,
                    min: settings.adaptive.min_rate,
                    max: settings.adaptive.max_rate,
                }),
            memory_limit: settings.max_memory_mb.saturating_mul(1024 * 1024) / ENTRY_BYTES,
        };
        plan.cache_limit = plan.cache_limit(settings.cache_size);
        Ok(plan)
    }

    /// How many fingerprints are remembered when `wanted` should be: no more than the memory allows.
    pub(super) fn cache_limit(&self, wanted: u64) -> usize {
        usize::try_from(wanted.min(self.memory_limit)).unwrap_or(usize::MAX)
    }

    /// Within what the rate follows the load when `default_rate` is set; `None` where it does not.
    pub(super) fn bounds(&self, default_rate: f64) -> Option<Bounds> {
        self.adaptive.map(|Adaptive { target, min, max }| {
            let max = max.unwrap_or(default_rate);
            // a default of 0 means 0, whatever the least rate is
            let min = min.min(max);
            Bounds { min, max, target }
        })
    }

    /// The number of the default, as a rule after all others.
    pub(super) fn default_rule(&self) -> u8 {
        u8::try_from(self.rules.len()).unwrap_or(u8::MAX)
    }

    /// The names of the rules, and of the default at the end.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| rule.name.as_str()).chain([DEFAULT])
    }

    /// Where rules of these names are here, for as many as bits can stand for.
    pub(super) fn places_of(&self, names: &[String]) -> Vec<Option<u8>> {
        let places: BTreeMap<&str, u8> = self.names().zip(0..).collect();
        let moved = names.iter().map(|name| places.get(name.as_str()).copied());
        moved.take(u64::BITS as usize).collect()
    }

    /// Which rules go first when not all rows may pass: those that keep everything, then the others, in their
    /// order.
    pub(super) fn precedence(&self) -> Vec<u8> {
        let mut order: Vec<u8> = (0..=self.default_rule()).collect();
        let is_partial = |rule: &u8| {
            self.rules
                .get(usize::from(*rule))
                .is_none_or(|rule| rule.rate < 100.0)
        };
        order.sort_by_key(|rule| is_partial(rule));
        order
    }
}

/// Puts in what the environment says.
fn settle(settings: &mut Settings) {
    let Some(values) = settings.environment_overrides.get(&settings.environment).cloned() else {
        return;
    };
    settings.slow_query_threshold_ms = values
        .slow_query_threshold_ms
        .or(settings.slow_query_threshold_ms);
    if let Some(limit) = values.max_records_per_second {
        settings.max_records_per_second = limit;
    }
    if let Some(limit) = values.max_decisions_per_second {
        settings.max_decisions_per_second = limit;
    }
    if let Some(rate) = values.default_sampling_rate {
        settings.default_sampling_rate = rate;
    }
    if let Some(size) = values.cache_size {
        settings.cache_size = size;
    }
}

fn check(settings: &Settings) -> Result<(), String> {
    percent("default_sampling_rate", settings.default_sampling_rate)?;
    percent("adaptive.min_rate", settings.adaptive.min_rate)?;
    if let Some(max) = settings.adaptive.max_rate {
        percent("adaptive.max_rate", max)?;
        if max < settings.adaptive.min_rate {
            return Err("`adaptive.max_rate` is less than `adaptive.min_rate`: raise it".into());
        }
    }
    if settings.adaptive.target_records_per_second == Some(0) {
        return Err(
            "`adaptive.target_records_per_second` is 0: write how many rows a second should pass".into(),
        );
    }
    for (name, number) in [
        ("cache_size", settings.cache_size),
        ("max_memory_mb", settings.max_memory_mb),
    ] {
        if number == 0 {
            return Err(format!("`{name}` is 0: write at least 1"));
        }
    }
    for (name, duration) in [
        ("window", *settings.window),
        ("cache_ttl", *settings.cache_ttl),
        ("cleanup_interval", *settings.cleanup_interval),
    ] {
        if duration.is_zero() {
            return Err(format!("`{name}` is 0: write a duration such as 60s"));
        }
    }
    if settings
        .slow_query_threshold_ms
        .is_some_and(|limit| !limit.is_finite())
    {
        return Err("`slow_query_threshold_ms` is no number of milliseconds".into());
    }
    Ok(())
}

#[cfg(test)]
#[path = "plan_tests.rs"]
mod tests;

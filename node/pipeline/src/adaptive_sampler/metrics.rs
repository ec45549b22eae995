//! What samplers say about themselves.

use prometheus::{GaugeVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};

use super::outcome::Outcome;
use super::plan::Plan;

/// The metrics of all samplers of a node. Made once; each series says of which processor in which pipeline it
/// is.
#[derive(Clone, Debug)]
pub struct SamplerMetrics {
    processed: IntCounterVec,
    dropped: IntCounterVec,
    hit_rate: GaugeVec,
    matches: IntCounterVec,
    decisions: IntCounterVec,
    rate: GaugeVec,
    cache: IntGaugeVec,
    save_failures: IntCounterVec,
}

impl SamplerMetrics {
    /// Registers them.
    ///
    /// # Errors
    /// When they are in `registry` already.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let gauge = |name: &str, help: &str| {
            let gauge = GaugeVec::new(Opts::new(name, help), &["processor", "pipeline"])?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let cache = Opts::new("adaptive_sampler_cache_size", "Fingerprints that are remembered");
        let cache = IntGaugeVec::new(cache, &["processor", "pipeline"])?;
        registry.register(Box::new(cache.clone()))?;
        let here = ["processor", "pipeline"];
        Ok(Self {
            processed: counter(
                "adaptive_sampler_records_processed_total",
                "Rows that came",
                &here,
            )?,
            dropped: counter(
                "adaptive_sampler_records_dropped_total",
                "Rows that did not pass: sampled by their rate, rate_limited by a limit",
                &["processor", "pipeline", "reason"],
            )?,
            hit_rate: gauge(
                "adaptive_sampler_cache_hit_rate",
                "Part of the rows of the last minutes whose fingerprint was remembered, from 0 to 1",
            )?,
            matches: counter(
                "adaptive_sampler_rule_matches_total",
                "Rows that a rule decided; `default` for those that no rule matched",
                &["processor", "pipeline", "rule"],
            )?,
            decisions: counter(
                "adaptive_sampler_decisions_total",
                "Rows that were put to the rules",
                &here,
            )?,
            rate: gauge(
                "adaptive_sampler_sampling_rate_current",
                "The rate of rows that no rule matches, as the load makes it, in percent",
            )?,
            cache,
            save_failures: counter(
                "adaptive_sampler_state_save_failures_total",
                "Times that the state could not be written",
                &["processor"],
            )?,
        })
    }

    /// The counter of failed writes, for the keeper of `processor`.
    pub fn save_failures(&self, processor: &str) -> IntCounter {
        self.save_failures.with_label_values(&[processor])
    }

    /// The series of one processor in one pipeline, all of which are there from the start.
    pub(super) fn series(&self, processor: &str, pipeline: &str, plan: &Plan) -> Series {
        let here = [processor, pipeline];
        let dropped = |reason| self.dropped.with_label_values(&[processor, pipeline, reason]);
        Series {
            processed: self.processed.with_label_values(&here),
            sampled: dropped("sampled"),
            limited: dropped("rate_limited"),
            hit_rate: self.hit_rate.with_label_values(&here),
            matches: plan
                .names()
                .map(|rule| self.matches.with_label_values(&[processor, pipeline, rule]))
                .collect(),
            decisions: self.decisions.with_label_values(&here),
            rate: self.rate.with_label_values(&here),
            cache: self.cache.with_label_values(&here),
            hits: HitRate::default(),
        }
    }
}

/// The series of one processor in one pipeline.
pub(super) struct Series {
    processed: IntCounter,
    sampled: IntCounter,
    limited: IntCounter,
    hit_rate: prometheus::Gauge,
    matches: Vec<IntCounter>,
    decisions: IntCounter,
    rate: prometheus::Gauge,
    cache: IntGauge,
    hits: HitRate,
}

impl Series {
    /// Notes what came of a frame, `decided` rows of which were put to the rules.
    pub(super) fn note(&mut self, outcome: &Outcome, decided: usize, tick: i64) {
        let rows = outcome.verdicts.len() as u64;
        self.processed.inc_by(rows);
        self.decisions.inc_by(decided as u64);
        self.sampled.inc_by(outcome.sampled);
        self.limited.inc_by(outcome.limited);
        for (series, matches) in self.matches.iter().zip(&outcome.matches) {
            series.inc_by(*matches);
        }
        if let Some(rate) = self.hits.note(tick, rows, outcome.hits) {
            self.hit_rate.set(rate);
        }
    }

    /// Shows the rate and how much is remembered.
    pub(super) fn show(&self, rate: f64, cache: usize) {
        self.rate.set(rate);
        self.cache.set(i64::try_from(cache).unwrap_or(i64::MAX));
    }
}

/// Hits of the running minute and of the one before.
#[derive(Default)]
struct HitRate {
    since: Option<i64>,
    rows: [u64; 2],
    hits: [u64; 2],
}

impl HitRate {
    const PERIOD: u64 = 60 * 1_000_000_000;

    /// Notes rows at `tick`; the part of the last rows that were hits, if there were any.
    #[expect(clippy::cast_precision_loss, reason = "a part needs no more than 53 bits")]
    fn note(&mut self, tick: i64, rows: u64, hits: u64) -> Option<f64> {
        let since = *self.since.get_or_insert(tick);
        if tick.abs_diff(since) >= Self::PERIOD {
            self.since = Some(tick);
            for counts in [&mut self.rows, &mut self.hits] {
                *counts = [0, counts[0]];
            }
        }
        self.rows[0] += rows;
        self.hits[0] += hits;
        let all: u64 = self.rows.iter().sum();
        (all > 0).then(|| self.hits.iter().sum::<u64>() as f64 / all as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hit_rate_is_of_the_last_minutes() {
        let second = |n: i64| n * 1_000_000_000;
        let mut rate = HitRate::default();
        assert_eq!(rate.note(second(0), 0, 0), None);
        for (at, rows, hits, expected) in [
            (0, 10, 0, 0.0),
            (30, 10, 10, 0.5),
            (60, 20, 20, 0.75),
            (120, 20, 20, 1.0),
            (130, 40, 0, 0.5),
        ] {
            assert_eq!(rate.note(second(at), rows, hits), Some(expected), "at {at}");
        }
    }
}

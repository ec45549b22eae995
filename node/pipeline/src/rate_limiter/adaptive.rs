//! A limit that follows its target. Every half minute, once there were enough questions for leave, it falls
//! by a tenth when readings fail or take twice as long as usual, and rises by a twentieth when many are
//! refused and those that are made are quick. It never rises because it refuses much while the target
//! suffers.

use std::collections::HashMap;
use std::time::Duration;

use ringwatch_config::settings::AdaptiveLimit as Settings;
use ringwatch_frame::StreamId;
use tokio::time::Instant;

use super::bucket::Rate;
use crate::usual::Usual;

const EVERY: Duration = Duration::from_secs(30);
/// Fewer questions for leave say nothing.
const ENOUGH: u32 = 20;
/// From this share of refusals on, more is wanted than may be had; from this share of failures on, readings
/// fail.
const MANY: f64 = 0.1;
const FALL: f64 = 0.9;
const RISE: f64 = 1.05;
/// Times the usual latency: from here on readings are slow, and up to here they are quick.
const SLOW: f64 = 2.0;
const QUICK: f64 = 1.25;
/// A stream that was not read for so long begins anew.
const FORGET: Duration = Duration::from_secs(4 * 3600);

/// The state of one target's limit.
#[derive(Debug)]
pub(crate) struct Adaptive {
    settings: Settings,
    factor: f64,
    next: Instant,
    counts: Counts,
    usual: HashMap<StreamId, Usual>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    asks: u32,
    refused: u32,
    ended: u32,
    failed: u32,
    /// The sum of the logarithms of how many times as long as usual readings took, and their number.
    slowness: f64,
    compared: u32,
}

impl Adaptive {
    /// The limit as it is configured.
    pub(crate) fn new(settings: &Settings, now: Instant) -> Self {
        Self {
            settings: settings.clone(),
            factor: 1.0,
            next: now + EVERY,
            counts: Counts::default(),
            usual: HashMap::new(),
        }
    }

    /// What the limit is now, where `rate` is configured. A burst falls and rises with it.
    pub(crate) fn rate(&self, rate: Rate) -> Rate {
        let factor = self.factor_within(rate);
        Rate {
            per_second: rate.per_second * factor,
            burst: (rate.burst * factor).max(1.0),
        }
    }

    /// Somebody asked for leave.
    pub(crate) fn asked(&mut self, refused: bool) {
        self.counts.asks = self.counts.asks.saturating_add(1);
        self.counts.refused = self.counts.refused.saturating_add(u32::from(refused));
    }

    /// A reading ended.
    pub(crate) fn ended(&mut self, stream: &StreamId, took: Duration, failed: bool, now: Instant) {
        if !self.settings.enabled {
            return;
        }
        self.counts.ended = self.counts.ended.saturating_add(1);
        self.counts.failed = self.counts.failed.saturating_add(u32::from(failed));
        if failed {
            return;
        }
        let usual = self
            .usual
            .entry(stream.clone())
            .or_insert_with(|| Usual::new(now));
        let took = took.as_secs_f64().max(0.000_1).ln();
        if let Some(mean) = usual.add(took, now) {
            self.counts.slowness += took - mean;
            self.counts.compared = self.counts.compared.saturating_add(1);
        }
    }

    /// Looks whether the limit should be another. Says whether it is.
    pub(crate) fn look(&mut self, rate: Option<Rate>, now: Instant) -> bool {
        let Some(rate) = rate.filter(|_| self.settings.enabled) else {
            return false;
        };
        if now < self.next || self.counts.asks < ENOUGH {
            return false;
        }
        self.next = now + EVERY;
        self.usual
            .retain(|_, usual| now.saturating_duration_since(usual.last()) < FORGET);
        let change = std::mem::take(&mut self.counts).verdict();
        let before = self.factor_within(rate);
        self.factor = before * change;
        self.factor = self.factor_within(rate);
        (self.factor - before).abs() > f64::EPSILON
    }

    /// The factor within its bounds: not below `min_rps`, unless less is configured; not above `max_rps`, or
    /// what is configured.
    fn factor_within(&self, rate: Rate) -> f64 {
        let least = (self.settings.min_rps / rate.per_second).min(1.0);
        let max = self.settings.max_rps;
        let most = if max > 0.0 { max / rate.per_second } else { 1.0 };
        self.factor.max(least).min(most)
    }
}

impl Counts {
    fn verdict(self) -> f64 {
        let share = |part: u32, whole: u32| f64::from(part) / f64::from(whole.max(1));
        let times = (self.compared > 0).then(|| (self.slowness / f64::from(self.compared)).exp());
        if share(self.failed, self.ended) > MANY || times.is_some_and(|times| times >= SLOW) {
            FALL
        } else if share(self.refused, self.asks) > MANY && times.is_some_and(|times| times <= QUICK) {
            RISE
        } else {
            1.0
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct World {
        adaptive: Adaptive,
        now: Instant,
    }

    impl World {
        fn new(min_rps: f64, max_rps: f64) -> Self {
            let now = Instant::now();
            let settings = Settings {
                enabled: true,
                min_rps,
                max_rps,
            };
            let mut world = Self {
                adaptive: Adaptive::new(&settings, now),
                now,
            };
            world.round(1000, 0, 0, 10);
            world
        }

        /// Half a minute in which so many of the asks were refused and so many of the readings failed; the
        /// others took so many milliseconds.
        fn round(&mut self, asks: u32, refused: u32, failed: u32, millis: u64) -> f64 {
            let stream = StreamId::of_server("s");
            for n in 0..asks {
                self.adaptive.asked(n < refused);
                if n >= refused {
                    let failed = n - refused < failed;
                    self.adaptive
                        .ended(&stream, Duration::from_millis(millis), failed, self.now);
                }
            }
            self.now += EVERY;
            let rate = Rate {
                per_second: 10.0,
                burst: 20.0,
            };
            self.adaptive.look(Some(rate), self.now);
            self.adaptive.rate(rate).per_second
        }
    }

    fn near(a: f64, b: f64) -> bool {
        (a - b).abs() < 1e-9
    }

    #[test]
    fn it_falls_when_readings_fail_or_are_slow_and_rises_when_more_is_wanted() {
        for (asks, refused, failed, millis, expected) in [
            (40, 0, 0, 10, 10.0),
            (40, 4, 0, 10, 10.0),
            (40, 5, 0, 10, 10.5),
            (40, 5, 0, 14, 10.0),
            (40, 0, 4, 10, 10.0),
            (40, 0, 5, 10, 9.0),
            (40, 20, 5, 10, 9.0),
            (40, 0, 0, 21, 9.0),
            (40, 39, 0, 21, 9.0),
            (19, 19, 0, 10, 10.0),
            (40, 40, 0, 10, 10.0),
        ] {
            let mut world = World::new(0.1, 100.0);
            let limit = world.round(asks, refused, failed, millis);
            assert!(
                near(limit, expected),
                "{asks} {refused} {failed} {millis}: {limit}"
            );
        }
    }

    #[test]
    fn bounds_hold_and_the_way_back_is_open() {
        for (min, max, low, high) in [
            (4.0, 12.0, 4.0, 12.0),
            (0.1, 0.0, 0.1, 10.0),
            (50.0, 0.0, 10.0, 10.0),
        ] {
            let mut world = World::new(min, max);
            let fallen = (0..100)
                .map(|_| world.round(40, 0, 40, 10))
                .fold(0.0, |_, last| last);
            assert!(near(fallen, low), "{min} {max}: {fallen}");
            let risen = (0..200)
                .map(|_| world.round(40, 20, 0, 10))
                .fold(0.0, |_, last| last);
            assert!(near(risen, high), "{min} {max}: {risen}");
        }
    }

    #[test]
    fn few_questions_are_gathered_until_they_say_something() {
        let mut world = World::new(0.1, 0.0);
        assert!(near(world.round(10, 0, 10, 10), 10.0));
        assert!(near(world.round(10, 0, 10, 10), 9.0));
        assert!(
            !world.adaptive.look(None, world.now + EVERY),
            "no limit, nothing to change"
        );
    }
}

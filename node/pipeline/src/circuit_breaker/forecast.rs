//! Load prediction: asks a target less while its latency or its sessions are far above what is usual, or on
//! their way.
//!
//! Each reading tells how many times as long as usual it took, and how many times as many sessions there are
//! as usual. The means of both over a twelfth of the horizon are points of a [`Signal`]. Where it will be
//! twice as much at the end of the horizon, one of two ticks is left out; where four times, three of four; up
//! to the bound. It takes two points in a row to slow down, and a horizon of calm to take one step back.

use std::collections::HashMap;
use std::time::Duration;

use ringwatch_config::settings::LoadPrediction as Settings;
use ringwatch_frame::StreamId;
use tokio::time::Instant;

use super::rules::Rules;
use super::signal::{Outlook, Signal};
use crate::usual::Usual;

/// Added to numbers of sessions, so that three in place of one is not three times as many.
const FEW: f64 = 5.0;
/// So near to a threshold readings are left out.
const NEAR: f64 = 0.9;
/// A step back is made when what is ahead is less than this share of what the step needed.
const BACK: f64 = 0.7;
/// A stream that was not read for so long begins anew.
const FORGET: Duration = Duration::from_secs(4 * 3600);
/// No more streams are taken over from other nodes.
const MOST: usize = 1024;

/// The outlook of one target.
#[derive(Debug)]
pub(crate) struct Forecast {
    enabled: bool,
    horizon: Duration,
    most: u32,
    usual: HashMap<StreamId, Usual>,
    usual_sessions: Usual,
    latency: Signal,
    sessions: Signal,
    next_point: Instant,
    factor: u32,
    /// How many points in a row asked for more than `factor`.
    asked: u32,
    /// Since when less would do.
    calm: Option<Instant>,
}

impl Forecast {
    /// Nothing seen yet.
    pub(crate) fn new(settings: &Settings, now: Instant) -> Self {
        let horizon = (*settings.horizon).max(Duration::from_secs(1));
        Self {
            enabled: settings.enabled && settings.max_slowdown > 1,
            horizon,
            most: settings.max_slowdown.max(1),
            usual: HashMap::new(),
            usual_sessions: Usual::new(now),
            latency: Signal::new(),
            sessions: Signal::new(),
            next_point: now + step(horizon),
            factor: 1,
            asked: 0,
            calm: None,
        }
    }

    /// Only one of so many ticks is to be read.
    pub(crate) fn factor(&self) -> u32 {
        self.factor
    }

    /// A reading ended after `took`. One that failed says something only when that was longer than usual.
    pub(crate) fn reading(&mut self, stream: &StreamId, took: Duration, failed: bool, now: Instant) {
        if !self.enabled {
            return;
        }
        let usual = self
            .usual
            .entry(stream.clone())
            .or_insert_with(|| Usual::new(now));
        let took = took.as_secs_f64().max(0.000_1).ln();
        if failed && usual.mean().is_none_or(|mean| took < mean) {
            return;
        }
        if let Some(mean) = usual.add(took, now) {
            self.latency.add(took - mean);
        }
    }

    /// A reading told of so many active sessions.
    pub(crate) fn sessions(&mut self, active: u64, now: Instant) {
        if !self.enabled {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "no server has 2^53 sessions")]
        let active = (active as f64 + FEW).ln();
        if let Some(mean) = self.usual_sessions.add(active, now) {
            self.sessions.add(active - mean);
        }
    }

    /// How long readings of each stream usually take and by how much that varies, in milliseconds.
    pub(crate) fn usual(&self) -> impl Iterator<Item = (&StreamId, (f64, f64))> {
        let variation = self.latency.noise().exp_m1();
        self.usual.iter().filter_map(move |(stream, usual)| {
            let typical = usual.mean()?.exp() * 1000.0;
            Some((stream, (typical, typical * variation)))
        })
    }

    /// Takes over how many milliseconds another node found usual.
    pub(crate) fn adopt_usual(&mut self, stream: &StreamId, typical_ms: f64, force: bool, now: Instant) {
        let is_length = typical_ms.is_finite() && typical_ms > 0.0;
        let known = self.usual.get(stream).map(Usual::mean);
        let is_wanted = match known {
            Some(mean) => force || mean.is_none(),
            None => self.usual.len() < MOST,
        };
        if self.enabled && is_length && is_wanted {
            let mean = (typical_ms / 1000.0).max(0.000_1).ln();
            self.usual.insert(stream.clone(), Usual::resume(mean, now));
        }
    }

    /// Takes over by which shares of what is usual readings of streams varied on another node.
    pub(crate) fn adopt_noise(&mut self, variations: impl Iterator<Item = f64>, force: bool) {
        let (mut sum, mut number) = (0.0, 0_u32);
        for variation in variations.filter(|variation| variation.is_finite() && *variation >= 0.0) {
            sum += variation.ln_1p();
            number += 1;
        }
        if number > 0 {
            self.latency.adopt_noise(sum / f64::from(number), force);
        }
    }

    /// The circuit closed: what was before says nothing of what is ahead.
    pub(crate) fn begin_anew(&mut self, now: Instant) {
        self.latency = Signal::new();
        self.sessions = Signal::new();
        self.next_point = now + step(self.horizon);
        (self.factor, self.asked, self.calm) = (1, 0, None);
    }

    /// Looks ahead, when a point is due. `average` is how long readings take at present.
    pub(crate) fn look(&mut self, rules: &Rules, average: Duration, now: Instant) {
        if !self.enabled || now < self.next_point {
            return;
        }
        self.next_point = now + step(self.horizon);
        self.usual
            .retain(|_, usual| now.saturating_duration_since(usual.last()) < FORGET);
        let age = self.horizon.saturating_mul(4);
        self.latency.forget(age, now);
        self.sessions.forget(age, now);
        let news = [self.latency.close_point(now), self.sessions.close_point(now)];
        let ahead = self.ahead(rules, average);
        self.rise(ahead, news.contains(&true));
        self.fall(ahead, now);
    }

    /// How near the target will be to what must not be: 1 is there.
    fn ahead(&self, rules: &Rules, average: Duration) -> f64 {
        let twice = |outlook: Outlook| outlook.ahead.exp() / 2.0;
        let latency = self.latency.outlook(self.horizon).map_or(0.0, |outlook| {
            let grown = average.as_secs_f64() * outlook.growth.exp();
            let threshold = rules
                .latency
                .map_or(0.0, |most| grown / (NEAR * most.as_secs_f64()));
            twice(outlook).max(threshold)
        });
        let sessions = self.sessions.outlook(self.horizon).map_or(0.0, |outlook| {
            let Some((most, mean)) = rules.sessions.zip(self.usual_sessions.mean()) else {
                return twice(outlook);
            };
            #[expect(clippy::cast_precision_loss, reason = "no server has 2^53 sessions")]
            let most = NEAR * most as f64;
            ((mean + outlook.ahead).exp() - FEW) / most
        });
        latency.max(sessions)
    }

    fn rise(&mut self, ahead: f64, is_news: bool) {
        let wanted = self.wanted(ahead);
        if wanted <= self.factor {
            self.asked = 0;
        } else if is_news {
            self.asked += 1;
            if self.asked > 1 {
                (self.factor, self.asked, self.calm) = (wanted, 0, None);
            }
        }
    }

    fn fall(&mut self, ahead: f64, now: Instant) {
        if self.factor == 1 || ahead >= BACK * f64::from(self.factor) / 2.0 {
            self.calm = None;
            return;
        }
        let since = *self.calm.get_or_insert(now);
        if now.saturating_duration_since(since) >= self.horizon {
            self.factor /= 2;
            self.calm = Some(now);
        }
    }

    /// The power of two that goes with it.
    fn wanted(&self, ahead: f64) -> u32 {
        let mut factor = 1;
        while ahead >= f64::from(factor) && factor <= self.most / 2 {
            factor *= 2;
        }
        factor
    }
}

fn step(horizon: Duration) -> Duration {
    (horizon / 12).max(Duration::from_secs(1))
}

#[cfg(test)]
#[path = "forecast_tests.rs"]
mod tests;

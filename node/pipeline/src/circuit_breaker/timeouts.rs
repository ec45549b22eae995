//! Timeouts learnt from a target's own latency.
//!
//! Latencies of each stream are counted in a histogram whose buckets grow by a fourth root of two, in four
//! parts of the learning window each, of which the oldest is forgotten as a whole. The timeout is three times
//! the 99th percentile (the upper bound of its bucket), once there are enough readings. A reading that ran
//! into it counts as one that took as long, and at once doubles it until that part of the window is
//! forgotten: else a server that has become slower would fail for ever.

use std::collections::HashMap;
use std::time::Duration;

use ringwatch_config::settings::AdaptiveTimeouts as Settings;
use ringwatch_frame::StreamId;
use tokio::time::Instant;

/// With fewer latencies nothing is learnt.
const ENOUGH: u32 = 30;
const PERCENTILE: f64 = 0.99;
/// How many times the percentile the timeout is.
const MARGIN: u32 = 3;
const PARTS: usize = 4;
/// How often what is too old is looked for.
const LOOK: Duration = Duration::from_secs(60);
/// From 1 ms to 17 minutes.
const BUCKETS: usize = 80;
/// No more streams are taken over from other nodes.
const MOST: usize = 1024;
const BUCKETS_PER_DOUBLING: f64 = 4.0;

/// What is learnt of one target.
#[derive(Debug)]
pub(crate) struct Timeouts {
    settings: Settings,
    streams: HashMap<StreamId, Learnt>,
    next_look: Instant,
}

impl Timeouts {
    /// Nothing learnt yet.
    pub(crate) fn new(settings: &Settings, now: Instant) -> Self {
        Self {
            settings: settings.clone(),
            streams: HashMap::new(),
            next_look: now + LOOK,
        }
    }

    /// The timeout of the stream, if one is learnt.
    pub(crate) fn of(&self, stream: &StreamId) -> Option<Duration> {
        self.streams.get(stream)?.timeout
    }

    /// All that are learnt.
    pub(crate) fn learnt(&self) -> impl Iterator<Item = (&StreamId, Duration)> {
        self.streams
            .iter()
            .filter_map(|(stream, learnt)| Some((stream, learnt.timeout?)))
    }

    /// Takes over what another node learnt: it holds for a learning window, or until enough is learnt here.
    pub(crate) fn adopt(&mut self, stream: &StreamId, timeout: Duration, force: bool, now: Instant) {
        let is_known = self.streams.contains_key(stream);
        let is_wanted = if is_known {
            force || self.of(stream).is_none()
        } else {
            self.streams.len() < MOST
        };
        if !self.settings.enabled || !is_wanted {
            return;
        }
        let mut learnt = Learnt::new(*self.settings.learning_window, now);
        learnt.inherited = Some((timeout, now));
        learnt.settle(&self.settings, now);
        self.streams.insert(stream.clone(), learnt);
    }

    /// The longest of all that are learnt.
    pub(crate) fn longest(&self) -> Option<Duration> {
        self.streams.values().filter_map(|learnt| learnt.timeout).max()
    }

    /// A reading ended after `took`; one that failed says something of latency only when it ran into the
    /// timeout.
    pub(crate) fn learn(&mut self, stream: &StreamId, took: Duration, failed: bool, now: Instant) {
        if !self.settings.enabled {
            return;
        }
        let timeout = self.of(stream);
        let ran_into = timeout.filter(|timeout| failed && took >= *timeout);
        if failed && ran_into.is_none() {
            return;
        }
        let window = *self.settings.learning_window;
        let learnt = self
            .streams
            .entry(stream.clone())
            .or_insert_with(|| Learnt::new(window, now));
        let part = learnt.part(now);
        part.add(took);
        if let Some(timeout) = ran_into {
            part.floor = part.floor.max(timeout.saturating_mul(2));
        }
        learnt.settle(&self.settings, now);
    }

    /// Forgets what is too old.
    pub(crate) fn look(&mut self, now: Instant) {
        if now < self.next_look {
            return;
        }
        self.next_look = now + LOOK;
        let settings = &self.settings;
        self.streams
            .retain(|_, learnt| learnt.settle(settings, now) > 0 || learnt.timeout.is_some());
    }
}

#[derive(Debug)]
struct Learnt {
    part: Duration,
    begin: Instant,
    parts: [Part; PARTS],
    timeout: Option<Duration>,
    /// What another node had learnt, and when that was taken over.
    inherited: Option<(Duration, Instant)>,
}

#[derive(Clone, Copy, Debug)]
struct Part {
    number: u64,
    counts: [u32; BUCKETS],
    floor: Duration,
}

impl Default for Part {
    fn default() -> Self {
        Self {
            number: 0,
            counts: [0; BUCKETS],
            floor: Duration::ZERO,
        }
    }
}

impl Part {
    fn add(&mut self, took: Duration) {
        if let Some(count) = self.counts.get_mut(bucket(took)) {
            *count = count.saturating_add(1);
        }
    }
}

impl Learnt {
    fn new(window: Duration, now: Instant) -> Self {
        let part = (window / PARTS as u32).max(Duration::from_secs(1));
        Self {
            part,
            begin: now,
            parts: [Part::default(); PARTS],
            timeout: None,
            inherited: None,
        }
    }

    fn number(&self, now: Instant) -> u64 {
        let passed = now.saturating_duration_since(self.begin).as_nanos();
        u64::try_from(passed / self.part.as_nanos()).unwrap_or(u64::MAX - PARTS as u64)
    }

    /// The part of the window that is filled now.
    fn part(&mut self, now: Instant) -> &mut Part {
        let number = self.number(now);
        let at = usize::try_from(number % PARTS as u64).unwrap_or(0);
        let part = &mut self.parts[at];
        if part.number != number {
            *part = Part {
                number,
                ..Part::default()
            };
        }
        part
    }

    /// Makes the timeout anew; says of how many latencies.
    fn settle(&mut self, settings: &Settings, now: Instant) -> u32 {
        let number = self.number(now);
        let live = || {
            self.parts
                .iter()
                .filter(|part| part.number + PARTS as u64 > number)
        };
        let sum = |at: usize| live().filter_map(|part| part.counts.get(at)).sum::<u32>();
        let counts: Vec<u32> = (0..BUCKETS).map(sum).collect();
        let all: u32 = counts.iter().sum();
        let floor = live().map(|part| part.floor).max().unwrap_or_default();
        let learnt = (all >= ENOUGH).then(|| percentile(&counts, all).saturating_mul(MARGIN).max(floor));
        self.inherited = self.inherited.filter(|(_, since)| {
            learnt.is_none() && now.saturating_duration_since(*since) < *settings.learning_window
        });
        let learnt = learnt.or_else(|| self.inherited.map(|(timeout, _)| timeout.max(floor)));
        self.timeout = learnt.map(|timeout| timeout.max(*settings.min_timeout).min(*settings.max_timeout));
        all
    }
}

/// The upper bound of the bucket in which the percentile lies.
fn percentile(counts: &[u32], all: u32) -> Duration {
    let mut left = f64::from(all) * (1.0 - PERCENTILE);
    for (at, count) in counts.iter().enumerate().rev() {
        left -= f64::from(*count);
        if left < 0.0 {
            return upper(at);
        }
    }
    upper(0)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the number is between 0 and the number of buckets"
)]
fn bucket(took: Duration) -> usize {
    let millis = (took.as_secs_f64() * 1000.0).max(1.0);
    ((millis.log2() * BUCKETS_PER_DOUBLING).floor() as usize).min(BUCKETS - 1)
}

#[expect(clippy::cast_precision_loss, reason = "there are few buckets")]
fn upper(bucket: usize) -> Duration {
    Duration::from_secs_f64(0.001 * ((bucket + 1) as f64 / BUCKETS_PER_DOUBLING).exp2())
}

#[cfg(test)]
#[path = "timeouts_tests.rs"]
mod tests;

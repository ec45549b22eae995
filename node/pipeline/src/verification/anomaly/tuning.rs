//! Thresholds that are learnt from the deviations that came to nothing.

use std::time::Duration;

use ringwatch_config::settings::AutoTuning;

/// So many classes of evidence are told apart.
const CLASSES: usize = 128;
/// How wide a class is.
const WIDTH: f32 = 0.5;
/// So rarely a harmless deviation may reach a threshold: once in so many judged values.
const RARE: u64 = 100_000;
/// A threshold is so much above what harmless deviations reach.
const MARGIN: f32 = 1.25;
/// A change of less is none.
const LEAST_CHANGE: f32 = 0.25;

/// The threshold of one measure of one stream.
#[derive(Clone, Debug)]
pub(super) struct Tuner {
    threshold: f32,
    counts: Box<[u32; CLASSES]>,
    judged: u64,
    since: Option<i64>,
}

/// Within what thresholds are learnt.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    window: i64,
    min: f32,
    max: f32,
}

impl Limits {
    /// `None` where nothing is learnt.
    #[expect(clippy::cast_possible_truncation, reason = "thresholds are small numbers")]
    pub(super) fn new(settings: &AutoTuning) -> Option<Self> {
        let window: Duration = *settings.learning_window;
        settings.enabled.then(|| Self {
            window: i64::try_from(window.as_nanos()).unwrap_or(i64::MAX),
            min: settings.min_threshold as f32,
            max: settings.max_threshold.max(settings.min_threshold) as f32,
        })
    }

    /// The nearest threshold that is allowed.
    pub(super) fn within(&self, threshold: f32) -> f32 {
        threshold.clamp(self.min, self.max)
    }
}

impl Tuner {
    pub(super) fn new(threshold: f32) -> Self {
        Self {
            threshold,
            counts: Box::new([0; CLASSES]),
            judged: 0,
            since: None,
        }
    }

    pub(super) fn threshold(&self) -> f32 {
        self.threshold
    }

    /// Notes a deviation that came to nothing, by the evidence that it reached.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "evidence is a small number above 0"
    )]
    pub(super) fn note(&mut self, evidence: f32) {
        let class = ((evidence / WIDTH) as usize).min(CLASSES - 1);
        if let Some(count) = self.counts.get_mut(class) {
            *count = count.saturating_add(1);
        }
    }

    /// Ends a reading in which so many values were judged. At the end of a window the threshold goes half of
    /// the way to what the window says; the old and the new one are given.
    pub(super) fn turn(&mut self, tick: i64, judged: u64, limits: &Limits) -> Option<(f32, f32)> {
        self.judged += judged;
        let since = *self.since.get_or_insert(tick);
        if tick.saturating_sub(since) < limits.window {
            return None;
        }
        let before = self.threshold;
        let wanted = limits.within(self.harmless() * MARGIN);
        let after = limits.within(f32::midpoint(before, wanted));
        let is_change = self.judged > 0 && (after - before).abs() >= LEAST_CHANGE;
        (self.since, self.judged) = (Some(tick), 0);
        self.counts.fill(0);
        if !is_change {
            return None;
        }
        self.threshold = after;
        Some((before, after))
    }

    /// What harmless deviations reach, but for a rare one.
    fn harmless(&self) -> f32 {
        let rare = self.judged / RARE;
        let mut above = 0;
        for (class, count) in self.counts.iter().enumerate().rev() {
            above += u64::from(*count);
            if above > rare {
                return f32::from(u16::try_from(class + 1).unwrap_or(u16::MAX)) * WIDTH;
            }
        }
        0.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000_000;

    fn limits() -> Limits {
        Limits::new(&AutoTuning {
            enabled: true,
            ..AutoTuning::default()
        })
        .unwrap()
    }

    #[test]
    fn a_threshold_follows_what_is_harmless_within_its_bounds() {
        let mut tuner = Tuner::new(12.0);
        assert_eq!(tuner.turn(0, 1000, &limits()), None);
        assert_eq!(tuner.turn(HOUR, 1000, &limits()), Some((12.0, 11.0)));
        for _ in 0..10 {
            tuner.note(20.0);
        }
        let (before, after) = tuner.turn(2 * HOUR, 1000, &limits()).unwrap();
        assert!(before == 11.0 && after > 17.0, "{after}");
        for hour in 3..30 {
            tuner.note(1e9);
            tuner.turn(hour * HOUR, 1000, &limits());
            assert!(tuner.threshold() <= 48.0);
        }
        assert!(tuner.threshold() > 47.0);
        for hour in 30..60 {
            tuner.turn(hour * HOUR, 1000, &limits());
        }
        assert!((10.0..10.5).contains(&tuner.threshold()), "{}", tuner.threshold());
    }

    #[test]
    fn a_window_in_which_nothing_was_judged_teaches_nothing() {
        let mut tuner = Tuner::new(12.0);
        for hour in 0..5 {
            assert_eq!(tuner.turn(hour * HOUR, 0, &limits()), None);
        }
        assert!(Limits::new(&AutoTuning::default()).is_none());
    }
}

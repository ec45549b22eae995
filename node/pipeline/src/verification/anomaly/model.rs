//! One measure of one statement: what is usual, and how much speaks against it.
//!
//! The forecast is robust Holt-Winters smoothing without a trend (Gelper, Fried and Croux, "Robust
//! forecasting with exponential and Holt-Winters smoothing", Journal of Forecasting 29, 2010): a value
//! further than two scales from its forecast is drawn in before it is learnt, and the scale itself is of
//! bounded influence. The season is a [`Profile`]. The decision is a cumulative sum of standardised residuals
//! (Page, "Continuous inspection schemes", Biometrika 41, 1954). Values are logarithms, so that what counts
//! is by how many times something changed.

use super::profile::{PartSoFar, Profile, Season, Usual};

/// The weight of a new value in the level.
const LEVEL: f32 = 0.03;
/// The weight of a new value in the scale, as the paper has it.
const SCALE: f32 = 0.1;
/// From so many scales on a value is drawn in.
const HUBER: f32 = 2.0;
/// Makes the scale that of a normal distribution, for that many scales.
const BIWEIGHT: f32 = 2.52;
/// No scale is less: five percent.
const LEAST_SCALE: f32 = 0.05;
/// The scale before anything is known.
const FIRST_SCALE: f32 = 0.5;
/// How much of that is learnt while something speaks for an anomaly.
const WARY: f32 = 0.35;
/// So many scales of each residual speak for nothing.
const ALLOWANCE: f32 = 1.0;
/// No value speaks for more than so many scales, so that one or two alone make no anomaly.
const MOST_EVIDENCE: f32 = 4.5;
/// A part of the season whose values span so many scales says nothing of the level.
const WIDE: f32 = 4.0;
/// The weight of a new value in what is recent while an anomaly lasts.
const RECENT: f32 = 0.1;
/// So many usual values end an anomaly.
const CALM: u8 = 3;
/// After a pause of this length, in nanoseconds, what was usual is not any more.
const LONGEST_PAUSE: i64 = 6 * 3600 * 1_000_000_000;

/// Which changes matter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// How much evidence makes an anomaly.
    pub(super) threshold: f32,
    /// The logarithm of the least ratio.
    pub(super) ratio: f32,
    /// The least difference of the plain values.
    pub(super) change: f64,
    /// Whether less than usual matters too.
    pub(super) both: bool,
}

/// What holds for all series.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) season: Option<Season>,
    /// The part of the season that runs.
    pub(super) part: u16,
    pub(super) warm_up: u16,
    /// In nanoseconds.
    pub(super) max_incident: i64,
    /// What is added to values before their logarithm is taken: smaller ones are alike.
    pub(super) floor: f64,
}

impl Rules {
    /// The same at `tick`, in nanoseconds.
    pub(super) fn at(self, tick: i64) -> Self {
        let part = self.season.map_or(0, |season| season.part(tick));
        Self { part, ..self }
    }
}

/// What a value was.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Verdict {
    /// Usual, or not to be judged.
    Usual,
    /// The first of an anomaly.
    Began(Deviation),
    /// Within one.
    Lasts(Deviation),
    /// An anomaly has ended; its end is usual again, or became usual.
    Ended { is_new_usual: bool },
}

/// How far a value is off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Deviation {
    /// In robust standard deviations; negative where the value is less than usual.
    pub(super) score: f32,
    /// What was to be expected.
    pub(super) usual: f64,
}

impl Deviation {
    fn new(score: f32, usual: f32, rules: &Rules) -> Self {
        Self {
            score,
            usual: plain(usual, rules).max(0.0),
        }
    }
}

/// The value of a logarithm.
fn plain(y: f32, rules: &Rules) -> f64 {
    f64::from(y).exp() - rules.floor
}

/// What is known of one measure of one series.
#[derive(Clone, Debug, Default)]
pub(super) struct Model {
    level: f32,
    scale: f32,
    up: f32,
    down: f32,
    peak: f32,
    recent: f32,
    part: PartSoFar,
    /// What is usual in it.
    habit: Usual,
    seen: u16,
    calm: u8,
    /// Since which tick an anomaly lasts.
    since: Option<i64>,
    last: i64,
    profile: Option<Profile>,
}

impl Model {
    /// Takes in the value of `tick`, at which `rules` are. What died away without becoming an anomaly is
    /// given to `peaks`.
    pub(super) fn step(
        &mut self,
        tick: i64,
        value: f64,
        rules: &Rules,
        bounds: &Bounds,
        peaks: &mut impl FnMut(f32),
    ) -> Verdict {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "four digits of a logarithm are enough"
        )]
        let y = ((value.max(0.0) + rules.floor) as f32).min(f32::MAX).ln();
        let is_first = self.seen == 0 || tick.saturating_sub(self.last).saturating_abs() > LONGEST_PAUSE;
        if is_first {
            self.begin();
        }
        self.last = tick;
        self.season(y, rules);
        let season = self.habit;
        if is_first {
            self.level = y - season.mean;
        }
        // Noise alone spans a little; a job that begins or ends spans much, and then all between is usual.
        let is_wide = season.most - season.least > WIDE * self.scale;
        let usual = if is_wide {
            y.max(self.level + season.least).min(self.level + season.most)
        } else {
            self.level + season.mean
        };
        let off = y - usual;
        let score = off / self.scale;
        let ratio = if self.since.is_some() {
            bounds.ratio / 2.0
        } else {
            bounds.ratio
        };
        let matters = off.abs() >= ratio && (bounds.both || off > 0.0) && {
            (value - plain(usual, rules)).abs() >= bounds.change
        };
        if self.since.is_some() {
            return self.during(
                tick,
                y - season.mean,
                matters,
                Deviation::new(score, usual, rules),
                rules,
            );
        }
        if !is_wide || off != 0.0 {
            let z = if is_wide {
                (y - season.mean - self.level) / self.scale
            } else {
                score
            };
            self.learn(z, rules);
        }
        if self.seen < rules.warm_up {
            self.seen += 1;
            return Verdict::Usual;
        }
        self.weigh(if matters { score } else { 0.0 }, bounds, peaks);
        if self.up.max(self.down) < bounds.threshold || !matters {
            return Verdict::Usual;
        }
        self.since = Some(tick);
        (self.calm, self.recent) = (0, y - season.mean);
        Verdict::Began(Deviation::new(score, usual, rules))
    }

    /// Forgets all but the season.
    fn begin(&mut self) {
        let profile = self.profile.take();
        *self = Self {
            scale: FIRST_SCALE,
            seen: 1,
            profile,
            ..Self::default()
        };
    }

    /// Notes the value for the season; at the end of a part the profile learns.
    fn season(&mut self, y: f32, rules: &Rules) {
        let Some(season) = rules.season else { return };
        let number = rules.part;
        if number != self.part.number && self.part.count > 0 {
            let ended = self.part;
            let before = self.usual_in(ended.number).mean;
            let mean = ended.usual().mean;
            self.profile
                .get_or_insert_with(|| Profile::new(season, mean))
                .note(ended.number, ended.usual());
            // The level is what is left of a value without its season: what the season learnt there it loses.
            self.level -= self.usual_in(ended.number).mean - before;
            self.part = PartSoFar::default();
        }
        if self.part.count == 0 {
            self.part.number = number;
            self.habit = self.usual_in(number);
        }
        self.part.add(y);
    }

    fn usual_in(&self, part: u16) -> Usual {
        self.profile
            .as_ref()
            .map_or_else(Usual::default, |profile| profile.around(part))
    }

    /// Moves level and scale by a residual of so many scales, as far as it can be believed.
    fn learn(&mut self, z: f32, rules: &Rules) {
        let is_new = self.seen < rules.warm_up;
        // What may be an anomaly is learnt slowly, or it would be usual before it is found.
        let pace = if !is_new && self.up.max(self.down) > 0.0 {
            WARY
        } else {
            1.0
        };
        let first = if is_new {
            1.0 / f32::from(self.seen.saturating_add(1))
        } else {
            0.0
        };
        let weight = (LEVEL * pace).max(first);
        self.level += weight * z.clamp(-HUBER, HUBER) * self.scale;
        let apart = (z * (1.0 / HUBER)).clamp(-1.0, 1.0);
        let within = 1.0 - apart * apart;
        let bounded = BIWEIGHT * (1.0 - within * within * within);
        let grown = 1.0 + SCALE * pace * (bounded - 1.0);
        self.scale = (self.scale * grown.sqrt()).max(LEAST_SCALE);
    }

    /// Adds what the value says to the sums.
    fn weigh(&mut self, score: f32, bounds: &Bounds, peaks: &mut impl FnMut(f32)) {
        let score = score.clamp(-MOST_EVIDENCE, MOST_EVIDENCE);
        self.up = (self.up + score - ALLOWANCE).max(0.0);
        self.down = if bounds.both {
            (self.down - score - ALLOWANCE).max(0.0)
        } else {
            0.0
        };
        let evidence = self.up.max(self.down);
        if evidence > 0.0 {
            self.peak = self.peak.max(evidence);
        } else if self.peak > 0.0 {
            peaks(std::mem::take(&mut self.peak));
        }
    }

    /// While an anomaly lasts nothing is learnt of what is usual, until it has lasted long enough to be it.
    fn during(&mut self, tick: i64, y: f32, matters: bool, off: Deviation, rules: &Rules) -> Verdict {
        self.recent += RECENT * (y - self.recent);
        self.calm = if matters { 0 } else { self.calm.saturating_add(1) };
        let is_calm = self.calm >= CALM;
        let lasted = self.since.map_or(0, |since| tick.saturating_sub(since));
        if !is_calm && lasted < rules.max_incident {
            return Verdict::Lasts(off);
        }
        if !is_calm {
            self.level = self.recent;
        }
        (self.since, self.up, self.down, self.peak) = (None, 0.0, 0.0, 0.0);
        Verdict::Ended {
            is_new_usual: !is_calm,
        }
    }
}

//! What is usual at a time of the day, or of the week.

/// A season is cut into parts of this length, in seconds.
const PART: u64 = 1800;
/// It is cut into no more parts: half hours of a week.
const MOST_PARTS: u64 = 336;
/// The weight of a new value in what lasts within a part of the season.
const LASTING: f32 = 0.3;
/// Values are kept in thousandths.
const UNIT: f32 = 1000.0;

/// How a season is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Season {
    nanos: i64,
    parts: u16,
}

impl Season {
    /// A season of this length; `None` where there is none.
    pub(super) fn new(length: std::time::Duration) -> Option<Self> {
        let parts = u16::try_from((length.as_secs() / PART).clamp(1, MOST_PARTS)).unwrap_or(1);
        let nanos = i64::try_from(length.as_nanos()).unwrap_or(i64::MAX);
        (parts > 1).then_some(Self { nanos, parts })
    }

    /// The part in which `tick`, in nanoseconds, lies.
    pub(super) fn part(self, tick: i64) -> u16 {
        let into = i128::from(tick.rem_euclid(self.nanos.max(1)));
        u16::try_from(into * i128::from(self.parts) / i128::from(self.nanos.max(1))).unwrap_or(0)
    }

    /// The bytes that the profile of one series takes.
    pub(super) fn bytes(self) -> usize {
        usize::from(self.parts) * 2 * size_of::<Part>()
    }
}

/// How much each part of the season differs from the mean of all.
///
/// Of each part the last two seasons are kept, and what counts is the median of both and zero: what happened
/// once is not a habit, and a job of every night is one from its third night on. Before two seasons have been
/// seen nothing counts: parts that know their difference beside parts that do not would only mislead.
#[derive(Clone, Debug)]
pub(super) struct Profile {
    /// The last season and the one before, for each part.
    parts: Box<[[Part; 2]]>,
    /// The mean of all parts, forgetting over a season.
    mean: f32,
    /// How many parts were noted, up to two seasons.
    noted: u16,
}

/// What one part was in one season, in thousandths above the mean of all.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    mean: i16,
    least: i16,
    most: i16,
}

/// What is usual in a part.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Usual {
    /// In the mean.
    pub(super) mean: f32,
    /// The least that lasts for some time, in this part or beside it.
    pub(super) least: f32,
    /// The most.
    pub(super) most: f32,
}

impl Profile {
    pub(super) fn new(season: Season, mean: f32) -> Self {
        Self {
            parts: vec![[Part::default(); 2]; usize::from(season.parts)].into(),
            mean,
            noted: 0,
        }
    }

    /// Takes in a part that has ended: its mean, and the least and the most that lasted for some time.
    pub(super) fn note(&mut self, part: u16, ended: Usual) {
        let count = self.parts.len();
        let Some(place) = self.parts.get_mut(usize::from(part)) else {
            return;
        };
        self.noted = self.noted.saturating_add(1);
        let weight = 1.0 / f32::from(self.noted.min(u16::try_from(count).unwrap_or(u16::MAX)));
        self.mean += (ended.mean - self.mean) * weight;
        #[expect(
            clippy::cast_possible_truncation,
            reason = "floats saturate when they become whole"
        )]
        let above = |value: f32| ((value - self.mean) * UNIT) as i16;
        let new = Part {
            mean: above(ended.mean),
            least: above(ended.least),
            most: above(ended.most),
        };
        *place = [new, place[0]];
    }

    /// What is usual in `part`. Around the edges of a habit either of its sides is.
    pub(super) fn around(&self, part: u16) -> Usual {
        let count = self.parts.len();
        if usize::from(self.noted) < 2 * count {
            return Usual::default();
        }
        let at = usize::from(part);
        let habit = |at: usize, of: fn(&Part) -> i16| {
            let seasons = self.parts.get(at % count.max(1));
            seasons.map_or(0.0, |seasons| habit(seasons.each_ref().map(of)))
        };
        let beside = [at, at + count.saturating_sub(1), at + 1];
        let mean = habit(at, |part| part.mean);
        Usual {
            mean,
            least: beside
                .map(|at| habit(at, |part| part.least))
                .into_iter()
                .fold(mean, f32::min),
            most: beside
                .map(|at| habit(at, |part| part.most))
                .into_iter()
                .fold(mean, f32::max),
        }
    }
}

/// The median of both seasons and zero.
fn habit([last, before]: [i16; 2]) -> f32 {
    let smaller = if last.unsigned_abs() < before.unsigned_abs() {
        last
    } else {
        before
    };
    let is_habit = (last > 0) == (before > 0);
    if is_habit { f32::from(smaller) / UNIT } else { 0.0 }
}

/// The part of the season that runs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PartSoFar {
    pub(super) number: u16,
    pub(super) count: u16,
    sum: f32,
    lasting: f32,
    least: f32,
    most: f32,
}

impl PartSoFar {
    pub(super) fn add(&mut self, y: f32) {
        self.lasting += if self.count == 0 {
            y - self.lasting
        } else {
            LASTING * (y - self.lasting)
        };
        let (least, most) = if self.count == 0 {
            (y, y)
        } else {
            (self.least, self.most)
        };
        (self.least, self.most) = (least.min(self.lasting), most.max(self.lasting));
        self.sum += y;
        self.count = self.count.saturating_add(1);
    }

    pub(super) fn usual(&self) -> Usual {
        Usual {
            mean: self.sum / f32::from(self.count.max(1)),
            least: self.least,
            most: self.most,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const DAY: u64 = 86_400;

    #[test]
    fn a_season_has_parts_of_half_an_hour() {
        let day = Season::new(Duration::from_secs(DAY)).unwrap();
        assert_eq!(day.parts, 48);
        assert_eq!(Season::new(Duration::from_secs(7 * DAY)).unwrap().parts, 336);
        assert_eq!(Season::new(Duration::ZERO), None);
        let at = |hours: i64| day.part(hours * 3_600_000_000_000);
        assert_eq!([at(0), at(1), at(23), at(24), at(-1)], [0, 2, 46, 0, 46]);
        assert_eq!(day.part(i64::MIN), day.part(i64::MIN.rem_euclid(day.nanos)));
    }

    #[test]
    fn what_happens_every_day_is_usual_and_what_happened_once_is_not() {
        let season = Season::new(Duration::from_secs(DAY)).unwrap();
        let mut profile = Profile::new(season, 0.0);
        for day in 0..3 {
            for part in 0..48 {
                let nightly = if part == 4 { 2.0 } else { 0.0 };
                let once = if day == 1 && part == 20 { 3.0 } else { 0.0 };
                let mean = nightly / 2.0 + once;
                profile.note(
                    part,
                    Usual {
                        mean,
                        least: once,
                        most: nightly + once,
                    },
                );
            }
            let Usual { mean, least, most } = profile.around(4);
            assert_eq!(mean > 0.7 && most > 1.7, day > 0, "{mean}");
            assert!(least.abs() < 0.2);
            assert!(profile.around(20).most.abs() < 0.2);
            assert_eq!(profile.around(5).most > 1.7, day > 0, "the job may end late");
        }
    }
}

//! How often the detector is right and wrong, on series that are made up: a day that is busier than the
//! night, noise that remembers, single spikes, jobs of every night; and changes that were put there on
//! purpose.

use std::f64::consts::TAU;

use super::model::{Bounds, Model, Rules, Verdict};
use super::profile::Season;
use super::{FLOOR_MS, mix};

const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400;
/// Seconds between readings.
const EVERY: i64 = 30;

/// Random numbers that are the same in every run.
struct Dice(u64);

impl Dice {
    fn unit(&mut self) -> f64 {
        self.0 = mix(self.0, 1);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn between(&mut self, least: f64, most: f64) -> f64 {
        least + (most - least) * self.unit()
    }

    /// Normal, by Box and Muller.
    fn normal(&mut self) -> f64 {
        (-2.0 * self.unit().max(1e-300).ln()).sqrt() * (TAU * self.unit()).cos()
    }
}

/// A change for the worse: when it begins, how long it lasts, by how many times.
#[derive(Clone, Copy)]
struct Planted {
    at: i64,
    lasts: i64,
    ratio: f64,
}

struct World {
    dice: Dice,
    base: f64,
    /// The logarithm of how much busier the day is than the mean.
    day: f64,
    noise: f64,
    spikes: f64,
    /// When a job of half an hour runs every night, in seconds.
    nightly: Option<i64>,
    drift: f64,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Dice(mix(seed, 42));
        Self {
            base: 10_f64.powf(dice.between(1.3, 3.0)),
            day: dice.between(0.0, 0.6),
            noise: dice.between(0.03, 0.3),
            spikes: 0.002,
            nightly: seed
                .is_multiple_of(4)
                .then_some(2 * 3600 + (seed as i64 % 7) * 600),
            drift: 0.0,
            dice,
        }
    }

    fn value(&mut self, second: i64, planted: Option<Planted>) -> f64 {
        let into_day = second.rem_euclid(DAY);
        self.drift = 0.4 * self.drift + self.dice.normal() * self.noise;
        let mut log = self.base.ln() + self.day * (TAU * into_day as f64 / DAY as f64).sin() + self.drift;
        if self.dice.unit() < self.spikes {
            log += self.dice.between(1.0, 2.5);
        }
        if self.nightly.is_some_and(|at| (at..at + 1800).contains(&into_day)) {
            log += 1.5;
        }
        if planted.is_some_and(|change| (change.at..change.at + change.lasts).contains(&second)) {
            log += planted.map_or(0.0, |change| change.ratio.ln());
        }
        log.exp()
    }
}

fn feed(model: &mut Model, tick: i64, value: f64, threshold: f32) -> Verdict {
    let rules = Rules {
        season: Season::new(std::time::Duration::from_secs(86_400)),
        part: 0,
        warm_up: 30,
        max_incident: 3600 * SECOND,
        floor: FLOOR_MS,
    };
    let bounds = Bounds {
        threshold,
        ratio: 1.5_f32.ln(),
        change: 5.0,
        both: false,
    };
    model.step(tick, value, &rules.at(tick), &bounds, &mut |_| ())
}

/// When anomalies began, in seconds.
fn run(seed: u64, days: i64, threshold: f32, planted: Option<Planted>) -> Vec<i64> {
    let (mut world, mut model) = (World::new(seed), Model::default());
    let mut begun = Vec::new();
    for second in (0..days * DAY).step_by(30) {
        let value = world.value(second, planted);
        if let Verdict::Began(_) = feed(&mut model, second * SECOND, value, threshold) {
            begun.push(second);
        }
    }
    begun
}

#[test]
fn few_alarms_are_false_on_seasonal_series_with_noise_spikes_and_jobs() {
    for (threshold, most) in [(24.0, 0.01), (12.0, 0.04), (8.0, 0.2)] {
        let (mut calm, mut jobs, mut learning) = (0, 0, 0);
        let series = 200;
        for seed in 0..series {
            let begun = run(seed, 5, threshold, None);
            match World::new(seed).nightly {
                None => calm += begun.len(),
                Some(_) => {
                    learning += begun.iter().filter(|at| **at < 2 * DAY).count();
                    jobs += begun.iter().filter(|at| **at >= 2 * DAY).count();
                }
            }
        }
        let calm = calm as f64 / (series as f64 * 0.75 * 5.0);
        let jobs = jobs as f64 / (series as f64 * 0.25 * 3.0);
        let learning = learning as f64 / (series as f64 * 0.25 * 2.0);
        println!(
            "threshold {threshold}: false alarms a day and series: {calm:.4}; with a job every night {jobs:.4} \
             after two days, {learning:.2} before"
        );
        assert!(calm <= most, "{calm}");
        assert!(jobs <= 5.0 * most, "{jobs}");
    }
}

#[test]
fn planted_changes_are_found_soon() {
    for (ratio, least) in [(1.75, 0.65), (2.0, 0.88), (3.0, 0.97), (5.0, 0.99)] {
        let (mut found, mut delays) = (0, Vec::new());
        let series = 200;
        for seed in 0..series {
            let at = 3 * DAY + Dice(seed).between(0.0, 80_000.0) as i64;
            let planted = Planted {
                at,
                lasts: 1800,
                ratio,
            };
            let begun = run(seed, 4, 12.0, Some(planted));
            if let Some(first) = begun.iter().find(|begun| (at..at + 1800).contains(*begun)) {
                found += 1;
                delays.push((first - at) / EVERY + 1);
            }
        }
        delays.sort_unstable();
        let rate = f64::from(found) / series as f64;
        let median = delays.get(delays.len() / 2).copied().unwrap_or_default();
        println!(
            "times {ratio}: {:.1} % found, in the median at reading {median} of the change",
            rate * 100.0
        );
        assert!(rate >= least, "{rate}");
        assert!(ratio < 2.0 || median <= 10, "{median}");
    }
}

#[test]
fn an_hour_of_a_calm_benchmark_raises_no_alarm() {
    // Ten statements of constant work, with a checkpoint every five minutes that slows two readings down.
    let mut alarms = 0;
    for seed in 0..500 {
        let mut dice = Dice(mix(seed, 7));
        let (base, noise) = (dice.between(0.05, 40.0), dice.between(0.02, 0.15));
        let mut model = Model::default();
        for reading in 0..120 {
            let checkpoint = if reading % 10 < 2 {
                dice.between(0.0, 1.1)
            } else {
                0.0
            };
            let value = base * (noise * dice.normal() + checkpoint).exp();
            let verdict = feed(&mut model, reading * EVERY * SECOND, value, 8.0);
            alarms += usize::from(matches!(verdict, Verdict::Began(_)));
        }
    }
    let hours = 50.0;
    println!(
        "false alarms an hour of ten statements: {:.3}",
        alarms as f64 / hours
    );
    assert!(alarms as f64 / hours <= 0.2, "{alarms}");
}

/// The verdicts on a series of values, one for each reading.
fn verdicts(values: impl IntoIterator<Item = f64>) -> Vec<Verdict> {
    let mut model = Model::default();
    let step = |(reading, value)| feed(&mut model, reading * EVERY * SECOND, value, 12.0);
    (0..).zip(values).map(step).collect()
}

#[test]
fn an_anomaly_is_one_until_it_ends_and_what_lasts_becomes_usual() {
    let values = [100.0; 60].into_iter().chain([300.0; 20]).chain([100.0; 20]);
    let short = verdicts(values);
    let began = |verdicts: &[Verdict]| verdicts.iter().filter(|v| matches!(v, Verdict::Began(_))).count();
    assert_eq!(began(&short), 1);
    let ended = short
        .iter()
        .position(|v| *v == Verdict::Ended { is_new_usual: false });
    assert_eq!(ended, Some(82), "after three usual readings");
    let long = verdicts([100.0; 60].into_iter().chain([300.0; 400]));
    assert_eq!(began(&long), 1);
    assert!(long.contains(&Verdict::Ended { is_new_usual: true }));
    assert_eq!(long.last(), Some(&Verdict::Usual));
}

#[test]
fn what_is_small_short_or_better_is_no_anomaly() {
    let flat = || [100.0; 60].into_iter();
    for (what, values) in [
        (
            "one spike",
            flat().chain([5000.0]).chain(flat()).collect::<Vec<_>>(),
        ),
        ("less than the ratio", flat().chain([140.0; 30]).collect()),
        ("faster", flat().chain([10.0; 30]).collect()),
        (
            "few milliseconds",
            [1.0; 60].into_iter().chain([5.5; 30]).collect(),
        ),
        ("a warm-up", [100.0; 10].into_iter().chain([400.0; 15]).collect()),
        ("no numbers", vec![0.0; 80]),
    ] {
        assert!(verdicts(values).iter().all(|v| *v == Verdict::Usual), "{what}");
    }
}

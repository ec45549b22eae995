//! Anomalies: statements whose time per call, or number of calls, is not what it usually is.
//!
//! A series is a statement of a target: its identifier, its database, its role. Whether rows came before is
//! no information here, because a sampler may stand in front; so only rows that are there are judged.

mod lru;
mod model;
mod profile;
mod series;
#[cfg(test)]
mod simulation;
mod tuning;
mod values;

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::RecordBatch;
use ringwatch_config::settings::{AnomalyDetection, AutoTuning};

pub(crate) use lru::AsItIs;
pub(super) use lru::Lru;
use model::{Bounds, Deviation, Rules, Verdict};
use profile::Season;
use series::{Series, Taken};
use tuning::{Limits, Tuner};
use values::Values;

use super::columns::{mix, mix_in};
use super::shape::SeriesColumns;

/// Milliseconds per call below this are alike.
const FLOOR_MS: f64 = 0.1;
/// Calls a second below this are alike.
const FLOOR_CALLS: f64 = 0.05;
/// Bytes of a series besides its profiles: the slot and its place in the map.
const SERIES_BYTES: usize = size_of::<Series>() + 48;

/// What is measured of a statement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Measure {
    /// Milliseconds per call.
    MeanTime,
    /// Calls a second.
    Calls,
}

impl Measure {
    /// Both, in the order in which they are kept.
    pub const ALL: [Self; 2] = [Self::MeanTime, Self::Calls];

    /// The value of labels and findings.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MeanTime => "mean_exec_time",
            Self::Calls => "calls",
        }
    }
}

/// Something that began or ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Event {
    pub(super) row: usize,
    pub(super) series: u64,
    pub(super) measure: Measure,
    pub(super) value: f64,
    pub(super) kind: EventKind,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum EventKind {
    Began { score: f32, usual: f64 },
    Ended { is_new_usual: bool },
}

/// What came of the rows of a frame.
#[derive(Default)]
pub(super) struct Judged {
    pub(super) events: Vec<Event>,
    /// Of rows in an anomaly, how far they are off; else 0.
    pub(super) scores: Vec<f32>,
    /// Anomalies that go on, by their keys.
    pub(super) lasting: Vec<u64>,
    /// Anomalies that began or last, in this frame.
    pub(super) off: usize,
    /// Values that were judged.
    pub(super) judged: [u64; 2],
}

/// A threshold that was learnt: of which measure, what it was, what it is.
pub(super) type Change = (Measure, f32, f32);

/// What is known of one stream's thresholds.
type Tuners = [Tuner; 2];

/// Judges the rows of one pipeline.
pub(super) struct Detector {
    rules: Rules,
    min_calls: f64,
    ratio: f32,
    min_change: f64,
    threshold: f32,
    limits: Option<Limits>,
    series: Lru<Series>,
    tuners: BTreeMap<Arc<str>, Tuners>,
    /// How much more evidence a series needs, because somebody said that it was taken wrongly.
    factors: Arc<BTreeMap<u64, f32>>,
    hashes: Vec<u64>,
}

impl Detector {
    #[expect(clippy::cast_possible_truncation, reason = "thresholds are small numbers")]
    pub(super) fn new(settings: &AnomalyDetection, tuning: &AutoTuning) -> Self {
        let season = Season::new(*settings.season);
        let bytes = settings.max_memory_mb.saturating_mul(1024 * 1024);
        let each = SERIES_BYTES + 2 * season.map_or(0, Season::bytes);
        let limits = Limits::new(tuning);
        let threshold = settings.threshold as f32;
        Self {
            rules: Rules {
                season,
                part: 0,
                warm_up: u16::try_from(settings.warm_up).unwrap_or(u16::MAX),
                max_incident: i64::try_from(settings.max_incident.as_nanos()).unwrap_or(i64::MAX),
                floor: FLOOR_MS,
            },
            min_calls: settings.min_calls as f64,
            ratio: settings.min_ratio.ln() as f32,
            min_change: settings.min_change_ms,
            threshold: limits.map_or(threshold, |limits| limits.within(threshold)),
            limits,
            series: Lru::new(usize::try_from(bytes).unwrap_or(usize::MAX) / each.max(1)),
            tuners: BTreeMap::new(),
            factors: Arc::default(),
            hashes: Vec::new(),
        }
    }

    /// How many series are known.
    pub(super) fn series(&self) -> usize {
        self.series.len()
    }

    /// Begins with thresholds that were learnt before.
    pub(super) fn recall(&mut self, learnt: &BTreeMap<Arc<str>, [f32; 2]>) {
        let Some(limits) = self.limits else { return };
        for (stream, thresholds) in learnt {
            let tuners = thresholds.map(|threshold| Tuner::new(limits.within(threshold)));
            self.tuners.insert(Arc::clone(stream), tuners);
        }
    }

    /// The thresholds by stream.
    pub(super) fn thresholds(&self) -> impl Iterator<Item = (&Arc<str>, [f32; 2])> {
        self.tuners
            .iter()
            .map(|(stream, tuners)| (stream, tuners.each_ref().map(Tuner::threshold)))
    }

    /// Which series need more evidence than others.
    pub(super) fn set_factors(&mut self, factors: Arc<BTreeMap<u64, f32>>) {
        self.factors = factors;
    }

    /// Judges the rows of a reading of a target, made so many seconds after the one before. The target is a
    /// hash.
    pub(super) fn judge(
        &mut self,
        rows: &RecordBatch,
        columns: &SeriesColumns,
        stream: &Arc<str>,
        (target, tick, seconds): (u64, i64, Option<f64>),
        out: &mut Judged,
    ) {
        *out = Judged::default();
        let (count, now) = (rows.num_rows(), self.rules.at(tick));
        self.hash(rows, columns, target);
        let threshold = self.threshold;
        let tuners = self
            .tuners
            .entry(Arc::clone(stream))
            .or_insert_with(|| [(); 2].map(|()| Tuner::new(threshold)));
        let values = Values::of(rows, columns);
        for (row, hash) in self.hashes.iter().copied().enumerate() {
            let Some(counted) = values.row(row).filter(|(calls, _)| *calls >= self.min_calls) else {
                continue;
            };
            let series = self.series.touch(hash);
            let Some(Taken {
                calls,
                total,
                seconds,
            }) = series
                .take(counted, columns.are_totals, tick, seconds)
                .filter(|taken| taken.calls >= self.min_calls)
            else {
                continue;
            };
            let factor = if self.factors.is_empty() {
                1.0
            } else {
                self.factors.get(&hash).copied().unwrap_or(1.0)
            };
            let least = self.min_calls / seconds.unwrap_or(1.0);
            let measured = [
                (values.mean(row, calls, total), self.min_change, FLOOR_MS),
                (seconds.map(|seconds| calls / seconds), least, FLOOR_CALLS),
            ];
            for (((measure, (value, change, floor)), model), tuner) in Measure::ALL
                .into_iter()
                .zip(measured)
                .zip(&mut series.models)
                .zip(tuners.iter_mut())
            {
                let Some(value) = value.filter(|value| value.is_finite()) else {
                    continue;
                };
                let bounds = Bounds {
                    threshold: tuner.threshold() * factor,
                    ratio: self.ratio,
                    change,
                    both: measure == Measure::Calls,
                };
                let rules = Rules { floor, ..now };
                out.judged[measure as usize] += 1;
                let verdict = model.step(tick, value, &rules, &bounds, &mut |peak| tuner.note(peak));
                out.note(row, count, hash, measure, value, verdict);
            }
        }
    }

    /// The series of each row, by its hash.
    fn hash(&mut self, rows: &RecordBatch, columns: &SeriesColumns, target: u64) {
        self.hashes.clear();
        self.hashes.resize(rows.num_rows(), target);
        for column in columns.identity.iter().filter_map(|at| rows.columns().get(*at)) {
            mix_in(column, &mut self.hashes);
        }
    }

    /// Ends the reading: what thresholds have changed by it.
    pub(super) fn turn(&mut self, stream: &Arc<str>, tick: i64, judged: [u64; 2]) -> Vec<Change> {
        let (Some(limits), Some(tuners)) = (&self.limits, self.tuners.get_mut(stream)) else {
            return Vec::new();
        };
        let each = Measure::ALL.into_iter().zip(tuners).zip(judged);
        each.filter_map(|((measure, tuner), judged)| {
            let (before, after) = tuner.turn(tick, judged, limits)?;
            Some((measure, before, after))
        })
        .collect()
    }
}

impl Judged {
    fn note(&mut self, row: usize, rows: usize, series: u64, measure: Measure, value: f64, verdict: Verdict) {
        let event = |kind| Event {
            row,
            series,
            measure,
            value,
            kind,
        };
        match verdict {
            Verdict::Usual => return,
            Verdict::Ended { is_new_usual } => {
                self.events.push(event(EventKind::Ended { is_new_usual }));
                return;
            }
            Verdict::Began(Deviation { score, usual }) => {
                self.events.push(event(EventKind::Began { score, usual }));
                self.mark(row, rows, score);
            }
            Verdict::Lasts(Deviation { score, .. }) => {
                self.lasting.push(key_of(series, measure));
                self.mark(row, rows, score);
            }
        }
        self.off += 1;
    }

    /// The larger deviation of a row is its score; never 0, which says that there is none.
    fn mark(&mut self, row: usize, rows: usize, score: f32) {
        self.scores.resize(rows, 0.0);
        if let Some(place) = self.scores.get_mut(row)
            && score.abs() >= place.abs()
        {
            *place = if score == 0.0 { f32::MIN_POSITIVE } else { score };
        }
    }
}

/// What an anomaly of a series is known by.
pub(super) fn key_of(series: u64, measure: Measure) -> u64 {
    mix(series, measure as u64)
}

/// The seed of the hashes of a target's series.
pub(super) fn of_target(target: &str, stream: &str) -> u64 {
    let hash = |text: &str| xxhash_rust::xxh3::xxh3_64(text.as_bytes());
    mix(hash(target), hash(stream))
}

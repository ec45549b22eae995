//! Cumulative counters to deltas: pure.
//!
//! A row is the same one in two readings when its key is. What a reading yields, and what it counts as uncertain:
//! - The first reading yields nothing: it is the baseline.
//! - A row whose `changed` counter grew is yielded with what its counters grew by. A row whose `changed` counter
//!   did not grow is not yielded, and what its other counters grew by is kept for the reading that yields it.
//! - A key that the baseline does not hold is yielded in full: it began after the last look.
//! - A row that began anew is yielded in full. It did when `since` differs; or, where the server tells
//!   no `since`, when a counter fell, or a `never_falls` fell or a `never_rises` rose from other than zero.
//! - When the instant of the last reset differs, a row without `since` is yielded in full too, if the rows bear the
//!   reset out: at least half of the baseline's vanished or began anew. The instant is read apart from the rows, so it may
//!   come one reading before or after them; then the rows are the same entries, and the next reading tells the rest.
//!
//! What an entry counted between our last look and its end nobody can know. So one `evicted` is counted for each
//! row that vanished or began anew, and at least as many as the server says it threw out; and one `reset` for each row
//! of the baseline when the instant of the last reset differs, and at least one. A delta is never negative and nothing is counted twice: where
//! an entry's end cannot be seen, as it has grown past its old self, the sum is too small, never too large.

mod numbers;
mod rows;
mod stored;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use arrow_array::{ArrayRef, RecordBatch, UInt64Array};
use arrow_schema::ArrowError;
use arrow_select::interleave::interleave_record_batch;
use arrow_select::take::take_record_batch;
use ringwatch_catalogue::model::Delta;

use self::numbers::Numbers;
pub(crate) use self::rows::key_bytes;
use self::rows::{instant, keys, newest, without_doubles};
pub use self::stored::Unfit;

/// Why a reading could not become deltas: the catalogue and the frame do not fit together.
#[derive(Debug, thiserror::Error)]
pub enum DeltaError {
    /// The catalogue names a column that the reading does not have.
    #[error("the catalogue's delta names column `{0}`, which the reading does not have")]
    Column(String),
    /// A counter that holds no numbers.
    #[error("column `{0}` holds no numbers, so it cannot become a delta")]
    Type(String),
    /// Arrow refused the columns.
    #[error(transparent)]
    Arrow(#[from] ArrowError),
}

/// What was counted but can never be known, in rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uncertain {
    /// For a reset of all entries.
    pub reset: u64,
    /// For entries that were thrown out, or reset one by one.
    pub evicted: u64,
    /// Because who read before cannot tell what it had counted: all rows of the reading that begins anew.
    pub baseline: u64,
}

/// What the next reading is compared with. It holds the columns that deltas need and no others.
#[derive(Clone, Debug, PartialEq)]
pub struct Baseline {
    rows: RecordBatch,
    reset: Option<i64>,
    evictions: Option<i64>,
}

impl Baseline {
    /// How many rows it holds.
    pub fn rows(&self) -> usize {
        self.rows.num_rows()
    }
}

/// What comes of one reading.
#[derive(Debug)]
pub struct Step {
    /// The rows that changed, with deltas in place of counters.
    pub rows: RecordBatch,
    /// What the next reading is compared with.
    pub baseline: Baseline,
    /// What cannot be known.
    pub uncertain: Uncertain,
}

/// Compares `current` with the reading before.
///
/// # Errors
/// When the reading does not have the columns that `spec` names.
pub fn step(spec: &Delta, baseline: Option<&Baseline>, current: &RecordBatch) -> Result<Step, DeltaError> {
    let (keys, current) = without_doubles(spec, keys(spec, current)?, current)?;
    let (reset, evictions) = (
        newest(&current, spec.reset.as_ref())?,
        newest(&current, spec.evictions.as_ref())?,
    );
    let narrow = narrow(spec, &current)?;
    let Some(baseline) = baseline else {
        // Copied, so that the baseline does not keep the other columns' memory alive.
        let all: Vec<_> = (0..narrow.num_rows()).map(|at| (0, at)).collect();
        let baseline = Baseline {
            rows: interleave_record_batch(&[&narrow], &all)?,
            reset,
            evictions,
        };
        return Ok(Step {
            rows: current.slice(0, 0),
            baseline,
            uncertain: Uncertain::default(),
        });
    };
    let was_reset = matches!((baseline.reset, reset), (Some(then), Some(now)) if then != now);
    let fates = fates(spec, baseline, &current, &keys, was_reset)?;
    let counters = Counters::read(spec, &current, &baseline.rows)?;
    let grown = counters.grown(spec, &fates);

    let mut emitted = Vec::new();
    let mut kept = Vec::new();
    for (at, fate) in fates.iter().enumerate() {
        match fate {
            _ if grown[at] => {
                emitted.push(at);
                kept.push((1, at));
            }
            Fate::Same(then) => kept.push((0, *then)),
            // Left out of the baseline, so that it is still new when it has grown.
            Fate::New | Fate::Anew => {}
        }
    }
    let uncertain = uncertain(baseline, &fates, was_reset, evictions);
    let rows = interleave_record_batch(&[&baseline.rows, &narrow], &kept)?;
    let baseline = Baseline {
        rows,
        reset: reset.or(baseline.reset),
        evictions: evictions.or(baseline.evictions),
    };
    Ok(Step {
        rows: counters.yielded(&current, &fates, &emitted)?,
        baseline,
        uncertain,
    })
}

/// What became of a row since the reading before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It was not there.
    New,
    /// It began anew.
    Anew,
    /// It is the row at this place of the baseline.
    Same(usize),
}

fn fates(
    spec: &Delta,
    baseline: &Baseline,
    current: &RecordBatch,
    keys_now: &[Vec<u8>],
    was_reset: bool,
) -> Result<Vec<Fate>, DeltaError> {
    let keys_then = keys(spec, &baseline.rows)?;
    let place: HashMap<&[u8], usize> = keys_then
        .iter()
        .enumerate()
        .map(|(at, key)| (&**key, at))
        .collect();
    let lives = Lives::read(spec, current, &baseline.rows)?;
    let fate = |(now, key): (usize, &Vec<u8>)| match place.get(&**key) {
        None => Fate::New,
        Some(then) if lives.began_anew(now, *then) => Fate::Anew,
        Some(then) => Fate::Same(*then),
    };
    let mut fates: Vec<_> = keys_now.iter().enumerate().map(fate).collect();
    let living = fates.iter().filter(|fate| matches!(fate, Fate::Same(_))).count();
    if was_reset && living * 2 <= baseline.rows() {
        for (now, fate) in fates.iter_mut().enumerate() {
            if matches!(fate, Fate::Same(then) if !lives.has_since(now, *then)) {
                *fate = Fate::Anew;
            }
        }
    }
    Ok(fates)
}

/// The columns that tell whether a row lives on.
struct Lives {
    since: Option<(ArrayRef, ArrayRef)>,
    counters: Vec<(Numbers, Numbers)>,
    never_falls: Vec<(Numbers, Numbers)>,
    never_rises: Vec<(Numbers, Numbers)>,
}

impl Lives {
    fn read(spec: &Delta, now: &RecordBatch, then: &RecordBatch) -> Result<Self, DeltaError> {
        let pairs = |names: &[String]| -> Result<Vec<_>, DeltaError> {
            names
                .iter()
                .map(|name| Ok((Numbers::read(now, name)?, Numbers::read(then, name)?)))
                .collect()
        };
        let since = match &spec.since {
            Some(name) => Some((rows::column(now, name)?, rows::column(then, name)?)),
            None => None,
        };
        Ok(Self {
            since,
            counters: pairs(&spec.counters)?,
            never_falls: pairs(&spec.never_falls)?,
            never_rises: pairs(&spec.never_rises)?,
        })
    }

    /// Since when the row counts, now and then, where the server tells both.
    fn since(&self, now: usize, then: usize) -> Option<(i64, i64)> {
        let (a, b) = self.since.as_ref()?;
        Some((instant(a, now)?, instant(b, then)?))
    }

    fn has_since(&self, now: usize, then: usize) -> bool {
        self.since(now, then).is_some()
    }

    /// Whether the row at `now` is another life than the one at `then` of the baseline.
    fn began_anew(&self, now: usize, then: usize) -> bool {
        if let Some((a, b)) = self.since(now, then) {
            // It alone decides: a reset of the extremes moves those, and the counters go on.
            return a != b;
        }
        let fell = |(a, b): &(Numbers, Numbers)| a.fell(now, b, then);
        let rose = |(a, b): &(Numbers, Numbers)| b.is_not_zero(then) && b.fell(then, a, now);
        self.counters.iter().any(fell)
            || self.never_falls.iter().any(fell)
            || self.never_rises.iter().any(rose)
    }
}

fn uncertain(baseline: &Baseline, fates: &[Fate], was_reset: bool, evictions: Option<i64>) -> Uncertain {
    let rows = baseline.rows() as u64;
    if was_reset {
        return Uncertain {
            reset: rows.max(1),
            evicted: 0,
            baseline: 0,
        };
    }
    let count = |wanted: fn(&Fate) -> bool| fates.iter().filter(|fate| wanted(fate)).count() as u64;
    let anew = count(|fate| *fate == Fate::Anew);
    let vanished = rows.saturating_sub(anew + count(|fate| matches!(fate, Fate::Same(_))));
    let thrown_out = match (baseline.evictions, evictions) {
        (Some(then), Some(now)) => u64::try_from(now.saturating_sub(then)).unwrap_or(0),
        _ => 0,
    };
    Uncertain {
        reset: 0,
        evicted: (vanished + anew).max(thrown_out),
        baseline: 0,
    }
}

/// The counters of both readings, in the order of the specification.
struct Counters<'a>(Vec<(&'a str, Numbers, Numbers)>);

impl<'a> Counters<'a> {
    fn read(spec: &'a Delta, now: &RecordBatch, then: &RecordBatch) -> Result<Self, DeltaError> {
        let read = |name: &'a String| {
            Ok((
                name.as_str(),
                Numbers::read(now, name)?,
                Numbers::read(then, name)?,
            ))
        };
        Ok(Self(
            spec.counters
                .iter()
                .map(read)
                .collect::<Result<_, DeltaError>>()?,
        ))
    }

    /// Which rows are yielded.
    fn grown(&self, spec: &Delta, fates: &[Fate]) -> Vec<bool> {
        let changed = self.0.iter().find(|(name, ..)| *name == spec.changed);
        let grown = |(now, fate): (usize, &Fate)| {
            changed.is_some_and(|(_, a, b)| match fate {
                Fate::Same(then) => a.grew(now, Some((b, *then))),
                Fate::New | Fate::Anew => a.grew(now, None),
            })
        };
        fates.iter().enumerate().map(grown).collect()
    }

    /// The rows at `places`, with deltas.
    fn yielded(
        &self,
        current: &RecordBatch,
        fates: &[Fate],
        places: &[usize],
    ) -> Result<RecordBatch, DeltaError> {
        let indices = UInt64Array::from_iter_values(places.iter().map(|at| *at as u64));
        let rows = take_record_batch(current, &indices)?;
        let schema = rows.schema();
        let mut columns = rows.columns().to_vec();
        for (name, now, then) in &self.0 {
            let at = schema.index_of(name)?;
            columns[at] = now.deltas(then, places.iter().map(|place| (*place, same(fates[*place]))));
        }
        Ok(RecordBatch::try_new(schema, columns)?)
    }
}

fn same(fate: Fate) -> Option<usize> {
    if let Fate::Same(then) = fate {
        Some(then)
    } else {
        None
    }
}

/// The names of the columns that the next step needs, each once.
fn needed(spec: &Delta) -> Vec<&String> {
    let lists = [&spec.key, &spec.counters, &spec.never_falls, &spec.never_rises];
    let mut names = Vec::new();
    for name in lists.into_iter().flatten().chain(&spec.since) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// The columns that the next step needs.
fn narrow(spec: &Delta, batch: &RecordBatch) -> Result<RecordBatch, DeltaError> {
    let schema = batch.schema();
    let place = |name: &String| {
        let place = schema.index_of(name);
        place.map_err(|_| DeltaError::Column(name.clone()))
    };
    let places = needed(spec).into_iter().map(place);
    Ok(batch.project(&places.collect::<Result<Vec<_>, _>>()?)?)
}

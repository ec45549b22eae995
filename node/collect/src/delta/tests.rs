//! Deltas against a table of cases, and against a model of `pg_stat_statements` that knows the truth.

use std::collections::BTreeMap;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use proptest::prelude::*;
use ringwatch_frame::{Cell, ColumnType, Columns};

use super::*;

pub(super) fn spec(with_since: bool) -> Delta {
    let text = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    Delta {
        key: text(&["id", "user"]),
        counters: text(&["calls", "time"]),
        changed: "calls".into(),
        never_falls: text(&["longest"]),
        never_rises: text(&["shortest"]),
        since: with_since.then(|| "since".into()),
        reset: Some("reset".into()),
        evictions: Some("evictions".into()),
    }
}

/// One row: id, calls, time, longest, shortest, since, reset, evictions. A negative `since` is null.
pub(super) type Row = (i64, i64, f64, f64, f64, i64, i64, i64);

pub(super) fn batch(rows: &[Row]) -> RecordBatch {
    let mut columns = Columns::new([
        ("id", ColumnType::Int),
        ("user", ColumnType::Text),
        ("calls", ColumnType::Int),
        ("time", ColumnType::Double),
        ("longest", ColumnType::Double),
        ("shortest", ColumnType::Double),
        ("since", ColumnType::Time),
        ("reset", ColumnType::Time),
        ("evictions", ColumnType::Int),
    ]);
    for (id, calls, time, longest, shortest, since, reset, evictions) in rows.iter().copied() {
        let since = if since < 0 { Cell::Null } else { Cell::Time(since) };
        let user = if id % 2 == 0 {
            Cell::Null
        } else {
            Cell::Text("app")
        };
        let numbers = [
            Cell::Int(calls),
            Cell::Double(time),
            Cell::Double(longest),
            Cell::Double(shortest),
        ];
        let tail = [since, Cell::Time(reset), Cell::Int(evictions)];
        columns
            .push(&[&[Cell::Int(id), user][..], &numbers, &tail].concat())
            .unwrap();
    }
    columns.finish().unwrap()
}

fn yielded(step: &Step) -> Vec<(i64, i64, f64)> {
    let ints = |name: &str| {
        step.rows
            .column_by_name(name)
            .unwrap()
            .as_primitive::<Int64Type>()
            .clone()
    };
    let time = step
        .rows
        .column_by_name("time")
        .unwrap()
        .as_primitive::<Float64Type>()
        .clone();
    (0..step.rows.num_rows())
        .map(|at| (ints("id").value(at), ints("calls").value(at), time.value(at)))
        .collect()
}

/// The second of two readings.
fn second(with_since: bool, first: &[Row], then: &[Row]) -> Step {
    let spec = spec(with_since);
    let baseline = step(&spec, None, &batch(first)).unwrap();
    assert_eq!(baseline.rows.num_rows(), 0, "the first reading yields nothing");
    step(&spec, Some(&baseline.baseline), &batch(then)).unwrap()
}

#[test]
fn rows_yield_what_they_grew_by() {
    let case = |then: &[Row]| {
        second(
            false,
            &[(1, 5, 10.0, 3.0, 1.0, -1, 0, 0), (2, 7, 7.0, 1.0, 1.0, -1, 0, 0)],
            then,
        )
    };
    let same = (2, 7, 7.0, 1.0, 1.0, -1, 0, 0);
    type Case<'a> = (&'a str, &'a [Row], &'a [(i64, i64, f64)], u64);
    let table: [Case<'_>; 6] = [
        (
            "grown",
            &[(1, 8, 14.0, 3.0, 1.0, -1, 0, 0), same],
            &[(1, 3, 4.0)],
            0,
        ),
        (
            "new",
            &[
                (1, 5, 10.0, 3.0, 1.0, -1, 0, 0),
                same,
                (3, 4, 2.0, 1.0, 1.0, -1, 0, 0),
            ],
            &[(3, 4, 2.0)],
            0,
        ),
        (
            "fallen calls",
            &[(1, 2, 1.0, 1.0, 1.0, -1, 0, 0), same],
            &[(1, 2, 1.0)],
            1,
        ),
        (
            "fallen maximum",
            &[(1, 6, 11.0, 2.0, 1.0, -1, 0, 0), same],
            &[(1, 6, 11.0)],
            1,
        ),
        (
            "risen minimum",
            &[(1, 6, 11.0, 3.0, 1.5, -1, 0, 0), same],
            &[(1, 6, 11.0)],
            1,
        ),
        ("vanished", &[same], &[], 1),
    ];
    for (name, then, expected, evicted) in table {
        let step = case(then);
        assert_eq!(yielded(&step), expected, "{name}");
        assert_eq!(
            step.uncertain,
            Uncertain {
                evicted,
                ..Uncertain::default()
            },
            "{name}"
        );
    }
}

#[test]
fn since_decides_where_it_is_told() {
    let first = [(1, 5, 10.0, 3.0, 1.0, 100, 0, 0)];
    let extremes_reset = second(true, &first, &[(1, 6, 11.0, 1.0, 2.0, 100, 0, 0)]);
    assert_eq!(yielded(&extremes_reset), [(1, 1, 1.0)]);
    assert_eq!(extremes_reset.uncertain, Uncertain::default());
    let returned = second(true, &first, &[(1, 6, 11.0, 3.0, 1.0, 101, 0, 0)]);
    assert_eq!(
        yielded(&returned),
        [(1, 6, 11.0)],
        "it has another life, though it grew past its old self"
    );
    assert_eq!(returned.uncertain.evicted, 1);
}

#[test]
fn a_reset_of_all_yields_everything_since() {
    let first = [(1, 5, 10.0, 3.0, 1.0, -1, 0, 0), (2, 7, 7.0, 1.0, 1.0, -1, 0, 0)];
    let step = second(false, &first, &[(1, 9, 20.0, 3.0, 1.0, -1, 50, 0)]);
    assert_eq!(yielded(&step), [(1, 9, 20.0)]);
    assert_eq!(
        step.uncertain,
        Uncertain {
            reset: 2,
            ..Uncertain::default()
        }
    );
}

#[test]
fn a_reset_instant_that_the_rows_do_not_bear_out_is_not_believed() {
    let first = [(1, 5, 10.0, 3.0, 1.0, -1, 0, 0), (2, 7, 7.0, 1.0, 1.0, -1, 0, 0)];
    let then = [
        (1, 6, 11.0, 3.0, 1.0, -1, 50, 0),
        (2, 7, 7.0, 1.0, 1.0, -1, 50, 0),
    ];
    let step = second(false, &first, &then);
    assert_eq!(yielded(&step), [(1, 1, 1.0)], "old rows beside the new instant");
    assert_eq!(
        step.uncertain,
        Uncertain {
            reset: 2,
            ..Uncertain::default()
        }
    );
    let since = [(1, 5, 10.0, 3.0, 1.0, 7, 0, 0), (2, 7, 7.0, 1.0, 1.0, 7, 0, 0)];
    let then = [(1, 6, 11.0, 3.0, 1.0, 7, 50, 0)];
    let step = second(true, &since, &then);
    assert_eq!(yielded(&step), [(1, 1, 1.0)], "`since` alone decides");
}

#[test]
fn evictions_that_nobody_saw_are_uncertain() {
    let step = second(
        false,
        &[(1, 5, 10.0, 3.0, 1.0, -1, 0, 4)],
        &[(1, 6, 11.0, 3.0, 1.0, -1, 0, 6)],
    );
    assert_eq!(step.uncertain.evicted, 2);
}

#[test]
fn doubles_are_summed_whatever_their_order() {
    let (a, b) = ((1, 5, 0.1, 3.0, 1.0, -1, 0, 0), (1, 7, 0.7, 4.0, 0.5, -1, 0, 0));
    let step = second(
        false,
        &[a, b, (1, 1, 0.2, 1.0, 1.0, -1, 0, 0)],
        &[(1, 3, 0.2, 1.0, 1.0, -1, 0, 0), b, a],
    );
    assert_eq!(yielded(&step).len(), 1);
    assert_eq!(yielded(&step)[0].1, 2);
    assert_eq!(step.uncertain, Uncertain::default());
}

#[test]
fn what_a_row_grew_by_without_a_call_is_kept_for_later() {
    let spec = spec(false);
    let base = step(&spec, None, &batch(&[(1, 5, 10.0, 3.0, 1.0, -1, 0, 0)])).unwrap();
    let quiet = step(
        &spec,
        Some(&base.baseline),
        &batch(&[(1, 5, 12.0, 3.0, 1.0, -1, 0, 0)]),
    )
    .unwrap();
    assert_eq!(quiet.rows.num_rows(), 0);
    let later = step(
        &spec,
        Some(&quiet.baseline),
        &batch(&[(1, 6, 13.0, 3.0, 1.0, -1, 0, 0)]),
    )
    .unwrap();
    assert_eq!(yielded(&later), [(1, 1, 3.0)]);
}

#[test]
fn nonsense_is_not_a_panic_and_never_negative() {
    let first = [
        (1, i64::MIN, f64::NAN, f64::INFINITY, -1.0, -1, 0, 0),
        (2, 5, 1.0, 1.0, 1.0, -1, 0, 0),
    ];
    let step = second(
        false,
        &first,
        &[
            (1, i64::MAX, 1.0, 0.0, 1.0, -1, 0, 0),
            (2, -5, -1.0, 1.0, 1.0, -1, 0, 0),
        ],
    );
    assert_eq!(
        yielded(&step).iter().map(|row| row.1).collect::<Vec<_>>(),
        [i64::MAX]
    );
    let mut wrong = spec(false);
    wrong.counters.push("user".into());
    assert!(matches!(
        super::step(&wrong, Some(&step.baseline), &batch(&first)),
        Err(DeltaError::Type(_))
    ));
    wrong.counters = vec!["nowhere".into()];
    assert!(matches!(
        super::step(&wrong, None, &batch(&first)),
        Err(DeltaError::Column(_))
    ));
}

/// What happens at the server.
#[derive(Clone, Debug)]
enum Happens {
    Calls(i64, u8),
    Evict(i64),
    ResetOne(i64),
    ResetAll,
    Crash,
    Look,
    /// Two looks around a reset of all and calls: the first has the rows of before it and its instant, or the other way.
    TornReset {
        old_rows: bool,
        id: i64,
        calls: u8,
    },
}

fn happens() -> impl Strategy<Value = Happens> {
    prop_oneof![
        6 => (0i64..6, 1u8..5).prop_map(|(id, calls)| Happens::Calls(id, calls)),
        2 => (0i64..6).prop_map(Happens::Evict),
        1 => (0i64..6).prop_map(Happens::ResetOne),
        1 => Just(Happens::ResetAll),
        1 => Just(Happens::Crash),
        5 => Just(Happens::Look),
        1 => (any::<bool>(), 0i64..6, 1u8..9)
            .prop_map(|(old_rows, id, calls)| Happens::TornReset { old_rows, id, calls }),
    ]
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    calls: i64,
    time: f64,
    longest: f64,
    shortest: f64,
    since: i64,
    /// Calls at our last look; `None` when we never saw this life of the entry.
    seen: Option<i64>,
}

/// The server, and the truth that nobody outside can see.
#[derive(Default)]
struct Model {
    entries: BTreeMap<i64, Entry>,
    now: i64,
    reset: i64,
    evictions: i64,
    truth: BTreeMap<i64, i64>,
    yielded: BTreeMap<i64, i64>,
    /// Calls that no reading can tell any more.
    lost: BTreeMap<i64, i64>,
    /// Whether some of them were lost since the last look in a way that leaves a trace.
    traced: bool,
    baseline: Option<Baseline>,
}

impl Model {
    fn happen(&mut self, what: &Happens, with_since: bool) -> Result<(), TestCaseError> {
        self.now += 1;
        match what {
            Happens::Calls(id, calls) => {
                let (now, calls) = (self.now, i64::from(*calls));
                let time = 0.25 * f64::from((now % 7) as i32 + 1);
                let fresh = Entry {
                    calls: 0,
                    time: 0.0,
                    longest: 0.0,
                    shortest: time,
                    since: now,
                    seen: None,
                };
                let entry = self.entries.entry(*id).or_insert(fresh);
                entry.calls += calls;
                entry.time += time * f64::from(calls as i32);
                entry.longest = entry.longest.max(time);
                entry.shortest = entry.shortest.min(time);
                *self.truth.entry(*id).or_default() += calls;
            }
            Happens::Evict(id) => {
                self.evictions += i64::from(self.entries.contains_key(id));
                self.end(*id, true);
            }
            Happens::ResetOne(id) => self.end(*id, false),
            Happens::ResetAll => {
                self.reset = self.now;
                let ids: Vec<_> = self.entries.keys().copied().collect();
                ids.into_iter().for_each(|id| self.end(id, true));
            }
            // A crash: the file of statistics is thrown away, and everything counts from zero.
            Happens::Crash => {
                self.happen(&Happens::ResetAll, with_since)?;
                self.evictions = 0;
            }
            Happens::Look => self.look(with_since)?,
            Happens::TornReset { old_rows, id, calls } => self.torn(*old_rows, (*id, *calls), with_since)?,
        }
        Ok(())
    }

    /// Between its looks nothing is thrown out: a reset that comes with that in the very same reading is not told.
    fn torn(
        &mut self,
        old_rows: bool,
        (id, calls): (i64, u8),
        with_since: bool,
    ) -> Result<(), TestCaseError> {
        self.look(with_since)?;
        self.happen(&Happens::Calls(id, calls), with_since)?;
        let ids: Vec<_> = self.entries.keys().copied().collect();
        self.now += 1;
        if old_rows {
            (self.reset, self.evictions) = (self.now, 0);
            self.look(with_since)?;
            ids.into_iter().for_each(|id| self.end(id, false));
            self.happen(&Happens::Calls(id, calls), with_since)?;
        } else {
            let reset = self.now;
            ids.into_iter().for_each(|id| self.end(id, false));
            self.happen(&Happens::Calls(id, calls.wrapping_mul(2)), with_since)?;
            self.look(with_since)?;
            (self.reset, self.evictions) = (reset, 0);
        }
        self.happen(&Happens::Calls(id, 1), with_since)?;
        self.look(with_since)
    }

    /// An entry ends. Its calls since the last look are lost, and if we knew it or the server tells of it, with a trace.
    fn end(&mut self, id: i64, told: bool) {
        let Some(entry) = self.entries.remove(&id) else {
            return;
        };
        let unseen = entry.calls - entry.seen.unwrap_or(0);
        *self.lost.entry(id).or_default() += unseen;
        let told = told
            && self
                .baseline
                .as_ref()
                .is_some_and(|baseline| baseline.reset.is_some());
        self.traced |= unseen > 0 && (told || entry.seen.is_some());
    }

    fn look(&mut self, with_since: bool) -> Result<(), TestCaseError> {
        let row = |(id, e): (&i64, &Entry)| {
            let since = if with_since { e.since } else { -1 };
            (
                *id,
                e.calls,
                e.time,
                e.longest,
                e.shortest,
                since,
                self.reset,
                self.evictions,
            )
        };
        let rows: Vec<Row> = self.entries.iter().map(row).collect();
        let first = self.baseline.is_none();
        let step = step(&spec(with_since), self.baseline.as_ref(), &batch(&rows)).unwrap();
        if first {
            // What was before the first look is not ours to tell.
            self.truth.clear();
            self.lost.clear();
        }
        for (id, calls, time) in yielded(&step) {
            prop_assert!(calls > 0 && time >= 0.0);
            *self.yielded.entry(id).or_default() += calls;
        }
        let uncertain = step.uncertain.reset + step.uncertain.evicted;
        if self.traced && !first && with_since && !rows.is_empty() {
            prop_assert!(uncertain > 0, "calls were lost and nobody said so");
        }
        self.traced = false;
        for entry in self.entries.values_mut() {
            entry.seen = Some(entry.calls);
        }
        self.baseline = Some(step.baseline);
        Ok(())
    }
}

proptest! {
    #[test]
    fn what_is_yielded_and_what_is_lost_is_the_truth(
        story in prop::collection::vec(happens(), 1..120),
        with_since: bool,
    ) {
        let mut model = Model::default();
        model.happen(&Happens::Look, with_since)?;
        for what in story.iter().chain([&Happens::Look]) {
            model.happen(what, with_since)?;
        }
        for (id, truth) in &model.truth {
            let get = |map: &BTreeMap<i64, i64>| map.get(id).copied().unwrap_or(0);
            let (yielded, lost) = (get(&model.yielded), get(&model.lost));
            if with_since {
                prop_assert_eq!(yielded + lost, *truth, "statement {}", id);
            } else {
                prop_assert!(yielded + lost <= *truth, "statement {}: counted twice", id);
            }
        }
    }
}

//! What counts as a double, a conflict, a gap.

use super::super::point::{Kind, Point};
use super::*;

fn enter(ledger: &mut Ledger, seconds: u64) {
    enter_value(ledger, seconds, 1);
}

fn enter_value(ledger: &mut Ledger, seconds: u64, value: i64) {
    let id = SeriesId {
        target: "db:1".into(),
        metric: "m".into(),
        attributes: "a=1".into(),
    };
    let kind = Kind::Sum { monotonic: true };
    let point = Point {
        start: 0,
        value: Value::Int(value),
    };
    ledger.enter_point(PointOf {
        id,
        unit: "1".into(),
        kind,
        time: seconds * 1_000_000_000,
        point,
        resource: Attributes::default(),
    });
}

#[test]
fn doubles_and_gaps_are_counted_in_any_order_of_arrival() {
    let table: [(&[u64], u64, usize); 6] = [
        (&[10, 20, 30], 0, 0),
        (&[30, 10, 20], 0, 0),
        (&[10, 20, 20, 30], 1, 0),
        (&[10, 20, 40], 0, 1),
        (&[10, 40, 20, 70, 60], 0, 2),
        (&[10], 0, 0),
    ];
    for (times, doubles, gaps) in table {
        let mut ledger = Ledger::new(Memory::OF_A_TEST);
        times.iter().for_each(|t| enter(&mut ledger, *t));
        assert_eq!(
            (ledger.doubles(), ledger.gaps().len()),
            (doubles, gaps),
            "{times:?}"
        );
        assert_eq!(ledger.points, times.len() as u64);
    }
}

#[test]
fn forgotten_gaps_still_count() {
    let mut ledger = Ledger::new(Memory {
        points_of_series: 3,
        ..Memory::BOUNDED
    });
    [10, 20, 40, 50, 60, 70, 80]
        .into_iter()
        .for_each(|t| enter(&mut ledger, t));
    assert_eq!(ledger.gaps(), []);
    assert_eq!(ledger.gap_count(), 1);
}

#[test]
fn a_double_with_another_value_is_a_conflict() {
    let mut ledger = Ledger::new(Memory::OF_A_TEST);
    [(10, 1), (20, 2), (20, 2), (20, 3)]
        .into_iter()
        .for_each(|(seconds, value)| enter_value(&mut ledger, seconds, value));
    assert_eq!((ledger.doubles(), ledger.conflicts()), (2, 1));
}

fn statement(query: &str, calls: i64) -> Record {
    Record {
        target: "db:1".into(),
        event: "db.server.top_query".into(),
        time: 5,
        observed: 5,
        body: None,
        severity: (String::new(), 0),
        resource: Attributes::default(),
        attributes: BTreeMap::from([
            ("postgresql.queryid".into(), Value::Text(query.into())),
            ("postgresql.calls".into(), Value::Int(calls)),
        ]),
    }
}

#[test]
fn a_record_that_comes_again_is_a_double_and_adds_nothing() {
    let mut ledger = Ledger::new(Memory::OF_A_TEST);
    for (query, calls) in [("q", 3), ("r", 4), ("q", 3)] {
        ledger.enter_record(statement(query, calls));
    }
    assert_eq!((ledger.records, ledger.doubles(), ledger.conflicts()), (3, 1, 0));
    assert_eq!(ledger.statements[&("db:1".into(), "q".into())].calls, 3);
}

#[test]
fn two_records_of_one_statement_at_one_tick_are_a_conflict() {
    let mut ledger = Ledger::new(Memory::OF_A_TEST);
    [3, 4]
        .into_iter()
        .for_each(|calls| ledger.enter_record(statement("q", calls)));
    assert_eq!((ledger.doubles(), ledger.conflicts()), (0, 1));
}

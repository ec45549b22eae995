use std::collections::BTreeMap;

use ringwatch_frame::DropReason;

use super::*;

const STEP: i64 = 10;

fn entry(last: i64, count: u32, what: What, end: End) -> Entry {
    Entry {
        last,
        count,
        step: STEP,
        what,
        end,
        epoch: 1,
    }
}

/// Every tick that a line knows.
fn ticks(line: &Line) -> BTreeMap<i64, (What, End)> {
    let mut all = BTreeMap::new();
    for run in line.between(i64::MIN, i64::MAX) {
        for place in 0..run.count {
            let tick = run.first + run.step * i64::from(place);
            assert!(all.insert(tick, (run.what, run.end)).is_none(), "{tick} twice");
        }
    }
    all
}

#[test]
fn a_quiet_hour_is_one_run() {
    let mut line = Line::default();
    for tick in 1..=3600 {
        let tick = tick * STEP;
        line.write(Entry {
            step: 0,
            ..entry(tick, 1, What::Collected, End::Pending)
        });
        line.write(entry(tick, 1, What::Collected, End::NoFrame));
        line.ended(tick, End::Delivered);
    }
    assert_eq!(line.len(), 1, "{line:?}");
    assert_eq!(ticks(&line).len(), 3600);
    line.cut(35_995);
    let left = line.between(0, i64::MAX);
    assert_eq!((left.len(), left[0].first, left[0].count), (1, 36_000, 1));
}

#[test]
fn frames_end_in_any_order_and_a_reading_goes_before_a_miss() {
    let mut line = Line::default();
    for tick in [10, 20, 30, 40, 50] {
        line.write(entry(tick, 1, What::Collected, End::Pending));
    }
    for (tick, end) in [
        (30, End::Delivered),
        (10, End::Delivered),
        (50, End::Dropped(DropReason::Superseded)),
        (20, End::Delivered),
        (30, End::Delivered),
        (99, End::Delivered),
    ] {
        line.ended(tick, end);
    }
    line.write(entry(70, 2, What::Missed("late"), End::NoFrame));
    line.write(entry(60, 1, What::Covered, End::Pending));
    line.write(entry(60, 1, What::Missed("late"), End::NoFrame));
    let expected = [
        (10, (What::Collected, End::Delivered)),
        (20, (What::Collected, End::Delivered)),
        (30, (What::Collected, End::DeliveredTwice)),
        (40, (What::Collected, End::Pending)),
        (50, (What::Collected, End::Dropped(DropReason::Superseded))),
        (60, (What::Covered, End::Pending)),
        (70, (What::Missed("late"), End::NoFrame)),
    ];
    assert_eq!(ticks(&line), BTreeMap::from(expected));
}

#[test]
fn what_is_heard_without_an_interval_is_joined_by_its_distance() {
    let mut line = Line::default();
    for tick in [10, 20, 30, 40] {
        line.write(Entry {
            step: 0,
            ..entry(tick, 1, What::Heard(true), End::Pending)
        });
    }
    assert_eq!(line.len(), 1);
    for tick in [20, 10, 30, 40] {
        line.ended(tick, End::Elsewhere);
    }
    assert_eq!(line.len(), 1, "{line:?}");
    // Whoever takes over knows the interval, and what was missed up to here.
    line.write(entry(60, 1, What::Collected, End::Delivered));
    line.fill(entry(90, 1, What::Heard(false), End::NoFrame), i64::MIN);
    let all = ticks(&line);
    assert_eq!(all.len(), 8, "{all:?}");
    assert_eq!(all[&80], (What::Heard(false), End::NoFrame));
    assert!(!all.contains_key(&50), "nobody knows what became of it");
}

#[test]
fn ticks_of_another_phase_part_a_run() {
    let mut line = Line::default();
    line.write(entry(50, 5, What::Collected, End::Delivered));
    line.write(entry(25, 1, What::Missed("late"), End::NoFrame));
    let all = ticks(&line);
    assert_eq!(all.keys().copied().collect::<Vec<_>>(), [10, 20, 25, 30, 40, 50]);
    let cut: Vec<i64> = line.between(20, 40).iter().map(|run| run.first).collect();
    assert_eq!(cut, [20, 25, 30]);
    for hostile in [i64::MIN, i64::MAX] {
        line.write(entry(hostile, 3, What::Heard(true), End::Pending));
        line.ended(hostile, End::Elsewhere);
    }
    line.cut(i64::MAX);
}

#[test]
fn nothing_is_filled_in_before_the_end_of_a_stream_or_the_beginning_of_one_that_is_new() {
    let heard = |last| entry(last, 1, What::Heard(false), End::NoFrame);
    let known = |line: &Line| ticks(line).into_keys().collect::<Vec<_>>();
    let mut line = Line::resumed(STEP, Vec::new(), Vec::new(), 1000);
    line.begin(100);
    line.fill(heard(120), 0);
    assert_eq!(known(&line), [110, 120]);
    line.close(125);
    line.close(130);
    line.begin(205);
    line.fill(heard(225), 0);
    assert_eq!(known(&line), [110, 120, 215, 225]);
    line.begin(305);
    line.fill(heard(245), 0);
    assert_eq!(known(&line), [110, 120, 215, 225, 235, 245], "it had not ended");
    assert_eq!(line.closings(0, 1000), [125]);
    line.cut(200);
    assert_eq!((line.closings(0, 1000), line.len()), (vec![], 1));
}

#[test]
fn a_bounded_number_of_ends_is_remembered() {
    let mut line = Line::default();
    for at in 1..=200 {
        line.write(entry(at * STEP, 1, What::Collected, End::NoFrame));
        line.close(at * STEP + 1);
    }
    assert_eq!(line.closings(0, i64::MAX).len(), MOST_CLOSINGS);
    let closings = line.closings(0, i64::MAX);
    assert_eq!(closings.last(), Some(&2001), "the newest");
}

use proptest::prelude::*;

use super::*;

fn sum(calls: i64, time: f64) -> Sum {
    Sum { calls, time }
}

#[test]
fn a_change_is_told_once_with_what_was_counted_on_both_sides() {
    let mut watch = Watch::new(1, sum(100, 1000.0));
    watch.advance(sum(120, 1020.0));
    let last = watch.advance(sum(130, 2030.0));
    assert!(watch.is_unusual(last, 5), "101 ms where 1 ms was usual");
    assert_eq!(watch.change(5), None, "nothing has changed yet");
    assert!(watch.looked(2, last, 5));
    assert_eq!(watch.change(5), None, "no calls since");
    watch.advance(sum(133, 2330.0));
    assert_eq!(watch.change(5), None, "too few calls");
    watch.advance(sum(140, 3030.0));
    let change = watch.change(5).unwrap();
    assert_eq!((change.previous, change.hash), (1, 2));
    assert_eq!(
        (change.before, change.after),
        (sum(20, 20.0), sum(10, 1000.0)),
        "the reading in which it changed is of neither side"
    );
    watch.advance(sum(150, 3040.0));
    assert_eq!(watch.change(5), None, "once");
}

#[test]
fn what_was_counted_up_to_the_last_look_is_preferred() {
    let mut watch = Watch::new(1, Sum::default());
    let last = watch.advance(sum(10, 10.0));
    assert!(!watch.looked(1, last, 5));
    watch.advance(sum(20, 500.0));
    let last = watch.advance(sum(30, 1000.0));
    assert!(watch.looked(2, last, 5));
    watch.advance(sum(40, 1500.0));
    assert_eq!(watch.change(5).unwrap().before, sum(10, 10.0));
}

#[test]
fn a_plan_that_comes_back_was_no_change_and_a_third_one_is_one_from_the_first() {
    let mut watch = Watch::new(1, Sum::default());
    watch.advance(sum(10, 10.0));
    let last = watch.advance(sum(11, 11.0));
    watch.looked(2, last, 5);
    let last = watch.advance(sum(12, 12.0));
    let mut back = watch.clone();
    back.looked(1, last, 5);
    back.advance(sum(50, 50.0));
    assert_eq!((back.change(5), back.hash), (None, 1));
    assert_eq!(back.window, sum(48, 48.0), "what was counted before counts on");

    watch.looked(3, last, 5);
    watch.advance(sum(20, 20.0));
    let change = watch.change(5).unwrap();
    assert_eq!((change.previous, change.hash), (1, 3));
    assert_eq!((change.before, change.after), (sum(10, 10.0), sum(8, 8.0)));
}

#[test]
fn without_enough_calls_before_there_is_nothing_to_compare() {
    let mut watch = Watch::new(1, Sum::default());
    let last = watch.advance(sum(3, 3.0));
    watch.looked(2, last, 5);
    watch.advance(sum(100, 100.0));
    assert_eq!(watch.change(5), None);
}

/// What happens to a statement at one reading.
#[derive(Clone, Debug)]
struct Step {
    calls: i64,
    time: f64,
    reset: bool,
    plan: Option<u64>,
}

fn step() -> impl Strategy<Value = Step> {
    let plan = prop::option::weighted(0.4, 1..4u64);
    let reset = prop::bool::weighted(0.1);
    (0..20i64, 0.0..1e4f64, reset, plan).prop_map(|(calls, time, reset, plan)| Step {
        calls,
        time: if calls == 0 { 0.0 } else { time },
        reset,
        plan,
    })
}

proptest! {
    /// No call is told of twice as one before a change; no change is told of too few calls, at once, or to the same
    /// plan.
    #[test]
    fn no_call_is_told_twice(steps in prop::collection::vec(step(), 1..60), least in 1..8i64) {
        let (mut counters, mut all) = (Sum::default(), Sum::default());
        let mut watch = Watch::new(1, Sum::default());
        let mut told = Sum::default();
        let mut plan = 1;
        for step in steps {
            if step.reset {
                counters = Sum::default();
            }
            let new = sum(step.calls, step.time);
            counters = counters.and(new);
            all = all.and(new);
            let last = watch.advance(counters);
            // Of a reset that hides behind more calls than there were before, some calls are not seen.
            prop_assert!(last.calls <= step.calls);
            if let Some(change) = watch.change(least) {
                prop_assert!(change.before.calls >= least && change.after.calls >= least);
                prop_assert!(change.before.time >= 0.0 && change.after.time >= 0.0);
                prop_assert_ne!(change.previous, change.hash);
                prop_assert_eq!(change.hash, plan);
                told = told.and(change.before);
                prop_assert!(told.calls <= all.calls, "{told:?} of {all:?}");
            }
            if let Some(seen) = step.plan {
                let other = seen != plan;
                prop_assert_eq!(watch.looked(seen, last, least), other);
                plan = seen;
                prop_assert_eq!(watch.clone().change(least).filter(|_| other), None, "not at once");
            }
            prop_assert!(watch.confirmed.calls <= watch.window.calls);
        }
    }
}

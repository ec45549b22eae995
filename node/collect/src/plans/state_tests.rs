use proptest::prelude::*;

use super::super::budget::Bucket;
use super::super::stored::{from_batch, to_batch};
use super::*;

const RULES: Rules = Rules {
    least: 5,
    per_query: 2,
    sample: 3,
    failures: Duration::from_secs(7200),
};

fn at(minutes: i64) -> Tick {
    Tick::from_unix_nanos(1_700_000_000_000_000_000 + minutes * 60_000_000_000)
}

fn counted(key: &str, calls: i64, time: f64) -> Counted {
    Counted {
        key: key.into(),
        queryid: key.into(),
        datname: Some("app".into()),
        rolname: None,
        sum: Sum { calls, time },
    }
}

fn keys(due: &[Due]) -> Vec<&str> {
    due.iter().map(|due| &*due.counted.key).collect()
}

/// One reading; all plans that are due are `hash`.
fn reading(states: &mut States, ran: &[Counted], now: Tick, hash: u64) -> Vec<String> {
    let last = states.advance(ran, now);
    let due = states.due(ran, &last, &RULES, ("monitor", now));
    for due in &due {
        states.planned(due, hash, &RULES, now);
    }
    due.iter().map(|due| due.counted.key.to_string()).collect()
}

#[test]
fn those_that_took_the_most_time_since_the_last_reading_come_first() {
    let mut states = States::default();
    let ran = [
        counted("a", 1, 5.0),
        counted("b", 1, 50.0),
        counted("c", 1, 20.0),
        counted("d", 1, 10.0),
        counted("e", 0, 0.0),
    ];
    let last = states.advance(&ran, at(0));
    let due = states.due(&ran, &last, &RULES, ("monitor", at(0)));
    assert_eq!(keys(&due), ["b", "c", "d"], "by all that was counted, at first");
    let ran = [
        counted("a", 2, 9.0),
        counted("b", 2, 51.0),
        counted("c", 1, 20.0),
        counted("d", 1, 3.0),
    ];
    let last = states.advance(&ran, at(1));
    let due = states.due(&ran, &last, &RULES, ("monitor", at(1)));
    assert_eq!(
        keys(&due),
        ["a", "d", "b"],
        "`c` did not run, `d` began to count anew"
    );
}

#[test]
fn what_our_role_executes_takes_nobodys_place() {
    let mut states = States::default();
    let mut ran = ["a", "b", "c", "d"].map(|key| counted(key, 1, 1.0));
    for ours in &mut ran[..2] {
        ours.rolname = Some("monitor".into());
        ours.sum.time = 100.0;
    }
    let last = states.advance(&ran, at(0));
    let due = states.due(&ran, &last, &RULES, ("monitor", at(0)));
    assert_eq!(keys(&due), ["c", "d", "a"]);
}

#[test]
fn a_known_plan_is_looked_at_by_the_hour_or_when_calls_take_longer() {
    let mut states = States::default();
    let mut time = 10.0;
    let mut run = |minute: i64, mean: f64| {
        time += 10.0 * mean;
        reading(
            &mut states,
            &[counted("a", 10 * minute + 10, time)],
            at(minute),
            7,
        )
    };
    assert_eq!(run(0, 1.0), ["a"], "not known");
    for minute in 1..10 {
        assert!(run(minute, 1.0).is_empty(), "{minute}");
    }
    assert_eq!(run(10, 9.0), ["a"], "nine times longer");
    assert!(run(11, 90.0).is_empty(), "twice in this hour");
    for minute in 12..70 {
        assert!(run(minute, 5.0).is_empty(), "{minute}");
    }
    assert_eq!(run(70, 5.0), ["a"], "an hour after the last look");
}

#[test]
fn a_failure_is_news_once_and_is_remembered() {
    let mut states = States::default();
    let key: Arc<str> = "a".into();
    let due_at = |states: &mut States, minute: i64| {
        let ran = [counted("a", minute + 10, 1.0)];
        let last = states.advance(&ran, at(minute));
        states.due(&ran, &last, &RULES, ("monitor", at(minute))).len()
    };
    assert_eq!(due_at(&mut states, 0), 1);
    assert!(states.failed(&key, Reason::Syntax, &RULES, at(0)));
    assert_eq!((due_at(&mut states, 1), due_at(&mut states, 119)), (0, 0));
    assert_eq!(due_at(&mut states, 120), 1);
    assert!(
        !states.failed(&key, Reason::Syntax, &RULES, at(120)),
        "told before"
    );
    assert!(states.failed(&key, Reason::Permission, &RULES, at(120)));

    let locked: Arc<str> = "b".into();
    assert!(states.failed(&locked, Reason::Locked, &RULES, at(0)));
    let ran = [counted("b", 1, 1.0)];
    let due = |states: &States, minute| {
        states
            .due(&ran, &[ran[0].sum], &RULES, ("monitor", at(minute)))
            .len()
    };
    assert_eq!((due(&states, 4), due(&states, 5)), (0, 1), "a lock is soon gone");
}

#[test]
fn a_lock_does_not_cost_a_plan_that_is_known() {
    let mut states = States::default();
    reading(&mut states, &[counted("a", 1, 1.0)], at(0), 7);
    states.failed(&"a".into(), Reason::Locked, &RULES, at(1));
    assert_eq!(states.plan_of("a").unwrap().watch.hash, 7);
}

#[test]
fn there_is_an_end_to_what_is_remembered() {
    let mut states = States::default();
    for n in 0..MOST + 10 {
        let key: Arc<str> = n.to_string().into();
        states.failed(&key, Reason::Other, &RULES, at(i64::try_from(n).unwrap()));
    }
    assert_eq!(states.known.len(), MOST);
    assert!(!states.known.contains_key("9") && states.known.contains_key("10"));
    states.advance(&[], at(1440 + i64::try_from(MOST).unwrap() + 10));
    assert!(states.known.is_empty(), "the server has none of them for a day");
}

#[test]
fn what_is_not_ours_is_refused() {
    let mut states = States::default();
    reading(&mut states, &[counted("a", 1, 1.0)], at(0), 7);
    let left = Bucket { left: 3.5, at: at(0) };
    let good = to_batch(&states, left).unwrap();
    let (read, bucket) = from_batch(&good, at(1)).unwrap();
    assert_eq!((read.known, bucket), (states.known.clone(), Some(left)));
    assert!(from_batch(&good.project(&[0, 1, 2]).unwrap(), at(1)).is_none());
    let twice = arrow_select::concat::concat_batches(&good.schema(), [&good, &good]).unwrap();
    assert!(from_batch(&twice, at(1)).is_none());
    let (early, bucket) = from_batch(&good, at(-500)).unwrap();
    assert_eq!(
        early.known["a"].asked,
        at(-500),
        "an instant of a clock ahead is now"
    );
    assert_eq!(bucket.unwrap().at, at(-500));
    let mut no_number = good;
    let broken = [("ringwatch.plans.left".to_owned(), "NaN".to_owned())];
    no_number.schema_metadata_mut().extend(broken);
    assert_eq!(from_batch(&no_number, at(1)).unwrap().1, None);
}

proptest! {
    /// Whoever goes on with what was stored tells the same as whoever goes on with what he had.
    #[test]
    fn a_successor_tells_the_same(
        readings in prop::collection::vec(prop::collection::vec((0..4usize, 0..30i64, 0.0..900.0f64), 0..4), 2..30),
        plans in prop::collection::vec(1..4u64, 30),
    ) {
        let (mut one, mut other) = (States::default(), States::default());
        let mut sums = [Sum::default(); 4];
        for (minute, (calls, hash)) in readings.iter().zip(plans).enumerate() {
            let now = at(20 * i64::try_from(minute).unwrap());
            for (who, calls, time) in calls {
                sums[*who].calls += calls;
                sums[*who].time += time;
            }
            let ran: Vec<_> = ["a", "b", "c", "d"].iter().zip(sums)
                .map(|(key, sum)| counted(key, sum.calls, sum.time)).collect();
            let looks = one.looks.clone();
            let left = Bucket { left: 1.0, at: now };
            other = from_batch(&to_batch(&other, left).unwrap(), now).unwrap().0;
            other.looks = looks;
            prop_assert_eq!(reading(&mut one, &ran, now, hash), reading(&mut other, &ran, now, hash));
            for key in ["a", "b", "c", "d"] {
                let change = |states: &mut States| states.plan_of(key).and_then(|plan| plan.watch.change(5));
                prop_assert_eq!(change(&mut one), change(&mut other));
            }
            prop_assert_eq!(&one.known, &other.known);
        }
    }
}

use proptest::prelude::*;

use super::*;

const SECOND: i64 = 1_000_000_000;

#[test]
fn time_follows_the_latest_frame_and_old_frames_alone() {
    let mut now = Now::default();
    assert_eq!(now.see(5000 * SECOND), 5000 * SECOND);
    assert_eq!(now.see(4999 * SECOND), 5000 * SECOND);
    assert_eq!(now.see(5001 * SECOND), 5001 * SECOND);
    for _ in 1..ALL_BEHIND {
        assert_eq!(now.see(SECOND), 5001 * SECOND);
    }
    assert_eq!(
        now.see(5002 * SECOND),
        5002 * SECOND,
        "one that is new ends the row of old ones"
    );
    for _ in 1..ALL_BEHIND {
        assert_eq!(now.see(2 * SECOND), 5002 * SECOND);
    }
    assert_eq!(now.see(3 * SECOND), 3 * SECOND, "the clock was ahead");
    assert_eq!(now.get(), 3 * SECOND);
}

#[test]
fn the_first_frame_after_a_restart_says_what_time_it_is() {
    let mut before = Now::default();
    before.see(5000 * SECOND);
    let mut now = before.of_last_run();
    assert_eq!(now.get(), 5000 * SECOND);
    assert_eq!(now.see(4700 * SECOND), 4700 * SECOND, "the last run was ahead");
    assert_eq!(now.see(4600 * SECOND), 4700 * SECOND);
    let text = serde_json::to_string(&before).unwrap();
    let read: Now = serde_json::from_str(&text).unwrap();
    assert_eq!(read, before.of_last_run());
}

#[test]
fn a_bucket_holds_one_second_and_fills_with_time() {
    let mut bucket = Bucket::default();
    for (at, wanted, expected) in [
        (100 * SECOND, 25, 10),
        (100 * SECOND, 1, 0),
        (100 * SECOND + SECOND / 2, 25, 5),
        (101 * SECOND, 2, 2),
        (101 * SECOND, 25, 3),
        (900 * SECOND, 25, 10),
        (50 * SECOND, 1, 0),
        (51 * SECOND, 25, 10),
    ] {
        assert_eq!(bucket.take(at, 10, wanted), expected, "at {at}");
    }
    assert_eq!(bucket.take(51 * SECOND, 0, 1_000_000), 1_000_000, "0 is no limit");
}

#[test]
fn a_minute_slides() {
    let mut minute = Minute::new(3);
    let take = |minute: &mut Minute, second: i64| {
        minute.move_to(second * SECOND);
        minute.take()
    };
    assert!(take(&mut minute, 100) && take(&mut minute, 130) && take(&mut minute, 130));
    assert!(!take(&mut minute, 159));
    assert!(take(&mut minute, 160), "the row of second 100 is a minute ago");
    assert!(!take(&mut minute, 189));
    minute.give_back();
    assert!(!take(&mut minute, 189), "the second has no row to give back");
    assert!(take(&mut minute, 190) && take(&mut minute, 190) && !take(&mut minute, 190));
    minute.give_back();
    assert!(take(&mut minute, 190) && !take(&mut minute, 190));
    assert!(take(&mut minute, 50), "a step back forgets");
    assert!((0..1000).all(|_| Minute::new(0).take()));
}

#[test]
fn a_minute_is_remembered() {
    let mut minute = Minute::new(5);
    for second in [10, 10, 40, 69] {
        minute.move_to(second * SECOND);
        assert!(minute.take());
    }
    let state = minute.state();
    assert_eq!(state, [(69, 1), (40, 1), (10, 2)]);
    assert_eq!(Minute::restore(5, &state), minute);
    assert_eq!(Minute::restore(5, &Vec::new()), Minute::new(5));
    let mut nonsense = Minute::restore(5, &vec![(i64::MAX, u64::MAX), (i64::MIN, 1), (i64::MAX, 7)]);
    assert!(!nonsense.take());
    nonsense.move_to(i64::MAX);
    nonsense.move_to(i64::MIN);
    assert!(nonsense.take());
    let mut too_many = Minute::restore(5, &vec![(100, u64::MAX), (101, 5)]);
    for second in [102, 159, 160, 161] {
        too_many.move_to(second * SECOND);
    }
    assert!(too_many.take(), "a minute later all of it is forgotten");
}

#[test]
fn what_an_earlier_life_used_of_a_minute_is_not_there_again() {
    let mut minute = Minute::new(5);
    minute.adopt(100, 4);
    minute.move_to((100 * 60 + 20) * SECOND);
    assert!(minute.take() && !minute.take(), "one was left");
    minute.adopt(100, 5);
    assert_eq!(minute.used(), Some(5), "what was kept since counts");
    minute.move_to((101 * 60 + 1) * SECOND);
    assert_eq!(minute.used(), Some(1), "the minute of the earlier life is over");
    let mut old = Minute::new(5);
    old.adopt(90, 5);
    old.move_to(100 * 60 * SECOND);
    assert!(old.take());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Over any stretch of time no more passes than one burst and what the time brings.
    #[test]
    fn a_bucket_lets_no_more_pass_than_it_says(
        rate in 1_u64..1000,
        steps in prop::collection::vec((0_i64..5_000_000_000, 0_u64..3000), 1..100),
    ) {
        let mut bucket = Bucket::default();
        let (mut now, mut passed) = (0, 0_u64);
        for (step, wanted) in &steps {
            now += step;
            let granted = bucket.take(now, rate, *wanted);
            prop_assert!(granted <= *wanted && granted <= rate);
            passed += granted;
        }
        let first = steps[0].0;
        let brought = u128::from(rate) * u128::from((now - first).unsigned_abs()) / 1_000_000_000;
        prop_assert!(u128::from(passed) <= brought + u128::from(rate));
    }

    /// In no sixty seconds are more rows kept than the limit, and a restart changes nothing.
    #[test]
    fn no_minute_holds_more_than_its_limit(
        limit in 1_u64..20,
        steps in prop::collection::vec(0_i64..40, 1..300),
        restart in 0_usize..300,
    ) {
        let (mut minute, mut second) = (Minute::new(limit), 0);
        let mut kept: Vec<i64> = Vec::new();
        for (number, step) in steps.iter().enumerate() {
            if number == restart {
                minute = Minute::restore(limit, &minute.state());
            }
            second += step;
            minute.move_to(second * SECOND);
            let could = kept.iter().filter(|at| second - **at < 60).count() as u64;
            prop_assert_eq!(minute.take(), could < limit);
            if could < limit {
                kept.push(second);
            }
        }
    }
}

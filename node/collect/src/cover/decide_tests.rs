use proptest::prelude::*;
use ringwatch_frame::{StreamId, TargetId};

use super::*;

const MILLI: i64 = 1_000_000;

fn schedule(stream: &str, interval: u64) -> Schedule {
    let target = TargetId::from_name("postgresql://db1:5432");
    Schedule::new(
        &target,
        &StreamId::of_server(stream),
        Duration::from_millis(interval),
    )
    .unwrap()
}

fn base(schedule: &Schedule) -> Tick {
    schedule.at_or_before(Tick::from_unix_nanos(1_700_000_000_000 * MILLI))
}

fn line(interval: u64) -> (Line, impl Fn(i64) -> Tick) {
    let schedule = schedule("s", interval);
    let last = base(&schedule);
    let at = move |millis: i64| Tick::from_unix_nanos(last.unix_nanos() + millis * MILLI);
    let line = Line {
        schedule,
        last,
        excused: None,
        barred: false,
        silent: Duration::from_secs(3600),
    };
    (line, at)
}

fn activity(sessions: u64, active: bool, age: Option<u64>) -> Activity {
    Activity {
        sessions,
        active,
        age: age.map(Duration::from_millis),
        locked_by_others: false,
    }
}

#[test]
fn graces_are_a_part_of_the_interval_and_a_second_at_most() {
    for (interval, expected) in [(1000, 300), (500, 150), (10_000, 1000), (60_000, 1000)] {
        let interval = Duration::from_millis(interval);
        assert_eq!(grace(interval), Duration::from_millis(expected));
    }
}

#[test]
fn a_tick_is_open_when_its_grace_is_over_and_nobody_ended_it() {
    let (line, at) = line(1000);
    for (now, open) in [
        (999, vec![]),
        (1299, vec![]),
        (1300, vec![1000]),
        (2299, vec![1000]),
        (2300, vec![1000, 2000]),
    ] {
        let ticks: Vec<_> = line.open(at(now)).collect();
        assert_eq!(
            ticks,
            open.iter().map(|open| at(*open)).collect::<Vec<_>>(),
            "{now}"
        );
        assert_eq!(line.is_open(at(now)), !open.is_empty());
    }
    assert_eq!(line.next_look(at(500)), at(1300));
    assert_eq!(line.next_look(at(1300)), at(2300));
    let excused = Line {
        excused: Some(at(1000)),
        ..line
    };
    assert_eq!(excused.open(at(2300)).collect::<Vec<_>>(), [at(2000)]);
    let barred = Line { barred: true, ..line };
    assert!(!barred.is_open(at(2300)));
    assert!(claims(&[barred], at(2300), OwnerIs::Gone).is_empty());
    let ahead = Line {
        last: at(9000),
        ..line
    };
    assert_eq!(ahead.open(at(2300)).count(), 0, "the owner's clock is ahead");
}

#[test]
fn what_is_too_old_is_passed_over() {
    let (line, at) = line(1000);
    assert_eq!(line.passed_over(at(59_000)), None);
    let now = at(70_500);
    let (count, last) = line.passed_over(now).unwrap();
    assert_eq!((count, last), (10, at(10_000)));
    assert_eq!(line.open(now).next(), Some(at(11_000)));
    assert_eq!(line.open(now).count(), 60);
}

#[test]
fn the_database_says_what_the_owner_is_at() {
    let (line, at) = line(1000);
    // Now, sessions, whether one is active, the age of the last sign, and what the owner is.
    let table = [
        // Tick 1000 is open at 1300 and later.
        (1300, 0, false, None, OwnerIs::Gone),
        (1300, 1, false, Some(298), OwnerIs::Alive),
        (1300, 1, false, Some(1298), OwnerIs::Stuck(at(2))),
        (1300, 1, true, Some(1298), OwnerIs::Alive),
        (1300, 1, false, None, OwnerIs::Alive),
        // It asked for 1000 and stopped: that is seen at 2300.
        (2299, 1, false, Some(1297), OwnerIs::Alive),
        (2300, 1, false, Some(1298), OwnerIs::Stuck(at(1002))),
        // It was there before the tick, and not for it: it may be late, or its clock a little ahead of ours.
        (1300, 1, false, Some(749), OwnerIs::Alive),
        (1300, 1, false, Some(750), OwnerIs::Stuck(at(550))),
        // Nothing is open: nothing is neglected.
        (1200, 1, false, Some(5000), OwnerIs::Alive),
    ];
    for (now, sessions, active, age, expected) in table {
        let told = activity(sessions, active, age);
        assert_eq!(judge(&[line], at(now), &told), expected, "{now} {told:?}");
    }
}

#[test]
fn what_the_owner_tells_shows_whether_its_clock_is_like_ours() {
    let (line, at) = line(1000);
    for (told_at, expected) in [
        (1002, true),
        (980, true),
        (1, true),
        (0, false),
        (6900, true),
        (7100, false),
        (-3_600_000, false),
    ] {
        assert_eq!(
            is_of_our_time(&line.schedule, at(1000), at(told_at)),
            expected,
            "{told_at}"
        );
    }
}

#[test]
fn it_is_known_when_an_owner_will_have_been_silent_for_long_enough() {
    let (line, at) = line(1000);
    for (now, active, age, expected) in [
        (1300, false, 400, Some(350)),
        (1300, false, 1298, Some(0)),
        (1300, false, 298, None),
        (1300, true, 400, None),
        (1200, false, 1100, None),
    ] {
        let rest = stuck_in(&[line], at(now), &activity(1, active, Some(age)));
        assert_eq!(rest, expected.map(Duration::from_millis), "{now} {active} {age}");
    }
    // The last sign just before a tick: it is covered before its successor is due.
    let rest = stuck_in(&[line], at(1300), &activity(1, false, Some(301))).unwrap();
    assert!(
        Duration::from_millis(1300) + rest < Duration::from_secs(2),
        "{rest:?}"
    );
    let slow = Line {
        schedule: schedule("s", 60_000),
        ..line
    };
    assert_eq!(pace(&[slow]), Duration::from_millis(1500));
    assert_eq!(pace(&[slow, line]), Duration::from_millis(750));
}

#[test]
fn an_owner_that_tells_ticks_at_its_pace_reads() {
    let (line, at) = line(1000);
    for (silent, open) in [(10, false), (1149, false), (1150, true), (1290, true)] {
        let line = Line {
            silent: Duration::from_millis(silent),
            ..line
        };
        assert_eq!(line.is_open(at(1300)), open, "{silent}");
        assert_eq!(claims(&[line], at(1300), OwnerIs::Gone).len(), usize::from(open));
        let rest = line.quiet_in(at(1300)).map_or(0, |rest| rest.as_millis());
        assert_eq!(rest, 1150_u128.saturating_sub(silent.into()), "{silent}");
    }
}

#[test]
fn a_target_whose_lock_is_anothers_is_owned() {
    let (line, at) = line(1000);
    for told in [activity(0, false, None), activity(1, false, Some(1298))] {
        let told = Activity {
            locked_by_others: true,
            ..told
        };
        assert_eq!(judge(&[line], at(1300), &told), OwnerIs::Alive);
    }
}

#[test]
fn a_slow_stream_tells_of_a_fast_one() {
    let (fast, at) = line(1000);
    let slow = schedule("slow", 10_000);
    let slow = Line {
        schedule: slow,
        last: slow.at_or_before(at(2400)),
        ..fast
    };
    // The slow one has nothing open; the fast one was neglected, though something was asked at 700.
    let told = activity(2, false, Some(1700));
    let owner = judge(&[slow, fast], at(2400), &told);
    assert_eq!(owner, OwnerIs::Stuck(at(700)));
    let claimed = claims(&[slow, fast], at(2400), owner);
    assert_eq!(claimed, [(1, at(1000)), (1, at(2000))]);
    assert!(claims(&[slow, fast], at(2400), OwnerIs::Alive).is_empty());
}

#[test]
fn a_tick_that_the_owner_may_have_asked_for_waits() {
    let (line, at) = line(1000);
    let told = Line {
        last: at(1000),
        ..line
    };
    // It asked at 1002 and stopped. Behind a cut link nobody has heard of tick 1000.
    let owner = OwnerIs::Stuck(at(1002));
    for (now, rest) in [(2300, Some(1702)), (4001, Some(1)), (4002, None)] {
        let open: Vec<_> = line.open(at(now)).map(|tick| (0, tick)).collect();
        let expected = if rest.is_some() { vec![] } else { open };
        assert_eq!(claims(&[line], at(now), owner), expected, "{now}");
        let rest = rest.map(Duration::from_millis);
        assert_eq!(doubt_in(&[line], at(now), owner), rest, "{now}");
    }
    // One that stands still had told tick 0, and asked for the next.
    let stands = Line {
        silent: Duration::from_millis(2_298),
        ..line
    };
    assert_eq!(claims(&[stands], at(2300), owner), [(0, at(1000)), (0, at(2000))]);
    assert_eq!(
        claims(&[line, stands], at(2300), owner).len(),
        4,
        "it told of another stream"
    );
    assert_eq!(claims(&[told], at(2300), owner), [(0, at(2000))]);
    assert_eq!(claims(&[line, told], at(2300), owner), [(1, at(2000))]);
    assert_eq!(doubt_in(&[told], at(2300), owner), None);
    assert_eq!(claims(&[line], at(2300), OwnerIs::Gone).len(), 2);
    assert_eq!(doubt_in(&[line], at(2300), OwnerIs::Gone), None);
}

#[test]
fn the_oldest_tick_of_all_streams_is_first() {
    let (fast, at) = line(1000);
    let two = Line {
        schedule: schedule("s", 2000),
        last: base(&schedule("s", 2000)),
        ..fast
    };
    let now = Tick::from_unix_nanos(at(0).unix_nanos().max(two.last.unix_nanos()) + 4700 * MILLI);
    let claimed = claims(&[two, fast], now, OwnerIs::Gone);
    assert!(claimed.len() >= 5, "{claimed:?}");
    assert!(claimed.is_sorted_by_key(|(_, tick)| *tick), "{claimed:?}");
}

#[test]
fn ticks_whose_successor_the_owner_was_there_for_are_its_own() {
    let (line, at) = line(1000);
    for (sign, expected) in [
        (1002, None),
        (2002, None),
        (2299, None),
        (2301, Some(1000)),
        (5400, Some(4000)),
    ] {
        assert_eq!(line.excuse(at(sign)), expected.map(&at), "{sign}");
    }
    let known = Line {
        excused: Some(at(3000)),
        ..line
    };
    assert_eq!(known.excuse(at(2400)), Some(at(3000)), "it never goes back");
}

proptest! {
    /// An owner that asks for each tick within the grace is never taken for stuck, whatever is not told.
    #[test]
    fn an_owner_that_asks_is_alive(late in 0i64..290, took in 0i64..9, now in 1300i64..30_000) {
        let (line, at) = line(1000);
        let since = (now - late - took).rem_euclid(1000) as u64;
        let told = activity(1, false, Some(since));
        prop_assert_eq!(judge(&[line], at(now), &told), OwnerIs::Alive);
    }

    /// Every tick is claimed in the end, unless it was ended or the owner lived.
    #[test]
    fn no_tick_is_left_out(steps in prop::collection::vec((1i64..900, prop::bool::ANY), 1..40)) {
        let (mut line, at) = line(1000);
        let (mut now, mut covered) = (0, Vec::new());
        for (step, gone) in steps {
            now += step;
            let owner = if gone { OwnerIs::Gone } else { OwnerIs::Alive };
            for (_, tick) in claims(&[line], at(now), owner) {
                covered.push(tick);
                line.last = tick;
            }
        }
        let expected: Vec<_> = (1..=covered.len() as i64).map(|n| at(n * 1000)).collect();
        prop_assert_eq!(covered, expected);
    }
}

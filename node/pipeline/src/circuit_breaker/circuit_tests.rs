use ringwatch_config::settings::CircuitBreaker as Settings;

use super::*;

#[path = "circuit_properties.rs"]
mod properties;

const SECOND: Duration = Duration::from_secs(1);

/// A circuit and its time.
struct World {
    circuit: Circuit,
    now: Instant,
}

fn rules() -> Rules {
    Rules {
        break_duration: 60 * SECOND,
        max_break: 300 * SECOND,
        half_open: 3,
        window: 60 * SECOND,
        ..Rules::new(&Settings::default(), None)
    }
}

fn stream(name: &str) -> StreamId {
    StreamId::of_server(name)
}

impl World {
    fn new(rules: Rules) -> Self {
        let now = Instant::now();
        Self {
            circuit: Circuit::new(Arc::new(rules), now),
            now,
        }
    }

    fn wait(&mut self, seconds: u32) -> &mut Self {
        self.now += seconds * SECOND;
        self
    }

    fn ask(&mut self, name: &str) -> Result<(), Refused> {
        let (tick, interval) = (Tick::from_unix_nanos(0), SECOND);
        let ask = Ask {
            stream: &stream(name),
            tick,
            interval,
            slowdown: 1,
        };
        self.circuit.ask(&ask, self.now).0
    }

    fn end(&mut self, name: &str, outcome: Outcome) -> Option<Change> {
        self.circuit.ended(&stream(name), outcome, self.now)
    }

    fn read(&mut self, outcome: Outcome) -> Option<Change> {
        self.ask("s").unwrap();
        self.end("s", outcome)
    }

    fn fail(&mut self, times: u32) -> Option<Change> {
        (0..times).find_map(|_| self.read(FAILED))
    }

    /// Opens it for the reason of failures.
    fn trip(&mut self) -> Option<Duration> {
        match self.fail(5) {
            Some(Change::Opened {
                reason: Reason::FailuresInARow,
                lasts,
            }) => lasts,
            other => panic!("{other:?}"),
        }
    }
}

const FAILED: Outcome = Outcome::Failed {
    took: Duration::from_millis(10),
};

fn answered(millis: u64) -> Outcome {
    Outcome::Answered {
        took: Duration::from_millis(millis),
        sessions: None,
    }
}

fn sessions(active: u64) -> Outcome {
    let took = Duration::from_millis(1);
    Outcome::Answered {
        took,
        sessions: Some(active),
    }
}

/// Which reading of the outcomes opened a circuit of these rules, counted from 1, and why.
fn opened_by(rules: Rules, outcomes: &[Outcome]) -> Option<(usize, Reason)> {
    let mut world = World::new(rules);
    let reasons = outcomes.iter().map(|outcome| match world.read(*outcome)? {
        Change::Opened { reason, .. } => Some(reason),
        other => panic!("{other:?}"),
    });
    reasons.enumerate().find_map(|(n, reason)| Some((n + 1, reason?)))
}

#[test]
fn it_opens_when_too_many_readings_fail_and_not_before() {
    use Reason::{ErrorRate, FailuresInARow};
    let slow = Outcome::Failed { took: 10 * SECOND };
    let good = answered(10);
    let of = |error_percent: f64| Rules {
        error_percent,
        ..rules()
    };
    let mixed = |text: &str| -> Vec<Outcome> {
        text.chars()
            .map(|letter| if letter == 'x' { FAILED } else { good })
            .collect()
    };
    for (percent, outcomes, expected) in [
        (50.0, mixed("xxxx"), None),
        (50.0, mixed("xxxxx"), Some((5, FailuresInARow))),
        (50.0, vec![slow], None),
        (50.0, vec![slow; 2], Some((2, FailuresInARow))),
        (50.0, mixed("-xxx-"), Some((5, ErrorRate))),
        (50.0, mixed("-xx--"), None),
        (50.0, mixed("-x-x-x-x-x"), None),
        (25.0, mixed("-----x-x-x"), Some((10, ErrorRate))),
        (25.0, mixed("-------x-x"), None),
        (100.0, mixed("xx-xx"), None),
        (100.0, mixed("xxxxx"), Some((5, FailuresInARow))),
        (0.0, mixed("---------"), None),
        (0.0, mixed("----x"), Some((5, ErrorRate))),
        (50.0, vec![Outcome::Ignored; 50], None),
        (50.0, vec![Outcome::NotMade; 50], None),
    ] {
        assert_eq!(
            opened_by(of(percent), &outcomes),
            expected,
            "{percent} {outcomes:?}"
        );
    }
    let first = Rules {
        minimum_volume: 1,
        ..rules()
    };
    assert_eq!(opened_by(first, &[FAILED]), Some((1, FailuresInARow)));
}

#[test]
fn it_opens_beyond_each_threshold_and_not_at_it() {
    let limited = Rules {
        latency: Some(Duration::from_millis(100)),
        sessions: Some(50),
        volume: Some(0.2),
        ..rules()
    };
    for (outcomes, expected) in [
        (vec![answered(100); 9], None),
        (vec![answered(101); 9], Some((5, Reason::Latency))),
        (vec![sessions(50); 9], None),
        (vec![sessions(51)], Some((1, Reason::ActiveSessions))),
        (vec![answered(1); 12], None),
        (vec![answered(1); 13], Some((13, Reason::Volume))),
    ] {
        assert_eq!(opened_by(limited.clone(), &outcomes), expected, "{outcomes:?}");
        assert_eq!(
            opened_by(rules(), &outcomes),
            None,
            "without thresholds: {outcomes:?}"
        );
    }
}

#[test]
fn a_server_that_is_gone_is_seen_however_seldom_it_is_tried() {
    let mut world = World::new(rules());
    for _ in 0..600 {
        world.read(answered(5));
        world.now += SECOND / 10;
    }
    for _ in 0..4 {
        assert_eq!(world.wait(25).read(FAILED), None);
    }
    assert!(world.wait(25).read(FAILED).is_some());
}

#[test]
fn while_it_is_open_nothing_passes_then_exactly_so_many_and_then_everything() {
    let mut world = World::new(rules());
    assert_eq!(world.trip(), Some(60 * SECOND));
    for _ in 0..59 {
        assert_eq!(world.wait(1).ask("s"), Err(Refused::Open));
        assert_eq!(world.circuit.look(world.now), None);
    }
    let asks: Vec<_> = ["a", "b", "c", "d", "e"]
        .iter()
        .map(|name| world.wait(1).ask(name))
        .collect();
    assert_eq!(
        asks,
        [Ok(()), Ok(()), Ok(()), Err(Refused::Open), Err(Refused::Open)]
    );
    assert_eq!(world.circuit.state(), State::HalfOpen);
    assert_eq!(world.end("a", answered(1)), None);
    assert_eq!(world.end("b", Outcome::NotMade), None, "nothing was asked");
    assert_eq!([world.ask("d"), world.ask("e")], [Ok(()), Err(Refused::Open)]);
    assert_eq!(world.end("c", Outcome::Ignored), None);
    let closed = world.end("d", answered(1));
    let after = 64 * SECOND;
    assert_eq!(
        closed,
        Some(Change::Closed {
            after,
            by_hand: false
        })
    );
    assert!((0..50).all(|n| world.ask(&format!("s{n}")).is_ok()));
}

#[test]
fn one_bad_trial_opens_it_again_and_old_readings_count_for_nothing() {
    let limited = Rules {
        latency: Some(Duration::from_millis(100)),
        sessions: Some(50),
        ..rules()
    };
    for (outcomes, reason) in [
        (vec![answered(1), FAILED], Reason::TrialFailed),
        (vec![answered(1), sessions(51)], Reason::ActiveSessions),
        (vec![answered(1), answered(1), answered(400)], Reason::Latency),
    ] {
        let mut world = World::new(limited.clone());
        world.ask("old").unwrap();
        world.trip();
        world.wait(60);
        for (n, outcome) in outcomes.iter().enumerate() {
            world.ask(&n.to_string()).unwrap();
            assert_eq!(
                world.end("old", FAILED),
                None,
                "it had leave before the circuit opened"
            );
            let change = world.end(&n.to_string(), *outcome);
            let lasts = Some(120 * SECOND);
            let expected = (n + 1 == outcomes.len()).then_some(Change::Opened { reason, lasts });
            assert_eq!(change, expected, "{reason} {n}");
        }
    }
}

#[test]
fn breaks_grow_until_it_stays_closed_as_long_as_the_last() {
    let mut world = World::new(rules());
    let recover = |world: &mut World, break_seconds: u32| {
        world.wait(break_seconds);
        let closed = (0..3).fold(None, |_, _| world.read(answered(1)));
        assert!(matches!(closed, Some(Change::Closed { .. })), "{closed:?}");
    };
    assert_eq!(world.trip(), Some(60 * SECOND));
    for lasts in [120, 240, 300, 300] {
        let before = world.circuit.open_until().unwrap() - world.now;
        world.wait(u32::try_from(before.as_secs()).unwrap());
        let opened = world.read(FAILED);
        let reason = Reason::TrialFailed;
        assert_eq!(
            opened,
            Some(Change::Opened {
                reason,
                lasts: Some(lasts * SECOND)
            })
        );
    }
    recover(&mut world, 300);
    assert_eq!(
        world.wait(299).trip(),
        Some(300 * SECOND),
        "closed for less than the last break"
    );
    recover(&mut world, 300);
    assert_eq!(world.wait(300).trip(), Some(60 * SECOND), "closed for as long");
    recover(&mut world, 60);
    assert_eq!(world.trip(), Some(120 * SECOND));
    assert!(world.circuit.reset(world.now).is_some());
    assert_eq!(world.trip(), Some(60 * SECOND), "a reset forgets");
    assert_eq!(world.circuit.past.trips, 9);
}

#[test]
fn a_leave_whose_lane_died_comes_back() {
    let mut world = World::new(rules());
    world.trip();
    world.wait(60);
    for name in ["a", "b", "c"] {
        world.ask(name).unwrap();
    }
    assert_eq!(world.ask("d"), Err(Refused::Open));
    assert_eq!(
        world.ask("a"),
        Ok(()),
        "a stream that asks again has no reading under way"
    );
    world.wait(299);
    world.circuit.look(world.now);
    assert_eq!(world.ask("d"), Err(Refused::Open));
    world.wait(1);
    world.circuit.look(world.now);
    assert_eq!(
        ["d", "e", "f", "g"].map(|name| world.ask(name).is_ok()),
        [true, true, true, false]
    );
    assert_eq!(world.end("a", answered(1)), None, "too late to say anything");
    assert_eq!(
        world.circuit.state(),
        State::HalfOpen,
        "nothing known does not close it"
    );
}

#[test]
fn it_opens_by_hand_for_a_time_or_until_it_is_reset() {
    let mut world = World::new(rules());
    let change = world.circuit.open_by_hand(Some(10 * SECOND), world.now);
    let (reason, lasts) = (Reason::Manual, Some(10 * SECOND));
    assert_eq!(change, Change::Opened { reason, lasts });
    assert_eq!(world.wait(9).ask("s"), Err(Refused::Open));
    assert_eq!(world.wait(1).ask("s"), Ok(()));
    assert_eq!(world.circuit.state(), State::HalfOpen);
    world.circuit.open_by_hand(None, world.now);
    assert_eq!(world.wait(1_000_000).ask("s"), Err(Refused::Open));
    world.circuit.reset(world.now);
    assert_eq!((world.ask("s"), world.circuit.past.trips), (Ok(()), 0));
    assert_eq!(world.circuit.reset(world.now), None, "it is closed already");
    world.circuit.open_by_hand(Some(Duration::MAX), world.now);
    assert_eq!(world.wait(1_000_000).ask("s"), Err(Refused::Open));
}

#[test]
fn it_is_open_while_the_process_is_over_a_threshold() {
    let mut world = World::new(rules());
    let press = |world: &mut World, reason| world.circuit.press(reason, world.now);
    let reason = Reason::ProcessMemory;
    let opened = Some(Change::Opened { reason, lasts: None });
    assert_eq!(press(&mut world, Some(reason)), opened);
    assert_eq!(world.wait(4000).ask("s"), Err(Refused::Open));
    assert_eq!(press(&mut world, Some(reason)), None);
    assert_eq!(press(&mut world, None), Some(Change::HalfOpened { leaves: 3 }));
    assert_eq!(press(&mut world, Some(reason)), opened, "before it was tried");
    press(&mut world, None);
    for _ in 0..3 {
        world.read(answered(1));
    }
    assert_eq!(world.circuit.state(), State::Closed);
    assert_eq!(world.trip(), Some(60 * SECOND), "that was not the target's fault");
    press(&mut world, Some(reason));
    assert_eq!(
        world.wait(60).ask("s"),
        Err(Refused::Open),
        "its break is over, the process is not well"
    );
    press(&mut world, None);
    assert_eq!(world.ask("s"), Ok(()));
}

#[test]
fn it_is_looked_at_although_nothing_happens() {
    let mut world = World::new(Rules {
        error_percent: 40.0,
        ..rules()
    });
    // Ten good readings, then after most of a window failures that are few beside them.
    for _ in 0..10 {
        world.read(answered(1));
    }
    world.wait(50);
    for outcome in [FAILED, FAILED, answered(1), FAILED, FAILED, answered(1)] {
        assert_eq!(world.read(outcome), None);
    }
    let opened = (0..40).find_map(|_| {
        world.wait(1);
        world.circuit.look(world.now)
    });
    let (reason, lasts) = (Reason::ErrorRate, Some(60 * SECOND));
    assert_eq!(
        opened,
        Some(Change::Opened { reason, lasts }),
        "the good ones are too old"
    );
}

#[test]
fn a_slowed_target_is_read_at_the_same_ticks_by_any_node() {
    let interval = 5 * SECOND;
    let read = |factor: u32, phase: i64| -> Vec<i64> {
        (0..12)
            .filter(|n| is_kept(Tick::from_unix_nanos(phase + n * 5_000_000_000), interval, factor))
            .collect()
    };
    assert_eq!(read(1, 77).len(), 12);
    assert_eq!(read(2, 4_999_999_999), [0, 2, 4, 6, 8, 10]);
    assert_eq!(read(4, 0), [0, 4, 8]);
    assert_eq!(read(4, -10_000_000_000), [2, 6, 10]);
}

#[test]
fn other_rules_hold_at_once_and_a_break_goes_on() {
    let mut world = World::new(rules());
    world.trip();
    let other = Arc::new(Rules {
        break_duration: SECOND,
        half_open: 1,
        window: 10 * SECOND,
        ..rules()
    });
    world.circuit.set_rules(&other, world.now);
    assert_eq!(world.wait(59).ask("s"), Err(Refused::Open));
    assert_eq!(world.wait(1).ask("s"), Ok(()));
    assert!(matches!(world.end("s", answered(1)), Some(Change::Closed { .. })));
}

#[test]
fn a_trial_ends_as_it_began_whatever_rules_come_meanwhile() {
    for leaves in [1, 9] {
        let mut world = World::new(rules());
        world.trip();
        world.wait(60).ask("a").unwrap();
        let other = Arc::new(Rules {
            half_open: leaves,
            ..rules()
        });
        world.circuit.set_rules(&other, world.now);
        assert_eq!(world.end("a", answered(1)), None, "{leaves}");
        assert_eq!(world.read(answered(1)), None, "{leaves}");
        assert!(
            matches!(world.read(answered(1)), Some(Change::Closed { .. })),
            "{leaves}"
        );
    }
}

#[test]
fn a_reading_that_takes_long_counts_when_it_ends() {
    let mut world = World::new(Rules {
        minimum_volume: 1,
        ..rules()
    });
    world.ask("slow").unwrap();
    for _ in 0..20 {
        world.wait(60);
        assert_eq!(world.circuit.look(world.now), None);
    }
    assert!(world.end("slow", FAILED).is_some());
}

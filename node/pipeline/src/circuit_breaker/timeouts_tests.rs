use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

struct World {
    timeouts: Timeouts,
    now: Instant,
}

impl World {
    fn new(min_millis: u64, max_seconds: u64) -> Self {
        let settings = Settings {
            enabled: true,
            min_timeout: ringwatch_config::Duration::from_millis(min_millis),
            max_timeout: ringwatch_config::Duration::from_secs(max_seconds),
            learning_window: ringwatch_config::Duration::from_secs(3600),
        };
        let now = Instant::now();
        Self {
            timeouts: Timeouts::new(&settings, now),
            now,
        }
    }

    fn learn(&mut self, readings: u32, millis: u64, failed: bool) -> Option<f64> {
        let stream = StreamId::of_server("s");
        for _ in 0..readings {
            self.now += SECOND;
            self.timeouts
                .learn(&stream, Duration::from_millis(millis), failed, self.now);
        }
        self.timeouts.of(&stream).map(|timeout| timeout.as_secs_f64())
    }
}

#[test]
fn a_timeout_is_three_times_the_percentile_within_bounds_once_enough_is_known() {
    let mut world = World::new(1, 30);
    assert_eq!(world.learn(29, 100, false), None);
    let timeout = world.learn(1, 100, false).unwrap();
    assert!((0.3..=0.3 * 1.19).contains(&timeout), "{timeout}");
    // One in a hundred is slow: that is the percentile, not one in two hundred.
    assert_eq!(world.learn(170, 100, false), Some(timeout));
    assert_eq!(world.learn(1, 5000, false), Some(timeout));
    assert!(world.learn(3, 5000, false).unwrap() > 15.0);
    assert_eq!(World::new(1000, 30).learn(40, 5, false), Some(1.0));
    assert_eq!(World::new(1000, 30).learn(40, 50_000, false), Some(30.0));
    assert_eq!(
        World::new(9000, 3).learn(40, 10, false),
        Some(3.0),
        "bounds that contradict each other"
    );
}

#[test]
fn running_into_it_doubles_it_and_failing_quickly_says_nothing() {
    let mut world = World::new(1, 30);
    let learnt = world.learn(500, 100, false).unwrap();
    assert_eq!(
        world.learn(500, 1, true),
        Some(learnt),
        "a refused connection is no latency"
    );
    let first = world.learn(1, 400, true).unwrap();
    assert!((first - 2.0 * learnt).abs() < 1e-6, "{first} {learnt}");
    assert_eq!(
        world.learn(1, 400, true),
        Some(first),
        "it did not run into this one"
    );
    assert!((world.learn(1, 1000, true).unwrap() - 2.0 * first).abs() < 1e-6);
    let most = (0..10).fold(0.0, |_, _| world.learn(1, 60_000, true).unwrap());
    assert!((most - 30.0).abs() < 1e-6, "{most}");
    world.now += 2500 * SECOND;
    assert!(
        world.learn(500, 100, false).unwrap() > 1.0,
        "for the window it stays so"
    );
    let back = world.learn(1200, 100, false).unwrap();
    assert!(
        (back - learnt).abs() < 1e-6,
        "then it is as it was: {back} {learnt}"
    );
}

#[test]
fn what_is_too_old_is_forgotten() {
    let mut world = World::new(1, 30);
    let slow = world.learn(100, 2000, false).unwrap();
    world.now += 2 * 3600 * SECOND;
    world.timeouts.look(world.now);
    assert_eq!(
        (world.timeouts.longest(), world.timeouts.streams.len()),
        (None, 0)
    );
    assert!(world.learn(100, 10, false).unwrap() < slow / 10.0);
    let mut off = Timeouts::new(&Settings::default(), world.now);
    off.learn(&StreamId::of_server("s"), SECOND, false, world.now);
    assert!(off.streams.is_empty());
}

proptest! {
    #[test]
    fn buckets_hold_what_is_in_them(micros in 1_u64..1_000_000_000) {
        let took = Duration::from_micros(micros);
        let at = bucket(took);
        prop_assert!(took <= upper(at) + Duration::from_micros(1), "{at}");
        prop_assert!(at == 0 || took + Duration::from_micros(1) >= upper(at - 1), "{at}");
    }

    #[test]
    fn at_most_one_in_a_hundred_took_longer_than_the_percentile(
        millis in prop::collection::vec(1_u64..100_000, 30..500),
    ) {
        let mut part = Part::default();
        millis.iter().for_each(|millis| part.add(Duration::from_millis(*millis)));
        let bound = percentile(&part.counts, millis.len() as u32);
        let bound = bound + Duration::from_micros(1);
        let over = millis.iter().filter(|millis| Duration::from_millis(**millis) > bound).count();
        prop_assert!(over * 100 <= millis.len(), "{over} of {}", millis.len());
    }
}

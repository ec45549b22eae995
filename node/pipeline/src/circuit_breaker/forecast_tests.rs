use proptest::prelude::*;
use ringwatch_config::settings::CircuitBreaker;

use super::*;

struct World {
    forecast: Forecast,
    rules: Rules,
    now: Instant,
    /// A random number between -1 and 1 that needs no crate.
    seed: u64,
    /// Seconds between two readings of a stream.
    every: u32,
}

impl World {
    fn new(seed: u64) -> Self {
        let now = Instant::now();
        Self {
            forecast: Forecast::new(&Settings::default(), now),
            rules: Rules::new(&CircuitBreaker::default(), None),
            now,
            seed: seed.wrapping_mul(2).wrapping_add(1),
            every: 1,
        }
    }

    /// Near to the normal distribution: the sum of twelve even ones.
    fn noise(&mut self) -> f64 {
        let mut sum = -6.0;
        for _ in 0..12 {
            // Knuth's MMIX generator
            self.seed = self
                .seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            sum += (self.seed >> 40) as f64 / (1_u64 << 24) as f64;
        }
        sum
    }

    /// Some seconds with `streams` readings a second, of so many milliseconds and sessions as they say. Gives
    /// the largest factor.
    fn run(&mut self, seconds: u32, streams: u32, sigma: f64, load: impl Fn(u32) -> (f64, f64)) -> u32 {
        let mut most = 1;
        for second in 0..seconds {
            self.now += Duration::from_secs(1);
            let (millis, sessions) = load(second);
            if second % self.every > 0 {
                self.forecast
                    .look(&self.rules, Duration::from_secs_f64(millis / 1000.0), self.now);
                continue;
            }
            for n in 0..streams {
                let took = millis * f64::from(n + 1) * (sigma * self.noise()).exp() / 1000.0;
                let stream = StreamId::of_server(&n.to_string());
                self.forecast
                    .reading(&stream, Duration::from_secs_f64(took), false, self.now);
            }
            let sessions = (sessions * (sigma * self.noise()).exp()) as u64;
            self.forecast.sessions(sessions, self.now);
            self.forecast
                .look(&self.rules, Duration::from_secs_f64(millis / 1000.0), self.now);
            most = most.max(self.forecast.factor());
        }
        most
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_flat_load_is_never_slowed_down(
        seed in any::<u64>(), streams in 1_u32..6, sigma in 0.0_f64..0.5,
        millis in 1.0_f64..500.0, sessions in 0.0_f64..300.0,
        every in 1_u32..40,
    ) {
        let mut world = World::new(seed);
        world.every = every;
        prop_assert_eq!(world.run(4 * 3600, streams, sigma, |_| (millis, sessions)), 1);
    }
}

#[test]
fn rising_latency_is_seen_before_it_has_doubled_and_lets_go_when_it_is_over() {
    let mut world = World::new(1);
    assert_eq!(world.run(1800, 4, 0.2, |_| (20.0, 10.0)), 1);
    let seen = (0..600).find(|second| {
        let growth = 1.0 + f64::from(*second) / 60.0;
        world.run(1, 4, 0.2, |_| (20.0 * growth, 10.0)) > 1
    });
    assert!(seen.is_some_and(|second| second <= 60), "{seen:?}");
    assert!(
        world.run(120, 4, 0.2, |_| (200.0, 10.0)) == 4,
        "ten times as slow: as far as it goes"
    );
    world.run(60, 4, 0.2, |_| (20.0, 10.0));
    assert!(world.forecast.factor() > 1, "it does not let go at once");
    world.run(300, 4, 0.2, |_| (20.0, 10.0));
    assert_eq!(world.forecast.factor(), 1);
}

#[test]
fn sessions_alone_slow_it_down_and_a_threshold_says_how_many_are_many() {
    for (threshold, sessions, expected) in [
        (None, 45.0, 4),
        (Some(500), 45.0, 1),
        (Some(500), 470.0, 4),
        (None, 12.0, 1),
    ] {
        let mut world = World::new(7);
        world.rules.sessions = threshold;
        world.run(1800, 2, 0.1, |_| (20.0, 8.0));
        let factor = world.run(60, 2, 0.1, |_| (20.0, sessions));
        assert_eq!(factor, expected, "{threshold:?} {sessions}");
    }
}

#[test]
fn a_latency_threshold_that_is_near_slows_it_down() {
    let mut world = World::new(3);
    world.rules.latency = Some(Duration::from_millis(30));
    assert_eq!(world.run(1800, 2, 0.1, |_| (20.0, 8.0)), 1);
    assert_eq!(world.run(90, 2, 0.1, |_| (28.0, 8.0)), 2);
}

#[test]
fn failures_count_as_slow_only_when_they_are_and_it_can_be_switched_off() {
    let mut world = World::new(5);
    world.run(600, 1, 0.1, |_| (20.0, 8.0));
    let stream = StreamId::of_server("0");
    for (millis, expected) in [(1, 1), (10_000, 4)] {
        for _ in 0..30 {
            world.now += Duration::from_secs(1);
            world
                .forecast
                .reading(&stream, Duration::from_millis(millis), true, world.now);
            world.forecast.look(&world.rules, Duration::ZERO, world.now);
        }
        assert_eq!(world.forecast.factor(), expected, "{millis}");
    }
    world.forecast.begin_anew(world.now);
    assert_eq!(world.forecast.factor(), 1);
    let mut off = World::new(5);
    let settings = Settings {
        enabled: false,
        ..Settings::default()
    };
    off.forecast = Forecast::new(&settings, off.now);
    off.run(600, 1, 0.1, |_| (20.0, 8.0));
    assert_eq!(off.run(60, 1, 0.1, |_| (2000.0, 800.0)), 1);
    assert!(off.forecast.usual.is_empty());
}

#[test]
fn the_factor_is_a_power_of_two_within_the_bound() {
    for (most, ahead, expected) in [
        (1, 9.0, 1),
        (2, 9.0, 2),
        (3, 9.0, 2),
        (4, 0.99, 1),
        (4, 1.0, 2),
        (4, 2.0, 4),
        (64, 33.0, 64),
    ] {
        let settings = Settings {
            max_slowdown: most,
            ..Settings::default()
        };
        let forecast = Forecast::new(&settings, Instant::now());
        assert_eq!(forecast.wanted(ahead), expected, "{most} {ahead}");
    }
}

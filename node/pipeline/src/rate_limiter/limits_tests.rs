use prometheus::{Encoder, Registry, TextEncoder};
use ringwatch_config::settings::{AdaptiveLimit, Limit, ScheduledLimit};
use ringwatch_frame::Tick;

use super::*;
use crate::covered::target;
use crate::rate_limiter::OverrideError;

const SECOND: Duration = Duration::from_secs(1);

struct World {
    registry: Registry,
    limits: Limits,
    begin: Instant,
}

fn settings(rps: f64) -> Settings {
    let defaults = Limit {
        rps,
        ..Limit::default()
    };
    Settings {
        defaults,
        ..Settings::default()
    }
}

impl World {
    /// Midnight, with these targets.
    fn new(settings: &Settings, names: &[&str]) -> Self {
        let (registry, begin) = (Registry::new(), Instant::now());
        let clock = Clock::simulated(Tick::from_unix_nanos(0));
        let metrics = LimiterMetrics::new(&registry).unwrap();
        let limits = Limits::new("rate_limiter", settings, clock, metrics, begin);
        let targets: Vec<_> = names.iter().map(|name| target(name, &[name])).collect();
        limits.cover(&targets, begin);
        Self {
            registry,
            limits,
            begin,
        }
    }

    fn ask(&self, name: &str, seconds: u32) -> Result<(), OverLimit> {
        self.limits.admit(&id(name), self.begin + seconds * SECOND)
    }

    /// How many of so many asks at this second have leave.
    fn granted(&self, name: &str, seconds: u32, asks: u32) -> usize {
        (0..asks).filter(|_| self.ask(name, seconds).is_ok()).count()
    }

    fn end(&self, name: &str, outcome: Outcome, seconds: u32) {
        let stream = StreamId::of_server("s");
        self.limits
            .ended(&id(name), &stream, outcome, self.begin + seconds * SECOND);
    }

    fn metrics(&self) -> String {
        let mut text = Vec::new();
        TextEncoder::new()
            .encode(&self.registry.gather(), &mut text)
            .unwrap();
        String::from_utf8(text).unwrap()
    }
}

fn id(name: &str) -> TargetId {
    target(name, &[]).id
}

#[tokio::test(start_paused = true)]
async fn each_target_has_a_limit_of_its_own_and_all_have_one_together() {
    let world = World::new(&settings(2.0), &["a", "b"]);
    assert_eq!([world.granted("a", 0, 9), world.granted("b", 0, 9)], [2, 2]);
    assert_eq!(world.granted("a", 10, 9), 2);
    assert_eq!(
        (1..=10)
            .map(|second| world.granted("b", second, 9))
            .sum::<usize>(),
        20
    );
    world.end("a", Outcome::NotMade, 10);
    assert_eq!(world.granted("a", 10, 9), 1, "what was not made is given back");
    assert_eq!(world.ask("unknown", 10), Ok(()));

    let both = Settings {
        global_max_rps: 3.0,
        ..settings(2.0)
    };
    let world = World::new(&both, &["a", "b"]);
    assert_eq!([world.granted("a", 0, 2), world.granted("b", 0, 1)], [2, 1]);
    assert_eq!(world.ask("b", 0), Err(OverLimit::Global));
    world.end("a", Outcome::NotMade, 0);
    assert_eq!(
        world.ask("b", 0),
        Ok(()),
        "a reading that the node's limit refused costs the target's nothing"
    );
    assert_eq!(world.ask("b", 0), Err(OverLimit::Target));
    let unlimited = World::new(&settings(0.0), &["a"]);
    assert_eq!(unlimited.granted("a", 0, 10_000), 10_000);
}

#[tokio::test(start_paused = true)]
async fn the_limit_of_the_hour_holds_and_reverts() {
    let mut settings = settings(1.0);
    let at_night = ScheduledLimit {
        start_hour: 22,
        end_hour: 6,
        utc_offset_minutes: 0,
        rps: 5.0,
        burst: Some(20),
        rows_per_second: 0.0,
        rows_burst: None,
    };
    let limit = DatabaseLimit {
        rps: 2.0,
        schedule: vec![at_night],
        ..DatabaseLimit::default()
    };
    settings.database_limits.insert("a".into(), limit);
    let world = World::new(&settings, &["a", "b"]);
    let rps = |name: &str| {
        let list = world.limits.list(Instant::now());
        let status = list.into_iter().find(|status| status.target == id(name)).unwrap();
        (status.name, status.rps, status.scheduled)
    };
    assert_eq!(rps("a"), ("a".into(), Some(5.0), Some(0)));
    assert_eq!(rps("b"), (id("b").to_string(), Some(1.0), None));
    assert_eq!(world.granted("a", 0, 99), 20);
    for (hours, expected) in [(5, 5.0), (6, 2.0), (21, 2.0), (22, 5.0), (30, 2.0)] {
        let at = world.begin + hours * 3600 * SECOND;
        tokio::time::advance(at - Instant::now()).await;
        world.limits.on_interval(at);
        assert_eq!(rps("a").1, Some(expected), "{hours}");
    }
    assert_eq!(world.granted("a", 30 * 3600, 99), 2);
    assert!(
        world
            .metrics()
            .contains("rate_limiter_limit_rps{database=\"a\"} 2")
    );
}

#[tokio::test(start_paused = true)]
async fn refusals_are_counted_and_shown() {
    let world = World::new(&settings(1.0), &["a", "b"]);
    assert_eq!([world.granted("a", 0, 4), world.granted("b", 0, 1)], [1, 1]);
    let now = world.begin + SECOND;
    world.limits.on_interval(now);
    let a = id("a");
    let metrics = world.metrics();
    for line in [
        format!("rate_limiter_rejection_rate{{database=\"{a}\"}} 0.75\n"),
        format!("rate_limiter_rejections_total{{database=\"{a}\"}} 3\n"),
        format!("rate_limiter_limit_rps{{database=\"{a}\"}} 1\n"),
        format!("rate_limiter_rejections_total{{database=\"{}\"}} 0\n", id("b")),
    ] {
        assert!(metrics.contains(&line), "{line} in {metrics}");
    }
    assert!((world.limits.rejection_rate(now) - 0.6).abs() < 1e-9);
    assert!(world.limits.rejection_rate(now + 120 * SECOND).abs() < 1e-9);
    world.limits.cover(&[target("b", &[])], now);
    assert!(!world.metrics().contains(a.as_str()) && !world.limits.covers(&a));
}

#[tokio::test(start_paused = true)]
async fn a_limit_follows_its_target() {
    let mut settings = settings(10.0);
    settings.adaptive = AdaptiveLimit {
        enabled: true,
        min_rps: 1.0,
        max_rps: 0.0,
    };
    let world = World::new(&settings, &["a"]);
    let rps = || world.limits.list(Instant::now())[0].rps.unwrap();
    let mut limits = Vec::new();
    for second in 1..=3600 {
        let outcome = if second < 1800 {
            Outcome::Failed { took: SECOND }
        } else {
            Outcome::Answered {
                took: SECOND,
                sessions: None,
            }
        };
        for _ in 0..12 {
            if world.ask("a", second).is_ok() {
                world.end("a", outcome, second);
            }
        }
        world.limits.on_interval(world.begin + second * SECOND);
        limits.push(rps());
    }
    let least = limits.iter().copied().fold(f64::INFINITY, f64::min);
    assert!((least - 1.0).abs() < 1e-9, "{least}");
    assert!(
        rps() > 5.0,
        "it rises when the target is well and more is wanted: {}",
        rps()
    );
}

#[tokio::test(start_paused = true)]
async fn a_limit_that_is_set_at_run_time_holds_in_place_of_the_configured_one() {
    let world = World::new(&settings(10.0), &["a", "b"]);
    let a = target("a", &[]).id;
    let rps = |limits: &Limits| -> Vec<_> {
        let list = limits.list(world.begin);
        list.into_iter()
            .map(|limit| (limit.rps, limit.configured_rps, limit.override_rps))
            .collect()
    };
    let (plain, set) = ((Some(10.0), Some(10.0), None), (Some(2.0), Some(10.0), Some(2.0)));
    world.limits.set_override(&a, Some(2.0)).unwrap();
    assert_eq!(rps(&world.limits), [set, plain]);
    let passed = (0..20).filter(|_| world.limits.admit(&a, world.begin).is_ok());
    assert_eq!(passed.count(), 2, "a second's readings at once");
    world.limits.on_interval(world.begin + SECOND);
    assert_eq!(
        rps(&world.limits),
        [set, plain],
        "the time of the day changes nothing"
    );

    world.limits.cover(&[], world.begin);
    world
        .limits
        .cover(&[target("a", &[]), target("b", &[])], world.begin);
    assert_eq!(
        rps(&world.limits),
        [set, plain],
        "it is for the target, covered or not"
    );
    world.limits.set_override(&a, None).unwrap();
    assert_eq!(rps(&world.limits), [plain, plain]);
    for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(world.limits.set_override(&a, Some(wrong)).is_err(), "{wrong}");
    }
    assert_eq!(rps(&world.limits), [plain, plain]);
}

#[tokio::test(start_paused = true)]
async fn limits_at_run_time_are_bounded_and_work_where_nothing_is_configured() {
    let world = World::new(&settings(0.0), &["a"]);
    let a = target("a", &[]).id;
    assert_eq!(world.limits.list(world.begin)[0].rps, None);
    world.limits.set_override(&a, Some(5.0)).unwrap();
    assert_eq!(world.limits.list(world.begin)[0].rps, Some(5.0));
    let name = |n: usize| TargetId::new("postgresql", &format!("{n}:5432"));
    for n in 1..10_000 {
        world.limits.set_override(&name(n), Some(1.0)).unwrap();
    }
    assert_eq!(
        world.limits.set_override(&name(10_000), Some(1.0)),
        Err(OverrideError::TooMany)
    );
    world.limits.set_override(&a, Some(6.0)).unwrap();
    world.limits.set_override(&a, None).unwrap();
    assert_eq!(world.limits.set_override(&name(10_000), Some(1.0)), Ok(()));
}

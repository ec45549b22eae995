use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use prometheus::{Encoder, Registry, TextEncoder};
use ringwatch_config::settings::CircuitOverride;
use tempfile::TempDir;

use super::*;
use crate::circuit_breaker::{Reason, UnknownCircuit};
use crate::covered::{CoveredTarget, target};
use crate::store::{FileStore, StateStore, recall, start_keeper};

const SECOND: Duration = Duration::from_secs(1);

fn settings(names: &[&str]) -> Settings {
    let databases = names
        .iter()
        .map(|name| ((*name).to_owned(), CircuitOverride::default()));
    Settings {
        databases: databases.collect(),
        ..Settings::default()
    }
}

struct World {
    registry: Registry,
    breakers: Breakers,
    now: Instant,
}

impl World {
    fn new(settings: &Settings, process: fn() -> ProcessUse) -> Self {
        let (registry, now) = (Registry::new(), Instant::now());
        let clock = Clock::simulated(Tick::from_unix_nanos(0));
        let mut parts = BreakerParts::new(clock, BreakerMetrics::new(&registry).unwrap());
        parts.process = process;
        let breakers = Breakers::new("circuit_breaker", settings, parts, now);
        Self {
            registry,
            breakers,
            now,
        }
    }

    fn cover(&self, targets: &[CoveredTarget]) {
        self.breakers.cover(targets, self.now);
    }

    fn read(&self, name: &str, outcome: Outcome) -> Result<(), Refused> {
        read(&self.breakers, name, outcome, self.now)
    }

    fn trip(&self, name: &str) {
        (0..5).for_each(|_| self.read(name, Outcome::Failed { took: SECOND }).unwrap());
    }

    /// The lines of a metric as they are scraped.
    fn lines(&self, metric: &str) -> Vec<String> {
        let mut text = Vec::new();
        TextEncoder::new()
            .encode(&self.registry.gather(), &mut text)
            .unwrap();
        let text = String::from_utf8(text).unwrap();
        let of_metric = text.lines().filter(|line| line.starts_with(metric));
        of_metric.map(str::to_owned).collect()
    }

    fn states(&self) -> Vec<(String, State)> {
        let list = self.breakers.list(self.now);
        list.into_iter()
            .map(|circuit| (circuit.name, circuit.state))
            .collect()
    }
}

fn id(name: &str) -> TargetId {
    target(name, &[]).id
}

fn read(breakers: &Breakers, name: &str, outcome: Outcome, now: Instant) -> Result<(), Refused> {
    let (target, stream) = (id(name), StreamId::of_server("s"));
    breakers.admit(&target, &stream, Tick::from_unix_nanos(0), SECOND, now)?;
    breakers.ended(&target, &stream, outcome, now);
    Ok(())
}

fn idle() -> ProcessUse {
    ProcessUse::default()
}

const GOOD: Outcome = Outcome::Answered {
    took: SECOND,
    sessions: None,
};

#[tokio::test(start_paused = true)]
async fn metrics_show_one_series_of_state_for_each_target() {
    let mut world = World::new(&settings(&["shop"]), idle);
    world.cover(&[target("a", &["shop"]), target("b", &["billing"])]);
    let b = "postgresql://b:5432";
    let closed = [
        format!("circuit_breaker_state{{database=\"{b}\",state=\"closed\"}} 0"),
        "circuit_breaker_state{database=\"shop\",state=\"closed\"} 0".to_owned(),
    ];
    assert_eq!(world.lines("circuit_breaker_state"), closed);
    world.trip("a");
    assert_eq!(world.read("a", GOOD), Err(Refused::Open));
    assert!(!world.breakers.at_ease(&id("a")) && world.breakers.at_ease(&id("b")));
    let open = "circuit_breaker_state{database=\"shop\",state=\"open\"} 1";
    assert_eq!(world.lines("circuit_breaker_state")[1], open);
    world.now += 60 * SECOND;
    world.breakers.on_interval(world.now);
    let half = "circuit_breaker_state{database=\"shop\",state=\"half_open\"} 2";
    assert_eq!(world.lines("circuit_breaker_state")[1], half);
    (0..5).for_each(|_| world.read("a", GOOD).unwrap());
    assert_eq!(world.lines("circuit_breaker_state"), closed);
    for (metric, expected) in [
        (
            "circuit_breaker_trips_total{database=\"shop\"}",
            "circuit_breaker_trips_total{database=\"shop\"} 1",
        ),
        (
            "circuit_breaker_rejected_readings_total{database=\"shop\"}",
            "circuit_breaker_rejected_readings_total{database=\"shop\"} 1",
        ),
        (
            "circuit_breaker_recovery_time_seconds_sum",
            "circuit_breaker_recovery_time_seconds_sum{database=\"shop\"} 60",
        ),
        (
            "circuit_breaker_slowdown{database=\"shop\"}",
            "circuit_breaker_slowdown{database=\"shop\"} 1",
        ),
    ] {
        assert_eq!(world.lines(metric), [expected]);
    }
    assert!(
        world.lines("circuit_breaker_timeout_seconds").is_empty(),
        "none was learnt"
    );
}

#[tokio::test(start_paused = true)]
async fn a_target_that_comes_back_finds_its_circuit_for_an_hour() {
    let mut world = World::new(&settings(&[]), idle);
    let both = [target("a", &[]), target("b", &[])];
    world.cover(&both);
    world.trip("a");
    world.cover(&both[1..]);
    assert_eq!(world.states().len(), 1);
    assert!(!world.breakers.covers(&id("a")));
    assert_eq!(world.lines("circuit_breaker_state").len(), 1);
    assert_eq!(world.breakers.health().open_circuits, 0);
    world.now += 50 * SECOND;
    world.breakers.on_interval(world.now);
    world.cover(&both);
    assert!(world.breakers.covers(&id("a")));
    assert_eq!(
        (world.states().len(), world.lines("circuit_breaker_state").len()),
        (2, 2)
    );
    assert_eq!(world.read("a", GOOD), Err(Refused::Open));
    world.cover(&both[1..]);
    world.now += 3600 * SECOND;
    world.breakers.on_interval(world.now);
    assert!(
        world
            .lines("circuit_breaker_trips_total{database=\"postgresql://a")
            .is_empty()
    );
    world.cover(&both);
    let new = world.breakers.list(world.now).remove(0);
    assert_eq!(
        (new.state, new.trips),
        (State::Closed, 0),
        "after that it is another one"
    );
}

#[tokio::test(start_paused = true)]
async fn who_takes_a_name_over_keeps_its_series() {
    let mut world = World::new(&settings(&["shop"]), idle);
    world.cover(&[target("a", &["shop"])]);
    world.cover(&[target("b", &["shop"])]);
    world.trip("b");
    world.now += 3601 * SECOND;
    world.breakers.on_interval(world.now);
    assert!(!world.breakers.covers(&id("a")));
    for metric in ["trips_total", "slowdown", "rejected_readings_total"] {
        let lines = world.lines(&format!("circuit_breaker_{metric}{{database=\"shop\"}}"));
        assert_eq!(lines.len(), 1, "{metric}");
    }
}

#[tokio::test(start_paused = true)]
async fn names_follow_the_list_of_targets() {
    let world = World::new(&settings(&["shop"]), idle);
    let shops = [target("a", &["shop"]), target("b", &["shop"])];
    world.cover(&shops[..1]);
    assert_eq!(world.states(), [("shop".to_owned(), State::Closed)]);
    world.trip("a");
    world.cover(&shops);
    let (a, b) = (id("a").to_string(), id("b").to_string());
    assert_eq!(world.states(), [(a, State::Open), (b.clone(), State::Closed)]);
    assert!(world.lines("circuit_breaker_state{database=\"shop\"").is_empty());
    let reset = world.breakers.reset("shop", world.now).unwrap();
    assert_eq!(reset.len(), 2, "the key of both");
    let opened = world.breakers.open(&b, Some(10 * SECOND), world.now).unwrap();
    let until = Tick::from_unix_nanos(10_000_000_000);
    assert_eq!((opened[0].state, opened[0].until), (State::Open, Some(until)));
    assert_eq!((opened[0].reason, opened[0].trips), (Some(Reason::Manual), 0));
    assert_eq!(
        world.breakers.open("a:5432", None, world.now).unwrap()[0].until,
        None
    );
    let unknown = UnknownCircuit("production".into());
    assert_eq!(world.breakers.reset("production", world.now), Err(unknown));
    assert_eq!(world.breakers.health().open_circuits, 2);
    assert_eq!(world.breakers.health().total_trips, 1);
}

#[tokio::test(start_paused = true)]
async fn targets_that_are_not_covered_are_never_refused() {
    let world = World::new(&settings(&[]), idle);
    for _ in 0..20 {
        assert_eq!(world.read("a", Outcome::Failed { took: SECOND }), Ok(()));
    }
    assert!(world.breakers.at_ease(&id("a")));
    assert_eq!(world.breakers.deadline(&id("a"), &StreamId::of_server("s")), None);
}

#[tokio::test(start_paused = true)]
async fn a_process_without_memory_opens_all_and_they_are_tried_when_it_has_some() {
    static MEMORY: AtomicU64 = AtomicU64::new(0);
    let process = || ProcessUse {
        memory: Some(MEMORY.load(Relaxed)),
        memory_limit: Some(100),
        ..ProcessUse::default()
    };
    let settings = Settings {
        memory_threshold_percent: 80.0,
        ..settings(&[])
    };
    let mut world = World::new(&settings, process);
    world.cover(&[target("a", &[]), target("b", &[])]);
    for (memory, open, half) in [(80, 0, 0), (81, 2, 0), (73, 2, 0), (71, 0, 2)] {
        MEMORY.store(memory, Relaxed);
        world.breakers.on_interval(world.now);
        world.now += 60 * SECOND;
        let health = world.breakers.health();
        assert_eq!(
            (health.open_circuits, health.half_open_circuits),
            (open, half),
            "{memory}"
        );
    }
    (0..5).for_each(|_| world.read("a", GOOD).unwrap());
    assert_eq!(world.breakers.health().half_open_circuits, 1);
}

#[tokio::test(start_paused = true)]
async fn a_process_that_works_too_much_opens_all_and_they_are_tried_when_it_works_less() {
    static CPU_SECONDS: AtomicU64 = AtomicU64::new(0);
    let process = || ProcessUse {
        cpu: Duration::from_secs(CPU_SECONDS.load(Relaxed)),
        cpus: 1,
        ..ProcessUse::default()
    };
    let settings = Settings {
        cpu_threshold_percent: 80.0,
        memory_check_interval: ringwatch_config::Duration::from_secs(100),
        ..settings(&[])
    };
    let mut world = World::new(&settings, process);
    world.cover(&[target("a", &[]), target("b", &[])]);
    for (percent, open, half) in [(0, 0, 0), (80, 0, 0), (81, 2, 0), (73, 2, 0), (71, 0, 2)] {
        CPU_SECONDS.fetch_add(percent, Relaxed);
        world.breakers.on_interval(world.now);
        world.now += 100 * SECOND;
        let health = world.breakers.health();
        assert_eq!(
            (health.open_circuits, health.half_open_circuits),
            (open, half),
            "{percent}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn timeouts_are_learnt_for_each_stream_of_each_target() {
    let mut settings = settings(&[]);
    settings.adaptive_timeouts.enabled = true;
    let world = World::new(&settings, idle);
    world.cover(&[target("a", &[]), target("b", &[])]);
    (0..40).for_each(|_| world.read("a", GOOD).unwrap());
    world.breakers.on_interval(world.now);
    let timeout = world
        .breakers
        .deadline(&id("a"), &StreamId::of_server("s"))
        .unwrap();
    assert!(timeout >= 3 * SECOND && timeout < 4 * SECOND, "{timeout:?}");
    assert_eq!(world.breakers.deadline(&id("a"), &StreamId::of_server("t")), None);
    assert_eq!(world.breakers.deadline(&id("b"), &StreamId::of_server("s")), None);
    assert_eq!(world.lines("circuit_breaker_timeout_seconds").len(), 1);
}

#[tokio::test]
async fn a_restart_changes_nothing() {
    let directory = TempDir::new().unwrap();
    let (name, clock) = ("circuit_breaker", Clock::system());
    let targets = [target("a", &[]), target("b", &[])];
    for restart in 0..3 {
        let file = FileStore::new(directory.path().join("breaker.json"), name, clock.clone());
        let store: Arc<dyn StateStore> = Arc::new(file);
        let failures = prometheus::IntCounter::new("failures", "failures").unwrap();
        let mut parts = BreakerParts::new(clock.clone(), BreakerMetrics::new(&Registry::new()).unwrap());
        parts.remembered = recall(name, &store).await.unwrap_or_default();
        let (keeper, handle) = start_keeper(name, store, SECOND, failures);
        parts.keeper = Some(keeper);
        let now = Instant::now();
        let breakers = Breakers::new(name, &settings(&[]), parts, now);
        breakers.cover(&targets, now);
        if restart == 0 {
            (0..5).for_each(|_| read(&breakers, "a", Outcome::Failed { took: SECOND }, now).unwrap());
        }
        let list = breakers.list(now);
        assert_eq!((list[0].state, list[0].trips), (State::Open, 1), "{restart}");
        assert_eq!(list[0].reason, Some(Reason::FailuresInARow));
        assert_eq!(list[1].state, State::Closed);
        assert_eq!(read(&breakers, "a", GOOD, now), Err(Refused::Open));
        assert!(handle.stop(Instant::now() + 10 * SECOND).await);
    }
}

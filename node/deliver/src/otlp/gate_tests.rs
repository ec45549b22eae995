use std::sync::Arc;

use prometheus::Registry;
use tokio_util::task::TaskTracker;

use super::*;

const CONSUMERS: u32 = 20;

/// A backend in the time of the test: it asks for rest until it is `well`, and notes when requests came.
#[derive(Debug)]
struct Backend {
    start: Instant,
    well: Duration,
    told: Option<Duration>,
    requests: Mutex<Vec<Duration>>,
}

impl Backend {
    /// An answer takes a tenth of a second.
    async fn request(&self) -> Outcome {
        let at = self.start.elapsed();
        self.requests.lock().unwrap().push(at);
        tokio::time::sleep(Duration::from_millis(100)).await;
        if at < self.well {
            Outcome::Rest(self.told)
        } else {
            Outcome::Alive
        }
    }

    fn between(&self, from: f64, to: f64) -> usize {
        let requests = self.requests.lock().unwrap();
        let range = from..to;
        requests
            .iter()
            .filter(|at| range.contains(&at.as_secs_f64()))
            .count()
    }
}

struct World {
    gate: Arc<Gate>,
    backend: Arc<Backend>,
    stopping: CancellationToken,
    registry: Registry,
    consumers: TaskTracker,
}

/// Twenty consumers that send one request each, again and again until it is taken.
fn world(well: u64, told: Option<u64>) -> World {
    let retry = RetryOnFailure {
        randomization_factor: 0.0,
        initial_interval: ringwatch_config::Duration::from_secs(5),
        multiplier: 2.0,
        max_interval: ringwatch_config::Duration::from_secs(60),
        ..RetryOnFailure::default()
    };
    let registry = Registry::new();
    let stopping = CancellationToken::new();
    let metrics = CircuitMetrics::register("otlp", &registry).unwrap();
    let world = World {
        gate: Arc::new(Gate::new("otlp", &retry, metrics, stopping.clone())),
        backend: Arc::new(Backend {
            start: Instant::now(),
            well: Duration::from_secs(well),
            told: told.map(Duration::from_secs),
            requests: Mutex::default(),
        }),
        stopping,
        registry,
        consumers: TaskTracker::new(),
    };
    for _ in 0..CONSUMERS {
        let (gate, backend) = (Arc::clone(&world.gate), Arc::clone(&world.backend));
        world.consumers.spawn(async move {
            loop {
                let pass = gate.pass(None).await.unwrap();
                let outcome = backend.request().await;
                pass.ended(outcome);
                if outcome == Outcome::Alive {
                    return;
                }
            }
        });
    }
    world.consumers.close();
    world
}

impl World {
    fn metric(&self, name: &str) -> f64 {
        let families = self.registry.gather();
        let family = families.iter().find(|family| family.name() == name).unwrap();
        let metric = &family.get_metric()[0];
        metric.get_gauge().get_value() + metric.get_counter().get_value()
    }

    async fn at(&self, second: u64) {
        tokio::time::sleep_until(self.backend.start + Duration::from_secs(second)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_asks_for_rest_is_left_alone_by_all() {
    let world = world(65, Some(30));
    world.at(1).await;
    assert_eq!(world.gate.state(), CircuitState::Open);
    assert!((world.metric("ringwatch_exporter_circuit_state") - 1.0).abs() < 0.1);
    assert!((world.metric("ringwatch_exporter_rate_limited_total") - f64::from(CONSUMERS)).abs() < 0.1);
    world.consumers.wait().await;
    let backend = &world.backend;
    assert_eq!(backend.between(0.0, 0.05), 20, "those that were under way");
    assert_eq!(backend.between(0.05, 30.0), 0, "the told rest");
    assert_eq!(
        backend.between(30.0, 60.0),
        1,
        "the probe, which was told the same"
    );
    assert_eq!(backend.between(60.0, 90.0), 1, "and the next");
    assert_eq!(backend.between(90.0, 90.35), 1, "this one is taken");
    assert_eq!(backend.between(90.35, 91.0), 19, "then all go on");
    assert_eq!(world.gate.state(), CircuitState::Closed);
    assert!(world.metric("ringwatch_exporter_circuit_state").abs() < 0.1);
}

#[tokio::test(start_paused = true)]
async fn without_a_time_the_pauses_grow() {
    let world = world(70, None);
    world.consumers.wait().await;
    let backend = &world.backend;
    assert_eq!(backend.between(0.05, 5.0), 0);
    for (from, to) in [(5.0, 15.0), (15.0, 35.0), (35.0, 75.0), (75.0, 75.45)] {
        assert_eq!(backend.between(from, to), 1, "{from} to {to}");
    }
    assert_eq!(backend.requests.lock().unwrap().len(), 20 + 4 + 19);
}

#[tokio::test(start_paused = true)]
async fn who_stops_asks_now_and_then_all_the_same() {
    let world = world(100, Some(3000));
    world.at(50).await;
    world.stopping.cancel();
    world.at(52).await;
    let requests = world.backend.between(1.0, 52.0);
    assert!((3..=5).contains(&requests), "{requests} of one at a time");
    world.consumers.wait().await;
    assert!(world.backend.start.elapsed() < Duration::from_secs(103));
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_longer_than_the_batch_may() {
    let world = world(u64::MAX, Some(3000));
    world.at(10).await;
    let start = Instant::now();
    assert!(world.gate.pass(Some(Duration::from_secs(7))).await.is_none());
    assert_eq!(start.elapsed(), Duration::from_secs(7));
}

#[tokio::test(start_paused = true)]
async fn a_probe_whose_consumer_ends_makes_room() {
    let registry = Registry::new();
    let metrics = CircuitMetrics::register("otlp", &registry).unwrap();
    let retry = RetryOnFailure::default();
    let gate = Gate::new("otlp", &retry, metrics, CancellationToken::new());
    let first = gate.pass(None).await.unwrap();
    first.ended(Outcome::Rest(Some(Duration::from_secs(10))));
    let probe = gate.pass(None).await.unwrap();
    assert_eq!(gate.state(), CircuitState::HalfOpen);
    let second = gate.pass(None);
    tokio::pin!(second);
    let early = tokio::time::timeout(Duration::from_secs(60), second.as_mut()).await;
    assert!(early.is_err(), "one at a time");
    drop(probe);
    second.await.unwrap().ended(Outcome::Alive);
    assert_eq!(gate.state(), CircuitState::Closed);
}

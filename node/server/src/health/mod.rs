//! Whether the node is well: one JSON document on several paths.
//!
//! Live means that the process works. Ready means that every part is up, the queues accept and the pipelines
//! run. Neither ever asks a database: a dead one must not restart the node that reports it.

mod condition;
mod judge;
mod monitor;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use ringwatch_frame::Clock;
use ringwatch_pipeline::memory_limiter::process_rss;
use serde_json::{Map, Value, json};
use tokio::time::Instant;

pub(crate) use self::condition::{Condition, Status};
pub(crate) use self::judge::{Figures, Signs, When};
pub(crate) use self::monitor::{Monitor, Track};
use crate::own_metrics::cpu_seconds;
use crate::telemetry::timestamp;

/// The component for which the answer is no, or not quite, and why where it says so.
type Fault = (String, Option<String>);

type Probe = Box<dyn Fn() -> Condition + Send + Sync>;

/// What the health endpoint and the gRPC health service answer from.
#[derive(Clone)]
pub(crate) struct Health(Arc<Inner>);

struct Inner {
    clock: Clock,
    started: Instant,
    ready: AtomicBool,
    memory_limit_mib: Option<u64>,
    components: Mutex<Vec<(String, Probe)>>,
    processor: Mutex<(Instant, f64)>,
}

impl Health {
    /// A node that has just started and is not ready.
    pub(crate) fn new(clock: &Clock, started: Instant, memory_limit_mib: Option<u64>) -> Self {
        Self(Arc::new(Inner {
            clock: clock.clone(),
            started,
            ready: AtomicBool::new(false),
            memory_limit_mib,
            components: Mutex::default(),
            processor: Mutex::new((started, 0.0)),
        }))
    }

    /// Adds a component; `probe` is asked at every request and must answer at once.
    pub(crate) fn watch(
        &self,
        name: impl Into<String>,
        probe: impl Fn() -> Condition + Send + Sync + 'static,
    ) {
        lock(&self.0.components).push((name.into(), Box::new(probe)));
    }

    /// Whether all parts are up and none is stopping.
    pub(crate) fn set_ready(&self, ready: bool) {
        self.0.ready.store(ready, Ordering::Release);
    }

    /// The routes of the endpoint.
    pub(crate) fn router(&self) -> Router {
        let (root, whole) = (self.clone(), self.clone());
        let ready = self.clone();
        let live = self.clone();
        let health = get(move || std::future::ready(whole.answer(false)));
        let readiness = get(move || std::future::ready(ready.answer(true)));
        Router::new()
            // It is a liveness probe in many deployments: a backend that is away must not get the node
            // restarted, which holds what could not be delivered.
            .route(
                "/",
                get(move || std::future::ready((StatusCode::OK, root.answer(false).1))),
            )
            .route("/health", health)
            .route(
                "/health/live",
                get(move || std::future::ready((StatusCode::OK, Json(live.document(None))))),
            )
            .route("/health/ready", readiness.clone())
            .route("/ready", readiness)
    }

    fn answer(&self, readiness: bool) -> (StatusCode, Json<Value>) {
        let fault = self
            .first(Status::Unhealthy)
            .or_else(|| self.not_ready().filter(|_| readiness));
        let status = if fault.is_some() {
            StatusCode::SERVICE_UNAVAILABLE
        } else {
            StatusCode::OK
        };
        (status, Json(self.document(fault)))
    }

    fn first(&self, status: Status) -> Option<Fault> {
        let components = lock(&self.0.components);
        components.iter().find_map(|(name, probe)| {
            let condition = probe();
            (condition.status == status).then(|| (name.clone(), condition.reason))
        })
    }

    /// The first component that the node waits for, or the node itself while it starts or stops.
    fn not_ready(&self) -> Option<Fault> {
        let components = lock(&self.0.components);
        let waiting = components
            .iter()
            .find_map(|(name, probe)| Some((name.clone(), Some(probe().waiting?))));
        let node = || (!self.0.ready.load(Ordering::Acquire)).then(|| ("node".to_owned(), None));
        waiting.or_else(node)
    }

    /// The document; `fault` is why the answer is no.
    fn document(&self, fault: Option<Fault>) -> Value {
        let components: Map<String, Value> = lock(&self.0.components)
            .iter()
            .map(|(name, probe)| (name.clone(), probe().json()))
            .collect();
        let healthy = fault.is_none();
        let told = fault.or_else(|| self.first(Status::Degraded));
        let status = match (healthy, &told) {
            (false, _) => Status::Unhealthy,
            (true, Some(_)) => Status::Degraded,
            (true, None) => Status::Healthy,
        };
        let mut document = json!({
            "healthy": healthy,
            "status": status.as_str(),
            "timestamp": timestamp(&self.0.clock),
            "version": env!("CARGO_PKG_VERSION"),
            "uptime": self.0.started.elapsed().as_secs_f64(),
            "components": components,
            "resource_usage": {
                "memory_usage_mb": process_rss().map(|bytes| bytes / (1024 * 1024)),
                "memory_limit_mb": self.0.memory_limit_mib,
                "cpu_usage_percent": self.cpu_usage_percent(),
            },
        });
        if let (Some((component, reason)), Some(map)) = (told, document.as_object_mut()) {
            map.insert("component".into(), Value::from(component));
            map.extend(reason.map(|reason| ("reason".to_owned(), Value::from(reason))));
        }
        document
    }

    /// Share of one processor since the last question, or since the start.
    fn cpu_usage_percent(&self) -> Option<f64> {
        let used = cpu_seconds()?;
        let now = Instant::now();
        let (at, before) = std::mem::replace(&mut *lock(&self.0.processor), (now, used));
        let passed = now.duration_since(at).as_secs_f64();
        (passed > 0.0).then(|| (used - before).max(0.0) / passed * 100.0)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use ringwatch_frame::Tick;

    use super::*;

    fn health() -> Health {
        Health::new(
            &Clock::simulated(Tick::from_unix_nanos(0)),
            Instant::now(),
            Some(512),
        )
    }

    #[tokio::test]
    async fn a_node_is_ready_when_it_says_so_and_every_component_is_well() {
        let health = health();
        health.watch("exporters/otlp", || Condition::well(json!({ "queue": 3 })));
        let (status, Json(document)) = health.answer(true);
        assert_eq!((status.as_u16(), &document["component"]), (503, &json!("node")));
        assert_eq!(health.answer(false).0.as_u16(), 200);
        health.set_ready(true);
        let (status, Json(document)) = health.answer(true);
        assert_eq!((status.as_u16(), &document["status"]), (200, &json!("healthy")));
        assert_eq!(document["components"]["exporters/otlp"]["metrics"]["queue"], 3);
        assert_eq!(document["resource_usage"]["memory_limit_mb"], 512);
    }

    #[tokio::test]
    async fn the_first_sick_component_is_named() {
        let health = health();
        health.set_ready(true);
        health.watch("batch", || {
            Condition::well(Value::Null).because(Status::Degraded, "slow")
        });
        let (status, Json(document)) = health.answer(false);
        assert_eq!((status.as_u16(), &document["status"]), (200, &json!("degraded")));
        assert_eq!(
            (&document["component"], &document["healthy"]),
            (&json!("batch"), &json!(true))
        );
        health.watch("exporters/otlp", || {
            Condition::well(Value::Null).because(Status::Unhealthy, "stuck")
        });
        let (status, Json(document)) = health.answer(false);
        assert_eq!(status.as_u16(), 503);
        assert_eq!(
            (&document["status"], &document["component"], &document["reason"]),
            (&json!("unhealthy"), &json!("exporters/otlp"), &json!("stuck"))
        );
        let Json(live) = Json(health.document(None));
        assert_eq!(
            live["components"]["exporters/otlp"]["healthy"], false,
            "it is shown, not judged"
        );
    }

    #[tokio::test]
    async fn a_node_that_waits_for_others_is_well_and_not_ready() {
        let health = health();
        health.set_ready(true);
        health.watch("cluster", || {
            Condition::well(Value::Null).waiting(Some("waiting for seeds: a:1".into()))
        });
        assert_eq!(health.answer(false).0.as_u16(), 200);
        let (status, Json(document)) = health.answer(true);
        assert_eq!(status.as_u16(), 503);
        assert_eq!(
            (&document["component"], &document["reason"]),
            (&json!("cluster"), &json!("waiting for seeds: a:1"))
        );
    }
}

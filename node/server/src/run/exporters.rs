//! Exporters: started by name, each giving its outlets to the pipelines that name it.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context as _;
use futures::future::join_all;
use ringwatch_catalogue::Projections;
use ringwatch_cluster::pulse::Pulse;
use ringwatch_config::Settings;
use ringwatch_config::settings::{ComponentId, Exporter as ExporterSettings, Processor};
use ringwatch_deliver::{
    DebugHandle, ExporterStatus, OtlpHandle, OtlpOutlet, OtlpParts, PrometheusHandle, PrometheusOutlet,
    Signal, Standing, debug, start_otlp, start_prometheus,
};
use ringwatch_frame::{Batch, Clock};
use ringwatch_pipeline::Outlet;
use serde_json::json;
use tokio::time::Instant;

use super::own::Ground;
use super::watching::{Watching, sole};
use crate::health::{Figures, Signs, Status, When};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A running exporter.
enum Exporter {
    Otlp(Arc<OtlpHandle>),
    Prometheus(Arc<PrometheusHandle>),
    Debug(DebugHandle),
}

/// The exporters that pipelines name.
pub(super) struct Exporters(HashMap<String, Exporter>);

/// Gives an exporter's `accept` the shape that a pipeline knows.
struct Accepting<F>(F);

impl<F: Fn(Batch) + Send + Sync> Outlet for Accepting<F> {
    fn accept(&self, batch: Batch) {
        (self.0)(batch);
    }
}

impl Exporters {
    /// Where a pipeline of `signal` hands its batches to the exporter `name`.
    pub(super) fn outlet(&self, name: &ComponentId, signal: Signal) -> Option<Arc<dyn Outlet>> {
        Some(match self.0.get(&name.to_string())? {
            Exporter::Otlp(otlp) => {
                let outlet: OtlpOutlet = otlp.outlet(signal);
                Arc::new(Accepting(move |batch| outlet.accept(batch)))
            }
            Exporter::Prometheus(prometheus) => {
                let outlet: PrometheusOutlet = prometheus.outlet();
                Arc::new(Accepting(move |batch| outlet.accept(batch)))
            }
            Exporter::Debug(debug) => {
                let debug = debug.clone();
                Arc::new(Accepting(move |batch| debug.accept(signal, batch)))
            }
        })
    }

    /// Delivers what is queued until the deadline; all exporters at the same time.
    pub(super) async fn stop(self, deadline: Instant) {
        let stop = async |exporter| match exporter {
            Exporter::Otlp(otlp) => otlp.stop(deadline).await,
            Exporter::Prometheus(prometheus) => sole(prometheus).await.stop(deadline).await,
            Exporter::Debug(_) => {}
        };
        join_all(self.0.into_values().map(stop)).await;
    }
}

/// Nothing is sent after a pause before the node knows what others have taken over.
#[derive(Debug)]
struct ByPulse(Arc<Pulse>);

impl Standing for ByPulse {
    fn is_sure(&self) -> bool {
        self.0.knows_its_own()
    }
}

/// Starts every exporter that a pipeline names.
pub(super) async fn start_exporters(
    ground: Ground<'_>,
    projections: &Arc<Projections>,
    health: &Watching,
) -> anyhow::Result<Exporters> {
    let Ground {
        settings,
        clock,
        registry,
        pulse,
        ..
    } = ground;
    let mut started = HashMap::new();
    for id in settings
        .service
        .pipelines
        .values()
        .flat_map(|pipeline| &pipeline.exporters)
    {
        let name = id.to_string();
        if started.contains_key(&name) {
            continue;
        }
        let exporter = settings
            .exporters
            .get(id)
            .with_context(|| format!("exporter `{id}` is not defined"))?;
        let projections = Arc::clone(projections);
        let exporter = match exporter {
            ExporterSettings::Otlp(otlp) => {
                let handle = Arc::new(start_otlp(OtlpParts {
                    name: &name,
                    settings: otlp,
                    projections,
                    version: VERSION,
                    registry,
                    standing: Arc::new(ByPulse(Arc::clone(pulse))),
                    detect_rate_limits: detects_rate_limits(settings, id),
                })?);
                let status = Arc::clone(&handle);
                watch(health, clock, &name, move || status.status());
                Exporter::Otlp(handle)
            }
            ExporterSettings::Prometheus(prometheus) => {
                let handle = start_prometheus(&name, prometheus, projections, clock.clone()).await?;
                let handle = Arc::new(handle);
                let status = Arc::downgrade(&handle);
                watch(health, clock, &name, move || {
                    status.upgrade().map(|handle| handle.status()).unwrap_or_default()
                });
                Exporter::Prometheus(handle)
            }
            ExporterSettings::Debug(settings) => {
                let handle = debug(&name, settings, projections);
                let status = handle.clone();
                watch(health, clock, &name, move || status.status());
                Exporter::Debug(handle)
            }
        };
        started.insert(name, exporter);
    }
    Ok(Exporters(started))
}

/// Whether a breaker of a pipeline of the exporter says that the backend's words about rate limits count.
fn detects_rate_limits(settings: &Settings, exporter: &ComponentId) -> bool {
    let pipelines = settings.service.pipelines.values();
    let its = pipelines.filter(|pipeline| pipeline.exporters.contains(exporter));
    let mut processors = its.flat_map(|pipeline| &pipeline.processors);
    processors.any(|id| match settings.processors.get(id) {
        Some(Processor::CircuitBreaker(breaker)) => {
            breaker.newrelic_integration.enabled && breaker.newrelic_integration.detect_rate_limits
        }
        _ => false,
    })
}

/// An exporter is well while its queue takes batches and its backend takes what waits.
fn watch(
    health: &Watching,
    clock: &Clock,
    name: &str,
    status: impl Fn() -> ExporterStatus + Send + Sync + 'static,
) {
    let (clock, started) = (clock.clone(), Instant::now());
    health.watch(format!("exporters/{name}"), move || {
        let status = status();
        let when = When {
            clock: &clock,
            active: status.last_activity,
            did: status.last_success,
        };
        let metrics = json!({
            "accepts": status.queue.accepts,
            "queue_size": status.queue.waiting,
            "circuit_state": status.circuit.code(),
        });
        let condition = signs(&status, started).condition(&when, metrics);
        if status.queue.accepts {
            condition
        } else {
            condition.because(Status::Unhealthy, "the queue takes nothing more")
        }
    });
}

fn signs(status: &ExporterStatus, started: Instant) -> Signs {
    let queue = &status.queue;
    Signs {
        now: Figures {
            pending: queue.waiting,
            capacity: queue.capacity,
            oldest: (queue.frames > 0).then_some(queue.oldest),
            ..Figures::default()
        },
        undone: status.last_success.unwrap_or(started).elapsed(),
        recent: (status.failures, status.attempts),
        ..Signs::default()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_exporter_is_judged_by_what_it_wrote_and_what_waits() {
        let started = Instant::now();
        tokio::time::advance(Duration::from_secs(100)).await;
        let mut status = ExporterStatus {
            attempts: 10,
            failures: 1,
            ..ExporterStatus::default()
        };
        status.queue.waiting = 95;
        status.queue.capacity = 100;
        status.queue.oldest = Duration::from_secs(70);
        let idle = signs(&status, started);
        assert_eq!(
            (idle.now.oldest, idle.undone),
            (None, Duration::from_secs(100)),
            "nothing waits"
        );
        status.queue.frames = 1;
        assert_eq!(signs(&status, started).now.oldest, Some(Duration::from_secs(70)));
        status.last_success = Some(Instant::now());
        tokio::time::advance(Duration::from_secs(3)).await;
        let well = signs(&status, started);
        assert_eq!((well.undone, well.recent), (Duration::from_secs(3), (1, 10)));
        assert_eq!((well.now.pending, well.now.capacity), (95, 100));
    }
}

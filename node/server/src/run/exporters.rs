//! Exporters: started by name, each giving its outlets to the pipelines that name it.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::Context as _;
use futures::future::join_all;
use prometheus::Registry;
use ringwatch_catalogue::Projections;
use ringwatch_config::Settings;
use ringwatch_config::settings::{ComponentId, Exporter as ExporterSettings};
use ringwatch_deliver::{
    DebugHandle, OtlpHandle, OtlpOutlet, PrometheusHandle, PrometheusOutlet, Signal, debug, start_otlp,
    start_prometheus,
};
use ringwatch_frame::{Batch, Clock};
use ringwatch_pipeline::Outlet;
use serde_json::json;
use tokio::time::Instant;

use crate::health::{Condition, Health};

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// A running exporter.
enum Exporter {
    Otlp(Arc<OtlpHandle>),
    Prometheus(PrometheusHandle),
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
            Exporter::Prometheus(prometheus) => prometheus.stop(deadline).await,
            Exporter::Debug(_) => {}
        };
        join_all(self.0.into_values().map(stop)).await;
    }
}

/// Starts every exporter that a pipeline names.
pub(super) async fn start_exporters(
    settings: &Settings,
    projections: &Arc<Projections>,
    clock: &Clock,
    registry: &Registry,
    health: &Health,
) -> anyhow::Result<Exporters> {
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
                let handle = Arc::new(start_otlp(&name, otlp, projections, VERSION, registry)?);
                watch_queue(health, &name, &handle);
                Exporter::Otlp(handle)
            }
            ExporterSettings::Prometheus(prometheus) => {
                Exporter::Prometheus(start_prometheus(&name, prometheus, projections, clock.clone()).await?)
            }
            ExporterSettings::Debug(settings) => Exporter::Debug(debug(&name, settings, projections)),
        };
        started.insert(name, exporter);
    }
    Ok(Exporters(started))
}

/// An exporter is well while its queue takes batches.
fn watch_queue(health: &Health, name: &str, handle: &Arc<OtlpHandle>) {
    let handle = Arc::clone(handle);
    health.watch(format!("exporters/{name}"), move || {
        let accepts = handle.accepts();
        Condition {
            healthy: accepts,
            waiting: None,
            metrics: json!({ "accepts": accepts }),
        }
    });
}

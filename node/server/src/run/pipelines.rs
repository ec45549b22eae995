//! Pipelines: processors in the order of the configuration, between the collector and the exporters.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use futures::future::join_all;
use prometheus::Registry;
use ringwatch_catalogue::Projections;
use ringwatch_config::Settings;
use ringwatch_config::settings::{ComponentId, Processor as ProcessorSettings};
use ringwatch_deliver::Signal;
use ringwatch_frame::Books;
use ringwatch_pipeline::{
    AttributesProcessor, BatchProcessor, MemoryLimiter, PipelineHandle, PipelineMetrics, Processor, Resolver,
    ResourceProcessor, start_pipeline,
};
use serde_json::json;
use tokio::time::Instant;

use super::exporters::Exporters;
use super::router::Ways;
use crate::health::{Condition, Health};

/// Frames that wait before the first processor. Processors do not wait, so more would only hide that they are slow.
pub(super) const INPUT_FRAMES: usize = 1024;

/// The running pipelines.
pub(super) struct Pipelines(Vec<PipelineHandle>);

impl Pipelines {
    /// Lets what is inside go through, and flushes the processors.
    pub(super) async fn stop(self, deadline: Instant) {
        for ended in join_all(self.0.into_iter().map(|pipeline| pipeline.stop(deadline))).await {
            if let Err(error) = ended {
                tracing::error!(%error, "a pipeline did not end well");
            }
        }
    }
}

/// Starts every pipeline. Also gives the ways that frames may take, by receiver.
pub(super) fn start_pipelines(
    settings: &Settings,
    exporters: &Exporters,
    projections: &Arc<Projections>,
    books: &Arc<Books>,
    registry: &Registry,
    health: &Health,
) -> anyhow::Result<(Pipelines, HashMap<String, Ways>)> {
    let metrics = PipelineMetrics::new(registry)?;
    let mut running = Vec::new();
    let mut ways: HashMap<String, Ways> = HashMap::new();
    for (id, pipeline) in &settings.service.pipelines {
        let signal = signal_of(id)?;
        let processors = pipeline
            .processors
            .iter()
            .map(|name| processor(settings, name, projections, books, &metrics))
            .collect::<anyhow::Result<Vec<_>>>()?;
        let outlets = pipeline
            .exporters
            .iter()
            .map(|name| {
                exporters
                    .outlet(name, signal)
                    .with_context(|| format!("exporter `{name}` is not defined"))
            })
            .collect::<anyhow::Result<Vec<_>>>()?;
        let (input, handle) = start_pipeline(&id.to_string(), processors, outlets, INPUT_FRAMES, &metrics)?;
        let alive = input.clone();
        health.watch(format!("pipelines/{id}"), move || {
            let running = alive.is_running();
            Condition {
                healthy: running,
                waiting: None,
                metrics: json!({ "waiting_frames": alive.waiting() }),
            }
        });
        for receiver in &pipeline.receivers {
            ways.entry(receiver.to_string())
                .or_default()
                .add(signal, input.clone());
        }
        running.push(handle);
    }
    Ok((Pipelines(running), ways))
}

/// What a pipeline of this name carries.
pub(super) fn signal_of(pipeline: &ComponentId) -> anyhow::Result<Signal> {
    match pipeline.kind.as_str() {
        "metrics" => Ok(Signal::Metrics),
        "logs" => Ok(Signal::Logs),
        other => bail!("pipeline `{pipeline}`: `{other}` is no signal"),
    }
}

fn processor(
    settings: &Settings,
    id: &ComponentId,
    projections: &Arc<Projections>,
    books: &Arc<Books>,
    metrics: &PipelineMetrics,
) -> anyhow::Result<Box<dyn Processor>> {
    let name = id.to_string();
    let found = settings
        .processors
        .get(id)
        .with_context(|| format!("processor `{id}` is not defined"))?;
    Ok(match found {
        ProcessorSettings::MemoryLimiter(settings) => {
            Box::new(MemoryLimiter::new(&name, settings, books, metrics)?)
        }
        ProcessorSettings::Resource(settings) => Box::new(ResourceProcessor::new(&name, settings)?),
        ProcessorSettings::Attributes(settings) => {
            Box::new(AttributesProcessor::new(&name, settings, resolver(projections))?)
        }
        ProcessorSettings::Batch(settings) => Box::new(BatchProcessor::new(&name, settings, metrics)?),
    })
}

/// Attributes by the names under which they go out.
fn resolver(projections: &Arc<Projections>) -> Resolver {
    let projections = Arc::clone(projections);
    Arc::new(move |source, stream, key| projections.get(source, stream)?.column_of(key).map(Arc::from))
}

#[cfg(test)]
mod tests {
    use ringwatch_catalogue::{Catalogue, Projection};

    use super::*;

    #[test]
    fn the_catalogue_s_attributes_are_found_by_the_names_under_which_they_go_out() {
        let catalogue = Catalogue::embedded().unwrap();
        let engine = catalogue.engine("postgresql").unwrap();
        let mut projections = Projections::default();
        for stream in &engine.streams {
            let projection = Projection::of(&engine.engine, stream, |_| true);
            projections.insert("postgresql/a", &stream.name, projection);
        }
        let resolve = resolver(&Arc::new(projections));
        for (source, stream, key, column) in [
            ("postgresql/a", "statements", "db.query.text", Some("query_text")),
            ("postgresql/a", "statements", "db.namespace", Some("datname")),
            ("postgresql/a", "activity", "user.name", Some("usename")),
            ("postgresql/a", "databases", "db.namespace", Some("datname")),
            ("postgresql/a", "databases", "db.query.text", None),
            ("postgresql/a", "nothing", "db.namespace", None),
            ("postgresql/b", "activity", "user.name", None),
        ] {
            let found = resolve(source, &format!("postgresql.{stream}"), key);
            assert_eq!(found.as_deref(), column, "{source} {stream} {key}");
        }
    }
}

//! Pipelines: processors in the order of the configuration, between the collector and the exporters.

use std::collections::HashMap;
use std::sync::Arc;

use anyhow::{Context as _, bail};
use futures::future::join_all;
use prometheus::Registry;
use ringwatch_config::Settings;
use ringwatch_config::settings::{ComponentId, Processor as ProcessorSettings};
use ringwatch_deliver::Signal;
use ringwatch_frame::Books;
use ringwatch_pipeline::{
    AttributesProcessor, BatchProcessor, MemoryLimiter, PipelineHandle, PipelineMetrics, Processor,
    ResourceProcessor, start_pipeline,
};
use serde_json::json;
use tokio::time::Instant;

use super::exporters::Exporters;
use super::router::Ways;
use crate::health::{Condition, Health};

/// Frames that wait before the first processor. Processors do not wait, so more would only hide that they are slow.
const INPUT_FRAMES: usize = 1024;

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
            .map(|name| processor(settings, name, books, &metrics))
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
        ProcessorSettings::Attributes(settings) => Box::new(AttributesProcessor::new(&name, settings)?),
        ProcessorSettings::Batch(settings) => Box::new(BatchProcessor::new(&name, settings, metrics)?),
    })
}

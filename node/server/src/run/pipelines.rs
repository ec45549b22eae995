//! Pipelines: processors in the order of the configuration, between the collector and the exporters.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use futures::future::join_all;
use ringwatch_config::Settings;
use ringwatch_config::settings::{ComponentId, Pipeline, Processor as ProcessorSettings};
use ringwatch_deliver::Signal;
use ringwatch_pipeline::circuit_breaker::Breakers;
use ringwatch_pipeline::verification::VerificationControl;
use ringwatch_pipeline::{PipelineHandle, PipelineInput, PlanExtractor, start_pipeline};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::exporters::Exporters;
use super::processors::Processors;
use super::router::Ways;
use super::watching::Watching;
use crate::extensions::Pipe;
use crate::health::{Condition, Figures, Status};

/// Frames that wait before the first processor. Processors do not wait, so more would only hide that they are
/// slow.
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

/// Starts every pipeline. Also gives the ways that frames may take, by receiver, and the pipelines as pages
/// show them.
pub(super) fn start_pipelines(
    settings: &Settings,
    exporters: &Exporters,
    processors: &Processors,
    health: &mut Watching,
) -> anyhow::Result<(Pipelines, HashMap<String, Ways>, Vec<Pipe>)> {
    let mut running = Vec::new();
    let mut pipes = Vec::new();
    let mut ways: HashMap<String, Ways> = HashMap::new();
    let mut users = Users::new();
    for (id, pipeline) in &settings.service.pipelines {
        let signal = signal_of(id)?;
        let stages = pipeline.processors.iter();
        let stages = stages.map(|name| processors.processor(settings, name, id, signal));
        let stages = stages.collect::<anyhow::Result<Vec<_>>>()?;
        let outlet = |name: &ComponentId| {
            let outlet = exporters.outlet(name, signal);
            outlet.with_context(|| format!("exporter `{name}` is not defined"))
        };
        let outlets = pipeline.exporters.iter().map(outlet);
        let outlets = outlets.collect::<anyhow::Result<Vec<_>>>()?;
        let name = id.to_string();
        let (input, handle) = start_pipeline(&name, stages, outlets, INPUT_FRAMES, processors.metrics())?;
        watch_pipeline(health, &name, &input);
        for receiver in &pipeline.receivers {
            let way = ways.entry(receiver.to_string()).or_default();
            way.add(signal, input.clone());
        }
        for processor in &pipeline.processors {
            let user = (name.clone(), input.clone());
            users.entry(processor).or_default().push(user);
        }
        pipes.push(pipe(&name, pipeline, &input, processors));
        running.push(handle);
    }
    for (processor, users) in users {
        watch_processor(health, settings, processors, processor, users);
    }
    Ok((Pipelines(running), ways, pipes))
}

/// The pipelines in which a processor is, by processor.
type Users<'a> = BTreeMap<&'a ComponentId, Vec<(String, PipelineInput)>>;

fn pipe(name: &str, pipeline: &Pipeline, input: &PipelineInput, processors: &Processors) -> Pipe {
    let names = |ids: &[ComponentId]| ids.iter().map(ToString::to_string).collect();
    let input = input.clone();
    Pipe {
        name: name.to_owned(),
        receivers: names(&pipeline.receivers),
        processors: names(&pipeline.processors),
        exporters: names(&pipeline.exporters),
        waiting: Arc::new(move || input.waiting()),
        metrics: processors.metrics().clone(),
    }
}

/// A pipeline is well while it takes frames.
fn watch_pipeline(health: &Watching, name: &str, input: &PipelineInput) {
    let input = input.clone();
    health.watch(format!("pipelines/{name}"), move || {
        let condition = Condition::well(json!({ "waiting_frames": input.waiting() }));
        if input.is_running() {
            condition
        } else {
            condition.because(Status::Unhealthy, "the pipeline has ended")
        }
    });
}

/// A processor is well while it takes what waits before it.
fn watch_processor(
    health: &mut Watching,
    settings: &Settings,
    processors: &Processors,
    id: &ComponentId,
    users: Vec<(String, PipelineInput)>,
) {
    let name = id.to_string();
    let metrics = processors.metrics().clone();
    let rows = move |name: &str, pipelines: &[(String, PipelineInput)]| {
        let rows = pipelines.iter().map(|(pipeline, _)| metrics.rows(name, pipeline));
        rows.fold((0, 0), |sum: (u64, u64), (into, out)| (sum.0 + into, sum.1 + out))
    };
    let (read, watched, of) = (rows.clone(), users.clone(), name.clone());
    let track = health.track(move || Figures {
        done: read(&of, &watched).0,
        due: watched
            .iter()
            .any(|(_, input)| input.waiting() > 0)
            .then_some(std::time::Duration::ZERO),
        ..Figures::default()
    });
    let own = own_metrics(settings, processors, id);
    let faults = own_faults(settings, processors, id);
    health.watch(name.clone(), move || {
        let (rows_in, rows_out) = rows(&name, &users);
        let mut metrics = json!({ "rows_in": rows_in, "rows_out": rows_out });
        if let (Value::Object(all), Value::Object(own)) = (&mut metrics, own()) {
            all.extend(own);
        }
        let condition = track.condition(metrics);
        let faults = faults();
        if !users.iter().all(|(_, input)| input.is_running()) {
            condition.because(Status::Unhealthy, "a pipeline of it has ended")
        } else if faults.is_empty() {
            condition
        } else {
            condition.because(Status::Degraded, faults.join("; "))
        }
    });
}

/// What is not well with a processor by its own account.
fn own_faults(
    settings: &Settings,
    processors: &Processors,
    id: &ComponentId,
) -> Box<dyn Fn() -> Vec<String> + Send + Sync> {
    match settings.processors.get(id) {
        Some(ProcessorSettings::Verification(_)) => {
            let verification = processors.verification(&id.to_string());
            Box::new(move || {
                verification
                    .as_ref()
                    .map_or_else(Vec::new, |own| own.status().faults)
            })
        }
        _ => Box::new(Vec::new),
    }
}

/// What a processor says of itself.
fn own_metrics(
    settings: &Settings,
    processors: &Processors,
    id: &ComponentId,
) -> Box<dyn Fn() -> Value + Send + Sync> {
    let name = id.to_string();
    match settings.processors.get(id) {
        Some(ProcessorSettings::AdaptiveSampler(_)) => {
            let sampler = processors.sampler(&name);
            Box::new(move || {
                let Some(status) = sampler.as_ref().map(ringwatch_pipeline::SamplerControl::status) else {
                    return Value::Null;
                };
                // A share, as spec 001 shows it; the settings are in percent.
                json!({
                    "cache_size": status.cache_size,
                    "sample_rate": status.current_rate / 100.0,
                    "state_fault": status.store.and_then(|store| store.fault),
                })
            })
        }
        Some(ProcessorSettings::CircuitBreaker(_)) => {
            let breakers = processors.breakers().get(&name).cloned();
            Box::new(move || {
                let health = breakers.as_deref().map(Breakers::health).unwrap_or_default();
                json!({
                    "circuits": health.circuits,
                    "open_circuits": health.open_circuits,
                    "half_open_circuits": health.half_open_circuits,
                    "total_trips": health.total_trips,
                })
            })
        }
        Some(ProcessorSettings::RateLimiter(_)) => {
            let limits = processors.limits().get(&name).cloned();
            Box::new(move || {
                let rate = limits
                    .as_ref()
                    .map(|limits| limits.rejection_rate(Instant::now()));
                json!({ "rejection_rate": rate })
            })
        }
        Some(ProcessorSettings::PlanExtractor(_)) => {
            let extractor = processors.extractor(&name);
            Box::new(move || {
                let Some(status) = extractor.as_ref().map(PlanExtractor::status) else {
                    return Value::Null;
                };
                json!({
                    "cached_plans": status.cached,
                    "cache_bytes": status.cached_bytes,
                    "cache_hit_rate": status.hit_rate,
                    "p99_latency_ms": status.p99_ms,
                    "rejected": status.rejected,
                })
            })
        }
        Some(ProcessorSettings::Verification(_)) => {
            let verification = processors.verification(&name);
            Box::new(move || {
                let Some(status) = verification.as_ref().map(VerificationControl::status) else {
                    return Value::Null;
                };
                json!({
                    "quality_score": status.lowest_quality.map(|(_, score)| score),
                    "findings": status.findings,
                    "anomalies": status.anomalies,
                    "fixes": status.fixes.0,
                    "slowest_ms": status.slowest_ms,
                })
            })
        }
        _ => Box::new(|| Value::Null),
    }
}

/// What a pipeline of this name carries.
pub(super) fn signal_of(pipeline: &ComponentId) -> anyhow::Result<Signal> {
    match pipeline.kind.as_str() {
        "metrics" => Ok(Signal::Metrics),
        "logs" => Ok(Signal::Logs),
        other => bail!("pipeline `{pipeline}`: `{other}` is no signal"),
    }
}

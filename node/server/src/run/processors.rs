//! Processors: those that several pipelines name are one, and what they remember is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures::future::join_all;
use prometheus::{IntCounterVec, Opts, Registry};
use ringwatch_catalogue::Projections;
use ringwatch_config::Settings;
use ringwatch_config::settings::{
    CircuitBreaker, ComponentId, Processor as ProcessorSettings, RateLimiter, StateBackend,
};
use ringwatch_deliver::Signal;
use ringwatch_frame::{Books, Clock};
use ringwatch_pipeline::circuit_breaker::{BreakerMetrics, BreakerParts, Breakers, CircuitListener};
use ringwatch_pipeline::rate_limiter::{LimiterMetrics, Limits};
use ringwatch_pipeline::store::{FileStore, KeeperHandle, StateStore, recall, start_keeper};
use ringwatch_pipeline::verification::{Verification, VerificationControl, VerificationMetrics};
use ringwatch_pipeline::{
    AdaptiveSampler, AttributesProcessor, BatchProcessor, CircuitBreakerProcessor, MemoryLimiter,
    PipelineMetrics, PlanExtractor, PlanMetrics, Processor, RateLimiterProcessor, ResourceProcessor,
    SamplerControl, SamplerMetrics, TransformProcessor, adaptive_sampler, transform, verification,
};
use tokio::time::Instant;

use super::columns;

/// The state of a breaker is written at most so often.
const SAVE_EVERY: Duration = Duration::from_secs(1);

/// What the processors of all pipelines share.
pub(super) struct Processors {
    projections: Arc<Projections>,
    books: Arc<Books>,
    clock: Clock,
    metrics: PipelineMetrics,
    samplers: BTreeMap<String, AdaptiveSampler>,
    breakers: BTreeMap<String, Arc<Breakers>>,
    limits: BTreeMap<String, Arc<Limits>>,
    extractors: BTreeMap<String, PlanExtractor>,
    verifications: BTreeMap<String, Verification>,
    keepers: Vec<KeeperHandle>,
}

/// Writes down what processors remember, until it is stopped.
pub(super) struct Keepers(Vec<KeeperHandle>);

impl Keepers {
    /// Writes for the last time.
    pub(super) async fn stop(self, deadline: Instant) {
        let ended = join_all(self.0.into_iter().map(|keeper| keeper.stop(deadline))).await;
        if ended.contains(&false) {
            tracing::warn!("the state of a processor could not be written before the node stopped");
        }
    }
}

/// Makes what the pipelines' processors share, and reads what they remembered. `listener` hears of circuits.
pub(super) async fn start_processors(
    settings: &Settings,
    projections: &Arc<Projections>,
    books: &Arc<Books>,
    clock: &Clock,
    registry: &Registry,
    listener: Option<&Arc<dyn CircuitListener>>,
) -> anyhow::Result<Processors> {
    let mut processors = Processors {
        projections: Arc::clone(projections),
        books: Arc::clone(books),
        clock: clock.clone(),
        metrics: PipelineMetrics::new(registry)?,
        samplers: BTreeMap::new(),
        breakers: BTreeMap::new(),
        limits: BTreeMap::new(),
        extractors: BTreeMap::new(),
        verifications: BTreeMap::new(),
        keepers: Vec::new(),
    };
    let samplers = SamplerMetrics::new(registry)?;
    let breakers = BreakerMetrics::new(registry)?;
    let limits = LimiterMetrics::new(registry)?;
    let plans = PlanMetrics::new(registry)?;
    let verifications = VerificationMetrics::new(registry)?;
    let unwritten = IntCounterVec::new(
        Opts::new(
            "circuit_breaker_state_save_failures_total",
            "How often the state of a breaker could not be written",
        ),
        &["processor"],
    )?;
    registry.register(Box::new(unwritten.clone()))?;
    let named = settings
        .service
        .pipelines
        .values()
        .flat_map(|pipeline| &pipeline.processors);
    for id in named.collect::<BTreeSet<_>>() {
        let name = id.to_string();
        match settings.processors.get(id) {
            Some(ProcessorSettings::AdaptiveSampler(settings)) => {
                let store = adaptive_sampler::store(&name, settings, clock);
                let resolver = columns::resolver(projections);
                let started = AdaptiveSampler::start(&name, settings, resolver, &samplers, store).await;
                let (sampler, keeper) = started?;
                processors.samplers.insert(name, sampler);
                processors.keepers.extend(keeper);
            }
            Some(ProcessorSettings::CircuitBreaker(settings)) => {
                let mut parts = BreakerParts::new(clock.clone(), breakers.clone());
                parts.listener = listener.cloned();
                processors.add_breakers(name, settings, parts, &unwritten).await;
            }
            Some(ProcessorSettings::RateLimiter(settings)) => {
                processors.add_limits(name, settings, limits.clone());
            }
            Some(ProcessorSettings::PlanExtractor(settings)) => {
                let extractor = PlanExtractor::new(&name, settings, &plans);
                processors.extractors.insert(name, extractor);
            }
            Some(ProcessorSettings::Verification(settings)) => {
                let store = verification::store(&name, settings, clock);
                let resolver = columns::resolver(projections);
                let started =
                    Verification::start(&name, settings, resolver, &verifications, store, clock).await;
                let (verification, keeper) = started?;
                processors.verifications.insert(name, verification);
                processors.keepers.extend(keeper);
            }
            _ => {}
        }
    }
    Ok(processors)
}

impl Processors {
    async fn add_breakers(
        &mut self,
        name: String,
        settings: &CircuitBreaker,
        mut parts: BreakerParts,
        unwritten: &IntCounterVec,
    ) {
        if settings.state_backend == StateBackend::File {
            let store: Arc<dyn StateStore> =
                Arc::new(FileStore::new(&settings.state_file, &name, self.clock.clone()));
            parts.remembered = recall(&name, &store).await.unwrap_or_default();
            let failures = unwritten.with_label_values(&[&name]);
            let (keeper, handle) = start_keeper(&name, store, SAVE_EVERY, failures);
            parts.keeper = Some(keeper);
            self.keepers.push(handle);
        }
        let breakers = Breakers::new(&name, settings, parts, Instant::now());
        self.breakers.insert(name, Arc::new(breakers));
    }

    fn add_limits(&mut self, name: String, settings: &RateLimiter, metrics: LimiterMetrics) {
        let limits = Limits::new(&name, settings, self.clock.clone(), metrics, Instant::now());
        self.limits.insert(name, Arc::new(limits));
    }

    /// The metrics of all pipelines.
    pub(super) fn metrics(&self) -> &PipelineMetrics {
        &self.metrics
    }

    /// The samplers, to be looked at and changed.
    pub(super) fn samplers(&self) -> Vec<SamplerControl> {
        self.samplers.values().map(AdaptiveSampler::control).collect()
    }

    /// The sampler of this name.
    pub(super) fn sampler(&self, name: &str) -> Option<SamplerControl> {
        self.samplers.get(name).map(AdaptiveSampler::control)
    }

    /// The breakers by name.
    pub(super) fn breakers(&self) -> &BTreeMap<String, Arc<Breakers>> {
        &self.breakers
    }

    /// The limits by name.
    pub(super) fn limits(&self) -> &BTreeMap<String, Arc<Limits>> {
        &self.limits
    }

    /// The extractor of plans of this name.
    pub(super) fn extractor(&self, name: &str) -> Option<PlanExtractor> {
        self.extractors.get(name).cloned()
    }

    /// What verification found, to be looked at and judged.
    pub(super) fn verifications(&self) -> Vec<VerificationControl> {
        self.verifications.values().map(Verification::control).collect()
    }

    /// The verification of this name.
    pub(super) fn verification(&self, name: &str) -> Option<VerificationControl> {
        self.verifications.get(name).map(Verification::control)
    }

    /// What writes down what they remember; it is to be stopped after the pipelines.
    pub(super) fn keepers(self) -> Keepers {
        Keepers(self.keepers)
    }

    /// The processor `id` at work in `pipeline`.
    pub(super) fn processor(
        &self,
        settings: &Settings,
        id: &ComponentId,
        pipeline: &ComponentId,
        signal: Signal,
    ) -> anyhow::Result<Box<dyn Processor>> {
        let name = id.to_string();
        let missing = || format!("processor `{id}` is not defined");
        let found = settings.processors.get(id).with_context(missing)?;
        let metrics = &self.metrics;
        Ok(match found {
            ProcessorSettings::MemoryLimiter(settings) => {
                Box::new(MemoryLimiter::new(&name, settings, &self.books, metrics)?)
            }
            ProcessorSettings::Resource(settings) => Box::new(ResourceProcessor::new(&name, settings)?),
            ProcessorSettings::Attributes(settings) => {
                let resolver = columns::resolver(&self.projections);
                Box::new(AttributesProcessor::new(&name, settings, resolver)?)
            }
            ProcessorSettings::Transform(settings) => {
                let lookup = columns::lookup(&self.projections);
                let signal = match signal {
                    Signal::Metrics => transform::Signal::Metrics,
                    Signal::Logs => transform::Signal::Logs,
                };
                let clock = self.clock.clone();
                Box::new(TransformProcessor::new(
                    &name, settings, signal, lookup, clock, metrics,
                )?)
            }
            ProcessorSettings::AdaptiveSampler(_) => {
                let sampler = self.samplers.get(&name).with_context(missing)?;
                Box::new(sampler.processor(&pipeline.to_string()))
            }
            ProcessorSettings::CircuitBreaker(_) => Box::new(CircuitBreakerProcessor::new(&name)),
            ProcessorSettings::RateLimiter(_) => {
                let limits = self.limits.get(&name).with_context(missing)?;
                Box::new(RateLimiterProcessor::new(Arc::clone(limits)))
            }
            ProcessorSettings::PlanExtractor(_) => {
                Box::new(self.extractors.get(&name).with_context(missing)?.processor())
            }
            ProcessorSettings::Verification(_) => {
                let verification = self.verifications.get(&name).with_context(missing)?;
                Box::new(verification.processor(&pipeline.to_string()))
            }
            ProcessorSettings::Batch(settings) => Box::new(BatchProcessor::new(&name, settings, metrics)?),
        })
    }
}

//! Metrics of pipelines. Several pipelines share a family; whoever comes first registers it.

use prometheus::core::Collector;
use prometheus::{Error, HistogramVec, IntCounterVec, Opts, Registry, histogram_opts};

use crate::PipelineError;

/// A counter family; pipelines that share a registry each hold one that is registered under its own labels.
pub(crate) fn counters(
    registry: &Registry,
    (name, help): (&str, &str),
    constant: &[(&str, &str)],
    labels: &[&str],
) -> Result<IntCounterVec, PipelineError> {
    let mut opts = Opts::new(name, help);
    for (key, value) in constant {
        opts = opts.const_label(*key, *value);
    }
    let made = IntCounterVec::new(opts, labels);
    register(registry, constant, made)
}

/// A histogram family, in the same way.
pub(crate) fn histograms(
    registry: &Registry,
    (name, help): (&str, &str),
    constant: &[(&str, &str)],
    buckets: Vec<f64>,
) -> Result<HistogramVec, PipelineError> {
    let mut opts = histogram_opts!(name, help, buckets);
    for (key, value) in constant {
        opts = opts.const_label(*key, *value);
    }
    let made = HistogramVec::new(opts, &[]);
    register(registry, constant, made)
}

fn register<C: Collector + Clone + 'static>(
    registry: &Registry,
    constant: &[(&str, &str)],
    made: Result<C, Error>,
) -> Result<C, PipelineError> {
    let whose = || {
        constant
            .iter()
            .map(|(_, value)| *value)
            .collect::<Vec<_>>()
            .join("/")
    };
    let metric = made.map_err(|error| PipelineError::Metric(whose(), error))?;
    match registry.register(Box::new(metric.clone())) {
        Ok(()) => Ok(metric),
        Err(error) => Err(PipelineError::Metric(whose(), error)),
    }
}

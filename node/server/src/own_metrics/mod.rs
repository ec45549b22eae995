//! The node's own metrics, on `:8888/metrics`.

mod admin;
mod books;
mod http;
mod process;

use prometheus::Registry;
use prometheus::proto::{Counter, Gauge, LabelPair, Metric, MetricFamily, MetricType};

pub(crate) use admin::Admin;
pub(crate) use books::BooksMetrics;
pub(crate) use http::{Served, listen, start_metrics_server};
pub(crate) use process::{ProcessMetrics, cpu_seconds};

/// Registers `collector`. A name that is taken is a defect, which every start shows.
pub(crate) fn register(
    registry: &Registry,
    collector: impl prometheus::core::Collector + 'static,
) -> anyhow::Result<()> {
    registry.register(Box::new(collector)).map_err(Into::into)
}

/// The labels of a sample and its value.
type Sample<'a> = (Vec<(&'a str, &'a str)>, f64);

/// A family of counters or gauges from values that are kept elsewhere.
fn family(name: &str, help: &str, kind: MetricType, samples: Vec<Sample<'_>>) -> MetricFamily {
    let metric = |(labels, value): Sample<'_>| {
        let pair = |(name, value): (&str, &str)| {
            let mut pair = LabelPair::default();
            pair.set_name(name.to_owned());
            pair.set_value(value.to_owned());
            pair
        };
        let mut metric = Metric::from_label(labels.into_iter().map(pair).collect());
        if kind == MetricType::COUNTER {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
        metric
    };
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(samples.into_iter().map(metric).collect());
    family
}

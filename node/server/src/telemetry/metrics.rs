//! The node's own metrics over OTLP: what `/metrics` shows, as observable instruments.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Meter, MeterProvider as _};
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use prometheus::Registry;
use prometheus::proto::{Metric, MetricFamily, MetricType};
use ringwatch_config::settings::{MetricLevel, MetricTelemetry};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

use super::otlp::{SCOPE, metric_exporter, resource};

/// How often it is looked for families that have appeared since: one appears with its first sample.
const LOOK: Duration = Duration::from_secs(2);
/// The instruments of one export share what was gathered within this time.
const FRESH: Duration = Duration::from_millis(500);

/// The readers that send the node's own metrics.
pub(crate) struct MetricReaders {
    provider: SdkMeterProvider,
    _follower: AbortOnDropHandle<()>,
}

impl MetricReaders {
    /// Sends for the last time. The SDK blocks while it does.
    pub(crate) async fn stop(self) {
        let provider = self.provider;
        let last =
            tokio::task::spawn_blocking(move || provider.shutdown_with_timeout(Duration::from_secs(2)));
        if let Ok(Err(error)) = last.await {
            tracing::warn!(%error, "the node's own metrics could not be sent for the last time");
        }
    }
}

/// Sends the metrics of `registry` wherever a reader is configured, also families that appear later.
pub(crate) fn start_metric_readers(
    settings: &MetricTelemetry,
    registry: &Registry,
) -> anyhow::Result<Option<MetricReaders>> {
    if settings.readers.is_empty() || settings.level == MetricLevel::None {
        return Ok(None);
    }
    let mut builder = SdkMeterProvider::builder().with_resource(resource());
    for entry in &settings.readers {
        let exporter = metric_exporter(&entry.periodic.exporter.otlp)?;
        let interval = Duration::from_millis(entry.periodic.interval);
        builder = builder.with_reader(PeriodicReader::builder(exporter).with_interval(interval).build());
    }
    let provider = builder.build();
    let mut bridge = Bridge {
        meter: provider.meter(SCOPE),
        families: Families {
            registry: registry.clone(),
            last: Arc::default(),
        },
        known: HashSet::new(),
    };
    let follower = tokio::spawn(async move {
        loop {
            bridge.extend();
            tokio::time::sleep(LOOK).await;
        }
    });
    Ok(Some(MetricReaders {
        provider,
        _follower: AbortOnDropHandle::new(follower),
    }))
}

/// What was gathered, and when.
type Gathered = (Instant, Arc<Vec<MetricFamily>>);

/// The registry's families, gathered once for all instruments that are read together.
#[derive(Clone)]
struct Families {
    registry: Registry,
    last: Arc<Mutex<Option<Gathered>>>,
}

impl Families {
    fn now(&self) -> Arc<Vec<MetricFamily>> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, families)) = &*last
            && at.elapsed() < FRESH
        {
            return Arc::clone(families);
        }
        let families = Arc::new(self.registry.gather());
        *last = Some((Instant::now(), Arc::clone(&families)));
        families
    }

    /// Each sample of a family with its labels.
    fn each(&self, family: &str, mut observe: impl FnMut(&[KeyValue], &Metric)) {
        let families = self.now();
        for metric in families
            .iter()
            .filter(|f| f.name() == family)
            .flat_map(MetricFamily::get_metric)
        {
            let labels = metric.get_label().iter();
            let labels: Vec<KeyValue> = labels
                .map(|label| KeyValue::new(label.name().to_owned(), label.value().to_owned()))
                .collect();
            observe(&labels, metric);
        }
    }
}

struct Bridge {
    meter: Meter,
    families: Families,
    known: HashSet<String>,
}

impl Bridge {
    /// Makes instruments of the families that have none. Histograms become two counters, their count and
    /// their sum: their buckets stay with `/metrics`.
    fn extend(&mut self) {
        for family in self.families.now().iter() {
            let name = family.name();
            if !self.known.insert(name.to_owned()) {
                continue;
            }
            match family.get_field_type() {
                MetricType::COUNTER => self.counter(name, name, |m| m.get_counter().get_value()),
                MetricType::HISTOGRAM => {
                    self.counter(name, &format!("{name}_sum"), |m| {
                        m.get_histogram().get_sample_sum()
                    });
                    #[expect(clippy::cast_precision_loss, reason = "a count below 2^53 is exact")]
                    let count = |m: &Metric| m.get_histogram().get_sample_count() as f64;
                    self.counter(name, &format!("{name}_count"), count);
                }
                _ => self.gauge(name),
            }
        }
    }

    fn counter(&self, family: &str, name: &str, value: fn(&Metric) -> f64) {
        let (families, family) = (self.families.clone(), family.to_owned());
        let observe = move |observer: &dyn AsyncInstrument<f64>| {
            families.each(&family, |labels, metric| observer.observe(value(metric), labels));
        };
        let _registered = self
            .meter
            .f64_observable_counter(name.to_owned())
            .with_callback(observe)
            .build();
    }

    fn gauge(&self, family: &str) {
        let (families, name) = (self.families.clone(), family.to_owned());
        let observe = move |observer: &dyn AsyncInstrument<f64>| {
            families.each(&name, |labels, metric| {
                observer.observe(metric.get_gauge().get_value(), labels);
            });
        };
        let _registered = self
            .meter
            .f64_observable_gauge(family.to_owned())
            .with_callback(observe)
            .build();
    }
}

//! The node's own traces and metrics over OTLP.

use std::str::FromStr as _;
use std::time::Duration;

use anyhow::Context as _;
use opentelemetry::KeyValue;
use opentelemetry::metrics::{Meter, MeterProvider as _};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{WithExportConfig as _, WithTonicConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider};
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracer, SdkTracerProvider};
use prometheus::Registry;
use prometheus::proto::{MetricFamily, MetricType};
use ringwatch_config::settings::{MetricTelemetry, OtlpTelemetry, Tls, TraceTelemetry};
use tonic::metadata::{MetadataKey, MetadataMap, MetadataValue};
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

const SCOPE: &str = "ringwatch";

/// The provider of spans, if any span processor has an exporter.
pub(super) fn tracer(settings: &TraceTelemetry) -> anyhow::Result<Option<SdkTracerProvider>> {
    let mut builder = SdkTracerProvider::builder().with_resource(resource());
    let mut any = false;
    for entry in &settings.processors {
        let Some(exporter) = &entry.batch.exporter else {
            continue;
        };
        let otlp = &exporter.otlp;
        let exporter = opentelemetry_otlp::SpanExporter::builder()
            .with_tonic()
            .with_endpoint(&otlp.endpoint)
            .with_metadata(metadata(otlp)?)
            .with_tls_config(tls(&otlp.tls)?)
            .build()
            .context("service.telemetry.traces: the exporter could not be made")?;
        let config = BatchConfigBuilder::default()
            .with_scheduled_delay(*entry.batch.timeout)
            .build();
        builder = builder.with_span_processor(
            BatchSpanProcessor::builder(exporter)
                .with_batch_config(config)
                .build(),
        );
        any = true;
    }
    Ok(any.then(|| builder.build()))
}

/// The tracer that the subscriber's layer writes to.
pub(super) fn tracer_of(provider: &SdkTracerProvider) -> SdkTracer {
    provider.tracer(SCOPE)
}

/// Sends the metrics of `registry` wherever a reader is configured.
///
/// Families that are registered later are not sent, so this comes after every other part.
pub(crate) fn start_metric_readers(
    settings: &MetricTelemetry,
    registry: &Registry,
) -> anyhow::Result<Option<SdkMeterProvider>> {
    if settings.readers.is_empty() {
        return Ok(None);
    }
    let mut builder = SdkMeterProvider::builder().with_resource(resource());
    for entry in &settings.readers {
        let otlp = &entry.periodic.exporter.otlp;
        let exporter = opentelemetry_otlp::MetricExporter::builder()
            .with_tonic()
            .with_endpoint(&otlp.endpoint)
            .with_metadata(metadata(otlp)?)
            .with_tls_config(tls(&otlp.tls)?)
            .build()
            .context("service.telemetry.metrics: the exporter could not be made")?;
        let interval = Duration::from_millis(entry.periodic.interval);
        builder = builder.with_reader(PeriodicReader::builder(exporter).with_interval(interval).build());
    }
    let provider = builder.build();
    bridge(&provider.meter(SCOPE), registry);
    Ok(Some(provider))
}

/// One observable instrument for each family of the registry, which looks the family up when it is read.
/// Histograms become two counters, their count and their sum: their buckets stay with `/metrics`.
fn bridge(meter: &Meter, registry: &Registry) {
    for family in registry.gather() {
        let name = family.name().to_owned();
        match family.get_field_type() {
            MetricType::COUNTER => counter(meter, registry, &name, &name, |m| m.get_counter().get_value()),
            MetricType::HISTOGRAM => {
                counter(meter, registry, &name, &format!("{name}_sum"), |m| {
                    m.get_histogram().get_sample_sum()
                });
                #[expect(clippy::cast_precision_loss, reason = "a count below 2^53 is exact")]
                counter(meter, registry, &name, &format!("{name}_count"), |m| {
                    m.get_histogram().get_sample_count() as f64
                });
            }
            _ => {
                let registry = registry.clone();
                let family_name = name.clone();
                let observe = move |observer: &dyn opentelemetry::metrics::AsyncInstrument<f64>| {
                    each(&registry, &family_name, |labels, metric| {
                        observer.observe(metric.get_gauge().get_value(), labels);
                    });
                };
                let _registered = meter.f64_observable_gauge(name).with_callback(observe).build();
            }
        }
    }
}

fn counter(
    meter: &Meter,
    registry: &Registry,
    family: &str,
    name: &str,
    value: fn(&prometheus::proto::Metric) -> f64,
) {
    let (registry, family) = (registry.clone(), family.to_owned());
    let observe = move |observer: &dyn opentelemetry::metrics::AsyncInstrument<f64>| {
        each(&registry, &family, |labels, metric| {
            observer.observe(value(metric), labels);
        });
    };
    let _registered = meter
        .f64_observable_counter(name.to_owned())
        .with_callback(observe)
        .build();
}

fn each(registry: &Registry, family: &str, mut observe: impl FnMut(&[KeyValue], &prometheus::proto::Metric)) {
    let families = registry.gather();
    for metric in families
        .iter()
        .filter(|f| f.name() == family)
        .flat_map(MetricFamily::get_metric)
    {
        let labels: Vec<KeyValue> = metric
            .get_label()
            .iter()
            .map(|label| KeyValue::new(label.name().to_owned(), label.value().to_owned()))
            .collect();
        observe(&labels, metric);
    }
}

fn resource() -> Resource {
    Resource::builder()
        .with_service_name("ringwatch")
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build()
}

fn metadata(otlp: &OtlpTelemetry) -> anyhow::Result<MetadataMap> {
    let mut map = MetadataMap::new();
    for (key, value) in &otlp.headers {
        let name = MetadataKey::from_str(&key.to_ascii_lowercase())
            .with_context(|| format!("header `{key}` of the node's own telemetry is not a valid name"))?;
        let mut value = MetadataValue::from_str(value.expose()).ok().with_context(|| {
            format!("header `{key}` of the node's own telemetry holds characters that cannot be sent")
        })?;
        value.set_sensitive(true);
        map.insert(name, value);
    }
    Ok(map)
}

fn tls(settings: &Tls) -> anyhow::Result<ClientTlsConfig> {
    let read = |path: &str| std::fs::read(path).with_context(|| format!("{path} cannot be read"));
    let mut config = ClientTlsConfig::new();
    config = match &settings.ca_file {
        Some(path) => config.ca_certificate(Certificate::from_pem(read(path)?)),
        None => config.with_native_roots(),
    };
    if let (Some(cert), Some(key)) = (&settings.cert_file, &settings.key_file) {
        config = config.identity(Identity::from_pem(read(cert)?, read(key)?));
    }
    if let Some(name) = &settings.server_name_override {
        config = config.domain_name(name);
    }
    Ok(config)
}

//! The way of the node's own telemetry to OTLP receivers.

use std::str::FromStr as _;

use anyhow::Context as _;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{MetricExporter, WithExportConfig as _, WithTonicConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{BatchConfigBuilder, BatchSpanProcessor, SdkTracer, SdkTracerProvider};
use ringwatch_config::settings::{OtlpTelemetry, Tls, TraceTelemetry};
use tonic::metadata::{MetadataKey, MetadataMap, MetadataValue};
use tonic::transport::{Certificate, ClientTlsConfig, Identity};

/// The instrumentation scope.
pub(super) const SCOPE: &str = "ringwatch";

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

/// An exporter of metrics to `otlp`.
pub(super) fn metric_exporter(otlp: &OtlpTelemetry) -> anyhow::Result<MetricExporter> {
    MetricExporter::builder()
        .with_tonic()
        .with_endpoint(&otlp.endpoint)
        .with_metadata(metadata(otlp)?)
        .with_tls_config(tls(&otlp.tls)?)
        .build()
        .context("service.telemetry.metrics: the exporter could not be made")
}

/// What is true of everything that the node says of itself.
pub(super) fn resource() -> Resource {
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

//! Processors, exporters, and where the node's own telemetry goes.

use super::{
    at, breaker, component, limiter, otlp_endpoint, plan_extractor, positive, sampler, statements, tls,
    verification,
};
use crate::Settings;
use crate::fault::Complaint;
use crate::settings::{
    AttributeAction, AttributeActionKind, Batch, Exporter, MemoryLimiter, OtlpExporter, Processor,
    RetryOnFailure, TelemetryExporter,
};

pub(super) fn check(settings: &Settings, found: &mut Vec<Complaint>) {
    for (id, processor) in &settings.processors {
        let path = component("processors", id);
        match processor {
            Processor::MemoryLimiter(limiter) => memory_limiter(&path, limiter, found),
            Processor::Resource(resource) => actions(&at(&path, "attributes"), &resource.attributes, found),
            Processor::Attributes(attributes) => actions(&at(&path, "actions"), &attributes.actions, found),
            Processor::Batch(batch) => size(&path, batch, found),
            Processor::Transform(transform) => statements::check(&path, transform, found),
            Processor::AdaptiveSampler(sampler) => sampler::check(&path, sampler, found),
            Processor::CircuitBreaker(breaker) => breaker::check(&path, breaker, found),
            Processor::RateLimiter(limiter) => limiter::check(&path, limiter, found),
            Processor::PlanExtractor(plans) => plan_extractor::check(&path, plans, found),
            Processor::Verification(settings) => verification::check(&path, settings, found),
        }
    }
    for (id, exporter) in &settings.exporters {
        let path = component("exporters", id);
        match exporter {
            Exporter::Otlp(otlp) => otlp_exporter(&path, otlp, found),
            Exporter::Prometheus(prometheus) => {
                positive(&path, "metric_expiration", prometheus.metric_expiration, found);
            }
            Exporter::Debug(_) => {}
        }
    }
    telemetry(settings, found);
}

fn memory_limiter(path: &[String], limiter: &MemoryLimiter, found: &mut Vec<Complaint>) {
    match (limiter.limit_mib, limiter.limit_percentage) {
        (None, None) => {
            let message = "the memory limiter has no limit; give `limit_mib` or `limit_percentage`";
            found.push(Complaint::new(path.to_vec(), message));
        }
        (Some(_), Some(_)) => {
            let message = "`limit_percentage` stands beside `limit_mib`; give only one of them";
            found.push(Complaint::new(at(path, "limit_percentage"), message));
        }
        _ => {}
    }
    let pairs = [
        (
            "limit_mib",
            limiter.limit_mib,
            "spike_limit_mib",
            limiter.spike_limit_mib,
        ),
        (
            "limit_percentage",
            limiter.limit_percentage,
            "spike_limit_percentage",
            limiter.spike_limit_percentage,
        ),
    ];
    for (limit_key, limit, spike_key, spike) in pairs {
        if limit.zip(spike).is_some_and(|(limit, spike)| spike >= limit) {
            found.push(Complaint::new(
                at(path, spike_key),
                format!("`{spike_key}` must be less than `{limit_key}`"),
            ));
        }
    }
    positive(path, "check_interval", limiter.check_interval, found);
}

fn size(path: &[String], batch: &Batch, found: &mut Vec<Complaint>) {
    if batch.send_batch_max_size != 0 && batch.send_batch_max_size < batch.send_batch_size {
        let message = format!(
            "`send_batch_max_size` must be 0 (no limit) or at least `send_batch_size`, which is {}",
            batch.send_batch_size
        );
        found.push(Complaint::new(at(path, "send_batch_max_size"), message));
    }
}

fn actions(path: &[String], actions: &[AttributeAction], found: &mut Vec<Complaint>) {
    for (index, action) in actions.iter().enumerate() {
        let path = at(path, &index.to_string());
        if action.key.is_empty() {
            found.push(Complaint::new(
                at(&path, "key"),
                "`key` is empty; name the attribute",
            ));
        }
        let sets = !matches!(
            action.action,
            AttributeActionKind::Delete | AttributeActionKind::Hash
        );
        let sources = (action.value.is_some(), action.from_attribute.is_some());
        let (key, message) = match (sets, sources) {
            (true, (false, false)) => ("action", "this action needs `value` or `from_attribute`"),
            (true, (true, true)) => (
                "from_attribute",
                "`from_attribute` stands beside `value`; give only one of them",
            ),
            (false, (true, _)) => ("value", "`delete` and `hash` take no `value`"),
            (false, (_, true)) => ("from_attribute", "`delete` and `hash` take no `from_attribute`"),
            _ => continue,
        };
        found.push(Complaint::new(at(&path, key), message).within(&path));
    }
}

fn otlp_exporter(path: &[String], otlp: &OtlpExporter, found: &mut Vec<Complaint>) {
    otlp_endpoint(path, &otlp.endpoint, false, found);
    positive(path, "timeout", otlp.timeout, found);
    tls(path, &otlp.tls, found);
    if otlp.retry_on_failure.enabled {
        retry(&at(path, "retry_on_failure"), &otlp.retry_on_failure, found);
    }
}

fn retry(path: &[String], retry: &RetryOnFailure, found: &mut Vec<Complaint>) {
    positive(path, "initial_interval", retry.initial_interval, found);
    positive(path, "max_interval", retry.max_interval, found);
    let elapsed = retry.max_elapsed_time;
    if !elapsed.is_zero() && (elapsed < retry.initial_interval || elapsed < retry.max_interval) {
        let message =
            "`max_elapsed_time` must be 0s or at least as long as `initial_interval` and `max_interval`";
        found.push(Complaint::new(at(path, "max_elapsed_time"), message));
    }
}

fn telemetry(settings: &Settings, found: &mut Vec<Complaint>) {
    let own = &settings.service.telemetry;
    let base = ["service".to_owned(), "telemetry".to_owned()];
    let readers = at(&at(&base, "metrics"), "readers");
    for (index, reader) in own.metrics.readers.iter().enumerate() {
        let path = at(&at(&readers, &index.to_string()), "periodic");
        own_otlp(&at(&path, "exporter"), &reader.periodic.exporter, found);
    }
    let processors = at(&at(&base, "traces"), "processors");
    for (index, processor) in own.traces.processors.iter().enumerate() {
        let path = at(&at(&processors, &index.to_string()), "batch");
        positive(&path, "timeout", processor.batch.timeout, found);
        if let Some(exporter) = &processor.batch.exporter {
            own_otlp(&at(&path, "exporter"), exporter, found);
        }
    }
}

fn own_otlp(path: &[String], exporter: &TelemetryExporter, found: &mut Vec<Complaint>) {
    let path = at(path, "otlp");
    otlp_endpoint(&path, &exporter.otlp.endpoint, true, found);
    tls(&path, &exporter.otlp.tls, found);
    if exporter.otlp.tls.insecure_skip_verify {
        let message = "`insecure_skip_verify` cannot be had for the node's own telemetry: give its authority as `ca_file`";
        found.push(Complaint::new(
            at(&at(&path, "tls"), "insecure_skip_verify"),
            message,
        ));
    }
}

//! What is valid and still hardly meant. It is told and keeps nobody from running.

use std::collections::HashSet;

use super::{at, component, listeners};
use crate::Settings;
use crate::fault::Complaint;
use crate::settings::{AdaptiveSampler, ComponentId, Extension, Processor, RuleOperator, Scalar};

/// What is worth knowing about valid settings.
pub(crate) fn notes(settings: &Settings) -> Vec<Complaint> {
    let mut found = Vec::new();
    open_doors(settings, &mut found);
    let pipelines = settings.service.pipelines.values();
    let used: HashSet<&ComponentId> = pipelines.flat_map(|pipeline| &pipeline.processors).collect();
    for (id, processor) in settings.processors.iter().filter(|(id, _)| used.contains(id)) {
        let path = component("processors", id);
        if let Processor::AdaptiveSampler(sampler) = processor {
            environment(&path, sampler, &mut found);
            small_rates(&path, sampler, &mut found);
            ordered_texts(&path, sampler, &mut found);
        }
    }
    found
}

/// Profiles and traces tell much, and starting a profile costs much. Health and metrics are meant to be asked for.
fn open_doors(settings: &Settings, found: &mut Vec<Complaint>) {
    let running: HashSet<_> = settings.service.extensions.iter().collect();
    for (id, extension) in settings.extensions.iter().filter(|(id, _)| running.contains(id)) {
        let what = match extension {
            Extension::HealthCheck(_) => continue,
            Extension::Pprof(_) => "take profiles of this process",
            Extension::Zpages(_) => "read the traces of this process",
        };
        if !listeners::address(extension).is_loopback() {
            let message = format!(
                "whoever reaches this address can {what}; listen on 127.0.0.1 unless the network keeps others away"
            );
            found.push(Complaint::new(
                at(&component("extensions", id), "endpoint"),
                message,
            ));
        }
    }
}

/// Values for environments of which none is this one.
fn environment(path: &[String], sampler: &AdaptiveSampler, found: &mut Vec<Complaint>) {
    if sampler.environment_overrides.is_empty() {
        return;
    }
    let path = at(path, "environment_overrides");
    if sampler.environment.is_empty() {
        let message = "none of these holds: neither `environment` nor the variable `ENVIRONMENT` names one";
        found.push(Complaint::new(path, message));
    } else if !sampler.environment_overrides.contains_key(&sampler.environment) {
        let message =
            "none of these is the environment that `environment`, or the variable `ENVIRONMENT`, names";
        found.push(Complaint::new(path, message));
    }
}

/// A share may have been meant where a percentage is read.
fn small_rates(path: &[String], sampler: &AdaptiveSampler, found: &mut Vec<Complaint>) {
    let rules = at(path, "rules");
    let of_rules = sampler.rules.iter().enumerate().map(|(index, rule)| {
        let path = at(&rules, &index.to_string());
        (at(&path, "sampling_rate"), rule.sampling_rate)
    });
    let default = (at(path, "default_sampling_rate"), sampler.default_sampling_rate);
    for (path, rate) in of_rules.chain([default]) {
        if rate > 0.0 && rate < 1.0 {
            let message = "rates are in percent, and this keeps less than 1 row of 100; for half of the rows \
                           write 50, not 0.5";
            found.push(Complaint::new(path, message));
        }
    }
}

/// A threshold that is no number, such as a duration out of the environment, never matches a column of numbers.
fn ordered_texts(path: &[String], sampler: &AdaptiveSampler, found: &mut Vec<Complaint>) {
    let rules = at(path, "rules");
    for (index, rule) in sampler.rules.iter().enumerate() {
        let path = at(&at(&rules, &index.to_string()), "conditions");
        for (index, condition) in rule.conditions.iter().enumerate() {
            let is_order = matches!(
                condition.operator,
                RuleOperator::Gt | RuleOperator::Gte | RuleOperator::Lt | RuleOperator::Lte
            );
            let Some(Scalar::Text(text)) = condition.value.as_ref().filter(|_| is_order) else {
                continue;
            };
            if !text.trim().parse::<f64>().is_ok_and(f64::is_finite) {
                let message = "this is no number, so that no column of numbers matches; write one without a unit, \
                               unless texts are to be compared";
                found.push(Complaint::new(
                    at(&at(&path, &index.to_string()), "value"),
                    message,
                ));
            }
        }
    }
}

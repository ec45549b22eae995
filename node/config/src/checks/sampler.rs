//! Processor `adaptive_sampler`.

use std::collections::HashMap;

use super::{at, positive};
use crate::fault::Complaint;
use crate::settings::{AdaptiveSampler, RuleCondition, RuleOperator, SamplingRule, Scalar};

/// The rule that `slow_query_threshold_ms` makes.
const THRESHOLD_RULE: &str = "slow_queries";

pub(super) fn check(path: &[String], sampler: &AdaptiveSampler, found: &mut Vec<Complaint>) {
    positive(path, "cleanup_interval", sampler.cleanup_interval, found);
    positive(path, "cache_ttl", sampler.cache_ttl, found);
    positive(path, "window", sampler.window, found);
    for (index, column) in sampler.key.iter().enumerate() {
        if column.is_empty() {
            let message = "`key` is empty here; name a column or an attribute";
            found.push(Complaint::new(at(&at(path, "key"), &index.to_string()), message));
        }
    }
    threshold(path, sampler.slow_query_threshold_ms, found);
    rates(path, sampler, found);
    overrides(path, sampler, found);
    rules(path, sampler, found);
}

fn threshold(path: &[String], threshold: Option<f64>, found: &mut Vec<Complaint>) {
    if threshold.is_some_and(|threshold| threshold < 0.0) {
        let message = "`slow_query_threshold_ms` must be a number of milliseconds from 0";
        found.push(Complaint::new(at(path, "slow_query_threshold_ms"), message));
    }
}

fn rates(path: &[String], sampler: &AdaptiveSampler, found: &mut Vec<Complaint>) {
    let adaptive = at(path, "adaptive");
    let rate = &sampler.adaptive;
    if rate.max_rate.is_some_and(|most| most < rate.min_rate) {
        let message = "`max_rate` must be at least `min_rate`";
        found.push(Complaint::new(at(&adaptive, "max_rate"), message).within(&adaptive));
    }
    if rate.target_records_per_second == Some(0) {
        let message = "`target_records_per_second` must be at least 1; to pass nothing, set the rates to 0";
        found.push(Complaint::new(
            at(&adaptive, "target_records_per_second"),
            message,
        ));
    }
}

fn overrides(path: &[String], sampler: &AdaptiveSampler, found: &mut Vec<Complaint>) {
    let path = at(path, "environment_overrides");
    for (name, other) in &sampler.environment_overrides {
        let path = at(&path, name);
        if name.trim().is_empty() {
            let message =
                "an environment without a name; write `production`, `staging` or what `ENVIRONMENT` may hold";
            found.push(Complaint::new(path.clone(), message));
        }
        threshold(&path, other.slow_query_threshold_ms, found);
        if other.cache_size == Some(0) {
            found.push(Complaint::new(
                at(&path, "cache_size"),
                "`cache_size` must be at least 1",
            ));
        }
    }
}

fn rules(path: &[String], sampler: &AdaptiveSampler, found: &mut Vec<Complaint>) {
    let mut all = sampler
        .environment_overrides
        .values()
        .map(|other| other.slow_query_threshold_ms);
    let threshold = sampler.slow_query_threshold_ms.is_some() || all.any(|threshold| threshold.is_some());
    let path = at(path, "rules");
    let mut names: HashMap<&str, usize> = HashMap::new();
    for (index, rule) in sampler.rules.iter().enumerate() {
        let path = at(&path, &index.to_string());
        let name = at(&path, "name");
        let first = *names.entry(&rule.name).or_insert(index);
        if rule.name.is_empty() {
            found.push(Complaint::new(
                name,
                "`name` is empty; metrics show rules by their names",
            ));
        } else if first != index {
            let message = format!("the same name as `rules[{first}]`; metrics tell rules by their names");
            found.push(Complaint::new(name, message));
        } else if threshold && rule.name == THRESHOLD_RULE {
            let message = format!(
                "`slow_query_threshold_ms` makes a rule of this name already; give `{THRESHOLD_RULE}` another"
            );
            found.push(Complaint::new(name, message));
        }
        when(&path, rule, found);
    }
}

/// Exactly one of the two shapes says when a rule matches.
fn when(path: &[String], rule: &SamplingRule, found: &mut Vec<Complaint>) {
    match (&rule.condition, rule.conditions.is_empty()) {
        (None, true) => {
            let message = "the rule never says when it matches; give `condition`, such as \
                           \"mean_exec_time > 1000\", or `conditions`";
            found.push(Complaint::new(path.to_vec(), message));
        }
        (Some(_), false) => {
            let message = "`conditions` stands beside `condition`; give only one of them";
            found.push(Complaint::new(at(path, "conditions"), message));
        }
        (Some(text), true) if text.trim().is_empty() => {
            let message = "`condition` is empty; write an expression, such as \"mean_exec_time > 1000\"";
            found.push(Complaint::new(at(path, "condition"), message));
        }
        _ => {}
    }
    let conditions = at(path, "conditions");
    for (index, condition) in rule.conditions.iter().enumerate() {
        one(&at(&conditions, &index.to_string()), condition, found);
    }
}

fn one(path: &[String], condition: &RuleCondition, found: &mut Vec<Complaint>) {
    if condition.attribute.is_empty() {
        let message = "`attribute` is empty; name a column or an attribute";
        found.push(Complaint::new(at(path, "attribute"), message));
    }
    let (operator, value) = (at(path, "operator"), at(path, "value"));
    match (condition.operator, &condition.value) {
        (RuleOperator::Exists, Some(_)) => {
            found.push(Complaint::new(value, "`exists` takes no `value`").within(path));
        }
        (RuleOperator::Exists, None) => {}
        (_, None) => {
            let message = "this operator needs `value` beside it, with which the attribute is compared";
            found.push(Complaint::new(operator, message).within(path));
        }
        (RuleOperator::Contains | RuleOperator::Matches, Some(Scalar::Text(text))) if text.is_empty() => {
            let message =
                "`value` is empty, so that any text matches; write what to look for, or use `exists`";
            found.push(Complaint::new(value, message).within(path));
        }
        (
            RuleOperator::Gt | RuleOperator::Gte | RuleOperator::Lt | RuleOperator::Lte,
            Some(Scalar::Bool(_)),
        ) => {
            let message = "true and false have no order; use `eq` or `ne`";
            found.push(Complaint::new(operator, message).within(path));
        }
        _ => {}
    }
}

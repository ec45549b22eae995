//! The rules: out of the settings, checked, in order.

use std::collections::HashSet;

use ringwatch_config::settings::{
    AdaptiveSampler as Settings, RuleCondition, RuleOperator, SamplingRule, Scalar,
};
use ringwatch_parse::expr::{Condition, ExprError, Literal, Operator};

use super::hash::threshold;

/// The most rules. Their places are bits of a number, the last of which are for the default.
const MAX_RULES: usize = 62;
/// The rule that `slow_query_threshold_ms` makes.
const SLOW: &str = "slow_queries";
/// The name of what no rule matches, in metrics and in files.
pub(super) const DEFAULT: &str = "default";

/// A rule.
#[derive(Clone, Debug)]
pub(super) struct Rule {
    pub(super) name: String,
    pub(super) condition: Condition,
    /// In percent.
    pub(super) rate: f64,
    /// What decisions must be less than.
    pub(super) threshold: u64,
    pub(super) per_minute: u64,
}

/// The rules of these settings, in the order in which they are asked.
///
/// # Errors
/// What is wrong with one of them.
pub(super) fn rules(settings: &Settings) -> Result<Vec<Rule>, String> {
    let mut given: Vec<&SamplingRule> = settings.rules.iter().collect();
    given.sort_by_key(|rule| rule.priority.map_or(u64::MAX, u64::from));
    let slow = settings.slow_query_threshold_ms.map(|limit| {
        let limit = Some(Literal::Double(limit));
        Condition::compare("mean_exec_time", Operator::Gt, limit)
            .map(|condition| rule_of(SLOW, condition, 100.0, 0))
            .map_err(|error| format!("`slow_query_threshold_ms`: {error}"))
    });
    let rules: Vec<Rule> = slow
        .into_iter()
        .chain(given.into_iter().map(rule))
        .collect::<Result<_, _>>()?;
    if rules.len() > MAX_RULES {
        return Err(format!(
            "there are more than {MAX_RULES} rules: join some with `or`"
        ));
    }
    let mut names = HashSet::from([DEFAULT]);
    for rule in &rules {
        if !names.insert(&rule.name) {
            let hint = match rule.name.as_str() {
                DEFAULT => "this is what rows without a rule are called",
                SLOW if settings.slow_query_threshold_ms.is_some() => "`slow_query_threshold_ms` makes one",
                _ => "it is there twice",
            };
            return Err(format!("the rule `{}` needs another name: {hint}", rule.name));
        }
    }
    Ok(rules)
}

fn rule(rule: &SamplingRule) -> Result<Rule, String> {
    let name = &rule.name;
    if name.is_empty() {
        return Err("a rule has no name: metrics tell rules by their names".into());
    }
    percent(&format!("sampling_rate` of the rule `{name}"), rule.sampling_rate)?;
    let condition = match (&rule.condition, rule.conditions.as_slice()) {
        (Some(text), []) => Condition::parse(text),
        (None, conditions @ [_, ..]) => conditions
            .iter()
            .map(compare)
            .collect::<Result<Vec<_>, _>>()
            .map(Condition::and),
        _ => {
            return Err(format!(
                "the rule `{name}` takes either `condition` or `conditions`"
            ));
        }
    };
    let condition = condition.map_err(|error| format!("the condition of the rule `{name}`: {error}"))?;
    Ok(rule_of(name, condition, rule.sampling_rate, rule.max_per_minute))
}

fn rule_of(name: &str, condition: Condition, rate: f64, per_minute: u64) -> Rule {
    Rule {
        name: name.to_owned(),
        condition,
        rate,
        threshold: threshold(rate),
        per_minute,
    }
}

fn compare(condition: &RuleCondition) -> Result<Condition, ExprError> {
    let operator = match condition.operator {
        RuleOperator::Eq => Operator::Eq,
        RuleOperator::Ne => Operator::Ne,
        RuleOperator::Gt => Operator::Gt,
        RuleOperator::Gte => Operator::Gte,
        RuleOperator::Lt => Operator::Lt,
        RuleOperator::Lte => Operator::Lte,
        RuleOperator::Contains => Operator::Contains,
        RuleOperator::Exists => Operator::Exists,
        RuleOperator::Matches => Operator::Matches,
    };
    let value = condition.value.as_ref().map(|value| literal(operator, value));
    Condition::compare(&condition.attribute, operator, value)
}

/// A number that came as text, as out of the environment, is one where an order is asked for.
fn literal(operator: Operator, value: &Scalar) -> Literal {
    let is_order = matches!(
        operator,
        Operator::Gt | Operator::Gte | Operator::Lt | Operator::Lte
    );
    let is_text = matches!(operator, Operator::Contains | Operator::Matches);
    match value {
        Scalar::Text(text) => match text.trim().parse::<f64>() {
            Ok(number) if is_order && number.is_finite() => Literal::Double(number),
            _ => Literal::Text(text.clone()),
        },
        Scalar::Bool(bit) if is_text => Literal::Text(bit.to_string()),
        Scalar::Int(number) if is_text => Literal::Text(number.to_string()),
        Scalar::Double(number) if is_text => Literal::Text(number.to_string()),
        Scalar::Bool(bit) => Literal::Bool(*bit),
        Scalar::Int(number) => Literal::Int(*number),
        Scalar::Double(number) => Literal::Double(*number),
    }
}

/// Whether the setting `name` is a percentage; else what to write.
pub(super) fn percent(name: &str, rate: f64) -> Result<(), String> {
    if (0.0..=100.0).contains(&rate) {
        Ok(())
    } else {
        Err(format!("`{name}` is {rate}: write a percentage from 0 to 100"))
    }
}

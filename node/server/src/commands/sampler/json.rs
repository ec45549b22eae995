//! Answers as JSON: the fields of the wire under their own names.

use ringwatch_proto::v1;
use serde::Serialize;

/// `GetSamplerResponse`.
#[derive(Serialize)]
pub(super) struct Samplers<'a> {
    samplers: Vec<Sampler<'a>>,
}

#[derive(Serialize)]
struct Sampler<'a> {
    name: &'a str,
    default_rate: f64,
    current_rate: f64,
    cache_size: u64,
    cache_limit: u64,
    kept: u64,
    dropped: u64,
    rules: Vec<Rule<'a>>,
}

#[derive(Serialize)]
struct Rule<'a> {
    name: &'a str,
    rate: f64,
    matches: u64,
    kept: u64,
}

pub(super) fn samplers(answer: &v1::GetSamplerResponse) -> Samplers<'_> {
    Samplers {
        samplers: answer.samplers.iter().map(sampler).collect(),
    }
}

fn sampler(sampler: &v1::SamplerStatus) -> Sampler<'_> {
    Sampler {
        name: &sampler.name,
        default_rate: sampler.default_rate,
        current_rate: sampler.current_rate,
        cache_size: sampler.cache_size,
        cache_limit: sampler.cache_limit,
        kept: sampler.kept,
        dropped: sampler.dropped,
        rules: sampler.rules.iter().map(rule).collect(),
    }
}

fn rule(rule: &v1::RuleStatus) -> Rule<'_> {
    Rule {
        name: &rule.name,
        rate: rule.rate,
        matches: rule.matches,
        kept: rule.kept,
    }
}

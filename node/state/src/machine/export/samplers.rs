//! What samplers learnt, as people read it.

use std::collections::BTreeSet;

use ringwatch_proto::v1;
use serde::{Deserialize, Serialize};
use v1::state_command::Kind;

use super::values::{Hex, Time};
use super::{IN_COMMAND, ImportError, by_node};
use crate::command::sampler::caps::oldest_minute;
use crate::command::sampler::seen::TTL;
use crate::machine::Machine;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Sampler {
    sampler: String,
    pipeline: String,
    rules: Vec<String>,
    statements: Vec<Statement>,
    rates: Vec<Rate>,
    caps: Vec<Caps>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Statement {
    fingerprint: Hex,
    seen: Time,
    rules: Vec<String>,
    /// Where they are others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rules_before: Option<Vec<String>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rate {
    target: String,
    rate_percent: f64,
    node: String,
    received: Time,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Caps {
    node: String,
    minute: i64,
    rules: Vec<Use>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Use {
    rule: String,
    used: u64,
}

/// All samplers, without the rates of which nobody spoke since `limit`.
pub(super) fn export(machine: &Machine, limit: i64) -> Vec<Sampler> {
    let names: BTreeSet<(&str, &str)> = machine.sampler_names().collect();
    let samplers = names
        .into_iter()
        .map(|(sampler, pipeline)| one(machine, limit, sampler, pipeline));
    samplers.filter(|sampler| !sampler.is_empty()).collect()
}

fn one(machine: &Machine, limit: i64, sampler: &str, pipeline: &str) -> Sampler {
    let oldest = machine.time().saturating_sub(TTL);
    let seen = machine.seen(sampler, pipeline);
    let rules = seen.map(|seen| seen.rules().to_vec()).unwrap_or_default();
    let statements = seen.into_iter().flat_map(|seen| seen.iter());
    let statements = statements.filter(|one| one.seen >= oldest).map(|one| Statement {
        fingerprint: Hex(one.fingerprint),
        seen: Time(one.seen),
        rules: named(&rules, one.rules),
        rules_before: (one.rules_before != one.rules).then(|| named(&rules, one.rules_before)),
    });
    let statements: Vec<Statement> = statements.collect();
    let rates = machine.rates(sampler, pipeline);
    let rates = rates.filter(|(_, record)| record.received_unix_nano >= limit);
    let rates = rates.map(|(target, record)| Rate {
        target: target.to_owned(),
        rate_percent: record.rate_percent,
        node: record.node.clone(),
        received: Time(record.received_unix_nano),
    });
    let minute = oldest_minute(machine.time());
    let caps = machine
        .caps(sampler, pipeline)
        .filter(|(_, record)| record.minute >= minute);
    let caps = caps.map(|(node, record)| Caps {
        node: node.to_owned(),
        minute: record.minute,
        rules: record.rules.iter().map(Use::of).collect(),
    });
    Sampler {
        sampler: sampler.to_owned(),
        pipeline: pipeline.to_owned(),
        rules: if statements.is_empty() { Vec::new() } else { rules },
        statements,
        rates: rates.collect(),
        caps: caps.collect(),
    }
}

/// The names of the rules whose bits are set.
fn named(rules: &[String], bits: u64) -> Vec<String> {
    let set = rules.iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1);
    set.map(|(_, name)| name.clone()).collect()
}

impl Use {
    fn of(used: &v1::RuleUse) -> Self {
        Self {
            rule: used.rule.clone(),
            used: used.used,
        }
    }
}

impl Sampler {
    fn is_empty(&self) -> bool {
        self.statements.is_empty() && self.rates.is_empty() && self.caps.is_empty()
    }

    /// Adds the commands that make it.
    pub(super) fn commands(self, kinds: &mut Vec<Kind>) -> Result<(), ImportError> {
        let (sampler, pipeline, rules) = (self.sampler, self.pipeline, self.rules);
        for part in self.statements.chunks(IN_COMMAND) {
            let entries = part.iter().map(|statement| statement.message(&rules));
            kinds.push(Kind::SamplerSeen(v1::SamplerSeen {
                sampler: sampler.clone(),
                pipeline: pipeline.clone(),
                rules: rules.clone(),
                entries: entries.collect::<Result<_, _>>()?,
            }));
        }
        for (node, rates) in by_node(self.rates, |rate| rate.node.clone()) {
            let rates = rates.into_iter().map(|rate| v1::TargetRate {
                target: rate.target,
                rate_percent: rate.rate_percent,
                received_unix_nano: rate.received.0,
            });
            kinds.push(Kind::SamplerRates(v1::SamplerRates {
                sampler: sampler.clone(),
                pipeline: pipeline.clone(),
                node,
                rates: rates.collect(),
            }));
        }
        for caps in self.caps {
            let rules = caps.rules.into_iter().map(|used| v1::RuleUse {
                rule: used.rule,
                used: used.used,
            });
            kinds.push(Kind::SamplerCaps(v1::SamplerCaps {
                sampler: sampler.clone(),
                pipeline: pipeline.clone(),
                node: caps.node,
                minute: caps.minute,
                rules: rules.collect(),
            }));
        }
        Ok(())
    }
}

impl Statement {
    fn message(&self, rules: &[String]) -> Result<v1::SeenStatement, ImportError> {
        let now = bits(rules, &self.rules)?;
        let before = self.rules_before.as_ref().map(|names| bits(rules, names));
        Ok(v1::SeenStatement {
            fingerprint: self.fingerprint.0,
            seen_unix_nano: self.seen.0,
            rules: now,
            rules_before: before.transpose()?.unwrap_or(now),
        })
    }
}

/// The bits of rules by their names.
fn bits(rules: &[String], names: &[String]) -> Result<u64, ImportError> {
    names.iter().try_fold(0, |bits, name| {
        let at = rules.iter().position(|rule| rule == name).filter(|at| *at < 64);
        let at = at.ok_or_else(|| ImportError::Malformed(format!("there is no rule `{name}`")))?;
        Ok(bits | 1 << at)
    })
}

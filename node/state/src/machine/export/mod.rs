//! The state as people read it, for a back-up, and back.
//!
//! What has expired at the time of the state is left out. There are no secrets in a state.

mod breakers;
mod dataset;
mod samplers;
mod values;

use std::collections::BTreeMap;

use ringwatch_proto::v1;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use v1::state_command::Kind;

use super::Machine;
use crate::command::UNTOUCHED;
use values::{Hex, Time};

/// The format of back-ups that this program writes and reads.
const FORMAT: u64 = 1;
/// How many weights, rates or actions one command of a back-up carries.
const IN_COMMAND: usize = 500;

/// A back-up that cannot be taken in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImportError {
    /// It is not what `export` makes.
    #[error("this is no exported state: {0}")]
    Malformed(String),
    /// It was made by another version of the program.
    #[error("the back-up has format {found} and this program reads {FORMAT}: use the program that made it")]
    Format {
        /// That of the back-up.
        found: u64,
    },
}

impl From<serde_json::Error> for ImportError {
    fn from(error: serde_json::Error) -> Self {
        Self::Malformed(error.to_string())
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Backup {
    format: u64,
    time: Time,
    view: Option<View>,
    breakers: Vec<breakers::Breaker>,
    samplers: Vec<samplers::Sampler>,
    weights: Vec<Weight>,
    dataset: dataset::Data,
    actions: Vec<Action>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct View {
    number: u64,
    reason: String,
    members: Vec<Member>,
    pins: Vec<Pin>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Member {
    node: String,
    generation: u64,
    points: u32,
    raft_id: Hex,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Pin {
    target: String,
    node: String,
    by: By,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum By {
    Load,
    Operator,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Weight {
    target: String,
    weight: f64,
    node: String,
    received: Time,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Action {
    id: Hex,
    time: Time,
    who: String,
    from: String,
    node: String,
    what: String,
}

/// The whole state, sorted, with times as RFC 3339.
pub fn export(machine: &Machine) -> Value {
    let limit = machine.time().saturating_sub(UNTOUCHED);
    let weights = machine
        .weights()
        .filter(|(_, record)| record.received_unix_nano >= limit);
    let backup = Backup {
        format: FORMAT,
        time: Time(machine.time()),
        view: machine.view().map(View::of),
        breakers: breakers::export(machine, limit),
        samplers: samplers::export(machine, limit),
        weights: weights.map(Weight::of).collect(),
        dataset: dataset::export(machine.dataset()),
        actions: machine.actions().map(Action::of).collect(),
    };
    // Writing fails for maps whose keys are no text, and there are none.
    serde_json::to_value(backup).unwrap_or(Value::Null)
}

/// The commands that make the exported state of an empty one. The first of them numbers the view, if there
/// was one: a group that has a view already refuses it, and keeps its own.
///
/// # Errors
/// If it is not what [`export`] makes.
pub fn import(exported: Value) -> Result<Vec<v1::StateCommand>, ImportError> {
    let format = exported.get("format").and_then(Value::as_u64);
    let format = format.ok_or_else(|| ImportError::Malformed("it has no `format`".to_owned()))?;
    if format != FORMAT {
        return Err(ImportError::Format { found: format });
    }
    let backup: Backup = serde_json::from_value(exported)?;
    let mut kinds: Vec<Kind> = Vec::new();
    kinds.extend(backup.view.map(View::command));
    kinds.extend(backup.breakers.into_iter().map(breakers::Breaker::command));
    for sampler in backup.samplers {
        sampler.commands(&mut kinds)?;
    }
    let by_node = by_node(backup.weights, |weight| weight.node.clone());
    kinds.extend(by_node.into_iter().map(|(node, weights)| {
        let weights = weights.iter().map(Weight::message).collect();
        Kind::Weights(v1::Weights { node, weights })
    }));
    backup.dataset.commands(&mut kinds);
    kinds.extend(backup.actions.into_iter().map(Action::command));
    Ok(kinds
        .into_iter()
        .map(|kind| v1::StateCommand { kind: Some(kind) })
        .collect())
}

/// What each node told, in parts that fit into a command.
fn by_node<T>(all: Vec<T>, node: impl Fn(&T) -> String) -> Vec<(String, Vec<T>)> {
    let mut nodes: BTreeMap<String, Vec<T>> = BTreeMap::new();
    for one in all {
        nodes.entry(node(&one)).or_default().push(one);
    }
    let mut parts = Vec::new();
    for (node, mut told) in nodes {
        while !told.is_empty() {
            let rest = told.split_off(told.len().min(IN_COMMAND));
            parts.push((node.clone(), std::mem::replace(&mut told, rest)));
        }
    }
    parts
}

impl View {
    fn of(view: &v1::ViewRecord) -> Self {
        let members = view.members.iter().map(|member| Member {
            node: member.node.clone(),
            generation: member.generation,
            points: member.points,
            raft_id: Hex(member.raft_id),
        });
        let pins = view.pins.iter().map(|pin| Pin {
            target: pin.target.clone(),
            node: pin.node.clone(),
            by: match pin.by() {
                v1::PinnedBy::Operator => By::Operator,
                v1::PinnedBy::Load | v1::PinnedBy::Unspecified => By::Load,
            },
        });
        Self {
            number: view.number,
            reason: view.reason.clone(),
            members: members.collect(),
            pins: pins.collect(),
        }
    }

    fn command(self) -> Kind {
        let members = self.members.into_iter().map(|member| v1::ViewMember {
            node: member.node,
            generation: member.generation,
            points: member.points,
            raft_id: member.raft_id.0,
        });
        let pins = self.pins.into_iter().map(|pin| v1::ViewPin {
            target: pin.target,
            node: pin.node,
            by: match pin.by {
                By::Load => v1::PinnedBy::Load,
                By::Operator => v1::PinnedBy::Operator,
            }
            .into(),
        });
        let view = v1::ViewRecord {
            number: self.number,
            members: members.collect(),
            pins: pins.collect(),
            reason: self.reason,
        };
        Kind::ViewProposed(v1::ViewProposed { view: Some(view) })
    }
}

impl Weight {
    fn of((target, record): (&str, &v1::WeightRecord)) -> Self {
        Self {
            target: target.to_owned(),
            weight: record.weight,
            node: record.node.clone(),
            received: Time(record.received_unix_nano),
        }
    }

    fn message(&self) -> v1::TargetWeight {
        v1::TargetWeight {
            target: self.target.clone(),
            weight: self.weight,
            received_unix_nano: self.received.0,
        }
    }
}

impl Action {
    fn of(action: &v1::OperatorAction) -> Self {
        Self {
            id: Hex(action.id),
            time: Time(action.time_unix_nano),
            who: action.who.clone(),
            from: action.from.clone(),
            node: action.node.clone(),
            what: action.what.clone(),
        }
    }

    fn command(self) -> Kind {
        let action = v1::OperatorAction {
            id: self.id.0,
            who: self.who,
            from: self.from,
            what: self.what,
            node: self.node,
            time_unix_nano: self.time.0,
        };
        Kind::OperatorActed(v1::OperatorActed { action: Some(action) })
    }
}

#[cfg(test)]
#[path = "tests.rs"]
mod tests;

//! The data set as people read it.

use std::collections::BTreeMap;

use ringwatch_proto::v1;
use serde::{Deserialize, Serialize};
use v1::data_item::Item as Kept;
use v1::state_command::Kind;

use super::values::Time;
use crate::command::DataSet;

/// How many items one command of a back-up carries: a target with all of its labels has 64 KiB at most.
const ITEMS: usize = 16;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Data {
    version: u64,
    items: Vec<Item>,
    history: Vec<Revision>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Item {
    Target(Target),
    NoTarget(String),
    Limit(Limit),
    NoLimit(String),
    Flag(Flag),
    NoFlag(String),
    Rate(Rate),
    NoRate(String),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Target {
    target_id: String,
    receiver: String,
    endpoint: String,
    labels: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limit {
    target: String,
    queries_per_second: f64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Flag {
    name: String,
    value: bool,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rate {
    sampler: String,
    rate_percent: f64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Revision {
    version: u64,
    what: String,
    who: String,
    time: Time,
    /// What undoes it, in order.
    undo: Vec<Item>,
}

pub(super) fn export(data: &DataSet) -> Data {
    let history = data.history().map(|revision| Revision {
        version: revision.version,
        what: revision.what.clone(),
        who: revision.who.clone(),
        time: Time(revision.time_unix_nano),
        undo: revision.inverse.iter().filter_map(Item::of).collect(),
    });
    Data {
        version: data.version(),
        items: data.items().iter().filter_map(Item::of).collect(),
        history: history.collect(),
    }
}

impl Data {
    /// Adds the commands that make it.
    pub(super) fn commands(self, kinds: &mut Vec<Kind>) {
        if self.version == 0 {
            return;
        }
        let version = self.version;
        let mut restored = |items: Vec<v1::DataItem>, revisions: Vec<v1::DataRevision>| {
            kinds.push(Kind::DataRestored(v1::DataRestored {
                version,
                items,
                revisions,
            }));
        };
        // The version counts also where there is nothing left in it.
        restored(Vec::new(), Vec::new());
        let items: Vec<v1::DataItem> = self.items.into_iter().map(Item::message).collect();
        for part in items.chunks(ITEMS) {
            restored(part.to_vec(), Vec::new());
        }
        for revision in self.history {
            let revision = v1::DataRevision {
                version: revision.version,
                what: revision.what,
                who: revision.who,
                time_unix_nano: revision.time.0,
                inverse: revision.undo.into_iter().map(Item::message).collect(),
            };
            restored(Vec::new(), vec![revision]);
        }
    }
}

impl Item {
    fn of(item: &v1::DataItem) -> Option<Self> {
        Some(match item.item.clone()? {
            Kept::Target(target) => {
                let labels = target.labels.into_iter().map(|label| (label.name, label.value));
                Self::Target(Target {
                    target_id: target.target_id,
                    receiver: target.receiver,
                    endpoint: target.endpoint,
                    labels: labels.collect(),
                })
            }
            Kept::NoTarget(id) => Self::NoTarget(id),
            Kept::Limit(limit) => Self::Limit(Limit {
                target: limit.target,
                queries_per_second: limit.queries_per_second,
            }),
            Kept::NoLimit(target) => Self::NoLimit(target),
            Kept::Flag(flag) => Self::Flag(Flag {
                name: flag.name,
                value: flag.value,
            }),
            Kept::NoFlag(name) => Self::NoFlag(name),
            Kept::Rate(rate) => Self::Rate(Rate {
                sampler: rate.sampler,
                rate_percent: rate.rate,
            }),
            Kept::NoRate(sampler) => Self::NoRate(sampler),
        })
    }

    fn message(self) -> v1::DataItem {
        let item = match self {
            Self::Target(target) => {
                let labels = target.labels.into_iter();
                let labels = labels.map(|(name, value)| v1::RuntimeLabel { name, value });
                Kept::Target(v1::RuntimeTarget {
                    target_id: target.target_id,
                    receiver: target.receiver,
                    endpoint: target.endpoint,
                    labels: labels.collect(),
                })
            }
            Self::NoTarget(id) => Kept::NoTarget(id),
            Self::Limit(limit) => Kept::Limit(v1::DataLimit {
                target: limit.target,
                queries_per_second: limit.queries_per_second,
            }),
            Self::NoLimit(target) => Kept::NoLimit(target),
            Self::Flag(flag) => Kept::Flag(v1::DataFlag {
                name: flag.name,
                value: flag.value,
            }),
            Self::NoFlag(name) => Kept::NoFlag(name),
            Self::Rate(rate) => Kept::Rate(v1::DataRate {
                sampler: rate.sampler,
                rate: rate.rate_percent,
            }),
            Self::NoRate(sampler) => Kept::NoRate(sampler),
        };
        v1::DataItem { item: Some(item) }
    }
}

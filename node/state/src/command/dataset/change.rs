//! The commands of the data set, and the items that each of them sets.

use std::collections::BTreeMap;

use ringwatch_proto::v1;
use v1::data_item::Item;
use v1::{DataFlag, DataItem, DataLimit, DataRate, OperatorAction, StateRefusal};

use super::{DataSet, items};
use crate::command::{Refused, number};
use crate::machine::key::Number;

/// A command of the data set.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Command<'a> {
    TargetAdded(&'a v1::TargetAdded),
    TargetRemoved(&'a v1::TargetRemoved),
    LimitSet(&'a v1::LimitSet),
    FlagSet(&'a v1::FlagSet),
    SamplerRateSet(&'a v1::SamplerRateSet),
    Rollback(&'a v1::Rollback),
}

/// What a command wants.
pub(super) struct Order<'a> {
    /// The version it was made for; 0: any.
    pub(super) expected: u64,
    pub(super) action: Option<&'a OperatorAction>,
    /// What it does, for people.
    pub(super) what: String,
    /// What it sets, or why it cannot.
    pub(super) items: Result<Vec<DataItem>, Refused>,
}

impl<'a> Command<'a> {
    /// What it wants of this data set. An error: it is malformed.
    pub(super) fn order(self, data: &DataSet) -> Result<Order<'a>, Refused> {
        let (expected, action) = self.frame();
        let (what, item) = match self {
            Self::TargetAdded(command) => added(command)?,
            Self::TargetRemoved(command) => {
                let id = &command.target_id;
                (format!("target {id} removed"), Item::NoTarget(id.clone()))
            }
            Self::LimitSet(command) => limit(command)?,
            Self::FlagSet(command) => flag(command),
            Self::SamplerRateSet(command) => rate(command)?,
            Self::Rollback(command) => {
                return Ok(Order {
                    expected,
                    action,
                    what: format!("back to version {}", command.to_version),
                    items: data.undoing(command.to_version),
                });
            }
        };
        let items = vec![items::item(item)];
        items.iter().try_for_each(items::check)?;
        let possible = self.absent(data).and_then(|()| data.room(&items));
        Ok(Order {
            expected,
            action,
            what,
            items: possible.map(|()| items),
        })
    }

    /// The version it was made for, and who wants it.
    fn frame(self) -> (u64, Option<&'a OperatorAction>) {
        match self {
            Self::TargetAdded(command) => (command.expected_version, command.action.as_ref()),
            Self::TargetRemoved(command) => (command.expected_version, command.action.as_ref()),
            Self::LimitSet(command) => (command.expected_version, command.action.as_ref()),
            Self::FlagSet(command) => (command.expected_version, command.action.as_ref()),
            Self::SamplerRateSet(command) => (command.expected_version, command.action.as_ref()),
            Self::Rollback(command) => (command.expected_version, command.action.as_ref()),
        }
    }

    /// Refuses to remove what is not there.
    fn absent(self, data: &DataSet) -> Result<(), Refused> {
        match self {
            Self::TargetRemoved(command) if data.target(&command.target_id).is_none() => {
                let message = format!("no target `{}` was added at run time", command.target_id);
                Err(Refused::new(StateRefusal::Absent, message))
            }
            _ => Ok(()),
        }
    }
}

fn added(command: &v1::TargetAdded) -> Result<(String, Item), Refused> {
    let Some(target) = &command.target else {
        return Err(Refused::invalid("there is no target"));
    };
    let mut target = target.clone();
    target.labels.sort_by(|one, next| one.name.cmp(&next.name));
    Ok((format!("target {} added", target.target_id), Item::Target(target)))
}

fn limit(command: &v1::LimitSet) -> Result<(String, Item), Refused> {
    let target = command.target.clone();
    Ok(match command.queries_per_second {
        Some(limit) => {
            let queries_per_second = number("the limit", limit, items::MOST_QUERIES)?;
            let what = format!("limit of {target} set to {queries_per_second}");
            let limit = DataLimit {
                target,
                queries_per_second,
            };
            (what, Item::Limit(limit))
        }
        None => (format!("limit of {target} cleared"), Item::NoLimit(target)),
    })
}

fn flag(command: &v1::FlagSet) -> (String, Item) {
    let name = command.name.clone();
    match command.value {
        Some(value) => (
            format!("flag {name} set to {value}"),
            Item::Flag(DataFlag { name, value }),
        ),
        None => (format!("flag {name} cleared"), Item::NoFlag(name)),
    }
}

fn rate(command: &v1::SamplerRateSet) -> Result<(String, Item), Refused> {
    let sampler = command.sampler.clone();
    Ok(match command.rate {
        Some(rate) => {
            let rate = number("the rate", rate, 100.0)?;
            (
                format!("rate of {sampler} set to {rate}"),
                Item::Rate(DataRate { sampler, rate }),
            )
        }
        None => (format!("rate of {sampler} cleared"), Item::NoRate(sampler)),
    })
}

impl DataSet {
    /// What has to be set to be where version `to` was.
    fn undoing(&self, to: u64) -> Result<Vec<DataItem>, Refused> {
        let present = self.version();
        if to > present {
            let message = format!("there is no version {to} yet");
            return Err(Refused::new(StateRefusal::Absent, message));
        }
        if to < self.oldest() {
            let message = format!("version {to} is gone, the oldest is {}", self.oldest());
            return Err(Refused::new(StateRefusal::Absent, message));
        }
        let mut wanted: BTreeMap<(u8, String), DataItem> = BTreeMap::new();
        for version in (to + 1..=present).rev() {
            let Some(revision) = self.revisions.get(&Number(version)) else {
                let message = format!("version {version} is not in the history");
                return Err(Refused::new(StateRefusal::Absent, message));
            };
            for item in &revision.inverse {
                if let Some((kind, id)) = items::subject(item) {
                    wanted.insert((kind, id.to_owned()), item.clone());
                }
            }
        }
        Ok(wanted.into_values().collect())
    }
}

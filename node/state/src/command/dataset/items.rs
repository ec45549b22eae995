//! One thing of the data set: how it is checked, set, and what undoes that.

use ringwatch_proto::v1::data_item::Item;
use ringwatch_proto::v1::{DataItem, RuntimeTarget};

use super::DataSet;
use crate::command::{NAME_BYTES, Refused, TARGET_BYTES, name, number, text};
use crate::machine::Ledger;
use crate::machine::key::Text;

/// How many targets may be added at run time.
pub(crate) const TARGETS: usize = 2_000;
/// How many flags may be set.
pub(crate) const FLAGS: usize = 256;
/// How many targets may have a limit.
pub(crate) const LIMITS: usize = 12_000;
/// How many samplers may have a rate.
pub(crate) const RATES: usize = 256;
/// The longest endpoint in bytes.
const ENDPOINT_BYTES: usize = 512;
/// How many labels a target may have.
const LABELS: usize = 64;
/// The longest name or value of a label, in bytes.
const LABEL_BYTES: usize = 1_024;
/// A higher limit is none.
pub(super) const MOST_QUERIES: f64 = 1e9;

pub(super) fn item(item: Item) -> DataItem {
    DataItem { item: Some(item) }
}

/// What an item is about: two items with one subject exclude each other.
pub(super) fn subject(item: &DataItem) -> Option<(u8, &str)> {
    Some(match item.item.as_ref()? {
        Item::Target(target) => (0, &target.target_id),
        Item::NoTarget(id) => (0, id),
        Item::Limit(limit) => (1, &limit.target),
        Item::NoLimit(target) => (1, target),
        Item::Flag(flag) => (2, &flag.name),
        Item::NoFlag(name) => (2, name),
        Item::Rate(rate) => (3, &rate.sampler),
        Item::NoRate(sampler) => (3, sampler),
    })
}

/// Refuses an item that cannot be kept.
pub(super) fn check(item: &DataItem) -> Result<(), Refused> {
    match item.item.as_ref() {
        None => Err(Refused::invalid("there is no item")),
        Some(Item::Target(target)) => check_target(target),
        Some(Item::NoTarget(id)) => name("the target's id", id, TARGET_BYTES),
        Some(Item::Limit(limit)) => {
            name("the target's id", &limit.target, TARGET_BYTES)?;
            exact("the limit", limit.queries_per_second, MOST_QUERIES)
        }
        Some(Item::NoLimit(target)) => name("the target's id", target, TARGET_BYTES),
        Some(Item::Flag(flag)) => name("the flag's name", &flag.name, NAME_BYTES),
        Some(Item::NoFlag(flag)) => name("the flag's name", flag, NAME_BYTES),
        Some(Item::Rate(rate)) => {
            name("the sampler's name", &rate.sampler, NAME_BYTES)?;
            exact("the rate", rate.rate, 100.0)
        }
        Some(Item::NoRate(sampler)) => name("the sampler's name", sampler, NAME_BYTES),
    }
}

/// Refuses a number that was not rounded as numbers are.
fn exact(what: &str, value: f64, most: f64) -> Result<(), Refused> {
    if number(what, value, most)?.to_bits() != value.to_bits() {
        return Err(Refused::invalid(format!(
            "{what} has more than six decimal places"
        )));
    }
    Ok(())
}

fn check_target(target: &RuntimeTarget) -> Result<(), Refused> {
    name("the target's id", &target.target_id, TARGET_BYTES)?;
    name("the receiver's name", &target.receiver, NAME_BYTES)?;
    name("the endpoint", &target.endpoint, ENDPOINT_BYTES)?;
    if target.labels.len() > LABELS {
        return Err(Refused::limit(format!("a target has at most {LABELS} labels")));
    }
    if !target.labels.is_sorted_by(|one, next| one.name < next.name) {
        return Err(Refused::invalid(
            "labels are not sorted by name, or one came twice",
        ));
    }
    for label in &target.labels {
        name("the label's name", &label.name, LABEL_BYTES)?;
        text("the label's value", &label.value, LABEL_BYTES)?;
    }
    Ok(())
}

impl DataSet {
    /// Refuses items for which there is no room.
    pub(super) fn room(&self, items: &[DataItem]) -> Result<(), Refused> {
        let (mut targets, mut limits, mut flags, mut rates) = (0, 0, 0, 0);
        for item in items {
            match item.item.as_ref() {
                Some(Item::Target(one)) => {
                    targets += usize::from(self.target(&one.target_id).is_none());
                }
                Some(Item::Limit(one)) => {
                    limits += usize::from(self.limits.get(&Text(one.target.clone())).is_none());
                }
                Some(Item::Flag(one)) => flags += usize::from(self.flag(&one.name).is_none()),
                Some(Item::Rate(one)) => {
                    rates += usize::from(self.rates.get(&Text(one.sampler.clone())).is_none());
                }
                _ => {}
            }
        }
        let full = [
            (targets, self.targets.len(), TARGETS, "targets added at run time"),
            (limits, self.limits.len(), LIMITS, "limits"),
            (flags, self.flags.len(), FLAGS, "flags"),
            (rates, self.rates.len(), RATES, "rates of samplers"),
        ];
        for (new, known, most, what) in full {
            if new > 0 && known + new > most {
                return Err(Refused::limit(format!("there are at most {most} {what}")));
            }
        }
        Ok(())
    }

    /// Sets all items, which were checked, and gives what undoes it, in the order in which it does.
    pub(super) fn set_all(&mut self, books: &mut Ledger, items: &[DataItem]) -> Vec<DataItem> {
        let mut inverse: Vec<DataItem> = items.iter().filter_map(|item| self.set(books, item)).collect();
        inverse.reverse();
        inverse
    }

    /// Sets one item. `None`: it was so already.
    fn set(&mut self, books: &mut Ledger, item: &DataItem) -> Option<DataItem> {
        let known = self.present(item)?;
        if known == *item {
            return None;
        }
        match item.item.clone()? {
            Item::Target(target) => self.targets.put(books, Text(target.target_id.clone()), target),
            Item::NoTarget(id) => drop(self.targets.remove(books, &Text(id))),
            Item::Limit(limit) => self.limits.put(books, Text(limit.target.clone()), limit),
            Item::NoLimit(target) => drop(self.limits.remove(books, &Text(target))),
            Item::Flag(flag) => self.flags.put(books, Text(flag.name.clone()), flag),
            Item::NoFlag(name) => drop(self.flags.remove(books, &Text(name))),
            Item::Rate(rate) => self.rates.put(books, Text(rate.sampler.clone()), rate),
            Item::NoRate(sampler) => drop(self.rates.remove(books, &Text(sampler))),
        }
        Some(known)
    }

    /// What there is of an item's subject.
    fn present(&self, item: &DataItem) -> Option<DataItem> {
        let (kind, id) = subject(item)?;
        let key = id.to_owned();
        let known = match kind {
            0 => self.targets.get(&Text(key)).cloned().map(Item::Target),
            1 => self.limits.get(&Text(key)).cloned().map(Item::Limit),
            2 => self.flags.get(&Text(key)).cloned().map(Item::Flag),
            _ => self.rates.get(&Text(key)).cloned().map(Item::Rate),
        };
        let id = id.to_owned();
        let nothing = || match kind {
            0 => Item::NoTarget(id),
            1 => Item::NoLimit(id),
            2 => Item::NoFlag(id),
            _ => Item::NoRate(id),
        };
        Some(self::item(known.unwrap_or_else(nothing)))
    }
}

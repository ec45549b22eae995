//! The names that the bits of seen statements stand for.

use std::collections::BTreeSet;

use ringwatch_proto::v1::SeenRules;

use super::super::Refused;
use crate::command::{NAME_BYTES, name};

/// How many rules a sampler has in a pipeline.
pub(crate) const RULES: usize = 64;

/// Checks a command's names.
pub(super) fn check(names: &[String]) -> Result<(), Refused> {
    if names.len() > RULES {
        return Err(Refused::limit(format!("a sampler has at most {RULES} rules")));
    }
    for rule in names {
        name("the rule's name", rule, NAME_BYTES)?;
    }
    if names.iter().collect::<BTreeSet<_>>().len() < names.len() {
        return Err(Refused::invalid("two rules have one name"));
    }
    Ok(())
}

/// Gives each of `names` a bit among the `known` ones: where there is room at the end, and then where a
/// name is not used by any statement (`used` is asked only then). `None`: there is no room. Also the bits
/// that were given to another name, which no statement may have any more.
pub(super) fn place(
    known: &SeenRules,
    names: &[String],
    used: impl FnOnce() -> u64,
) -> Option<(SeenRules, Vec<u8>)> {
    let mut all = known.clone();
    let mut missing = Vec::new();
    for name in names {
        if !all.names.contains(name) {
            missing.push(name);
        }
    }
    let room = RULES.saturating_sub(all.names.len());
    let at_end = missing.len().min(room);
    let over = missing.split_off(at_end);
    all.names.extend(missing.into_iter().cloned());
    if !over.is_empty() {
        let used = used();
        let free = (0..all.names.len()).filter(|at| used >> at & 1 == 0);
        let is_wanted = |at: &usize| all.names.get(*at).is_some_and(|name| names.contains(name));
        let free: Vec<usize> = free.filter(|at| !is_wanted(at)).collect();
        if free.len() < over.len() {
            return None;
        }
        for (at, name) in free.into_iter().zip(over) {
            if let Some(old) = all.names.get_mut(at) {
                name.clone_into(old);
            }
        }
    }
    let bit = |name: &String| all.names.iter().position(|known| known == name);
    let bits = names.iter().filter_map(|name| u8::try_from(bit(name)?).ok());
    let bits: Vec<u8> = bits.collect();
    Some((all, bits))
}

/// The bits of a command, where they are in the table.
pub(super) fn moved(bits: u64, places: &[u8]) -> u64 {
    let set = places.iter().enumerate().filter(|(at, _)| bits >> at & 1 == 1);
    set.fold(0, |moved, (_, place)| moved | 1 << (place & 63))
}

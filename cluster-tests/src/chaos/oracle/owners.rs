//! Whether two nodes owned a target at once, by what the database was asked.

use std::collections::HashMap;

use super::database::{Seen, is_owners_reading, node_of};
use crate::postgres::questions;

/// An owner whose readings are no further apart than this, in milliseconds, has owned the target meanwhile: no target goes
/// to another node and back as fast.
const AT_ONCE: i64 = 2_000;

/// Readings of an owner between two of another one, as the server's log has them, each in words.
pub fn at_once(seen: &Seen, log: &str) -> Vec<String> {
    let readings = questions::read(log);
    let mut last: HashMap<&str, HashMap<&str, i64>> = HashMap::new();
    let mut found = Vec::new();
    for reading in readings.iter().filter(|question| is_owners_reading(question)) {
        let Some(target) = seen.place(reading.backend, reading.at) else {
            continue;
        };
        let Some(node) = node_of(&reading.application) else {
            continue;
        };
        let nodes = last.entry(target).or_default();
        if let Some(before) = nodes.get(node).copied().filter(|at| reading.at - at < AT_ONCE) {
            let between = nodes.iter().find(|(other, at)| **other != node && **at > before);
            if let Some((other, at)) = between {
                found.push(format!(
                    "{target}: {node} at {before} and {}, {other} at {at}",
                    reading.at
                ));
            }
        }
        nodes.insert(node, reading.at);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_is_none_and_turns_are() {
        let line = |second: u32, node: &str, backend: u32| {
            let text = "LOG:  execute s: /* ringwatch s */ select 1";
            format!(
                "1970-01-01 00:00:0{second}.250 UTC [{backend}] app=ringwatch/{node}@c/3 user=u db=d {text}\n"
            )
        };
        let mut seen = Seen::default();
        for (backend, at) in [(7, 1_000), (8, 2_000), (7, 5_000)] {
            seen.note_place(backend, "x:1", at);
        }
        let moved = [line(1, "a", 7), line(2, "b", 8), line(5, "a", 7)].concat();
        assert!(at_once(&seen, &moved).is_empty());
        let turns = [line(1, "a", 7), line(2, "b", 8), line(2, "a", 7)].concat();
        assert_eq!(at_once(&seen, &turns).len(), 1);
    }
}

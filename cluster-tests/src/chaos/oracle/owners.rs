//! Whether two nodes owned a target at once, by what the database was asked.

use std::collections::HashMap;

use super::database::{is_owners_reading, node_of, target_of};
use crate::postgres::questions;

/// An owner that reads a stream at one tick and at the next one, in milliseconds apart, has owned the target meanwhile: no
/// target goes to another node and back as fast. The shortest interval of the rigs is a second.
const AT_ONCE: i64 = 1_400;

/// Readings of a node while another one owned the target, as the server's log has them, each in words: between two readings
/// of the same stream by that other one at successive ticks of a second.
pub fn at_once(log: &str) -> Vec<String> {
    let readings = questions::read(log);
    let mut targets: HashMap<&str, Target<'_>> = HashMap::new();
    let mut found = Vec::new();
    for reading in readings.iter().filter(|question| is_owners_reading(question)) {
        let name = &reading.application;
        let Some((node, target)) = node_of(name).zip(target_of(name)) else {
            continue;
        };
        let known = targets.entry(target).or_default();
        let before = known.streams.insert((node, &reading.text), reading.at);
        if let Some(before) = before.filter(|at| reading.at - at < AT_ONCE) {
            let between = known
                .nodes
                .iter()
                .find(|(other, at)| **other != node && **at > before);
            if let Some((other, at)) = between {
                let now = reading.at;
                found.push(format!("{target}: {node} at {before} and {now}, {other} at {at}"));
            }
        }
        known.nodes.insert(node, reading.at);
    }
    found
}

/// When a target was read last.
#[derive(Default)]
struct Target<'a> {
    /// By a node.
    nodes: HashMap<&'a str, i64>,
    /// By a node, of a stream.
    streams: HashMap<(&'a str, &'a str), i64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_move_is_none_and_turns_are() {
        let of_stream = |at: &str, node: &str, backend: u32, stream: &str| {
            let text = format!("LOG:  execute s: /* ringwatch {stream} */ select 1");
            format!(
                "1970-01-01 00:00:0{at} UTC [{backend}] app=ringwatch/{node}@c/0a0b0c0d/3 user=u db=d {text}\n"
            )
        };
        let line =
            |second: u32, node: &str, backend: u32| of_stream(&format!("{second}.250"), node, backend, "s");
        let moved = [line(1, "a", 7), line(2, "b", 8), line(5, "a", 7)].concat();
        assert!(at_once(&moved).is_empty());
        let turns = [line(1, "a", 7), line(2, "b", 8), line(2, "a", 7)].concat();
        assert_eq!(at_once(&turns).len(), 1);
        let slow = [
            line(1, "a", 7),
            of_stream("2.200", "b", 8, "slow"),
            line(2, "a", 7),
        ];
        assert_eq!(at_once(&slow.concat()).len(), 1, "whatever it reads");
        let back = [
            line(1, "a", 7),
            line(2, "b", 8),
            of_stream("2.400", "a", 7, "slow"),
            line(3, "a", 7),
        ];
        assert!(
            at_once(&back.concat()).is_empty(),
            "it came back before the next tick"
        );
    }
}

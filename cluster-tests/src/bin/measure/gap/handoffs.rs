//! Handoffs, as the logs of the nodes have them.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::Value;

/// What the old owner says.
const SAYS: &str = "target handed over";

/// When each target was handed over, by the logs in this folder, in milliseconds since 1970.
///
/// # Errors
/// A log cannot be read.
pub(crate) fn logged(folder: &Path) -> Result<BTreeMap<String, Vec<i64>>> {
    let mut handoffs = BTreeMap::new();
    for entry in folder.read_dir().context("the folder of the logs")? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with("node-") && name.ends_with(".log") {
            note(&std::fs::read_to_string(&path)?, &mut handoffs);
        }
    }
    handoffs.values_mut().for_each(|times| times.sort_unstable());
    Ok(handoffs)
}

fn note(log: &str, handoffs: &mut BTreeMap<String, Vec<i64>>) {
    for line in log.lines().filter(|line| line.contains(SAYS)) {
        let line: Value = serde_json::from_str(line).unwrap_or_default();
        let time = line["ts"].as_str().and_then(|ts| ts.parse::<Timestamp>().ok());
        if let (Some(time), Some(target)) = (time, line["target"].as_str()) {
            let times: &mut Vec<i64> = handoffs.entry(target.to_owned()).or_default();
            times.push(time.as_millisecond());
        }
    }
}

/// The most handoffs of one target within any such time. The times are sorted.
pub(crate) fn most_within(handoffs: &BTreeMap<String, Vec<i64>>, within: Duration) -> usize {
    let within = i64::try_from(within.as_millis()).unwrap_or(i64::MAX);
    let most = |times: &Vec<i64>| {
        let from = |(at, first): (usize, &i64)| {
            times[at..]
                .iter()
                .take_while(|time| **time - first < within)
                .count()
        };
        times.iter().enumerate().map(from).max().unwrap_or(0)
    };
    handoffs.values().map(most).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn handoffs_are_counted_in_any_such_time() {
        let line = |second: u32, what: &str, target: &str| {
            format!(
                "{{\"ts\":\"2026-01-01T00:00:{second:02}.000Z\",\"msg\":\"{what}\",\"target\":\"{target}\"}}\n"
            )
        };
        let log = [
            line(1, SAYS, "a"),
            line(2, SAYS, "b"),
            line(3, "target claimed", "a"),
            line(4, SAYS, "a"),
            line(9, SAYS, "a"),
            line(11, SAYS, "a"),
        ];
        let mut handoffs = BTreeMap::new();
        note(&log.concat(), &mut handoffs);
        assert_eq!(most_within(&handoffs, Duration::from_secs(8)), 3);
        assert_eq!(most_within(&handoffs, Duration::from_secs(60)), 4);
        assert_eq!(most_within(&BTreeMap::new(), Duration::from_secs(60)), 0);
    }
}

//! What the cluster says of its own ticks.

use std::collections::BTreeSet;
use std::process::Output;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::ticks::Ticks;
use crate::cluster::command;

/// What the cluster says of the ticks of one target in the last `minutes`: by what became of them.
///
/// # Errors
/// It cannot be had.
pub fn of_target(grpc: u16, minutes: u64, target: &str) -> Result<Value> {
    let (_, said) = ask(grpc, minutes, &["--targets"])?;
    let targets = said["targets"].as_array().context("an audit without targets")?;
    let of = targets
        .iter()
        .find(|one| one["target_id"].as_str() == Some(target));
    Ok(of.cloned().unwrap_or_default())
}

/// Asks the node whose gRPC port this is for an account of the last `minutes`, and gives it. It balances, but for ticks
/// that have come twice at the receiver as well.
///
/// # Errors
/// It does not, or cannot be had; the message holds what the command said.
pub fn balanced(grpc: u16, minutes: u64, seen: &Ticks) -> Result<Value> {
    let (output, said) = ask(grpc, minutes, &[])?;
    let (code, totals) = (output.status.code(), &said["totals"]);
    let number = |name: &str| totals[name].as_u64();
    let double = said["findings"].as_array().into_iter().flatten();
    let double = double.filter(|finding| finding["what"] == "double");
    let all_told = u64::try_from(double.clone().count()).ok() == number("double");
    // All streams of a database have the same ticks: the receiver counts one where the books count each stream. Of a server
    // without a standby there is nothing to be said about replication, and nothing about statements where a baseline began
    // anew, so that the receiver sees no such tick.
    let seen_there = |finding: &&Value| {
        let stream = finding["stream"].as_str().unwrap_or_default();
        !matches!(stream, "postgresql.replication" | "postgresql.statements")
    };
    let double: BTreeSet<_> = double
        .filter(seen_there)
        .map(|finding| (finding["target_id"].as_str(), finding["tick"].as_str()))
        .collect();
    let counted = u64::try_from(double.len()).unwrap_or(u64::MAX);
    let twice = number("double") > Some(0) && all_told && counted <= seen.repeated_ticks;
    let known = number("unknown") == Some(0);
    ensure!(
        output.status.success() || (code == Some(1) && known && twice),
        "the audit ends with {}, {} ticks came twice at the receiver: {said}{}",
        output.status,
        seen.repeated_ticks,
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(said)
}

fn ask(grpc: u16, minutes: u64, more: &[&str]) -> Result<(Output, Value)> {
    let from = format!("{minutes}m");
    let output = command(grpc, &[&["audit", "--from", &from, "-o", "json"], more].concat())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let said = serde_json::from_str(&text).with_context(|| format!("odd audit: {text}"))?;
    Ok((output, said))
}

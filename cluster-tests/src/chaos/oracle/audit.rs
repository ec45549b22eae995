//! What the cluster says of its own ticks.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::cluster::command;

/// What the cluster says of the ticks of one target in the last `minutes`: by what became of them.
///
/// # Errors
/// It cannot be had.
pub fn of_target(grpc: u16, minutes: u64, target: &str) -> Result<Value> {
    let from = format!("{minutes}m");
    let output = command(grpc, &["audit", "--targets", "--from", &from, "-o", "json"])?;
    let said: Value = serde_json::from_slice(&output.stdout).context("odd audit")?;
    let targets = said["targets"].as_array().context("an audit without targets")?;
    let of = targets
        .iter()
        .find(|one| one["target_id"].as_str() == Some(target));
    Ok(of.cloned().unwrap_or_default())
}

/// Asks the node whose gRPC port this is for an account of the last `minutes`, and gives it.
///
/// # Errors
/// It does not balance, or cannot be had; the message holds what the command said.
pub fn balanced(grpc: u16, minutes: u64) -> Result<Value> {
    let from = format!("{minutes}m");
    let output = command(grpc, &["audit", "--from", &from, "-o", "json"])?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(
        output.status.success(),
        "the audit ends with {}: {said}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    serde_json::from_str(&said).with_context(|| format!("odd audit: {said}"))
}

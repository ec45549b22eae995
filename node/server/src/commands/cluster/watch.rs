//! `ringwatch cluster watch`: the members, and then what changes.

use std::fmt::Write as _;

use ringwatch_frame::Clock;
use ringwatch_proto::v1;

use super::changes::changes;
use super::{Node, json, table};
use crate::cli::{Client, Output};
use crate::commands::say;
use crate::telemetry::timestamp;

/// Prints until Ctrl-C, or until nobody reads any more.
pub(super) async fn watch(client: &Client) -> anyhow::Result<()> {
    let mut node = Node::connect(&client.address).await?;
    let asked = node.ask(async |node| node.watch_members(v1::WatchMembersRequest {}).await);
    let mut stream = asked.await?;
    let clock = Clock::system();
    let mut before: Option<v1::ListMembersResponse> = None;
    loop {
        let next = tokio::select! {
            next = stream.message() => next.map_err(|status| node.refused(&status))?,
            interrupted = tokio::signal::ctrl_c() => return Ok(interrupted?),
        };
        let Some(now) = next else { return Err(node.ended()) };
        let text = match (client.output, &before) {
            (Output::Json, _) => format!("{}\n", serde_json::to_string(&json::members(&now))?),
            (Output::Table, None) => format!("{}\n", table::members(&now)),
            (Output::Table, Some(before)) => lines(&timestamp(&clock), &changes(before, &now)),
        };
        if !say(&text)? {
            return Ok(());
        }
        before = Some(now);
    }
}

fn lines(time: &str, changes: &[String]) -> String {
    let mut text = String::new();
    for change in changes {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{time}  {change}");
    }
    text
}

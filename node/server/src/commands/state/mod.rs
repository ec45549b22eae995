//! `ringwatch state ...`: what the nodes remember together, saved, put back, and in figures.

mod json;
mod table;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures::stream;
use ringwatch_proto::v1;
use ringwatch_proto::v1::backup_client::BackupClient;
use tonic::transport::Channel;

use super::client::{self, converse, signed};
use super::text::show;
use super::{input, print};
use crate::cli::{Output, StateCommand};
use crate::grpc::{LARGEST_BACKUP, PART};

/// A group of a hundred thousand statements is imported within seconds.
const PATIENCE: Duration = Duration::from_secs(120);

type Node = client::Node<BackupClient<Channel>>;

/// `ringwatch state export|import|inspect`.
pub(crate) fn state(what: &StateCommand) -> anyhow::Result<()> {
    converse(ask(what))
}

async fn ask(what: &StateCommand) -> anyhow::Result<()> {
    match what {
        StateCommand::Export(client) => {
            let mut node = Node::connect(&client.address).await?.patient(PATIENCE);
            let asked = node.ask(async |node| node.export(v1::ExportRequest {}).await);
            let mut parts = asked.await?;
            let mut text = Vec::new();
            while let Some(part) = parts.message().await.map_err(|status| node.refused(&status))? {
                text.extend_from_slice(&part.part);
                if text.len() > LARGEST_BACKUP {
                    bail!("the export is larger than any that a node makes; it was not taken");
                }
            }
            // A half that looks like a whole would be found out when it is needed.
            serde_json::from_slice::<serde::de::IgnoredAny>(&text).context("the export is not complete")?;
            print(&String::from_utf8(text).context("the export is no text in UTF-8")?)
        }
        StateCommand::Import { file, client } => {
            let text = read(file)?;
            let mut node = Node::connect(&client.address).await?.patient(PATIENCE);
            let parts: Vec<_> = text
                .as_bytes()
                .chunks(PART)
                .map(|part| v1::ImportRequest { part: part.to_vec() })
                .collect();
            let asked = node.ask(async |node| node.import(signed(stream::iter(parts))).await);
            let answer = asked.await?;
            show(client, &json::import(&answer), || {
                format!("{} commands were taken\n", answer.commands)
            })
        }
        StateCommand::Inspect(client) => {
            let mut node = Node::connect(&client.address).await?;
            let asked = node.ask(async |node| node.inspect(v1::InspectRequest {}).await);
            let answer = asked.await?;
            match client.output {
                Output::Json => show(client, &json::inspect(&answer), String::new),
                Output::Table => print(&table::inspect(&answer)),
            }
        }
    }
}

fn read(file: &Path) -> anyhow::Result<String> {
    let text = input::whole(Some(file), LARGEST_BACKUP)?;
    if text.len() > LARGEST_BACKUP {
        bail!("{} is larger than any export of a node", file.display());
    }
    serde_json::from_str::<serde::de::IgnoredAny>(&text)
        .with_context(|| format!("{} is no export: it is not JSON", file.display()))?;
    Ok(text)
}

//! `ringwatch targets|flags|limits ...`: what can be changed without a restart.

mod json;
mod table;

use ringwatch_proto::v1;
use ringwatch_proto::v1::runtime_client::RuntimeClient;
use tonic::transport::Channel;

use super::client::{self, converse, signed};
use super::print;
use super::text::{plain, show};
use crate::cli::{Ceiling, Change, Client, FlagsCommand, LimitsCommand, Output, Switch, TargetsCommand};

type Node = client::Node<RuntimeClient<Channel>>;

/// `ringwatch targets list|add|remove|rollback|history`.
pub(crate) fn targets(what: &TargetsCommand) -> anyhow::Result<()> {
    converse(ask_targets(what))
}

/// `ringwatch flags list|set`.
pub(crate) fn flags(what: &FlagsCommand) -> anyhow::Result<()> {
    converse(ask_flags(what))
}

/// `ringwatch limits list|set`.
pub(crate) fn limits(what: &LimitsCommand) -> anyhow::Result<()> {
    converse(ask_limits(what))
}

async fn ask_targets(what: &TargetsCommand) -> anyhow::Result<()> {
    match what {
        TargetsCommand::List(client) => {
            let mut node = Node::connect(&client.address).await?;
            let asked = node.ask(async |node| node.list_watched(v1::ListWatchedRequest {}).await);
            let answer = asked.await?;
            show(client, &json::watched(&answer), || table::watched(&answer))
        }
        TargetsCommand::Add {
            receiver,
            endpoint,
            label,
            client,
        } => {
            let wanted = v1::AddTargetRequest {
                receiver: receiver.clone(),
                endpoint: endpoint.to_string(),
                labels: label.iter().cloned().collect(),
                expected_version: expected(client),
            };
            let what = format!("{endpoint} is watched as {} says", plain(receiver));
            change(client, &what, async |node| node.add_target(signed(wanted)).await).await
        }
        TargetsCommand::Remove { target, client } => {
            let wanted = v1::RemoveTargetRequest {
                target_id: target.clone(),
                expected_version: expected(client),
            };
            let what = format!("{} is not watched any more", plain(target));
            change(client, &what, async |node| {
                node.remove_target(signed(wanted)).await
            })
            .await
        }
        TargetsCommand::Rollback { to, client } => {
            let wanted = v1::RollBackRequest {
                to_version: to.unwrap_or(0),
                expected_version: expected(client),
            };
            let what = match to {
                Some(version) => format!("all is as in version {version}"),
                None => "the last change is undone".to_owned(),
            };
            change(client, &what, async |node| node.roll_back(signed(wanted)).await).await
        }
        TargetsCommand::History { limit, client } => {
            let mut node = Node::connect(&client.address).await?;
            let wanted = v1::GetHistoryRequest { limit: *limit };
            let asked = node.ask(async |node| node.get_history(wanted).await);
            let answer = asked.await?;
            show(client, &json::history(&answer), || table::history(&answer))
        }
    }
}

async fn ask_flags(what: &FlagsCommand) -> anyhow::Result<()> {
    match what {
        FlagsCommand::List(client) => {
            let mut node = Node::connect(&client.address).await?;
            let asked = node.ask(async |node| node.list_flags(v1::ListFlagsRequest {}).await);
            let answer = asked.await?;
            show(client, &json::flags(&answer), || table::flags(&answer))
        }
        FlagsCommand::Set { name, value, client } => {
            let (value, word) = match value {
                Switch::On => (Some(true), "on"),
                Switch::Off => (Some(false), "off"),
                Switch::Default => (None, "as by default"),
            };
            let wanted = v1::SetFlagRequest {
                name: name.clone(),
                value,
                expected_version: expected(client),
            };
            let what = format!("{} is {word}", plain(name));
            change(client, &what, async |node| node.set_flag(signed(wanted)).await).await
        }
    }
}

async fn ask_limits(what: &LimitsCommand) -> anyhow::Result<()> {
    match what {
        LimitsCommand::List(client) => {
            let mut node = Node::connect(&client.address).await?;
            let asked = node.ask(async |node| node.list_limits(v1::ListLimitsRequest {}).await);
            let answer = asked.await?;
            show(client, &json::limits(&answer), || table::limits(&answer))
        }
        LimitsCommand::Set {
            target,
            limit,
            client,
        } => {
            let (limit, words) = match limit {
                Ceiling::Default => (None, "limited as configured".to_owned()),
                Ceiling::PerSecond(limit) => (Some(*limit), format!("asked at most {limit} times a second")),
            };
            let wanted = v1::SetLimitRequest {
                target_id: target.clone(),
                queries_per_second: limit,
                expected_version: expected(client),
            };
            let what = format!("{} is {words}", plain(target));
            change(client, &what, async |node| node.set_limit(signed(wanted)).await).await
        }
    }
}

fn expected(change: &Change) -> u64 {
    change.expected_version.unwrap_or(0)
}

/// Asks for a change, and says what is so from then on.
async fn change(
    Change { client, .. }: &Change,
    what: &str,
    call: impl AsyncFnOnce(
        &mut RuntimeClient<Channel>,
    ) -> Result<tonic::Response<v1::ChangeResponse>, tonic::Status>,
) -> anyhow::Result<()> {
    let Client { address, output } = client;
    let mut node = Node::connect(address).await?;
    let answer = node.ask(call).await?;
    match output {
        Output::Json => show(client, &json::change(&answer), String::new),
        Output::Table => print(&table::change(what, &answer)),
    }
}

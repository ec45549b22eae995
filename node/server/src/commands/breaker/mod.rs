//! `ringwatch breaker ...`: the circuits of the databases.

mod json;
mod table;

use ringwatch_proto::v1;
use ringwatch_proto::v1::breakers_client::BreakersClient;
use serde::Serialize;
use tonic::transport::Channel;

use super::client::{self, converse, signed};
use super::text::show;
use crate::cli::BreakerCommand;

/// A circuit as JSON, as every way to ask for it answers.
pub(crate) fn breaker_json(breaker: &v1::Breaker) -> impl Serialize {
    json::breaker(breaker)
}

/// All circuits as JSON.
pub(crate) fn breakers_json(answer: &v1::ListBreakersResponse) -> impl Serialize {
    json::breakers(answer)
}

type Node = client::Node<BreakersClient<Channel>>;

/// `ringwatch breaker list|reset|open`.
pub(crate) fn breaker(what: &BreakerCommand) -> anyhow::Result<()> {
    converse(ask(what))
}

async fn ask(what: &BreakerCommand) -> anyhow::Result<()> {
    match what {
        BreakerCommand::List(client) => {
            let mut node = Node::connect(&client.address).await?;
            let wanted = v1::ListBreakersRequest { local: false };
            let asked = node.ask(async |node| node.list_breakers(wanted).await);
            let breakers = asked.await?;
            show(client, &json::breakers(&breakers), || table::breakers(&breakers))
        }
        BreakerCommand::Reset { target, client } => {
            let mut node = Node::connect(&client.address).await?;
            let wanted = v1::ResetBreakerRequest {
                target: target.clone(),
            };
            let asked = node.ask(async |node| node.reset_breaker(signed(wanted)).await);
            let breaker = asked.await?;
            show(client, &json::breaker(&breaker), || table::breaker(&breaker))
        }
        BreakerCommand::Open { target, time, client } => {
            let mut node = Node::connect(&client.address).await?;
            let wanted = v1::OpenBreakerRequest {
                target: target.clone(),
                r#for: time.and_then(|time| prost_types::Duration::try_from(*time).ok()),
            };
            let asked = node.ask(async |node| node.open_breaker(signed(wanted)).await);
            let breaker = asked.await?;
            show(client, &json::breaker(&breaker), || table::breaker(&breaker))
        }
    }
}

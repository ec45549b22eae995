//! `ringwatch feedback ...`: what verification has found, and whether it was right.

mod json;
mod table;

use ringwatch_proto::v1;
use ringwatch_proto::v1::verification_client::VerificationClient;
use tonic::transport::Channel;

use super::client::{self, converse};
use super::text::show;
use crate::cli::FeedbackCommand;

type Node = client::Node<VerificationClient<Channel>>;

/// `ringwatch feedback list|status|wrong|right`.
pub(crate) fn feedback(what: &FeedbackCommand) -> anyhow::Result<()> {
    converse(ask(what))
}

async fn ask(what: &FeedbackCommand) -> anyhow::Result<()> {
    match what {
        FeedbackCommand::Status(client) => {
            let mut node = Node::connect(&client.address).await?;
            let asked = node.ask(async |node| node.get_verification(v1::GetVerificationRequest {}).await);
            let answer = asked.await?;
            show(client, &json::status(&answer), || table::status(&answer))
        }
        FeedbackCommand::List { limit, client } => {
            let mut node = Node::connect(&client.address).await?;
            let wanted = v1::ListFindingsRequest { limit: *limit };
            let answer = node.ask(async |node| node.list_findings(wanted).await).await?;
            show(client, &json::findings(&answer), || table::findings(&answer))
        }
        FeedbackCommand::Wrong { id, client } => give(id, true, client).await,
        FeedbackCommand::Right { id, client } => give(id, false, client).await,
    }
}

async fn give(id: &str, wrong: bool, client: &crate::cli::Client) -> anyhow::Result<()> {
    let mut node = Node::connect(&client.address).await?;
    let wanted = v1::GiveFeedbackRequest {
        id: id.to_owned(),
        wrong,
        who: std::env::var("USER").unwrap_or_default(),
    };
    let answer = node.ask(async |node| node.give_feedback(wanted).await).await?;
    show(client, &json::feedback(&answer), || table::feedback(&answer))
}

//! `ringwatch sampler ...`: the samplers of a node.

mod json;
mod table;

use ringwatch_proto::v1;
use ringwatch_proto::v1::sampler_client::SamplerClient;
use tonic::transport::Channel;

use super::client::{self, converse, signed};
use super::text::show;
use crate::cli::{Rate, SamplerCommand};

type Node = client::Node<SamplerClient<Channel>>;

/// `ringwatch sampler show|set-rate`.
pub(crate) fn sampler(what: &SamplerCommand) -> anyhow::Result<()> {
    converse(ask(what))
}

async fn ask(what: &SamplerCommand) -> anyhow::Result<()> {
    let (client, samplers) = match what {
        SamplerCommand::Show(client) => {
            let mut node = Node::connect(&client.address).await?;
            let asked = node.ask(async |node| node.get_sampler(v1::GetSamplerRequest {}).await);
            (client, asked.await?)
        }
        SamplerCommand::SetRate {
            rate,
            name,
            cache_size,
            client,
        } => {
            let mut node = Node::connect(&client.address).await?;
            let wanted = v1::SetRateRequest {
                name: name.clone().unwrap_or_default(),
                rate: match rate {
                    Rate::Default => None,
                    Rate::Percent(rate) => Some(*rate),
                },
                reset: *rate == Rate::Default,
                cache_size: *cache_size,
            };
            let asked = node.ask(async |node| node.set_rate(signed(wanted)).await);
            (client, asked.await?)
        }
    };
    show(client, &json::samplers(&samplers), || table::samplers(&samplers))
}

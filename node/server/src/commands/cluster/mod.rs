//! `ringwatch cluster ...`: asks a running node.

mod audit;
mod changes;
mod drain;
mod events;
mod json;
mod moves;
mod progress;
mod table;
mod watch;

use ringwatch_proto::v1;
use ringwatch_proto::v1::cluster_client::ClusterClient;
use tonic::transport::Channel;

use super::client::{self, converse};
use super::text::show;
use crate::cli::ClusterCommand;

type Node = client::Node<ClusterClient<Channel>>;

/// `ringwatch cluster members|ring|targets|locate|watch|audit|drain|move|rebalance`.
pub(crate) fn cluster(what: &ClusterCommand) -> anyhow::Result<()> {
    converse(ask(what))
}

async fn ask(what: &ClusterCommand) -> anyhow::Result<()> {
    match what {
        ClusterCommand::Members(client) => {
            let mut node = Node::connect(&client.address).await?;
            let asked = node.ask(async |node| node.list_members(v1::ListMembersRequest {}).await);
            let members = asked.await?;
            show(client, &json::members(&members), || table::members(&members))
        }
        ClusterCommand::Ring(client) => {
            let mut node = Node::connect(&client.address).await?;
            let asked = node.ask(async |node| node.get_ring(v1::GetRingRequest {}).await);
            let ring = asked.await?;
            show(client, &json::ring(&ring), || table::ring(&ring))
        }
        ClusterCommand::Targets(client) => {
            let mut node = Node::connect(&client.address).await?;
            let asked = node.ask(async |node| node.list_targets(v1::ListTargetsRequest {}).await);
            let targets = asked.await?;
            show(client, &json::targets(&targets), || table::targets(&targets))
        }
        ClusterCommand::Locate { target, client } => {
            let mut node = Node::connect(&client.address).await?;
            let wanted = v1::LocateTargetRequest {
                target_id: target.clone(),
            };
            let asked = node.ask(async |node| node.locate_target(wanted).await);
            let target = asked.await?;
            show(client, &json::target(&target), || table::target(&target))
        }
        ClusterCommand::Watch(client) => watch::watch(client).await,
        ClusterCommand::Audit {
            from,
            to,
            targets,
            client,
        } => {
            let range = audit::Range {
                from: **from,
                to: **to,
            };
            audit::audit(client, range, *targets).await
        }
        ClusterCommand::Drain {
            node,
            undo,
            no_wait,
            client,
        } => {
            let wanted = v1::DrainRequest {
                node_id: node.clone(),
                undo: *undo,
            };
            drain::drain(client, wanted, !*no_wait).await
        }
        ClusterCommand::Move { target, node, client } => moves::move_target(client, target, node).await,
        ClusterCommand::Rebalance {
            dry_run,
            no_wait,
            client,
        } => moves::rebalance(client, *dry_run, !*no_wait).await,
    }
}

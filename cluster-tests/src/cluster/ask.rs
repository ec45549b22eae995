//! Questions to a node over gRPC, as any client asks them.

use std::time::Duration;

use anyhow::{Context, Result};
use ringwatch_proto::v1::cluster_client::ClusterClient;
use ringwatch_proto::v1::{
    DrainRequest, DrainResponse, GetRingRequest, GetRingResponse, ListMembersRequest, ListMembersResponse,
    ListTargetsRequest, Member, State, Target, WatchMembersRequest,
};
use tonic::Streaming;
use tonic::transport::{Channel, Endpoint};

const PATIENCE: Duration = Duration::from_secs(3);

/// A client of the node whose gRPC port this is.
///
/// # Errors
/// Nothing listens there.
pub async fn client(grpc: u16) -> Result<ClusterClient<Channel>> {
    let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{grpc}"))?.connect_timeout(PATIENCE);
    let channel = endpoint
        .connect()
        .await
        .with_context(|| format!("connect to the node at 127.0.0.1:{grpc}"))?;
    Ok(ClusterClient::new(channel))
}

/// The members as this node sees them.
///
/// # Errors
/// It does not answer.
pub async fn members(grpc: u16) -> Result<ListMembersResponse> {
    let mut client = client(grpc).await?;
    let answer = timely(client.list_members(ListMembersRequest {})).await?;
    Ok(answer.into_inner())
}

/// The targets as this node sees them.
///
/// # Errors
/// It does not answer.
pub async fn targets(grpc: u16) -> Result<Vec<Target>> {
    let mut client = client(grpc).await?;
    let answer = timely(client.list_targets(ListTargetsRequest {})).await?;
    Ok(answer.into_inner().targets)
}

/// The ring as this node sees it.
///
/// # Errors
/// It does not answer.
pub async fn ring(grpc: u16) -> Result<GetRingResponse> {
    let mut client = client(grpc).await?;
    let answer = timely(client.get_ring(GetRingRequest {})).await?;
    Ok(answer.into_inner())
}

/// Takes a member out of the ring, or back in.
///
/// # Errors
/// The node does not answer or refuses.
pub async fn drain(grpc: u16, node_id: &str, undo: bool) -> Result<DrainResponse> {
    let mut client = client(grpc).await?;
    let request = DrainRequest {
        node_id: node_id.into(),
        undo,
    };
    Ok(timely(client.drain(request)).await?.into_inner())
}

/// The members, now and at every change.
///
/// # Errors
/// The node does not answer.
pub async fn watch(grpc: u16) -> Result<Streaming<ListMembersResponse>> {
    let mut client = client(grpc).await?;
    Ok(timely(client.watch_members(WatchMembersRequest {}))
        .await?
        .into_inner())
}

/// A member of an answer.
pub fn member<'a>(answer: &'a ListMembersResponse, node_id: &str) -> Option<&'a Member> {
    answer.members.iter().find(|m| m.node_id == node_id)
}

/// Whether an answer holds this member in this state.
pub fn is(answer: &ListMembersResponse, node_id: &str, state: State) -> bool {
    member(answer, node_id).is_some_and(|m| m.state() == state)
}

async fn timely<T>(call: impl Future<Output = Result<T, tonic::Status>>) -> Result<T> {
    let answer = tokio::time::timeout(PATIENCE, call).await;
    Ok(answer.context("the node does not answer")??)
}

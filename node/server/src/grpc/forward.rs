//! Calls that another member has to answer: handed to it, once.

use std::time::Duration;

use ringwatch_cluster::member::{Member, State};
use ringwatch_proto::v1;
use ringwatch_proto::v1::cluster_client::ClusterClient;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Response, Status};

use super::words::{FORWARDED, handed_on};
use crate::runtime::Change;

/// Shorter than what clients wait for an answer.
pub(crate) const DEADLINE: Duration = Duration::from_secs(2);

/// Whether another node has handed this call on.
pub(super) fn is_forwarded<T>(request: &Request<T>) -> bool {
    request.metadata().contains_key(FORWARDED)
}

/// A call that is handed on.
pub(crate) fn marked<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    request
        .metadata_mut()
        .insert(FORWARDED, AsciiMetadataValue::from_static("1"));
    request
}

/// Asks `member` one thing; connecting and its answer must not take longer than `deadline`.
pub(crate) async fn ask<T>(
    member: &Member,
    deadline: Duration,
    call: impl AsyncFnOnce(Channel) -> Result<Response<T>, Status>,
) -> Result<T, Status> {
    let (node, address) = (&member.who.node, &member.said.grpc_address);
    let unreachable =
        |why: &str| Status::unavailable(format!("`{node}` cannot be reached at {address}: {why}"));
    let endpoint =
        Endpoint::from_shared(format!("http://{address}")).map_err(|_| unreachable("no address"))?;
    let call = async {
        let channel = endpoint
            .connect()
            .await
            .map_err(|_| unreachable("nobody listens there"))?;
        call(channel).await.map(Response::into_inner)
    };
    tokio::time::timeout(deadline, call)
        .await
        .unwrap_or_else(|_| Err(unreachable("no answer in time")))
}

/// Asks `member` to drain itself, or to undo it.
pub(super) async fn forward_drain(
    member: &Member,
    wanted: v1::DrainRequest,
    change: &Change,
) -> Result<v1::DrainResponse, Status> {
    if member.state == State::Dead {
        let node = &member.who.node;
        let dead =
            format!("`{node}` is dead: it has nothing to hand over, and its targets have been taken over");
        return Err(Status::failed_precondition(dead));
    }
    ask(member, DEADLINE, async |channel| {
        let mut client = ClusterClient::new(channel).max_decoding_message_size(super::LARGEST_REQUEST);
        client.drain(handed_on(wanted, change)).await
    })
    .await
}

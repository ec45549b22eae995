//! A drain that another member has to do: handed to it, once.

use std::time::Duration;

use ringwatch_cluster::member::{Member, State};
use ringwatch_proto::v1;
use ringwatch_proto::v1::cluster_client::ClusterClient;
use tonic::metadata::AsciiMetadataValue;
use tonic::transport::Endpoint;
use tonic::{Request, Status};

/// Marks a call that another node has handed on; it is not handed on again.
const FORWARDED: &str = "ringwatch-forwarded";
/// Shorter than what clients wait for an answer.
const DEADLINE: Duration = Duration::from_secs(2);

/// Whether another node has handed this call on.
pub(super) fn is_forwarded<T>(request: &Request<T>) -> bool {
    request.metadata().contains_key(FORWARDED)
}

/// Asks `member` to drain itself, or to undo it.
pub(super) async fn forward_drain(
    member: &Member,
    wanted: v1::DrainRequest,
) -> Result<v1::DrainResponse, Status> {
    let (node, address) = (&member.who.node, &member.said.grpc_address);
    let unreachable =
        |why: &str| Status::unavailable(format!("`{node}` cannot be reached at {address}: {why}"));
    if member.state == State::Dead {
        let dead =
            format!("`{node}` is dead: it has nothing to hand over, and its targets have been taken over");
        return Err(Status::failed_precondition(dead));
    }
    let endpoint =
        Endpoint::from_shared(format!("http://{address}")).map_err(|_| unreachable("no address"))?;
    let call = async {
        let channel = endpoint
            .connect()
            .await
            .map_err(|_| unreachable("nobody listens there"))?;
        let mut client = ClusterClient::new(channel).max_decoding_message_size(super::LARGEST_REQUEST);
        let mut request = Request::new(wanted);
        request
            .metadata_mut()
            .insert(FORWARDED, AsciiMetadataValue::from_static("1"));
        client.drain(request).await.map(tonic::Response::into_inner)
    };
    tokio::time::timeout(DEADLINE, call)
        .await
        .unwrap_or_else(|_| Err(unreachable("no answer in time")))
}

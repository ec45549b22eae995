//! Calls by gRPC.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use ringwatch_proto::v1;
use ringwatch_proto::v1::raft_transport_client::RaftTransportClient;
use tonic::metadata::{Ascii, MetadataMap, MetadataValue};
use tonic::{Code, Request, Status};

use super::channels::Channels;
use super::throttle::clean;
use super::{CallError, Destination, MAX_CALL, Method, Transport};
use crate::group::parts::Credentials;

const CLUSTER: &str = "ringwatch-cluster-hex";
const TOKEN: &str = "ringwatch-token";

/// Other nodes, called by gRPC.
pub(crate) struct GrpcTransport {
    channels: Channels,
    cluster: Option<MetadataValue<Ascii>>,
    keys: Arc<dyn Credentials>,
}

impl GrpcTransport {
    pub(crate) fn new(cluster: &str, keys: Arc<dyn Credentials>) -> Self {
        Self {
            channels: Channels::default(),
            cluster: hex(cluster).parse().ok(),
            keys,
        }
    }

    fn sign<T>(&self, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let token: Option<MetadataValue<Ascii>> = self.keys.token().parse().ok();
        if let Some(mut token) = token {
            token.set_sensitive(true);
            request.metadata_mut().insert(TOKEN, token);
        }
        if let Some(cluster) = self.cluster.clone() {
            request.metadata_mut().insert(CLUSTER, cluster);
        }
        request
    }

    async fn send(
        &self,
        to: &Destination,
        method: Method,
        request: v1::RaftRequest,
    ) -> Result<Bytes, CallError> {
        let channel = self.channels.to(&to.address)?;
        let mut client = RaftTransportClient::new(channel)
            .max_decoding_message_size(MAX_CALL)
            .max_encoding_message_size(MAX_CALL);
        let request = self.sign(request);
        let answer = match method {
            Method::Append => client.append(request).await,
            Method::Vote => client.vote(request).await,
            Method::Snapshot => client.snapshot(request).await,
            Method::Promise => client.promise(request).await,
            Method::Propose => client.propose(request).await,
            Method::Campaign => client.campaign(request).await,
        };
        match answer {
            Ok(answer) => Ok(answer.into_inner().payload),
            Err(status) => Err(failure(&status)),
        }
    }
}

impl Transport for GrpcTransport {
    fn call<'a>(
        &'a self,
        to: &'a Destination,
        method: Method,
        request: v1::RaftRequest,
    ) -> BoxFuture<'a, Result<Bytes, CallError>> {
        Box::pin(self.send(to, method, request))
    }
}

/// Whether the headers are those of `cluster`, and of one who has its key.
pub(super) fn admits(metadata: &MetadataMap, cluster: &str, keys: &dyn Credentials) -> Result<(), Stranger> {
    let text = |key| metadata.get(key).and_then(|value| value.to_str().ok());
    if text(CLUSTER) != Some(hex(cluster).as_str()) {
        return Err(Stranger::Cluster);
    }
    match text(TOKEN) {
        Some(token) if keys.accepts(token) => Ok(()),
        _ => Err(Stranger::Token),
    }
}

/// Why a caller is a stranger.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stranger {
    /// It is of another cluster.
    Cluster,
    /// It has not the cluster's key.
    Token,
}

impl fmt::Display for Stranger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cluster => "another cluster",
            Self::Token => "another key",
        })
    }
}

/// Names may hold letters that headers may not.
fn hex(name: &str) -> String {
    name.bytes().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

/// What a status means. Only what our own service says before it does anything is a refusal.
fn failure(status: &Status) -> CallError {
    let text = clean(status.message());
    match status.code() {
        Code::Unauthenticated
        | Code::FailedPrecondition
        | Code::InvalidArgument
        | Code::ResourceExhausted
        | Code::OutOfRange
        | Code::Unimplemented => CallError::Refused(text),
        _ if was_not_sent(status) => CallError::Unreachable(text),
        _ => CallError::Lost(text),
    }
}

/// Whether the connection was not even made.
fn was_not_sent(status: &Status) -> bool {
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        if error.is::<tonic::ConnectError>() {
            return true;
        }
        cause = error.source();
    }
    false
}

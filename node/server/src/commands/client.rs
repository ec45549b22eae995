//! The connection to a node, and what is said when there is none.

use std::time::Duration;

use anyhow::anyhow;
use ringwatch_config::Endpoint as Address;
use ringwatch_proto::v1::backup_client::BackupClient;
use ringwatch_proto::v1::breakers_client::BreakersClient;
use ringwatch_proto::v1::cluster_client::ClusterClient;
use ringwatch_proto::v1::runtime_client::RuntimeClient;
use ringwatch_proto::v1::sampler_client::SamplerClient;
use ringwatch_proto::v1::verification_client::VerificationClient;
use tokio::time::{Instant, timeout_at};
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};

use super::text::plain;
use crate::grpc::words::{REFUSED, WHO};

/// Connecting together with the first answer, and each further answer, may take this long. A node answers
/// from memory, or asks one other node.
const PATIENCE: Duration = Duration::from_millis(2800);
/// No answer is longer: a hundred thousand targets with their labels fit in.
const LARGEST_ANSWER: usize = 64 * 1024 * 1024;

/// The node could not be reached: exit code 3.
#[derive(Debug, thiserror::Error)]
#[error("cannot reach the node at {address}: {why}; check that it runs and that --address is its gRPC port")]
pub(crate) struct Unreachable {
    address: String,
    why: String,
}

/// A service of a node.
pub(super) trait Service: Sized {
    /// Speaks to it.
    fn over(channel: Channel) -> Self;
}

impl Service for ClusterClient<Channel> {
    fn over(channel: Channel) -> Self {
        Self::new(channel).max_decoding_message_size(LARGEST_ANSWER)
    }
}

impl Service for BreakersClient<Channel> {
    fn over(channel: Channel) -> Self {
        Self::new(channel).max_decoding_message_size(LARGEST_ANSWER)
    }
}

impl Service for SamplerClient<Channel> {
    fn over(channel: Channel) -> Self {
        Self::new(channel).max_decoding_message_size(LARGEST_ANSWER)
    }
}

impl Service for VerificationClient<Channel> {
    fn over(channel: Channel) -> Self {
        Self::new(channel).max_decoding_message_size(LARGEST_ANSWER)
    }
}

impl Service for RuntimeClient<Channel> {
    fn over(channel: Channel) -> Self {
        Self::new(channel).max_decoding_message_size(LARGEST_ANSWER)
    }
}

impl Service for BackupClient<Channel> {
    fn over(channel: Channel) -> Self {
        Self::new(channel).max_decoding_message_size(LARGEST_ANSWER)
    }
}

/// A request that changes something, with who asks for it: the nodes remember who did what.
pub(super) fn signed<T>(message: T) -> Request<T> {
    let mut request = Request::new(message);
    let who = ["USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok())
        .and_then(|who| who.parse().ok());
    if let Some(who) = who {
        request.metadata_mut().insert(WHO, who);
    }
    request
}

/// A node to ask, through one of its services.
pub(super) struct Node<C> {
    address: String,
    client: C,
    /// When the next answer must have come.
    until: Instant,
}

impl<C: Service> Node<C> {
    /// Connects to the node at `address`.
    pub(super) async fn connect(address: &Address) -> anyhow::Result<Self> {
        let address = address.to_string();
        let endpoint = Endpoint::from_shared(format!("http://{address}"))
            .map_err(|_| unreachable(&address, "this is no address"))?;
        let endpoint = endpoint
            .http2_keep_alive_interval(Duration::from_secs(10))
            .keep_alive_timeout(Duration::from_secs(5));
        let until = Instant::now() + PATIENCE;
        let channel = timeout_at(until, endpoint.connect())
            .await
            .map_err(|_| unreachable(&address, "no connection in time"))?
            .map_err(|error| unreachable(&address, &innermost(&error)))?;
        Ok(Self {
            address,
            client: C::over(channel),
            until,
        })
    }

    /// Waits so long for the next answer.
    pub(super) fn patient(mut self, patience: Duration) -> Self {
        self.until = Instant::now() + patience;
        self
    }

    /// Asks one thing.
    pub(super) async fn ask<T>(
        &mut self,
        call: impl AsyncFnOnce(&mut C) -> Result<Response<T>, Status>,
    ) -> anyhow::Result<T> {
        let answer = timeout_at(self.until, call(&mut self.client)).await;
        self.until = Instant::now() + PATIENCE;
        match answer {
            Ok(Ok(answer)) => Ok(answer.into_inner()),
            Ok(Err(status)) => Err(self.refused(&status)),
            Err(_) => Err(unreachable(&self.address, "no answer in time").into()),
        }
    }

    /// What to say of an answer that is an error.
    pub(super) fn refused(&self, status: &Status) -> anyhow::Error {
        match status.code() {
            // The node was reached, and it is the cluster that cannot do it now.
            _ if status.metadata().contains_key(REFUSED) => anyhow!("{}", plain(status.message())),
            Code::Unavailable | Code::DeadlineExceeded | Code::Cancelled => {
                unreachable(&self.address, status.message()).into()
            }
            // What is not gRPC answers like this.
            Code::Unknown | Code::Internal => {
                let why = format!("it does not answer as a node does ({})", status.message());
                unreachable(&self.address, &why).into()
            }
            Code::Unimplemented => unreachable(
                &self.address,
                "it is not the gRPC port of a node, or of an older one",
            )
            .into(),
            _ => anyhow!("{}", plain(status.message())),
        }
    }

    /// The node ended a stream that it had begun.
    pub(super) fn ended(&self) -> anyhow::Error {
        unreachable(
            &self.address,
            "it has ended the conversation, as it does when it stops",
        )
        .into()
    }
}

fn unreachable(address: &str, why: &str) -> Unreachable {
    Unreachable {
        address: address.to_owned(),
        why: plain(why),
    }
}

/// The cause behind `transport error`.
fn innermost(error: &dyn std::error::Error) -> String {
    let mut innermost = error;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    innermost.to_string()
}

/// Runs a conversation with a node to its end.
pub(super) fn converse(talk: impl Future<Output = anyhow::Result<()>>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let done = runtime.block_on(talk);
    // A look-up of a name that hangs must not hold the end up.
    runtime.shutdown_background();
    done
}

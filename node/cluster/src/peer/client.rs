//! Calls to other nodes by gRPC.

use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use prost::Message as _;
use ringwatch_frame::TargetId;
use ringwatch_proto::v1 as wire;
use ringwatch_proto::v1::peer_client::PeerClient;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codec::CompressionEncoding;
use tonic::transport::Channel;
use tonic::{Code, Response, Status, Streaming};

use super::channels::Channels;
use super::identity::{Credentials, Passport};
use super::meters::PeerMetrics;
use super::{Handed, Late, MAX_MEMORY, MAX_MESSAGE, PeerError, Peers, Recalled, clean, convert};
use crate::member::{Incarnation, Member, NodeId};
use crate::memories::{Change, Leave, Word};

const CONFIRM: Duration = Duration::from_millis(500);
const RECALL: Duration = Duration::from_millis(500);
const PREPARE: Duration = Duration::from_secs(10);
const COMMIT: Duration = Duration::from_secs(2);
const MAY: Duration = Duration::from_millis(200);
const OFFER: Duration = Duration::from_secs(6);
const TIME: Duration = Duration::from_millis(500);
/// How many messages are written ahead of what the connection takes.
const AHEAD: usize = 4;

/// Other nodes, called by gRPC. One connection per address, opened when it is needed.
pub struct GrpcPeers {
    passport: Passport,
    channels: Channels,
    metrics: PeerMetrics,
}

impl fmt::Debug for GrpcPeers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GrpcPeers")
            .field("channels", &self.channels)
            .finish_non_exhaustive()
    }
}

impl GrpcPeers {
    /// Calls as `me`, of `cluster`, with the token of `keys`.
    pub fn new(me: &Incarnation, cluster: &str, keys: Arc<dyn Credentials>, metrics: PeerMetrics) -> Self {
        Self {
            passport: Passport::new(me, cluster, keys),
            channels: Channels::default(),
            metrics,
        }
    }

    fn client(&self, to: &Member) -> Result<PeerClient<Channel>, PeerError> {
        let channel = self.channels.to(&to.said.grpc_address)?;
        Ok(PeerClient::new(channel)
            .max_decoding_message_size(MAX_MESSAGE)
            .max_encoding_message_size(MAX_MESSAGE)
            .accept_compressed(CompressionEncoding::Zstd))
    }
}

#[async_trait]
impl Peers for GrpcPeers {
    async fn confirm(&self, to: &Member) -> Result<bool, PeerError> {
        let mut client = self.client(to)?;
        let request = self.passport.sign(&to.who, wire::ConfirmRequest {});
        let answer = within(CONFIRM, client.confirm(request)).await?;
        // Another node, or another life, at this address knows nothing of what this one thinks of us.
        if answer.node_id != to.who.node.as_str() || answer.generation != to.who.generation {
            return Err(PeerError::Unreachable(
                "another node answers at its address".into(),
            ));
        }
        Ok(answer.excluded)
    }

    async fn prepare(
        &self,
        to: &Member,
        target: &TargetId,
        handoff: u64,
        view: u64,
    ) -> Result<(), PeerError> {
        let mut client = self.client(to)?;
        let request = self.passport.sign(
            &to.who,
            wire::PrepareRequest {
                target_id: target.to_string(),
                handoff_id: handoff,
                view,
            },
        );
        let answer = within(PREPARE, client.prepare(request)).await?;
        yes(answer.ready, &answer.reason, answer.stale_view)
    }

    async fn commit(&self, to: &Member, handed: Handed) -> Result<(), PeerError> {
        let mut client = self.client(to)?.send_compressed(CompressionEncoding::Zstd);
        let (target, memory) = (&handed.target, &handed.memory);
        let memory = convert::memory_out(target, memory, &mut { MAX_MEMORY }, &self.metrics);
        let request = self.passport.sign(
            &to.who,
            wire::CommitRequest {
                handoff_id: handed.handoff,
                view: handed.view,
                memory: Some(memory),
                companion: handed.companion,
                moves: convert::moves_out(&handed.moves),
            },
        );
        let answer = within(COMMIT, client.commit(request)).await?;
        yes(answer.accepted, &answer.reason, answer.stale_view)
    }

    async fn recall(&self, to: &Member, targets: &[TargetId], view: u64) -> Result<Vec<Recalled>, PeerError> {
        let mut client = self.client(to)?;
        let mut recalled = Vec::new();
        for some in targets.chunks(convert::MAX_TARGETS) {
            let request = self.passport.sign(
                &to.who,
                wire::RecallRequest {
                    target_ids: some.iter().map(ToString::to_string).collect(),
                    view,
                },
            );
            let answer = within(RECALL, client.recall(request)).await?;
            if answer.stale_view > 0 {
                return Err(PeerError::Stale {
                    view: answer.stale_view,
                });
            }
            let answer = convert::recalled_in(answer);
            recalled.extend(answer.map_err(|fault| PeerError::Unreachable(fault.to_string()))?);
        }
        Ok(recalled)
    }

    async fn replicate(
        &self,
        to: &Member,
        mut changes: mpsc::Receiver<Change>,
        words: mpsc::Sender<Word>,
    ) -> PeerError {
        let client = match self.client(to) {
            Ok(client) => client,
            Err(error) => return error,
        };
        let mut client = client.send_compressed(CompressionEncoding::Zstd);
        let (sender, requests) = mpsc::channel(AHEAD);
        let call = client.replicate(self.passport.sign(&to.who, ReceiverStream::new(requests)));
        let write = async move {
            while let Some(change) = changes.recv().await {
                let request = convert::request(change, &self.metrics);
                self.metrics.sent.count(request.encoded_len());
                if sender.send(request).await.is_err() {
                    break;
                }
            }
        };
        let mut read = pin!(read(call, words));
        tokio::select! {
            end = &mut read => end,
            // All has been written: the peer ends when it has read it.
            () = write => read.await,
        }
    }

    async fn may(&self, to: &Member, late: Late) -> Result<Leave, PeerError> {
        let mut client = self.client(to)?;
        let (target, stream) = (late.target.clone(), late.stream.clone());
        let request = self.passport.sign(&to.who, convert::late_out(&late));
        let answer = within(MAY, client.may(request)).await?;
        let leave = convert::leave_in(&target, &stream, answer);
        leave.map_err(|fault| PeerError::Unreachable(fault.to_string()))
    }

    async fn offer(&self, to: &Member, target: &TargetId, heir: &NodeId) -> Result<(), PeerError> {
        let mut client = self.client(to)?;
        let request = self.passport.sign(
            &to.who,
            wire::OfferRequest {
                target_id: target.to_string(),
                node_id: heir.to_string(),
            },
        );
        let answer = within(OFFER, client.offer(request)).await?;
        yes(answer.refused.is_empty(), &answer.refused, 0)
    }

    async fn time(&self, to: &Member) -> Result<i64, PeerError> {
        let mut client = self.client(to)?;
        let request = self.passport.sign(&to.who, wire::TimeRequest {});
        Ok(within(TIME, client.time(request)).await?.system)
    }
}

/// Hands on what a standby says until it ends, and says why it did.
async fn read(
    call: impl Future<Output = Result<Response<Streaming<wire::ReplicateResponse>>, Status>>,
    words: mpsc::Sender<Word>,
) -> PeerError {
    let mut answers = match call.await {
        Ok(answers) => answers.into_inner(),
        Err(status) => return failure(&status),
    };
    loop {
        let answer = match answers.message().await {
            Ok(Some(answer)) => answer,
            Ok(None) => return PeerError::Unreachable("the stream has ended".into()),
            Err(status) => return failure(&status),
        };
        if answer.stale_view > 0 {
            return PeerError::Stale {
                view: answer.stale_view,
            };
        }
        match convert::word_in(answer) {
            // Where nobody listens any more, it is the end that counts.
            Ok(Some(word)) => drop(words.send(word).await),
            Ok(None) => {}
            Err(fault) => return PeerError::Unreachable(fault.to_string()),
        }
    }
}

async fn within<T>(
    limit: Duration,
    call: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, PeerError> {
    let answer = tokio::time::timeout(limit, call)
        .await
        .map_err(|_| PeerError::Timeout)?;
    answer
        .map(Response::into_inner)
        .map_err(|status| failure(&status))
}

/// What a status means. Only what our own service says before it does anything is a refusal.
fn failure(status: &Status) -> PeerError {
    let text = clean(status.message());
    match status.code() {
        Code::Unauthenticated
        | Code::FailedPrecondition
        | Code::InvalidArgument
        | Code::ResourceExhausted
        | Code::Unimplemented => PeerError::Refused(text),
        Code::DeadlineExceeded => PeerError::Timeout,
        _ => PeerError::Unreachable(text),
    }
}

fn yes(yes: bool, reason: &str, stale_view: u64) -> Result<(), PeerError> {
    if yes {
        Ok(())
    } else if stale_view > 0 {
        Err(PeerError::Stale { view: stale_view })
    } else {
        Err(PeerError::Refused(clean(reason)))
    }
}

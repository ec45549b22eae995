//! Answers to other nodes by gRPC.

use std::fmt;
use std::sync::Arc;

use ringwatch_proto::v1 as wire;
use ringwatch_proto::v1::peer_server::{Peer, PeerServer};
use tokio::sync::Semaphore;
use tonic::codec::CompressionEncoding;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::{Request, Response, Status, Streaming};

use super::conversation::{Conversation, Spoken};
use super::convert::{self, Malformed};
use super::identity::{Credentials, identify, is_for};
use super::meters::{PeerMetrics, Refusal};
use super::throttle::Throttles;
use super::{Answers, Handed, MAX_MESSAGE, Refused, clean};
use crate::member::Incarnation;

/// How many calls may be answered at the same time, replication streams among them.
const MOST_CALLS: usize = 1024;

/// The gRPC service that answers other nodes.
pub type PeerService = InterceptedService<PeerServer<Desk>, Door>;

/// Answers the calls of other nodes to `me`, of `cluster`, that show a token that `keys` accept.
pub fn peer_service(
    answers: Arc<dyn Answers>,
    me: Incarnation,
    cluster: &str,
    keys: Arc<dyn Credentials>,
    metrics: PeerMetrics,
) -> PeerService {
    let door = Door {
        me: me.clone(),
        cluster: cluster.into(),
        keys,
        calls: Arc::new(Semaphore::new(MOST_CALLS)),
        metrics: metrics.clone(),
        throttles: Arc::default(),
    };
    let desk = Desk {
        answers,
        me,
        metrics,
        throttles: Arc::default(),
    };
    let server = PeerServer::new(desk)
        .max_decoding_message_size(MAX_MESSAGE)
        .max_encoding_message_size(MAX_MESSAGE)
        .accept_compressed(CompressionEncoding::Zstd)
        .send_compressed(CompressionEncoding::Zstd);
    InterceptedService::new(server, door)
}

/// Lets in who belongs to the cluster, before anything of the message is read.
#[derive(Clone)]
pub struct Door {
    me: Incarnation,
    cluster: Arc<str>,
    keys: Arc<dyn Credentials>,
    calls: Arc<Semaphore>,
    metrics: PeerMetrics,
    throttles: Arc<Throttles>,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door")
            .field("cluster", &self.cluster)
            .finish_non_exhaustive()
    }
}

/// A caller that was let in, with its place among the calls.
#[derive(Clone, Debug)]
pub(super) struct Visitor {
    pub(super) who: Incarnation,
    _place: Arc<tokio::sync::OwnedSemaphorePermit>,
}

impl Interceptor for Door {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let place = Arc::clone(&self.calls).try_acquire_owned().map_err(|_| {
            self.metrics.refuse(Refusal::Busy);
            Status::resource_exhausted("too many calls at the same time")
        })?;
        let who = identify(request.metadata(), &self.cluster, self.keys.as_ref()).map_err(|refusal| {
            self.metrics.refuse(refusal);
            let from = request
                .remote_addr()
                .map(|address| address.ip().to_string())
                .unwrap_or_default();
            if let Some(held_back) = self.throttles.pass(&from) {
                tracing::warn!(from, ?refusal, held_back, "a call of another node was refused");
            }
            Status::unauthenticated(match refusal {
                Refusal::Cluster => "this node belongs to another cluster, compare `cluster.name`",
                Refusal::Token => "the key is another one, compare `cluster.gossip.key_file`",
                _ => "the call does not say which node makes it",
            })
        })?;
        if !is_for(request.metadata(), &self.me) {
            self.metrics.refuse(Refusal::Callee);
            return Err(Status::failed_precondition(
                "another node, or another life of the node, is called than the one that listens here",
            ));
        }
        request.extensions_mut().insert(Visitor {
            who,
            _place: Arc::new(place),
        });
        Ok(request)
    }
}

/// Reads what came, and hands it on.
pub struct Desk {
    answers: Arc<dyn Answers>,
    me: Incarnation,
    metrics: PeerMetrics,
    throttles: Arc<Throttles>,
}

impl fmt::Debug for Desk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Desk")
            .field("me", &self.me)
            .finish_non_exhaustive()
    }
}

impl Desk {
    /// The message and its sender, whose place is held until the latter is dropped.
    fn open<T>(request: Request<T>) -> Result<(Visitor, T), Status> {
        let visitor = request.extensions().get::<Visitor>().cloned();
        let visitor =
            visitor.ok_or_else(|| Status::unauthenticated("the call does not say which node makes it"))?;
        Ok((visitor, request.into_inner()))
    }

    fn refuse(&self, from: &Incarnation, fault: &Malformed) -> Status {
        refuse(&self.metrics, &self.throttles, from, fault)
    }
}

/// Counts a malformed message, and says so now and then.
pub(super) fn refuse(
    metrics: &PeerMetrics,
    throttles: &Throttles,
    from: &Incarnation,
    fault: &Malformed,
) -> Status {
    metrics.refuse(Refusal::Malformed);
    let fault = clean(&fault.to_string());
    if let Some(held_back) = throttles.pass(from.node.as_str()) {
        let peer = clean(from.node.as_str());
        tracing::warn!(peer, fault, held_back, "a message of a peer is malformed");
    }
    Status::invalid_argument(fault)
}

#[tonic::async_trait]
impl Peer for Desk {
    async fn time(
        &self,
        request: Request<wire::TimeRequest>,
    ) -> Result<Response<wire::TimeResponse>, Status> {
        let _visitor = Self::open(request)?;
        Ok(Response::new(wire::TimeResponse {
            system: self.answers.time(),
        }))
    }

    async fn confirm(
        &self,
        request: Request<wire::ConfirmRequest>,
    ) -> Result<Response<wire::ConfirmResponse>, Status> {
        let (visitor, _) = Self::open(request)?;
        let excluded = self.answers.confirm(visitor.who.clone()).await;
        Ok(Response::new(wire::ConfirmResponse {
            node_id: self.me.node.to_string(),
            generation: self.me.generation,
            excluded,
        }))
    }

    async fn prepare(
        &self,
        request: Request<wire::PrepareRequest>,
    ) -> Result<Response<wire::PrepareResponse>, Status> {
        let (visitor, message) = Self::open(request)?;
        let target =
            convert::target(&message.target_id).map_err(|fault| self.refuse(&visitor.who, &fault))?;
        let (handoff, view) = (message.handoff_id, message.view);
        let answer = self
            .answers
            .prepare(visitor.who.clone(), target, handoff, view)
            .await;
        let (reason, stale_view) = told(&answer);
        Ok(Response::new(wire::PrepareResponse {
            ready: answer.is_ok(),
            reason,
            stale_view,
        }))
    }

    async fn commit(
        &self,
        request: Request<wire::CommitRequest>,
    ) -> Result<Response<wire::CommitResponse>, Status> {
        let (visitor, message) = Self::open(request)?;
        let memory = message
            .memory
            .ok_or(Malformed::Absent("memory"))
            .and_then(convert::memory_in);
        let companion =
            convert::companion(message.companion).map_err(|fault| self.refuse(&visitor.who, &fault))?;
        let (target, mut memory) = memory.map_err(|fault| self.refuse(&visitor.who, &fault))?;
        // What the caller has read, the caller delivers.
        memory.values_mut().for_each(|stream| stream.pending.clear());
        let handed = Handed {
            target,
            memory,
            companion,
            moves: convert::moves_in(&message.moves),
            handoff: message.handoff_id,
            view: message.view,
        };
        let answer = self.answers.commit(visitor.who.clone(), handed).await;
        let (reason, stale_view) = told(&answer);
        Ok(Response::new(wire::CommitResponse {
            accepted: answer.is_ok(),
            reason,
            stale_view,
        }))
    }

    async fn recall(
        &self,
        request: Request<wire::RecallRequest>,
    ) -> Result<Response<wire::RecallResponse>, Status> {
        let (visitor, message) = Self::open(request)?;
        let targets =
            convert::targets(&message.target_ids).map_err(|fault| self.refuse(&visitor.who, &fault))?;
        let answer = self
            .answers
            .recall(visitor.who.clone(), targets, message.view)
            .await;
        Ok(Response::new(match answer {
            Ok(recalled) => convert::recalled_out(recalled, &self.metrics),
            Err(Refused::Stale { view }) => wire::RecallResponse {
                targets: Vec::new(),
                stale_view: view,
            },
            Err(Refused::Because(reason)) => return Err(Status::failed_precondition(reason)),
        }))
    }

    type ReplicateStream = Spoken;

    async fn replicate(
        &self,
        request: Request<Streaming<wire::ReplicateRequest>>,
    ) -> Result<Response<Self::ReplicateStream>, Status> {
        let (visitor, messages) = Self::open(request)?;
        let conversation = Conversation {
            words: self.answers.listen(&visitor.who),
            answers: Arc::clone(&self.answers),
            metrics: self.metrics.clone(),
            throttles: Arc::clone(&self.throttles),
            visitor,
            messages,
        };
        Ok(Response::new(conversation.begin()))
    }

    async fn may(&self, request: Request<wire::MayRequest>) -> Result<Response<wire::MayResponse>, Status> {
        let (visitor, message) = Self::open(request)?;
        let late = convert::late_in(message).map_err(|fault| self.refuse(&visitor.who, &fault))?;
        let target = late.target.clone();
        let leave = self.answers.may(visitor.who.clone(), late).await;
        Ok(Response::new(convert::leave_out(&target, leave, &self.metrics)))
    }

    async fn offer(
        &self,
        request: Request<wire::OfferRequest>,
    ) -> Result<Response<wire::OfferResponse>, Status> {
        let (visitor, message) = Self::open(request)?;
        let offer = convert::target(&message.target_id)
            .and_then(|target| Ok((target, convert::node(&message.node_id)?)));
        let (target, heir) = offer.map_err(|fault| self.refuse(&visitor.who, &fault))?;
        let answer = self.answers.offer(visitor.who.clone(), target, heir).await;
        Ok(Response::new(wire::OfferResponse {
            refused: answer
                .err()
                .map_or_else(String::new, |refused| refused.to_string()),
        }))
    }
}

/// Why not, and the number of our view where that is the reason.
fn told(answer: &Result<(), Refused>) -> (String, u64) {
    let Err(refused) = answer else {
        return Default::default();
    };
    let view = match refused {
        Refused::Stale { view } => *view,
        Refused::Because(_) => 0,
    };
    (refused.to_string(), view)
}

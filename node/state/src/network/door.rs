//! The gRPC service that answers other nodes of the group.

use std::fmt;
use std::sync::Arc;

use ringwatch_proto::v1;
use ringwatch_proto::v1::raft_transport_server::{RaftTransport, RaftTransportServer};
use tokio::sync::Semaphore;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::{Request, Response, Status};

use super::grpc::{Stranger, admits};
use super::throttle::{Throttle, clean};
use super::{Answers, CallError, MAX_CALL, Method};
use crate::group::parts::Credentials;

/// How many calls are answered at the same time.
const MOST_CALLS: usize = 256;

/// The gRPC service that answers other nodes of the group.
pub type RaftService = InterceptedService<RaftTransportServer<Wicket>, Door>;

/// Answers the calls of nodes of `cluster` that show a token that `keys` accept.
pub(crate) fn raft_service(
    answers: Arc<dyn Answers>,
    cluster: &str,
    keys: Arc<dyn Credentials>,
) -> RaftService {
    let door = Door {
        cluster: cluster.into(),
        keys,
        calls: Arc::new(Semaphore::new(MOST_CALLS)),
        throttle: Arc::default(),
    };
    let server = RaftTransportServer::new(Wicket {
        answers,
        throttle: Arc::default(),
    });
    let server = server
        .max_decoding_message_size(MAX_CALL)
        .max_encoding_message_size(MAX_CALL);
    InterceptedService::new(server, door)
}

/// Lets in who belongs to the cluster, before anything of the message is read.
#[derive(Clone)]
pub struct Door {
    cluster: Arc<str>,
    keys: Arc<dyn Credentials>,
    calls: Arc<Semaphore>,
    throttle: Arc<Throttle>,
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door")
            .field("cluster", &self.cluster)
            .finish_non_exhaustive()
    }
}

/// A place among the calls that are answered at the same time; free when the request is dropped.
#[derive(Clone, Debug)]
struct Seat {
    _permit: Arc<tokio::sync::OwnedSemaphorePermit>,
}

impl Interceptor for Door {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let permit = Arc::clone(&self.calls).try_acquire_owned();
        let permit = permit.map_err(|_| Status::resource_exhausted("too many calls at the same time"))?;
        admits(request.metadata(), &self.cluster, self.keys.as_ref()).map_err(|stranger| {
            if let Some(held_back) = self.throttle.pass() {
                let from = request.remote_addr().map(|address| address.ip().to_string());
                let from = from.unwrap_or_default();
                tracing::warn!(from, %stranger, held_back, "a call to the group was refused");
            }
            Status::unauthenticated(match stranger {
                Stranger::Cluster => "this node belongs to another cluster, compare `cluster.name`",
                Stranger::Token => "the key is another one, compare `cluster.gossip.key_file`",
            })
        })?;
        request.extensions_mut().insert(Seat {
            _permit: Arc::new(permit),
        });
        Ok(request)
    }
}

/// Reads what came, and hands it on.
#[derive(Clone)]
pub struct Wicket {
    answers: Arc<dyn Answers>,
    throttle: Arc<Throttle>,
}

impl fmt::Debug for Wicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Wicket").finish_non_exhaustive()
    }
}

impl Wicket {
    async fn answer(
        &self,
        method: Method,
        request: Request<v1::RaftRequest>,
    ) -> Result<Response<v1::RaftResponse>, Status> {
        let seat = request.extensions().get::<Seat>().cloned();
        let answer = self.answers.answer(method, request.into_inner()).await;
        drop(seat);
        match answer {
            Ok(payload) => Ok(Response::new(v1::RaftResponse { payload })),
            Err(CallError::Refused(why)) => {
                let why = clean(&why);
                if let Some(held_back) = self.throttle.pass() {
                    tracing::debug!(?method, why, held_back, "a call of a peer was refused");
                }
                Err(Status::failed_precondition(why))
            }
            Err(CallError::Unreachable(why) | CallError::Lost(why)) => Err(Status::unavailable(clean(&why))),
        }
    }
}

type Answer = Result<Response<v1::RaftResponse>, Status>;

#[tonic::async_trait]
impl RaftTransport for Wicket {
    async fn append(&self, request: Request<v1::RaftRequest>) -> Answer {
        self.answer(Method::Append, request).await
    }

    async fn vote(&self, request: Request<v1::RaftRequest>) -> Answer {
        self.answer(Method::Vote, request).await
    }

    async fn snapshot(&self, request: Request<v1::RaftRequest>) -> Answer {
        self.answer(Method::Snapshot, request).await
    }

    async fn promise(&self, request: Request<v1::RaftRequest>) -> Answer {
        self.answer(Method::Promise, request).await
    }

    async fn propose(&self, request: Request<v1::RaftRequest>) -> Answer {
        self.answer(Method::Propose, request).await
    }

    async fn campaign(&self, request: Request<v1::RaftRequest>) -> Answer {
        self.answer(Method::Campaign, request).await
    }
}

//! Service `Cluster`: every answer comes from local knowledge, at once. What the circuits of other members
//! are is asked of them, and left out where they do not answer soon. What moves targets goes to the leader of
//! the group.

use std::pin::Pin;
use std::sync::Arc;

use futures::{Stream, stream};
use ringwatch_cluster::member::State;
use ringwatch_cluster::node::{ClusterControl, Knowledge};
use ringwatch_collect::Targets;
use ringwatch_proto::v1;
use ringwatch_proto::v1::cluster_server::Cluster;
use tokio::sync::{Semaphore, watch};
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::forward::{self, forward_drain};
use super::moving;
use super::watching::{EventWatcher, Watcher};
use super::words::asked;
use super::{audit, convert};
use crate::audit::TickBooks;
use crate::circuits::Desk;
use crate::runtime::Counter;

/// At most this many may watch at the same time.
const MOST_WATCHERS: usize = 256;

/// Answers clients.
pub(super) struct ClusterService {
    control: ClusterControl,
    knowledge: watch::Receiver<Arc<Knowledge>>,
    ticks: Arc<TickBooks>,
    targets: watch::Receiver<Targets>,
    desk: Desk,
    counter: Counter,
    watchers: Arc<Semaphore>,
    stop: CancellationToken,
}

impl ClusterService {
    /// Answers from what `control` shows, and from the books of `ticks`; `targets` has the labels, `desk` the
    /// circuits, and `counter` notes what people do. Streams end with `stop`.
    pub(super) fn new(
        (control, ticks): (ClusterControl, Arc<TickBooks>),
        targets: watch::Receiver<Targets>,
        desk: Desk,
        counter: Counter,
        stop: CancellationToken,
    ) -> Self {
        Self {
            knowledge: control.knowledge(),
            control,
            ticks,
            targets,
            desk,
            counter,
            watchers: Arc::new(Semaphore::new(MOST_WATCHERS)),
            stop,
        }
    }

    fn known(&self) -> Arc<Knowledge> {
        Arc::clone(&self.knowledge.borrow())
    }

    fn watcher(&self) -> Result<Watcher, Status> {
        let permit = Arc::clone(&self.watchers).try_acquire_owned().map_err(|_| {
            Status::resource_exhausted(format!("{MOST_WATCHERS} clients watch already; try again later"))
        })?;
        Ok(Watcher::new(self.knowledge.clone(), self.stop.clone(), permit))
    }

    fn labels(&self) -> convert::Labels {
        let targets = Arc::clone(&self.targets.borrow());
        convert::labels(targets.iter().map(AsRef::as_ref))
    }
}

type Members = Pin<Box<dyn Stream<Item = Result<v1::ListMembersResponse, Status>> + Send>>;
type Events = Pin<Box<dyn Stream<Item = Result<v1::WatchResponse, Status>> + Send>>;

#[tonic::async_trait]
impl Cluster for ClusterService {
    type WatchMembersStream = Members;
    type WatchStream = Events;

    async fn list_members(
        &self,
        _: Request<v1::ListMembersRequest>,
    ) -> Result<Response<v1::ListMembersResponse>, Status> {
        Ok(Response::new(convert::members(&self.known())))
    }

    async fn watch_members(&self, _: Request<v1::WatchMembersRequest>) -> Result<Response<Members>, Status> {
        let members = stream::unfold(self.watcher()?, async |mut watcher| {
            let members = watcher.next().await?;
            Some((Ok(members), watcher))
        });
        Ok(Response::new(Box::pin(members)))
    }

    async fn watch(&self, _: Request<v1::WatchRequest>) -> Result<Response<Events>, Status> {
        // Before the members are looked at, so that nothing happens between the two.
        let events = self.control.events();
        let watcher = EventWatcher::new(self.watcher()?, events, self.known().me.to_string());
        let events = stream::unfold(watcher, async |mut watcher| {
            let next = watcher.next().await?;
            Some((Ok(next), watcher))
        });
        Ok(Response::new(Box::pin(events)))
    }

    async fn audit(&self, request: Request<v1::AuditRequest>) -> Result<Response<v1::AuditResponse>, Status> {
        let me = self.known().me.to_string();
        // It may be much to look through.
        let (ticks, asked) = (Arc::clone(&self.ticks), request.into_inner());
        let audit = tokio::task::spawn_blocking(move || audit::audit(&ticks, &me, &asked));
        let answer = audit
            .await
            .map_err(|_| Status::internal("the books cannot be read"))?;
        answer.map(Response::new)
    }

    async fn get_ring(
        &self,
        _: Request<v1::GetRingRequest>,
    ) -> Result<Response<v1::GetRingResponse>, Status> {
        Ok(Response::new(convert::ring(&self.known())))
    }

    async fn list_targets(
        &self,
        _: Request<v1::ListTargetsRequest>,
    ) -> Result<Response<v1::ListTargetsResponse>, Status> {
        let (known, labels, breakers) = (self.known(), self.labels(), self.desk.states().await);
        let targets = known
            .targets
            .iter()
            .map(|placed| convert::target(placed, &labels, &breakers));
        Ok(Response::new(v1::ListTargetsResponse {
            targets: targets.collect(),
        }))
    }

    async fn locate_target(
        &self,
        request: Request<v1::LocateTargetRequest>,
    ) -> Result<Response<v1::Target>, Status> {
        let wanted = request.into_inner().target_id;
        let known = self.known();
        let found = known
            .targets
            .iter()
            .find(|placed| placed.target.as_str() == wanted);
        let placed = found.ok_or_else(|| {
            Status::not_found("no receiver names this target; `ringwatch cluster targets` names them all")
        })?;
        let breakers = self.desk.states().await;
        Ok(Response::new(convert::target(placed, &self.labels(), &breakers)))
    }

    async fn drain(&self, request: Request<v1::DrainRequest>) -> Result<Response<v1::DrainResponse>, Status> {
        let (forwarded, change) = (forward::is_forwarded(&request), asked(&request, 0));
        let wanted = request.into_inner();
        let known = self.known();
        let member = known
            .members
            .iter()
            .find(|member| member.who.node.as_str() == wanted.node_id);
        let member = member.ok_or_else(|| {
            Status::not_found("no member has this name; `ringwatch cluster members` names them all")
        })?;
        if member.who.node != known.me {
            if forwarded {
                let text = format!("this is `{}`; the members' gRPC addresses are mixed up", known.me);
                return Err(Status::failed_precondition(text));
            }
            return forward_drain(member, wanted, &change).await.map(Response::new);
        }
        let what = if wanted.undo { "undrained" } else { "drained" };
        self.counter
            .note(&change, &format!("member {} {what}", wanted.node_id));
        let state = if wanted.undo {
            self.control.undrain();
            match member.state {
                State::Draining => v1::State::Ready,
                other => convert::state(other),
            }
        } else {
            self.control.drain();
            v1::State::Draining
        };
        Ok(Response::new(v1::DrainResponse {
            node_id: wanted.node_id,
            state: state.into(),
            targets: convert::count(member.owned),
        }))
    }

    async fn move_target(
        &self,
        request: Request<v1::MoveTargetRequest>,
    ) -> Result<Response<v1::MoveTargetResponse>, Status> {
        let (forwarded, change) = (forward::is_forwarded(&request), asked(&request, 0));
        let wanted = request.into_inner();
        let what = match &*wanted.node_id {
            "" => format!("target {} goes where the ring says", wanted.target_id),
            node => format!("target {} moved to {node}", wanted.target_id),
        };
        let moved = moving::move_target(&self.control, wanted, &change, forwarded).await?;
        if !forwarded {
            self.counter.note(&change, &what);
        }
        Ok(Response::new(moved))
    }

    async fn rebalance(
        &self,
        request: Request<v1::RebalanceRequest>,
    ) -> Result<Response<v1::RebalanceResponse>, Status> {
        let (forwarded, change) = (forward::is_forwarded(&request), asked(&request, 0));
        let wanted = request.into_inner();
        let done = moving::rebalance(&self.control, wanted, &change, forwarded).await?;
        if !forwarded && !wanted.dry_run {
            self.counter
                .note(&change, &format!("loads made alike, {} moves", done.moves.len()));
        }
        Ok(Response::new(done))
    }
}

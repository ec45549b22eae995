//! The handle of a running node.

use std::sync::Arc;
use std::time::Duration;

use ringwatch_frame::{Clock, TargetId};
use tokio::sync::{broadcast, mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::Wishes;
use super::events::{ClusterEvent, Events};
use super::knowledge::Knowledge;
use super::orders::{Asked, Order, OrderError, Rebalanced};
use super::status::{NodeFailure, Status};
use crate::member::{NodeId, Stage};

/// The last words of a node that leaves have this long to reach the others.
const LAST_WORDS: Duration = Duration::from_millis(200);
/// An order has an answer by then: two proposals that take their time.
const ORDER: Duration = Duration::from_secs(6);
/// A stop that takes longer is cut short.
const STOP_LIMIT: Duration = Duration::from_secs(3);

/// What can be asked of a running node, by as many as like to.
#[derive(Clone, Debug)]
pub struct ClusterControl {
    pub(super) wishes: watch::Sender<Wishes>,
    pub(super) status: watch::Receiver<Status>,
    pub(super) knowledge: watch::Receiver<Arc<Knowledge>>,
    pub(super) orders: mpsc::Sender<Asked>,
    pub(super) events: Events,
    pub(super) clock: Clock,
}

impl ClusterControl {
    /// Keeps `target` at `to`, whatever the ring says and the load is; `None`: it goes where the ring has
    /// it. Gives the number of the view that says so. Only on the node that leads the group.
    ///
    /// # Errors
    /// [`OrderError`]; [`OrderError::NotLeader`] says whom to ask.
    pub async fn move_target(&self, target: &TargetId, to: Option<&NodeId>) -> Result<u64, OrderError> {
        let (target, to) = (target.clone(), to.cloned());
        self.order(|reply| Order::Move { target, to, reply }).await
    }

    /// Evens out the load, now and whatever the flag `rebalance` says. Few targets move at a time, so that
    /// it takes a while. `dry_run`: only says what would be moved. Only on the node that leads the group.
    ///
    /// # Errors
    /// [`OrderError`]; [`OrderError::NotLeader`] says whom to ask.
    pub async fn rebalance(&self, dry_run: bool) -> Result<Rebalanced, OrderError> {
        self.order(|reply| Order::Rebalance { dry_run, reply }).await
    }

    async fn order<T>(
        &self,
        order: impl FnOnce(oneshot::Sender<Result<T, OrderError>>) -> Order,
    ) -> Result<T, OrderError> {
        let (reply, answer) = oneshot::channel();
        let asked = Asked::Order(order(reply));
        self.orders.try_send(asked).map_err(|_| OrderError::Busy)?;
        match timeout(ORDER, answer).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(_)) => Err(OrderError::Busy),
            Err(_) => Err(OrderError::Unknown),
        }
    }

    /// A target of ours cannot be reached from here, for several ticks or seconds. If its standby can, it goes
    /// there, and does not come back within five minutes. Returns at once.
    pub fn unreachable(&self, target: &TargetId) {
        // Where the loop is overrun, it is told again.
        let _ = self.orders.try_send(Asked::Unreachable(target.clone()));
    }

    /// What happens from now on, as this node sees it.
    pub fn events(&self) -> broadcast::Receiver<ClusterEvent> {
        self.events.subscribe()
    }

    /// Something has happened that only the rest of this process knows; its time is filled in.
    pub fn note(&self, event: ClusterEvent) {
        let view = event.view.max(self.knowledge.borrow().view);
        self.events.tell(ClusterEvent {
            at: self.clock.now(),
            view,
            ..event
        });
    }

    /// Hands all targets over and takes none, until [`undrain`](Self::undrain). Returns at once.
    pub fn drain(&self) {
        self.wish(|wishes| wishes.draining = true);
    }

    /// Takes targets again.
    pub fn undrain(&self) {
        self.wish(|wishes| wishes.draining = false);
    }

    /// How far the node is, now and whenever that changes.
    pub fn status(&self) -> watch::Receiver<Status> {
        self.status.clone()
    }

    /// What the node knows, now and whenever that changes.
    pub fn knowledge(&self) -> watch::Receiver<Arc<Knowledge>> {
        self.knowledge.clone()
    }

    fn wish(&self, change: impl FnOnce(&mut Wishes)) {
        self.wishes.send_if_modified(|wishes| {
            let before = *wishes;
            change(wishes);
            *wishes != before
        });
    }

    /// The first status of which `what` is true; `None` if the node ends before, or `deadline` is over.
    async fn wait(&self, deadline: Duration, what: impl FnMut(&Status) -> bool) -> Option<Status> {
        let mut status = self.status.clone();
        let found = timeout(deadline, status.wait_for(what)).await.ok()?.ok()?;
        Some(found.clone())
    }
}

/// A running node. It ends when this is dropped, without a word to the others.
#[derive(Debug)]
pub struct ClusterNode {
    control: ClusterControl,
    stop: CancellationToken,
    task: AbortOnDropHandle<()>,
}

impl ClusterNode {
    pub(crate) fn new(control: ClusterControl, stop: CancellationToken, task: AbortOnDropHandle<()>) -> Self {
        Self { control, stop, task }
    }

    /// For those who only steer and look.
    pub fn control(&self) -> ClusterControl {
        self.control.clone()
    }

    /// Waits until the node has met the others, or knows that there are none. `false` when that is not so
    /// by `deadline`.
    pub async fn joined(&self, deadline: Duration) -> bool {
        self.control
            .wait(deadline, |status| status.joined)
            .await
            .is_some()
    }

    /// The server can take targets: from now on this node is in the ring.
    pub fn ready(&self) {
        self.control.wish(|wishes| wishes.ready = true);
    }

    /// See [`ClusterControl::drain`].
    pub fn drain(&self) {
        self.control.drain();
    }

    /// See [`ClusterControl::undrain`].
    pub fn undrain(&self) {
        self.control.undrain();
    }

    /// Hands everything over, says that it goes, and owns nothing afterwards. Returns how many targets
    /// nobody took by `deadline`; at once if nobody else could take any.
    pub async fn leave(&self, deadline: Duration) -> usize {
        self.control.wish(|wishes| wishes.leaving = true);
        let done = |status: &Status| {
            let gone = status.owned == 0 || status.others_ready == 0;
            (gone && status.stage == Stage::Draining) || status.failure.is_some() || !status.joined
        };
        self.control.wait(deadline, done).await;
        let left = self.control.status.borrow().owned;
        self.control.wish(|wishes| wishes.left = true);
        self.control
            .wait(STOP_LIMIT, |status| status.stage == Stage::Left)
            .await;
        sleep(LAST_WORDS).await;
        left
    }

    /// Waits until the node cannot go on, and says why. Never returns while it can.
    pub async fn failed(&self) -> NodeFailure {
        let mut status = self.control.status.clone();
        if let Ok(found) = status.wait_for(|status| status.failure.is_some()).await
            && let Some(failure) = &found.failure
        {
            return failure.clone();
        }
        std::future::pending().await
    }

    /// Ends the node and its gossip. What it still owns is let go; [`leave`](Self::leave) first to hand it
    /// over.
    pub async fn stop(self) {
        self.stop.cancel();
        let _ = timeout(STOP_LIMIT, self.task).await;
    }
}

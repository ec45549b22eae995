//! Connections that are opened before their target is ours, for the first lane that begins.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::{BoxFuture, join_all};
use ringwatch_frame::TargetId;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::fault::{Fault, FaultKind};
use crate::gate::Place;
use crate::lane::Env;
use crate::live::Live;
use crate::session::{Connector, Session};
use crate::target::TargetSpec;
use crate::warrant::{OwnersWarrant, Warrant};

/// How long a connection waits for its target.
const KEPT: Duration = Duration::from_secs(30);
/// The most connections that wait.
const MOST: usize = 256;

/// Connections that wait for their target, one for each at most.
pub(crate) struct Warm<S>(Arc<Inner<S>>);

struct Inner<S> {
    slots: Mutex<Slots<S>>,
    changed: Notify,
}

struct Slots<S> {
    by_target: BTreeMap<TargetId, Slot<S>>,
    count: u64,
}

struct Slot<S> {
    number: u64,
    since: Instant,
    /// How long it waits.
    kept: Duration,
    spec: Arc<TargetSpec>,
    /// `None` while it is being opened.
    session: Option<S>,
}

/// What is to be done for a target.
enum Reserved<S> {
    /// Nothing: a connection waits.
    Ready,
    /// Nothing: one is being opened.
    Busy,
    /// To connect, and to close the one that had to make room.
    Connect(Reservation<S>, Option<S>),
}

/// The place of a connection that is being opened, given back when it is dropped.
struct Reservation<S> {
    inner: Arc<Inner<S>>,
    target: TargetId,
    number: u64,
}

impl<S> Inner<S> {
    fn slots(&self) -> MutexGuard<'_, Slots<S>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<S> Reservation<S> {
    /// Puts the connection in its place. When the target has begun meanwhile, or was left, it comes back.
    fn fill(self, session: S) -> Option<S> {
        let mut slots = self.inner.slots();
        let slot = slots.by_target.get_mut(&self.target);
        let Some(slot) = slot.filter(|slot| slot.number == self.number) else {
            return Some(session);
        };
        slot.since = Instant::now();
        slot.session = Some(session);
        drop(slots);
        self.inner.changed.notify_one();
        None
    }
}

impl<S> Drop for Reservation<S> {
    fn drop(&mut self) {
        let mut slots = self.inner.slots();
        let open = |slot: &Slot<S>| slot.number == self.number && slot.session.is_none();
        if slots.by_target.get(&self.target).is_some_and(open) {
            slots.by_target.remove(&self.target);
        }
    }
}

impl<S: Session> Warm<S> {
    /// None yet.
    pub(crate) fn new() -> Self {
        let slots = Slots {
            by_target: BTreeMap::new(),
            count: 0,
        };
        Self(Arc::new(Inner {
            slots: Mutex::new(slots),
            changed: Notify::new(),
        }))
    }

    /// Takes the connection that waits for `spec`. One that is still being opened is not waited for, and
    /// closed as soon as it is open.
    pub(crate) fn take(&self, spec: &TargetSpec) -> Option<S> {
        let slot = self.0.slots().by_target.remove(&spec.id)?;
        slot.session.filter(|_| slot.spec.same(spec))
    }

    /// Puts a connection there that is open already, for a moment. It comes back where one waits, or is being opened.
    pub(crate) fn give(&self, spec: &Arc<TargetSpec>, session: S, kept: Duration) -> Option<S> {
        let mut slots = self.0.slots();
        if slots.by_target.contains_key(&spec.id) || slots.by_target.len() >= MOST {
            return Some(session);
        }
        slots.count += 1;
        let slot = Slot {
            number: slots.count,
            since: Instant::now(),
            kept,
            spec: Arc::clone(spec),
            session: Some(session),
        };
        slots.by_target.insert(spec.id.clone(), slot);
        drop(slots);
        self.0.changed.notify_one();
        None
    }

    fn reserve(&self, spec: &Arc<TargetSpec>) -> Reserved<S> {
        let mut slots = self.0.slots();
        match slots.by_target.get(&spec.id) {
            Some(slot) if slot.session.is_none() => return Reserved::Busy,
            Some(slot) if slot.spec.same(spec) => return Reserved::Ready,
            _ => {}
        }
        let mut old = slots.by_target.remove(&spec.id);
        if slots.by_target.len() >= MOST {
            let waiting = slots.by_target.iter().filter(|(_, slot)| slot.session.is_some());
            let oldest = waiting.min_by_key(|(_, slot)| slot.since);
            let Some(oldest) = oldest.map(|(target, _)| target.clone()) else {
                return Reserved::Busy;
            };
            old = slots.by_target.remove(&oldest);
        }
        slots.count += 1;
        let number = slots.count;
        let slot = Slot {
            number,
            since: Instant::now(),
            kept: KEPT,
            spec: Arc::clone(spec),
            session: None,
        };
        slots.by_target.insert(spec.id.clone(), slot);
        let reservation = Reservation {
            inner: Arc::clone(&self.0),
            target: spec.id.clone(),
            number,
        };
        Reserved::Connect(reservation, old.and_then(|slot| slot.session))
    }

    /// Takes out those that have waited too long, and says when the next one will have.
    fn expired(&self, now: Instant) -> (Vec<S>, Option<Instant>) {
        let mut slots = self.0.slots();
        let over = |slot: &Slot<S>| slot.session.is_some() && now >= slot.since + slot.kept;
        let gone = slots.by_target.extract_if(.., |_, slot| over(slot));
        let gone = gone.filter_map(|(_, slot)| slot.session).collect();
        let waiting = slots.by_target.values().filter(|slot| slot.session.is_some());
        (gone, waiting.map(|slot| slot.since + slot.kept).min())
    }

    /// Closes those that have waited too long, and all at the end.
    pub(crate) async fn tend(&self, cancel: CancellationToken) {
        while !cancel.is_cancelled() {
            let (gone, next) = self.expired(Instant::now());
            join_all(gone.into_iter().map(Session::close)).await;
            let next = next.unwrap_or_else(|| Instant::now() + KEPT);
            tokio::select! {
                () = cancel.cancelled() => {}
                () = self.0.changed.notified() => {}
                () = tokio::time::sleep_until(next) => {}
            }
        }
        let all = std::mem::take(&mut self.0.slots().by_target);
        join_all(
            all.into_values()
                .filter_map(|slot| slot.session)
                .map(Session::close),
        )
        .await;
    }
}

/// Opens connections ahead, whatever the connector is.
pub(crate) trait Warming: Send + Sync {
    /// Opens a connection of the first reader of `spec` that waits for the target to begin.
    fn warm<'a>(&'a self, spec: &'a Arc<TargetSpec>) -> BoxFuture<'a, Result<(), Fault>>;
}

/// Opens connections ahead with the connector of the lanes.
pub(crate) struct Ahead<C: Connector> {
    pub(crate) env: Arc<Env<C>>,
    pub(crate) live: Live,
}

impl<C: Connector> Warming for Ahead<C> {
    fn warm<'a>(&'a self, spec: &'a Arc<TargetSpec>) -> BoxFuture<'a, Result<(), Fault>> {
        Box::pin(self.open(spec))
    }
}

impl<C: Connector> Ahead<C> {
    async fn open(&self, spec: &Arc<TargetSpec>) -> Result<(), Fault> {
        if !self.env.guard.at_ease(&spec.id) || self.env.hot.has(&spec.id) {
            return Ok(());
        }
        let (reservation, old) = match self.env.warm.reserve(spec) {
            Reserved::Ready => return Ok(()),
            Reserved::Busy => {
                let message = "other connections are being opened ahead: try again";
                return Err(Fault::new(FaultKind::TooManyConnections, message));
            }
            Reserved::Connect(reservation, old) => (reservation, old),
        };
        if let Some(old) = old {
            old.close().await;
        }
        // Looked at after the place was taken: a target that begins now takes the place away.
        if self.live.has(&spec.id) {
            return Ok(());
        }
        let Some(reader) = spec.readers.first() else {
            return Ok(());
        };
        let connect = async {
            let _place = self.env.gate.enter(Place::Connecting).await;
            // While it waited for its place, a breaker may have opened.
            if !self.env.guard.at_ease(&spec.id) {
                return Ok(None);
            }
            let login = (&**reader, reader.plan.database());
            let warrant: Arc<dyn Warrant> = Arc::new(OwnersWarrant {
                ownership: Arc::clone(&self.env.ownership),
                target: spec.id.clone(),
                fence: None,
            });
            let session = self.env.connector.connect_ahead(spec, login, &warrant).await;
            session.map(Some)
        };
        let deadline = reader.plan.timeout();
        let session = tokio::time::timeout(deadline, connect)
            .await
            .unwrap_or_else(|_| {
                let message = format!("no connection within {deadline:?}");
                Err(Fault::new(FaultKind::Deadline, &message))
            })?;
        if let Some(session) = session.and_then(|session| reservation.fill(session)) {
            session.close().await;
        }
        Ok(())
    }
}

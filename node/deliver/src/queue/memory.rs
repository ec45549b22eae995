//! The queue in memory.

mod lease;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ringwatch_frame::{Batch, DropReason};
use tokio::sync::Notify;
use tokio::time::Instant;

use super::{Queue, QueueState};
use crate::Signal;

pub use lease::MemoryLease;

/// How much a queue takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Room {
    /// So many batches wait, besides those that are leased.
    Waiting(u64),
    /// So many batches are there in all, leased ones among them: nothing waits longer than until a consumer takes it.
    Consumers(u64),
}

/// A bounded queue in memory. It ends with the process.
#[derive(Clone, Debug)]
pub struct MemoryQueue(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    room: Room,
    max_age: Duration,
    state: Mutex<State>,
    news: Notify,
}

#[derive(Debug, Default)]
struct State {
    waiting: BTreeMap<Place, Parcel>,
    /// What is out: since when it is here, and how much it is.
    leased: BTreeMap<Place, Size>,
    next: u64,
    closed: bool,
    /// Nothing goes back any more.
    discarded: bool,
    refused_rows: u64,
}

/// A place in the order. Halves share the place of the whole: each has half its width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    start: u128,
    width: u128,
}

#[derive(Debug)]
struct Parcel {
    signal: Signal,
    batch: Batch,
    since: Instant,
    tried: u32,
}

#[derive(Clone, Copy, Debug)]
struct Size {
    since: Instant,
    frames: u64,
    bytes: u64,
}

impl Parcel {
    fn size(&self) -> Size {
        Size {
            since: self.since,
            frames: self.batch.frames().len() as u64,
            bytes: self.batch.bytes(),
        }
    }
}

impl State {
    fn has_room(&self, room: Room) -> bool {
        match room {
            Room::Waiting(most) => (self.waiting.len() as u64) < most,
            Room::Consumers(most) => ((self.waiting.len() + self.leased.len()) as u64) < most,
        }
    }

    /// Takes out what waits for longer than `max_age`; the oldest are first.
    fn expired(&mut self, max_age: Duration, now: Instant) -> Vec<Batch> {
        let mut old = Vec::new();
        while let Some(first) = self.waiting.first_entry() {
            if !is_older(first.get().since, max_age, now) {
                break;
            }
            old.push(first.remove().batch);
        }
        old
    }
}

/// Whether what is here since `since` is over the age limit; a limit of zero is none.
fn is_older(since: Instant, max_age: Duration, now: Instant) -> bool {
    !max_age.is_zero() && now.saturating_duration_since(since) > max_age
}

impl MemoryQueue {
    /// An empty queue with this room. What is older than `max_age` is dropped for `queue_age`; zero sets no limit.
    pub fn new(room: Room, max_age: Duration) -> Self {
        Self(Arc::new(Inner {
            room,
            max_age,
            state: Mutex::default(),
            news: Notify::new(),
        }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn drop_expired(&self) {
        let old = self.lock().expired(self.0.max_age, Instant::now());
        old.into_iter()
            .for_each(|batch| batch.discard(DropReason::QueueAge));
    }

    /// Puts what was leased at `place` back as these parcels; after the rest was discarded they are dropped, too.
    fn put_back(&self, place: Place, parcels: impl IntoIterator<Item = (Place, Parcel)>) {
        let mut state = self.lock();
        state.leased.remove(&place);
        if state.discarded {
            drop(state);
            for (_, parcel) in parcels {
                parcel.batch.discard(DropReason::Shutdown);
            }
            return;
        }
        for (place, parcel) in parcels {
            state.waiting.insert(place, parcel);
            self.0.news.notify_one();
        }
    }

    /// The next lease, or whether there will never be one.
    fn try_lease(&self) -> Option<Option<MemoryLease>> {
        self.drop_expired();
        let mut state = self.lock();
        let Some((place, parcel)) = state.waiting.pop_first() else {
            return state.closed.then_some(None);
        };
        state.leased.insert(place, parcel.size());
        drop(state);
        Some(Some(MemoryLease {
            queue: self.clone(),
            place,
            parcel,
            ended: false,
        }))
    }
}

impl Queue for MemoryQueue {
    type Lease = MemoryLease;

    fn push(&self, signal: Signal, batch: Batch) -> Option<DropReason> {
        self.drop_expired();
        let mut state = self.lock();
        if state.closed || !state.has_room(self.0.room) {
            let reason = if state.closed {
                DropReason::Shutdown
            } else {
                DropReason::QueueFull
            };
            state.refused_rows += batch.rows();
            drop(state);
            batch.discard(reason);
            return Some(reason);
        }
        let place = Place {
            start: u128::from(state.next) << 64,
            width: 1 << 64,
        };
        state.next += 1;
        state.waiting.insert(
            place,
            Parcel {
                signal,
                batch,
                since: Instant::now(),
                tried: 0,
            },
        );
        drop(state);
        self.0.news.notify_one();
        None
    }

    async fn lease(&self) -> Option<MemoryLease> {
        loop {
            let news = self.0.news.notified();
            tokio::pin!(news);
            news.as_mut().enable();
            if let Some(answer) = self.try_lease() {
                return answer;
            }
            news.await;
        }
    }

    fn close(&self) {
        self.lock().closed = true;
        self.0.news.notify_waiters();
    }

    fn discard_rest(&self) -> u64 {
        let rest = {
            let mut state = self.lock();
            (state.closed, state.discarded) = (true, true);
            std::mem::take(&mut state.waiting)
        };
        let rows = rest.values().map(|parcel| parcel.batch.rows()).sum();
        rest.into_values()
            .for_each(|parcel| parcel.batch.discard(DropReason::Shutdown));
        rows
    }

    fn state(&self) -> QueueState {
        let state = self.lock();
        let now = Instant::now();
        let sizes = state
            .leased
            .values()
            .copied()
            .chain(state.waiting.values().map(Parcel::size));
        let start = QueueState {
            waiting: state.waiting.len() as u64,
            capacity: match self.0.room {
                Room::Waiting(most) | Room::Consumers(most) => most,
            },
            accepts: !state.closed && state.has_room(self.0.room),
            refused_rows: state.refused_rows,
            ..QueueState::default()
        };
        sizes.fold(start, |sum, size| QueueState {
            frames: sum.frames + size.frames,
            bytes: sum.bytes + size.bytes,
            oldest: sum.oldest.max(now.saturating_duration_since(size.since)),
            ..sum
        })
    }
}

#[cfg(test)]
#[path = "memory_tests.rs"]
mod tests;

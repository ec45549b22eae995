//! Where frames wait until they may leave the node: until the standby has them, or there is none.
//!
//! A tick is never held up here, only its delivery, and that for about the time of one round trip between two
//! nodes. What waits is bounded; when it is too much the oldest goes as if it were cleared, and is counted.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use prometheus::{IntCounter, IntGauge, Registry};
use ringwatch_cluster::memories::{Clearance, Memories};
use ringwatch_collect::Sink;
use ringwatch_frame::{DropReason, Frame, FrameId};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;

/// How many frames may wait.
const MOST_FRAMES: usize = 10_000;
/// How much memory they may hold, in bytes.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// Says when a frame may leave the node.
pub(super) trait Clearing: Send + Sync {
    /// Whether it may go now; else, what to wait for.
    fn clearance(&self, id: &FrameId) -> Clearance;
}

impl Clearing for Memories {
    fn clearance(&self, id: &FrameId) -> Clearance {
        Self::clearance(self, id)
    }
}

/// Holds frames back until they are cleared, and then offers them to the next sink.
pub(super) struct Gatehouse {
    inner: Arc<Inner>,
    _task: AbortOnDropHandle<()>,
}

struct Inner {
    clearing: Arc<dyn Clearing>,
    next: Arc<dyn Sink>,
    held: Mutex<Held>,
    waits: mpsc::Sender<Wait>,
    /// Told when a frame has gone.
    gone: Notify,
    waiting: IntGauge,
    uncleared: IntCounter,
}

/// A frame's number, and who says what becomes of it.
type Wait = (u64, oneshot::Receiver<bool>);

#[derive(Default)]
struct Held {
    /// By number, oldest first.
    frames: BTreeMap<u64, Frame>,
    bytes: u64,
    last: u64,
}

impl Held {
    fn add(&mut self, frame: Frame) -> u64 {
        self.last += 1;
        self.bytes += frame.bytes();
        self.frames.insert(self.last, frame);
        self.last
    }

    fn take(&mut self, number: u64) -> Option<Frame> {
        let frame = self.frames.remove(&number)?;
        self.bytes = self.bytes.saturating_sub(frame.bytes());
        Some(frame)
    }

    fn all(&mut self) -> BTreeMap<u64, Frame> {
        self.bytes = 0;
        std::mem::take(&mut self.frames)
    }

    /// The oldest, if there are too many.
    fn beyond(&mut self) -> Option<Frame> {
        if self.frames.len() <= MOST_FRAMES && self.bytes <= MOST_BYTES {
            return None;
        }
        let oldest = self.frames.keys().next().copied()?;
        self.take(oldest)
    }
}

impl Gatehouse {
    /// Asks `clearing` about each frame and hands on to `next`.
    pub(super) fn new(
        clearing: Arc<dyn Clearing>,
        next: Arc<dyn Sink>,
        registry: &Registry,
    ) -> prometheus::Result<Arc<Self>> {
        let waiting = IntGauge::new(
            "ringwatch_uncleared_frames",
            "Frames that wait until the standby of their target has them",
        )?;
        let uncleared = IntCounter::new(
            "ringwatch_uncleared_frames_sent_total",
            "Frames that went on before the standby of their target had them, because too many waited or the node stopped",
        )?;
        registry.register(Box::new(waiting.clone()))?;
        registry.register(Box::new(uncleared.clone()))?;
        // As many as may be held, so that there is always room.
        let (waits, asked) = mpsc::channel(MOST_FRAMES + 1);
        let inner = Arc::new(Inner {
            clearing,
            next,
            held: Mutex::default(),
            waits,
            gone: Notify::new(),
            waiting,
            uncleared,
        });
        let task = tokio::spawn(Arc::clone(&inner).run(asked));
        Ok(Arc::new(Self {
            inner,
            _task: AbortOnDropHandle::new(task),
        }))
    }

    /// Waits until nothing is held any more. What is held at the deadline goes as if it were cleared.
    pub(super) async fn stop(&self, deadline: Instant) {
        let empty = async {
            loop {
                let gone = self.inner.gone.notified();
                if self.inner.held().frames.is_empty() {
                    return;
                }
                gone.await;
            }
        };
        if tokio::time::timeout_at(deadline, empty).await.is_ok() {
            return;
        }
        let left = self.inner.held().all();
        self.inner.waiting.set(0);
        tracing::warn!(
            frames = left.len(),
            "the node stops, and these frames go before a standby has them"
        );
        left.into_values().for_each(|frame| self.inner.uncleared(frame));
    }
}

impl Sink for Gatehouse {
    fn offer(&self, frame: Frame) {
        match self.inner.clearing.clearance(frame.id()) {
            Clearance::Clear => self.inner.next.offer(frame),
            Clearance::Wait(word) => self.inner.hold(frame, word),
        }
    }
}

impl Inner {
    fn hold(&self, frame: Frame, mut word: oneshot::Receiver<bool>) {
        // It may have been said already.
        match word.try_recv() {
            Ok(cleared) => return self.end(frame, cleared),
            Err(oneshot::error::TryRecvError::Closed) => return self.end(frame, true),
            Err(oneshot::error::TryRecvError::Empty) => {}
        }
        let (number, beyond) = {
            let mut held = self.held();
            let number = held.add(frame);
            (number, std::iter::from_fn(|| held.beyond()).collect::<Vec<_>>())
        };
        self.waiting.inc();
        for frame in beyond {
            self.waiting.dec();
            self.uncleared(frame);
        }
        if self.waits.try_send((number, word)).is_err()
            && let Some(frame) = self.take(number)
        {
            self.uncleared(frame);
        }
    }

    /// Follows what is said of the frames that wait.
    async fn run(self: Arc<Self>, mut asked: mpsc::Receiver<Wait>) {
        let mut words = FuturesUnordered::new();
        loop {
            tokio::select! {
                Some((number, word)) = asked.recv(), if words.len() <= MOST_FRAMES => {
                    // Whoever cannot say anything any more has nothing against it.
                    words.push(async move { (number, word.await.unwrap_or(true)) });
                }
                Some((number, cleared)) = words.next(), if !words.is_empty() => {
                    if let Some(frame) = self.take(number) {
                        self.end(frame, cleared);
                    }
                }
                else => return,
            }
        }
    }

    fn end(&self, frame: Frame, cleared: bool) {
        if cleared {
            self.next.offer(frame);
        } else {
            frame.discard(DropReason::Superseded);
        }
        self.gone.notify_waiters();
    }

    fn uncleared(&self, frame: Frame) {
        self.uncleared.inc();
        self.end(frame, true);
    }

    fn take(&self, number: u64) -> Option<Frame> {
        let frame = self.held().take(number)?;
        self.waiting.dec();
        Some(frame)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[path = "gatehouse_tests.rs"]
mod tests;

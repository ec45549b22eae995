//! Frames that a dead owner had read: they go the way of all frames, as fast as the pipelines take them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ringwatch_cluster::memories::Memories;
use ringwatch_collect::Sink as _;
use ringwatch_frame::{Books, Frame, PendingFrame};
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

use super::router::Router;
use crate::audit::{TickBooks, What};

/// How long to wait for pipelines that have enough to do.
const PATIENCE: Duration = Duration::from_millis(10);

/// Inherited frames on their way.
pub(super) struct Heritage {
    inner: Arc<Inner>,
    _task: AbortOnDropHandle<()>,
}

struct Inner {
    books: Arc<Books>,
    memories: Arc<Memories>,
    ticks: Arc<TickBooks>,
    router: Arc<Router>,
    /// As many as the memories of the targets hold: they were bounded there.
    waiting: Mutex<VecDeque<PendingFrame>>,
    more: Notify,
}

impl Heritage {
    /// Frames enter `books` and go to `router`; `memories` and `ticks` hear when each has ended.
    pub(super) fn new(
        books: &Arc<Books>,
        (memories, ticks): (Arc<Memories>, Arc<TickBooks>),
        router: Arc<Router>,
    ) -> Self {
        let inner = Arc::new(Inner {
            books: Arc::clone(books),
            memories,
            ticks,
            router,
            waiting: Mutex::default(),
            more: Notify::new(),
        });
        let task = tokio::spawn(Arc::clone(&inner).run());
        Self {
            inner,
            _task: AbortOnDropHandle::new(task),
        }
    }

    /// Takes frames to deliver.
    pub(super) fn take(&self, frames: Vec<PendingFrame>) {
        let mut waiting = self.inner.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.extend(frames);
        drop(waiting);
        self.inner.more.notify_one();
    }

    /// Offers all that waits, whether there is room or not.
    pub(super) fn flush(&self) {
        while let Some(frame) = self.inner.next() {
            self.inner.offer(frame);
        }
    }
}

impl Inner {
    async fn run(self: Arc<Self>) {
        loop {
            self.more.notified().await;
            while let Some(source) = self.source_of_next() {
                if self.router.has_room(&source) {
                    self.next().into_iter().for_each(|frame| self.offer(frame));
                } else {
                    tokio::time::sleep(PATIENCE).await;
                }
            }
        }
    }

    fn source_of_next(&self) -> Option<Arc<str>> {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.front().map(|frame| Arc::clone(&frame.meta.source))
    }

    fn next(&self) -> Option<PendingFrame> {
        self.waiting
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop_front()
    }

    fn offer(&self, frame: PendingFrame) {
        // One that the memories do not have any more was lost to its own successor only.
        let receipt = self.memories.receipt(&frame.meta.id);
        let receipt = self.ticks.opened(&frame.meta.id, What::Inherited, receipt);
        let frame = Frame::collected(&self.books, frame.meta, frame.rows);
        self.router.offer(frame.with_receipt(receipt));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use arrow_array::{Int64Array, RecordBatch};
    use ringwatch_frame::{Clock, Epoch, FrameId, FrameMeta, StreamId, StreamMemory, TargetId, Tick};

    use super::*;

    #[tokio::test]
    async fn an_inherited_frame_enters_the_books_and_is_settled_when_it_ends() {
        let id = FrameId {
            target: TargetId::from_name("postgresql://a:1"),
            stream: StreamId::of_server("postgresql.activity"),
            tick: Tick::from_unix_nanos(1_000),
            epoch: Epoch(3),
        };
        let meta = FrameMeta {
            id: id.clone(),
            source: "postgresql".into(),
            resource: Arc::default(),
        };
        let rows: Arc<Int64Array> = Arc::new(vec![1, 2].into());
        let frame = PendingFrame {
            meta,
            rows: RecordBatch::try_from_iter([("n", rows as _)]).unwrap(),
        };
        let memories = Memories::new(&prometheus::Registry::new()).unwrap();
        let stream = StreamMemory {
            last: Some(id.tick),
            baseline: None,
            pending: [frame.clone()].into(),
        };
        memories.own(&id.target, BTreeMap::from([(id.stream.clone(), stream)]));
        // No pipeline wants it, so that it ends at once.
        let books = Arc::new(Books::default());
        let router = Arc::new(Router::new(Default::default(), Arc::default()));
        let ticks = TickBooks::new(&Clock::system(), &prometheus::Registry::new()).unwrap();
        let kept = (Arc::clone(&memories), ticks);
        let heritage = Heritage::new(&books, kept, router);
        heritage.take(vec![frame]);
        while books.snapshot().dropped_total() == 0 {
            tokio::task::yield_now().await;
        }
        let end = books.snapshot();
        assert_eq!(
            (end.collected_rows, end.dropped_total(), end.in_flight_rows),
            (2, 2, 0)
        );
        assert!(memories.receipt(&id).is_none(), "it is pending no more");
    }
}

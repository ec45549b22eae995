//! Who is told when a frame has ended, and how it ended.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering::Relaxed};

use crate::DropReason;

/// How a frame ended, with all copies and parts of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameEnd {
    /// Rows of it were delivered, or it had none and came to its end.
    Delivered,
    /// Nothing of it was delivered; the reason is that of the part that ended last.
    Dropped(DropReason),
}

/// Takes a frame back that was not sent yet: another node delivers it.
#[derive(Clone, Debug, Default)]
pub struct Withdrawal(Arc<AtomicBool>);

impl Withdrawal {
    /// From now on nothing of the frame should be sent.
    pub fn withdraw(&self) {
        self.0.store(true, Relaxed);
    }

    /// Whether it was taken back.
    pub fn is_withdrawn(&self) -> bool {
        self.0.load(Relaxed)
    }
}

/// Calls back when a frame, with all copies and parts of it, has ended: its rows are delivered, or dropped for a
/// reason that is counted.
pub struct Receipt {
    ended: Option<Box<dyn FnOnce(FrameEnd) + Send + Sync>>,
    fate: Fate,
    withdrawal: Withdrawal,
}

impl Receipt {
    /// Calls `ended` once, on the thread on which the last part ended: it must be quick and must not wait.
    pub fn new(ended: impl FnOnce() + Send + Sync + 'static) -> Self {
        Self::telling(|_| ended())
    }

    /// As [`new`](Self::new), and says how the frame ended.
    pub fn telling(ended: impl FnOnce(FrameEnd) + Send + Sync + 'static) -> Self {
        Self {
            ended: Some(Box::new(ended)),
            fate: Fate::default(),
            withdrawal: Withdrawal::default(),
        }
    }

    /// Its frame can be taken back by `withdrawal`.
    #[must_use]
    pub fn withdrawn_by(mut self, withdrawal: Withdrawal) -> Self {
        self.withdrawal = withdrawal;
        self
    }

    /// What takes its frame back.
    pub fn withdrawal(&self) -> &Withdrawal {
        &self.withdrawal
    }

    pub(crate) fn fate(&self) -> &Fate {
        &self.fate
    }
}

impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Receipt")
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        if let Some(ended) = self.ended.take() {
            ended(self.fate.end());
        }
    }
}

/// What is known so far of the end of a frame: 0 nothing, [`DELIVERED`], or one more than the place of the
/// reason in [`DropReason::ALL`].
#[derive(Debug, Default)]
pub(crate) struct Fate(AtomicU8);

const DELIVERED: u8 = u8::MAX;

impl Fate {
    /// Rows of it were delivered.
    pub(crate) fn delivered(&self) {
        self.0.store(DELIVERED, Relaxed);
    }

    /// Rows of it were dropped, or a part without rows was.
    pub(crate) fn dropped(&self, reason: DropReason) {
        let place = DropReason::ALL.iter().position(|known| *known == reason);
        let code = place.and_then(|place| u8::try_from(place + 1).ok()).unwrap_or(0);
        // It fails only where rows were delivered, and then they decide.
        let _ = self
            .0
            .fetch_update(Relaxed, Relaxed, |before| (before != DELIVERED).then_some(code));
    }

    fn end(&self) -> FrameEnd {
        let code = usize::from(self.0.load(Relaxed));
        let reason = code.checked_sub(1).and_then(|place| DropReason::ALL.get(place));
        reason.map_or(FrameEnd::Delivered, |reason| FrameEnd::Dropped(*reason))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use arrow_array::{BooleanArray, Int64Array, RecordBatch};

    use super::*;
    use crate::{Books, Epoch, Frame, FrameId, FrameMeta, StreamId, TargetId, Tick};

    /// What is told of a frame of so many rows that ends as `end` says.
    fn told(rows: i64, end: impl FnOnce(Frame)) -> Option<FrameEnd> {
        let meta = FrameMeta {
            id: FrameId {
                target: TargetId::from_name("postgresql://a:1"),
                stream: StreamId::of_server("s"),
                tick: Tick::from_unix_nanos(1),
                epoch: Epoch(1),
            },
            source: "postgresql".into(),
            resource: Arc::default(),
        };
        let column: Arc<Int64Array> = Arc::new((0..rows).collect::<Vec<_>>().into());
        let batch = RecordBatch::try_from_iter([("n", column as _)]).unwrap();
        let heard = Arc::new(Mutex::new(None));
        let hears = Arc::clone(&heard);
        let receipt = Receipt::telling(move |end| *hears.lock().unwrap() = Some(end));
        end(Frame::collected(&Arc::new(Books::default()), meta, batch).with_receipt(receipt));
        *heard.lock().unwrap()
    }

    #[test]
    fn one_row_that_was_delivered_makes_the_frame_delivered() {
        let dropped = |reason| Some(FrameEnd::Dropped(reason));
        assert_eq!(told(2, Frame::deliver), Some(FrameEnd::Delivered));
        assert_eq!(told(0, Frame::deliver), Some(FrameEnd::Delivered));
        assert_eq!(told(0, drop), Some(FrameEnd::Delivered), "nothing was lost");
        assert_eq!(told(2, drop), dropped(DropReason::Unaccounted));
        let superseded = |frame: Frame| frame.discard(DropReason::Superseded);
        assert_eq!(told(0, superseded), dropped(DropReason::Superseded));
        let split = |frame: Frame| {
            let (first, rest) = frame.split(1);
            first.deliver();
            rest.unwrap().discard(DropReason::QueueFull);
        };
        assert_eq!(told(2, split), Some(FrameEnd::Delivered));
        let copies = |frame: Frame| {
            frame.copy().discard(DropReason::QueueFull);
            frame.discard(DropReason::QueueAge);
        };
        assert_eq!(told(2, copies), dropped(DropReason::QueueAge));
        assert_eq!(
            told(2, |frame| frame.deliver_except(1)),
            Some(FrameEnd::Delivered)
        );
        assert_eq!(
            told(2, |frame| frame.deliver_except(2)),
            dropped(DropReason::Rejected)
        );
        let sampled = |mut frame: Frame| {
            let mask = BooleanArray::from(vec![false, false]);
            frame.retain(&mask, DropReason::Sampled).unwrap();
            frame.deliver();
        };
        assert_eq!(told(2, sampled), dropped(DropReason::Sampled));
    }
}

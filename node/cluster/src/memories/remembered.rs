//! What is remembered of one target, within bounds: pure. Owner and standby keep it alike.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use arrow_array::RecordBatch;
use ringwatch_frame::{PendingFrame, StreamId, StreamMemory, TargetMemory, Tick, Withdrawal};
use tokio::time::Instant;

use super::bounds::{Bounds, MAX_AGE};

/// How many pending frames are remembered of one target.
pub(crate) const MAX_FRAMES: usize = 10_000;
/// How much memory the pending frames of one target may take, in bytes of their columns.
pub(super) const MAX_BYTES: usize = 64 * 1024 * 1024;
/// How many streams are remembered of one target.
pub(crate) const MAX_STREAMS: usize = 10_000;

/// The memory of one target.
#[derive(Debug)]
pub(super) struct Remembered {
    bounds: Arc<Bounds>,
    streams: BTreeMap<StreamId, Stream>,
    /// All pending frames by number, oldest first, each since when.
    order: BTreeMap<u64, (Instant, StreamId)>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Stream {
    last: Option<Tick>,
    baseline: Option<RecordBatch>,
    /// By tick and by number alike.
    pending: VecDeque<Pending>,
}

#[derive(Debug)]
struct Pending {
    number: u64,
    bytes: usize,
    /// Another node has it too, and delivers it if this one is lost.
    taken: bool,
    withdrawal: Withdrawal,
    frame: PendingFrame,
}

/// A frame that is pending.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Names it among all.
    pub(super) number: u64,
    /// Takes it back.
    pub(super) withdrawal: Withdrawal,
}

/// What is not remembered any more, to be dropped when the lock is free again.
#[derive(Debug, Default)]
pub(super) struct Gone {
    frames: Vec<PendingFrame>,
    baselines: Vec<RecordBatch>,
}

/// What became of a tick that ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// It is remembered.
    New(Gone),
    /// It is not later than the last one that is known.
    Old,
    /// There are too many streams.
    Full,
}

impl Remembered {
    /// Remembers nothing yet.
    pub(super) fn within(bounds: &Arc<Bounds>) -> Self {
        bounds.join();
        Self {
            bounds: Arc::clone(bounds),
            streams: BTreeMap::new(),
            order: BTreeMap::new(),
            bytes: 0,
        }
    }

    /// Remembers `memory`; its frames get the numbers from `next` on, which is moved.
    pub(super) fn new(memory: TargetMemory, next: &mut u64, bounds: &Arc<Bounds>) -> Self {
        let mut this = Self::within(bounds);
        this.renew(memory, next);
        this
    }

    /// No frame is pending any more.
    pub(super) fn unburden(&mut self) -> Gone {
        let mut gone = Gone::default();
        let frames: Vec<Pending> = self
            .streams
            .values_mut()
            .flat_map(|stream| stream.pending.drain(..))
            .collect();
        self.part_from(frames, &mut gone);
        gone
    }

    /// The last tick of `stream` that ended.
    pub(super) fn last(&self, stream: &StreamId) -> Option<Tick> {
        self.streams.get(stream)?.latest()
    }

    /// The last tick of each stream that ended.
    pub(super) fn lasts(&self) -> BTreeMap<StreamId, Tick> {
        let last = |(id, stream): (&StreamId, &Stream)| Some((id.clone(), stream.latest()?));
        self.streams.iter().filter_map(last).collect()
    }

    /// A tick of `stream` has ended. A frame of it gets the number `next`, which is moved.
    pub(super) fn ended(
        &mut self,
        stream: &StreamId,
        tick: Tick,
        baseline: Option<RecordBatch>,
        frame: Option<PendingFrame>,
        next: &mut u64,
    ) -> Ended {
        let Some(kept) = self.stream(stream) else {
            return Ended::Full;
        };
        if kept.latest().is_some_and(|last| tick <= last) {
            return Ended::Old;
        }
        kept.last = Some(tick);
        let mut gone = Gone::default();
        if let Some(baseline) = baseline {
            gone.baselines.extend(kept.baseline.replace(baseline));
        }
        if let Some(frame) = frame {
            self.push(frame, next, &mut gone);
        }
        Ended::New(gone)
    }

    /// Another node has covered `tick` of `stream`: whoever reads next is based on that. The last tick does not
    /// fall.
    pub(super) fn covered(&mut self, stream: &StreamId, tick: Tick, baseline: Option<RecordBatch>) -> Gone {
        let mut gone = Gone::default();
        if let Some(kept) = self.stream(stream) {
            kept.last = kept.last.max(Some(tick));
            gone.baselines.extend(kept.baseline.take());
            kept.baseline = baseline;
        }
        gone
    }

    /// As [`covered`](Self::covered), but nothing counts that came after it.
    pub(super) fn rewind(&mut self, stream: &StreamId, tick: Tick, baseline: Option<RecordBatch>) -> Gone {
        let gone = self.covered(stream, tick, baseline);
        if let Some(kept) = self.streams.get_mut(stream) {
            kept.last = Some(tick);
        }
        gone
    }

    /// A frame that this node has read for the owner of the target. `None`: there is no room.
    pub(super) fn lodge(&mut self, frame: PendingFrame, next: &mut u64) -> (Option<Entry>, Gone) {
        let mut gone = Gone::default();
        let id = frame.meta.id.clone();
        if self.stream(&id.stream).is_some() {
            self.push(frame, next, &mut gone);
        }
        (self.entry(&id.stream, id.tick), gone)
    }

    /// The frames of `stream` of these ticks are no business of this memory.
    pub(super) fn cut(&mut self, stream: &StreamId, mut which: impl FnMut(Tick) -> bool) -> Gone {
        let mut gone = Gone::default();
        let Some(kept) = self.streams.get_mut(stream) else {
            return gone;
        };
        let out = |pending: &Pending| which(pending.tick());
        let (out, stays): (VecDeque<_>, VecDeque<_>) =
            std::mem::take(&mut kept.pending).into_iter().partition(out);
        kept.pending = stays;
        self.part_from(out, &mut gone);
        gone
    }

    /// `stream` begins anew, after its last tick.
    pub(super) fn drop_baseline(&mut self, stream: &StreamId) -> Option<RecordBatch> {
        self.streams.get_mut(stream)?.baseline.take()
    }

    /// The baseline of `stream`.
    pub(super) fn baseline(&self, stream: &StreamId) -> Option<RecordBatch> {
        self.streams.get(stream)?.baseline.clone()
    }

    /// What whoever reads `stream` next goes on from, without pending frames.
    pub(super) fn place(&self, stream: &StreamId) -> StreamMemory {
        let Some(kept) = self.streams.get(stream) else {
            return StreamMemory::default();
        };
        StreamMemory {
            last: kept.last,
            baseline: kept.baseline.clone(),
            pending: VecDeque::new(),
        }
    }

    /// The clock was set back to before `tick`: what lies at or after it in `stream` is not remembered any
    /// more.
    pub(super) fn back(&mut self, stream: &StreamId, tick: Tick) -> Gone {
        let mut gone = Gone::default();
        if let Some(kept) = self.streams.get_mut(stream) {
            kept.last = None;
            let late = kept.split_off(tick);
            self.bounds.lose(late.len());
            self.part_from(late, &mut gone);
        }
        gone
    }

    /// The frame of `stream` at `tick` has ended; where `number` is given, only if it has that number.
    /// `None`: it was not pending.
    pub(super) fn settled(&mut self, stream: &StreamId, tick: Tick, number: Option<u64>) -> Option<Gone> {
        let kept = self.streams.get_mut(stream)?;
        let at = kept.pending.binary_search_by_key(&tick, Pending::tick).ok()?;
        if number.is_some_and(|number| {
            kept.pending
                .get(at)
                .is_none_or(|pending| pending.number != number)
        }) {
            return None;
        }
        let settled = kept.pending.remove(at)?;
        if kept.is_empty() {
            self.streams.remove(stream);
        }
        let mut gone = Gone::default();
        self.part_from([settled], &mut gone);
        Some(gone)
    }

    /// The stream is gone; frames of it that are pending stay until they are settled.
    pub(super) fn forget(&mut self, stream: &StreamId) -> Gone {
        let mut gone = Gone::default();
        if let Some(kept) = self.streams.get_mut(stream) {
            kept.last = None;
            gone.baselines.extend(kept.baseline.take());
            if kept.is_empty() {
                self.streams.remove(stream);
            }
        }
        gone
    }

    /// Begins anew with `memory`. Of the frames that are pending here, those stay that it covers. Its own
    /// frames get the numbers from `next` on, which is moved.
    pub(super) fn renew(&mut self, memory: TargetMemory, next: &mut u64) -> Gone {
        let mut gone = Gone::default();
        let mut frames = Vec::new();
        let mut old = std::mem::take(&mut self.streams);
        for (id, stream) in memory.into_iter().take(MAX_STREAMS) {
            let mut kept = old.remove(&id).unwrap_or_default();
            let after = stream
                .last
                .map_or(i64::MIN, |last| last.unix_nanos().saturating_add(1));
            let late = kept.split_off(Tick::from_unix_nanos(after));
            self.bounds.lose(late.len());
            self.part_from(late, &mut gone);
            gone.baselines.extend(kept.baseline.take());
            kept.last = stream.last;
            kept.baseline = stream.baseline;
            frames.extend(stream.pending);
            self.streams.insert(id, kept);
        }
        for stream in old.into_values() {
            self.bounds.lose(stream.pending.len());
            gone.baselines.extend(stream.baseline);
            self.part_from(stream.pending, &mut gone);
        }
        frames.sort_by_key(|frame| frame.meta.id.tick);
        for frame in frames {
            self.push(frame, next, &mut gone);
        }
        self.streams.retain(|_, stream| !stream.is_empty());
        gone
    }

    /// Keeps nothing but the pending frames; gives back all but them.
    pub(super) fn retire(&mut self) -> TargetMemory {
        let memory = self.memory(false);
        self.streams.retain(|_, stream| {
            stream.baseline = None;
            !stream.pending.is_empty()
        });
        memory
    }

    /// The frame of `stream` at `tick`, if it is pending.
    pub(super) fn frame(&self, stream: &StreamId, tick: Tick) -> Option<PendingFrame> {
        Some(self.pending(stream, tick)?.frame.clone())
    }

    /// What names the frame of `stream` at `tick` and takes it back, if it is pending.
    pub(super) fn entry(&self, stream: &StreamId, tick: Tick) -> Option<Entry> {
        let pending = self.pending(stream, tick)?;
        Some(Entry {
            number: pending.number,
            withdrawal: pending.withdrawal.clone(),
        })
    }

    fn pending(&self, stream: &StreamId, tick: Tick) -> Option<&Pending> {
        let pending = &self.streams.get(stream)?.pending;
        let at = pending.binary_search_by_key(&tick, Pending::tick).ok()?;
        pending.get(at)
    }

    /// Another node has the frame of `stream` at `tick` too.
    pub(super) fn take(&mut self, stream: &StreamId, tick: Tick) {
        let pending = self.streams.get_mut(stream).map(|stream| &mut stream.pending);
        if let Some(pending) = pending
            && let Ok(at) = pending.binary_search_by_key(&tick, Pending::tick)
            && let Some(pending) = pending.get_mut(at)
        {
            pending.taken = true;
        }
    }

    /// Another node has all frames with numbers before `mark` too.
    pub(super) fn take_before(&mut self, mark: u64) {
        for pending in self.streams.values_mut().flat_map(|stream| &mut stream.pending) {
            pending.taken |= pending.number < mark;
        }
    }

    /// Nobody else has its frames any more.
    pub(super) fn untake(&mut self) {
        for pending in self.streams.values_mut().flat_map(|stream| &mut stream.pending) {
            pending.taken = false;
        }
    }

    /// Whether another node has frames of it too.
    pub(super) fn is_taken(&self) -> bool {
        let mut pending = self.streams.values().flat_map(|stream| &stream.pending);
        pending.any(|pending| pending.taken)
    }

    /// Takes back what another node has too: it delivers that now.
    pub(super) fn withdraw(&self) {
        let pending = self.streams.values().flat_map(|stream| &stream.pending);
        pending
            .filter(|pending| pending.taken)
            .for_each(|pending| pending.withdrawal.withdraw());
    }

    /// How many frames are pending.
    pub(super) fn count(&self) -> usize {
        self.order.len()
    }

    /// Whether no frame is pending.
    pub(super) fn is_settled(&self) -> bool {
        self.order.is_empty()
    }

    /// The memory, with or without pending frames.
    pub(super) fn memory(&self, with_pending: bool) -> TargetMemory {
        let pending = |stream: &Stream| {
            stream
                .pending
                .iter()
                .map(|pending| pending.frame.clone())
                .collect()
        };
        let memory = |stream: &Stream| StreamMemory {
            last: stream.last,
            baseline: stream.baseline.clone(),
            pending: if with_pending {
                pending(stream)
            } else {
                VecDeque::new()
            },
        };
        let streams = self.streams.iter();
        streams.map(|(id, stream)| (id.clone(), memory(stream))).collect()
    }

    fn stream(&mut self, stream: &StreamId) -> Option<&mut Stream> {
        if !self.streams.contains_key(stream) {
            if self.streams.len() >= MAX_STREAMS {
                return None;
            }
            self.streams.insert(stream.clone(), Stream::default());
        }
        self.streams.get_mut(stream)
    }

    /// Adds a frame, if there is none of its stream and tick. The oldest fall out if there are too many then.
    fn push(&mut self, frame: PendingFrame, next: &mut u64, gone: &mut Gone) {
        let id = &frame.meta.id;
        let Some(stream) = self.streams.get_mut(&id.stream) else {
            return;
        };
        let Err(at) = stream.pending.binary_search_by_key(&id.tick, Pending::tick) else {
            return;
        };
        let (number, bytes) = (*next, frame.rows.get_array_memory_size());
        let now = Instant::now();
        *next += 1;
        self.order.insert(number, (now, id.stream.clone()));
        self.bytes += bytes;
        self.bounds.add(bytes);
        let pending = Pending {
            number,
            bytes,
            taken: false,
            withdrawal: Withdrawal::default(),
            frame,
        };
        stream.pending.insert(at, pending);
        while let Some(oldest) = self.falls_out(now) {
            self.bounds.lose(1);
            self.part_from([oldest], gone);
        }
    }

    /// The oldest frame, where there are too many, or it has been pending for too long.
    fn falls_out(&mut self, now: Instant) -> Option<Pending> {
        let (since, _) = self.order.first_key_value()?.1;
        let many = self.order.len() > MAX_FRAMES || self.bytes > MAX_BYTES;
        if !many && !self.bounds.is_over(self.bytes) && now < *since + MAX_AGE {
            return None;
        }
        let (number, (_, stream)) = self.order.pop_first()?;
        self.streams.get_mut(&stream)?.remove(number)
    }

    /// Strikes frames that were taken out of their streams.
    fn part_from(&mut self, frames: impl IntoIterator<Item = Pending>, gone: &mut Gone) {
        for pending in frames {
            self.order.remove(&pending.number);
            self.bytes -= pending.bytes;
            self.bounds.remove(pending.bytes);
            gone.frames.push(pending.frame);
        }
    }
}

impl Drop for Remembered {
    fn drop(&mut self) {
        self.bounds.part(self.bytes);
    }
}

impl Stream {
    /// The last tick of which anything is known.
    fn latest(&self) -> Option<Tick> {
        self.last.max(self.pending.back().map(Pending::tick))
    }

    /// Takes out the pending frame with this number.
    fn remove(&mut self, number: u64) -> Option<Pending> {
        let at = self.pending.iter().position(|pending| pending.number == number)?;
        self.pending.remove(at)
    }

    /// Takes out the pending frames at and after `tick`.
    fn split_off(&mut self, tick: Tick) -> VecDeque<Pending> {
        let at = self.pending.partition_point(|pending| pending.tick() < tick);
        self.pending.split_off(at)
    }

    fn is_empty(&self) -> bool {
        self.last.is_none() && self.baseline.is_none() && self.pending.is_empty()
    }
}

impl Pending {
    fn tick(&self) -> Tick {
        self.frame.meta.id.tick
    }
}

//! Two nodes, one target, and what they tell each other, as the nodes of a cluster do.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use arrow_array::RecordBatch;
use futures::FutureExt as _;
use futures::future::{BoxFuture, ready};
use ringwatch_frame::{Epoch, FrameMeta, Receipt, StreamId, StreamMemory, TargetId, TargetMemory, Tick};

use super::Owner;
use crate::cover::Standby;
use crate::ownership::{Late, Ownership, Reach, Refusal, Succession};

/// What both know, and the link between them.
#[derive(Default)]
pub(super) struct Pair(Mutex<State>);

#[derive(Default)]
struct State {
    /// What the owner remembers.
    own: TargetMemory,
    /// What the standby remembers.
    shadow: TargetMemory,
    /// Ticks that the standby reads just now.
    claims: BTreeMap<StreamId, Tick>,
    /// Where the owner goes on.
    rebase: BTreeMap<StreamId, StreamMemory>,
    /// Readings of the owner that do not count.
    superseded: Vec<(StreamId, Tick)>,
    unreachable: Vec<(StreamId, Tick)>,
    /// What the owner promised not to be taken.
    late: Vec<(StreamId, Tick, Late)>,
    abandoned: usize,
    cut: bool,
    /// The owner has not heard yet what was covered.
    deaf: bool,
    /// The standby is one no more.
    over: bool,
    /// A stream of which the standby has not heard yet.
    unheard: Option<StreamId>,
}

impl State {
    /// The standby hears that a tick ended. Says whether it was taken.
    fn ended(&mut self, stream: &StreamId, tick: Tick, baseline: Option<RecordBatch>) -> bool {
        if self.claims.contains_key(stream) {
            return false;
        }
        let known = self.shadow.entry(stream.clone()).or_default();
        if known.last.is_some_and(|last| last >= tick) {
            self.rebase.insert(stream.clone(), known.clone());
            return false;
        }
        known.last = Some(tick);
        known.baseline = baseline.or_else(|| known.baseline.take());
        true
    }
}

impl Pair {
    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.0.lock().unwrap())
    }

    /// Cuts the link.
    pub(super) fn cut(&self) {
        self.with(|state| state.cut = true);
    }

    /// Keeps from the owner what was covered, until it asks.
    pub(super) fn deafen(&self) {
        self.with(|state| state.deaf = true);
    }

    /// The standby has not heard of this stream, or has heard of all.
    pub(super) fn leave_unheard(&self, stream: Option<StreamId>) {
        self.with(|state| state.unheard = stream);
    }

    /// Mends it: the owner tells all that it remembers, and hears what the standby has covered since.
    pub(super) fn mend(&self) {
        self.with(|state| {
            state.cut = false;
            for (stream, own) in state.own.clone() {
                if let Some(last) = own.last {
                    state.ended(&stream, last, own.baseline);
                }
            }
        });
    }

    /// Whether a reading of the owner does not count.
    pub(super) fn is_superseded(&self, stream: &StreamId, tick: Tick) -> bool {
        self.with(|state| state.superseded.contains(&(stream.clone(), tick)))
    }

    /// What late readings were answered.
    pub(super) fn late(&self) -> Vec<Late> {
        self.with(|state| state.late.iter().map(|(_, _, late)| *late).collect())
    }

    /// Claims that were given back.
    pub(super) fn abandoned(&self) -> usize {
        self.with(|state| state.abandoned)
    }

    /// The standby becomes the owner.
    pub(super) fn take_over(&self) {
        self.with(|state| {
            state.over = true;
            state.cut = true;
            state.claims.clear();
            state.own = state.shadow.clone();
        });
    }
}

/// The owner's side.
pub(super) struct OwnersSide {
    pub(super) pair: Arc<Pair>,
    pub(super) owner: Arc<Owner>,
}

impl Succession for OwnersSide {
    fn recall(&self, _: &TargetId) -> TargetMemory {
        self.pair.with(|state| state.own.clone())
    }

    fn collected(&self, meta: &FrameMeta, _: &RecordBatch, baseline: Option<RecordBatch>) -> Option<Receipt> {
        let (stream, tick) = (&meta.id.stream, meta.id.tick);
        self.pair.with(|state| {
            let own = state.own.entry(stream.clone()).or_default();
            own.last = Some(tick);
            own.baseline = baseline.clone();
            if !state.cut && !state.ended(stream, tick, baseline) {
                state.superseded.push((stream.clone(), tick));
            }
        });
        Some(Receipt::new(|| {}))
    }

    fn missed(&self, _: &TargetId, stream: &StreamId, tick: Tick, reach: Reach) {
        self.pair.with(|state| {
            state.own.entry(stream.clone()).or_default().last = Some(tick);
            if !state.cut {
                let taken = state.ended(stream, tick, None);
                if taken && reach == Reach::Unreachable {
                    state.unreachable.push((stream.clone(), tick));
                }
            }
        });
    }

    fn rebase(&self, _: &TargetId, stream: &StreamId) -> Option<StreamMemory> {
        self.pair.with(|state| {
            if state.cut || state.deaf {
                return None;
            }
            let told = state.rebase.remove(stream)?;
            let own = state.own.entry(stream.clone()).or_default();
            own.clone_from(&told);
            Some(told)
        })
    }

    fn forget(&self, _: &TargetId, stream: &StreamId) {
        self.pair.with(|state| state.own.remove(stream));
    }
}

impl Ownership for OwnersSide {
    fn ask(&self, target: &TargetId, stream: &StreamId, tick: Tick) -> Result<Epoch, Refusal> {
        let epoch = self.owner.ask(target, stream, tick)?;
        // The standby is just reading: it lasts for one reading.
        let awaits = self
            .pair
            .with(|state| !state.cut && !state.over && state.claims.contains_key(stream));
        if awaits { Err(Refusal::Unsure) } else { Ok(epoch) }
    }

    fn holds(&self, target: &TargetId) -> bool {
        self.owner.holds(target)
    }

    fn late(&self, _: &TargetId, stream: &StreamId, tick: Tick) -> BoxFuture<'_, Late> {
        let answer = self.pair.with(|state| {
            state.deaf = false;
            let claimed = state.claims.get(stream).is_some_and(|claimed| *claimed >= tick);
            let known = state.shadow.get(stream).cloned().unwrap_or_default();
            let covered = known.last.is_some_and(|last| last >= tick);
            let late = if !state.cut && (claimed || covered) {
                if covered {
                    state.rebase.insert(stream.clone(), known);
                }
                Late::Covered
            } else {
                Late::GoOn
            };
            state.late.push((stream.clone(), tick, late));
            late
        });
        ready(answer).boxed()
    }
}

/// The standby's side, and the owner's after it.
pub(super) struct StandbysSide(pub(super) Arc<Pair>);

impl Standby for StandbysSide {
    fn memory(&self, _: &TargetId) -> TargetMemory {
        self.0.with(|state| state.shadow.clone())
    }

    fn lasts(&self, _: &TargetId) -> BTreeMap<StreamId, Tick> {
        self.0.with(|state| {
            let heard = |(id, _): &(&StreamId, &StreamMemory)| state.unheard.as_ref() != Some(*id);
            let last = |(id, known): (&StreamId, &StreamMemory)| Some((id.clone(), known.last?));
            state.shadow.iter().filter(heard).filter_map(last).collect()
        })
    }

    fn unreachable(&self, _: &TargetId) -> Vec<(StreamId, Tick)> {
        self.0.with(|state| std::mem::take(&mut state.unreachable))
    }

    fn claim(&self, _: &TargetId, stream: &StreamId, tick: Tick) -> Option<Epoch> {
        self.0.with(|state| {
            let promised =
                |(of, at, late): &(StreamId, Tick, Late)| of == stream && *at == tick && *late == Late::GoOn;
            let known = state.shadow.get(stream).and_then(|known| known.last);
            // One that the owner could not reach has ended, and may be read nevertheless.
            if state.over || known.is_some_and(|last| last > tick) {
                return None;
            }
            if !state.cut && state.late.iter().any(promised) {
                return None;
            }
            state.claims.insert(stream.clone(), tick);
            Some(Epoch(8))
        })
    }

    fn covered(&self, meta: &FrameMeta, _: &RecordBatch, baseline: Option<RecordBatch>) -> Option<Receipt> {
        let (stream, tick) = (&meta.id.stream, meta.id.tick);
        self.0.with(|state| {
            if state.claims.remove(stream) != Some(tick) {
                return None;
            }
            let known = state.shadow.entry(stream.clone()).or_default();
            known.last = Some(tick);
            known.baseline = baseline.or_else(|| known.baseline.take());
            let known = known.clone();
            state.rebase.insert(stream.clone(), known);
            Some(Receipt::new(|| {}))
        })
    }

    fn abandoned(&self, _: &TargetId, stream: &StreamId, _: Tick) {
        self.0.with(|state| {
            state.abandoned += 1;
            state.claims.remove(stream);
        });
    }

    fn excused(&self, _: &TargetId, stream: &StreamId, until: Tick) {
        self.0.with(|state| {
            let known = state.shadow.entry(stream.clone()).or_default();
            known.last = known.last.max(Some(until));
            known.baseline = None;
        });
    }

    fn stands_by(&self, _: &TargetId) -> bool {
        self.0.with(|state| !state.over)
    }
}

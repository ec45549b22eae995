//! The side of the owner: which frames may leave, and what its standbys have covered.

use std::sync::Arc;

use ringwatch_frame::{FrameId, StreamId, StreamMemory, TargetId, TargetMemory, Tick};
use tokio::time::Instant;

use super::{Clearance, CoverWord, Memories, Tie, Word};
use crate::member::{Incarnation, Member};
use crate::pulse::Pulse;

impl Memories {
    /// Whether a frame that was [`collected`](Self::collected) may be delivered.
    pub fn clearance(&self, id: &FrameId) -> Clearance {
        self.lock().waits.ask(id)
    }

    /// Where a lane goes on, if its standby has covered something since it asked last. It asks directly before
    /// each reading: what it reads then counts as based on this.
    pub fn rebase(&self, target: &TargetId, stream: &StreamId) -> Option<StreamMemory> {
        self.lock().rebase(target, stream)
    }

    /// Whether the standby is reading a tick of this stream just now: this one must wait for that. Or it may have read
    /// this one, and cannot be heard: until it can, or another one stands by, the tick is left to it.
    pub fn awaits(&self, target: &TargetId, stream: &StreamId, tick: Tick) -> bool {
        self.lock().awaits(target, stream, tick, Instant::now())
    }

    /// The last covered tick of a stream of ours that is known here.
    pub(crate) fn known_cover(&self, target: &TargetId, stream: &StreamId) -> Option<Tick> {
        self.lock().known(target, stream)
    }

    /// This says whether the node runs.
    pub(crate) fn follow(&self, pulse: Arc<Pulse>) {
        // A second one would be the same.
        let _ = self.pulse.set(pulse);
    }

    /// A standby has said this on a stream to it.
    pub(crate) fn hear(&self, peer: &Incarnation, stream: u64, word: Word) {
        let heard = self.lock().hear(peer, stream, word);
        self.told(heard);
    }

    /// A standby has said by another way what it covered.
    pub(crate) fn hear_cover(&self, peer: &Incarnation, target: &TargetId, cover: CoverWord) {
        let heard = self.lock().covered(peer, target, cover, Instant::now());
        self.told(heard);
    }

    /// The standby reads nothing of this stream now, whatever it has said before.
    pub(crate) fn hear_idle(&self, target: &TargetId, stream: &StreamId) {
        self.lock().hear_idle(target, stream);
    }

    /// Whether `peer` should have answered long ago.
    pub(crate) fn is_silent(&self, peer: &Incarnation) -> bool {
        self.lock().links.is_silent(peer, Instant::now())
    }

    /// Lets time decide about frames that wait. To be called several times a second, by a task that stands
    /// still when the node does.
    pub(crate) fn pass(&self) {
        let runs = self.runs();
        let passed = self.lock().pass(runs, Instant::now());
        self.told(passed);
        self.tell_pulse();
    }

    /// Whether anything of a target of ours waits for a word of its standby.
    pub(crate) fn is_waiting(&self, target: &TargetId) -> bool {
        self.lock().is_waiting(target, Instant::now())
    }

    /// Another node, or this one again, goes on with a target that this one had, after what is known here, which is
    /// `memory`. What was read here is delivered from here, but for what is given: of that the other may know
    /// better. The memory of such streams comes with it, and is not in `memory` any more.
    pub(crate) fn surrender(&self, target: &TargetId, memory: &mut TargetMemory) -> TargetMemory {
        let pauses = self.runs().pauses;
        let surrendered = self.lock().surrender(target, memory, pauses);
        self.tell_pulse();
        self.told(surrendered)
    }

    /// Tells the pulse whether it is known of all frames that are here who delivers them.
    pub(super) fn tell_pulse(&self) {
        if let Some(pulse) = self.pulse.get() {
            pulse.decide(self.lock().is_decided());
        }
    }

    /// The heirs must be told everything anew: this node was paused.
    pub(crate) fn resync(&self) {
        self.lock().resync();
    }

    /// How a target of ours and its heir are tied.
    pub(crate) fn tie(&self, target: &TargetId) -> Tie {
        self.lock().tie(target, Instant::now())
    }

    /// The heir of a target of ours, if it is in reach.
    pub(crate) fn heir_in_reach(&self, target: &TargetId) -> Option<Member> {
        self.lock().heir_in_reach(target, Instant::now())
    }

    /// Whether its standby has covered anything of a target of ours since.
    pub(crate) fn was_covered_since(&self, target: &TargetId, since: Instant) -> bool {
        self.lock().covered_at(target).is_some_and(|at| at > since)
    }

    /// Whether anything of a target of ours was read since.
    pub(crate) fn was_read_since(&self, target: &TargetId, since: Instant) -> bool {
        self.lock().read_at(target).is_some_and(|at| at > since)
    }
}

//! Who hears of circuits, and what is taken over from those of other nodes.

use std::sync::Arc;
use std::time::Duration;

use ringwatch_frame::{StreamId, TargetId, Tick};
use tokio::time::Instant;

use super::breakers::{Breakers, lock};
use super::circuit::Circuit;
use super::image::{CircuitImage, StreamLearnt};
use super::phase::{Change, State};
use super::slot::Slot;

/// What was learnt is looked at so often.
const LEARN: Duration = Duration::from_secs(60);
/// What was learnt is told again when something of it has changed by more than this share.
const NOTABLE: f64 = 0.1;

/// Hears of the circuits whose readings this process makes, and of those that people change.
///
/// It is called with the lock of the circuit held, so that the images of one circuit come in their order: it
/// must return at once and must not call the breakers.
pub trait CircuitListener: Send + Sync {
    /// A circuit of the processor `breaker` changed: its state, its half-open permits, its doublings, or,
    /// at most once a minute, notably what was learnt. `urgent` when it opened.
    fn changed(&self, breaker: &str, target: &TargetId, circuit: &CircuitImage, urgent: bool);
}

/// What became of an image that was offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adopted {
    /// The circuit goes on where the image was.
    Taken,
    /// The own circuit lets less through than the image would; only what was learnt was taken over.
    Kept,
    /// There is no circuit for the target.
    NotCovered,
}

impl Breakers {
    /// The circuit of the target as it is now; `None` where it has none.
    pub fn image(&self, target: &TargetId, now: Instant) -> Option<CircuitImage> {
        Some(lock(&self.slot_of(target)?).image(now))
    }

    /// Goes on where a circuit of another node was `age` ago: open for the time that remains, half-open with
    /// the permits that are left, with what was learnt. An image that would let more through than the own
    /// circuit does is not taken over, unless by `force`: for who knows that it is newer. No listener hears
    /// of it, and nothing counts as a trip of this node.
    pub fn adopt(
        &self,
        target: &TargetId,
        image: &CircuitImage,
        age: Duration,
        force: bool,
        now: Instant,
    ) -> Adopted {
        let Some(slot) = self.slot_of(target) else {
            return Adopted::NotCovered;
        };
        let mut slot = lock(&slot);
        let adopted = slot.adopt(image, age, force, self.clock.now(), now);
        self.remember(&slot, now);
        adopted
    }

    /// Tells what is new of the circuit.
    pub(super) fn report(&self, slot: &mut Slot, urgent: bool, now: Instant) {
        slot.told.seq = slot.breaker.circuit().seq;
        if let Some(listener) = &self.listener
            && slot.is_asked
        {
            listener.changed(&self.name, &slot.target.id, &slot.image(now), urgent);
        }
    }

    /// Tells what was learnt, if that is due and notable.
    pub(super) fn report_learnt(&self, slot: &mut Slot, now: Instant) {
        if self.listener.is_none() || !slot.is_asked || now < slot.told.next_learnt {
            return;
        }
        slot.told.next_learnt = now + LEARN;
        let learnt = slot.breaker.learnt();
        if is_notable(&slot.told.learnt, &learnt) {
            slot.told.learnt = learnt;
            slot.breaker.touch();
            self.report(slot, false, now);
        }
    }
}

/// What the listener was told of a circuit.
#[derive(Debug)]
pub(crate) struct Told {
    seq: u64,
    learnt: Vec<StreamLearnt>,
    next_learnt: Instant,
}

impl Told {
    /// Nothing yet.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            seq: 0,
            learnt: Vec::new(),
            next_learnt: now + LEARN,
        }
    }
}

impl Slot {
    /// Whether the circuit has changed since it was told.
    #[inline]
    pub(crate) fn has_news(&self) -> bool {
        self.told.seq != self.breaker.circuit().seq
    }

    /// The circuit with what was learnt.
    pub(crate) fn image(&self, now: Instant) -> CircuitImage {
        let mut image = self.breaker.circuit().image(now);
        image.learnt = self.breaker.learnt();
        if image.state == State::HalfOpen {
            image.reason = self.reason;
        }
        image
    }

    fn adopt(
        &mut self,
        image: &CircuitImage,
        age: Duration,
        force: bool,
        wall: Tick,
        now: Instant,
    ) -> Adopted {
        let before = self.breaker.circuit();
        let state = before.state();
        let theirs = Circuit::of_image(image, Arc::clone(&before.rules), age, now);
        let is_kept = !force && before.is_stricter_than(&theirs, now);
        if !is_kept {
            self.breaker.go_on_as(theirs, now);
        }
        self.breaker.adopt_learnt(&image.learnt, force, now);
        self.told.learnt = self.breaker.learnt();
        if is_kept {
            return Adopted::Kept;
        }
        let circuit = self.breaker.circuit();
        self.told.seq = circuit.seq;
        self.is_asked = false;
        self.reason = circuit
            .reason()
            .or(image.reason)
            .filter(|_| circuit.state() != State::Closed);
        if circuit.state() != state {
            let since = match circuit.state() {
                State::Closed => image.closed_ms,
                State::Open | State::HalfOpen => image.opened_ms.unwrap_or(0),
            };
            let since = i64::try_from(Duration::from_millis(since).saturating_add(age).as_nanos());
            let since = wall.unix_nanos().saturating_sub(since.unwrap_or(i64::MAX));
            self.since = Tick::from_unix_nanos(since);
            let (database, target, state) = (self.name.as_str(), &self.target.id, circuit.state().as_str());
            tracing::info!(database, %target, state, left_ms = image.left_ms,
                "the circuit is now as another node had it");
        }
        self.show();
        Adopted::Taken
    }
}

/// The stream of this text.
pub(super) fn stream_of(text: &str) -> StreamId {
    match text.split_once('/') {
        Some((name, database)) => StreamId::of_database(name, database),
        None => StreamId::of_server(text),
    }
}

fn is_notable(before: &[StreamLearnt], after: &[StreamLearnt]) -> bool {
    let differs = |a: f64, b: f64| (a - b).abs() > NOTABLE * a.max(b);
    #[expect(clippy::cast_precision_loss, reason = "no deadline needs more than 53 bits")]
    let millis = |learnt: &StreamLearnt| learnt.deadline_ms as f64;
    before.len() != after.len()
        || before.iter().zip(after).any(|(a, b)| {
            a.stream != b.stream
                || differs(millis(a), millis(b))
                || differs(a.typical_ms, b.typical_ms)
                || differs(a.deviation_ms, b.deviation_ms)
        })
}

/// Whether a change is one that must be told at once.
pub(super) fn is_urgent(change: Option<Change>) -> bool {
    matches!(change, Some(Change::Opened { .. }))
}

#[cfg(test)]
#[path = "listener_tests.rs"]
mod tests;

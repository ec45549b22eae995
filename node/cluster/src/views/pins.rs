//! Which pins go on in the next view.

use std::collections::BTreeMap;

use ringwatch_frame::TargetId;

use super::{AWAY, Leading, Outlook};
use crate::member::TargetKey;
use crate::numbering::{By, Pin, Seat};

/// A pin for the load goes with the seat of its node and with its target. One of an operator waits a while
/// for its node, as through a restart, and for its target for ever.
pub(super) fn kept(outlook: &Outlook<'_>, memory: &mut Leading, seats: &[Seat]) -> BTreeMap<TargetId, Pin> {
    let Some(present) = outlook.committed else {
        return BTreeMap::new();
    };
    let seated = |pin: &Pin| seats.iter().any(|seat| seat.node == pin.to);
    let now = outlook.now;
    let away = present
        .pins
        .values()
        .filter(|pin| pin.by == By::Operator && !seated(pin));
    let before = std::mem::take(&mut memory.away);
    memory.away = away
        .map(|pin| (pin.to.clone(), before.get(&pin.to).copied().unwrap_or(now)))
        .collect();
    let waits = |pin: &Pin| memory.away.get(&pin.to).is_some_and(|since| now < *since + AWAY);
    let goes_on = |target: &TargetId, pin: &Pin| match pin.by {
        By::Load => seated(pin) && outlook.targets.contains_key(&TargetKey::from(target)),
        By::Operator => seated(pin) || waits(pin),
    };
    let pins = present.pins.iter().filter(|(target, pin)| goes_on(target, pin));
    pins.map(|(target, pin)| (target.clone(), pin.clone())).collect()
}

//! What a lane needs before it speaks to a target.

use tokio::sync::SemaphorePermit;

use crate::gate::{Gate, Place};
use crate::health::{Admission, Health};
use crate::meters::Outcome;

/// What a lane holds while it speaks to a target.
pub(super) struct Entry<'a> {
    _probe: Option<SemaphorePermit<'a>>,
    _place: SemaphorePermit<'a>,
}

/// Waits until the target may be spoken to and there is a place for it; or says why it may not.
pub(super) async fn enter<'a>(gate: &'a Gate, health: &'a Health, open: bool) -> Result<Entry<'a>, Outcome> {
    let usual = if open { Place::Healthy } else { Place::Connecting };
    let (probe, place) = match health.admit().await {
        Admission::Go => (None, usual),
        Admission::First(permit) => (Some(permit), usual),
        Admission::Probe(permit) => (Some(permit), Place::Suspect),
        Admission::Wait(outcome) => return Err(outcome),
    };
    let place = gate.enter(place).await.ok_or(Outcome::Late)?;
    Ok(Entry {
        _probe: probe,
        _place: place,
    })
}

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
    loop {
        let (probe, place) = match health.admit().await {
            Admission::Go => (None, usual),
            Admission::First(permit) => (Some(permit), usual),
            Admission::Probe(permit) => (Some(permit), Place::Suspect),
            Admission::Wait(outcome) => return Err(outcome),
        };
        let place = gate.enter(place).await.ok_or(Outcome::Late)?;
        // While this lane waited for a place, another one may have found that the target hangs.
        if probe.is_some() || health.down().is_none() {
            return Ok(Entry {
                _probe: probe,
                _place: place,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use ringwatch_frame::TargetId;
    use tokio::time::Instant;

    use super::*;
    use crate::fault::{Fault, FaultKind, Scene};
    use crate::meters::{Meters, TargetMeters};

    #[tokio::test(start_paused = true)]
    async fn a_lane_that_waited_does_not_enter_when_its_target_went_down_meanwhile() {
        let target = TargetId::new("postgresql", "a:1");
        let meters = Arc::new(Meters::new(&prometheus::Registry::new()).unwrap());
        let health = Health::new(&target, TargetMeters::new(&target, &meters));
        health.answered();
        let gate = Gate::new();
        let mut taken = Vec::new();
        while let Ok(place) = tokio::time::timeout(Duration::from_secs(1), gate.enter(Place::Healthy)).await {
            taken.push(place);
        }
        let fails = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let scene = Scene {
                driver: ringwatch_config::settings::Driver::Postgres,
                role: "r",
                database: "d",
                extension: None,
            };
            health.failed(
                &Fault::new(FaultKind::Deadline, "no answer"),
                scene,
                Instant::now(),
            );
            drop(taken);
        };
        let (entered, ()) = tokio::join!(enter(&gate, &health, true), fails);
        assert_eq!(entered.err(), Some(Outcome::Timeout));
    }
}

//! The account of ticks: each ends exactly once.

use std::time::Duration;

use ringwatch_frame::{Epoch, StreamId, Tick};
use tokio::time::Instant;
use tracing::Instrument;

use super::Lane;
use super::attempt::Passed;
use crate::meters::{Ended, Outcome};
use crate::ownership::{Reach, Refusal};
use crate::session::Connector;

impl<C: Connector> Lane<C> {
    /// Accounts for the tick that is due, and for those that passed before it.
    pub(super) async fn tick(&mut self, at: usize, tick: Tick) {
        if self.ask(at, tick) == Err(Refusal::Unsure) {
            // Nothing is accounted for before it is known what another node has read meanwhile. It fails only
            // when the target is being left, which ends the lane.
            let _ = self.linger(None).await;
            return;
        }
        self.rebase(at);
        let now = self.env.clock.now();
        let track = &mut self.tracks[at];
        let Some(tick) = track.timeline.due(now) else {
            return;
        };
        let skipped = track.timeline.take(tick);
        let (id, before) = (track.id.clone(), track.timeline.before(tick));
        if skipped > 0 {
            let paused = self.unsure.is_some_and(|unsure| before <= unsure);
            let reason = if paused { Outcome::Paused } else { Outcome::Late };
            let reason = self.health.down().unwrap_or(reason);
            let reach = told(reason, self.health.reach());
            self.count(&id, reason, (before, skipped), None);
            self.env.succession.missed(&self.spec.id, &id, before, reach);
        }
        let span = tracing::info_span!("tick", target = %self.spec.id, stream = %id, tick = %tick);
        let ended = self.attempt(at, tick).instrument(span).await;
        self.account(at, tick, ended).await;
    }

    async fn account(&mut self, at: usize, tick: Tick, ended: Result<Epoch, Passed>) {
        let id = self.tracks[at].id.clone();
        let one = (tick, 1);
        match ended {
            Ok(epoch) => self.count(&id, Outcome::Collected, one, Some(epoch)),
            Err(Passed::Superseded) => self.count(&id, Outcome::Superseded, one, None),
            Err(Passed::Left) => {}
            Err(Passed::ReadElsewhere) => {
                self.tracks[at].was_read_elsewhere(tick);
                self.count(&id, Outcome::NotOwned, one, None);
                self.env.succession.read_elsewhere(&self.spec.id, &id, tick);
            }
            Err(Passed::Missed(outcome, reach)) => {
                // In a doubt, the standby may have read it.
                while outcome == Outcome::Paused && self.ask(at, tick) == Err(Refusal::Unsure) {
                    if self.linger(None).await.is_err() {
                        return;
                    }
                }
                self.rebase(at);
                if self.tracks[at].has_read(tick) {
                    self.count(&id, Outcome::Superseded, one, None);
                    return;
                }
                self.count(&id, outcome, one, None);
                if outcome != Outcome::NotOwned {
                    let told = told(outcome, reach);
                    self.env.succession.missed(&self.spec.id, &id, tick, told);
                }
                if reach == Reach::Unreachable && self.health.is_out_of_reach(Instant::now()) {
                    tracing::warn!(target = %self.spec.id, "the server cannot be reached from this node");
                    self.env.arbiter.unreachable(&self.spec.id);
                }
            }
        }
    }

    fn count(&self, id: &StreamId, outcome: Outcome, last: (Tick, u64), epoch: Option<Epoch>) {
        let track = self.tracks.iter().find(|track| track.id == *id);
        self.health.meters().ended(&Ended {
            stream: id,
            outcome,
            last,
            interval: track.map_or(Duration::ZERO, |track| track.planned.interval()),
            epoch,
        });
    }
}

/// What the standby is told of a missed tick. In doubt nothing was sent: the standby, if it has none, may read it.
fn told(outcome: Outcome, reach: Reach) -> Reach {
    if outcome == Outcome::Paused {
        Reach::Unreachable
    } else {
        reach
    }
}

//! Ticks that the standby has read, or may have begun to read.

use std::time::Duration;

use ringwatch_frame::Tick;

use super::Lane;
use super::attempt::Passed;
use crate::cover::grace;
use crate::ownership::Late;
use crate::session::Connector;

/// How long the standby's answer is waited for.
const ANSWER: Duration = Duration::from_millis(250);

impl<C: Connector> Lane<C> {
    /// Goes on from where the standby has got to, if it has read in our place.
    pub(super) fn rebase(&mut self, at: usize) {
        let track = &mut self.tracks[at];
        if let Some(told) = self.env.succession.rebase(&self.spec.id, &track.id) {
            track.rebase(&self.spec.id, &told, self.env.clock.now());
        }
    }

    /// Whether the tick is ours to read: the standby is asked where it may have begun to.
    pub(super) async fn unclaimed(&mut self, at: usize, tick: Tick) -> Result<(), Passed> {
        self.rebase(at);
        let track = &self.tracks[at];
        if track.has_read(tick) {
            return Err(Passed::Superseded);
        }
        let latest = grace(track.planned.interval()) / 2;
        if tick.lateness(self.env.clock.now()) > latest {
            let asked = self.env.ownership.late(&self.spec.id, &track.id, tick);
            let answer = tokio::select! {
                biased;
                () = self.cancel.cancelled() => return Err(Passed::Left),
                answer = tokio::time::timeout(ANSWER, asked) => answer,
            };
            // No answer: its link is cut, and it looks at what we do before it reads.
            let covered = answer.is_ok_and(|late| late == Late::Covered);
            self.rebase(at);
            if covered || self.tracks[at].has_read(tick) {
                return Err(Passed::Superseded);
            }
        }
        Ok(())
    }
}

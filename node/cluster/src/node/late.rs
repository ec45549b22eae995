//! What a lane that is late asks the standby of its target: it may be reading the tick already.

use std::sync::Arc;
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use ringwatch_frame::{StreamId, TargetId, Tick};
use tokio::time::{Instant, sleep, timeout};

use crate::memories::Memories;
use crate::peer::{Late, Peers};

/// A standby that answers later is not waited for.
const ANSWER: Duration = Duration::from_millis(200);
/// So long a reading by the standby is waited for.
const READING: Duration = Duration::from_secs(1);
/// So soon a standby is asked again that has not heard yet who the owner is, or that is reading.
const AGAIN: Duration = Duration::from_millis(25);
/// How often it is looked at whether that has ended.
const LOOK: Duration = Duration::from_millis(10);

/// Asks standbys.
#[derive(Clone)]
pub struct May {
    memories: Arc<Memories>,
    peers: Arc<dyn Peers>,
}

impl std::fmt::Debug for May {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("May").finish_non_exhaustive()
    }
}

impl May {
    pub(super) fn new(memories: &Arc<Memories>, peers: &Arc<dyn Peers>) -> Self {
        Self {
            memories: Arc::clone(memories),
            peers: Arc::clone(peers),
        }
    }

    /// Whether the late tick may begin here. `false`: the standby has read it; what it knows of it is told by
    /// [`Memories::rebase`]. What it is reading is waited for. A standby that cannot be asked has no say, nor one that
    /// reads for too long.
    pub fn ask(&self, target: &TargetId, stream: &StreamId, tick: Tick) -> BoxFuture<'static, bool> {
        let (may, target, stream) = (self.clone(), target.clone(), stream.clone());
        async move { may.go_on(&target, &stream, tick).await }.boxed()
    }

    async fn go_on(&self, target: &TargetId, stream: &StreamId, tick: Tick) -> bool {
        let until = Instant::now() + READING;
        loop {
            let Some(heir) = self.memories.heir_in_reach(target) else {
                return true;
            };
            let late = Late {
                target: target.clone(),
                stream: stream.clone(),
                tick,
                known: self.memories.known_cover(target, stream),
                epoch: self.memories.epoch(),
            };
            let Ok(Ok(leave)) = timeout(ANSWER, self.peers.may(&heir, late)).await else {
                return true;
            };
            if leave.later && Instant::now() < until {
                // A lane that waits too long for that goes on: it has the target's lock, or nobody has one.
                sleep(AGAIN).await;
                continue;
            }
            let reads = leave.covered.as_ref().is_some_and(|cover| cover.reading);
            if let Some(cover) = leave.covered {
                self.memories.hear_cover(&heir.who, target, cover);
            }
            if !reads {
                if leave.yes {
                    self.memories.hear_idle(target, stream);
                }
                return leave.yes;
            }
            if Instant::now() >= until {
                return true;
            }
            // It reads our tick, and may yet give that up: then it is ours again. Or an earlier one, on which ours is based.
            let again = (Instant::now() + AGAIN).min(until);
            loop {
                sleep(LOOK).await;
                if !self.memories.awaits(target, stream, tick) || Instant::now() >= again {
                    break;
                }
            }
        }
    }
}

#[cfg(test)]
#[path = "late_tests.rs"]
mod tests;

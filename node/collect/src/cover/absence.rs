//! Whether an owner without a session is gone, or is just handing its target over: pure.

use std::time::Duration;

use tokio::time::Instant;

use super::decide::OwnerIs;

/// So long nobody may have a session, nor the lock, while a target passes from one owner to the next.
const HANDOVER: Duration = Duration::from_secs(1);

/// What the database has said of an owner that tells nothing.
///
/// Of an owner that asked and told nothing the link is cut, so that this node does not hear of handoffs either. If that
/// owner has no session any more, its successor may be about to take the lock: what both have read is not read here. One
/// that told what it asked until its sessions were gone handed nothing over that this node would not know of.
#[derive(Debug, Default)]
pub(super) struct Absence {
    /// When it asked and had not told.
    alive: Option<Instant>,
    /// When it was first seen without a session after that.
    since: Option<Instant>,
}

impl Absence {
    /// How long to wait until an owner that has told nothing for so long, and is `owner` for the database now, is taken for
    /// that. `None`: it is.
    pub(super) fn wait(&mut self, owner: OwnerIs, silent: Duration, now: Instant) -> Option<Duration> {
        match owner {
            OwnerIs::Alive => {
                *self = Self {
                    alive: Some(now),
                    since: None,
                }
            }
            OwnerIs::Stuck(_) => *self = Self::default(),
            OwnerIs::Gone => {
                let is_cut_off = self.alive.is_some_and(|alive| now - alive <= silent);
                if !is_cut_off {
                    *self = Self::default();
                    return None;
                }
                let since = *self.since.get_or_insert(now);
                let rest = HANDOVER.saturating_sub(now - since);
                return (rest > Duration::ZERO).then_some(rest);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use ringwatch_frame::Tick;

    use super::*;

    const GONE: OwnerIs = OwnerIs::Gone;

    fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    #[test]
    fn an_owner_whose_link_is_not_cut_is_gone_at_once() {
        let (mut absence, now) = (Absence::default(), Instant::now());
        assert_eq!(absence.wait(GONE, secs(1), now), None);
        // It was slow, and told after that.
        assert_eq!(absence.wait(OwnerIs::Alive, secs(1), now), None);
        assert_eq!(absence.wait(GONE, secs(4), now + secs(5)), None);
        // It stood still before.
        assert_eq!(absence.wait(OwnerIs::Alive, secs(1), now + secs(10)), None);
        let stuck = OwnerIs::Stuck(Tick::from_unix_nanos(0));
        assert_eq!(absence.wait(stuck, secs(2), now + secs(11)), None);
        assert_eq!(absence.wait(GONE, secs(3), now + secs(12)), None);
    }

    #[test]
    fn behind_a_cut_link_a_successor_is_waited_for() {
        let (mut absence, now) = (Absence::default(), Instant::now());
        assert_eq!(absence.wait(OwnerIs::Alive, secs(2), now), None);
        let half = Duration::from_millis(500);
        assert_eq!(absence.wait(GONE, secs(3), now + secs(1)), Some(HANDOVER));
        assert_eq!(absence.wait(GONE, secs(3), now + secs(1) + half), Some(half));
        assert_eq!(absence.wait(GONE, secs(4), now + secs(2)), None, "nobody came");
        assert_eq!(
            absence.wait(GONE, secs(9), now + secs(7)),
            None,
            "and it stays so"
        );
        // The successor hands over in its turn.
        assert_eq!(absence.wait(OwnerIs::Alive, secs(10), now + secs(8)), None);
        assert_eq!(absence.wait(GONE, secs(11), now + secs(9)), Some(HANDOVER));
    }
}

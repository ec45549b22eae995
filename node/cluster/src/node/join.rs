//! From the start to the first words of another member.

use std::time::Duration;

use tokio::time::Instant;

use crate::gossip::Sightings;

/// A node that is the first of the seeds and hears nobody in this time is the first of its cluster.
const FIRST: Duration = Duration::from_secs(1);
/// Each later seed waits so much longer: seeds that start together and cannot find each other at once, as
/// while their names are new, do not all begin alone.
const NEXT: Duration = Duration::from_secs(2);
/// No seed waits for more than so many before it.
const MOST_RANKS: u32 = 5;
/// How often the log says that no seed answers.
const REMIND: Duration = Duration::from_secs(30);
/// So long no answer is nothing to speak of.
const SOON: Duration = Duration::from_secs(2);

/// Whether this node has met the others.
#[derive(Debug)]
pub(crate) struct Joining {
    started: Instant,
    joined: bool,
    reminded: Option<Instant>,
}

impl Joining {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            started: now,
            joined: false,
            reminded: None,
        }
    }

    /// Whether it has joined. Once it has it stays so, whoever is lost later.
    pub(crate) fn joined(&self) -> bool {
        self.joined
    }

    /// Looks at what the gossip has seen (`None`: there is no gossip). `heard`: words of another live
    /// member have arrived.
    pub(crate) fn step(&mut self, sightings: Option<&Sightings>, heard: bool, now: Instant) {
        let patience = |rank: usize| FIRST + NEXT * u32::try_from(rank).unwrap_or(u32::MAX).min(MOST_RANKS);
        let first = |seen: &Sightings| {
            seen.seed_rank
                .is_some_and(|rank| now >= self.started + patience(rank))
        };
        self.joined |= sightings.is_none_or(|seen| seen.seeds == 0 || heard || first(seen));
    }

    /// Whether it waits for its seeds for longer than a start takes.
    pub(crate) fn waits(&self, now: Instant) -> bool {
        !self.joined && now >= self.started + SOON
    }

    /// Whether the log should say now that it waits; at first soon after the start, then seldom.
    pub(crate) fn remind(&mut self, now: Instant) -> bool {
        let due = self.waits(now) && self.reminded.is_none_or(|at| now >= at + REMIND);
        if due {
            self.reminded = Some(now);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(seeds: usize, seed_rank: Option<usize>) -> Sightings {
        Sightings {
            seeds,
            seed_rank,
            ..Sightings::default()
        }
    }

    #[tokio::test]
    async fn it_joins_when_there_is_nobody_to_meet_or_somebody_was_heard() {
        let start = Instant::now();
        let late = start + 2 * FIRST;
        for (what, sightings, heard, at, joined) in [
            ("no gossip", None, false, start, true),
            ("no seeds", Some(seen(0, None)), false, start, true),
            (
                "a seed hears nobody yet",
                Some(seen(2, Some(0))),
                false,
                start,
                false,
            ),
            (
                "a seed has heard nobody",
                Some(seen(2, Some(0))),
                false,
                late,
                true,
            ),
            (
                "the second seed has heard nobody",
                Some(seen(2, Some(1))),
                false,
                late,
                false,
            ),
            (
                "the second seed has waited longer",
                Some(seen(2, Some(1))),
                false,
                late + NEXT,
                true,
            ),
            ("not a seed, alone", Some(seen(2, None)), false, late, false),
            ("heard", Some(seen(2, None)), true, start, true),
        ] {
            let mut joining = Joining::new(start);
            joining.step(sightings.as_ref(), heard, at);
            assert_eq!(joining.joined(), joined, "{what}");
        }
    }

    #[tokio::test]
    async fn it_reminds_soon_and_then_seldom() {
        let start = Instant::now();
        let mut joining = Joining::new(start);
        let said: Vec<u64> = (0..100)
            .filter(|s| joining.remind(start + Duration::from_secs(*s)))
            .collect();
        assert_eq!(said, [2, 32, 62, 92]);
    }
}

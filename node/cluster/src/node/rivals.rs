//! Two processes under one node id: the later one gives way, if the first one really lives.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use super::status::NodeFailure;
use crate::member::{Incarnation, Member, Sighting, Stage, State};

/// How often another life is asked whether it lives. One that has just ended may be seen for a while.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// Other lives under our id that the gossip takes for alive.
#[derive(Debug, Default)]
pub(crate) struct Rivals(BTreeMap<Incarnation, Rival>);

#[derive(Debug)]
struct Rival {
    address: String,
    stage: Stage,
    asked: Option<Instant>,
    waiting: bool,
    told: bool,
    /// It was asked and did not answer.
    silent: bool,
}

/// What an answer of another life means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Finding {
    /// It does not live, or that is known.
    Nothing,
    /// It started after us and will give way.
    Newer {
        /// Where it is.
        address: String,
    },
    /// It was first: we give way.
    Fatal(NodeFailure),
}

impl Rivals {
    /// The lives that are to be asked now. One at our own address was our predecessor.
    pub(crate) fn due(&mut self, seen: &[Sighting], mine: &str, now: Instant) -> Vec<Member> {
        self.0
            .retain(|life, _| seen.iter().any(|sighting| sighting.who == *life));
        let mut due = Vec::new();
        for sighting in seen {
            let Some(said) = sighting.said.as_ref().filter(|said| said.grpc_address != mine) else {
                continue;
            };
            let rival = self.0.entry(sighting.who.clone()).or_insert_with(|| Rival {
                address: said.grpc_address.clone(),
                stage: said.stage,
                asked: None,
                waiting: false,
                told: false,
                silent: false,
            });
            rival.stage = said.stage;
            if !rival.waiting && rival.asked.is_none_or(|at| now >= at + ASK_EVERY) {
                (rival.waiting, rival.asked) = (true, Some(now));
                due.push(Member {
                    who: sighting.who.clone(),
                    state: State::Joining,
                    since: ringwatch_frame::Tick::from_unix_nanos(0),
                    gossip_address: Some(sighting.gossip_address),
                    said: said.clone(),
                });
            }
        }
        due
    }

    /// Whether one of `seen`, lives under our id that seem to live, may do so: it was not found silent yet.
    pub(crate) fn undecided(&self, seen: &[&Sighting], mine: &str) -> bool {
        let predecessor = |sighting: &Sighting| {
            sighting
                .said
                .as_ref()
                .is_some_and(|said| said.grpc_address == mine)
        };
        let silent = |sighting: &Sighting| self.0.get(&sighting.who).is_some_and(|rival| rival.silent);
        seen.iter()
            .any(|sighting| !predecessor(sighting) && !silent(sighting))
    }

    /// Another life has answered, or not.
    pub(crate) fn probed(
        &mut self,
        life: &Incarnation,
        alive: bool,
        me: &Incarnation,
        stage: Stage,
    ) -> Finding {
        let Some(rival) = self.0.get_mut(life) else {
            return Finding::Nothing;
        };
        rival.waiting = false;
        rival.silent = !alive;
        if !alive {
            return Finding::Nothing;
        }
        let established = stage == Stage::Joining && rival.stage != Stage::Joining;
        if life.generation < me.generation || established {
            let (node, address) = (me.node.to_string(), rival.address.clone());
            return Finding::Fatal(NodeFailure::Rival { node, address });
        }
        if std::mem::replace(&mut rival.told, true) {
            return Finding::Nothing;
        }
        Finding::Newer {
            address: rival.address.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::testing::{life, said};

    fn other(generation: u64, stage: Stage, address: &str) -> Sighting {
        Sighting {
            who: Incarnation {
                generation,
                ..life("a")
            },
            gossip_address: "127.0.0.1:7946".parse().unwrap(),
            live: true,
            said: Some(crate::member::Said {
                stage,
                ..said(address, &[])
            }),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_later_of_two_gives_way_if_the_first_one_lives() {
        let me = Incarnation {
            generation: 5,
            ..life("a")
        };
        for (what, generation, theirs, stage, alive, fatal) in [
            ("an older one answers", 4, Stage::Ready, Stage::Ready, true, true),
            (
                "an older one has ended",
                4,
                Stage::Ready,
                Stage::Ready,
                false,
                false,
            ),
            ("a newer one starts", 6, Stage::Joining, Stage::Ready, true, false),
            (
                "a newer one is at work while we start",
                6,
                Stage::Ready,
                Stage::Joining,
                true,
                true,
            ),
            (
                "both start, we were first",
                6,
                Stage::Joining,
                Stage::Joining,
                true,
                false,
            ),
        ] {
            let (mut rivals, seen) = (Rivals::default(), [other(generation, theirs, "x")]);
            assert_eq!(rivals.due(&seen, "a:7947", Instant::now()).len(), 1, "{what}");
            let finding = rivals.probed(&seen[0].who, alive, &me, stage);
            assert_eq!(matches!(finding, Finding::Fatal(_)), fatal, "{what}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_life_at_our_own_address_was_our_predecessor() {
        let seen = [other(4, Stage::Ready, "a")];
        assert_eq!(Rivals::default().due(&seen, "a:7947", Instant::now()), []);
    }

    #[tokio::test(start_paused = true)]
    async fn it_is_asked_once_a_second_and_told_of_once() {
        let (mut rivals, seen, mut now) = (Rivals::default(), [other(6, Stage::Ready, "x")], Instant::now());
        let mut told = 0;
        for nth in 0..40 {
            let asked = !rivals.due(&seen, "a:7947", now).is_empty();
            assert_eq!(asked, nth % 20 == 0);
            if asked {
                let finding = rivals.probed(&seen[0].who, true, &life("a"), Stage::Ready);
                told += u32::from(finding != Finding::Nothing);
            }
            now += Duration::from_millis(50);
        }
        assert_eq!(told, 1);
    }
}

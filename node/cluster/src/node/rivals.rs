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

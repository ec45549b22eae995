//! After a pause: peers may have taken us for dead, and what we owned may be theirs by now. So we ask
//! before we act.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::member::{Incarnation, Member, NodeId, State};
use crate::roster::Membership;

/// How often peers that have not answered are asked again.
const ASK_EVERY: Duration = Duration::from_millis(200);
/// So long a silent peer counts as one that may know better. Then our own failure detector is believed again.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is known of one pause, until it is confirmed.
#[derive(Debug)]
pub(crate) struct PauseCheck {
    /// How many pauses there have been with this one.
    pauses: u64,
    woke: Instant,
    peers: BTreeMap<NodeId, Asked>,
    excluded: Option<NodeId>,
}

#[derive(Debug)]
struct Asked {
    member: Member,
    clear: bool,
    waiting: bool,
    asked: Option<Instant>,
}

/// What is to be done about a pause.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    /// Ask these, and wait.
    Ask(Vec<Member>),
    /// Nobody has taken us out: go on.
    Clear,
    /// This peer has: let go of everything.
    Excluded(NodeId),
}

impl PauseCheck {
    /// A check after `pauses` pauses in all. `before`: the members as they were known before; `previous`:
    /// the check of an earlier pause that is not confirmed yet.
    pub(crate) fn new(
        pauses: u64,
        before: Option<&Membership>,
        previous: Option<Self>,
        now: Instant,
    ) -> Self {
        let mut peers: BTreeMap<NodeId, Asked> = BTreeMap::new();
        let earlier = previous.into_iter().flat_map(|check| check.peers.into_values());
        let alive = before.into_iter().flat_map(Membership::others_alive).cloned();
        for member in earlier.map(|asked| asked.member).chain(alive) {
            let asked = Asked {
                member,
                clear: false,
                waiting: false,
                asked: None,
            };
            peers.insert(asked.member.who.node.clone(), asked);
        }
        Self {
            pauses,
            woke: now,
            peers,
            excluded: None,
        }
    }

    /// How many pauses it covers.
    pub(crate) fn pauses(&self) -> u64 {
        self.pauses
    }

    /// A peer has answered, or could not be asked (`None`).
    pub(crate) fn answered(&mut self, pauses: u64, by: &Incarnation, excluded: Option<bool>) {
        if pauses != self.pauses {
            return;
        }
        let Some(asked) = self.peers.get_mut(&by.node) else {
            return;
        };
        if asked.member.who != *by {
            return;
        }
        asked.waiting = false;
        match excluded {
            Some(true) => self.excluded = Some(by.node.clone()),
            Some(false) => asked.clear = true,
            None => {}
        }
    }

    /// What is to be done now.
    pub(crate) fn verdict(&mut self, membership: &Membership, now: Instant) -> Verdict {
        if let Some(by) = &self.excluded {
            return Verdict::Excluded(by.clone());
        }
        self.follow(membership, now);
        if self.peers.values().all(|asked| asked.clear) {
            return Verdict::Clear;
        }
        let due = |asked: &Asked| asked.asked.is_none_or(|at| now >= at + ASK_EVERY);
        let mut ask = Vec::new();
        for asked in self.peers.values_mut() {
            if !asked.clear && !asked.waiting && due(asked) {
                (asked.waiting, asked.asked) = (true, Some(now));
                ask.push(asked.member.clone());
            }
        }
        Verdict::Ask(ask)
    }

    /// Takes note of who has left, was replaced, or is dead by a detector that has had time since the
    /// wake-up.
    fn follow(&mut self, membership: &Membership, now: Instant) {
        let patient = now < self.woke + PATIENCE;
        // One that lives and cannot be called for so long has told by gossip if it has taken us out.
        let heard = now >= self.woke + 2 * PATIENCE;
        let excluded = membership.mine().is_some_and(|mine| mine.state == State::Joining);
        self.peers.retain(|node, asked| match membership.member(node) {
            None => false,
            Some(member) if member.state == State::Dead => patient,
            Some(_) if heard && !excluded && !asked.clear => false,
            Some(member) => {
                if member.who != asked.member.who {
                    *asked = Asked {
                        member: member.clone(),
                        clear: false,
                        waiting: false,
                        asked: None,
                    };
                }
                asked.member.said = member.said.clone();
                true
            }
        });
    }
}

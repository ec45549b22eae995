//! The roster: makes members of what the gossip sees. All time is given to it, so that it is a pure function
//! of its past.
//!
//! - Of several lives of one node the newest counts. One that only joins never replaces an older one that is
//!   at work: that would be a second node with the same name.
//! - Who is silent is suspect for a moment and then dead, but nobody dies while we were paused ourselves.
//! - Who was dead, or was replaced by a new life without leaving, is held down when it is back: shown as
//!   joining until it has been alive without a break for a while. Who left may return at once.
//! - Whom a member at work keeps out of its ring is joining for us as well, be it another or ourselves: so
//!   all that can hear each other come to the same ring, also one that has just arrived.
//! - When most of the others die for us, it is we who are away: those deaths are not held against anybody
//!   later.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ringwatch_frame::Tick;
use tokio::time::Instant;

use crate::member::{Incarnation, Member, NodeId, Said, Sighting, Stage, State};
use life::Life;

mod life;

/// This node.
#[derive(Clone, Debug)]
pub struct Me {
    /// Its present life.
    pub who: Incarnation,
    /// Where it takes gossip; nowhere in a cluster of one.
    pub gossip_address: Option<SocketAddr>,
}

/// How patient the roster is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How long a silent node is suspect before it is dead.
    pub suspect: Duration,
    /// How long a node that came back has to be alive before it is in the ring again.
    pub hold_down: Duration,
    /// How long after a pause of our own nobody is declared dead.
    pub distrust: Duration,
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            suspect: Duration::from_millis(200),
            hold_down: Duration::from_secs(30),
            distrust: Duration::from_secs(1),
        }
    }
}

/// One moment on both clocks: waiting is measured on the first, shown is the second.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// On the monotonic clock.
    pub instant: Instant,
    /// On the node's wall clock.
    pub tick: Tick,
}

/// All nodes as this one sees them at one moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Membership {
    /// This node.
    pub me: NodeId,
    /// Sorted by node, this one among them; who has left is not.
    pub members: Vec<Member>,
    /// Whether more than half of all known nodes are alive.
    pub quorum: bool,
    /// Lives that this node keeps out of its ring: to be said to the others. Sorted.
    pub excluded: Vec<Incarnation>,
    /// Other lives under this node's name that are alive.
    pub rivals: Vec<Sighting>,
    /// Nodes that were first seen a moment ago and whose words have not arrived: they may own something.
    /// Sorted.
    pub unheard: Vec<NodeId>,
}

impl Membership {
    /// The member of this name.
    pub fn member(&self, node: &NodeId) -> Option<&Member> {
        let found = self.members.binary_search_by(|member| member.who.node.cmp(node));
        found.ok().and_then(|nth| self.members.get(nth))
    }

    /// This node; `None` once it has left.
    pub fn mine(&self) -> Option<&Member> {
        self.member(&self.me)
    }

    /// The other members that are not dead.
    pub fn others_alive(&self) -> impl Iterator<Item = &Member> {
        self.members
            .iter()
            .filter(|member| member.who.node != self.me && member.state != State::Dead)
    }

    /// How many members are in this state.
    pub fn count(&self, state: State) -> usize {
        self.members.iter().filter(|member| member.state == state).count()
    }
}

/// What is remembered of the nodes from one look at the gossip to the next.
#[derive(Debug)]
pub struct Roster {
    me: Me,
    timing: Timing,
    /// The others, by name.
    lives: BTreeMap<NodeId, Life>,
    /// What we are for ourselves, and since when.
    shown: Option<(State, Tick)>,
    /// When this process was last seen to have been paused.
    paused: Option<Instant>,
}

impl Roster {
    /// A roster that knows nobody but this node.
    pub fn new(me: Me, timing: Timing) -> Self {
        Self {
            me,
            timing,
            lives: BTreeMap::new(),
            shown: None,
            paused: None,
        }
    }

    /// This process was paused until `now`: for a while it declares nobody dead.
    pub fn paused(&mut self, now: Instant) {
        self.paused = Some(now);
    }

    /// A node called us: if it is suspect, it is alive again for a second. The dead are not raised by a call.
    pub fn heard_from(&mut self, who: &Incarnation, now: Instant) {
        if let Some(life) = self.lives.get_mut(&who.node).filter(|life| life.who == *who) {
            life.heard(now);
        }
    }

    /// Whether this life of a node is out of our ring: it is dead for us, held down, or another one came
    /// after it.
    pub fn excludes(&self, who: &Incarnation) -> bool {
        let Some(life) = self.lives.get(&who.node) else {
            return false;
        };
        // A later life than the one we know would be held down if that one had to be.
        life.who.generation > who.generation || life.excluded()
    }

    /// One look at all that the gossip sees. `mine` is what this node says of itself.
    pub fn step(&mut self, now: Moment, sightings: &[Sighting], mine: &Said) -> Membership {
        let (rivals, others): (Vec<&Sighting>, Vec<&Sighting>) = sightings
            .iter()
            .partition(|sighting| sighting.who.node == self.me.who.node);
        self.see(now.instant, others);
        let quorum = self.weigh(now.instant);
        let mut members = self.members(mine, now.tick);
        demote_excluded(&mut members, &self.me.who.node);
        self.remember(&mut members, now.tick);
        Membership {
            me: self.me.who.node.clone(),
            members,
            quorum,
            excluded: self.excluded(quorum),
            rivals: rivals
                .into_iter()
                .filter(|rival| rival.live && rival.who != self.me.who)
                .cloned()
                .collect(),
            unheard: self.unheard(now.instant),
        }
    }

    /// Takes in what is seen of the other nodes, and lets time pass for each.
    fn see(&mut self, now: Instant, mut sightings: Vec<&Sighting>) {
        sightings.sort_by(|a, b| a.who.cmp(&b.who));
        for life in self.lives.values_mut() {
            life.seen = false;
            life.live = false;
        }
        for sighting in sightings {
            match self.lives.get_mut(&sighting.who.node) {
                Some(life) => life.see(sighting, now),
                None => {
                    self.lives
                        .insert(sighting.who.node.clone(), Life::new(sighting, now));
                }
            }
        }
        let trusted = self
            .paused
            .is_none_or(|paused| now.duration_since(paused) >= self.timing.distrust);
        for life in self.lives.values_mut() {
            life.pass(now, &self.timing, trusted);
        }
    }

    /// Whether we have quorum; forgets whom the gossip has forgotten.
    fn weigh(&mut self, now: Instant) -> bool {
        self.lives.retain(|_, life| life.seen || !life.left);
        let known = 1 + self.lives.values().filter(|life| !life.left).count();
        let alive = 1 + self.lives.values().filter(|life| life.counts()).count();
        let quorum = 2 * alive > known;
        if quorum {
            self.lives.retain(|_, life| life.seen || !life.dead());
        } else {
            for life in self.lives.values_mut() {
                life.pardon(now);
            }
        }
        quorum
    }

    /// The members by what each of them is and says, sorted.
    fn members(&self, mine: &Said, now: Tick) -> Vec<Member> {
        let mut members: Vec<Member> = self.lives.values().filter_map(|life| life.member(now)).collect();
        if let Some(state) = state_of(mine.stage) {
            members.push(Member {
                who: self.me.who.clone(),
                state,
                since: now,
                gossip_address: self.me.gossip_address,
                said: mine.clone(),
            });
        }
        members.sort_by(|a, b| a.who.node.cmp(&b.who.node));
        members
    }

    /// Gives each member the time since when it is in its state.
    fn remember(&mut self, members: &mut [Member], now: Tick) {
        for member in members {
            let shown = match self.lives.get_mut(&member.who.node) {
                Some(life) => &mut life.shown,
                None => &mut self.shown,
            };
            member.since = shown
                .filter(|(state, _)| *state == member.state)
                .map_or(now, |(_, since)| since);
            *shown = Some((member.state, member.since));
        }
    }

    /// Those that are held down, and with quorum the dead. Without it our word on who is dead counts for
    /// nothing.
    fn excluded(&self, quorum: bool) -> Vec<Incarnation> {
        let out = self
            .lives
            .values()
            .filter(|life| life.excluded() && (quorum || !life.dead()));
        out.map(|life| life.who.clone()).collect()
    }

    fn unheard(&self, now: Instant) -> Vec<NodeId> {
        let unheard = self.lives.values().filter(|life| life.unheard(now));
        unheard.map(|life| life.who.node.clone()).collect()
    }
}

/// What a live node is by its own words; `None` when it has left.
fn state_of(stage: Stage) -> Option<State> {
    match stage {
        Stage::Joining => Some(State::Joining),
        Stage::Ready => Some(State::Ready),
        Stage::Draining => Some(State::Draining),
        Stage::Left => None,
    }
}

/// Makes joining whom another member at work excludes. Asked in the order of names: who is excluded by one
/// before it has no say any more, so that two that exclude each other do not both go.
fn demote_excluded(members: &mut [Member], me: &NodeId) {
    let at_work = |member: &Member| matches!(member.state, State::Ready | State::Draining);
    for speaker in 0..members.len() {
        let said: Arc<[Incarnation]> = match members.get(speaker) {
            Some(member) if at_work(member) && member.who.node != *me => Arc::clone(&member.said.excluded),
            _ => continue,
        };
        for who in said.iter() {
            let found = members.binary_search_by(|member| member.who.node.cmp(&who.node));
            let excluded = found.ok().and_then(|nth| members.get_mut(nth));
            if let Some(member) = excluded.filter(|member| at_work(member) && member.who == *who) {
                member.state = State::Joining;
            }
        }
    }
}

#[cfg(test)]
mod tests;

//! What is remembered of one node: its newest life, and what is held against it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use ringwatch_frame::Tick;
use tokio::time::Instant;

use super::{Timing, state_of};
use crate::member::{Incarnation, Member, Said, Sighting, Stage, State};

/// How long a call from a node makes up for its silence in the gossip.
const HEARD: Duration = Duration::from_secs(1);
/// How long after it was first seen a node's words, or its first sign of life, are waited for.
const PATIENCE: Duration = Duration::from_secs(2);
/// Cut off from the others, we lose them one after the other within this time.
const LAPSE: Duration = Duration::from_secs(2);

/// The newest life of a node.
#[derive(Debug)]
pub(super) struct Life {
    pub(super) who: Incarnation,
    gossip_address: SocketAddr,
    said: Option<Said>,
    first_seen: Instant,
    /// Whether the last look at the gossip showed it.
    pub(super) seen: bool,
    /// Whether it was alive at the last look.
    pub(super) live: bool,
    /// Whether it has ever been seen alive. If not, its death says nothing.
    lived: bool,
    /// When it died for us, if it is dead.
    died: Option<Instant>,
    /// It said that it left. It stays so.
    pub(super) left: bool,
    /// It must be alive for a while before it is in the ring again.
    held: bool,
    /// It is not to be held down when it returns.
    pardoned: bool,
    live_since: Instant,
    silent_since: Option<Instant>,
    heard_until: Option<Instant>,
    /// What it was shown as, and since when.
    pub(super) shown: Option<(State, Tick)>,
}

impl Life {
    /// A life that nothing was known of.
    pub(super) fn new(sighting: &Sighting, now: Instant) -> Self {
        let mut life = Self {
            who: sighting.who.clone(),
            gossip_address: sighting.gossip_address,
            said: None,
            first_seen: now,
            seen: true,
            live: false,
            lived: false,
            died: None,
            left: false,
            held: false,
            pardoned: false,
            live_since: now,
            silent_since: None,
            heard_until: None,
            shown: None,
        };
        life.take(sighting);
        life
    }

    /// Takes in a sighting of some life of this node.
    pub(super) fn see(&mut self, sighting: &Sighting, now: Instant) {
        self.seen = true;
        if sighting.who == self.who {
            self.take(sighting);
        } else if self.is_replaced_by(sighting) {
            let held = self.must_be_held();
            *self = Self::new(sighting, now);
            self.held = held;
        }
    }

    fn take(&mut self, sighting: &Sighting) {
        self.live = sighting.live;
        self.gossip_address = sighting.gossip_address;
        if let Some(said) = &sighting.said {
            self.left |= said.stage == Stage::Left;
            self.said = Some(said.clone());
        }
    }

    /// A later life counts once it is alive, and not while it joins or leaves beside this one at work.
    fn is_replaced_by(&self, later: &Sighting) -> bool {
        let joins = |said: &Option<Said>| said.as_ref().is_none_or(|said| said.stage == Stage::Joining);
        let leaves = |said: &Option<Said>| said.as_ref().is_some_and(|said| said.stage == Stage::Left);
        // An earlier life that still lives takes the place of one that came beside it and left.
        if self.left && !leaves(&later.said) && later.live {
            return later.said.is_some();
        }
        // At another address it may be another node, beside which this one is only short of processor time.
        let elsewhere = later.gossip_address != self.gossip_address && !self.dead();
        let beside = (self.live || elsewhere) && !self.left && !joins(&self.said);
        let gives_way = joins(&later.said) || leaves(&later.said);
        later.who.generation > self.who.generation && later.live && !(beside && gives_way)
    }

    /// Whether what comes after this life, or its own return, is to be held down.
    fn must_be_held(&self) -> bool {
        self.lived && !self.left && (self.held || !self.pardoned)
    }

    /// Whether it is dead for us.
    pub(super) fn dead(&self) -> bool {
        self.died.is_some()
    }

    /// The node called us.
    pub(super) fn heard(&mut self, now: Instant) {
        self.heard_until = Some(now + HEARD);
    }

    /// Draws the conclusions. `trusted`: our own clock ran all the time, so that silence means something.
    pub(super) fn pass(&mut self, now: Instant, timing: &Timing, trusted: bool) {
        let heard = !self.dead() && self.heard_until.is_some_and(|until| now < until);
        if self.live || heard {
            self.held |= self.dead() && self.must_be_held();
            if self.silent_since.take().is_some() {
                self.live_since = now;
            }
            self.held &= now.duration_since(self.live_since) < timing.hold_down;
            self.died = None;
            self.lived = true;
            self.pardoned = false;
            return;
        }
        let silent_since = *self.silent_since.get_or_insert(now);
        let patience = if self.lived { timing.suspect } else { PATIENCE };
        if trusted && now.duration_since(silent_since) >= patience {
            self.died.get_or_insert(now);
        }
    }

    /// There is no quorum: if it just died, it is rather we who are cut off, and its death is not held
    /// against it.
    pub(super) fn pardon(&mut self, now: Instant) {
        self.pardoned |= self.died.is_some_and(|died| now.duration_since(died) <= LAPSE);
    }

    /// Whether it counts as alive for the quorum.
    pub(super) fn counts(&self) -> bool {
        self.lived && !self.dead() && !self.left
    }

    /// Whether it is kept out of our ring though it may be alive.
    pub(super) fn excluded(&self) -> bool {
        !self.left && (self.held || (self.dead() && self.must_be_held()))
    }

    /// Whether it may own something that it had no time to say yet.
    pub(super) fn unheard(&self, now: Instant) -> bool {
        self.said.is_none() && !self.dead() && now.duration_since(self.first_seen) < PATIENCE
    }

    /// What it is; `None` when it has left.
    pub(super) fn member(&self, now: Tick) -> Option<Member> {
        if self.left {
            return None;
        }
        let stage = self.said.as_ref().map_or(Stage::Joining, |said| said.stage);
        let state = match () {
            () if self.dead() => State::Dead,
            // Of one that was never seen alive there is nothing to suspect.
            () if self.silent_since.is_some() && !self.lived => State::Joining,
            () if self.silent_since.is_some() => State::Suspect,
            () if self.held => State::Joining,
            () => state_of(stage)?,
        };
        Some(Member {
            who: self.who.clone(),
            state,
            since: now,
            gossip_address: Some(self.gossip_address),
            said: self.said.clone().unwrap_or_else(nothing_said),
        })
    }
}

/// Stands for the words of a node that cannot be understood: it joins, and owns nothing.
fn nothing_said() -> Said {
    Said {
        stage: Stage::Joining,
        grpc_address: String::new(),
        version: String::new(),
        points: 1,
        view: 0,
        targets: 0,
        owned: Arc::default(),
        excluded: Arc::default(),
        raft: None,
        dataset: (0, 0),
        protocol: 1,
    }
}

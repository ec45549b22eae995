//! What the log says once about members, views and targets.

use std::time::Duration;

use ringwatch_frame::TargetId;
use tracing::{error, info, warn};

use super::metrics::Move;
use super::orders::OrderError;
use crate::member::{Incarnation, Member, NodeId, State};
use crate::numbering::{Committed, NotCommitted, names};
use crate::peer::PeerError;
use crate::plan::Why;
use crate::roster::Membership;
use crate::view::View;

/// Members that changed from one step to the next. A node that has not `joined` has not met most of them
/// yet, so that a missing majority is nothing to speak of.
pub(crate) fn changes(before: Option<&Membership>, after: &Membership, joined: bool) {
    for member in &after.members {
        match before.and_then(|before| before.member(&member.who.node)) {
            None => info!(node = %member.who.node, state = state(member), "member appeared"),
            Some(old) if old.who != member.who => {
                info!(node = %member.who.node, state = state(member), "member was restarted");
            }
            Some(old) if old.state != member.state => changed(after, old, member),
            Some(_) => {}
        }
    }
    let gone = before.into_iter().flat_map(|before| &before.members);
    for member in gone.filter(|old| after.member(&old.who.node).is_none()) {
        info!(node = %member.who.node, from = state(member), "member has left");
    }
    match before.map(|before| before.quorum).filter(|_| joined) {
        Some(true) if !after.quorum => {
            warn!("quorum lost: this node sees no majority, the view stays and nothing is claimed");
        }
        Some(false) if after.quorum => info!("quorum regained"),
        _ => {}
    }
}

fn changed(after: &Membership, old: &Member, member: &Member) {
    let (node, from, to) = (&member.who.node, state(old), state(member));
    if *node == after.me && old.state == State::Ready && member.state == State::Joining {
        warn!(%node, "held down: peers have lost sight of this node and keep it out of the ring for a while");
    } else {
        info!(%node, from, to, "member changed");
    }
}

fn state(member: &Member) -> &'static str {
    super::events::name(member.state)
}

/// Another view, or another part of it, is in force.
pub(crate) fn new_view(before: Option<&View>, view: &View, membership: &Membership) {
    let members = view.ring().members().len();
    let (number, known) = (view.number(), membership.members.len());
    let pins = view.committed().pins.len();
    if before.is_none_or(|before| before.number() != number) {
        info!(view = number, members, known, pins, "new view");
    } else {
        info!(view = number, members, known, "members of the view came or went");
    }
}

/// This node, which leads the group, proposes a view.
pub(crate) fn proposes(view: &Committed, reason: &str) {
    let (number, members, pins) = (view.number, view.seats.len(), view.pins.len());
    info!(view = number, members, pins, reason, "view proposed");
}

/// The group has not numbered it.
pub(crate) fn not_numbered(view: u64, error: &NotCommitted) {
    warn!(view, %error, "view not committed: it is proposed again if it is still wanted");
}

/// The group can commit again, or not any more.
pub(crate) fn group_quorum(has: bool, missing: &[NodeId]) {
    if has {
        info!("the group has a quorum");
    } else {
        let missing = names(missing);
        warn!(
            missing,
            "the group has no quorum: owners go on, soon nothing is claimed any more"
        );
    }
}

/// A target came here.
pub(crate) fn taken(target: &TargetId, how: Move, pending: usize) {
    match how {
        Move::TakeOver => info!(%target, pending, "target taken over from its dead owner"),
        Move::In => info!(%target, "target received"),
        _ => info!(%target, pending, "target claimed"),
    }
}

/// A target went to another.
pub(crate) fn handed_over(target: &TargetId, to: &NodeId, took: Duration) {
    let milliseconds = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    info!(%target, %to, milliseconds, "target handed over");
}

/// A target was to go to another, and stays.
pub(crate) fn kept(target: &TargetId, to: &NodeId, reason: &str, again_in: Duration) {
    let seconds = again_in.as_secs();
    warn!(%target, %to, reason, "handoff abandoned: the target stays here, next try in {seconds} s");
}

/// A target is not read here any more.
pub(crate) fn stopped(target: &TargetId, why: &Why) {
    match why {
        Why::NotConfigured => info!(%target, "target stopped: it is not configured any more"),
        Why::OwnedByOther(owner) => warn!(%target, %owner, "target stopped: another member owns it too"),
    }
}

/// Everything was let go.
pub(crate) fn let_go(why: &str, targets: usize) {
    if targets > 0 {
        warn!(targets, "all targets let go: {why}");
    }
}

/// The process was paused.
pub(crate) fn paused(targets: usize) {
    warn!(
        targets,
        "this process was paused: peers are asked before anything is read again"
    );
}

/// A pause has changed nothing.
pub(crate) fn still_member() {
    info!("no peer has missed this node while it was paused: it goes on");
}

/// What is not handed to its standby though its owner cannot reach it.
pub(crate) fn not_offered(target: &TargetId, from: &NodeId, to: &NodeId, error: &OrderError) {
    info!(%target, %from, %to, %error, "the owner cannot reach the target, and it stays there");
}

/// A target cannot be reached from here, and the leader does not move it.
pub(crate) fn offer_refused(target: &TargetId, error: &PeerError) {
    warn!(%target, %error, "the target cannot be reached from here, and is not handed to its standby");
}

/// Why a target stays.
pub(crate) const CAPPED: &str = "it has changed its owner too often, and stays here for a while";

/// A target has moved so often that it stays.
pub(crate) fn capped(target: &TargetId, to: &NodeId) {
    warn!(%target, %to, reason = CAPPED, "the target is not handed over");
}

/// Another process runs under our id.
pub(crate) fn rival(life: &Incarnation, address: &str) {
    let node = &life.node;
    error!(%node, address, "another node with our id has started: give it another id, if it does not stop");
}

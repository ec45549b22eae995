//! What happens in the cluster, as it happens, for whoever watches.

use std::time::Duration;

use ringwatch_frame::{StreamId, TargetId, Tick};
use tokio::sync::broadcast;

use crate::member::{NodeId, State};
use crate::roster::Membership;

/// How many events a watcher may be behind.
const BEHIND: usize = 1024;

/// Something that happened at this node, or that it saw.
#[derive(Clone, Debug, PartialEq)]
pub struct ClusterEvent {
    /// When.
    pub at: Tick,
    /// What.
    pub kind: EventKind,
    /// With which target.
    pub target: Option<TargetId>,
    /// With which stream.
    pub stream: Option<StreamId>,
    /// Who had it, or who is meant.
    pub from: Option<NodeId>,
    /// Who has it, or is to have it.
    pub to: Option<NodeId>,
    /// The number of the view.
    pub view: u64,
    /// How long it took.
    pub took: Option<Duration>,
    /// For which reason, for people; may be empty.
    pub reason: String,
}

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// A member came, went or changed: `from` is the member.
    Member,
    /// Another view is in force.
    View,
    /// A target was taken over from its dead owner.
    TakenOver,
    /// A target that nobody owned was claimed.
    Claimed,
    /// A handoff of a target has begun.
    HandingOver,
    /// A target was handed over.
    HandedOver,
    /// A target was handed to this node.
    Received,
    /// A handoff of a target was abandoned.
    Abandoned,
    /// A target was let go, or is not watched any more.
    Released,
    /// This node reads ticks for an owner that does not.
    CoverBegan,
    /// It does so no more.
    CoverEnded,
    /// The session of a former owner was ended.
    Fenced,
}

impl ClusterEvent {
    /// An event of which nothing but the kind is known yet.
    pub fn new(kind: EventKind) -> Self {
        Self {
            at: Tick::from_unix_nanos(0),
            kind,
            target: None,
            stream: None,
            from: None,
            to: None,
            view: 0,
            took: None,
            reason: String::new(),
        }
    }

    /// An event of this target.
    pub(super) fn of(kind: EventKind, target: &TargetId) -> Self {
        Self {
            target: Some(target.clone()),
            ..Self::new(kind)
        }
    }
}

/// Where events are told.
#[derive(Clone, Debug)]
pub(super) struct Events(broadcast::Sender<ClusterEvent>);

impl Default for Events {
    fn default() -> Self {
        Self(broadcast::Sender::new(BEHIND))
    }
}

impl Events {
    pub(super) fn tell(&self, event: ClusterEvent) {
        // Where nobody watches, nobody needs it.
        let _ = self.0.send(event);
    }

    pub(super) fn subscribe(&self) -> broadcast::Receiver<ClusterEvent> {
        self.0.subscribe()
    }
}

/// What has changed of the members.
pub(super) fn member_changes(before: Option<&Membership>, after: &Membership) -> Vec<ClusterEvent> {
    let event = |node: &NodeId, reason: String| ClusterEvent {
        from: Some(node.clone()),
        reason,
        ..ClusterEvent::new(EventKind::Member)
    };
    let mut events = Vec::new();
    for member in &after.members {
        let (node, now) = (&member.who.node, name(member.state));
        match before.and_then(|before| before.member(node)) {
            None => events.push(event(node, format!("appeared, {now}"))),
            Some(old) if old.who != member.who => events.push(event(node, format!("restarted, {now}"))),
            Some(old) if old.state != member.state => {
                events.push(event(node, format!("{} -> {now}", name(old.state))));
            }
            Some(_) => {}
        }
    }
    let gone = before.into_iter().flat_map(|before| &before.members);
    let gone = gone.filter(|old| after.member(&old.who.node).is_none());
    events.extend(gone.map(|old| event(&old.who.node, format!("{} -> left", name(old.state)))));
    events
}

/// The name of a state, for people.
pub(super) fn name(state: State) -> &'static str {
    match state {
        State::Joining => "joining",
        State::Ready => "ready",
        State::Draining => "draining",
        State::Suspect => "suspect",
        State::Dead => "dead",
    }
}

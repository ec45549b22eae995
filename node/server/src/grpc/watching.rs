//! `Cluster.WatchMembers` and `Cluster.Watch`: who is there, and what happens.

use std::sync::Arc;
use std::time::Duration;

use ringwatch_cluster::node::{ClusterEvent, EventKind, Knowledge};
use ringwatch_proto::v1;
use ringwatch_proto::v1::watch_response::What;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{OwnedSemaphorePermit, broadcast, watch};
use tokio_util::sync::CancellationToken;

use super::convert::{self, timestamp};

/// One who watches the members.
pub(super) struct Watcher {
    knowledge: watch::Receiver<Arc<Knowledge>>,
    told: Option<v1::ListMembersResponse>,
    stop: CancellationToken,
    _permit: OwnedSemaphorePermit,
}

impl Watcher {
    /// Follows `knowledge` until `stop`, and keeps `permit` as long.
    pub(super) fn new(
        knowledge: watch::Receiver<Arc<Knowledge>>,
        stop: CancellationToken,
        permit: OwnedSemaphorePermit,
    ) -> Self {
        Self {
            knowledge,
            told: None,
            stop,
            _permit: permit,
        }
    }

    /// The members if they differ from what was told last; waits until they do. `None` when the node stops.
    pub(super) async fn next(&mut self) -> Option<v1::ListMembersResponse> {
        while !self.stop.is_cancelled() {
            let now = convert::members(&self.knowledge.borrow_and_update());
            if self.told.as_ref() != Some(&now) {
                self.told = Some(now.clone());
                return Some(now);
            }
            tokio::select! {
                () = self.stop.cancelled() => {}
                changed = self.knowledge.changed() => changed.ok()?,
            }
        }
        None
    }
}

/// One who watches the members and what happens.
pub(super) struct EventWatcher {
    members: Watcher,
    events: Option<broadcast::Receiver<ClusterEvent>>,
    me: String,
}

impl EventWatcher {
    /// Follows `members` and the `events` of this node, which is `me`.
    pub(super) fn new(members: Watcher, events: broadcast::Receiver<ClusterEvent>, me: String) -> Self {
        Self {
            members,
            events: Some(events),
            me,
        }
    }

    /// What comes next. `None` when the node stops.
    pub(super) async fn next(&mut self) -> Option<v1::WatchResponse> {
        let Self { members, events, me } = self;
        let what = loop {
            let Some(happens) = events.as_mut() else {
                break What::Members(members.next().await?);
            };
            tokio::select! {
                // The members come first, so that whoever begins to watch knows who is spoken of.
                biased;
                members = members.next() => break What::Members(members?),
                event = happens.recv() => match event {
                    Ok(event) => break What::Event(said(me, &event)),
                    Err(RecvError::Lagged(missing)) => break What::Event(skipped(me, missing)),
                    Err(RecvError::Closed) => *events = None,
                },
            }
        };
        Some(v1::WatchResponse { what: Some(what) })
    }
}

fn said(me: &str, event: &ClusterEvent) -> v1::ClusterEvent {
    let text = |text: Option<&dyn std::fmt::Display>| text.map_or_else(String::new, ToString::to_string);
    v1::ClusterEvent {
        at: Some(timestamp(event.at)),
        node_id: me.to_owned(),
        kind: kind(event.kind).into(),
        target_id: text(event.target.as_ref().map(|it| it as _)),
        stream: text(event.stream.as_ref().map(|it| it as _)),
        from: text(event.from.as_ref().map(|it| it as _)),
        to: text(event.to.as_ref().map(|it| it as _)),
        view: event.view,
        took: event.took.map(duration),
        reason: event.reason.clone(),
    }
}

fn skipped(me: &str, missing: u64) -> v1::ClusterEvent {
    v1::ClusterEvent {
        node_id: me.to_owned(),
        kind: v1::EventKind::Skipped.into(),
        reason: format!("{missing} events are missing: they came faster than they were read"),
        ..v1::ClusterEvent::default()
    }
}

fn duration(took: Duration) -> prost_types::Duration {
    prost_types::Duration {
        seconds: i64::try_from(took.as_secs()).unwrap_or(i64::MAX),
        nanos: i32::try_from(took.subsec_nanos()).unwrap_or(0),
    }
}

fn kind(kind: EventKind) -> v1::EventKind {
    match kind {
        EventKind::View => v1::EventKind::View,
        EventKind::Member => v1::EventKind::Member,
        EventKind::TakenOver => v1::EventKind::TakenOver,
        EventKind::Claimed => v1::EventKind::Claimed,
        EventKind::HandingOver => v1::EventKind::HandingOver,
        EventKind::HandedOver => v1::EventKind::HandedOver,
        EventKind::Received => v1::EventKind::Received,
        EventKind::Abandoned => v1::EventKind::Abandoned,
        EventKind::Released => v1::EventKind::Released,
        EventKind::CoverBegan => v1::EventKind::CoverBegan,
        EventKind::CoverEnded => v1::EventKind::CoverEnded,
        EventKind::Fenced => v1::EventKind::Fenced,
    }
}

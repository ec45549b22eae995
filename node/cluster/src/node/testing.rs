//! What the tests of this module share: members in few words, and a steering that is told what others do.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arrow_array::{Int64Array, RecordBatch};
use prometheus::Registry;
use ringwatch_frame::{
    Epoch, FrameId, FrameMeta, PendingFrame, StreamId, StreamMemory, TargetId, TargetMemory, Tick,
};
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::Wishes;
use super::effect::{Effect, Event, Fixed, Look};
use super::gate::Gate;
use super::metrics::Metrics;
use super::number::Group;
use super::receive::Question;
use super::steer::Steering;
use crate::gossip::Sightings;
use crate::member::{Incarnation, Member, NodeId, Said, Sighting, Stage, State, TargetKey};
use crate::memories::Memories;
use crate::numbering::{Committed, GroupStanding, Seat};
use crate::pulse::{BEAT, Pulse};
use crate::ring::{POINTS, Ring, RingMember};
use crate::roster::{Me, Moment, Roster, Timing};

/// The first life of a node.
pub(crate) fn life(node: &str) -> Incarnation {
    Incarnation {
        node: NodeId::new(node),
        generation: 1,
    }
}

pub(crate) fn said(node: &str, owned: &[TargetId]) -> Said {
    let mut owned: Vec<TargetKey> = owned.iter().map(TargetKey::from).collect();
    owned.sort_unstable();
    Said {
        stage: Stage::Ready,
        grpc_address: format!("{node}:7947"),
        version: "1".into(),
        points: POINTS,
        view: 0,
        targets: 0,
        owned: owned.into(),
        excluded: Arc::default(),
        raft: None,
        dataset: (0, 0),
        protocol: crate::member::PROTOCOL,
    }
}

/// The view of this number in which the first lives of these nodes have a seat.
pub(crate) fn seated<'a>(number: u64, nodes: impl IntoIterator<Item = &'a &'a str>) -> Committed {
    let mut seats: Vec<Seat> = nodes
        .into_iter()
        .map(|node| Seat {
            node: NodeId::new(node),
            generation: 1,
            points: POINTS,
        })
        .collect();
    seats.sort();
    Committed {
        number,
        seats,
        pins: BTreeMap::new(),
    }
}

/// A member that is ready.
pub(crate) fn ready(node: &str) -> Member {
    Member {
        who: life(node),
        state: State::Ready,
        since: Tick::from_unix_nanos(0),
        gossip_address: None,
        said: said(node, &[]),
    }
}

/// The first target that falls to `owner` in the ring of `nodes`, with `standby` next.
pub(crate) fn target_of(nodes: &[&str], owner: &str, standby: &str) -> TargetId {
    let points = |node: &&str| RingMember {
        node: NodeId::new(node),
        points: POINTS,
    };
    let ring = Ring::new(nodes.iter().map(points));
    let falls = |target: &TargetId| {
        let place = ring.place(target.into()).unwrap();
        place.owner.as_str() == owner && place.standby.is_some_and(|node| node.as_str() == standby)
    };
    let mut targets = (0..).map(|nth: u32| TargetId::new("postgresql", &format!("db-{nth}:5432")));
    targets.find(falls).unwrap()
}

/// A memory of one stream that ended at this tick, with so many frames that are not delivered.
pub(crate) fn memory(target: &TargetId, last: i64, pending: i64) -> TargetMemory {
    let stream = StreamId::of_server("postgresql.activity");
    let rows = RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from(vec![last])) as _)]).unwrap();
    let frame = |tick| PendingFrame {
        meta: FrameMeta {
            id: FrameId {
                target: target.clone(),
                stream: stream.clone(),
                tick: Tick::from_unix_nanos(tick),
                epoch: Epoch(1),
            },
            source: "postgresql".into(),
            resource: Arc::default(),
        },
        rows: rows.clone(),
    };
    let memory = StreamMemory {
        last: Some(Tick::from_unix_nanos(last)),
        baseline: Some(rows.clone()),
        pending: (last - pending + 1..=last).map(frame).collect(),
    };
    BTreeMap::from([(stream.clone(), memory)])
}

/// Node a, and what it sees of others.
pub(crate) struct Scene {
    pub(crate) steering: Steering,
    pub(crate) memories: Arc<Memories>,
    pub(crate) gate: Arc<Gate>,
    pub(crate) pulse: Arc<Pulse>,
    pub(crate) wishes: Wishes,
    registry: Registry,
    /// What the group says. All are seated in view 1, and another one leads.
    pub(crate) group: Group,
    targets: Vec<TargetId>,
    /// `None`: there is no gossip.
    sightings: Option<Sightings>,
}

impl Scene {
    /// Node a, that is ready and sees `others` ready.
    pub(crate) fn new(others: &[&str], targets: &[&TargetId]) -> Self {
        let registry = Registry::new();
        let (pulse, memories) = (Arc::new(Pulse::default()), Memories::new(&registry).unwrap());
        let gate = Arc::new(Gate::new(Arc::clone(&pulse)));
        let fixed = Fixed {
            me: life("a"),
            cluster: "test".into(),
            version: "1".into(),
            grpc_address: "a:7947".into(),
            points: POINTS,
            moves: super::MovesCap::default(),
            covers: false,
        };
        let shared = (Arc::clone(&pulse), Arc::clone(&gate), Arc::clone(&memories));
        let roster = Roster::new(
            Me {
                who: life("a"),
                gossip_address: None,
            },
            Timing::default(),
        );
        let metrics = Metrics::new(&registry).unwrap();
        let seen = others.iter().map(|node| Sighting {
            who: life(node),
            gossip_address: "127.0.0.1:7946".parse().unwrap(),
            live: true,
            said: Some(said(node, &[])),
        });
        let sightings = Sightings {
            seen: seen.collect(),
            seeds: others.len(),
            ..Sightings::default()
        };
        Self {
            steering: Steering::new(fixed, shared, metrics, roster, Instant::now()),
            memories,
            registry,
            gate,
            pulse,
            wishes: Wishes {
                ready: true,
                ..Wishes::default()
            },
            group: Group {
                committed: Some(Arc::new(seated(1, others.iter().chain(&["a"])))),
                standing: GroupStanding {
                    quorum: true,
                    founded: true,
                    leader: Some(NodeId::new("z")),
                    ..GroupStanding::default()
                },
                ..Group::default()
            },
            targets: targets.iter().map(|target| (*target).clone()).collect(),
            sightings: (!others.is_empty()).then_some(sightings),
        }
    }

    /// Lets `node` say that it owns these from now on.
    pub(crate) fn owns(&mut self, node: &str, owned: &[TargetId]) {
        self.change(node, |sighting| sighting.said = Some(said(node, owned)));
    }

    /// Changes what is seen of `node`.
    pub(crate) fn change(&mut self, node: &str, change: impl FnOnce(&mut Sighting)) {
        let seen = self
            .sightings
            .iter_mut()
            .flat_map(|sightings| &mut sightings.seen);
        seen.filter(|sighting| sighting.who == life(node))
            .for_each(change_once(change));
    }

    /// One step. What it wants done, one line each.
    pub(crate) fn step(&mut self) -> Vec<String> {
        let now = Moment {
            instant: Instant::now(),
            tick: Tick::from_unix_nanos(0),
        };
        let look = Look {
            now,
            sightings: self.sightings.as_ref(),
            targets: &self.targets,
            wishes: self.wishes,
            group: self.group.clone(),
        };
        self.steering.step(&look).iter().map(line).collect()
    }

    /// Lets this time pass, with a beat and a step every 50 ms. All that was wanted.
    pub(crate) async fn pass(&mut self, millis: u64) -> Vec<String> {
        let end = Instant::now() + Duration::from_millis(millis);
        let mut lines = Vec::new();
        while Instant::now() < end {
            tokio::time::advance(BEAT).await;
            self.pulse.beat();
            lines.extend(self.step());
        }
        lines
    }

    /// Something has come to this. What is wanted then.
    pub(crate) fn on(&mut self, event: Event) -> Vec<String> {
        self.steering.on(event, Instant::now());
        self.step()
    }

    /// Asks a question of a peer, and gives the place of the answer.
    pub(crate) fn ask<T>(
        &mut self,
        question: impl FnOnce(oneshot::Sender<T>) -> Question,
    ) -> oneshot::Receiver<T> {
        let (reply, answer) = oneshot::channel();
        self.steering.answer(question(reply), Instant::now());
        answer
    }

    /// How much of this kind was refused for an old epoch.
    pub(crate) fn refused_epochs(&self, what: &str) -> f64 {
        let families = self.registry.gather();
        let family = families
            .iter()
            .find(|family| family.name() == "ringwatch_refused_epochs_total");
        let mut metrics = family.iter().flat_map(|family| family.get_metric());
        let metric = metrics.find(|metric| metric.get_label().iter().any(|label| label.value() == what));
        metric.map_or(0.0, |metric| metric.get_counter().get_value())
    }

    /// Node a owns `target`, and has read it up to this tick.
    pub(crate) fn own(&mut self, target: &TargetId, last: i64) {
        let how = super::metrics::Move::Claim;
        let since = Instant::now();
        self.steering.take(target, memory(target, last, 0), how, since);
        self.steering.take_effects();
        self.steering.open();
    }
}

fn change_once(change: impl FnOnce(&mut Sighting)) -> impl FnMut(&mut Sighting) {
    let mut change = Some(change);
    move |sighting| {
        if let Some(change) = change.take() {
            change(sighting);
        }
    }
}

/// An effect in few words.
fn line(effect: &Effect) -> String {
    match effect {
        Effect::Start(_) => "start".into(),
        Effect::Stop { .. } => "stop".into(),
        Effect::Warm { .. } => "warm".into(),
        Effect::Deliver(frames) => format!("deliver {}", frames.len()),
        Effect::Prepare { to, .. } => format!("prepare at {}", to.who.node),
        Effect::Commit { to, memory, .. } => {
            let streams = memory.values();
            let told: Vec<_> = streams
                .map(|s| (s.last.map(Tick::unix_nanos), s.pending.len()))
                .collect();
            format!("commit at {} {told:?}", to.who.node)
        }
        Effect::Ask { to, .. } => format!("ask {}", to.who.node),
        Effect::Recall { of, .. } => {
            format!(
                "recall {}",
                of.iter()
                    .map(|m| m.who.node.as_str())
                    .collect::<Vec<_>>()
                    .join(",")
            )
        }
        Effect::Confirm { of, .. } => format!("confirm {}", of.who.node),
        Effect::Probe { life } => format!("probe {}", life.said.grpc_address),
        Effect::Offer { to, heir, .. } => format!("offer {heir} at {}", to.who.node),
        Effect::Receive { companion, .. } => format!("receive {}", companion.len()),
        Effect::Number { view, .. } => {
            let seats: Vec<&str> = view.seats.iter().map(|seat| seat.node.as_str()).collect();
            let pins = view.pins.values().map(|pin| format!(" +{}", pin.to));
            format!(
                "number {} {}{}",
                view.number,
                seats.join(","),
                pins.collect::<String>()
            )
        }
    }
}

//! What the node knows, in the words of the wire.

use std::collections::{BTreeMap, HashMap};

use ringwatch_cluster::member::{NodeId, SaidRole, State};
use ringwatch_cluster::node::{Knowledge, Known, Placed};
use ringwatch_cluster::numbering::By;
use ringwatch_collect::TargetSpec;
use ringwatch_frame::{TargetId, Tick, Value};
use ringwatch_proto::v1;

/// Resource attributes that are made of the endpoint or of what the server says; the others are labels.
const BUILT_IN: [&str; 4] = [
    "server.address",
    "server.port",
    "service.instance.id",
    "db.system.version",
];

/// The labels of the configuration, by target.
pub(super) type Labels = BTreeMap<TargetId, HashMap<String, String>>;

/// The states of the circuits, by target.
pub(super) type Circuits = BTreeMap<String, &'static str>;

/// The labels of these targets. Where two receivers of a target give one label, the first one's counts.
pub(super) fn labels<'a>(targets: impl IntoIterator<Item = &'a TargetSpec>) -> Labels {
    let mut all = Labels::new();
    for spec in targets {
        let attributes = spec.readers.iter().flat_map(|reader| reader.resource.iter());
        let labels = attributes.filter_map(|(key, value)| match value {
            Value::Text(text) if !BUILT_IN.contains(&key) => Some((key.to_owned(), text.to_string())),
            _ => None,
        });
        let known = all.entry(spec.id.clone()).or_default();
        for (key, value) in labels {
            known.entry(key).or_insert(value);
        }
    }
    all
}

/// The members.
pub(super) fn members(known: &Knowledge) -> v1::ListMembersResponse {
    v1::ListMembersResponse {
        cluster: known.cluster.clone(),
        view: known.view,
        answered_by: known.me.to_string(),
        members: known.members.iter().map(|one| member(one, mine(known))).collect(),
    }
}

/// Version and hash of the data set that this node works by.
fn mine(known: &Knowledge) -> (u64, u64) {
    let me = known.members.iter().find(|member| member.who.node == known.me);
    me.map_or((0, 0), |me| me.said.dataset)
}

fn member(known: &Known, mine: (u64, u64)) -> v1::Member {
    let is_there = !matches!(known.state, State::Dead | State::Joining);
    v1::Member {
        node_id: known.who.node.to_string(),
        state: state(known.state).into(),
        grpc_address: known.said.grpc_address.clone(),
        gossip_address: known
            .gossip_address
            .map_or_else(String::new, |address| address.to_string()),
        version: known.said.version.clone(),
        generation: known.who.generation,
        owned_targets: count(known.owned),
        standby_targets: count(known.standby),
        raft_role: raft_role(known).into(),
        since: Some(timestamp(known.since)),
        dataset_version: known.said.dataset.0,
        dataset_drift: is_there && known.said.dataset != mine,
    }
}

/// What it is in the group; a dead one is nothing.
fn raft_role(known: &Known) -> v1::RaftRole {
    let role = known.said.raft.map(|raft| raft.role);
    match role.filter(|_| known.state != State::Dead) {
        Some(SaidRole::Leader) => v1::RaftRole::Leader,
        Some(SaidRole::Follower) => v1::RaftRole::Follower,
        Some(SaidRole::Learner) => v1::RaftRole::Learner,
        Some(SaidRole::None) | None => v1::RaftRole::None,
    }
}

/// A member's state.
pub(super) fn state(state: State) -> v1::State {
    match state {
        State::Joining => v1::State::Joining,
        State::Ready => v1::State::Ready,
        State::Draining => v1::State::Draining,
        State::Suspect => v1::State::Suspect,
        State::Dead => v1::State::Dead,
    }
}

/// The ring, and how many of the targets it and its pins give to each member.
pub(super) fn ring(known: &Knowledge) -> v1::GetRingResponse {
    let (mut owners, mut standbys) = (BTreeMap::<&NodeId, u32>::new(), BTreeMap::<&NodeId, u32>::new());
    for placed in &known.targets {
        if let Some(home) = &placed.home {
            *owners.entry(home).or_default() += 1;
        }
        if let Some(standby) = &placed.standby {
            *standbys.entry(standby).or_default() += 1;
        }
    }
    let of = |counts: &BTreeMap<&NodeId, u32>, node| counts.get(node).copied().unwrap_or(0);
    let members = known.ring.members().iter().zip(known.ring.shares());
    let members = members.map(|(member, share)| v1::RingMember {
        node_id: member.node.to_string(),
        points: member.points,
        share,
        owner_of: of(&owners, &member.node),
        standby_of: of(&standbys, &member.node),
    });
    v1::GetRingResponse {
        view: known.view,
        members: members.collect(),
    }
}

/// One target.
pub(super) fn target(placed: &Placed, labels: &Labels, breakers: &Circuits) -> v1::Target {
    let name = |node: &Option<NodeId>| node.as_ref().map_or_else(String::new, ToString::to_string);
    let id = placed.target.as_str();
    v1::Target {
        target_id: id.to_owned(),
        engine: id
            .split_once("://")
            .map_or_else(String::new, |(engine, _)| engine.to_owned()),
        owner: name(&placed.owner),
        standby: name(&placed.standby),
        epoch: placed.epoch,
        weight: placed.weight,
        labels: labels.get(&placed.target).cloned().unwrap_or_default(),
        breaker: breakers
            .get(id)
            .map_or_else(String::new, |state| (*state).to_owned()),
        pin: match placed.pinned {
            None => v1::Pin::NotPinned,
            Some(By::Load) => v1::Pin::ByLoad,
            Some(By::Operator) => v1::Pin::ByOperator,
        }
        .into(),
    }
}

/// A number of targets as the wire has it.
pub(super) fn count(targets: usize) -> u32 {
    u32::try_from(targets).unwrap_or(u32::MAX)
}

/// A time as the wire has it.
pub(crate) fn timestamp(tick: Tick) -> prost_types::Timestamp {
    const SECOND: i64 = 1_000_000_000;
    let nanos = tick.unix_nanos();
    prost_types::Timestamp {
        seconds: nanos.div_euclid(SECOND),
        nanos: i32::try_from(nanos.rem_euclid(SECOND)).unwrap_or(0),
    }
}

//! Answers as JSON: the fields of the wire under their own names, all of them, enums by name, times as RFC
//! 3339.

use std::collections::BTreeMap;

use ringwatch_proto::v1;
use serde::Serialize;

use crate::commands::text::time;

/// `ListMembersResponse`.
#[derive(Serialize)]
pub(super) struct Members<'a> {
    cluster: &'a str,
    view: u64,
    answered_by: &'a str,
    members: Vec<Member<'a>>,
}

#[derive(Serialize)]
struct Member<'a> {
    node_id: &'a str,
    state: &'static str,
    grpc_address: &'a str,
    gossip_address: &'a str,
    version: &'a str,
    generation: u64,
    owned_targets: u32,
    standby_targets: u32,
    raft_role: &'static str,
    since: Option<String>,
    dataset_version: u64,
    dataset_drift: bool,
}

pub(super) fn members(answer: &v1::ListMembersResponse) -> Members<'_> {
    Members {
        cluster: &answer.cluster,
        view: answer.view,
        answered_by: &answer.answered_by,
        members: answer.members.iter().map(member).collect(),
    }
}

fn member(member: &v1::Member) -> Member<'_> {
    Member {
        node_id: &member.node_id,
        state: member.state().as_str_name(),
        grpc_address: &member.grpc_address,
        gossip_address: &member.gossip_address,
        version: &member.version,
        generation: member.generation,
        owned_targets: member.owned_targets,
        standby_targets: member.standby_targets,
        raft_role: member.raft_role().as_str_name(),
        since: member.since.as_ref().and_then(time),
        dataset_version: member.dataset_version,
        dataset_drift: member.dataset_drift,
    }
}

/// `GetRingResponse`.
#[derive(Serialize)]
pub(super) struct Ring<'a> {
    view: u64,
    members: Vec<RingMember<'a>>,
}

#[derive(Serialize)]
struct RingMember<'a> {
    node_id: &'a str,
    points: u32,
    share: f64,
    owner_of: u32,
    standby_of: u32,
}

pub(super) fn ring(answer: &v1::GetRingResponse) -> Ring<'_> {
    Ring {
        view: answer.view,
        members: answer.members.iter().map(ring_member).collect(),
    }
}

fn ring_member(member: &v1::RingMember) -> RingMember<'_> {
    RingMember {
        node_id: &member.node_id,
        points: member.points,
        share: member.share,
        owner_of: member.owner_of,
        standby_of: member.standby_of,
    }
}

/// `ListTargetsResponse`.
#[derive(Serialize)]
pub(super) struct Targets<'a> {
    targets: Vec<Target<'a>>,
}

/// `Target`.
#[derive(Serialize)]
pub(super) struct Target<'a> {
    target_id: &'a str,
    engine: &'a str,
    owner: &'a str,
    standby: &'a str,
    epoch: u64,
    weight: f64,
    labels: BTreeMap<&'a str, &'a str>,
    breaker: &'a str,
    pin: &'static str,
}

pub(super) fn targets(answer: &v1::ListTargetsResponse) -> Targets<'_> {
    Targets {
        targets: answer.targets.iter().map(target).collect(),
    }
}

pub(super) fn target(target: &v1::Target) -> Target<'_> {
    let labels = target.labels.iter();
    Target {
        target_id: &target.target_id,
        engine: &target.engine,
        owner: &target.owner,
        standby: &target.standby,
        epoch: target.epoch,
        weight: target.weight,
        labels: labels
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .collect(),
        breaker: &target.breaker,
        pin: target.pin().as_str_name(),
    }
}

/// `MoveTargetResponse`.
#[derive(Serialize)]
pub(super) struct Moved<'a> {
    target_id: &'a str,
    node_id: &'a str,
    from: &'a str,
}

pub(super) fn moved(answer: &v1::MoveTargetResponse) -> Moved<'_> {
    Moved {
        target_id: &answer.target_id,
        node_id: &answer.node_id,
        from: &answer.from,
    }
}

/// `RebalanceResponse`.
#[derive(Serialize)]
pub(super) struct Rebalanced<'a> {
    dry_run: bool,
    moves: Vec<Move<'a>>,
    before: Vec<Load<'a>>,
    after: Vec<Load<'a>>,
}

#[derive(Serialize)]
struct Move<'a> {
    target_id: &'a str,
    from: &'a str,
    to: &'a str,
    weight: f64,
}

#[derive(Serialize)]
struct Load<'a> {
    node_id: &'a str,
    load: f64,
    targets: u32,
}

pub(super) fn rebalanced(answer: &v1::RebalanceResponse) -> Rebalanced<'_> {
    let moves = answer.moves.iter().map(|one| Move {
        target_id: &one.target_id,
        from: &one.from,
        to: &one.to,
        weight: one.weight,
    });
    Rebalanced {
        dry_run: answer.dry_run,
        moves: moves.collect(),
        before: answer.before.iter().map(load).collect(),
        after: answer.after.iter().map(load).collect(),
    }
}

fn load(load: &v1::Load) -> Load<'_> {
    Load {
        node_id: &load.node_id,
        load: load.load,
        targets: load.targets,
    }
}

/// `DrainResponse`.
#[derive(Serialize)]
pub(super) struct Drain<'a> {
    node_id: &'a str,
    state: &'static str,
    targets: u32,
}

pub(super) fn drain(answer: &v1::DrainResponse) -> Drain<'_> {
    Drain {
        node_id: &answer.node_id,
        state: answer.state().as_str_name(),
        targets: answer.targets,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_there_also_when_it_is_empty() {
        let answer = v1::ListMembersResponse {
            cluster: "c".into(),
            view: (1 << 48) - 1,
            answered_by: "n1".into(),
            members: vec![v1::Member {
                state: v1::State::Ready.into(),
                raft_role: v1::RaftRole::None.into(),
                since: Some(prost_types::Timestamp {
                    seconds: 1_700_000_000,
                    nanos: 5_000_000,
                }),
                dataset_version: 4,
                ..v1::Member::default()
            }],
        };
        let text = serde_json::to_string(&members(&answer)).unwrap();
        assert_eq!(
            text,
            "{\"cluster\":\"c\",\"view\":281474976710655,\"answered_by\":\"n1\",\"members\":[{\"node_id\":\"\",\
             \"state\":\"READY\",\"grpc_address\":\"\",\"gossip_address\":\"\",\"version\":\"\",\"generation\":0,\
             \"owned_targets\":0,\"standby_targets\":0,\"raft_role\":\"NONE\",\"since\":\"2023-11-14T22:13:20.005Z\",\
             \"dataset_version\":4,\"dataset_drift\":false}]}"
        );
        let text = serde_json::to_string(&target(&v1::Target::default())).unwrap();
        assert_eq!(
            text,
            "{\"target_id\":\"\",\"engine\":\"\",\"owner\":\"\",\"standby\":\"\",\"epoch\":0,\"weight\":0.0,\
             \"labels\":{},\"breaker\":\"\",\"pin\":\"PIN_UNSPECIFIED\"}"
        );
    }
}

//! What a change of members costs: building the ring and placing all targets, and planning.

#![expect(clippy::unwrap_used, reason = "a benchmark may stop")]

use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use ringwatch_cluster::member::{Incarnation, Member, NodeId, Said, Stage, State, TargetKey};
use ringwatch_cluster::numbering::{Committed, Seat};
use ringwatch_cluster::plan::{Holding, Situation, heirs, plan};
use ringwatch_cluster::ring::{POINTS, Ring, RingMember};
use ringwatch_cluster::roster::Membership;
use ringwatch_cluster::view::View;
use ringwatch_frame::{TargetId, Tick};

fn nodes(count: usize) -> Vec<RingMember> {
    let node = |nth| RingMember {
        node: NodeId::new(&format!("ringwatch-{nth}")),
        points: POINTS,
    };
    (0..count).map(node).collect()
}

fn targets(count: usize) -> Vec<TargetId> {
    (0..count)
        .map(|nth| TargetId::new("postgresql", &format!("db{nth}.example:5432")))
        .collect()
}

fn keys(count: usize) -> Vec<TargetKey> {
    targets(count).iter().map(TargetKey::from).collect()
}

fn rings(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("ring");
    group.sample_size(20);
    let (many, keys_of_many) = (nodes(1_000), keys(100_000));
    group.bench_function("1000 nodes, 100000 targets", |bench| {
        bench.iter(|| Ring::new(black_box(many.clone())).assign(black_box(&keys_of_many)));
    });
    group.bench_function("1000 nodes, 100000 targets, after one loss", |bench| {
        let lost = NodeId::new("ringwatch-500");
        bench.iter(|| {
            let left = many.iter().filter(|member| member.node != lost).cloned();
            Ring::new(black_box(left)).assign(black_box(&keys_of_many))
        });
    });
    let (few, keys_of_few) = (nodes(3), keys(40));
    group.bench_function("3 nodes, 40 targets", |bench| {
        bench.iter(|| Ring::new(black_box(few.clone())).assign(black_box(&keys_of_few)));
    });
    group.finish();
}

/// A cluster at rest, as its first node sees it: everything is where the ring wants it.
struct Rest {
    membership: Membership,
    view: View,
    targets: BTreeMap<TargetKey, TargetId>,
    mine: BTreeMap<TargetId, Holding>,
}

fn rest(nodes_count: usize, targets_count: usize) -> Rest {
    let ring = Ring::new(nodes(nodes_count));
    let targets: BTreeMap<TargetKey, TargetId> = targets(targets_count)
        .into_iter()
        .map(|target| (TargetKey::from(&target), target))
        .collect();
    let owned_by = |node: &NodeId| {
        let owns = |key: &TargetKey| ring.place(*key).is_some_and(|place| place.owner == node);
        targets.keys().copied().filter(owns).collect::<Vec<TargetKey>>()
    };
    let member = |member: &RingMember| Member {
        who: Incarnation {
            node: member.node.clone(),
            generation: 1,
        },
        state: State::Ready,
        since: Tick::from_unix_nanos(0),
        gossip_address: None,
        said: Said {
            stage: Stage::Ready,
            grpc_address: String::new(),
            version: String::new(),
            points: member.points,
            view: 0,
            targets: 0,
            owned: owned_by(&member.node).into(),
            excluded: Arc::default(),
            raft: None,
            dataset: (0, 0),
            protocol: ringwatch_cluster::member::PROTOCOL,
        },
    };
    let membership = Membership {
        me: ring.members()[0].node.clone(),
        members: ring.members().iter().map(member).collect(),
        quorum: true,
        excluded: Vec::new(),
        rivals: Vec::new(),
        unheard: Vec::new(),
    };
    let mine = owned_by(&membership.me)
        .iter()
        .map(|key| (targets[key].clone(), Holding::Steady))
        .collect();
    Rest {
        view: View::next(None, Some(&Arc::new(committed(&ring))), &membership).unwrap(),
        membership,
        targets,
        mine,
    }
}

/// The view in which all of the ring have a seat.
fn committed(ring: &Ring) -> Committed {
    let seats = ring.members().iter().map(|member| Seat {
        node: member.node.clone(),
        generation: 1,
        points: member.points,
    });
    Committed {
        number: 1,
        seats: seats.collect(),
        pins: BTreeMap::new(),
    }
}

fn plans(criterion: &mut Criterion) {
    let rest = rest(50, 5_000);
    let situation = Situation {
        membership: &rest.membership,
        view: Some(&rest.view),
        targets: &rest.targets,
        mine: &rest.mine,
        can_claim: true,
    };
    criterion.bench_function("plan/50 nodes, 5000 targets, at rest", |bench| {
        bench.iter(|| plan(black_box(&situation)));
    });
    let everything = rest
        .targets
        .values()
        .map(|target| (target.clone(), Holding::Steady))
        .collect();
    let alone = Situation {
        mine: &everything,
        ..situation
    };
    criterion.bench_function("plan/50 nodes, 5000 targets, all owned twice", |bench| {
        bench.iter(|| plan(black_box(&alone)));
    });
    criterion.bench_function("heirs/50 nodes, 5000 targets, all ours", |bench| {
        bench.iter(|| heirs(&rest.membership, Some(&rest.view), black_box(&everything)));
    });
}

criterion_group!(benches, rings, plans);
criterion_main!(benches);

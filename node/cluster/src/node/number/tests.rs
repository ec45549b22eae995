//! The steering and the group: what it proposes, claims and refuses, and what operators order.

use std::sync::Arc;

use ringwatch_frame::Epoch;
use tokio::sync::oneshot;

use super::*;
use crate::memories::Change;
use crate::node::Placed;
use crate::node::effect::Event;
use crate::node::testing::{Scene, life, memory, seated, target_of};

const NOBODY: [&str; 0] = [];
const NODES: [&str; 3] = ["a", "b", "c"];

/// Node a leads, and sees b and c.
fn leading(targets: &[&TargetId]) -> Scene {
    let mut scene = Scene::new(&["b", "c"], targets);
    scene.group.standing.leads = true;
    scene.group.standing.leader = Some(NodeId::new("a"));
    scene
}

/// The group has committed the view of this number, with a, b and c in it.
fn commits(scene: &mut Scene, number: u64) {
    scene.group.committed = Some(Arc::new(seated(number, &NODES)));
}

fn numbered(number: u64, answer: Result<(), NotCommitted>) -> Event {
    Event::Numbered { number, answer }
}

#[tokio::test(start_paused = true)]
async fn the_first_view_is_proposed_and_nothing_is_claimed_before_it() {
    let target = TargetId::from_name("t");
    let mut scene = Scene::new(&NOBODY, &[&target]);
    scene.group.committed = None;
    scene.group.standing.leads = true;
    assert_eq!(scene.step(), ["number 1 a"]);
    let waits = scene.steering.status(Instant::now()).waiting_for_group;
    assert!(waits.unwrap().contains("first view"));
    assert_eq!(scene.pass(1_000).await, NOBODY, "one at a time");
    assert_eq!(scene.on(numbered(1, Ok(()))), NOBODY, "it is not here yet");
    scene.group.committed = Some(Arc::new(seated(1, &["a"])));
    assert_eq!(scene.step(), ["start"]);
    assert_eq!(scene.gate.ask(&target), Ok(Epoch(1)));
    assert_eq!(scene.steering.status(Instant::now()).waiting_for_group, None);
}

#[tokio::test(start_paused = true)]
async fn while_the_group_is_not_founded_the_status_says_what_it_waits_for() {
    let mut scene = Scene::new(&NOBODY, &[]);
    scene.group.committed = None;
    scene.group.standing = GroupStanding {
        waiting: Some("2 of 3 voters have met".into()),
        ..GroupStanding::default()
    };
    assert_eq!(scene.step(), NOBODY);
    let waits = scene.steering.status(Instant::now()).waiting_for_group;
    assert_eq!(waits.as_deref(), Some("2 of 3 voters have met"));
}

#[tokio::test(start_paused = true)]
async fn a_proposal_that_fails_is_made_again_if_it_is_still_wanted() {
    let mut scene = leading(&[]);
    scene.step();
    scene.change("b", |b| b.live = false);
    assert_eq!(scene.pass(500).await, ["number 2 a,c"]);
    assert_eq!(scene.on(numbered(2, Err(NotCommitted::Unknown))), NOBODY);
    assert_eq!(scene.pass(300).await, ["number 2 a,c"]);
    scene.on(numbered(2, Err(NotCommitted::Overtaken { present: 2 })));
    // What was committed before it says the same.
    scene.group.committed = Some(Arc::new(seated(2, &["a", "c"])));
    assert_eq!(scene.pass(1_000).await, NOBODY);
}

#[tokio::test(start_paused = true)]
async fn the_standby_takes_over_before_the_group_has_said_anything() {
    let target = target_of(&NODES, "b", "a");
    let mut scene = Scene::new(&["b", "c"], &[&target]);
    scene.owns("b", std::slice::from_ref(&target));
    let snapshot = Change::Snapshot {
        covers: std::collections::BTreeMap::new(),
        serial: 1,
        target: target.clone(),
        memory: memory(&target, 9, 0),
        view: 4,
    };
    scene.memories.shadowed(&life("b"), snapshot).unwrap();
    scene.step();
    // The dead one led the group, which has no quorum now.
    scene.group.standing.quorum = false;
    scene.change("b", |b| b.live = false);
    assert_eq!(scene.pass(300).await, ["start"]);
    assert_eq!(
        scene.gate.ask(&target),
        Ok(Epoch(4)),
        "the epoch of the dead one does not fall"
    );
}

#[tokio::test(start_paused = true)]
async fn without_the_group_nothing_is_claimed_after_the_time_of_an_election() {
    for (lost_for, claims) in [(4_000, true), (6_000, false)] {
        let target = target_of(&NODES, "b", "a");
        let mut scene = Scene::new(&["b", "c"], &[&target]);
        scene.owns("b", std::slice::from_ref(&target));
        let snapshot = Change::Snapshot {
            covers: std::collections::BTreeMap::new(),
            serial: 1,
            target: target.clone(),
            memory: memory(&target, 9, 0),
            view: 1,
        };
        scene.memories.shadowed(&life("b"), snapshot).unwrap();
        scene.step();
        scene.group.standing.quorum = false;
        scene.pass(lost_for).await;
        scene.change("b", |b| b.live = false);
        assert_eq!(scene.pass(500).await == ["start"], claims, "{lost_for}");
        scene.group.standing.quorum = true;
        scene.step();
        assert!(scene.gate.ask(&target).is_ok(), "the group is back");
    }
}

#[tokio::test(start_paused = true)]
async fn an_epoch_that_nobody_can_have_is_not_believed() {
    let target = target_of(&NODES, "b", "a");
    let mut scene = Scene::new(&["b", "c"], &[&target]);
    scene.owns("b", std::slice::from_ref(&target));
    let snapshot = Change::Snapshot {
        covers: std::collections::BTreeMap::new(),
        serial: 1,
        target: target.clone(),
        memory: memory(&target, 9, 0),
        view: 1 << 47,
    };
    scene.memories.shadowed(&life("b"), snapshot).unwrap();
    scene.step();
    scene.change("b", |b| b.live = false);
    scene.pass(300).await;
    assert_eq!(scene.gate.ask(&target), Ok(Epoch(1)));
}

#[tokio::test(start_paused = true)]
async fn orders_are_refused_by_who_does_not_lead_and_without_quorum() {
    let target = target_of(&NODES, "b", "a");
    type Change = fn(&mut GroupStanding);
    let leader = Some(NodeId::new("z"));
    let missing = vec![NodeId::new("b")];
    let cases: [(Change, OrderError); 3] = [
        (
            |standing| standing.leads = false,
            OrderError::NotLeader { leader },
        ),
        (
            |standing| {
                standing.quorum = false;
                standing.missing = vec![NodeId::new("b")];
            },
            OrderError::NoQuorum { missing },
        ),
        (
            |standing| {
                standing.founded = false;
                standing.waiting = Some("1 of 3 voters have met".into());
            },
            OrderError::NoView("1 of 3 voters have met".into()),
        ),
    ];
    for (change, error) in cases {
        let mut scene = leading(&[&target]);
        scene.group.standing.leader = Some(NodeId::new("z"));
        change(&mut scene.group.standing);
        scene.step();
        assert_eq!(orders(&mut scene, &target, Some("b")).try_recv(), Ok(Err(error)));
    }
}

fn orders(
    scene: &mut Scene,
    target: &TargetId,
    to: Option<&str>,
) -> oneshot::Receiver<Result<u64, OrderError>> {
    let (reply, answer) = oneshot::channel();
    scene.steering.order(Order::Move {
        target: target.clone(),
        to: to.map(NodeId::new),
        reply,
    });
    scene.step();
    answer
}

#[tokio::test(start_paused = true)]
async fn an_operator_moves_a_target_and_lets_it_go_home() {
    let target = target_of(&NODES, "a", "b");
    let mut scene = leading(&[&target]);
    scene.own(&target, 9);
    scene.step();
    let (reply, mut answer) = oneshot::channel();
    scene.steering.order(Order::Move {
        target: target.clone(),
        to: Some(NodeId::new("c")),
        reply,
    });
    assert_eq!(scene.step(), ["number 2 a,b,c +c"]);
    assert!(answer.try_recv().is_err(), "it is not committed");
    scene.on(numbered(2, Ok(())));
    assert_eq!(answer.try_recv(), Ok(Ok(2)));
    let mut view = seated(2, &NODES);
    let pin = Pin {
        to: NodeId::new("c"),
        by: By::Operator,
    };
    view.pins.insert(target.clone(), pin);
    scene.group.committed = Some(Arc::new(view));
    assert_eq!(scene.pass(1_500).await, ["prepare at c"]);
    let placed = scene.steering.knowledge().targets.remove(0);
    assert_eq!((placed.pinned, placed.epoch), (Some(By::Operator), 2));
    assert_eq!(placed.home, Some(NodeId::new("c")));
    // Once more the same is done already; home it goes with a view of its own.
    assert_eq!(orders(&mut scene, &target, Some("c")).try_recv(), Ok(Ok(2)));
    let (reply, _answer) = oneshot::channel();
    let to = None;
    scene.steering.order(Order::Move { target, to, reply });
    assert_eq!(scene.step(), ["number 3 a,b,c"]);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_moved_is_refused_with_the_reason() {
    let target = target_of(&NODES, "a", "b");
    let mut scene = leading(&[&target]);
    scene.step();
    let unknown = TargetId::from_name("unknown");
    let answer = orders(&mut scene, &unknown, Some("b")).try_recv().unwrap();
    assert_eq!(answer, Err(OrderError::UnknownTarget(unknown)));
    scene.change("b", |b| {
        b.said.as_mut().unwrap().stage = crate::member::Stage::Draining;
    });
    scene.step();
    for node in ["b", "x"] {
        let refused = OrderError::NotReady {
            node: NodeId::new(node),
            ready: vec![NodeId::new("a"), NodeId::new("c")],
        };
        assert_eq!(
            orders(&mut scene, &target, Some(node)).try_recv(),
            Ok(Err(refused))
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_order_that_was_overtaken_is_done_on_top_of_what_came_before() {
    let target = target_of(&NODES, "a", "b");
    let mut scene = leading(&[&target]);
    scene.own(&target, 9);
    scene.step();
    let mut answer = orders(&mut scene, &target, Some("c"));
    scene.on(numbered(2, Err(NotCommitted::Overtaken { present: 2 })));
    commits(&mut scene, 2);
    assert_eq!(scene.pass(300).await, ["number 3 a,b,c +c"]);
    scene.on(numbered(3, Ok(())));
    assert_eq!(answer.try_recv(), Ok(Ok(3)));
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_says_what_would_be_moved_and_moves_nothing() {
    let targets: Vec<TargetId> = (0..24).map(|nth| TargetId::from_name(&nth.to_string())).collect();
    let mut scene = leading(&targets.iter().collect::<Vec<_>>());
    scene.step();
    // What the ring gives to a costs much, the rest little.
    let weight = |placed: &Placed| {
        let costs = placed.home == Some(NodeId::new("a"));
        (placed.target.clone(), if costs { 10.0 } else { 0.1 })
    };
    let weights = scene.steering.knowledge().targets.iter().map(weight).collect();
    scene.group.weights = Arc::new(weights);
    scene.step();
    let rebalance = |scene: &mut Scene, dry_run| {
        let (reply, mut answer) = oneshot::channel();
        scene.steering.order(Order::Rebalance { dry_run, reply });
        let wants = scene.step();
        (wants.len(), answer.try_recv().unwrap().unwrap())
    };
    let (wants, dry) = rebalance(&mut scene, true);
    assert_eq!((wants, dry.before.len(), dry.after.len()), (0, 3, 3));
    assert!(!dry.moves.is_empty());
    let highest = |loads: &[(NodeId, f64)]| loads.iter().fold(0.0_f64, |most, (_, load)| most.max(*load));
    assert!(highest(&dry.after) < highest(&dry.before));
    assert!(
        !scene
            .pass(2_000)
            .await
            .iter()
            .any(|line| line.starts_with("number"))
    );
    let (_, done) = rebalance(&mut scene, false);
    assert_eq!(done, dry);
}

#[tokio::test(start_paused = true)]
async fn what_is_asked_under_an_old_view_is_refused_and_counted() {
    use crate::node::receive::Question;
    use crate::peer::{Handed, Refused};
    let target = target_of(&["a", "b"], "a", "b");
    let mut scene = Scene::new(&["b"], &[&target]);
    scene.owns("b", std::slice::from_ref(&target));
    scene.group.committed = Some(Arc::new(seated(7, &["a", "b"])));
    scene.step();
    let stale = Refused::Stale { view: 7 };
    let prepare = |view| {
        let target = target.clone();
        move |reply| Question::Prepare {
            from: life("b"),
            target,
            handoff: 1,
            view,
            reply,
        }
    };
    assert_eq!(scene.ask(prepare(6)).try_recv(), Ok(Err(stale.clone())));
    let recall = |view| {
        let targets = vec![target.clone()];
        move |reply| Question::Recall {
            from: life("b"),
            targets,
            view,
            reply,
        }
    };
    assert_eq!(scene.ask(recall(6)).try_recv(), Ok(Err(stale)));
    assert!(
        scene.ask(recall(0)).try_recv().unwrap().is_ok(),
        "it claims nothing"
    );
    assert!(
        scene.ask(recall(8)).try_recv().unwrap().is_ok(),
        "it may be ahead of us"
    );
    let mut answer = scene.ask(prepare(7));
    let warm = Event::Warmed {
        target: target.clone(),
        from: life("b"),
        handoff: 1,
        answer: Ok(()),
    };
    scene.on(warm);
    assert_eq!(answer.try_recv(), Ok(Ok(())));
    // Meanwhile another view has come.
    scene.group.committed = Some(Arc::new(seated(8, &["a", "b"])));
    scene.step();
    let handed = Handed {
        moves: Vec::new(),
        target: target.clone(),
        memory: memory(&target, 9, 0),
        companion: Vec::new(),
        handoff: 1,
        view: 7,
    };
    let from = life("b");
    let mut answer = scene.ask(|reply| Question::Commit { from, handed, reply });
    assert_eq!(answer.try_recv(), Ok(Err(Refused::Stale { view: 8 })));
    assert!(scene.gate.ask(&target).is_err());
    for (what, count) in [
        ("prepare", 1.0),
        ("recall", 1.0),
        ("commit", 1.0),
        ("replicate", 0.0),
    ] {
        assert_eq!(scene.refused_epochs(what), count, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_under_a_newer_view_raises_the_epoch() {
    use crate::node::receive::Question;
    use crate::peer::Handed;
    let target = target_of(&["a", "b"], "a", "b");
    let mut scene = Scene::new(&["b"], &[&target]);
    scene.owns("b", std::slice::from_ref(&target));
    scene.step();
    let (from, of) = (life("b"), target.clone());
    scene.ask(|reply| Question::Prepare {
        from,
        target: of,
        handoff: 1,
        view: 3,
        reply,
    });
    scene.on(Event::Warmed {
        target: target.clone(),
        from: life("b"),
        handoff: 1,
        answer: Ok(()),
    });
    let handed = Handed {
        moves: Vec::new(),
        target: target.clone(),
        memory: memory(&target, 9, 0),
        companion: Vec::new(),
        handoff: 1,
        view: 3,
    };
    let from = life("b");
    scene.ask(|reply| Question::Commit { from, handed, reply });
    scene.step();
    assert_eq!(scene.gate.ask(&target), Ok(Epoch(3)));
    assert_eq!(scene.steering.said().view, 1, "the view itself is not here yet");
}

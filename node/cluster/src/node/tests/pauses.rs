//! Pauses of this node, and of others.

use std::time::Duration;

use ringwatch_frame::TargetId;
use tokio::time::advance;

use super::{NOBODY, last, recall, recalled};
use crate::member::Said;
use crate::node::effect::Event;
use crate::node::gate::GateRefusal;
use crate::node::testing::{Scene, life, memory, said, target_of};
use crate::pulse::PAUSE;

#[tokio::test(start_paused = true)]
async fn what_peers_took_while_it_was_paused_is_let_go_before_anything_is_read() {
    let target = target_of(&["a", "b", "c"], "a", "b");
    let mut scene = Scene::new(&["b", "c"], &[&target]);
    scene.own(&target, 9);
    scene.step();
    advance(PAUSE + Duration::from_secs(5)).await;
    scene.pulse.beat();
    assert_eq!(scene.step(), ["confirm b", "confirm c"]);
    let confirmed = |by: &str, excluded| Event::Confirmed {
        pauses: 1,
        by: life(by),
        excluded: Some(excluded),
    };
    assert_eq!(scene.on(confirmed("b", false)), NOBODY);
    assert_eq!(
        scene.gate.ask(&target),
        Err(GateRefusal::Unsure),
        "c has not answered"
    );
    assert_eq!(scene.on(confirmed("c", true)), ["stop"]);
    assert_eq!(scene.gate.ask(&target), Err(GateRefusal::NotOwned));
    assert!(scene.pulse.sure());
    // Whoever claims it may go on where it ended here.
    let known = recall(&mut scene, &target, 1).unwrap().remove(0);
    assert_eq!((known.owned, known.memory), (false, Some(memory(&target, 9, 0))));
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_nobody_has_noticed_changes_nothing() {
    let target = target_of(&["a", "b", "c"], "a", "b");
    let mut scene = Scene::new(&["b", "c"], &[&target]);
    scene.own(&target, 9);
    scene.step();
    advance(PAUSE + Duration::from_millis(100)).await;
    scene.pulse.beat();
    scene.step();
    for by in ["b", "c"] {
        let wants = scene.on(Event::Confirmed {
            pauses: 1,
            by: life(by),
            excluded: Some(false),
        });
        assert_eq!(wants, NOBODY);
    }
    assert_eq!(
        scene.gate.ask(&target),
        Err(GateRefusal::Unsure),
        "its standby has a second to speak"
    );
    scene.pass(1_000).await;
    assert!(scene.gate.ask(&target).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_is_dead_by_a_detector_that_had_time_is_not_waited_for() {
    let target = target_of(&["a", "b", "c"], "a", "b");
    let mut scene = Scene::new(&["b", "c"], &[&target]);
    scene.own(&target, 9);
    scene.step();
    advance(PAUSE + Duration::from_millis(100)).await;
    scene.pulse.beat();
    scene.step();
    scene.on(Event::Confirmed {
        pauses: 1,
        by: life("b"),
        excluded: Some(false),
    });
    scene.change("c", |c| c.live = false);
    scene.pass(1_900).await;
    assert_eq!(scene.gate.ask(&target), Err(GateRefusal::Unsure));
    scene.pass(200).await;
    assert!(scene.gate.ask(&target).is_ok());
}

/// Node b is back from a pause and says that it owns the target, which has come here meanwhile.
async fn another_wakes() -> (Scene, TargetId) {
    let target = target_of(&["a", "b", "c"], "a", "b");
    let mut scene = Scene::new(&["b", "c"], &[&target]);
    scene.own(&target, 9);
    scene.pass(1_500).await;
    scene.change("b", |b| {
        b.said = Some(Said {
            view: 2,
            ..said("b", std::slice::from_ref(&target))
        });
    });
    assert_eq!(scene.step(), ["stop"], "it has the better right");
    (scene, target)
}

#[tokio::test(start_paused = true)]
async fn who_gives_way_to_one_that_lets_go_goes_on_where_it_was() {
    let (mut scene, target) = another_wakes().await;
    scene.on(Event::Stopped {
        target: target.clone(),
        number: 0,
    });
    scene.owns("b", &[]);
    assert_eq!(scene.pass(50).await, ["recall b,c"]);
    let answers = vec![
        (life("b"), recalled(&target, false, Some(5))),
        (life("c"), recalled(&target, false, None)),
    ];
    assert_eq!(scene.on(Event::Recalled { number: 1, answers }), ["start"]);
    assert_eq!(last(&scene, &target), Some(9));
}

#[tokio::test(start_paused = true)]
async fn who_gives_way_tells_whoever_claims_it_next() {
    let (mut scene, target) = another_wakes().await;
    let known = recall(&mut scene, &target, 2).unwrap().remove(0);
    assert_eq!((known.owned, known.delivers), (false, true));
    assert_eq!(known.memory, Some(memory(&target, 9, 0)));
}

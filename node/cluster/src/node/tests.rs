//! The steering, with others that do what the test says.

use std::collections::BTreeMap;
use std::time::Duration;

use ringwatch_frame::{StreamId, TargetId, TargetMemory, Tick};
use tokio::time::advance;

use super::claims::Told;
use super::effect::Event;
use super::gate::GateRefusal;
use super::receive::Question;
use super::testing::{Scene, life, memory, target_of};
use crate::member::Incarnation;
use crate::memories::Change;
use crate::peer::{Handed, PeerError, Recalled, Refused};
use crate::pulse::PAUSE;

mod pauses;

const NOBODY: [&str; 0] = [];

fn last(scene: &Scene, target: &TargetId) -> Option<i64> {
    let memory = scene.memories.recall(target);
    memory
        .get(&StreamId::of_server("postgresql.activity"))?
        .last
        .map(Tick::unix_nanos)
}

fn recalled(target: &TargetId, owned: bool, last: Option<i64>) -> Told {
    let memory = last.map(|last| memory(target, last, 0));
    Told::Known(vec![Recalled {
        delivers: false,
        doubtful: TargetMemory::new(),
        moves: Vec::new(),
        target: target.clone(),
        owned,
        memory,
    }])
}

#[tokio::test(start_paused = true)]
async fn alone_it_claims_everything_at_once() {
    let target = TargetId::from_name("t");
    let mut scene = Scene::new(&NOBODY, &[&target]);
    assert_eq!(scene.step(), ["start"]);
    assert!(scene.gate.ask(&target).is_ok());
}

#[tokio::test(start_paused = true)]
async fn it_asks_the_others_before_it_claims_and_goes_on_where_they_know() {
    let target = target_of(&["a", "b", "c"], "a", "b");
    let mut scene = Scene::new(&["b", "c"], &[&target]);
    assert_eq!(scene.step(), NOBODY, "the view is young");
    assert_eq!(scene.pass(300).await, ["recall b,c"]);
    let answers = vec![
        (life("b"), recalled(&target, false, Some(5))),
        (life("c"), recalled(&target, false, Some(7))),
    ];
    assert_eq!(scene.on(Event::Recalled { number: 1, answers }), ["start"]);
    assert_eq!(last(&scene, &target), Some(7));
}

#[tokio::test(start_paused = true)]
async fn it_does_not_claim_what_somebody_owns_or_may_own() {
    let target = target_of(&["a", "b", "c"], "a", "b");
    for (what, b) in [
        ("owns it", recalled(&target, true, None)),
        ("does not answer", Told::Silent),
        ("has a newer view", Told::Newer),
    ] {
        let mut scene = Scene::new(&["b", "c"], &[&target]);
        scene.step();
        assert_eq!(scene.pass(300).await, ["recall b,c"]);
        let answers = vec![(life("b"), b), (life("c"), recalled(&target, false, None))];
        assert_eq!(
            scene.on(Event::Recalled { number: 1, answers }),
            NOBODY,
            "b {what}"
        );
        assert_eq!(scene.pass(200).await, ["recall b,c"], "it asks again");
    }
}

#[tokio::test(start_paused = true)]
async fn a_live_member_that_never_answers_is_not_waited_for_for_ever() {
    let target = target_of(&["a", "b", "c"], "a", "b");
    let mut scene = Scene::new(&["b", "c"], &[&target]);
    scene.step();
    assert_eq!(scene.pass(2_300).await, ["recall b,c"]);
    let answers = vec![
        (life("b"), Told::Silent),
        (life("c"), recalled(&target, false, None)),
    ];
    assert_eq!(scene.on(Event::Recalled { number: 1, answers }), ["start"]);
}

#[tokio::test(start_paused = true)]
async fn of_two_that_claim_one_target_the_lower_name_gets_it() {
    let target = target_of(&["a", "b", "c"], "a", "b");
    let mut scene = Scene::new(&["b", "c"], &[&target]);
    scene.step();
    scene.pass(300).await;
    let targets = || vec![target.clone()];
    let asks = |from: &str| {
        let from = life(from);
        move |reply| Question::Recall {
            from,
            targets: targets(),
            view: 1,
            reply,
        }
    };
    let mut answer = scene.ask(asks("b"));
    assert!(answer.try_recv().unwrap().unwrap()[0].owned, "a comes before b");
    // To a lower name it gives way, and takes nothing though all said that it is free.
    let mut answer = scene.ask(asks("Z"));
    assert!(!answer.try_recv().unwrap().unwrap()[0].owned);
    let answers = vec![
        (life("b"), recalled(&target, false, None)),
        (life("c"), recalled(&target, false, None)),
    ];
    assert!(
        !scene
            .on(Event::Recalled { number: 1, answers })
            .contains(&"start".to_owned())
    );
}

#[tokio::test(start_paused = true)]
async fn the_standby_takes_over_at_once_and_delivers_what_the_dead_had_read() {
    let target = target_of(&["a", "b", "c"], "b", "a");
    let mut scene = Scene::new(&["b", "c"], &[&target]);
    scene.owns("b", std::slice::from_ref(&target));
    let told = scene.memories.shadowed(
        &life("b"),
        Change::Snapshot {
            target: target.clone(),
            memory: memory(&target, 9, 2),
            covers: BTreeMap::new(),
            serial: 1,
            view: 0,
        },
    );
    told.unwrap();
    scene.step();
    assert_eq!(scene.pass(1_000).await, NOBODY);
    scene.change("b", |b| b.live = false);
    assert_eq!(scene.pass(100).await, NOBODY, "it is suspect");
    assert_eq!(scene.pass(150).await, ["start", "deliver 2"]);
    assert_eq!(last(&scene, &target), Some(9));
}

#[tokio::test(start_paused = true)]
async fn a_target_is_handed_over_when_its_lanes_have_ended() {
    let target = target_of(&["a", "b"], "b", "a");
    let mut scene = Scene::new(&["b"], &[&target]);
    scene.own(&target, 9);
    scene.step();
    assert_eq!(scene.pass(1_000).await, ["prepare at b"]);
    let prepared = Event::Prepared {
        target: target.clone(),
        number: 1,
        answer: Ok(()),
    };
    assert_eq!(scene.on(prepared), ["stop"]);
    assert_eq!(
        scene.gate.ask(&target),
        Err(GateRefusal::NotOwned),
        "no tick begins"
    );
    assert!(scene.gate.holds(&target), "what runs may end");
    let stopped = Event::Stopped {
        target: target.clone(),
        number: 1,
    };
    assert_eq!(scene.on(stopped), ["commit at b [(Some(9), 0)]"]);
    assert!(!scene.gate.holds(&target));
    assert_eq!(scene.steering.said().owned.len(), 1, "it is not the other's yet");
    let committed = Event::Committed {
        target: target.clone(),
        number: 1,
        answer: Ok(()),
    };
    assert_eq!(scene.on(committed), NOBODY);
    assert_eq!(scene.steering.said().owned.len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_handoff_that_fails_leaves_the_target_open_here() {
    let target = target_of(&["a", "b"], "b", "a");
    let mut scene = Scene::new(&["b"], &[&target]);
    scene.own(&target, 9);
    scene.step();
    scene.pass(1_000).await;
    let refused = || PeerError::Refused("no".into());
    scene.on(Event::Prepared {
        target: target.clone(),
        number: 1,
        answer: Err(refused()),
    });
    assert!(scene.gate.ask(&target).is_ok());
    assert_eq!(scene.pass(1_000).await, ["prepare at b"]);
    scene.on(Event::Prepared {
        target: target.clone(),
        number: 2,
        answer: Ok(()),
    });
    scene.on(Event::Stopped {
        target: target.clone(),
        number: 2,
    });
    let committed = Event::Committed {
        target: target.clone(),
        number: 2,
        answer: Err(refused()),
    };
    assert_eq!(scene.on(committed), ["start"]);
    assert!(scene.gate.ask(&target).is_ok());
    assert_eq!(last(&scene, &target), Some(9));
}

#[tokio::test(start_paused = true)]
async fn paused_between_stop_and_commit_it_gives_nothing_away() {
    let target = target_of(&["a", "b"], "b", "a");
    let mut scene = Scene::new(&["b"], &[&target]);
    scene.own(&target, 9);
    scene.step();
    scene.pass(1_000).await;
    scene.on(Event::Prepared {
        target: target.clone(),
        number: 1,
        answer: Ok(()),
    });
    advance(PAUSE + Duration::from_millis(100)).await;
    let wants = scene.on(Event::Stopped {
        target: target.clone(),
        number: 1,
    });
    assert_eq!(wants, ["start"]);
    assert_eq!(scene.gate.ask(&target), Err(GateRefusal::Unsure));
}

/// A scene with node a in a ring of a and b, to which a target belongs that b has.
fn receiving() -> (Scene, TargetId) {
    let target = target_of(&["a", "b"], "a", "b");
    let mut scene = Scene::new(&["b"], &[&target]);
    scene.owns("b", std::slice::from_ref(&target));
    scene.step();
    (scene, target)
}

fn prepare(scene: &mut Scene, target: &TargetId, handoff: u64) -> Result<(), String> {
    prepare_under(scene, target, handoff, 1).map_err(|refused| refused.to_string())
}

fn prepare_under(scene: &mut Scene, target: &TargetId, handoff: u64, view: u64) -> Result<(), Refused> {
    let (from, of) = (life("b"), target.clone());
    let mut answer = scene.ask(|reply| Question::Prepare {
        from,
        target: of,
        handoff,
        view,
        reply,
    });
    let target = target.clone();
    scene.on(Event::Warmed {
        target,
        from: life("b"),
        handoff,
        answer: Ok(()),
    });
    answer.try_recv().unwrap()
}

fn commit(scene: &mut Scene, target: &TargetId, handoff: u64) -> Result<(), String> {
    commit_under(scene, target, handoff, 1).map_err(|refused| refused.to_string())
}

fn commit_under(scene: &mut Scene, target: &TargetId, handoff: u64, view: u64) -> Result<(), Refused> {
    let handed = Handed {
        target: target.clone(),
        memory: memory(target, 9, 3),
        companion: b"open".to_vec(),
        moves: Vec::new(),
        handoff,
        view,
    };
    let from = life("b");
    let ask = |reply| Question::Commit { from, handed, reply };
    scene.ask(ask).try_recv().unwrap()
}

fn recall(scene: &mut Scene, target: &TargetId, view: u64) -> Result<Vec<Recalled>, Refused> {
    let (from, targets) = (life("b"), vec![target.clone()]);
    let ask = |reply| Question::Recall {
        from,
        targets,
        view,
        reply,
    };
    scene.ask(ask).try_recv().unwrap()
}

fn asks_back(scene: &mut Scene, target: &TargetId) -> bool {
    recall(scene, target, 0).unwrap()[0].owned
}

#[tokio::test(start_paused = true)]
async fn what_is_committed_is_owned_and_started() {
    let (mut scene, target) = receiving();
    assert_eq!(prepare(&mut scene, &target, 1), Ok(()));
    assert_eq!(commit(&mut scene, &target, 1), Ok(()));
    assert_eq!(
        scene.step(),
        ["receive 4", "start"],
        "frames that b has read are b's to deliver"
    );
    assert!(scene.gate.ask(&target).is_ok());
    assert_eq!(last(&scene, &target), Some(9));
    // The same commit once more, as after a lost answer.
    assert_eq!(commit(&mut scene, &target, 1), Ok(()));
    assert_eq!(scene.step(), NOBODY);
    assert!(asks_back(&mut scene, &target));
    // It goes on to a third, which dies.
    scene.steering.owned.remove(&target);
    assert!(asks_back(&mut scene, &target), "b still hears that it came here");
    assert!(
        !recall(&mut scene, &target, 1).unwrap()[0].owned,
        "b may claim it"
    );
}

#[tokio::test(start_paused = true)]
async fn a_commit_that_does_not_follow_its_prepare_is_refused() {
    let (mut scene, target) = receiving();
    assert!(commit(&mut scene, &target, 1).is_err(), "nothing was prepared");
    assert!(prepare(&mut scene, &target, 1).is_ok());
    assert!(commit(&mut scene, &target, 2).is_err(), "another handoff");
    assert!(prepare(&mut scene, &target, 3).is_ok());
    assert!(!asks_back(&mut scene, &target));
    assert!(
        commit(&mut scene, &target, 3).is_err(),
        "b was told that it still has it"
    );
    assert!(prepare(&mut scene, &target, 4).is_ok());
    scene.pass(30_100).await;
    assert!(commit(&mut scene, &target, 4).is_err(), "it is too late");
    assert_eq!(scene.gate.ask(&target), Err(GateRefusal::NotOwned));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_taken_is_refused_at_once() {
    let (mut scene, target) = receiving();
    let unknown = TargetId::from_name("unknown");
    assert!(
        prepare(&mut scene, &unknown, 1)
            .unwrap_err()
            .contains("configuration")
    );
    let (from, of) = (
        Incarnation {
            generation: 9,
            ..life("b")
        },
        target.clone(),
    );
    let mut answer = scene.ask(|reply| Question::Prepare {
        from,
        target: of,
        handoff: 1,
        view: 1,
        reply,
    });
    assert!(
        answer
            .try_recv()
            .unwrap()
            .unwrap_err()
            .to_string()
            .contains("ring"),
        "a life that nobody knows"
    );
    scene.wishes.draining = true;
    scene.step();
    assert!(
        prepare(&mut scene, &target, 2)
            .unwrap_err()
            .contains("takes no targets")
    );
    scene.wishes.draining = false;
    scene.step();
    advance(PAUSE + Duration::from_millis(100)).await;
    assert!(prepare(&mut scene, &target, 3).unwrap_err().contains("paused"));
}

#[tokio::test(start_paused = true)]
async fn without_a_majority_it_keeps_what_it_has_and_claims_nothing() {
    let nodes = ["a", "b", "c"];
    let (mine, others) = (target_of(&nodes, "a", "b"), target_of(&nodes, "b", "a"));
    let mut scene = Scene::new(&["b", "c"], &[&mine, &others]);
    scene.own(&mine, 9);
    scene.owns("b", std::slice::from_ref(&others));
    let told = scene.memories.shadowed(
        &life("b"),
        Change::Snapshot {
            target: others.clone(),
            memory: memory(&others, 9, 1),
            covers: BTreeMap::new(),
            serial: 1,
            view: 0,
        },
    );
    told.unwrap();
    scene.step();
    scene.pass(1_000).await;
    scene.change("b", |b| b.live = false);
    scene.change("c", |c| c.live = false);
    assert_eq!(scene.pass(3_000).await, NOBODY);
    assert!(scene.gate.ask(&mine).is_ok());
    // It meets the others again, before they are forgotten: they went on as well.
    scene.change("b", |b| b.live = true);
    scene.change("c", |c| c.live = true);
    assert_eq!(scene.pass(1_000).await, NOBODY);
}

//! Standing by, waking up, and offering what cannot be reached.

use std::collections::BTreeMap;
use std::time::Duration;

use ringwatch_frame::{Epoch, StreamId, TargetId, Tick};
use tokio::time::advance;

use super::*;
use crate::memories::{Change, CoverWord, Word};
use crate::node::effect::Event;
use crate::node::gate::GateRefusal;
use crate::node::testing::{Scene, life, memory, seated, target_of};
use crate::pulse::PAUSE;

fn snapshot(target: &TargetId, serial: u64) -> Change {
    Change::Snapshot {
        target: target.clone(),
        memory: memory(target, 9, 0),
        covers: BTreeMap::new(),
        serial,
        view: 3,
    }
}

fn covers(scene: &Scene) -> Vec<Covering> {
    scene.steering.covers.borrow().to_vec()
}

/// Lets `heir` hear what it has to know of our targets, and say so.
fn sync(scene: &Scene, heir: &str) {
    let peer = life(heir);
    let mut stream = scene.memories.open(&peer).unwrap();
    while scene
        .memories
        .snapshot(&peer, stream.number, stream.sender.try_reserve().unwrap())
    {}
    while let Ok(change) = stream.changes.try_recv() {
        if let Change::Snapshot { target, serial, .. } = change {
            let word = Word::Synced {
                target,
                serial,
                kept: true,
            };
            scene.memories.hear(&peer, stream.number, word);
        }
    }
}

/// Lets `heir` say that it has read a tick of our target.
fn cover(scene: &Scene, heir: &str, target: &TargetId, tick: i64) {
    let cover = CoverWord {
        stream: StreamId::of_server("postgresql.activity"),
        tick: None,
        taken: None,
        last: Tick::from_unix_nanos(tick),
        baseline: None,
        reading: false,
    };
    scene.memories.hear_cover(&life(heir), target, cover);
}

#[tokio::test(start_paused = true)]
async fn it_stands_by_for_what_its_owner_tells_it_as_the_view_has_it() {
    let (mine, others) = (
        target_of(&["a", "b", "c"], "b", "a"),
        target_of(&["a", "b", "c"], "b", "c"),
    );
    let mut scene = Scene::new(&["b", "c"], &[&mine, &others]);
    scene.owns("b", &[mine.clone(), others.clone()]);
    scene.step();
    assert_eq!(covers(&scene), []);
    for target in [&mine, &others] {
        scene.memories.shadowed(&life("b"), snapshot(target, 1)).unwrap();
    }
    scene.step();
    let covering = Covering {
        target: mine.clone(),
        owner: NodeId::new("b"),
        epoch: 3,
    };
    assert_eq!(covers(&scene), [covering]);
    assert!(scene.gate.stands_by(&mine) && !scene.gate.stands_by(&others));
    let stream = StreamId::of_server("postgresql.activity");
    let claim = |target| scene.memories.claim(target, &stream, Tick::from_unix_nanos(10));
    assert_eq!((claim(&mine), claim(&others)), (Some(Epoch(3)), None));
    scene.change("b", |b| b.live = false);
    scene.pass(300).await;
    assert_eq!(covers(&scene).len(), 1, "what is being read ends first");
    scene
        .memories
        .abandoned(&mine, &stream, Tick::from_unix_nanos(10));
    scene.pass(50).await;
    assert_eq!(covers(&scene), [], "it owns the target now");
    assert!(scene.gate.ask(&mine).is_ok());
}

#[tokio::test(start_paused = true)]
async fn who_was_the_standby_covers_a_moment_longer_unless_the_owner_has_told_it() {
    let target = target_of(&["a", "b", "c"], "b", "c");
    for told in [false, true] {
        let mut scene = Scene::new(&["b", "c"], &[&target]);
        scene.group.committed = Some(Arc::new(seated(2, &["a", "b"])));
        scene.owns("b", std::slice::from_ref(&target));
        scene.step();
        scene.memories.shadowed(&life("b"), snapshot(&target, 1)).unwrap();
        scene.pass(2_000).await;
        assert_eq!(covers(&scene).len(), 1);
        scene.group.committed = Some(Arc::new(seated(3, &["a", "b", "c"])));
        scene.step();
        if told {
            let release = Change::Release(target.clone());
            scene.memories.shadowed(&life("b"), release).unwrap();
            scene.step();
        }
        assert_eq!(covers(&scene).len(), usize::from(!told));
        scene.pass(1_000).await;
        assert_eq!(covers(&scene), []);
    }
}

#[tokio::test(start_paused = true)]
async fn an_owner_of_an_older_version_is_not_covered() {
    let target = target_of(&["a", "b"], "b", "a");
    let mut scene = Scene::new(&["b"], &[&target]);
    scene.memories.shadowed(&life("b"), snapshot(&target, 0)).unwrap();
    scene.step();
    assert_eq!(covers(&scene), []);
}

/// A scene in which node a was paused, and b says that it is still a member.
async fn woken() -> (Scene, TargetId) {
    let target = target_of(&["a", "b"], "a", "b");
    let mut scene = Scene::new(&["b"], &[&target]);
    scene.own(&target, 9);
    scene.pass(2_000).await;
    sync(&scene, "b");
    advance(PAUSE + Duration::from_millis(100)).await;
    scene.pulse.beat();
    assert_eq!(scene.step(), ["confirm b"]);
    scene.on(Event::Confirmed {
        pauses: 1,
        by: life("b"),
        excluded: Some(false),
    });
    assert_eq!(scene.gate.ask(&target), Err(GateRefusal::Unsure));
    assert!(!scene.gate.holds(&target));
    (scene, target)
}

#[tokio::test(start_paused = true)]
async fn after_a_pause_a_target_is_read_when_its_standby_has_spoken() {
    let (mut scene, target) = woken().await;
    scene.pass(200).await;
    assert_eq!(scene.gate.ask(&target), Err(GateRefusal::Unsure));
    sync(&scene, "b");
    scene.step();
    assert!(scene.gate.ask(&target).is_ok());
}

#[tokio::test(start_paused = true)]
async fn after_a_pause_a_standby_without_a_link_is_waited_for_a_second() {
    let (mut scene, target) = woken().await;
    scene.memories.close(&life("b"));
    scene.pass(900).await;
    assert_eq!(scene.gate.ask(&target), Err(GateRefusal::Unsure));
    scene.pass(200).await;
    assert!(scene.gate.ask(&target).is_ok());
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_reached_is_offered_to_its_standby_until_it_was_read() {
    let target = target_of(&["a", "b", "z"], "a", "b");
    let mut scene = Scene::new(&["b", "z"], &[&target]);
    scene.own(&target, 9);
    scene.pass(2_000).await;
    scene.steering.offers.add(target.clone(), Instant::now());
    assert_eq!(scene.step(), [""; 0], "the standby is out of reach");
    sync(&scene, "b");
    assert_eq!(scene.pass(5_000).await, [""; 0], "nor does the standby reach it");
    cover(&scene, "b", &target, 15);
    assert_eq!(scene.pass(5_000).await, ["offer b at z"]);
    assert_eq!(scene.pass(5_000).await, ["offer b at z"], "it is offered again");
    let rows = memory(&target, 9, 1).into_values().next().unwrap().pending;
    let mut frame = rows[0].clone();
    frame.meta.id.tick = Tick::from_unix_nanos(20);
    let receipt = scene.memories.collected(&frame.meta, &frame.rows, None);
    assert_eq!(scene.pass(10_000).await, [""; 0]);
    drop(receipt);
}

//! A target that was lost: which of its frames are still to be delivered from here.

use tokio::time::advance;

use super::covers::{cover, fate, pair};
use super::*;
use crate::memories::own::LOST;
use crate::pulse::{BEAT, PAUSE};

fn withdrawn(receipt: Option<&Receipt>) -> bool {
    receipt.unwrap().withdrawal().is_withdrawn()
}

#[tokio::test(start_paused = true)]
async fn what_the_standby_has_is_taken_back_unless_it_asks_for_the_rest() {
    for asked in [false, true] {
        let (db, activity) = (target(1), stream(1));
        let (owner, standby) = pair(&db);
        let pulse = Arc::new(Pulse::default());
        owner.follow(Arc::clone(&pulse));
        let mut line = Line::new(&owner, &standby);
        let taken = collect(&owner, &db, &activity, 1);
        line.settle();
        let untold = collect(&owner, &db, &activity, 2);
        let mut memory = owner.part(&db, Parting::Lost);
        owner.pass();
        pulse.beat();
        assert!(!pulse.knows_its_own());
        assert!(!withdrawn(taken.as_ref()), "it may be ours to deliver");
        if asked {
            assert!(owner.surrender(&db, &mut memory).is_empty());
        } else {
            advance(LOST).await;
            pulse.beat();
            pulse.confirm(pulse.pauses());
            owner.pass();
        }
        assert!(pulse.knows_its_own());
        assert_eq!(withdrawn(taken.as_ref()), !asked);
        assert!(!withdrawn(untold.as_ref()), "nobody else has it");
    }
}

#[tokio::test(start_paused = true)]
async fn what_only_a_former_standby_has_is_kept_when_the_target_is_lost() {
    let (db, activity) = (target(1), stream(1));
    let (owner, standby) = pair(&db);
    let mut line = Line::new(&owner, &standby);
    let taken = collect(&owner, &db, &activity, 1);
    line.settle();
    owner.set_heirs(&heirs([db.clone()], &member("another", 1)));
    owner.part(&db, Parting::Lost);
    advance(LOST).await;
    owner.pass();
    assert!(!withdrawn(taken.as_ref()));
}

#[tokio::test(start_paused = true)]
async fn what_the_standby_could_not_keep_is_not_taken_back() {
    let (db, activity) = (target(1), stream(1));
    let (owner, standby) = pair(&db);
    let mut line = Line::new(&owner, &standby);
    line.settle();
    let unkept = collect(&owner, &db, &activity, 1);
    while line.deliver(1) > 0 {}
    let taken = Word::Taken {
        target: db.clone(),
        stream: activity.clone(),
        tick: tick(1),
        kept: false,
    };
    owner.hear(&line.to, line.stream.as_ref().unwrap().number, taken);
    assert_eq!(fate(&owner, &db, &activity, 1), Some(true));
    owner.part(&db, Parting::Lost);
    advance(LOST).await;
    owner.pass();
    assert!(!withdrawn(unkept.as_ref()));
}

#[tokio::test(start_paused = true)]
async fn what_was_covered_can_be_taken_back_too() {
    let (db, activity) = (target(1), stream(1));
    let (owner, standby) = pair(&db);
    let mut line = Line::new(&owner, &standby);
    let first = collect(&owner, &db, &activity, 1);
    line.settle();
    standby.claim(&db, &activity, tick(2)).unwrap();
    let covered = cover(&standby, &db, &activity, 2);
    let memory = standby.take_shadow(&db, &nobody).unwrap();
    standby.own(&db, memory);
    // The next standby has it by the snapshot.
    let third = memories();
    standby.set_heirs(&heirs([db.clone()], &member("standby", 1)));
    let mut line = Line::new(&standby, &third);
    line.settle();
    standby.part(&db, Parting::Lost);
    advance(LOST).await;
    standby.pass();
    assert!(withdrawn(covered.as_ref()));
    drop(first);
}

#[tokio::test(start_paused = true)]
async fn what_waits_is_dropped_unless_somebody_asks_who_does_not_know_better() {
    for (asked, paused) in [(false, false), (true, false), (true, true)] {
        let (db, activity) = (target(1), stream(1));
        let (owner, standby) = pair(&db);
        let pulse = Arc::new(Pulse::default());
        owner.follow(Arc::clone(&pulse));
        let mut line = Line::new(&owner, &standby);
        line.settle();
        line.cut();
        let unsent = collect(&owner, &db, &activity, 1);
        if paused {
            advance(PAUSE + BEAT).await;
            pulse.beat();
            pulse.confirm(pulse.pauses());
        }
        let mut memory = owner.part(&db, Parting::Lost);
        owner.set_heirs(&BTreeMap::new());
        owner.pass();
        assert_eq!(fate(&owner, &db, &activity, 1), None);
        if asked {
            let given = owner.surrender(&db, &mut memory);
            assert_eq!(memory.contains_key(&activity), !paused);
            let one: &[i64] = if paused { &[1] } else { &[] };
            assert_eq!(
                ticks(&given, &activity),
                one,
                "the standby may have read it meanwhile"
            );
        } else {
            advance(LOST).await;
            owner.pass();
        }
        assert_eq!(fate(&owner, &db, &activity, 1), Some(asked && !paused));
        drop(unsent);
        assert_eq!(ticks(&owner.whole(&db), &activity), [0; 0]);
    }
}

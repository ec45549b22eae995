//! Owner and standby, where the standby reads what the owner does not.

use std::time::Duration;

use tokio::time::advance;

use super::*;
use crate::memories::waits::DOWN;
use crate::pulse::{BEAT, PAUSE};

/// Owner and standby of one target, and the line between them.
pub(super) fn pair(db: &TargetId) -> (Arc<Memories>, Arc<Memories>) {
    let (owner, standby) = (memories(), memories());
    owner.own(db, TargetMemory::new());
    owner.set_heirs(&heirs([db.clone()], &member("standby", 1)));
    standby.set_covers(&[db.clone()].into());
    (owner, standby)
}

pub(super) fn cover(standby: &Arc<Memories>, of: &TargetId, stream: &StreamId, n: i64) -> Option<Receipt> {
    standby.covered(&meta(of, stream, n), &rows(n, 1), Some(rows(n, 7)))
}

/// What is decided of a frame by now: it may leave, or not, or that is not known.
pub(super) fn fate(owner: &Memories, of: &TargetId, stream: &StreamId, n: i64) -> Option<bool> {
    match owner.clearance(&meta(of, stream, n).id) {
        Clearance::Clear => Some(true),
        Clearance::Wait(mut decided) => decided.try_recv().ok(),
    }
}

#[tokio::test(start_paused = true)]
async fn a_frame_leaves_when_the_standby_has_taken_it() {
    let (db, activity) = (target(1), stream(1));
    let (owner, standby) = pair(&db);
    let mut line = Line::new(&owner, &standby);
    let before = collect(&owner, &db, &activity, 1);
    line.settle();
    assert_eq!(
        fate(&owner, &db, &activity, 1),
        Some(true),
        "it was in the snapshot"
    );
    let after = collect(&owner, &db, &activity, 2);
    let Clearance::Wait(mut decided) = owner.clearance(&meta(&db, &activity, 2).id) else {
        panic!("nobody has taken it");
    };
    assert!(decided.try_recv().is_err());
    line.settle();
    assert_eq!(decided.try_recv(), Ok(true));
    assert_eq!(standby.claim(&db, &activity, tick(2),), None, "it was taken");
    drop((before, after));
}

#[tokio::test(start_paused = true)]
async fn alone_nothing_waits() {
    let (owner, db, activity) = (memories(), target(1), stream(1));
    owner.own(&db, TargetMemory::new());
    let receipt = collect(&owner, &db, &activity, 1);
    assert_eq!(fate(&owner, &db, &activity, 1), Some(true));
    drop(receipt);
}

#[tokio::test(start_paused = true)]
async fn what_the_standby_has_claimed_does_not_count_at_the_owner() {
    let (db, activity) = (target(1), stream(1));
    let (owner, standby) = pair(&db);
    let mut line = Line::new(&owner, &standby);
    let first = collect(&owner, &db, &activity, 1);
    line.settle();
    assert_eq!(standby.claim(&db, &activity, tick(2)), Some(Epoch(0)));
    assert_eq!(
        standby.claim(&db, &activity, tick(3)),
        None,
        "one after the other"
    );
    let late = collect(&owner, &db, &activity, 2);
    line.settle();
    assert_eq!(fate(&owner, &db, &activity, 2), None, "it is being read");
    assert!(owner.awaits(&db, &activity, tick(3)));
    let covered = cover(&standby, &db, &activity, 2);
    assert!(covered.is_some());
    line.settle();
    assert_eq!(fate(&owner, &db, &activity, 2), Some(false));
    assert!(!owner.awaits(&db, &activity, tick(3)));
    let place = owner.rebase(&db, &activity).unwrap();
    assert_eq!((place.last, place.baseline), (Some(tick(2)), Some(rows(2, 7))));
    assert_eq!(owner.rebase(&db, &activity), None, "it was told once");
    assert_eq!(ticks(&owner.whole(&db), &activity), [1]);
    assert_eq!(ticks(&standby.whole(&db), &activity), [2]);
    let third = collect(&owner, &db, &activity, 3);
    line.settle();
    assert_eq!(fate(&owner, &db, &activity, 3), Some(true));
    assert_eq!(standby.shadow_lasts(&db).get(&activity).copied(), Some(tick(3)));
    drop(covered);
    assert_eq!(ticks(&standby.whole(&db), &activity), [0; 0]);
    drop((first, late, third));
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_is_given_up_lets_the_owners_reading_count() {
    let (db, activity) = (target(1), stream(1));
    let (owner, standby) = pair(&db);
    let mut line = Line::new(&owner, &standby);
    let first = collect(&owner, &db, &activity, 1);
    line.settle();
    standby.claim(&db, &activity, tick(2)).unwrap();
    let late = collect(&owner, &db, &activity, 2);
    line.settle();
    standby.abandoned(&db, &activity, tick(2));
    line.settle();
    assert_eq!(fate(&owner, &db, &activity, 2), Some(true));
    assert_eq!(ticks(&standby.shadow_memory(&db), &activity), [0; 0]);
    assert!(
        cover(&standby, &db, &activity, 2).is_none(),
        "it is not claimed any more"
    );
    assert_eq!(standby.shadow(&db, &nobody), Some(owner.whole(&db)));
    drop((first, late));
}

#[tokio::test(start_paused = true)]
async fn a_reading_that_is_based_on_an_older_one_is_read_again_by_the_standby() {
    let (db, activity) = (target(1), stream(1));
    let (owner, standby) = pair(&db);
    let mut line = Line::new(&owner, &standby);
    let first = collect(&owner, &db, &activity, 1);
    line.settle();
    standby.claim(&db, &activity, tick(2)).unwrap();
    let covered = cover(&standby, &db, &activity, 2);
    // It has not heard of that.
    let stale = collect(&owner, &db, &activity, 3);
    line.settle();
    assert_eq!(fate(&owner, &db, &activity, 3), Some(false));
    assert_eq!(standby.unreachable(&db), [(activity.clone(), tick(3))]);
    assert_eq!(standby.unreachable(&db), [], "it is told once");
    standby.claim(&db, &activity, tick(3)).unwrap();
    let again = cover(&standby, &db, &activity, 3);
    line.settle();
    let place = owner.rebase(&db, &activity).unwrap();
    assert_eq!((place.last, place.baseline), (Some(tick(3)), Some(rows(3, 7))));
    drop((first, covered, stale, again));
}

#[tokio::test(start_paused = true)]
async fn a_tick_that_the_owner_could_not_read_is_tried_by_the_standby() {
    let (db, activity) = (target(1), stream(1));
    let (owner, standby) = pair(&db);
    let mut line = Line::new(&owner, &standby);
    let first = collect(&owner, &db, &activity, 1);
    line.settle();
    owner.missed(&db, &activity, tick(2), true);
    owner.missed(&db, &activity, tick(3), false);
    line.settle();
    assert_eq!(standby.unreachable(&db), [(activity.clone(), tick(2))]);
    assert_eq!(standby.claim(&db, &activity, tick(3)), None, "another reason");
    standby.claim(&db, &activity, tick(2)).unwrap();
    let covered = cover(&standby, &db, &activity, 2);
    line.settle();
    let place = owner.rebase(&db, &activity).unwrap();
    assert_eq!((place.last, place.baseline), (Some(tick(3)), Some(rows(2, 7))));
    drop((first, covered));
}

#[tokio::test(start_paused = true)]
async fn a_standby_that_was_paused_covers_nothing_it_claimed_before() {
    let (db, activity) = (target(1), stream(1));
    let (owner, standby) = pair(&db);
    let pulse = Arc::new(Pulse::default());
    standby.follow(Arc::clone(&pulse));
    let mut line = Line::new(&owner, &standby);
    let first = collect(&owner, &db, &activity, 1);
    line.settle();
    standby.claim(&db, &activity, tick(2)).unwrap();
    let late = collect(&owner, &db, &activity, 2);
    line.settle();
    advance(PAUSE + BEAT).await;
    assert_eq!(standby.claim(&db, &stream(2), tick(2)), None, "it is not sure");
    pulse.beat();
    pulse.confirm(pulse.pauses());
    assert!(cover(&standby, &db, &activity, 2).is_none());
    line.settle();
    assert_eq!(fate(&owner, &db, &activity, 2), Some(true));
    drop((first, late));
}

#[tokio::test(start_paused = true)]
async fn while_the_link_is_down_frames_wait_a_moment_unless_the_owner_was_paused() {
    let (db, activity) = (target(1), stream(1));
    let (owner, standby) = pair(&db);
    let pulse = Arc::new(Pulse::default());
    owner.follow(Arc::clone(&pulse));
    let mut line = Line::new(&owner, &standby);
    line.settle();
    line.cut();
    let first = collect(&owner, &db, &activity, 1);
    let Clearance::Wait(mut decided) = owner.clearance(&meta(&db, &activity, 1).id) else {
        panic!("the link may be back in a moment");
    };
    advance(DOWN - BEAT).await;
    pulse.beat();
    owner.pass();
    assert!(decided.try_recv().is_err());
    advance(BEAT).await;
    owner.pass();
    assert_eq!(decided.try_recv(), Ok(true));
    let second = collect(&owner, &db, &activity, 2);
    assert_eq!(
        fate(&owner, &db, &activity, 2),
        Some(true),
        "it has been down for so long"
    );
    line.settle();
    line.cut();
    let third = collect(&owner, &db, &activity, 3);
    advance(PAUSE + BEAT).await;
    pulse.beat();
    pulse.confirm(pulse.pauses());
    owner.pass();
    assert_eq!(
        fate(&owner, &db, &activity, 3),
        None,
        "the standby may have read it"
    );
    standby.claim(&db, &activity, tick(3)).unwrap();
    let covered = cover(&standby, &db, &activity, 3);
    owner.resync();
    line.settle();
    assert_eq!(fate(&owner, &db, &activity, 3), Some(false));
    assert_eq!(owner.tie(&db), Tie::Synced);
    drop((first, second, third, covered));
}

#[tokio::test(start_paused = true)]
async fn a_snapshot_does_not_undo_what_was_covered() {
    let (db, activity) = (target(1), stream(1));
    let (owner, standby) = pair(&db);
    let mut line = Line::new(&owner, &standby);
    let first = collect(&owner, &db, &activity, 1);
    line.settle();
    line.cut();
    let unsent = collect(&owner, &db, &activity, 2);
    for n in [2, 3] {
        standby.claim(&db, &activity, tick(n)).unwrap();
        cover(&standby, &db, &activity, n).unwrap();
    }
    line.settle();
    assert_eq!(fate(&owner, &db, &activity, 2), Some(false));
    assert_eq!(standby.shadow_lasts(&db).get(&activity).copied(), Some(tick(3)));
    assert_eq!(owner.rebase(&db, &activity).unwrap().baseline, Some(rows(3, 7)));
    let next = collect(&owner, &db, &activity, 4);
    line.cut();
    line.settle();
    assert_eq!(fate(&owner, &db, &activity, 4), Some(true));
    assert_eq!(standby.shadow(&db, &nobody), Some(owner.whole(&db)));
    drop((first, unsent, next));
}

#[tokio::test(start_paused = true)]
async fn what_was_read_after_a_release_counts_though_the_owner_comes_back() {
    let (db, activity) = (target(1), stream(1));
    let (owner, standby) = pair(&db);
    let mut line = Line::new(&owner, &standby);
    let first = collect(&owner, &db, &activity, 1);
    line.settle();
    line.cut();
    standby.claim(&db, &activity, tick(2)).unwrap();
    let covered = cover(&standby, &db, &activity, 2).unwrap();
    // The owner goes with another heir, and does not hear of the cover.
    owner.set_heirs(&BTreeMap::new());
    line.settle();
    let later = [2, 3].map(|n| collect(&owner, &db, &activity, n));
    owner.set_heirs(&heirs([db.clone()], &member("standby", 1)));
    line.settle();
    assert_eq!(standby.claim(&db, &activity, tick(3)), None, "it was read");
    let next = collect(&owner, &db, &activity, 4);
    line.settle();
    assert_eq!(fate(&owner, &db, &activity, 4), Some(true));
    assert_eq!(standby.shadow(&db, &nobody), Some(owner.whole(&db)));
    drop((first, covered, later, next));
}

#[tokio::test(start_paused = true)]
async fn what_the_standby_left_to_its_owner_counts_and_is_not_counted_again() {
    let (db, activity) = (target(1), stream(1));
    let (owner, standby) = pair(&db);
    let mut line = Line::new(&owner, &standby);
    let first = collect(&owner, &db, &activity, 1);
    line.settle();
    line.cut();
    let unheard = [2, 3].map(|n| collect(&owner, &db, &activity, n));
    standby.excused(&db, &activity, tick(2));
    assert_eq!(standby.claim(&db, &activity, tick(2)), None, "it is the owner's");
    standby.claim(&db, &activity, tick(3)).unwrap();
    assert_eq!(
        standby.shadow_memory(&db)[&activity].baseline,
        None,
        "that of tick 1 is too old"
    );
    let covered = cover(&standby, &db, &activity, 3).unwrap();
    line.settle();
    assert_eq!(
        [2, 3].map(|n| fate(&owner, &db, &activity, n)),
        [Some(true), Some(false)]
    );
    drop((first, unheard, covered));
}

#[tokio::test(start_paused = true)]
async fn who_was_taken_over_hears_so() {
    let (db, activity) = (target(1), stream(1));
    let (owner, standby) = pair(&db);
    let mut line = Line::new(&owner, &standby);
    let first = collect(&owner, &db, &activity, 1);
    line.settle();
    let zombie = collect(&owner, &db, &activity, 2);
    let memory = standby.take_shadow(&db, &nobody).unwrap();
    standby.own(&db, memory);
    line.settle();
    assert_eq!(fate(&owner, &db, &activity, 2), Some(false));
    assert!(!standby.may(&line.from, (&db, &activity, tick(3)), (None, 0)).yes);
    let snapshot = Change::Snapshot {
        target: db.clone(),
        memory: owner.whole(&db),
        covers: BTreeMap::new(),
        serial: 9,
        view: 0,
    };
    assert!(standby.shadowed(&line.from, snapshot).is_err());
    assert!(standby.recall(&db).contains_key(&activity));
    drop((first, zombie));
}

#[tokio::test(start_paused = true)]
async fn a_tick_is_the_former_owners_or_the_new_ones_as_was_decided_first() {
    let (db, activity) = (target(1), stream(1));
    let (owner, standby) = pair(&db);
    let mut line = Line::new(&owner, &standby);
    let first = collect(&owner, &db, &activity, 1);
    line.settle();
    let memory = standby.take_shadow(&db, &nobody).unwrap();
    standby.own(&db, memory);
    assert!(standby.leaves(&db, &activity, tick(2)));
    let zombie = [2, 3].map(|n| collect(&owner, &db, &activity, n));
    line.settle();
    assert_eq!(
        [2, 3].map(|n| fate(&owner, &db, &activity, n)),
        [Some(true), Some(false)]
    );
    assert!(!standby.leaves(&db, &activity, tick(3)));
    drop((first, zombie));
}

#[tokio::test(start_paused = true)]
async fn who_may_own_the_target_next_is_not_covered_for() {
    let (db, activity) = (target(1), stream(1));
    let (owner, standby) = pair(&db);
    let mut line = Line::new(&owner, &standby);
    let first = collect(&owner, &db, &activity, 1);
    line.settle();
    standby.claim(&db, &activity, tick(2)).unwrap();
    let memory = standby.recall_shadow(&db).unwrap();
    assert_eq!(memory[&activity].last, Some(tick(1)));
    assert!(cover(&standby, &db, &activity, 2).is_none());
    assert_eq!(standby.claim(&db, &activity, tick(2)), None);
    advance(Duration::from_secs(2)).await;
    assert!(standby.claim(&db, &activity, tick(2)).is_some(), "nobody came");
    drop(first);
}

#[tokio::test(start_paused = true)]
async fn an_owner_of_an_older_version_is_neither_waited_for_nor_covered() {
    let (db, activity) = (target(1), stream(1));
    let (owner, standby) = pair(&db);
    let mut old = member("standby", 1);
    old.said.protocol = 1;
    owner.set_heirs(&BTreeMap::new());
    // The link to it was made when it was new.
    let mut line = Line::new(&owner, &standby);
    line.settle();
    line.cut();
    owner.heard(&line.to);
    line.open();
    owner.set_heirs(&heirs([db.clone()], &old));
    line.settle();
    let receipt = collect(&owner, &db, &activity, 1);
    assert_eq!(fate(&owner, &db, &activity, 1), Some(true));
    line.settle();
    assert_eq!(standby.shadow_lasts(&db).get(&activity).copied(), Some(tick(1)));
    assert_eq!(standby.claim(&db, &activity, tick(2)), None);
    drop(receipt);
}

#[tokio::test(start_paused = true)]
async fn a_reading_on_an_old_base_is_not_in_a_snapshot() {
    let (db, activity) = (target(1), stream(1));
    let (owner, standby) = pair(&db);
    let mut line = Line::new(&owner, &standby);
    let first = collect(&owner, &db, &activity, 1);
    line.settle();
    standby.claim(&db, &activity, tick(2)).unwrap();
    let second = cover(&standby, &db, &activity, 2);
    line.settle();
    // It was begun before the cover was heard of, and its stream breaks.
    let third = collect(&owner, &db, &activity, 3);
    line.cut();
    line.open();
    line.settle();
    assert_eq!(fate(&owner, &db, &activity, 3), Some(false));
    let memory = standby.shadow(&db, &nobody).unwrap();
    assert_eq!(memory[&activity].last, Some(tick(3)));
    assert_eq!(memory[&activity].baseline, Some(rows(2, 7)));
    assert_eq!(ticks(&memory, &activity), [1]);
    drop((first, second, third));
}

#[tokio::test(start_paused = true)]
async fn where_the_word_of_a_try_is_lost_the_stream_begins_anew() {
    let (db, activity) = (target(1), stream(1));
    let (owner, standby) = pair(&db);
    let mut line = Line::new(&owner, &standby);
    let first = collect(&owner, &db, &activity, 1);
    line.settle();
    owner.missed(&db, &activity, tick(2), true);
    line.settle();
    assert_eq!(standby.unreachable(&db).len(), 1);
    standby.claim(&db, &activity, tick(2)).unwrap();
    let second = cover(&standby, &db, &activity, 2);
    assert_eq!(owner.rebase(&db, &activity), None, "nothing is known yet");
    line.cut();
    advance(DOWN).await;
    let memory = owner.rebase(&db, &activity).unwrap();
    assert_eq!((memory.last, memory.baseline), (Some(tick(2)), None));
    assert_eq!(owner.rebase(&db, &activity), None, "it is told once");
    let third = collect(&owner, &db, &activity, 3);
    assert_eq!(fate(&owner, &db, &activity, 3), Some(true), "nobody can be asked");
    drop((first, second, third));
}

#[tokio::test(start_paused = true)]
async fn what_was_begun_before_the_word_of_a_try_was_lost_does_not_leave() {
    let (db, activity) = (target(1), stream(1));
    for covered in [false, true] {
        let (owner, standby) = pair(&db);
        let mut line = Line::new(&owner, &standby);
        let first = collect(&owner, &db, &activity, 1);
        line.settle();
        owner.missed(&db, &activity, tick(2), true);
        line.settle();
        if covered {
            assert_eq!(standby.unreachable(&db).len(), 1);
            standby.claim(&db, &activity, tick(2)).unwrap();
            drop(cover(&standby, &db, &activity, 2));
        }
        assert_eq!(owner.rebase(&db, &activity), None);
        line.cut();
        let third = collect(&owner, &db, &activity, 3);
        if covered {
            advance(DOWN).await;
            owner.pass();
            assert_eq!(fate(&owner, &db, &activity, 3), Some(false));
            let memory = owner.rebase(&db, &activity).unwrap();
            assert_eq!((memory.last, memory.baseline), (Some(tick(3)), None));
        } else {
            line.open();
            line.settle();
            assert_eq!(fate(&owner, &db, &activity, 3), Some(true), "nothing was read");
        }
        drop((first, third));
    }
}

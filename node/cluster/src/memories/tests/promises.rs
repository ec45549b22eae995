//! An owner that asks its standby for a tick.

use std::time::Duration;

use tokio::time::advance;

use super::covers::{cover, fate, pair};
use super::*;

#[tokio::test(start_paused = true)]
async fn a_late_owner_asks_and_is_promised_its_tick() {
    let (db, activity) = (target(1), stream(1));
    let (owner, standby) = pair(&db);
    let mut line = Line::new(&owner, &standby);
    let first = collect(&owner, &db, &activity, 1);
    line.settle();
    let may = |n| standby.may(&line.from, (&db, &activity, tick(n)), (None, 0));
    assert_eq!(
        may(2),
        Leave {
            yes: true,
            ..Leave::default()
        }
    );
    assert_eq!(standby.claim(&db, &activity, tick(2)), None, "it is promised");
    assert_eq!(
        standby.claim(&db, &activity, tick(3)),
        None,
        "the one before it would not count then"
    );
    advance(Duration::from_millis(1_001)).await;
    standby.claim(&db, &activity, tick(2)).unwrap();
    let leave = may(2);
    assert!(!leave.yes && leave.covered.unwrap().reading);
    let covered = cover(&standby, &db, &activity, 2);
    let leave = may(2);
    assert!(!leave.yes);
    let told = leave.covered.unwrap();
    assert_eq!((told.last, told.baseline.clone()), (tick(2), Some(rows(2, 7))));
    owner.hear_cover(&line.to, &db, told);
    assert_eq!(owner.rebase(&db, &activity).unwrap().last, Some(tick(2)));
    assert!(may(3).yes);
    drop((first, covered));
}

#[tokio::test(start_paused = true)]
async fn who_owns_a_target_now_may_read_though_another_told_of_it_before() {
    let (db, activity) = (target(1), stream(1));
    let (owner, standby) = pair(&db);
    let mut line = Line::new(&owner, &standby);
    let first = collect(&owner, &db, &activity, 1);
    line.settle();
    let next = incarnation("next", 1);
    let leave = |epoch| standby.may(&next, (&db, &activity, tick(2)), (None, epoch));
    let may = |epoch| leave(epoch).yes;
    let unheard = leave(0);
    assert!(
        !unheard.yes && unheard.later && unheard.covered.is_none(),
        "it may be one that does not know yet that it was lost, or one that got the target a moment ago"
    );
    standby.claim(&db, &activity, tick(2)).unwrap();
    assert!(may(100));
    assert!(
        standby
            .covered(&meta(&db, &activity, 2), &rows(2, 1), None)
            .is_none(),
        "what was read for the owner before does not count"
    );
    let again = standby.claim(&db, &activity, tick(2));
    assert_eq!(again, None, "the new owner reads it");
    owner.release(&db);
    line.settle();
    assert!(may(0), "the one before has let go");
    drop(first);
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_does_not_count_though_later_ticks_were_told() {
    let (db, activity) = (target(1), stream(1));
    let (owner, standby) = pair(&db);
    let mut line = Line::new(&owner, &standby);
    let first = collect(&owner, &db, &activity, 1);
    line.settle();
    // Read by the owner, and by the standby too before it hears of it.
    let third = collect(&owner, &db, &activity, 3);
    owner.missed(&db, &activity, tick(4), true);
    standby.claim(&db, &activity, tick(2)).unwrap();
    let second = cover(&standby, &db, &activity, 2).unwrap();
    line.deliver(2);
    // Its words are lost with the stream, and the owner tells all it knows by a snapshot.
    line.cut();
    line.settle();
    assert_eq!(fate(&owner, &db, &activity, 3), Some(false));
    let memory = standby.take_shadow(&db, &nobody).unwrap();
    assert_eq!(ticks(&memory, &activity), [1], "the third is nobody's to deliver");
    drop((first, second, third));
}

#[tokio::test(start_paused = true)]
async fn a_promise_ends_with_the_tick() {
    let (db, activity) = (target(1), stream(1));
    let (owner, standby) = pair(&db);
    let mut line = Line::new(&owner, &standby);
    let first = collect(&owner, &db, &activity, 1);
    line.settle();
    assert!(standby.may(&line.from, (&db, &activity, tick(2)), (None, 0)).yes);
    owner.missed(&db, &activity, tick(2), true);
    line.settle();
    assert_eq!(standby.unreachable(&db), [(activity.clone(), tick(2))]);
    standby.claim(&db, &activity, tick(2)).unwrap();
    drop((first, cover(&standby, &db, &activity, 2)));
}

//! A standby that becomes the owner of what it stood by for.

use super::covers::{cover, pair};
use super::*;

#[tokio::test(start_paused = true)]
async fn a_standby_that_becomes_the_owner_goes_on_from_what_it_has_covered_itself() {
    for released in [false, true] {
        let (db, activity, other) = (target(1), stream(1), stream(2));
        let (owner, standby) = pair(&db);
        let mut line = Line::new(&owner, &standby);
        let first = (
            collect(&owner, &db, &activity, 1),
            collect(&owner, &db, &other, 5),
        );
        line.settle();
        standby.claim(&db, &activity, tick(2)).unwrap();
        let covered = cover(&standby, &db, &activity, 2);
        // It is released before it has heard of that.
        let handed = owner.part(&db, Parting::Handed);
        if released {
            line.deliver(usize::MAX);
        }
        assert_eq!(handed[&activity].last, Some(tick(1)));
        standby.own(&db, handed);
        let whole = standby.whole(&db);
        let place = &whole[&activity];
        assert_eq!((place.last, &place.baseline), (Some(tick(2)), &Some(rows(2, 7))));
        assert_eq!(ticks(&whole, &activity), [2], "it is its own to deliver");
        assert_eq!(whole[&other].last, Some(tick(5)));
        drop((first, covered));
    }
}

#[tokio::test(start_paused = true)]
async fn what_its_owner_could_not_read_and_it_has_not_read_yet_is_its_to_read() {
    for (claimed, done) in [(false, false), (true, false), (true, true)] {
        let (db, activity) = (target(1), stream(1));
        let (owner, standby) = pair(&db);
        let mut line = Line::new(&owner, &standby);
        let first = collect(&owner, &db, &activity, 1);
        line.settle();
        owner.missed(&db, &activity, tick(3), true);
        line.settle();
        if claimed {
            assert_eq!(standby.unreachable(&db), [(activity.clone(), tick(3))]);
            standby.claim(&db, &activity, tick(3)).unwrap();
        }
        let covered = done.then(|| cover(&standby, &db, &activity, 3));
        let handed = owner.part(&db, Parting::Handed);
        assert_eq!(handed[&activity].last, Some(tick(3)));
        standby.own(&db, handed);
        let place = &standby.whole(&db)[&activity];
        let expected = if done { (3, rows(3, 7)) } else { (2, rows(1, 1)) };
        assert_eq!(
            (place.last, &place.baseline),
            (Some(tick(expected.0)), &Some(expected.1))
        );
        drop((first, covered));
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_after_a_cover_of_which_its_owner_did_not_hear_is_counted_from_that() {
    let (db, activity) = (target(1), stream(1));
    let (owner, standby) = pair(&db);
    let mut line = Line::new(&owner, &standby);
    let first = collect(&owner, &db, &activity, 1);
    line.settle();
    standby.claim(&db, &activity, tick(2)).unwrap();
    let covered = cover(&standby, &db, &activity, 2);
    owner.missed(&db, &activity, tick(3), false);
    line.deliver(usize::MAX);
    let handed = owner.part(&db, Parting::Handed);
    assert_eq!(handed[&activity].baseline, Some(rows(1, 1)));
    standby.own(&db, handed);
    let place = &standby.whole(&db)[&activity];
    assert_eq!((place.last, &place.baseline), (Some(tick(3)), &Some(rows(2, 7))));
    drop((first, covered));
}

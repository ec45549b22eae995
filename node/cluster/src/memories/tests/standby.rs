//! Shadows, and the way to them.

use std::time::Duration;

use ringwatch_frame::StreamMemory;

use super::covers::{cover, pair};
use super::*;

#[test]
fn a_shadow_can_be_taken_when_its_owner_is_dead() {
    let (standby, db, activity) = (memories(), target(1), stream(1));
    let owner = incarnation("owner", 7);
    let memory = TargetMemory::from([(
        activity,
        StreamMemory {
            last: Some(tick(3)),
            ..StreamMemory::default()
        },
    )]);
    standby.shadowed(&owner, snapshot(&db, memory.clone())).unwrap();
    let alive = |who: &Incarnation| *who == owner;
    assert!(!standby.has_shadow(&db, &alive));
    assert_eq!(
        (standby.shadow(&db, &alive), standby.take_shadow(&db, &alive)),
        (None, None)
    );
    // Its next life has nothing to do with what the dead one owned.
    let next_life = |who: &Incarnation| *who == incarnation("owner", 8);
    assert!(standby.has_shadow(&db, &next_life));
    assert_eq!(standby.shadow(&db, &nobody), Some(memory.clone()));
    assert_eq!(standby.take_shadow(&db, &next_life), Some(memory));
    assert_eq!(
        (standby.take_shadow(&db, &nobody), standby.shadow_count()),
        (None, 0)
    );
}

#[test]
fn late_words_of_an_earlier_life_and_of_strangers_change_nothing() {
    let (standby, db, activity) = (memories(), target(1), stream(1));
    let (then, now, other) = (incarnation("a", 1), incarnation("a", 2), incarnation("b", 1));
    let at = |n: i64| {
        TargetMemory::from([(
            activity.clone(),
            StreamMemory {
                last: Some(tick(n)),
                ..StreamMemory::default()
            },
        )])
    };
    let ended = |n: i64| Change::Ended {
        target: db.clone(),
        ended: EndedTick {
            stream: activity.clone(),
            tick: tick(n),
            baseline: None,
            frame: None,
            based: None,
            unreachable: false,
            anew: false,
        },
    };
    let last = || standby.shadow(&db, &nobody).map(|memory| memory[&activity].last);
    standby.shadowed(&then, ended(1)).unwrap();
    assert_eq!(last(), None, "there was no snapshot");
    standby.shadowed(&then, snapshot(&db, at(1))).unwrap();
    standby.shadowed(&now, snapshot(&db, at(5))).unwrap();
    for late in [snapshot(&db, at(2)), ended(9), Change::Release(db.clone())] {
        standby.shadowed(&then, late).unwrap();
        assert_eq!(last(), Some(Some(tick(5))));
    }
    standby.shadowed(&now, ended(4)).unwrap();
    assert_eq!(last(), Some(Some(tick(5))), "it is not later");
    standby.shadowed(&other, snapshot(&db, at(7))).unwrap();
    standby.shadowed(&now, ended(8)).unwrap();
    assert_eq!(last(), Some(Some(tick(7))), "the new owner's word counts");
    standby.shadowed(&other, Change::Release(db.clone())).unwrap();
    assert_eq!(standby.shadow_count(), 0);
}

/// The ticks that owners told, each with whether its stream begins, and tick 0 for a stream that is gone.
#[derive(Default)]
struct Heard(Mutex<Vec<(Tick, bool)>>);

impl Witness for Heard {
    fn told(&self, _: &Incarnation, change: &Change, begins: bool) {
        match change {
            Change::Ended { ended, .. } => self.0.lock().unwrap().push((ended.tick, begins)),
            Change::Forget { .. } => self.0.lock().unwrap().push((tick(0), begins)),
            _ => {}
        }
    }
}

#[test]
fn a_witness_hears_which_tick_is_the_one_before_the_first() {
    let (owner, standby, heard) = (memories(), memories(), Arc::new(Heard::default()));
    standby.witness(Arc::clone(&heard) as _);
    let (db, old, new) = (target(1), stream(1), stream(2));
    owner.own(&db, TargetMemory::new());
    owner.missed(&db, &old, tick(1), false);
    owner.set_heirs(&heirs([db.clone()], &member("standby", 1)));
    let mut line = Line::new(&owner, &standby);
    line.open();
    line.settle();
    owner.missed(&db, &old, tick(2), false);
    owner.missed(&db, &new, tick(3), false);
    owner.missed(&db, &new, tick(4), false);
    drop(collect(&owner, &db, &old, 5));
    owner.forget(&db, &new);
    owner.missed(&db, &new, tick(6), false);
    line.settle();
    let expected = [
        (2, false),
        (3, true),
        (4, false),
        (5, false),
        (0, false),
        (6, true),
    ];
    let heard: Vec<_> = heard.0.lock().unwrap().clone();
    assert_eq!(heard, expected.map(|(n, begins)| (tick(n), begins)));
}

/// The ticks that were read by owners, or missed, as a witness hears.
#[derive(Default)]
struct Read(Mutex<Vec<(Tick, bool)>>);

impl Witness for Read {
    fn told(&self, _: &Incarnation, change: &Change, _: bool) {
        if let Change::Ended { ended, .. } = change {
            self.0.lock().unwrap().push((ended.tick, ended.frame.is_some()));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_witness_hears_that_a_reading_that_is_refused_is_none() {
    let (db, activity) = (target(1), stream(1));
    let (owner, standby) = pair(&db);
    let read = Arc::new(Read::default());
    standby.witness(Arc::clone(&read) as _);
    let seen = || std::mem::take(&mut *read.0.lock().unwrap());
    let mut line = Line::new(&owner, &standby);
    let first = collect(&owner, &db, &activity, 1);
    line.settle();
    let second = collect(&owner, &db, &activity, 2);
    line.settle();
    standby.claim(&db, &activity, tick(3)).unwrap();
    let covered = cover(&standby, &db, &activity, 3);
    // It has not heard of that, and the standby does not get round to the next one before the owner goes on.
    let stale = collect(&owner, &db, &activity, 4);
    line.settle();
    assert_eq!(seen(), [(tick(2), true), (tick(4), false)]);
    owner.rebase(&db, &activity).unwrap();
    let next = collect(&owner, &db, &activity, 5);
    line.settle();
    assert_eq!(seen(), [(tick(5), true)]);
    assert_eq!(
        standby.claim(&db, &activity, tick(4)),
        None,
        "it is too late for that"
    );
    // Neither hears the other for a while.
    line.cut();
    standby.claim(&db, &activity, tick(6)).unwrap();
    let alone = cover(&standby, &db, &activity, 6);
    let unheard = [6, 7].map(|n| collect(&owner, &db, &activity, n));
    line.settle();
    assert_eq!(seen(), [(tick(7), false)]);
    drop((first, second, covered, stale, next, alone, unheard));
}

#[tokio::test(start_paused = true)]
async fn a_shadow_that_nobody_wants_goes_after_a_minute() {
    let (standby, owner) = (memories(), incarnation("owner", 1));
    standby
        .shadowed(&owner, snapshot(&target(1), TargetMemory::new()))
        .unwrap();
    standby
        .shadowed(&owner, snapshot(&target(2), TargetMemory::new()))
        .unwrap();
    let wanted = |of: &TargetId| *of == target(1);
    standby.expire_shadows(&wanted);
    tokio::time::advance(Duration::from_secs(59)).await;
    standby.expire_shadows(&wanted);
    assert_eq!(standby.shadow_count(), 2);
    tokio::time::advance(Duration::from_secs(1)).await;
    standby.expire_shadows(&wanted);
    assert!(standby.has_shadow(&target(1), &nobody) && !standby.has_shadow(&target(2), &nobody));
}

#[test]
fn the_heir_learns_what_the_owner_knows_and_forgets_it_when_another_is_the_heir() {
    let (owner, first, second) = (memories(), memories(), memories());
    let (db, other, activity) = (target(1), target(2), stream(1));
    owner.own(&db, TargetMemory::new());
    let before = collect(&owner, &db, &activity, 1);
    let (heir, next) = (member("standby", 1), member("next", 1));
    owner.set_heirs(&heirs([db.clone(), other.clone()], &heir));
    let mut line = Line::new(&owner, &first);
    line.open();
    let gap = collect(&owner, &db, &activity, 2);
    assert!(line.snapshot() && !line.snapshot(), "one target is ours");
    let after = collect(&owner, &db, &activity, 3);
    drop(before);
    line.deliver(usize::MAX);
    assert_eq!(first.shadow(&db, &nobody), Some(owner.whole(&db)));
    owner.own(&other, TargetMemory::new());
    line.settle();
    assert_eq!(first.shadow_count(), 2);

    owner.set_heirs(&heirs([db.clone(), other.clone()], &heir));
    line.settle();
    assert_eq!(
        (first.shadow_count(), owner.lock().links.len()),
        (2, 1),
        "nothing changed"
    );

    let mut both = heirs([db.clone()], &next);
    both.insert(other.clone(), heir);
    owner.set_heirs(&both);
    line.settle();
    assert!(!first.has_shadow(&db, &nobody) && first.has_shadow(&other, &nobody));
    let mut second_line = Line {
        to: next.who,
        ..Line::new(&owner, &second)
    };
    second_line.settle();
    assert_eq!(second.shadow(&db, &nobody), Some(owner.whole(&db)));

    owner.release(&db);
    second_line.settle();
    assert_eq!(second.shadow_count(), 0);
    owner.set_heirs(&BTreeMap::new());
    line.settle();
    assert_eq!(first.shadow_count(), 0);
    for mut line in [line, second_line] {
        owner.heard(&line.to);
        line.open();
        assert!(line.stream.is_none());
    }
    assert_eq!(owner.lock().links.len(), 0, "nobody stands by for us");
    drop((gap, after));
}

#[tokio::test(start_paused = true)]
async fn what_was_told_on_a_broken_stream_is_told_again_for_a_minute() {
    let (owner, standby) = (memories(), memories());
    let db = target(1);
    owner.own(&db, TargetMemory::new());
    owner.set_heirs(&heirs([db.clone()], &member("standby", 1)));
    let mut line = Line::new(&owner, &standby);
    line.settle();
    owner.set_heirs(&BTreeMap::new());
    line.cut();
    assert_eq!(standby.shadow_count(), 1, "that it is released was lost");
    line.settle();
    assert_eq!(standby.shadow_count(), 0);
    line.cut();
    tokio::time::advance(Duration::from_secs(59)).await;
    line.open();
    assert!(line.stream.is_some());
    line.cut();
    tokio::time::advance(Duration::from_secs(1)).await;
    line.open();
    assert!(line.stream.is_none(), "by now the shadow has gone by itself");
}

#[test]
fn a_standby_that_does_not_keep_up_begins_anew() {
    let (owner, standby) = (memories(), memories());
    let (db, activity) = (target(1), stream(1));
    owner.own(&db, TargetMemory::new());
    owner.set_heirs(&heirs([db.clone()], &member("standby", 1)));
    let mut line = Line::new(&owner, &standby);
    line.settle();
    let receipts: Vec<_> = (1..=i64::try_from(links::QUEUE).unwrap() + 10)
        .map(|n| collect(&owner, &db, &activity, n).unwrap())
        .collect();
    assert!(line.stream.as_ref().unwrap().overflow.is_cancelled());
    line.settle();
    assert_eq!(standby.shadow(&db, &nobody), Some(owner.whole(&db)));
    drop(receipts);
}

#[test]
fn a_clock_that_is_set_back_takes_the_standby_along() {
    let (owner, standby) = (memories(), memories());
    let (db, activity) = (target(1), stream(1));
    owner.own(&db, TargetMemory::new());
    owner.set_heirs(&heirs([db.clone()], &member("standby", 1)));
    let mut line = Line::new(&owner, &standby);
    line.settle();
    let receipts: Vec<_> = [10, 20, 30, 15, 25]
        .map(|n| collect(&owner, &db, &activity, n))
        .into_iter()
        .collect();
    let whole = owner.whole(&db);
    assert_eq!(
        (whole[&activity].last, ticks(&whole, &activity)),
        (Some(tick(25)), vec![10, 15, 25])
    );
    line.settle();
    assert_eq!(standby.shadow(&db, &nobody), Some(whole));
    drop(receipts);
}

#[test]
fn snapshot_and_changes_fit_while_lanes_read() {
    let (owner, standby) = (memories(), memories());
    let db = target(1);
    owner.own(&db, TargetMemory::new());
    owner.set_heirs(&heirs([db.clone()], &member("standby", 1)));
    let mut line = Line::new(&owner, &standby);
    let kept = std::thread::scope(|scope| {
        let lanes: Vec<_> = (0..3)
            .map(|lane| {
                let (owner, db) = (&owner, &db);
                scope.spawn(move || {
                    let mut kept = Vec::new();
                    for n in 1..=2000 {
                        let receipt = collect(owner, db, &stream(lane), n);
                        // Every third frame is delivered at once, every fifth after the next.
                        if n % 3 != 0 {
                            kept.push(receipt);
                        }
                        if n % 5 == 0 {
                            kept.pop();
                        }
                    }
                    kept
                })
            })
            .collect();
        let mut streams = 0;
        while lanes.iter().any(|lane| !lane.is_finished()) {
            line.open();
            streams += 1;
            while !line.snapshot() && lanes.iter().any(|lane| !lane.is_finished()) {}
            line.deliver(200);
        }
        assert!(streams > 1);
        lanes
            .into_iter()
            .flat_map(|lane| lane.join().unwrap())
            .collect::<Vec<_>>()
    });
    line.settle();
    let whole = owner.whole(&db);
    assert_eq!(standby.shadow(&db, &nobody), Some(whole.clone()));
    assert_eq!(
        whole.values().map(|stream| stream.pending.len()).sum::<usize>(),
        kept.iter().flatten().count()
    );
}

fn snapshot(target: &TargetId, memory: TargetMemory) -> Change {
    Change::Snapshot {
        target: target.clone(),
        memory,
        covers: BTreeMap::new(),
        serial: 1,
        view: 0,
    }
}

#[test]
fn a_snapshot_under_an_older_view_than_ours_is_refused_and_changes_nothing() {
    let (standby, owner, db) = (memories(), incarnation("owner", 1), target(1));
    standby.set_view(7, 7);
    let under = |view| Change::Snapshot {
        target: db.clone(),
        memory: TargetMemory::new(),
        covers: BTreeMap::new(),
        serial: 1,
        view,
    };
    assert_eq!(
        standby.shadowed(&owner, under(6)),
        Err(Refused::Stale { view: 7 })
    );
    assert_eq!((standby.shadow_count(), standby.heard_epoch()), (0, 0));
    for newer in [7, 9] {
        assert_eq!(standby.shadowed(&owner, under(newer)), Ok(()));
        assert_eq!((standby.shadow_count(), standby.heard_epoch()), (1, newer));
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_let_go_without_a_successor_is_known_to_the_standby() {
    for parting in [Parting::Lost, Parting::Ends] {
        let (owner, standby, db, activity) = (memories(), memories(), target(1), stream(1));
        owner.own(&db, TargetMemory::new());
        owner.set_heirs(&heirs([db.clone()], &member("standby", 1)));
        let mut line = Line::new(&owner, &standby);
        line.settle();
        let receipt = collect(&owner, &db, &activity, 1);
        line.settle();
        let memory = owner.part(&db, parting);
        owner.set_heirs(&BTreeMap::new());
        line.settle();
        let known = standby.shadow_memory(&db);
        assert_eq!(known, memory, "{parting:?}");
        assert_eq!(known[&activity].baseline, Some(rows(1, 1)));
        line.cut();
        line.open();
        line.settle();
        assert_eq!(
            standby.shadow_memory(&db),
            memory,
            "{parting:?}: by another stream"
        );
        drop(receipt);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_another_node_may_have_read_begins_anew() {
    let (owner, standby, db, activity) = (memories(), memories(), target(1), stream(1));
    owner.own(&db, TargetMemory::new());
    owner.set_heirs(&heirs([db.clone()], &member("standby", 1)));
    let mut line = Line::new(&owner, &standby);
    let first = collect(&owner, &db, &activity, 1);
    line.settle();
    owner.missed(&db, &activity, tick(2), false);
    assert_eq!(owner.recall(&db)[&activity].baseline, Some(rows(1, 1)));
    owner.read_elsewhere(&db, &activity, tick(3));
    line.settle();
    for memory in [owner.recall(&db), standby.shadow_memory(&db)] {
        assert_eq!(memory[&activity].last, Some(tick(3)));
        assert_eq!(memory[&activity].baseline, None);
    }
    drop(first);
}

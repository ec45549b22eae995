//! The memory of the owner.

use std::time::Duration;

use ringwatch_frame::StreamMemory;

use super::super::bounds::{Bounds, MAX_AGE, MAX_BYTES_IN_ALL};
use super::super::remembered::{self, MAX_BYTES, Remembered};
use super::*;

#[test]
fn receipts_settle_in_any_order_and_only_their_own_frame() {
    let (memories, db, activity) = (memories(), target(1), stream(1));
    assert!(collect(&memories, &db, &activity, 1).is_none(), "it is not ours");
    memories.own(&db, TargetMemory::new());
    let mut receipts: Vec<_> = (1..=5).map(|n| collect(&memories, &db, &activity, n)).collect();
    assert!(receipts.iter().all(Option::is_some));
    assert!(
        collect(&memories, &db, &activity, 5).is_none(),
        "it has ended before"
    );
    receipts[3] = None;
    receipts[0] = None;
    receipts[4] = None;
    let whole = memories.whole(&db);
    assert_eq!(ticks(&whole, &activity), [2, 3]);
    assert_eq!(whole[&activity].last, Some(tick(5)));
    assert_eq!(whole[&activity].baseline, Some(rows(5, 1)));
    assert_eq!(
        ticks(&memories.recall(&db), &activity),
        [0; 0],
        "the collector needs none"
    );
    memories.missed(&db, &activity, tick(6), false);
    memories.missed(&db, &activity, tick(4), false);
    let whole = memories.whole(&db);
    assert_eq!(
        (whole[&activity].last, ticks(&whole, &activity)),
        (Some(tick(6)), vec![2, 3])
    );
    assert_eq!(
        whole[&activity].baseline,
        Some(rows(5, 1)),
        "a missed tick has none"
    );
}

#[test]
fn frames_stay_ours_to_deliver_when_the_target_has_gone() {
    let (memories, db, activity) = (memories(), target(1), stream(1));
    memories.own(&db, TargetMemory::new());
    let first = collect(&memories, &db, &activity, 1);
    let second = collect(&memories, &db, &activity, 2);
    let third = collect(&memories, &db, &activity, 3);
    let released = memories.release(&db);
    assert_eq!(released[&activity].last, Some(tick(3)));
    assert_eq!(released[&activity].baseline, Some(rows(3, 1)));
    assert_eq!(ticks(&released, &activity), [0; 0]);
    assert_eq!((memories.recall(&db).len(), memories.owned_count()), (0, 0));
    assert!(
        collect(&memories, &db, &activity, 4).is_none(),
        "it is not ours any more"
    );
    drop(second);
    memories.own(&db, released.clone());
    assert_eq!(ticks(&memories.whole(&db), &activity), [1, 3], "it is ours again");
    // Now the target goes on from an older tick, so the frame of tick 3 is another reading than the one that
    // will follow.
    memories.release(&db);
    let mut older = released;
    older.get_mut(&activity).unwrap().last = Some(tick(2));
    memories.own(&db, older);
    assert_eq!(ticks(&memories.whole(&db), &activity), [1]);
    let again = collect(&memories, &db, &activity, 3);
    drop(third);
    assert_eq!(
        ticks(&memories.whole(&db), &activity),
        [1, 3],
        "that receipt was for the other one"
    );
    memories.release(&db);
    drop((first, again));
    assert!(
        memories.lock().is_empty(),
        "when all is delivered nothing is left"
    );
}

#[test]
fn frames_of_a_dead_owner_are_pending_until_their_receipts_end() {
    let (memories, db, activity) = (memories(), target(1), stream(1));
    let dead = TargetMemory::from([(
        activity.clone(),
        StreamMemory {
            last: Some(tick(9)),
            baseline: None,
            pending: [7, 9]
                .map(|n| PendingFrame {
                    meta: meta(&db, &activity, n),
                    rows: rows(n, 1),
                })
                .into(),
        },
    )]);
    memories.own(&db, dead.clone());
    assert_eq!(memories.whole(&db), dead);
    let receipt = memories.receipt(&meta(&db, &activity, 7).id);
    assert!(receipt.is_some());
    assert!(memories.receipt(&meta(&db, &activity, 8).id).is_none());
    drop(receipt);
    assert_eq!(ticks(&memories.whole(&db), &activity), [9]);
}

#[test]
fn the_oldest_frames_fall_out_and_are_counted() {
    let registry = Registry::new();
    let memories = Memories::new(&registry).unwrap();
    let lost = || {
        let families = registry.gather();
        let family = families
            .iter()
            .find(|f| f.name() == "ringwatch_replication_lost_frames_total")
            .unwrap();
        family.get_metric()[0].get_counter().get_value()
    };
    let (db, a, b) = (target(1), stream(1), stream(2));
    memories.own(&db, TargetMemory::new());
    let most = i64::try_from(MAX_FRAMES).unwrap();
    let small = RecordBatch::new_empty(rows(1, 1).schema());
    let receipts: Vec<_> = (1..=most + 3)
        .map(|n| {
            let stream = if n % 2 == 0 { &a } else { &b };
            memories.collected(&meta(&db, stream, n), &small, None).unwrap()
        })
        .collect();
    let whole = memories.whole(&db);
    assert_eq!(ticks(&whole, &a).len() + ticks(&whole, &b).len(), MAX_FRAMES);
    assert_eq!((ticks(&whole, &a)[0], ticks(&whole, &b)[0], lost()), (4, 5, 3.0));
    drop(receipts);
    assert!(ticks(&memories.whole(&db), &a).is_empty());

    let large = rows(1, 4 * 1024 * 1024);
    let fit = MAX_BYTES / large.get_array_memory_size();
    assert!((1..50).contains(&fit));
    let receipts: Vec<_> = (0..=i64::try_from(fit).unwrap())
        .map(|n| {
            memories
                .collected(&meta(&db, &a, 2 * most + n), &large, None)
                .unwrap()
        })
        .collect();
    assert_eq!(ticks(&memories.whole(&db), &a).len(), fit);
    assert_eq!((lost(), receipts.len()), (4.0, fit + 1));
}

#[test]
fn who_has_more_than_its_share_loses_its_oldest_when_all_have_too_much() {
    let (memories, small, activity) = (memories(), target(1), stream(1));
    let large = rows(1, 256 * 1024);
    let bytes = large.get_array_memory_size();
    let fit = i64::try_from(MAX_BYTES / bytes).unwrap();
    let greedy: Vec<_> = (2..5).map(target).collect();
    let collect = |db: &TargetId, n| memories.collected(&meta(db, &activity, n), &large, None).unwrap();
    let mut receipts = Vec::new();
    memories.own(&small, TargetMemory::new());
    receipts.push(collect(&small, 1));
    for db in &greedy {
        memories.own(db, TargetMemory::new());
        receipts.extend((1..fit).map(|n| collect(db, n)));
    }
    receipts.extend(greedy.iter().map(|db| collect(db, fit)));
    receipts.push(collect(&small, 2));
    let of = |db: &TargetId| ticks(&memories.whole(db), &activity);
    let pending = || greedy.iter().map(|db| of(db).len()).sum::<usize>() + of(&small).len();
    assert!(pending() * bytes <= MAX_BYTES_IN_ALL + bytes, "{}", pending());
    assert!(pending() * bytes > MAX_BYTES_IN_ALL / 2, "{}", pending());
    assert!(greedy.iter().all(|db| of(db).last() == Some(&fit)));
    assert_eq!(of(&small), [1, 2]);
    drop(receipts);
    assert_eq!(pending(), 0);
}

#[tokio::test(start_paused = true)]
async fn what_nobody_delivers_for_an_hour_is_not_remembered() {
    let (memories, db, activity) = (memories(), target(1), stream(1));
    memories.own(&db, TargetMemory::new());
    let old = collect(&memories, &db, &activity, 1);
    tokio::time::advance(MAX_AGE - Duration::from_secs(1)).await;
    let new = collect(&memories, &db, &activity, 2);
    assert_eq!(ticks(&memories.whole(&db), &activity), [1, 2]);
    tokio::time::advance(Duration::from_secs(2)).await;
    let newest = collect(&memories, &db, &activity, 3);
    assert_eq!(ticks(&memories.whole(&db), &activity), [2, 3]);
    drop((old, new, newest));
}

#[test]
fn a_target_has_so_many_streams_and_no_more() {
    let gauge = |name| prometheus::IntGauge::new(name, name).unwrap();
    let counter = |name| prometheus::IntCounter::new(name, name).unwrap();
    let mut remembered = Remembered::within(&Arc::new(Bounds::new(gauge("pending"), counter("lost"))));
    let mut next = 0;
    for n in 0..MAX_STREAMS + 5 {
        let ended = remembered.ended(&stream(n), tick(1), None, None, &mut next);
        assert_eq!(matches!(ended, remembered::Ended::New(_)), n < MAX_STREAMS, "{n}");
    }
    assert_eq!(remembered.memory(true).len(), MAX_STREAMS);
    remembered.forget(&stream(0));
    let ended = remembered.ended(&stream(MAX_STREAMS), tick(1), None, None, &mut next);
    assert!(matches!(ended, remembered::Ended::New(_)));
}

#[test]
fn a_forgotten_stream_keeps_its_frames_until_they_are_delivered() {
    let (memories, db, tables) = (memories(), target(1), stream(1));
    memories.own(&db, TargetMemory::new());
    let receipt = collect(&memories, &db, &tables, 1);
    memories.forget(&db, &tables);
    let whole = memories.whole(&db);
    assert_eq!((whole[&tables].last, &whole[&tables].baseline), (None, &None));
    assert_eq!(ticks(&whole, &tables), [1]);
    drop(receipt);
    assert!(memories.whole(&db).is_empty());
}

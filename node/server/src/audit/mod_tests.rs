use std::time::Duration;

use arrow_array::{Int64Array, RecordBatch};
use ringwatch_cluster::member::NodeId;
use ringwatch_cluster::memories::EndedTick;
use ringwatch_frame::{DropReason, Epoch, FrameMeta, PendingFrame};

use super::*;

fn id(tick: i64) -> FrameId {
    FrameId {
        target: TargetId::from_name("postgresql://a:1"),
        stream: StreamId::of_server("s"),
        tick: Tick::from_unix_nanos(tick),
        epoch: Epoch(7),
    }
}

fn owner() -> Incarnation {
    Incarnation {
        node: NodeId::new("n1"),
        generation: 1,
    }
}

/// The owner's word of a tick: read, or missed.
fn told(of: &FrameId, frame: Option<PendingFrame>) -> Change {
    Change::Ended {
        target: of.target.clone(),
        ended: EndedTick {
            stream: of.stream.clone(),
            tick: of.tick,
            baseline: None,
            frame,
            based: None,
            unreachable: false,
            anew: false,
        },
    }
}

#[tokio::test]
async fn a_tick_is_followed_from_its_reading_to_the_end_of_its_frame() {
    let clock = Clock::system();
    let books = TickBooks::new(&clock, &Registry::new()).unwrap();
    let step = 1_000_000_000;
    let start = clock.now().unix_nanos() + step;
    let receipts: Vec<Receipt> = (0..3)
        .map(|n| books.opened(&id(start + n * step), What::Collected, None))
        .collect();
    for n in 0..4 {
        let id = id(start + n * step);
        let (outcome, epoch) = if n < 3 {
            ("collected", Some(id.epoch))
        } else {
            ("timeout", None)
        };
        books.ended(&EndedTicks {
            target: &id.target,
            stream: &id.stream,
            last: id.tick,
            count: 1,
            interval: Duration::from_secs(1),
            outcome,
            epoch,
        });
    }
    drop(receipts);
    let excerpt = books.between(start, i64::MAX);
    let [account] = &excerpt.accounts[..] else {
        panic!("{excerpt:?}");
    };
    assert_eq!(account.step, step);
    let runs = account.runs.iter().map(|run| (run.count, run.what, run.end));
    let expected = [
        // A receipt that is dropped without a word had a frame without rows.
        (3, What::Collected, End::Delivered),
        (1, What::Missed("timeout"), End::NoFrame),
    ];
    assert!(runs.eq(expected), "{account:?}");
}

#[tokio::test]
async fn what_an_owner_told_is_known_and_own_knowledge_goes_before() {
    let clock = Clock::system();
    let books = TickBooks::new(&clock, &Registry::new()).unwrap();
    let who = owner();
    let tick = clock.now().unix_nanos() + 1;
    let of = id(tick);
    let column: Arc<Int64Array> = Arc::new(vec![1].into());
    let frame = PendingFrame {
        meta: FrameMeta {
            id: of.clone(),
            source: "postgresql".into(),
            resource: Arc::default(),
        },
        rows: RecordBatch::try_from_iter([("n", column as _)]).unwrap(),
    };
    let (target, stream) = (of.target.clone(), of.stream.clone());
    Witness::told(&*books, &who, &told(&of, Some(frame)), false);
    let what = |books: &TickBooks| {
        let run = books.between(tick, tick + 1).accounts[0].runs[0];
        (run.what, run.end, run.epoch)
    };
    assert_eq!(what(&books), (What::Heard(true), End::Pending, 7));
    let receipt = books.opened(&of, What::Inherited, None);
    assert_eq!(what(&books), (What::Inherited, End::Pending, 7));
    let settled = Change::Settled {
        target,
        stream,
        tick: of.tick,
    };
    drop(receipt);
    Witness::told(&*books, &who, &settled, false);
    assert_eq!(what(&books), (What::Inherited, End::Delivered, 7));
    books.lock().ended(
        &of.target,
        &of.stream,
        of.tick,
        End::Dropped(DropReason::Shutdown),
    );
    assert_eq!(what(&books).1, End::Delivered, "one delivery counts");
}

#[tokio::test]
async fn the_tick_before_the_first_was_never_due() {
    let clock = Clock::system();
    let books = TickBooks::new(&clock, &Registry::new()).unwrap();
    let start = clock.now().unix_nanos() + 1;
    Witness::told(&*books, &owner(), &told(&id(start), None), true);
    assert_eq!(books.between(start, i64::MAX).accounts, []);
    Witness::told(&*books, &owner(), &told(&id(start + 1), None), false);
    let accounts = books.between(start, i64::MAX).accounts;
    assert_eq!(
        (accounts[0].runs.len(), accounts[0].runs[0].first),
        (1, start + 1)
    );
}

#[tokio::test]
async fn streams_end_with_their_database_and_with_their_target() {
    let clock = Clock::system();
    let books = TickBooks::new(&clock, &Registry::new()).unwrap();
    let start = clock.now().unix_nanos();
    let closings = |books: &TickBooks| books.between(start, i64::MAX).accounts[0].closings.len();
    Witness::told(&*books, &owner(), &told(&id(start), None), false);
    let (configured, list) = watch::channel(Arc::from([id(0).target]));
    let _follow = books.follow(list);
    tokio::task::yield_now().await;
    assert_eq!(closings(&books), 0);
    configured.send_replace(Arc::default());
    while closings(&books) == 0 {
        tokio::task::yield_now().await;
    }
    let FrameId { target, stream, .. } = id(0);
    let forget = Change::Forget { target, stream };
    Witness::told(&*books, &owner(), &forget, false);
    assert_eq!(closings(&books), 1, "it has ended already");
    drop(books.opened(&id(clock.now().unix_nanos()), What::Collected, None));
    Witness::told(&*books, &owner(), &forget, false);
    assert_eq!(closings(&books), 2, "it had begun anew");
}

use ringwatch_frame::Books;

use super::*;
use crate::queue::Lease;
use crate::testing::batch;

const MINUTE: Duration = Duration::from_secs(60);

fn queue(waiting: u64) -> (MemoryQueue, Arc<Books>) {
    (MemoryQueue::new(Room::Waiting(waiting), MINUTE), Arc::default())
}

/// The next batch's rows, and how often it was tried; it stays leased as long as the lease is kept.
async fn next(queue: &MemoryQueue) -> MemoryLease {
    tokio::time::timeout(Duration::from_secs(1), queue.lease())
        .await
        .expect("something waits")
        .expect("it is open")
}

fn dropped(books: &Books, reason: DropReason) -> u64 {
    let snapshot = books.snapshot();
    assert!(snapshot.balanced(), "{snapshot:?}");
    snapshot.dropped_rows[reason as usize]
}

#[tokio::test(start_paused = true)]
async fn the_newcomer_is_dropped_when_the_queue_is_full() {
    let (queue, books) = queue(2);
    for (rows, refused) in [(1, None), (2, None), (4, Some(DropReason::QueueFull))] {
        assert_eq!(queue.push(Signal::Metrics, batch(&books, 1, rows)), refused);
    }
    assert_eq!(dropped(&books, DropReason::QueueFull), 4);
    let state = queue.state();
    assert_eq!(
        (state.waiting, state.frames, state.accepts, state.refused_rows),
        (2, 2, false, 4)
    );
    let lease = next(&queue).await;
    assert!(queue.state().accepts, "what is leased does not wait");
    assert_eq!(queue.state().frames, 2, "but it is still here");
    lease.acknowledge().deliver();
    assert_eq!(next(&queue).await.batch().rows(), 2);
    assert_eq!(books.snapshot().delivered_rows, 1);
    assert_eq!(queue.discard_rest(), 2);
    assert_eq!(dropped(&books, DropReason::Shutdown), 2);
}

#[tokio::test(start_paused = true)]
async fn without_a_queue_only_consumers_hold_batches() {
    let books = Arc::default();
    let queue = MemoryQueue::new(Room::Consumers(1), MINUTE);
    queue.push(Signal::Logs, batch(&books, 1, 1));
    let lease = next(&queue).await;
    assert_eq!(lease.signal(), Signal::Logs);
    queue.push(Signal::Logs, batch(&books, 1, 2));
    assert_eq!(dropped(&books, DropReason::QueueFull), 2);
    lease.acknowledge().deliver();
    queue.push(Signal::Logs, batch(&books, 1, 4));
    next(&queue).await.acknowledge().deliver();
    assert_eq!(books.snapshot().delivered_rows, 5);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_lease_goes_back_to_its_place() {
    let (queue, books) = queue(10);
    for rows in [1, 2, 4] {
        queue.push(Signal::Metrics, batch(&books, 1, rows));
    }
    let first = next(&queue).await;
    let second = next(&queue).await;
    assert_eq!((first.batch().rows(), first.tried()), (1, 0));
    drop(second);
    drop(first);
    let mut seen = Vec::new();
    for _ in 0..3 {
        let lease = next(&queue).await;
        seen.push((lease.batch().rows(), lease.tried()));
        lease.acknowledge().deliver();
    }
    assert_eq!(seen, [(1, 1), (2, 1), (4, 0)]);
    assert_eq!(dropped(&books, DropReason::Unaccounted), 0);
}

#[tokio::test(start_paused = true)]
async fn halves_take_the_place_of_the_whole() {
    let (queue, books) = queue(10);
    queue.push(Signal::Logs, batch(&books, 5, 1));
    queue.push(Signal::Metrics, batch(&books, 1, 10));
    next(&queue).await.split().expect("five frames can be split");
    next(&queue).await.split().expect("two frames can be split");
    let mut seen = Vec::new();
    for _ in 0..4 {
        let lease = next(&queue).await;
        seen.push((lease.signal(), lease.batch().rows(), lease.tried()));
        let lease = if lease.batch().rows() == 1 {
            lease.split().unwrap_err()
        } else {
            lease
        };
        lease.acknowledge().deliver();
    }
    let (logs, metrics) = (Signal::Logs, Signal::Metrics);
    assert_eq!(seen, [(logs, 1, 0), (logs, 1, 0), (logs, 3, 0), (metrics, 10, 0)]);
    assert_eq!(books.snapshot().delivered_rows, 15);
}

#[tokio::test(start_paused = true)]
async fn a_single_frame_is_halved_down_to_one_row() {
    let (queue, books) = queue(10);
    queue.push(Signal::Logs, batch(&books, 1, 7));
    queue.push(Signal::Metrics, batch(&books, 1, 0));
    let (mut rows, mut requests) = (Vec::new(), 0);
    for _ in 0..14 {
        let lease = next(&queue).await;
        requests += 1;
        if let Err(lease) = lease.split() {
            rows.push(lease.batch().rows());
            lease.acknowledge().deliver();
        }
    }
    assert_eq!((rows, requests), (vec![1, 1, 1, 1, 1, 1, 1, 0], 14));
    assert_eq!(queue.state().frames, 0);
    assert_eq!(books.snapshot().delivered_rows, 7);
    assert_eq!(dropped(&books, DropReason::Unaccounted), 0);
}

#[tokio::test(start_paused = true)]
async fn what_would_go_back_after_the_rest_was_discarded_is_dropped() {
    let (queue, books) = queue(10);
    for rows in [1, 2, 4, 8] {
        queue.push(Signal::Logs, batch(&books, 1, rows));
    }
    let leases = [next(&queue).await, next(&queue).await, next(&queue).await];
    queue.close();
    assert_eq!(queue.discard_rest(), 8);
    let [back, taken, split] = leases;
    drop(back);
    taken.acknowledge().deliver();
    split.split().expect("four rows can be split");
    assert_eq!(dropped(&books, DropReason::Shutdown), 13);
    assert_eq!((books.snapshot().delivered_rows, queue.state().waiting), (2, 0));
}

#[tokio::test(start_paused = true)]
async fn a_lease_says_how_long_it_is_worth_anything() {
    let (queue, books) = queue(2);
    queue.push(Signal::Metrics, batch(&books, 1, 1));
    tokio::time::advance(Duration::from_secs(50)).await;
    let lease = next(&queue).await;
    assert_eq!(lease.time_left(), Some(Duration::from_millis(10_001)));
    tokio::time::advance(lease.time_left().unwrap()).await;
    assert!(lease.is_expired());
    assert_eq!(lease.time_left(), Some(Duration::ZERO));
    lease.acknowledge().deliver();
    let endless = MemoryQueue::new(Room::Waiting(1), Duration::ZERO);
    endless.push(Signal::Metrics, batch(&books, 1, 1));
    let lease = next(&endless).await;
    assert_eq!(lease.time_left(), None);
    lease.acknowledge().deliver();
}

#[tokio::test(start_paused = true)]
async fn what_is_too_old_is_dropped_for_its_age() {
    let (queue, books) = queue(2);
    queue.push(Signal::Metrics, batch(&books, 1, 1));
    let held = next(&queue).await;
    queue.push(Signal::Metrics, batch(&books, 1, 2));
    tokio::time::advance(MINUTE).await;
    assert_eq!(queue.state().oldest, MINUTE);
    assert!(!held.is_expired());
    tokio::time::advance(Duration::from_millis(1)).await;
    assert!(held.is_expired(), "the consumer sees that it is too late");
    queue.push(Signal::Metrics, batch(&books, 1, 4));
    assert_eq!(dropped(&books, DropReason::QueueAge), 2);
    assert_eq!(next(&queue).await.batch().rows(), 4, "the young one stays");
    drop(held);
    queue.close();
    assert_eq!(next(&queue).await.batch().rows(), 4);
    assert_eq!(dropped(&books, DropReason::QueueAge), 3);
    queue.discard_rest();
}

#[tokio::test(start_paused = true)]
async fn a_closed_queue_takes_nothing_and_is_emptied() {
    let (queue, books) = queue(2);
    let waiter = tokio::spawn({
        let queue = queue.clone();
        async move { queue.lease().await.is_none() }
    });
    tokio::task::yield_now().await;
    queue.close();
    assert!(waiter.await.unwrap(), "who waits is told");
    queue.push(Signal::Metrics, batch(&books, 1, 3));
    assert_eq!(dropped(&books, DropReason::Shutdown), 3);
    assert!(!queue.state().accepts);
}

#[tokio::test]
async fn every_batch_is_handed_out_once() {
    let (queue, books) = queue(1000);
    let consumers: Vec<_> = (0..8)
        .map(|n| {
            let queue = queue.clone();
            tokio::spawn(async move {
                while let Some(lease) = queue.lease().await {
                    tokio::task::yield_now().await;
                    if (lease.tried() + n) % 3 != 0 {
                        lease.acknowledge().deliver();
                    }
                }
            })
        })
        .collect();
    for _ in 0..500 {
        queue.push(Signal::Metrics, batch(&books, 1, 1));
        tokio::task::yield_now().await;
    }
    queue.close();
    for consumer in consumers {
        tokio::time::timeout(Duration::from_secs(20), consumer)
            .await
            .expect("it ends")
            .unwrap();
    }
    assert_eq!(queue.discard_rest(), 0);
    assert_eq!(books.snapshot().delivered_rows, 500);
    assert!(books.snapshot().balanced());
}

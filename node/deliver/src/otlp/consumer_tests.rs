use std::sync::atomic::{AtomicBool, Ordering};

use ringwatch_config::settings::{Compression, Headers, OtlpExporter, SendingQueue, Tls};
use ringwatch_frame::{Books, Receipt, StreamId, Withdrawal};

use super::*;
use crate::AlwaysSure;
use crate::metrics::CircuitMetrics;
use crate::otlp::connect;
use crate::queue::{MemoryLease, MemoryQueue, QueueState, Room};
use crate::testing::{batch, frame, projections};

/// Rows of a batch that nobody can handle.
const POISON: u64 = 5;

/// Where the panic comes.
#[derive(Clone, Copy, PartialEq)]
enum Where {
    Consumer,
    Encoding,
}

/// A queue in which a batch of `POISON` rows makes who looks at it panic.
#[derive(Clone)]
struct Cursed(MemoryQueue, Where);

struct CursedLease(MemoryLease, Where);

impl Queue for Cursed {
    type Lease = CursedLease;

    fn push(&self, signal: Signal, batch: Batch) -> Option<DropReason> {
        self.0.push(signal, batch)
    }

    async fn lease(&self) -> Option<CursedLease> {
        Some(CursedLease(self.0.lease().await?, self.1))
    }

    fn close(&self) {
        self.0.close();
    }

    fn discard_rest(&self) -> u64 {
        self.0.discard_rest()
    }

    fn state(&self) -> QueueState {
        self.0.state()
    }
}

impl Lease for CursedLease {
    fn signal(&self) -> Signal {
        self.0.signal()
    }

    fn batch(&self) -> &Batch {
        assert!(
            self.1 != Where::Encoding || self.0.batch().rows() != POISON,
            "on purpose"
        );
        self.0.batch()
    }

    fn drop_withdrawn(&mut self) {
        self.0.drop_withdrawn();
    }

    fn tried(&self) -> u32 {
        let tried = self.0.tried();
        let is_cursed = self.1 == Where::Consumer && self.0.batch().rows() == POISON;
        assert!(!is_cursed || tried >= MOST_TRIES, "on purpose");
        tried
    }

    fn is_expired(&self) -> bool {
        self.0.is_expired()
    }

    fn time_left(&self) -> Option<Duration> {
        self.0.time_left()
    }

    fn acknowledge(self) -> Batch {
        self.0.acknowledge()
    }

    fn split(self) -> Result<(), Self> {
        let at = self.1;
        self.0.split().map_err(|lease| Self(lease, at))
    }
}

fn sender() -> Arc<Sender> {
    sender_of(Arc::new(AlwaysSure))
}

fn sender_of(standing: Arc<dyn Standing>) -> Arc<Sender> {
    let settings = OtlpExporter {
        endpoint: "http://127.0.0.1:9".into(),
        headers: Headers::new(),
        compression: Compression::None,
        timeout: ringwatch_config::Duration::from_secs(1),
        tls: Tls {
            insecure: true,
            ..Tls::default()
        },
        retry_on_failure: RetryOnFailure::default(),
        sending_queue: SendingQueue::default(),
    };
    let registry = prometheus::Registry::new();
    let stopping = CancellationToken::new();
    let circuit = CircuitMetrics::register("otlp", &registry).unwrap();
    Arc::new(Sender {
        name: "otlp".into(),
        client: connect::client("otlp", &settings).unwrap(),
        gate: Gate::new("otlp", &settings.retry_on_failure, circuit, stopping.clone()),
        retry: settings.retry_on_failure,
        detect_rate_limits: true,
        activity: Arc::default(),
        standing,
        admission: Arc::new(Admission::new(projections())),
        version: "1".into(),
        metrics: SendMetrics::register("otlp", &registry).unwrap(),
        stopping,
        log: Logs::default(),
    })
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_makes_consumers_panic_goes_and_the_others_are_delivered() {
    for at in [Where::Consumer, Where::Encoding] {
        let books = Arc::new(Books::default());
        let queue = Cursed(MemoryQueue::new(Room::Waiting(10), Duration::ZERO), at);
        // Frames without rows are delivered without a backend.
        for rows in [0, POISON.cast_signed(), 0] {
            queue.push(Signal::Metrics, batch(&books, 1, rows));
        }
        queue.close();
        let work = sender().supervise(queue.clone(), CancellationToken::new());
        tokio::time::timeout(Duration::from_secs(60), work)
            .await
            .expect("it ends when the queue is empty");
        let end = books.snapshot();
        assert_eq!(end.dropped_rows[DropReason::Invalid as usize], POISON);
        assert_eq!((end.delivered_frames, end.dropped_total()), (2, POISON));
        assert!(end.balanced() && end.in_flight_rows == 0);
    }
}

/// A node that was paused, until it knows again what is its own.
#[derive(Debug, Default)]
struct Paused(AtomicBool);

impl Standing for Paused {
    fn is_sure(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_pause_nothing_is_sent_that_another_node_delivers() {
    let (books, withdrawal) = (Arc::new(Books::default()), Withdrawal::default());
    let queue = MemoryQueue::new(Room::Waiting(10), Duration::ZERO);
    let receipt = Receipt::new(|| {}).withdrawn_by(withdrawal.clone());
    let lost = frame(&books, StreamId::of_server("people"), 1, 3).with_receipt(receipt);
    queue.push(Signal::Metrics, lost.into());
    queue.close();
    let standing = Arc::new(Paused::default());
    let work = sender_of(Arc::clone(&standing) as _).supervise(queue, CancellationToken::new());
    let work = tokio::spawn(work);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(
        books.snapshot().in_flight_rows,
        3,
        "it is not known yet whose it is"
    );
    withdrawal.withdraw();
    standing.0.store(true, Ordering::Relaxed);
    tokio::time::timeout(Duration::from_secs(1), work)
        .await
        .expect("nobody is asked to take it")
        .unwrap();
    assert_eq!(books.snapshot().dropped_rows[DropReason::Superseded as usize], 3);
}

#[tokio::test(start_paused = true)]
async fn a_supervisor_ends_when_it_is_told_to() {
    let queue = MemoryQueue::new(Room::Waiting(10), Duration::ZERO);
    let give_up = CancellationToken::new();
    let work = tokio::spawn(sender().supervise(queue, give_up.clone()));
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(!work.is_finished());
    give_up.cancel();
    tokio::time::timeout(Duration::from_secs(1), work)
        .await
        .expect("it ends")
        .unwrap();
}

use ringwatch_config::settings::{Compression, Headers, OtlpExporter, SendingQueue, Tls};
use ringwatch_frame::Books;

use super::*;
use crate::metrics::CircuitMetrics;
use crate::otlp::connect;
use crate::queue::{MemoryLease, MemoryQueue, QueueState, Room};
use crate::testing::{batch, projections};

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

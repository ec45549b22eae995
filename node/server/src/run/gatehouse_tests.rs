use std::collections::HashMap;
use std::time::Duration;

use arrow_array::{Int64Array, RecordBatch};
use ringwatch_frame::{Books, Epoch, FrameMeta, StreamId, TargetId, Tick};

use super::*;

/// Lets ticks wait until the test has its say; the others are clear.
#[derive(Default)]
struct Desk(Mutex<HashMap<Tick, oneshot::Receiver<bool>>>);

impl Desk {
    fn waits(&self, tick: i64) -> oneshot::Sender<bool> {
        let (say, word) = oneshot::channel();
        self.0.lock().unwrap().insert(Tick::from_unix_nanos(tick), word);
        say
    }
}

impl Clearing for Desk {
    fn clearance(&self, id: &FrameId) -> Clearance {
        match self.0.lock().unwrap().remove(&id.tick) {
            Some(word) => Clearance::Wait(word),
            None => Clearance::Clear,
        }
    }
}

/// Delivers everything, and remembers the order.
#[derive(Default)]
struct Backend(Mutex<Vec<i64>>);

impl Sink for Backend {
    fn offer(&self, frame: Frame) {
        self.0.lock().unwrap().push(frame.id().tick.unix_nanos());
        frame.deliver();
    }
}

struct House {
    desk: Arc<Desk>,
    backend: Arc<Backend>,
    books: Arc<Books>,
    gate: Arc<Gatehouse>,
}

impl House {
    fn new() -> Self {
        let (desk, backend) = (Arc::new(Desk::default()), Arc::new(Backend::default()));
        let (clearing, next): (Arc<dyn Clearing>, Arc<dyn Sink>) = (desk.clone(), backend.clone());
        let gate = Gatehouse::new(clearing, next, &Registry::new()).unwrap();
        Self {
            desk,
            backend,
            books: Arc::default(),
            gate,
        }
    }

    /// Offers a frame of `rows` rows.
    fn offer(&self, tick: i64, rows: i64) {
        let meta = FrameMeta {
            id: FrameId {
                target: TargetId::from_name("postgresql://a:1"),
                stream: StreamId::of_server("s"),
                tick: Tick::from_unix_nanos(tick),
                epoch: Epoch(1),
            },
            source: "postgresql".into(),
            resource: Arc::default(),
        };
        let column: Arc<Int64Array> = Arc::new((0..rows).collect::<Vec<_>>().into());
        let rows = RecordBatch::try_from_iter([("n", column as _)]).unwrap();
        self.gate.offer(Frame::collected(&self.books, meta, rows));
    }

    fn sent(&self) -> Vec<i64> {
        self.backend.0.lock().unwrap().clone()
    }

    fn superseded(&self) -> u64 {
        self.books.snapshot().dropped(DropReason::Superseded)
    }

    /// Waits until so many frames are held.
    async fn held(&self, frames: usize) {
        while self.gate.inner.held().frames.len() != frames {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_frame_goes_when_it_is_cleared_and_not_at_all_when_it_is_superseded() {
    let house = House::new();
    let (one, two, three) = (house.desk.waits(1), house.desk.waits(2), house.desk.waits(3));
    let late = house.desk.waits(5);
    late.send(false).unwrap();
    for tick in 1..=5 {
        house.offer(tick, 1);
    }
    assert_eq!(house.sent(), [4], "nobody has to be waited for");
    assert_eq!(house.superseded(), 1, "that was said before it came");
    two.send(true).unwrap();
    house.held(2).await;
    one.send(false).unwrap();
    house.held(1).await;
    drop(three);
    house.held(0).await;
    assert_eq!((house.sent(), house.superseded()), (vec![4, 2, 3], 2));
    assert_eq!(house.gate.inner.waiting.get(), 0);
    let books = house.books.snapshot();
    assert!(books.balanced() && books.in_flight_rows == 0, "{books:?}");
}

#[tokio::test(start_paused = true)]
async fn when_too_much_waits_the_oldest_goes_uncleared_and_is_counted() {
    let house = House::new();
    // Three of 16 MiB fit beside each other, the fourth and a bit do not.
    let rows = 2 * 1024 * 1024;
    let says: Vec<_> = (1..=6).map(|tick| house.desk.waits(tick)).collect();
    for tick in 1..=6 {
        house.offer(tick, rows);
    }
    let sent = house.sent();
    assert!(!sent.is_empty() && sent.len() < 6, "{sent:?}");
    assert_eq!(sent[0], 1, "the oldest");
    assert_eq!(house.gate.inner.uncleared.get(), sent.len() as u64);
    assert!(house.gate.inner.held().bytes <= MOST_BYTES);
    // What went is not stopped by a late word.
    for say in says {
        let _ = say.send(false);
    }
    house.held(0).await;
    assert_eq!(house.sent(), sent);
    assert_eq!(house.superseded(), (6 - sent.len() as u64) * rows.unsigned_abs());
}

#[tokio::test(start_paused = true)]
async fn at_the_end_it_waits_for_the_word_and_not_for_ever() {
    let house = House::new();
    let (soon, never) = (house.desk.waits(1), house.desk.waits(2));
    house.offer(1, 1);
    let begun = Instant::now();
    let say = async {
        tokio::time::sleep(Duration::from_millis(20)).await;
        soon.send(true).unwrap();
    };
    tokio::join!(house.gate.stop(begun + Duration::from_secs(1)), say);
    assert!(
        begun.elapsed() < Duration::from_millis(100),
        "it does not wait longer than it has to"
    );
    house.offer(2, 1);
    house.gate.stop(Instant::now() + Duration::from_millis(50)).await;
    assert_eq!(house.sent(), [1, 2]);
    assert_eq!(house.gate.inner.uncleared.get(), 1);
    drop(never);
}

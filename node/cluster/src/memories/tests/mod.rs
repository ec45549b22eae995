//! The memories without a network: the streams to standbys are served by hand.

mod covers;
mod exactly_once;
mod inherited;
mod model;
mod owner;
mod partings;
mod promises;
mod standby;

use ringwatch_frame::{Cell, ColumnType, Columns, Epoch};

use super::*;
use crate::member::{NodeId, Said, Stage, State};

fn incarnation(node: &str, generation: u64) -> Incarnation {
    Incarnation {
        node: NodeId::new(node),
        generation,
    }
}

fn member(node: &str, generation: u64) -> Member {
    Member {
        who: incarnation(node, generation),
        state: State::Ready,
        since: Tick::from_unix_nanos(1),
        gossip_address: None,
        said: Said {
            stage: Stage::Ready,
            grpc_address: "127.0.0.1:1".into(),
            version: "0.1.0".into(),
            points: 256,
            view: 1,
            targets: 0,
            owned: [].into(),
            excluded: [].into(),
            raft: None,
            dataset: (0, 0),
            protocol: crate::member::PROTOCOL,
        },
    }
}

fn target(n: usize) -> TargetId {
    TargetId::new("postgresql", &format!("db{n}:5432"))
}

fn stream(n: usize) -> StreamId {
    StreamId::of_database("postgresql.tables", &format!("d{n}"))
}

fn tick(n: i64) -> Tick {
    Tick::from_unix_nanos(n)
}

fn rows(n: i64, count: usize) -> RecordBatch {
    let mut columns = Columns::new([("n", ColumnType::Int)]);
    for _ in 0..count {
        columns.push(&[Cell::Int(n)]).unwrap();
    }
    columns.finish().unwrap()
}

fn meta(of: &TargetId, stream: &StreamId, n: i64) -> FrameMeta {
    FrameMeta {
        id: FrameId {
            target: of.clone(),
            stream: stream.clone(),
            tick: tick(n),
            epoch: Epoch(1),
        },
        source: "postgresql".into(),
        resource: Arc::default(),
    }
}

fn memories() -> Arc<Memories> {
    Memories::new(&Registry::new()).unwrap()
}

/// Reads a tick; the frame's rows and the baseline hold the tick's number.
fn collect(memories: &Arc<Memories>, of: &TargetId, stream: &StreamId, n: i64) -> Option<Receipt> {
    memories.collected(&meta(of, stream, n), &rows(n, 1), Some(rows(n, 1)))
}

fn ticks(memory: &TargetMemory, stream: &StreamId) -> Vec<i64> {
    let pending = memory.get(stream).into_iter().flat_map(|stream| &stream.pending);
    pending.map(|frame| frame.meta.id.tick.unix_nanos()).collect()
}

fn nobody(_: &Incarnation) -> bool {
    false
}

impl Memories {
    /// All that is remembered of a target of ours.
    fn whole(&self, target: &TargetId) -> TargetMemory {
        self.lock().whole(target)
    }
}

/// A stream from `owner` to `standby` whose messages arrive when it is told to let them.
struct Line<'a> {
    owner: &'a Arc<Memories>,
    standby: &'a Memories,
    from: Incarnation,
    to: Incarnation,
    stream: Option<Stream>,
    /// What the standby says on it.
    words: Option<mpsc::Receiver<Word>>,
}

impl<'a> Line<'a> {
    fn new(owner: &'a Arc<Memories>, standby: &'a Memories) -> Self {
        Self {
            owner,
            standby,
            from: incarnation("owner", 1),
            to: incarnation("standby", 1),
            stream: None,
            words: None,
        }
    }

    fn open(&mut self) {
        self.stream = self.owner.open(&self.to);
        self.words = Some(self.standby.listen(&self.from));
    }

    /// The stream breaks: what is under way is lost.
    fn cut(&mut self) {
        (self.stream, self.words) = (None, None);
        self.owner.close(&self.to);
    }

    fn snapshot(&self) -> bool {
        let Some(stream) = &self.stream else {
            return false;
        };
        let Ok(place) = stream.sender.try_reserve() else {
            return false;
        };
        self.owner.snapshot(&self.to, stream.number, place)
    }

    fn deliver(&mut self, most: usize) -> usize {
        let mut count = 0;
        while count < most
            && let Some(stream) = &mut self.stream
            && let Ok(change) = stream.changes.try_recv()
        {
            if self.standby.shadowed(&self.from, change).is_err() {
                self.cut();
                return count;
            }
            count += 1;
        }
        count
    }

    /// Lets words of the standby arrive.
    fn hear(&mut self, most: usize) -> usize {
        let (Some(stream), Some(words)) = (&self.stream, &mut self.words) else {
            return 0;
        };
        let mut count = 0;
        while count < most
            && let Ok(word) = words.try_recv()
        {
            self.owner.hear(&self.to, stream.number, word);
            count += 1;
        }
        count
    }

    /// Until nothing is left to be told.
    fn settle(&mut self) {
        if self
            .stream
            .as_ref()
            .is_none_or(|stream| stream.overflow.is_cancelled())
        {
            self.open();
        }
        while self.snapshot() || self.deliver(usize::MAX) > 0 || self.hear(usize::MAX) > 0 {}
    }
}

fn heirs(targets: impl IntoIterator<Item = TargetId>, heir: &Member) -> BTreeMap<TargetId, Member> {
    targets.into_iter().map(|target| (target, heir.clone())).collect()
}

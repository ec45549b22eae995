//! Whatever happens to an owner, its standby and the stream between them: of each tick at most one reading
//! leaves, each counts from where the one before it ended, and nothing goes back.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use tokio::sync::oneshot;
use tokio::time::advance;

use super::*;
use crate::pulse::{BEAT, PAUSE};

mod stories;

const STREAMS: usize = 2;

#[derive(Clone, Debug)]
enum Op {
    /// Time comes to the next tick of a stream.
    Due(usize),
    /// The owner begins the tick that is due, ends it, or does both at once.
    Begin(usize),
    End(usize),
    Read(usize),
    /// The owner could not read it.
    Fail(usize),
    /// The standby begins the oldest tick that nobody has ended, and ends it in one of two ways.
    Claim(usize),
    Cover(usize),
    Abandon(usize),
    /// The stream between them.
    Open,
    Cut,
    Snapshot,
    Deliver(usize),
    Hear(usize),
    Settle,
    /// The owner stands still, and goes on.
    Freeze,
    Wake,
    /// It is late, and asks the standby.
    May(usize),
    /// The standby takes the frozen owner for dead.
    TakeOver,
    Pass(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let s = 0..STREAMS;
    prop_oneof![
        8 => s.clone().prop_map(Op::Due),
        3 => s.clone().prop_map(Op::Begin),
        3 => s.clone().prop_map(Op::End),
        6 => s.clone().prop_map(Op::Read),
        1 => s.clone().prop_map(Op::Fail),
        5 => s.clone().prop_map(Op::Claim),
        5 => s.clone().prop_map(Op::Cover),
        1 => s.clone().prop_map(Op::Abandon),
        2 => Just(Op::Open),
        1 => Just(Op::Cut),
        3 => Just(Op::Snapshot),
        5 => (1..4_usize).prop_map(Op::Deliver),
        5 => (1..4_usize).prop_map(Op::Hear),
        2 => Just(Op::Settle),
        2 => Just(Op::Freeze),
        3 => Just(Op::Wake),
        1 => s.prop_map(Op::May),
        1 => Just(Op::TakeOver),
        2 => (10..700_u64).prop_map(Op::Pass),
    ]
}

/// A reading: of which tick, and from which tick on it counts.
type Reading = (i64, Option<i64>);

/// What one lane of the owner knows, or of the standby once it is the owner.
#[derive(Default)]
struct Lane {
    base: Option<i64>,
    last: i64,
    reading: Option<Reading>,
}

struct World<'a> {
    db: TargetId,
    owner: &'a Arc<Memories>,
    standby: &'a Arc<Memories>,
    line: Line<'a>,
    pulse: Arc<Pulse>,
    lanes: [[Lane; STREAMS]; 2],
    due: [i64; STREAMS],
    covering: [Option<Reading>; STREAMS],
    frozen: bool,
    /// The owner was paused and has not heard yet what was done meanwhile.
    unsure: bool,
    taken: bool,
    waits: Vec<(usize, Reading, oneshot::Receiver<bool>)>,
    /// What has left, and from where: false is the owner.
    left: Vec<(usize, Reading, bool)>,
    receipts: Vec<Receipt>,
    /// Streams that an owner began anew, as it may not have heard what the standby read.
    anew: [bool; STREAMS],
}

fn number(batch: Option<&RecordBatch>) -> Option<i64> {
    let column = batch?
        .column(0)
        .as_any()
        .downcast_ref::<arrow_array::Int64Array>();
    Some(column.unwrap().value(0)).filter(|n| *n >= 0)
}

impl World<'_> {
    fn awake(&self) -> bool {
        !self.frozen && !self.taken && !self.unsure
    }

    fn begin(&mut self, s: usize) {
        if !self.awake_for(s) || self.lanes[0][s].reading.is_some() {
            return;
        }
        let memory = self.owner.rebase(&self.db, &stream(s));
        let lane = &mut self.lanes[0][s];
        if let Some(memory) = memory {
            lane.base = number(memory.baseline.as_ref());
            self.anew[s] |= lane.base.is_none();
            lane.last = lane.last.max(memory.last.map_or(0, Tick::unix_nanos));
        }
        if self.due[s] > lane.last {
            lane.reading = Some((self.due[s], lane.base));
        }
    }

    fn awake_for(&self, s: usize) -> bool {
        self.awake() && !self.owner.awaits(&self.db, &stream(s), tick(self.due[s]))
    }

    fn end(&mut self, s: usize) {
        if self.frozen || self.taken {
            return;
        }
        let Some((n, base)) = self.lanes[0][s].reading.take() else {
            return;
        };
        let meta = meta(&self.db, &stream(s), n);
        let receipt = self
            .owner
            .collected(&meta, &rows(base.unwrap_or(-1), 1), Some(rows(n, 1)));
        self.receipts.extend(receipt);
        let lane = &mut self.lanes[0][s];
        (lane.base, lane.last) = (Some(n), n);
        match self.owner.clearance(&meta.id) {
            Clearance::Clear => self.left.push((s, (n, base), false)),
            Clearance::Wait(decided) => self.waits.push((s, (n, base), decided)),
        }
    }

    /// The owner is sure to have read, and sent away, all up to this tick.
    fn sent(&self, s: usize) -> i64 {
        let mine = self.left.iter().filter(|(of, _, standby)| *of == s && !standby);
        mine.map(|(_, (n, _), _)| *n).max().unwrap_or(0)
    }

    /// The last tick of which the standby knows.
    fn known(&self, s: usize) -> i64 {
        let lasts = self.standby.shadow_lasts(&self.db);
        lasts.get(&stream(s)).map_or(0, |last| last.unix_nanos())
    }

    /// Whether the owner has sent away what the standby does not know, the link being down. When it stands
    /// still then too, nobody can know what counts.
    fn is_behind(&self) -> bool {
        (0..STREAMS).any(|s| self.known(s) < self.sent(s))
    }

    fn claim(&mut self, s: usize) {
        if self.taken || self.covering[s].is_some() {
            return;
        }
        let refused = self.standby.unreachable(&self.db);
        let refused = refused.iter().find(|(of, _)| *of == stream(s));
        let open = self.known(s) + 1;
        let n = match refused {
            _ if self.is_behind() => return,
            Some((_, n)) => n.unix_nanos(),
            // The database says that the owner lives.
            None if !self.frozen || open > self.due[s] => return,
            None => open,
        };
        if self.standby.claim(&self.db, &stream(s), tick(n)).is_some() {
            let memory = self.standby.shadow_memory(&self.db);
            let base = memory
                .get(&stream(s))
                .and_then(|stream| number(stream.baseline.as_ref()));
            // Its owner had said that it begins anew.
            self.anew[s] |= base.is_none();
            self.covering[s] = Some((n, base));
        }
    }

    fn cover(&mut self, s: usize) {
        let Some((n, base)) = self.covering[s].take() else {
            return;
        };
        let meta = meta(&self.db, &stream(s), n);
        let rows_of = rows(base.unwrap_or(-1), 1);
        if let Some(receipt) = self.standby.covered(&meta, &rows_of, Some(rows(n, 1))) {
            self.receipts.push(receipt);
            self.left.push((s, (n, base), true));
        }
    }

    fn take_over(&mut self) {
        if !self.frozen || self.taken || self.is_behind() {
            return;
        }
        let Some(memory) = self.standby.take_shadow(&self.db, &nobody) else {
            return;
        };
        self.taken = true;
        // What it was told and not delivered is the standby's to deliver: the very same reading.
        for s in 0..STREAMS {
            let pending = memory
                .get(&stream(s))
                .into_iter()
                .flat_map(|stream| &stream.pending);
            let reading = |frame: &PendingFrame| (frame.meta.id.tick.unix_nanos(), number(Some(&frame.rows)));
            self.left.extend(pending.map(|frame| (s, reading(frame), true)));
        }
        self.standby.own(&self.db, memory);
        for s in 0..STREAMS {
            let memory = self.standby.recall(&self.db);
            let known = memory.get(&stream(s)).cloned().unwrap_or_default();
            self.lanes[1][s].base = number(known.baseline.as_ref());
            self.lanes[1][s].last = known.last.map_or(0, Tick::unix_nanos);
            // The owner had thrown a reading away of which nobody knows whether it counts, and said so.
            self.anew[s] |= known.baseline.is_none();
        }
    }

    /// The standby, once it is the owner, reads what is due.
    fn read_on(&mut self) {
        for s in 0..STREAMS {
            let (n, lane) = (self.due[s], &mut self.lanes[1][s]);
            if self.taken && n > lane.last.max(0) {
                let meta = meta(&self.db, &stream(s), n);
                let base = lane.base.replace(n);
                lane.last = n;
                let rows_of = rows(base.unwrap_or(-1), 1);
                self.receipts
                    .extend(self.standby.collected(&meta, &rows_of, Some(rows(n, 1))));
                self.left.push((s, (n, base), true));
            }
        }
    }

    async fn wake(&mut self) {
        if !std::mem::take(&mut self.frozen) {
            return;
        }
        advance(PAUSE + BEAT).await;
        self.pulse.beat();
        self.pulse.confirm(self.pulse.pauses());
        self.lanes[0].iter_mut().for_each(|lane| lane.reading = None);
        if self.taken {
            self.owner.part(&self.db, Parting::Lost);
            self.owner.set_heirs(&BTreeMap::new());
        } else {
            self.owner.resync();
            self.unsure = true;
        }
    }

    async fn pass(&mut self, millis: u64) {
        let mut left = millis;
        while left > 0 {
            let step = left.min(50);
            advance(Duration::from_millis(step)).await;
            if !self.frozen {
                self.pulse.beat();
                self.owner.pass();
            }
            left -= step;
        }
    }

    fn look(&mut self) {
        if self.unsure && !self.frozen && self.owner.tie(&self.db) == Tie::Synced {
            self.unsure = false;
        }
        let mut waits = std::mem::take(&mut self.waits);
        waits.retain_mut(|(s, reading, decided)| match decided.try_recv() {
            Ok(go) => {
                if go {
                    self.left.push((*s, *reading, false));
                }
                false
            }
            Err(oneshot::error::TryRecvError::Empty) => true,
            Err(oneshot::error::TryRecvError::Closed) => panic!("nobody decides on {reading:?}"),
        });
        self.waits = waits;
    }

    async fn happens(&mut self, op: Op) {
        match op {
            Op::Due(s) => {
                self.due[s] += 1;
                self.read_on();
            }
            Op::Begin(s) => self.begin(s),
            Op::End(s) => self.end(s),
            Op::Read(s) => {
                self.begin(s);
                self.end(s);
            }
            Op::Fail(s) if self.awake() && self.lanes[0][s].reading.is_none() => {
                let n = self.due[s];
                self.owner.missed(&self.db, &stream(s), tick(n), true);
                self.lanes[0][s].last = self.lanes[0][s].last.max(n);
            }
            Op::Fail(_) => {}
            Op::Claim(s) => self.claim(s),
            Op::Cover(s) => self.cover(s),
            Op::Abandon(s) => {
                if let Some((n, _)) = self.covering[s].take() {
                    self.standby.abandoned(&self.db, &stream(s), tick(n));
                }
            }
            Op::Open if !self.frozen => self.line.open(),
            Op::Cut => self.line.cut(),
            Op::Snapshot if !self.frozen => drop(self.line.snapshot()),
            Op::Deliver(most) => drop(self.line.deliver(most)),
            Op::Hear(most) if !self.frozen => drop(self.line.hear(most)),
            Op::Settle if !self.frozen => self.line.settle(),
            Op::Open | Op::Snapshot | Op::Hear(_) | Op::Settle => {}
            Op::Freeze => self.frozen |= !self.taken,
            Op::Wake => self.wake().await,
            Op::May(s) => {
                let known = self.owner.known_cover(&self.db, &stream(s));
                let what = (&self.db, &stream(s), tick(self.due[s]));
                let leave = self.standby.may(&self.line.from, what, (known, 0));
                if let Some(cover) = leave.covered.filter(|_| !self.frozen && !self.taken) {
                    self.owner.hear_cover(&self.line.to, &self.db, cover);
                }
            }
            Op::TakeOver => self.take_over(),
            Op::Pass(millis) => self.pass(millis).await,
        }
        self.look();
    }

    fn verdict(&self) -> Result<(), TestCaseError> {
        for s in 0..STREAMS {
            let of_stream = self.left.iter().filter(|(of, ..)| *of == s);
            let left: BTreeSet<Reading> = of_stream.map(|(_, reading, _)| *reading).collect();
            let left: Vec<Reading> = left.into_iter().collect();
            for pair in left.windows(2) {
                prop_assert_ne!(pair[0].0, pair[1].0, "two readings left: {:?}", left);
                let anew = pair[1].1.is_none() && self.anew[s];
                let follows = anew || pair[1].1 == Some(pair[0].0);
                prop_assert!(follows, "it counts from elsewhere: {:?}", left);
            }
        }
        Ok(())
    }
}

async fn run(ops: Vec<Op>) -> Result<(), TestCaseError> {
    let (owner, standby, db) = (memories(), memories(), target(1));
    let pulse = Arc::new(Pulse::default());
    owner.follow(Arc::clone(&pulse));
    owner.own(&db, TargetMemory::new());
    owner.set_heirs(&heirs([db.clone()], &member("standby", 1)));
    standby.set_covers(&[db.clone()].into());
    let mut world = World {
        line: Line::new(&owner, &standby),
        owner: &owner,
        standby: &standby,
        db,
        pulse,
        lanes: Default::default(),
        due: [0; STREAMS],
        covering: [None; STREAMS],
        frozen: false,
        unsure: false,
        taken: false,
        waits: Vec::new(),
        left: Vec::new(),
        receipts: Vec::new(),
        anew: [false; STREAMS],
    };
    // All begins with one reading of each stream that the standby knows of.
    for s in 0..STREAMS {
        world.happens(Op::Due(s)).await;
        world.happens(Op::Read(s)).await;
    }
    world.happens(Op::Settle).await;
    let mut last = [None; STREAMS];
    for op in ops {
        world.happens(op).await;
        for (s, last) in last.iter_mut().enumerate().filter(|_| !world.taken) {
            let now = world.standby.shadow_lasts(&world.db).get(&stream(s)).copied();
            prop_assert!(now >= *last, "the last tick falls from {:?} to {:?}", last, now);
            *last = now;
        }
    }
    world.happens(Op::Wake).await;
    // No standby reads for ever.
    for s in 0..STREAMS {
        world.happens(Op::Abandon(s)).await;
    }
    for _ in 0..3 {
        world.happens(Op::Settle).await;
        world.happens(Op::Pass(6_000)).await;
    }
    prop_assert!(world.waits.is_empty(), "frames wait for ever: {:?}", world.waits);
    world.verdict()
}

fn play(ops: Vec<Op>) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(run(ops))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 800, ..ProptestConfig::default() })]
    #[test]
    fn of_each_tick_one_reading_leaves(ops in prop::collection::vec(op(), 1..150)) {
        play(ops)?;
    }
}

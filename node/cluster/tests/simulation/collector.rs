//! A collector that reads nothing but the clock: it ticks on real schedules, asks the gate, keeps baselines
//! in the memories, and delivers what it read some time later.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use arrow_array::{Array as _, Int64Array, RecordBatch};
use async_trait::async_trait;
use ringwatch_cluster::member::{Incarnation, NodeId};
use ringwatch_cluster::memories::{Clearance, Memories};
use ringwatch_cluster::node::{ClusterControl, Collecting, Gate, GateRefusal, May};
use ringwatch_frame::{
    Clock, Epoch, FrameId, FrameMeta, PendingFrame, Receipt, Schedule, StreamId, StreamMemory, TargetId, Tick,
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cover::grace;
use crate::group::Group;
use crate::oracle::{Delivered, Oracle, Series, millis, shifted};
use crate::switch::Switch;
use crate::trace::{self, Trace, seconds};

/// The streams of each target with their intervals in seconds, and whether they make deltas.
pub(crate) const STREAMS: [(&str, u64, bool); 3] = [
    ("activity", 1, false),
    ("waits", 2, true),
    ("statements", 10, true),
];

/// The schedule of a stream.
pub(crate) fn schedule(target: &TargetId, stream: &StreamId) -> Schedule {
    let (_, seconds, _) = STREAMS.iter().find(|(name, ..)| *name == stream.name()).unwrap();
    Schedule::new(target, stream, Duration::from_secs(*seconds)).unwrap()
}

/// Whether a stream makes deltas.
pub(crate) fn counts(stream: &StreamId) -> bool {
    STREAMS
        .iter()
        .any(|(name, _, counts)| *name == stream.name() && *counts)
}

#[derive(Clone)]
pub(crate) struct SimCollector(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) me: Incarnation,
    pub(crate) switch: Switch,
    pub(crate) clock: Clock,
    pub(crate) gate: Arc<Gate>,
    pub(crate) memories: Arc<Memories>,
    pub(crate) oracle: Arc<Oracle>,
    pub(crate) trace: Arc<Trace>,
    may: May,
    /// For the words of a lane that cannot reach its target.
    pub(crate) control: OnceLock<ClusterControl>,
    rng: Mutex<fastrand::Rng>,
    lanes: Mutex<BTreeMap<TargetId, (CancellationToken, TaskTracker)>>,
    group: Arc<Group>,
    /// Targets that were handed to this process and are not started yet.
    received: Mutex<BTreeSet<TargetId>>,
    delivering: TaskTracker,
    /// Targets whose lock another owner had when it was tried last, and under which epoch that was; without one, where it had
    /// been ours before.
    outranked: Mutex<BTreeMap<TargetId, Option<Epoch>>>,
    /// Up to when another node has read a stream, which had the lock of its target before.
    read_before: Mutex<BTreeMap<Series, Tick>>,
}

impl SimCollector {
    pub(crate) fn new(
        me: &Incarnation,
        switch: &Switch,
        clock: &Clock,
        (gate, memories, may): (Arc<Gate>, Arc<Memories>, May),
        (oracle, group, trace): (&Arc<Oracle>, &Arc<Group>, &Arc<Trace>),
        seed: u64,
    ) -> Self {
        Self(Arc::new(Inner {
            me: me.clone(),
            switch: switch.clone(),
            clock: clock.clone(),
            gate,
            memories,
            may,
            control: OnceLock::new(),
            oracle: Arc::clone(oracle),
            trace: Arc::clone(trace),
            rng: Mutex::new(fastrand::Rng::with_seed(seed)),
            lanes: Mutex::default(),
            group: Arc::clone(group),
            received: Mutex::default(),
            delivering: TaskTracker::new(),
            outranked: Mutex::default(),
            read_before: Mutex::default(),
        }))
    }

    /// Waits until all that was read is delivered.
    pub(crate) async fn flush(&self) {
        self.0.delivering.close();
        self.0.delivering.wait().await;
    }
}

#[async_trait]
impl Collecting for SimCollector {
    async fn warm(&self, _: &TargetId) -> Result<(), String> {
        self.0.pass(5..40).await;
        self.0.switch.running().await;
        if self.0.rng.lock().unwrap().u32(..50) == 0 {
            Err("too many clients".into())
        } else {
            Ok(())
        }
    }

    async fn start(&self, target: &TargetId) {
        let inner = &self.0;
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let memory = inner.memories.recall(target);
        for (name, ..) in STREAMS {
            let stream = StreamId::of_server(name);
            let memory = memory.get(&stream).cloned().unwrap_or_default();
            inner.say(&(target.clone(), stream.clone()), || {
                format!("begins: {}", trace::memory(&memory))
            });
            let lane = Arc::clone(inner).lane((target.clone(), stream), memory, stop.clone());
            inner.switch.spawn(tasks.track_future(lane));
        }
        tasks.close();
        let before = inner.lanes.lock().unwrap().insert(target.clone(), (stop, tasks));
        assert!(before.is_none(), "{:?} starts {target} twice", inner.me);
        let handed = inner.received.lock().unwrap().remove(target);
        let without = (!handed).then(|| inner.group.without(&inner.me).unwrap_or_default());
        inner.oracle.begins(&inner.me, target, inner.clock.now(), without);
    }

    async fn stop(&self, target: &TargetId) {
        let lanes = self.0.lanes.lock().unwrap().get(target).cloned();
        let Some((stop, tasks)) = lanes else { return };
        stop.cancel();
        tasks.wait().await;
        self.0.switch.running().await;
        self.0.lanes.lock().unwrap().remove(target);
        self.0.outranked.lock().unwrap().remove(target);
        self.0
            .trace
            .line(&self.0.me.node, || format!("{target} lanes have ended"));
        self.0.oracle.ends(&self.0.me, target);
    }

    fn released(&self, target: &TargetId) -> Vec<u8> {
        assert!(
            !self.0.lanes.lock().unwrap().contains_key(target),
            "its lanes have ended"
        );
        target.as_str().as_bytes().to_vec()
    }

    fn received(&self, target: &TargetId, companion: Vec<u8>) {
        assert_eq!(companion, target.as_str().as_bytes());
        self.0.received.lock().unwrap().insert(target.clone());
    }

    fn deliver(&self, frames: Vec<PendingFrame>) {
        for frame in frames {
            let id = &frame.meta.id;
            self.0.say(&(id.target.clone(), id.stream.clone()), || {
                format!("delivers for the dead {:.3}", seconds(id.tick))
            });
            let receipt = self.0.memories.receipt(&frame.meta.id);
            self.0.begin_delivery(frame, receipt);
        }
    }
}

impl Inner {
    pub(crate) fn say(&self, (target, stream): &Series, what: impl FnOnce() -> String) {
        let say = || format!("{target} {} {}", stream.name(), what());
        self.trace.line(&self.me.node, say);
    }

    pub(crate) async fn pass(&self, millis: std::ops::Range<u64>) {
        let time = self.rng.lock().unwrap().u64(millis);
        sleep(Duration::from_millis(time)).await;
    }

    /// One stream of one target, until it is stopped.
    async fn lane(self: Arc<Self>, series: Series, memory: StreamMemory, stop: CancellationToken) {
        let schedule = schedule(&series.0, &series.1);
        let mut baseline = memory.baseline;
        let mut last = memory.last;
        let mut failures = 0;
        loop {
            let now = self.clock.now();
            // The oldest tick that has not ended is read, late as it may be; what is much older is missed.
            let oldest = schedule.after(shifted(now, -2 * millis(schedule.interval())));
            let tick = match last {
                Some(last) => schedule.next(last).max(oldest),
                None => schedule.after(now),
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.clock.sleep_until(tick) => {}
            }
            match self.read(&series, (tick, last), &mut baseline).await {
                Err(GateRefusal::Unsure) => sleep(Duration::from_millis(20)).await,
                Ok(true) => {
                    (last, failures) = (Some(tick), failures + 1);
                    if failures == 3
                        && let Some(control) = self.control.get()
                    {
                        control.unreachable(&series.0);
                    }
                }
                _ => (last, failures) = (Some(tick), 0),
            }
        }
    }

    /// One reading, after the last tick that has ended. What was begun and is not ours any more before it ends is
    /// thrown away. Says whether the target could not be reached.
    async fn read(
        self: &Arc<Self>,
        series: &Series,
        (tick, mut last): (Tick, Option<Tick>),
        baseline: &mut Option<RecordBatch>,
    ) -> Result<bool, GateRefusal> {
        let (target, stream) = series;
        let late = tick.lateness(self.clock.now());
        if millis(late) > grace(schedule(target, stream).interval()) / 2
            && self.gate.ask(target).is_ok()
            && !self.may.ask(target, stream, tick).await
        {
            return Ok(false);
        }
        let epoch = match self.gate.ask(target) {
            Ok(_) if self.memories.awaits(target, stream, tick) => return Err(GateRefusal::Unsure),
            Ok(epoch) => epoch,
            Err(GateRefusal::Unsure) => return Err(GateRefusal::Unsure),
            Err(GateRefusal::NotOwned) => return Ok(false),
        };
        if let Some(memory) = self.memories.rebase(target, stream) {
            self.say(series, || {
                format!("rebase at {:.3}: {}", seconds(tick), trace::memory(&memory))
            });
            *baseline = memory.baseline;
            last = last.max(memory.last);
            if last.is_some_and(|last| last >= tick) {
                return Ok(false);
            }
        }
        self.pass(1..5).await;
        if !self.gate.holds(target) {
            return Err(GateRefusal::Unsure);
        }
        if let Some(done) = self.connects(series, (tick, last, epoch), baseline)? {
            return Ok(done);
        }
        let at = self.clock.now();
        self.oracle.issues(&self.me, series, (tick, epoch.0), at);
        let long = self.rng.lock().unwrap().u32(..20) == 0;
        self.pass(if long { 50..400 } else { 1..8 }).await;
        // Who has taken the lock meanwhile has ended the session.
        if !self.gate.holds(target) || !self.oracle.has_lock(&self.me, target) {
            return Err(GateRefusal::Unsure);
        }
        let counter = at.unix_nanos() / 1_000;
        let before = baseline
            .as_ref()
            .filter(|_| counts(stream))
            .map(|batch| values(batch).1);
        let meta = FrameMeta {
            id: FrameId {
                target: target.clone(),
                stream: stream.clone(),
                tick,
                epoch,
            },
            source: "postgresql".into(),
            resource: Arc::default(),
        };
        let rows = batch(before, counter);
        let next = counts(stream).then(|| rows.clone());
        let receipt = self.memories.collected(&meta, &rows, next.clone());
        self.say_read(&meta.id, (before, counter), receipt.is_some());
        *baseline = next;
        self.oracle.has_read(&self.me, series, tick, self.clock.now());
        let clearance = self.memories.clearance(&meta.id);
        self.deliver_if(clearance, PendingFrame { meta, rows }, receipt);
        Ok(false)
    }

    fn say_read(&self, id: &FrameId, (before, now): (Option<i64>, i64), pending: bool) {
        self.say(&(id.target.clone(), id.stream.clone()), || {
            let (tick, epoch, refused) = (
                seconds(id.tick),
                id.epoch.0,
                if pending { "" } else { ", refused" },
            );
            let (before, now) = (before.map(micros), micros(now));
            format!("has read {tick:.3} ({before:?}..{now}), epoch {epoch}{refused}")
        });
    }

    /// Whether the tick can be read at all: `Some` if it has ended otherwise, with whether the target could not
    /// be reached.
    fn connects(
        &self,
        (target, stream): &Series,
        (tick, last, epoch): (Tick, Option<Tick>, Epoch),
        baseline: &mut Option<RecordBatch>,
    ) -> Result<Option<bool>, GateRefusal> {
        let series = &(target.clone(), stream.clone());
        if self.oracle.look(|books| books.blind.contains(&self.me.node)) {
            self.say(series, || format!("cannot reach {:.3}", seconds(tick)));
            self.memories.missed(target, stream, tick, true);
            return Ok(Some(true));
        }
        let outranks = |node: &NodeId, held| self.gate.outranks(target, node, Epoch(held));
        if self.oracle.is_outranked(&self.me, target, epoch.0) {
            let tried = (!self.oracle.was_held(&self.me, target)).then_some(epoch);
            self.outranked.lock().unwrap().insert(target.clone(), tried);
        }
        let Some(stolen) = self.oracle.locks(&self.me, target, epoch.0, outranks) else {
            return Err(GateRefusal::Unsure);
        };
        let mut read: BTreeMap<StreamId, Tick> = BTreeMap::new();
        let tried = self.outranked.lock().unwrap().remove(target);
        if tried.is_some_and(|tried| tried.is_none_or(|tried| tried == epoch)) {
            let now = self.clock.now();
            read.extend(STREAMS.map(|(name, ..)| (StreamId::of_server(name), now)));
        }
        let at_work = stolen.filter(|ended| !self.is_stuck(target, ended.asked));
        read.extend(at_work.into_iter().flat_map(|ended| ended.read));
        let read = self.reads_before(series, read);
        // Whoever had the lock until a moment ago has read it.
        if read.is_some_and(|read| tick <= read) && self.memories.leaves(target, stream, tick) {
            self.say(series, || format!("another has read {:.3}", seconds(tick)));
            self.memories.read_elsewhere(target, stream, tick);
            *baseline = None;
            return Ok(Some(false));
        }
        let schedule = schedule(target, stream);
        let was_due = |read| last.is_none_or(|last| schedule.after(last) <= read);
        if read.is_some_and(was_due) {
            *baseline = None;
        }
        Ok(None)
    }

    /// Streams of the target were read up to these ticks by another node. Up to when this one was.
    fn reads_before(&self, series: &Series, read: BTreeMap<StreamId, Tick>) -> Option<Tick> {
        let mut before = self.read_before.lock().unwrap();
        for (stream, tick) in read {
            let known = before.entry((series.0.clone(), stream)).or_insert(tick);
            *known = tick.max(*known);
        }
        before.get(series).copied()
    }

    /// Delivers a frame when it may leave, if it ever does.
    fn deliver_if(self: &Arc<Self>, clearance: Clearance, frame: PendingFrame, receipt: Option<Receipt>) {
        let Clearance::Wait(decided) = clearance else {
            return self.begin_delivery(frame, receipt);
        };
        let inner = Arc::clone(self);
        let waiting = self.delivering.track_future(async move {
            let goes = decided.await.unwrap_or(true);
            let id = &frame.meta.id;
            inner.say(&(id.target.clone(), id.stream.clone()), || {
                format!("frame {:.3} may leave: {goes}", seconds(id.tick))
            });
            if goes {
                inner.begin_delivery(frame, receipt);
            }
        });
        self.switch.spawn(waiting);
    }

    pub(crate) fn begin_delivery(&self, frame: PendingFrame, receipt: Option<Receipt>) {
        let time = Duration::from_millis(self.rng.lock().unwrap().u64(50..300));
        let (oracle, read_by) = (Arc::clone(&self.oracle), self.me.clone());
        let delivery = self.delivering.track_future(async move {
            sleep(time).await;
            let counter = values(&frame.rows);
            let id = frame.meta.id;
            let delivered = Delivered {
                read_by,
                counter,
                epoch: id.epoch.0,
            };
            oracle.delivers(&(id.target, id.stream), id.tick, delivered);
            drop(receipt);
        });
        self.switch.spawn(delivery);
    }
}

/// The simulated time that a counter shows.
fn micros(counter: i64) -> f64 {
    seconds(Tick::from_unix_nanos(counter * 1_000))
}

/// The rows of a frame: the counter at the reading before, and now.
pub(crate) fn batch(before: Option<i64>, now: i64) -> RecordBatch {
    let column = |value: Option<i64>| Arc::new(Int64Array::from(vec![value])) as _;
    RecordBatch::try_from_iter_with_nullable([
        ("before", column(before), true),
        ("now", column(Some(now)), true),
    ])
    .unwrap()
}

pub(crate) fn values(batch: &RecordBatch) -> (Option<i64>, i64) {
    let column = |nth: usize| batch.column(nth).as_any().downcast_ref::<Int64Array>().unwrap();
    let before = column(0);
    (before.is_valid(0).then(|| before.value(0)), column(1).value(0))
}

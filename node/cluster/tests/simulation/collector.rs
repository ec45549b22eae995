//! A collector that reads nothing but the clock: it ticks on real schedules, asks the gate, keeps baselines
//! in the memories, and delivers what it read some time later.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow_array::{Array as _, Int64Array, RecordBatch};
use async_trait::async_trait;
use ringwatch_cluster::member::Incarnation;
use ringwatch_cluster::memories::Memories;
use ringwatch_cluster::node::{Collecting, Gate, GateRefusal};
use ringwatch_frame::{
    Clock, FrameId, FrameMeta, PendingFrame, Receipt, Schedule, StreamId, StreamMemory, TargetId, Tick,
};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::group::Group;
use crate::oracle::{Delivered, Oracle, Series};
use crate::switch::Switch;

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
pub(crate) struct SimCollector(Arc<Inner>);

struct Inner {
    me: Incarnation,
    switch: Switch,
    clock: Clock,
    gate: Arc<Gate>,
    memories: Arc<Memories>,
    oracle: Arc<Oracle>,
    rng: Mutex<fastrand::Rng>,
    lanes: Mutex<BTreeMap<TargetId, (CancellationToken, TaskTracker)>>,
    group: Arc<Group>,
    /// Targets that were handed to this process and are not started yet.
    received: Mutex<BTreeSet<TargetId>>,
    delivering: TaskTracker,
}

impl SimCollector {
    pub(crate) fn new(
        me: &Incarnation,
        switch: &Switch,
        clock: &Clock,
        (gate, memories): (Arc<Gate>, Arc<Memories>),
        (oracle, group): (&Arc<Oracle>, &Arc<Group>),
        seed: u64,
    ) -> Self {
        Self(Arc::new(Inner {
            me: me.clone(),
            switch: switch.clone(),
            clock: clock.clone(),
            gate,
            memories,
            oracle: Arc::clone(oracle),
            rng: Mutex::new(fastrand::Rng::with_seed(seed)),
            lanes: Mutex::default(),
            group: Arc::clone(group),
            received: Mutex::default(),
            delivering: TaskTracker::new(),
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
            let receipt = self.0.memories.receipt(&frame.meta.id);
            self.0.begin_delivery(frame, receipt);
        }
    }
}

impl Inner {
    async fn pass(&self, millis: std::ops::Range<u64>) {
        let time = self.rng.lock().unwrap().u64(millis);
        sleep(Duration::from_millis(time)).await;
    }

    /// One stream of one target, until it is stopped.
    async fn lane(self: Arc<Self>, series: Series, memory: StreamMemory, stop: CancellationToken) {
        let schedule = schedule(&series.0, &series.1);
        let mut baseline = memory.baseline;
        let mut last = memory.last;
        loop {
            let now = self.clock.now();
            let newest = schedule.at_or_before(now);
            // The newest tick that has not ended is read, late as it may be; older ones are missed.
            let tick = match last {
                Some(last) if newest > last => newest,
                Some(last) => schedule.next(last),
                None => schedule.after(now),
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.clock.sleep_until(tick) => {}
            }
            match self.read(&series, tick, &mut baseline).await {
                Err(GateRefusal::Unsure) => sleep(Duration::from_millis(20)).await,
                _ => last = Some(tick),
            }
        }
    }

    /// One reading. What was begun and is not ours any more before it ends is thrown away.
    async fn read(
        &self,
        series: &Series,
        tick: Tick,
        baseline: &mut Option<RecordBatch>,
    ) -> Result<(), GateRefusal> {
        let (target, stream) = series;
        let epoch = match self.gate.ask(target) {
            Ok(epoch) => epoch,
            Err(GateRefusal::Unsure) => return Err(GateRefusal::Unsure),
            Err(GateRefusal::NotOwned) => return Ok(()),
        };
        self.pass(1..5).await;
        if !self.gate.holds(target) {
            return Err(GateRefusal::Unsure);
        }
        let at = self.clock.now();
        self.oracle.issues(&self.me, series, (tick, epoch.0), at);
        let long = self.rng.lock().unwrap().u32(..20) == 0;
        self.pass(if long { 50..400 } else { 1..8 }).await;
        if !self.gate.holds(target) {
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
        *baseline = next;
        self.oracle.has_read(&self.me, series, tick, self.clock.now());
        self.begin_delivery(PendingFrame { meta, rows }, receipt);
        Ok(())
    }

    fn begin_delivery(&self, frame: PendingFrame, receipt: Option<Receipt>) {
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

/// The rows of a frame: the counter at the reading before, and now.
fn batch(before: Option<i64>, now: i64) -> RecordBatch {
    let column = |value: Option<i64>| Arc::new(Int64Array::from(vec![value])) as _;
    RecordBatch::try_from_iter_with_nullable([
        ("before", column(before), true),
        ("now", column(Some(now)), true),
    ])
    .unwrap()
}

fn values(batch: &RecordBatch) -> (Option<i64>, i64) {
    let column = |nth: usize| batch.column(nth).as_any().downcast_ref::<Int64Array>().unwrap();
    let before = column(0);
    (before.is_valid(0).then(|| before.value(0)), column(1).value(0))
}

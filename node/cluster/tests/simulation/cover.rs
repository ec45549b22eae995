//! The standby's side of the collector: it reads what an owner does not, by the rules of the real one.
//!
//! The database is the oracle: it knows who has a session at a target and asked last, and when. The owner is
//! gone if it has none, stuck if it should have asked and did not.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ringwatch_cluster::node::Covering;
use ringwatch_frame::{FrameId, FrameMeta, PendingFrame, StreamId, TargetId, Tick};
use tokio::sync::watch;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::collector::{Inner, STREAMS, batch, counts, schedule, values};
use crate::oracle::{Series, millis, shifted};
use crate::trace::seconds;

/// How often a standby looks.
const LOOK: Duration = Duration::from_millis(40);

/// So long after a tick its standby waits for its owner, in milliseconds.
pub(crate) fn grace(interval: Duration) -> i64 {
    (millis(interval) * 3 / 10).min(1_000)
}

impl Inner {
    /// Covers what the node says it stands by for, until the process ends.
    pub(crate) async fn cover(self: Arc<Self>, mut covers: watch::Receiver<Arc<[Covering]>>) {
        let mut lanes: BTreeMap<TargetId, CancellationToken> = BTreeMap::new();
        loop {
            let wanted = Arc::clone(&covers.borrow_and_update());
            lanes.retain(|target, stop| {
                let stays = wanted.iter().any(|cover| cover.target == *target);
                if !stays {
                    stop.cancel();
                }
                stays
            });
            for cover in wanted.iter() {
                if !lanes.contains_key(&cover.target) {
                    let stop = CancellationToken::new();
                    lanes.insert(cover.target.clone(), stop.clone());
                    let (inner, target) = (Arc::clone(&self), cover.target.clone());
                    self.switch.spawn(async move {
                        tokio::select! {
                            () = stop.cancelled() => {}
                            () = inner.cover_target(target) => {}
                        }
                    });
                }
            }
            if covers.changed().await.is_err() {
                return;
            }
        }
    }

    async fn cover_target(self: Arc<Self>, target: TargetId) {
        let mut excused = BTreeMap::new();
        loop {
            sleep(LOOK).await;
            let refused = self.memories.unreachable(&target);
            for (stream, tick) in refused {
                self.cover_tick(&(target.clone(), stream), tick).await;
            }
            while let Some((series, tick)) = self.open_tick(&target, &mut excused) {
                if !self.cover_tick(&series, tick).await {
                    break;
                }
            }
        }
    }

    /// Whether who asked last at this time should have asked since.
    pub(crate) fn is_stuck(&self, target: &TargetId, asked: Option<Tick>) -> bool {
        let now = self.clock.now();
        STREAMS.iter().any(|(name, ..)| {
            let schedule = schedule(target, &StreamId::of_server(name));
            let due = schedule.at_or_before(shifted(now, -grace(schedule.interval())));
            asked.is_none_or(|asked| asked < due)
        })
    }

    /// The oldest tick that nobody has read and that its owner does not come to read. While the owner asks, ticks whose
    /// successor it was there for are `excused`: they are its own, though it has not told their end.
    fn open_tick(&self, target: &TargetId, excused: &mut BTreeMap<StreamId, Tick>) -> Option<(Series, Tick)> {
        let now = self.clock.now();
        let (present, asked) = self.oracle.look(|books| books.sessions(target, &self.me));
        let due = |(name, ..): &(&str, u64, bool)| {
            let stream = StreamId::of_server(name);
            let schedule = schedule(target, &stream);
            let late = shifted(now, -grace(schedule.interval()));
            (stream, schedule, schedule.at_or_before(late))
        };
        let streams: Vec<_> = STREAMS.iter().map(due).collect();
        if present && !self.is_stuck(target, asked) {
            for (stream, schedule, _) in &streams {
                let back = millis(schedule.interval()) + grace(schedule.interval());
                let known = asked.map(|asked| schedule.at_or_before(shifted(asked, -back)));
                if let Some(until) = known.filter(|_| known.as_ref() > excused.get(stream)) {
                    self.memories.excused(target, stream, until);
                    excused.insert(stream.clone(), until);
                }
            }
            return None;
        }
        let lasts = self.memories.shadow_lasts(target);
        let open = |(stream, schedule, due): &(StreamId, ringwatch_frame::Schedule, Tick)| {
            let told = *lasts.get(stream)?;
            let last = excused.get(stream).map_or(told, |excused| told.max(*excused));
            // A tick that is much older than its interval cannot be had any more.
            let oldest = schedule.after(shifted(now, -2 * millis(schedule.interval())));
            let next = schedule.after(last).max(oldest);
            (next <= *due).then(|| ((target.clone(), stream.clone()), next))
        };
        streams.iter().filter_map(open).min_by_key(|(_, tick)| *tick)
    }

    /// Reads one tick for its owner. Says whether it counts.
    async fn cover_tick(&self, series: &Series, tick: Tick) -> bool {
        let (target, stream) = series;
        let Some(epoch) = self.memories.claim(target, stream, tick) else {
            return false;
        };
        let given_up = || {
            self.say(series, || format!("cannot cover {:.3}", seconds(tick)));
            self.memories.abandoned(target, stream, tick);
            false
        };
        self.pass(1..5).await;
        if !self.gate.stands_by(target) || self.oracle.look(|books| books.blind.contains(&self.me.node)) {
            return given_up();
        }
        let memory = self.memories.shadow_memory(target);
        let baseline = memory.get(stream).and_then(|stream| stream.baseline.clone());
        let at = self.clock.now();
        self.pass(1..8).await;
        if !self.gate.stands_by(target) {
            return given_up();
        }
        let counter = at.unix_nanos() / 1_000;
        let before = baseline.filter(|_| counts(stream)).map(|batch| values(&batch).1);
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
        let Some(receipt) = self.memories.covered(&meta, &rows, next) else {
            self.say(series, || format!("cover of {:.3} does not count", seconds(tick)));
            return false;
        };
        self.say(series, || {
            format!("has covered {:.3}, epoch {}", seconds(tick), meta.id.epoch.0)
        });
        self.oracle.covers(&self.me, series, tick, self.clock.now());
        self.begin_delivery(PendingFrame { meta, rows }, Some(receipt));
        true
    }
}

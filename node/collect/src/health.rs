//! Whether a target answers, as its lanes share it: who may try again, and when.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ringwatch_frame::{StreamId, TargetId};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;
use xxhash_rust::xxh3::xxh3_64;

use crate::fault::{Fault, FaultKind, Scene, advice};
use crate::meters::{Outcome, TargetMeters};
use crate::ownership::Reach;
use crate::report::Reporter;

/// The first wait after an attempt that failed.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// The longest wait. One lane of a target tries, so this asks little of a server that is down, and a server that comes
/// back is read again before anyone wonders.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// The longest wait after the server refused our login: each attempt is a line in its log, and whoever counts such lines
/// may lock us out.
const LONGEST_WAIT_REFUSED: Duration = Duration::from_secs(30);

/// How long a server is out of reach before that is told; or this many ticks, which may be those of several streams, and
/// this long at least.
const AWAY_FOR: Duration = Duration::from_secs(3);
const AWAY_TICKS: u32 = 3;
const AWAY_AT_LEAST: Duration = Duration::from_secs(1);
/// How soon it is told again.
const AWAY_AGAIN: Duration = Duration::from_secs(30);

/// The health of one target.
#[derive(Debug)]
pub(crate) struct Health {
    target: TargetId,
    meters: TargetMeters,
    state: Mutex<State>,
    open: AtomicUsize,
    /// Held by the one lane that tries whether a target that was down answers again.
    probe: Semaphore,
}

#[derive(Debug, Default)]
struct State {
    up: bool,
    /// Whether an attempt has ended in any way.
    tried: bool,
    down: Option<Down>,
    failures: u32,
    reporter: Reporter,
    last_error: Option<String>,
    streams: BTreeMap<StreamId, String>,
    /// Since when ticks are missed because it cannot be reached, how many, and when that was told.
    away: Option<(Instant, u32, Option<Instant>)>,
}

#[derive(Clone, Copy, Debug)]
struct Down {
    outcome: Outcome,
    reach: Reach,
    until: Instant,
}

/// Whether a lane may speak to the target now.
#[derive(Debug)]
pub(crate) enum Admission<'a> {
    /// Yes, as one of several.
    Go,
    /// Yes, as the only one: nothing is known of the target yet.
    First(SemaphorePermit<'a>),
    /// Yes, as the only one: the last attempt failed.
    Probe(SemaphorePermit<'a>),
    /// No: ticks are missed for this reason.
    Wait(Outcome),
}

impl Health {
    /// A target of which nothing is known yet.
    pub(crate) fn new(target: &TargetId, meters: TargetMeters) -> Self {
        Self {
            target: target.clone(),
            meters,
            state: Mutex::default(),
            open: AtomicUsize::new(0),
            probe: Semaphore::new(1),
        }
    }

    /// The target's metrics.
    pub(crate) fn meters(&self) -> &TargetMeters {
        &self.meters
    }

    /// Somebody has read the target just before: its lanes need not wait for what the first one finds.
    pub(crate) fn presumed(&self) {
        self.with(|state| state.tried = true);
    }

    /// A connection was opened.
    pub(crate) fn opened(&self) {
        self.open.fetch_add(1, Relaxed);
        self.meters.connections(1);
    }

    /// A connection was closed.
    pub(crate) fn closed(&self) {
        self.open.fetch_sub(1, Relaxed);
        self.meters.connections(-1);
    }

    /// Whether a connection of ours is open.
    pub(crate) fn has_connections(&self) -> bool {
        self.open.load(Relaxed) > 0
    }

    /// Whether the target may be spoken to. While the first lane tries a target of which nothing is known, others wait.
    pub(crate) async fn admit(&self) -> Admission<'_> {
        let first = if self.with(|state| state.tried) {
            None
        } else {
            self.probe.acquire().await.ok()
        };
        let (tried, down) = self.with(|state| (state.tried, state.down));
        if let Some(permit) = first.filter(|_| !tried) {
            return Admission::First(permit);
        }
        match down {
            None => Admission::Go,
            Some(down) if Instant::now() < down.until => Admission::Wait(down.outcome),
            Some(down) => self
                .probe
                .try_acquire()
                .map_or(Admission::Wait(down.outcome), Admission::Probe),
        }
    }

    /// Why ticks pass unread, if the last attempt failed.
    pub(crate) fn down(&self) -> Option<Outcome> {
        self.with(|state| state.down.map(|down| down.outcome))
    }

    /// Whether ticks pass unread because the server could not be reached.
    pub(crate) fn reach(&self) -> Reach {
        self.with(|state| state.down.map_or(Reach::Reached, |down| down.reach))
    }

    /// One more tick was missed because the server could not be reached. Says whether that is to be told: it has gone on
    /// for a while, and was not told lately.
    pub(crate) fn is_out_of_reach(&self, now: Instant) -> bool {
        self.with(|state| {
            let (since, count, told) = state.away.get_or_insert((now, 0, None));
            *count = count.saturating_add(1);
            let time = now.saturating_duration_since(*since);
            let long = time >= AWAY_FOR || (*count >= AWAY_TICKS && time >= AWAY_AT_LEAST);
            let news = long && told.is_none_or(|told| now >= told + AWAY_AGAIN);
            if news {
                *told = Some(now);
            }
            news
        })
    }

    /// The target answered, be it with an error about one stream.
    pub(crate) fn answered(&self) {
        let news = self.with(|state| {
            let first = !std::mem::replace(&mut state.up, true);
            state.tried = true;
            state.down = None;
            state.away = None;
            state.failures = 0;
            state.last_error = None;
            let recovered = state.reporter.fine();
            if first {
                self.meters.up(true);
            }
            recovered
        });
        if news {
            tracing::info!(target = %self.target, "the target answers again");
        }
    }

    /// The attempt failed in a way that is about the whole target.
    pub(crate) fn failed(&self, fault: &Fault, scene: Scene<'_>, now: Instant) {
        let line = self.with(|state| {
            state.up = false;
            state.tried = true;
            state.failures = state.failures.saturating_add(1);
            let until = now + wait(&self.target, state.failures, longest(fault.kind));
            state.down = Some(Down {
                outcome: fault.kind.outcome(),
                reach: fault.kind.reach(self.has_connections()),
                until,
            });
            state.last_error = Some(fault.message.clone());
            self.meters.up(false);
            state.reporter.fault(fault.kind, now)
        });
        if let Some(times) = line {
            let advice = advice(fault.kind, scene);
            tracing::warn!(target = %self.target, database = scene.database, error = %fault, advice, times, "the target cannot be read");
        }
    }

    /// Keeps the error of one stream for those who ask, or forgets it.
    pub(crate) fn note(&self, stream: &StreamId, error: Option<String>) {
        self.with(|state| match error {
            Some(error) => state.streams.insert(stream.clone(), error),
            None => state.streams.remove(stream),
        });
    }

    /// Whether it is up, and what is wrong with it or with one of its streams.
    pub(crate) fn status(&self) -> (bool, Option<String>) {
        self.with(|state| {
            let stream = || {
                state
                    .streams
                    .iter()
                    .next()
                    .map(|(stream, error)| format!("{stream}: {error}"))
            };
            (state.up, state.last_error.clone().or_else(stream))
        })
    }

    fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

const fn longest(kind: FaultKind) -> Duration {
    if matches!(kind, FaultKind::Login) {
        LONGEST_WAIT_REFUSED
    } else {
        LONGEST_WAIT
    }
}

/// How long to wait after so many failures: twice as long each time, and up to a fifth less, so that targets that
/// failed together do not come back together.
fn wait(target: &TargetId, failures: u32, longest: Duration) -> Duration {
    let plain = FIRST_WAIT
        .saturating_mul(1 << failures.saturating_sub(1).min(16))
        .min(longest);
    let hash = xxh3_64(format!("{target}\0{failures}").as_bytes());
    let percent = u32::try_from(hash % 21).unwrap_or(0);
    plain - plain * percent / 100
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::meters::Meters;

    #[test]
    fn waits_grow_and_differ() {
        let target = TargetId::new("postgresql", "a:1");
        for (kind, longest_wait) in [(FaultKind::Deadline, 5), (FaultKind::Login, 30)] {
            let most = Duration::from_secs(longest_wait);
            let wait = |failures| wait(&target, failures, longest(kind));
            let waits: Vec<_> = (1..14).map(wait).collect();
            assert!(waits[0] <= FIRST_WAIT && waits[0] >= FIRST_WAIT * 4 / 5);
            assert!(waits.iter().all(|wait| *wait <= most), "{kind:?}: {waits:?}");
            for last in [waits[12], wait(u32::MAX)] {
                assert!(last >= most * 4 / 5, "{kind:?}: {last:?}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_out_of_reach_is_told_once_in_a_while() {
        let target = TargetId::new("postgresql", "a:1");
        let meters = Arc::new(Meters::new(&prometheus::Registry::new()).unwrap());
        let health = Health::new(&target, TargetMeters::new(&target, &meters));
        let start = Instant::now();
        let told = |millis| health.is_out_of_reach(start + Duration::from_millis(millis));
        assert_eq!(
            [0, 10, 20, 30].map(told),
            [false; 4],
            "the same moment of several streams"
        );
        assert_eq!([1000, 2000, 20_000, 31_000].map(told), [true, false, false, true]);
        health.answered();
        assert_eq!(
            [32_000, 35_000].map(told),
            [false, true],
            "few ticks and a long time"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn one_lane_tries_and_all_go_on_when_it_answers() {
        let target = TargetId::new("postgresql", "a:1");
        let meters = Arc::new(Meters::new(&prometheus::Registry::new()).unwrap());
        let health = Health::new(&target, TargetMeters::new(&target, &meters));
        let now = Instant::now();
        let first = health.admit().await;
        assert!(matches!(first, Admission::First(_)));
        let other = tokio::time::timeout(FIRST_WAIT, health.admit()).await;
        assert!(other.is_err(), "others wait for what the first finds");
        let scene = Scene {
            driver: ringwatch_config::settings::Driver::Postgres,
            role: "r",
            database: "d",
            extension: None,
        };
        health.failed(
            &Fault::new(FaultKind::Deadline, "no answer"),
            scene,
            Instant::now(),
        );
        drop(first);
        assert!(matches!(health.admit().await, Admission::Wait(Outcome::Timeout)));
        tokio::time::sleep_until(now + FIRST_WAIT * 3).await;
        let probe = health.admit().await;
        assert!(matches!(probe, Admission::Probe(_)));
        assert!(
            matches!(health.admit().await, Admission::Wait(Outcome::Timeout)),
            "only one tries"
        );
        health.answered();
        drop(probe);
        assert!(matches!(health.admit().await, Admission::Go));
        assert_eq!(health.status(), (true, None));
    }
}

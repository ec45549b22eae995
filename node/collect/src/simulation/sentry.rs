//! A guard that is told what to say, and what comes of it.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use super::*;
use crate::guard::ReadingEnd;

/// How readings that had leave ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) given: u64,
    pub(super) read: u64,
    pub(super) failed: BTreeMap<&'static str, u64>,
    pub(super) not_made: u64,
}

impl Ends {
    /// Leaves that have not ended.
    pub(super) fn under_way(&self) -> u64 {
        self.given - self.read - self.not_made - self.failed.values().sum::<u64>()
    }
}

/// Answers as told, and counts.
pub(crate) struct Sentry {
    pub(super) refusal: Mutex<Option<Refusal>>,
    /// How many may still pass before it refuses.
    pub(super) permits: AtomicI64,
    pub(super) at_ease: AtomicBool,
    pub(super) deadline: Mutex<Option<Duration>>,
    ends: Mutex<Ends>,
}

impl Default for Sentry {
    fn default() -> Self {
        Self {
            refusal: Mutex::default(),
            permits: AtomicI64::new(i64::MAX),
            at_ease: AtomicBool::new(true),
            deadline: Mutex::default(),
            ends: Mutex::default(),
        }
    }
}

impl Sentry {
    /// Opens or closes the circuit.
    pub(super) fn open(&self, open: bool) {
        *self.refusal.lock().unwrap() = open.then_some(Refusal::BreakerOpen);
        self.at_ease.store(!open, Ordering::Relaxed);
    }

    pub(super) fn ends(&self) -> Ends {
        self.ends.lock().unwrap().clone()
    }
}

impl Guard for Sentry {
    fn admit(&self, _: &TargetId, _: &StreamId, _: Tick, interval: Duration) -> Result<(), Refusal> {
        assert!(interval >= SECOND);
        if let Some(refusal) = *self.refusal.lock().unwrap() {
            return Err(refusal);
        }
        if self.permits.fetch_sub(1, Ordering::Relaxed) <= 0 {
            self.permits.store(0, Ordering::Relaxed);
            return Err(Refusal::BreakerOpen);
        }
        self.ends.lock().unwrap().given += 1;
        Ok(())
    }

    fn at_ease(&self, _: &TargetId) -> bool {
        self.at_ease.load(Ordering::Relaxed)
    }

    fn deadline(&self, _: &TargetId, _: &StreamId) -> Option<Duration> {
        *self.deadline.lock().unwrap()
    }

    fn ended(&self, _: &TargetId, _: &StreamId, end: &ReadingEnd<'_>) {
        let mut ends = self.ends.lock().unwrap();
        match end {
            ReadingEnd::Read { rows, .. } => {
                assert!(rows.num_columns() > 0);
                ends.read += 1;
            }
            ReadingEnd::Failed { kind, .. } => {
                let name = match kind {
                    FaultKind::Deadline => "deadline",
                    FaultKind::Connection => "connection",
                    _ => "other",
                };
                *ends.failed.entry(name).or_default() += 1;
            }
            ReadingEnd::NotMade => ends.not_made += 1,
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_leave_ends_once_whatever_becomes_of_it() {
    let scene = scene(&["a", "b"], |servers, _| {
        servers.set("a", |b| {
            b.takes = vec![Duration::from_millis(400), SECOND * 3];
            b.connects_in = Duration::from_millis(300);
        });
        servers.set("b", |b| b.hangs = true);
    });
    for round in 0..30 {
        millis(700 + round * 91).await;
        match round % 5 {
            0 => scene.owner.set(Some(Refusal::Unsure)),
            1 => {
                scene.owner.set(None);
                scene.owner.lost.store(true, Ordering::Relaxed);
            }
            2 => scene.owner.lost.store(false, Ordering::Relaxed),
            3 => {
                scene.targets.send_replace(Targets::default());
            }
            _ => {
                scene.targets.send_replace(specs(&scene.plan, &["a", "b"]));
            }
        }
    }
    millis(20_000).await;
    let ends = scene.sentry.ends();
    assert!(
        ends.read > 10 && ends.not_made > 0 && ends.failed["deadline"] > 0,
        "{ends:?}"
    );
    assert!(ends.under_way() <= 8, "{ends:?}");
    let collected = scene.catcher.frames.lock().unwrap().len() as u64;
    assert!(ends.read >= collected, "{ends:?} {collected}");
    assert!(scene.collector.stop(SECOND * 20).await);
    assert_eq!(scene.sentry.ends().under_way(), 0, "{ends:?}");
}

#[tokio::test(start_paused = true)]
async fn what_is_broken_off_gives_its_leave_back() {
    let scene = scene(&["a"], |servers, _| {
        servers.set("a", |b| b.takes = vec![SECOND * 30]);
    });
    millis(3000).await;
    assert!(scene.sentry.ends().under_way() > 0);
    assert!(!scene.collector.stop(SECOND).await);
    millis(1000).await;
    let ends = scene.sentry.ends();
    assert_eq!((ends.under_way(), ends.read), (0, 0), "{ends:?}");
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_means_not_one_call_and_no_connection() {
    let scene = scene(&["a"], |_, _| {});
    millis(25_000).await;
    assert_eq!(scene.servers.connections("a").1, 3);
    scene.sentry.open(true);
    millis(50).await;
    let sent = scene.servers.sent_in_all();
    millis(90_000).await;
    assert_eq!(
        scene.servers.sent_in_all(),
        sent,
        "not even the databases are listed"
    );
    assert_eq!(
        scene.servers.connections("a").1,
        0,
        "its connections are given back"
    );
    assert!(scene.count("a", "activity", "breaker_open") >= 89);
    assert!(scene.collector.warm(&specs(&scene.plan, &["a"])[0]).await.is_ok());
    scene.targets.send_replace(Targets::default());
    scene.collector.ended(&id()).await;
    assert!(scene.collector.warm(&specs(&scene.plan, &["a"])[0]).await.is_ok());
    assert_eq!(scene.servers.sent_in_all(), sent, "nothing is warmed");
    scene.sentry.open(false);
    scene.targets.send_replace(specs(&scene.plan, &["a"]));
    let before = scene.catcher.of("a").len();
    millis(10_000).await;
    assert!(scene.catcher.of("a").len() >= before + 9);
}

#[tokio::test(start_paused = true)]
async fn half_open_lets_exactly_the_permits_through() {
    let scene = scene(&["a"], |_, _| {});
    millis(25_000).await;
    scene.sentry.open(true);
    millis(61_000).await;
    let (sent, read) = (scene.servers.sent_in_all(), scene.sentry.ends().read);
    scene.sentry.permits.store(3, Ordering::Relaxed);
    *scene.sentry.refusal.lock().unwrap() = None;
    millis(60_000).await;
    assert_eq!(scene.sentry.ends().read, read + 3);
    let connects = scene.servers.sent_in_all() - sent - 3;
    assert!(
        connects <= 4,
        "three readings, what they connect and the rights they look up: {connects}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_down_uses_up_no_leave() {
    let scene = scene(&["a"], |servers, _| servers.set("a", |b| b.hangs = true));
    millis(60_000).await;
    let ends = scene.sentry.ends();
    let failed: u64 = ends.failed.values().sum();
    assert!(failed < 20 && ends.not_made > 40, "{ends:?}");
    assert_eq!(scene.count("a", "activity", "budget"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_deadline_of_the_guard_ends_a_question_and_its_connection() {
    let scene = scene(&["a"], |servers, _| {
        servers.set("a", |b| b.takes = vec![Duration::from_millis(700)]);
    });
    millis(12_000).await;
    let before = scene.count("a", "activity", "collected");
    assert!(before > 5);
    *scene.sentry.deadline.lock().unwrap() = Some(Duration::from_millis(200));
    // What began before still has its time.
    millis(1500).await;
    let (collected, failed) = (scene.count("a", "activity", "collected"), scene.sentry.ends());
    millis(30_000).await;
    assert_eq!(scene.count("a", "activity", "collected"), collected);
    let ends = scene.sentry.ends();
    assert!(
        ends.failed["deadline"] > failed.failed.get("deadline").copied().unwrap_or(0),
        "{ends:?}"
    );
    assert!(scene.count("a", "activity", "timeout") > 10);
    *scene.sentry.deadline.lock().unwrap() = None;
    millis(20_000).await;
    assert!(scene.count("a", "activity", "collected") >= collected + 10);
}

#[tokio::test(start_paused = true)]
async fn a_breaker_that_opens_while_a_lane_waits_for_its_place_is_heeded() {
    let hosts: Vec<String> = (0..40).map(|host| format!("h{host}")).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    // More targets connect than there are places, and each takes long.
    let scene = scene(&hosts, |servers, _| {
        for host in &hosts {
            servers.set(host, |b| b.connects_in = Duration::from_millis(900));
        }
    });
    while scene.servers.sent_in_all() < 32 {
        millis(10).await;
    }
    scene.sentry.open(true);
    let connects = || -> usize { hosts.iter().map(|host| scene.servers.sent(host, "connect")).sum() };
    assert_eq!(connects(), 32);
    millis(5000).await;
    assert_eq!(connects(), 32, "those that waited connect no more");
    assert_eq!(scene.sentry.ends().under_way(), 0);
    let sent = scene.servers.sent_in_all();
    millis(5000).await;
    assert_eq!(scene.servers.sent_in_all(), sent);
}

#[tokio::test(start_paused = true)]
async fn a_breaker_that_leaves_ticks_out_keeps_the_connections() {
    let scene = scene(&["a"], |_, _| {});
    millis(25_000).await;
    let opened = scene.servers.sent("a", "connect");
    // Each other reading is refused, and the circuit is closed.
    for _ in 0..20 {
        *scene.sentry.refusal.lock().unwrap() = Some(Refusal::BreakerOpen);
        millis(1000).await;
        *scene.sentry.refusal.lock().unwrap() = None;
        millis(1000).await;
    }
    assert!(scene.count("a", "activity", "breaker_open") >= 15);
    assert_eq!(scene.servers.sent("a", "connect"), opened, "none was opened anew");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_warmed_when_a_breaker_opened_while_it_waited() {
    let hosts: Vec<String> = (0..32).map(|host| format!("h{host}")).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let scene = scene(&[], |servers, _| {
        for host in &hosts {
            servers.set(host, |b| b.connects_in = Duration::from_millis(400));
        }
    });
    let all: Vec<_> = specs(&scene.plan, &hosts).iter().cloned().collect();
    let others = futures::future::join_all(all.iter().map(|spec| scene.collector.warm(spec)));
    let last = specs(&scene.plan, &["h39"])[0].clone();
    let waits = async {
        millis(100).await;
        scene.collector.warm(&last).await
    };
    let opens = async {
        millis(200).await;
        scene.sentry.open(true);
    };
    let (_, warm, ()) = tokio::join!(others, waits, opens);
    assert!(warm.is_ok());
    assert_eq!(scene.servers.sent("h39", "connect"), 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_asked_tells_the_guard_nothing() {
    let scene = scene(&["a"], |servers, _| {
        servers.set("a", |b| {
            b.faults = BTreeMap::from([("server", FaultKind::Version)]);
            b.extension = Some("public");
        });
    });
    millis(60_000).await;
    let ends = scene.sentry.ends();
    assert!(scene.count("a", "server", "error") > 0);
    assert!(ends.failed.is_empty() && ends.not_made > 0, "{ends:?}");
}

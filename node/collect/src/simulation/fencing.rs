//! Nothing is read without the target's own lock.

use ringwatch_frame::Schedule;
use tokio::time::Instant;

use super::*;
use crate::fence::{Arbiter, Holder};

/// Owns in this epoch, and outranks every node whose name begins with `dead`.
struct Judge {
    epoch: Epoch,
}

impl Arbiter for Judge {
    fn outranks(&self, _: &TargetId, holder: &Holder) -> bool {
        holder.epoch <= self.epoch && (holder.node.is_empty() || holder.node.starts_with("dead"))
    }

    fn others(&self) -> Vec<String> {
        vec!["other".into(), "dead-1".into()]
    }

    fn epoch(&self, _: &TargetId) -> Option<Epoch> {
        Some(self.epoch)
    }
}

struct Fenced {
    servers: Servers,
    keeper: Arc<Keeper>,
    catcher: Arc<Catcher>,
    registry: Registry,
    targets: watch::Sender<Targets>,
    collector: Collector,
}

fn fenced(change: impl FnOnce(&Servers)) -> Fenced {
    let servers = Servers::default();
    servers.with(|world| world.sessions.locked = true);
    change(&servers);
    let (owner, sentry) = (Arc::new(Owner::default()), Arc::new(Sentry::default()));
    let clock = Clock::simulated(Tick::from_unix_nanos(1_700_000_000_123_456_789));
    let (books, registry, plan) = (Arc::new(Books::default()), Registry::new(), plan());
    let keeper = Arc::new(Keeper::default());
    let catcher = Arc::new(Catcher {
        clock: clock.clone(),
        keeper: Arc::clone(&keeper),
        frames: Mutex::default(),
        deltas: AtomicI64::new(0),
    });
    let (targets, wanted) = watch::channel(specs(&plan, &["a"]));
    let parts = CollectorParts {
        targets: wanted,
        node: "o".into(),
        fence: FenceMode::Auto,
        arbiter: Arc::new(Judge { epoch: Epoch(9) }),
        ..parts_of(&clock, &books, &registry, (&owner, &sentry, &keeper, &catcher))
    };
    let collector = start_with(parts, servers.seen_by("o")).unwrap();
    Fenced {
        servers,
        keeper,
        catcher,
        registry,
        targets,
        collector,
    }
}

impl Fenced {
    fn count(&self, stream: &str, outcome: &str) -> u64 {
        let ticks = ticks_in(&self.registry, "a");
        ticks
            .get(&(stream.to_owned(), outcome.to_owned()))
            .copied()
            .unwrap_or(0)
    }

    fn unlocked(&self) -> usize {
        self.servers.with(|world| world.sessions.unlocked)
    }

    fn shown(&self) -> String {
        prometheus::TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .unwrap()
    }

    fn holder(&self) -> Option<&'static str> {
        self.servers.with(|world| Some(world.sessions.holder("a")?.1))
    }
}

#[tokio::test(start_paused = true)]
async fn all_lanes_read_with_the_lock_of_one() {
    let fenced = fenced(|_| {});
    millis(60_000).await;
    assert_eq!(fenced.unlocked(), 0);
    assert_eq!(fenced.holder(), Some("o"));
    assert!(fenced.count("activity", "collected") >= 59);
    assert_eq!(fenced.count("activity", "fenced"), 0);
    for stream in ["server", "calls", "tables/app"] {
        assert!(fenced.count(stream, "collected") >= 5, "{stream}");
        assert_eq!(fenced.count(stream, "fenced"), 0, "{stream}");
    }
    assert_eq!(fenced.servers.connections("a").0, 3, "it costs no connection");
    assert_eq!(
        fenced.servers.sent("a", "lock"),
        2,
        "and once for each new session"
    );
    let shown = fenced.shown();
    assert!(
        shown.contains(r#"ringwatch_fence{state="lock",target="postgresql://a:1"} 1"#),
        "{shown}"
    );
    fenced.targets.send_replace(Targets::default());
    fenced.collector.ended(&id()).await;
    assert_eq!(fenced.holder(), None);
    assert!(!fenced.shown().contains("ringwatch_fence{"));
}

#[tokio::test(start_paused = true)]
async fn a_reading_under_way_ends_though_the_lane_with_the_lock_has_ended() {
    let takes = Duration::from_millis(400);
    let fenced = fenced(|servers| servers.set("a", |b| b.takes = vec![takes]));
    let wanted = Arc::clone(&fenced.targets.borrow());
    for stream in ["activity", "server", "calls", "tables"] {
        millis(15_000).await;
        let sent = fenced.servers.sent("a", stream);
        while fenced.servers.sent("a", stream) == sent {
            millis(20).await;
        }
        let before = (Instant::now(), fenced.catcher.of("a").len());
        fenced.targets.send_replace(Targets::default());
        fenced.collector.ended(&id()).await;
        assert!(
            before.0.elapsed() <= takes * 3,
            "{stream}: {:?}",
            before.0.elapsed()
        );
        assert!(
            fenced.catcher.of("a").len() > before.1,
            "{stream}: its tick is still ours"
        );
        fenced.targets.send_replace(Arc::clone(&wanted));
    }
    assert_eq!(fenced.unlocked(), 0);
}

#[tokio::test(start_paused = true)]
async fn while_the_lock_is_anothers_nothing_is_read() {
    let fenced = fenced(|servers| {
        servers.with(|world| world.sessions.locked_by("a", "other", Epoch(3)));
    });
    millis(20_000).await;
    assert_eq!(fenced.unlocked(), 0);
    assert!(fenced.catcher.of("a").is_empty());
    let missed = fenced.count("activity", "fenced");
    assert!(
        (18..=20).contains(&missed),
        "{:?}",
        ticks_in(&fenced.registry, "a")
    );
    let last = fenced
        .keeper
        .last(&id(), &StreamId::of_server("activity"))
        .unwrap();
    assert!(
        last.lateness(fenced.catcher.now()) < SECOND * 3,
        "its end is told"
    );
    let tries = fenced.servers.sent("a", "lock");
    assert!((80..=150).contains(&tries), "{tries}: often at first, then less");
    fenced.servers.with(|world| {
        let (number, _) = world.sessions.holder("a").unwrap();
        world.sessions.close(number);
    });
    millis(2100).await;
    assert!(fenced.count("activity", "collected") >= 2);
    assert_eq!(fenced.holder(), Some("o"));
}

#[tokio::test(start_paused = true)]
async fn the_session_of_a_node_that_is_gone_is_ended() {
    let fenced = fenced(|servers| {
        servers.with(|world| world.sessions.locked_by("a", "dead-1", Epoch(8)));
    });
    millis(12_000).await;
    assert_eq!(fenced.servers.sent("a", "end session"), 1);
    assert_eq!(fenced.holder(), Some("o"));
    assert_eq!(fenced.unlocked(), 0);
    assert_eq!(fenced.count("activity", "fenced"), 0, "it costs no tick");
    assert!(fenced.shown().contains("ringwatch_fence_ended_sessions_total"));
}

#[tokio::test(start_paused = true)]
async fn an_own_session_that_was_cut_off_costs_no_tick() {
    let fenced = fenced(|servers| {
        servers.with(|world| world.sessions.locked_by("a", "o", Epoch(8)));
    });
    millis(12_000).await;
    assert_eq!(fenced.servers.sent("a", "end session"), 1);
    assert_eq!(
        fenced.count("activity", "not_owned"),
        0,
        "nobody else has read it"
    );
    assert_eq!(fenced.count("activity", "fenced"), 0);
    assert!(fenced.count("activity", "collected") >= 11);
}

/// Ends the session of a node that asked just after a tick was due, or not at all; says how that tick ended.
async fn ended_after_a_tick(has_asked: bool) -> (Fenced, u64) {
    let fenced = fenced(|servers| {
        servers.with(|world| world.sessions.locked_by("a", "dead-1", Epoch(10)));
    });
    let schedule = Schedule::new(&id(), &StreamId::of_server("activity"), SECOND).unwrap();
    millis(5_000).await;
    let clock = fenced.catcher.clock.clone();
    clock.sleep_until(schedule.after(clock.now())).await;
    millis(10).await;
    fenced
        .servers
        .with(|world| world.sessions.holder_asked("a", has_asked, Epoch(8)));
    let before = fenced.count("activity", "not_owned");
    millis(500).await;
    assert_eq!(fenced.holder(), Some("o"));
    let elsewhere = fenced.count("activity", "not_owned") - before;
    (fenced, elsewhere)
}

#[tokio::test(start_paused = true)]
async fn what_the_session_had_read_that_was_ended_is_not_read_again() {
    let (fenced, elsewhere) = ended_after_a_tick(true).await;
    assert_eq!((elsewhere, fenced.count("activity", "collected")), (1, 0));
    millis(1_000).await;
    assert_eq!(fenced.count("activity", "collected"), 1);
}

#[tokio::test(start_paused = true)]
async fn what_a_session_that_stood_still_should_have_read_is_read() {
    let (fenced, elsewhere) = ended_after_a_tick(false).await;
    assert_eq!((elsewhere, fenced.count("activity", "collected")), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn where_the_session_may_not_be_ended_the_epoch_alone_fences() {
    let fenced = fenced(|servers| {
        servers.with(|world| {
            world.sessions.locked_by("a", "dead-1", Epoch(8));
            (world.sessions.locked, world.sessions.other_role) = (false, true);
        });
    });
    millis(12_000).await;
    assert_eq!(fenced.servers.sent("a", "end session"), 1);
    assert_eq!(fenced.count("activity", "fenced"), 0, "it costs no tick");
    assert!(fenced.count("activity", "collected") >= 10);
    let shown = fenced.shown();
    assert!(
        shown.contains(r#"ringwatch_fence{state="epoch",target="postgresql://a:1"} 1"#),
        "{shown}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_newer_owner_is_never_ended() {
    let fenced = fenced(|servers| {
        servers.with(|world| world.sessions.locked_by("a", "dead-1", Epoch(10)));
    });
    millis(12_000).await;
    assert_eq!(fenced.servers.sent("a", "end session"), 0);
    assert_eq!(fenced.holder(), Some("dead-1"));
    assert!(fenced.catcher.of("a").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_is_lost_is_taken_again_before_anything_is_read() {
    let fenced = fenced(|_| {});
    millis(20_000).await;
    for _ in 0..5 {
        fenced.servers.set("a", |b| b.breaks = true);
        millis(7300).await;
    }
    assert_eq!(fenced.unlocked(), 0);
    assert_eq!(fenced.holder(), Some("o"));
    assert!(fenced.servers.sent("a", "lock") > 1);
    assert!(fenced.count("activity", "collected") >= 54);
    assert!(
        fenced
            .shown()
            .contains(r#"ringwatch_fence{state="lock",target="postgresql://a:1"} 1"#)
    );
}

#[tokio::test(start_paused = true)]
async fn a_lock_that_was_taken_away_stops_all_lanes() {
    let fenced = fenced(|_| {});
    millis(20_300).await;
    assert_eq!(fenced.unlocked(), 0);
    fenced.servers.with(|world| {
        assert_eq!(world.sessions.end_lanes("a", "o").len(), 3);
        world.sessions.locked_by("a", "newer", Epoch(10));
    });
    millis(20_000).await;
    assert_eq!(fenced.holder(), Some("newer"));
    assert_eq!(fenced.unlocked(), 0);
    let activity = fenced.count("activity", "collected");
    assert!((20..=21).contains(&activity), "{activity}");
    assert!(fenced.count("activity", "fenced") >= 15);
}

/// How many ticks are left to another node that took our lock under this epoch and lets it go just after a tick was due.
async fn left_to_who_let_go(epoch: u64) -> u64 {
    let fenced = fenced(|_| {});
    millis(20_300).await;
    fenced.servers.with(|world| {
        world.sessions.end_lanes("a", "o");
        world.sessions.locked_by("a", "other", Epoch(epoch));
    });
    millis(4_000).await;
    let schedule = Schedule::new(&id(), &StreamId::of_server("activity"), SECOND).unwrap();
    let clock = fenced.catcher.clock.clone();
    clock.sleep_until(schedule.after(clock.now())).await;
    millis(10).await;
    fenced.servers.with(|world| {
        let (number, _) = world.sessions.holder("a").unwrap();
        world.sessions.close(number);
    });
    let before = fenced.count("activity", "not_owned");
    millis(600).await;
    assert_eq!((fenced.holder(), fenced.unlocked()), (Some("o"), 0));
    fenced.count("activity", "not_owned") - before
}

#[tokio::test(start_paused = true)]
async fn what_was_due_while_another_of_our_epoch_or_a_newer_one_had_our_lock_is_its_own() {
    assert_eq!(left_to_who_let_go(10).await, 1);
    assert_eq!(left_to_who_let_go(9).await, 1, "a member of our own view");
    assert_eq!(left_to_who_let_go(8).await, 0, "one that has no right to it");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_is_new_finds_the_lock_free_and_takes_it() {
    let fenced = fenced(|_| {});
    millis(20_300).await;
    fenced.servers.with(|world| world.sessions.end_lanes("a", "o"));
    millis(20_000).await;
    assert_eq!((fenced.holder(), fenced.unlocked()), (Some("o"), 0));
    assert!(fenced.count("activity", "collected") >= 40);
    assert_eq!(fenced.count("activity", "fenced"), 0, "it costs no tick");
}

#[tokio::test(start_paused = true)]
async fn a_session_that_reads_without_the_lock_is_ended_with_the_one_that_has_it() {
    let fenced = fenced(|servers| {
        servers.with(|world| {
            world.sessions.locked_by("a", "dead-1", Epoch(8));
            world.sessions.opened_by("a", "dead-1");
        });
    });
    millis(3_000).await;
    assert_eq!(
        fenced.servers.with(|world| world.sessions.lanes("a", "dead-1")),
        0
    );
    assert_eq!(fenced.holder(), Some("o"));
}

#[tokio::test(start_paused = true)]
async fn where_the_server_does_not_tell_whose_the_lock_is_it_is_asked_for_each_node() {
    let fenced = fenced(|servers| {
        servers.with(|world| {
            world.sessions.nameless = true;
            world.sessions.locked_by("a", "dead-1", Epoch(8));
            world.sessions.opened_by("a", "dead-1");
            world.sessions.opened_by("a", "other");
        });
    });
    millis(3_000).await;
    let lanes = |node| fenced.servers.with(|world| world.sessions.lanes("a", node));
    assert_eq!((lanes("dead-1"), lanes("other")), (0, 1));
    assert_eq!(fenced.holder(), Some("o"));
}

#[tokio::test(start_paused = true)]
async fn who_has_the_lock_under_our_own_epoch_and_is_at_work_is_not_ended() {
    let fenced = fenced(|servers| {
        servers.with(|world| world.sessions.locked_by("a", "dead-1", Epoch(9)));
    });
    for _ in 0..40 {
        fenced
            .servers
            .with(|world| world.sessions.holder_asked("a", true, Epoch(9)));
        millis(250).await;
    }
    assert_eq!(fenced.servers.sent("a", "end session"), 0);
    assert_eq!((fenced.holder(), fenced.unlocked()), (Some("dead-1"), 0));
    millis(4_000).await;
    assert_eq!(fenced.servers.sent("a", "end session"), 1, "it stands still");
    assert_eq!(fenced.holder(), Some("o"));
}

#[tokio::test(start_paused = true)]
async fn a_lane_that_connects_does_not_keep_another_from_the_lock() {
    let fenced = fenced(|_| {});
    let wanted = Arc::clone(&fenced.targets.borrow());
    millis(12_000).await;
    fenced.targets.send_replace(Targets::default());
    fenced.collector.ended(&id()).await;
    fenced.collector.warm(&wanted[0]).await.unwrap();
    fenced.servers.set("a", |b| b.connects_in = SECOND * 3);
    fenced
        .servers
        .with(|world| world.sessions.locked_by("a", "dead-1", Epoch(10)));
    fenced.targets.send_replace(wanted);
    millis(300).await;
    let (tries, connects) = (
        fenced.servers.sent("a", "lock"),
        fenced.servers.sent("a", "connect"),
    );
    fenced
        .servers
        .with(|world| world.sessions.holder_asked("a", false, Epoch(8)));
    millis(60).await;
    assert_eq!(fenced.holder(), Some("o"));
    assert!(tries >= 5, "{tries}: as often as without the other lanes");
    millis(10_000).await;
    assert_eq!(fenced.unlocked(), 0);
    assert!(fenced.servers.connections("a").0 <= 3, "{connects}");
}

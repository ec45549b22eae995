//! What a standby does besides, and what it does not.

use super::covering::{ALL, COVERED, duo};
use super::*;
use crate::ownership::Late;

#[tokio::test(start_paused = true)]
async fn an_owner_that_is_late_asks_first() {
    let duo = duo(StandbyMode::Hot, |_| {});
    millis(25_000).await;
    for round in 0..20 {
        duo.after_tick(950).await;
        duo.freeze(true);
        // Past half the grace of the next tick, or past all of it.
        millis(if round % 2 == 0 { 250 } else { 420 }).await;
        if round % 4 == 3 {
            // What the standby told is under way yet.
            duo.pair.deafen();
        }
        duo.freeze(false);
        millis(1500).await;
    }
    millis(12_000).await;
    let late = duo.pair.late();
    assert!(
        late.contains(&Late::GoOn) && late.contains(&Late::Covered),
        "{late:?}"
    );
    let covered = duo.covered("activity");
    assert!((5..=12).contains(&covered), "{covered}");
    duo.check();
    duo.check_deltas();
}

#[tokio::test(start_paused = true)]
async fn a_covered_reading_that_fails_is_tried_again() {
    let mut duo = duo(StandbyMode::Hot, |_| {});
    millis(25_000).await;
    duo.owning = None;
    duo.servers.set("a", |b| {
        b.faults = BTreeMap::from([("activity", FaultKind::Lock)]);
    });
    millis(5000).await;
    assert_eq!(duo.covered("activity"), 0);
    assert!(duo.pair.abandoned() >= 2);
    let tries = duo.servers.sent("a", "activity");
    duo.servers.set("a", |b| b.faults = BTreeMap::new());
    assert!(tries < 60, "it is left alone for a while: {tries}");
    millis(20_000).await;
    duo.check();
    duo.check_deltas();
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_new_is_covered_from_its_second_tick_on() {
    let mut duo = duo(StandbyMode::Hot, |_| {});
    duo.pair.leave_unheard(Some(StreamId::of_server("activity")));
    millis(21_000).await;
    duo.after_tick(500).await;
    duo.pair.leave_unheard(None);
    duo.after_tick(500).await;
    duo.owning = None;
    millis(5_000).await;
    duo.check();
    let late = duo.arrived("activity", None).into_iter().map(|(_, late)| late);
    let latest = late.max().unwrap();
    assert!(latest < COVERED, "{latest:?}");
}

#[tokio::test(start_paused = true)]
async fn a_suffering_server_is_left_alone() {
    let mut duo = duo(StandbyMode::Hot, |_| {});
    millis(25_000).await;
    duo.owning = None;
    duo.sentry.open(true);
    let sent = duo.servers.sent_in_all();
    millis(5000).await;
    assert_eq!(duo.servers.sent_in_all(), sent);
    duo.sentry.open(false);
    millis(20_000).await;
    duo.check();
}

#[tokio::test(start_paused = true)]
async fn what_the_owner_cannot_reach_is_read_by_the_standby() {
    let duo = duo(StandbyMode::Hot, |_| {});
    millis(25_000).await;
    duo.servers.set("a", |b| b.cut_from = Some("o"));
    millis(30_000).await;
    assert!(duo.covered("activity") >= 28, "{}", duo.covered("activity"));
    duo.servers.set("a", |b| b.cut_from = None);
    millis(30_000).await;
    duo.check();
    duo.check_deltas();
}

#[tokio::test(start_paused = true)]
async fn a_warm_standby_connects_when_it_must_and_none_never() {
    for (mode, covers) in [(StandbyMode::Warm, true), (StandbyMode::None, false)] {
        let mut duo = duo(mode, |_| {});
        millis(25_000).await;
        assert_eq!(duo.servers.with(|world| world.sessions.most("a", STANDBY)), 0);
        duo.owning = None;
        millis(25_000).await;
        assert_eq!(duo.covered("activity") > 0, covers, "{mode:?}");
        if covers {
            duo.check();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_open_session_is_that_of_the_new_owners_first_lane() {
    let mut duo = duo(StandbyMode::Hot, |servers| {
        servers.set("a", |b| b.connects_in = Duration::from_millis(100));
    });
    millis(25_000).await;
    duo.after_tick(500).await;
    duo.owning = None;
    millis(2000).await;
    let connects = duo.servers.sent("a", "connect");
    let spec = specs(&duo.plan, &["a"]);
    duo.standby.warm(&spec[0]).await.unwrap();
    assert_eq!(duo.servers.sent("a", "connect"), connects, "one is open");
    duo.pair.take_over();
    duo.covers.send_replace(Arc::default());
    millis(30).await;
    duo.targets.send_replace(spec);
    millis(25_000).await;
    let opened = duo.servers.sent("a", "connect") - connects;
    assert!(opened <= 3, "two lanes, and the listing of databases: {opened}");
    let open = duo.servers.connections("a").1;
    assert_eq!(open, 3);
    let lanes = duo.servers.with(|world| world.sessions.lanes("a", STANDBY));
    assert_eq!(lanes, 3, "the one that waited says now that it is a lane's");
    for (name, database, interval) in ALL {
        let ticks = duo.arrived(name, database);
        let steps = ticks
            .windows(2)
            .map(|two| two[1].0.tick.unix_nanos() - two[0].0.tick.unix_nanos());
        assert!(
            steps.into_iter().all(|step| step == interval.as_nanos() as i64),
            "{name}"
        );
    }
    duo.check_deltas();
}

#[tokio::test(start_paused = true)]
async fn nothing_is_open_when_the_standby_is_one_no_more() {
    let duo = duo(StandbyMode::Hot, |_| {});
    millis(12_000).await;
    duo.covers.send_replace(Arc::default());
    millis(1500).await;
    let open = duo.servers.with(|world| world.sessions.open_of("a", STANDBY));
    assert_eq!(open, 0);
    assert!(duo.standby.stop(SECOND).await);
}

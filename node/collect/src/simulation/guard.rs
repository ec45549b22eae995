//! A node that is not sure sends nothing, and loses nothing that it need not.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_short_doubt_delays_and_loses_nothing() {
    let scene = scene(&["a"], |_, _| {});
    millis(20_000).await;
    for round in 0..10 {
        scene.owner.set(Some(Refusal::Unsure));
        let sent = scene.servers.sent_in_all();
        // What was sent just before may still come back.
        millis(5).await;
        millis(295).await;
        assert!(scene.servers.sent_in_all() <= sent + 1);
        scene.owner.set(None);
        millis(1000 + 77 * round).await;
    }
    assert!(scene.count("a", "activity", "collected") >= 30);
    let missed: Vec<_> = scene.ticks("a").into_iter().collect();
    let missed: Vec<_> = missed
        .iter()
        .filter(|((stream, outcome), _)| stream != "statements" && outcome != "collected")
        .collect();
    assert!(missed.is_empty(), "{missed:?}");
    let late = scene.catcher.of("a").iter().map(|(_, late)| *late).max().unwrap();
    assert!(
        (Duration::from_millis(100)..Duration::from_millis(340)).contains(&late),
        "{late:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_long_doubt_is_counted_as_such() {
    let scene = scene(&["a"], |_, _| {});
    millis(20_000).await;
    let before = scene.count("a", "activity", "collected");
    scene.owner.set(Some(Refusal::Unsure));
    millis(5500).await;
    scene.owner.set(None);
    millis(5000).await;
    let paused = scene.count("a", "activity", "paused");
    assert!((4..=5).contains(&paused), "{:?}", scene.ticks("a"));
    assert_eq!(scene.count("a", "activity", "late"), 0);
    let collected = scene.count("a", "activity", "collected") - before;
    assert!((10..=11).contains(&(collected + paused)), "{collected} {paused}");
    assert_eq!(
        scene.count("a", "server", "paused"),
        0,
        "the others are read late"
    );
    let last = scene
        .keeper
        .last(&id(), &StreamId::of_server("activity"))
        .unwrap();
    assert!(last.lateness(scene.clock.now()) < SECOND * 2);
}

#[tokio::test(start_paused = true)]
async fn streams_that_wait_for_others_in_a_doubt_are_counted_as_such() {
    let scene = scene(&["a"], |servers, _| {
        servers.set("a", |b| b.extension = Some("public"));
    });
    millis(40_000).await;
    scene.owner.set(Some(Refusal::Unsure));
    millis(45_000).await;
    scene.owner.set(None);
    millis(20_000).await;
    for stream in ["server", "calls"] {
        let paused = scene.count("a", stream, "paused");
        assert!((2..=5).contains(&paused), "{:?}", scene.ticks("a"));
        assert_eq!(scene.count("a", stream, "late"), 0, "{stream}");
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_after_the_target_is_lost_in_the_middle() {
    for holds in 0..60 {
        let scene = scene(&["a"], |servers, owner| {
            servers.set("a", |b| {
                b.takes = vec![Duration::from_millis(20)];
                b.connects_in = Duration::from_millis(5);
                b.in_steps = true;
                b.extension = Some("public");
            });
            owner.holds.store(holds, Ordering::Relaxed);
        });
        millis(12_000).await;
        assert!(scene.owner.lost.load(Ordering::Relaxed), "{holds}");
        assert_eq!(scene.servers.harm(), 0, "{holds}");
        let collected = scene.catcher.of("a").len();
        scene.owner.holds.store(i64::MAX, Ordering::Relaxed);
        scene.owner.lost.store(false, Ordering::Relaxed);
        millis(30_000).await;
        assert!(
            scene.catcher.of("a").len() >= collected + 30,
            "{holds}: it goes on"
        );
        let wrong: Vec<_> = scene
            .ticks("a")
            .into_iter()
            .filter(|((_, outcome), _)| outcome == "error" || outcome == "timeout")
            .collect();
        assert!(wrong.is_empty(), "{holds}: {wrong:?}");
        assert!(scene.count("a", "activity", "paused") > 0, "{holds}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_rests_in_the_middle_ends_with_its_target() {
    let scene = scene(&["a"], |servers, _| {
        servers.set("a", |b| b.takes = vec![Duration::from_millis(400)]);
    });
    millis(10_000).await;
    while scene.servers.sent("a", "activity") == 0 {
        millis(50).await;
    }
    let sent = scene.servers.sent("a", "activity");
    while scene.servers.sent("a", "activity") == sent {
        millis(50).await;
    }
    scene.owner.lost.store(true, Ordering::Relaxed);
    scene.owner.set(Some(Refusal::Unsure));
    let frames = scene.catcher.of("a").len();
    millis(500).await;
    scene.targets.send_replace(Targets::default());
    let started = tokio::time::Instant::now();
    scene.collector.ended(&id()).await;
    assert!(
        started.elapsed() < Duration::from_millis(100),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(scene.servers.connections("a").1, 0);
    assert_eq!(scene.catcher.of("a").len(), frames);
    assert_eq!(scene.servers.harm(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_reading_under_way_when_the_target_is_handed_over_is_still_ours_and_the_last() {
    let scene = scene(&["a"], |servers, _| {
        servers.set("a", |b| b.takes = vec![Duration::from_millis(300)]);
    });
    millis(10_000).await;
    let sent = scene.servers.sent("a", "activity");
    while scene.servers.sent("a", "activity") == sent {
        millis(20).await;
    }
    let stream = StreamId::of_server("activity");
    let (collected, last) = (
        scene.count("a", "activity", "collected"),
        scene.keeper.last(&id(), &stream).unwrap(),
    );
    // No new tick may begin; what runs may end: the successor waits for it.
    scene.owner.set(Some(Refusal::NotOwned));
    // Each lane leaves at its next tick.
    millis(11_000).await;
    assert_eq!(scene.count("a", "activity", "collected"), collected + 1);
    assert!(scene.count("a", "activity", "not_owned") >= 1);
    let now = scene.keeper.last(&id(), &stream).unwrap();
    assert_eq!(now.unix_nanos() - last.unix_nanos(), 1_000_000_000);
    assert_eq!(scene.servers.connections("a").1, 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_target_runs_after_its_end() {
    let scene = scene(&["a"], |servers, _| {
        servers.set("a", |b| b.takes = vec![Duration::from_millis(300)]);
    });
    scene
        .collector
        .ended(&TargetId::new("postgresql", "nobody:1"))
        .await;
    for round in 0..20 {
        millis(1000 + 130 * round).await;
        // The supervisor has not seen this yet when the end is waited for.
        scene.targets.send_replace(Targets::default());
        let started = tokio::time::Instant::now();
        scene.collector.ended(&id()).await;
        assert!(
            started.elapsed() < Duration::from_millis(350),
            "a reading that runs is finished"
        );
        assert_eq!(scene.servers.connections("a").1, 0);
        assert!(scene.collector.status().is_empty());
        let (sent, frames) = (scene.servers.sent_in_all(), scene.catcher.of("a").len());
        millis(2000).await;
        assert_eq!(scene.servers.sent_in_all(), sent);
        assert_eq!(scene.catcher.of("a").len(), frames);
        scene.targets.send_replace(specs(&scene.plan, &["a"]));
        if round % 2 == 0 {
            // Not even the start has been seen.
            scene.targets.send_replace(Targets::default());
            scene.collector.ended(&id()).await;
            assert_eq!(scene.servers.sent_in_all(), sent);
            scene.targets.send_replace(specs(&scene.plan, &["a"]));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_waits_for_those_that_leave_and_come_back() {
    let scene = scene(&["a"], |servers, _| {
        servers.set("a", |b| b.takes = vec![SECOND * 4]);
    });
    millis(12_000).await;
    for _ in 0..3 {
        scene.targets.send_replace(Targets::default());
        millis(100).await;
        scene.targets.send_replace(specs(&scene.plan, &["a"]));
        millis(100).await;
    }
    scene.targets.send_replace(Targets::default());
    scene.collector.ended(&id()).await;
    assert_eq!(scene.servers.connections("a").1, 0);
}

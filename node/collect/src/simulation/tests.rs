//! What the collector promises, shown under simulated time.

use ringwatch_frame::Schedule;

use super::*;

async fn pass(seconds: u64) {
    tokio::time::sleep(SECOND * u32::try_from(seconds).unwrap()).await;
}

/// Every tick up to the last one that was asked for is counted once, and no frame comes twice.
fn check_books(scene: &Scene, host: &str) {
    let asked = scene.owner.asked.lock().unwrap();
    let mut totals: BTreeMap<String, u64> = BTreeMap::new();
    for ((stream, _), count) in scene.ticks(host) {
        *totals.entry(stream).or_default() += count;
    }
    for ((target, stream), ticks) in asked
        .iter()
        .filter(|((_, stream), _)| stream.name() != "discovery")
    {
        if target.as_str() != format!("postgresql://{host}:1") {
            continue;
        }
        let planned = scene
            .plan
            .streams()
            .iter()
            .find(|p| p.stream.name == stream.name())
            .unwrap();
        let phase = match stream.database() {
            Some(database) => StreamId::of_database("database", database),
            None => stream.clone(),
        };
        let schedule = Schedule::new(target, &phase, planned.interval).unwrap();
        assert!(ticks.iter().all(|tick| schedule.contains(*tick)));
        let (first, last) = (*ticks.first().unwrap(), *ticks.last().unwrap());
        // A database's stream begins when the database is found.
        let before = if stream.database().is_some() {
            0
        } else {
            schedule.between(scene.start, first) - 1
        };
        let expected = before + 1 + schedule.between(first, last);
        let total = totals[&stream.to_string()];
        // The last one may be under way just now.
        assert!(
            total == expected || total + 1 == expected,
            "{host} {stream}: {total} of {expected}"
        );
    }
    let frames = scene.catcher.of(host);
    let distinct: BTreeSet<_> = frames
        .iter()
        .map(|(id, _)| (id.stream.to_string(), id.tick))
        .collect();
    assert_eq!(distinct.len(), frames.len(), "a tick was collected twice");
    let collected: u64 = scene
        .ticks(host)
        .iter()
        .filter(|((_, outcome), _)| outcome == "collected")
        .map(|(_, count)| count)
        .sum();
    assert_eq!(collected, frames.len() as u64);
    assert!(scene.books.snapshot().balanced());
}

#[tokio::test(start_paused = true)]
async fn a_healthy_target_misses_nothing() {
    let scene = scene(&["a"], |_, _| {});
    pass(60).await;
    for (stream, ticks) in [("activity", 60), ("server", 6), ("tables/app", 6)] {
        let count = scene.count("a", stream, "collected");
        assert!((ticks - 1..=ticks).contains(&count), "{stream}: {count}");
    }
    assert!(
        scene
            .catcher
            .of("a")
            .iter()
            .all(|(id, late)| id.epoch == Epoch(7) && *late < Duration::from_millis(20))
    );
    assert_eq!(
        scene.servers.connections("a").0,
        3,
        "one connection for each lane"
    );
    check_books(&scene, "a");
    assert!(scene.collector.status()[0].up);
}

#[tokio::test(start_paused = true)]
async fn every_tick_of_a_slow_target_is_collected_or_missed_once() {
    let takes = [10, 2500, 300, 900, 1100, 4200, 5]
        .map(Duration::from_millis)
        .to_vec();
    let scene = scene(&["a"], |servers, _| servers.set("a", |b| b.takes = takes));
    pass(600).await;
    assert!(
        scene.count("a", "activity", "late") > 100,
        "{:?}",
        scene.ticks("a")
    );
    assert!(scene.count("a", "activity", "collected") > 100);
    check_books(&scene, "a");
}

#[tokio::test(start_paused = true)]
async fn targets_that_hang_do_not_delay_others() {
    let hosts: Vec<String> = ('a'..='z').map(String::from).collect();
    let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
    let scene = scene(&hosts, |servers, _| {
        for host in &hosts[..20] {
            servers.set(host, |behaviour| behaviour.hangs = true);
        }
    });
    pass(120).await;
    for host in &hosts[20..] {
        assert_eq!(
            scene
                .ticks(host)
                .keys()
                .filter(|(_, outcome)| outcome == "late")
                .count(),
            0,
            "{host}"
        );
        let worst = scene
            .catcher
            .of(host)
            .iter()
            .map(|(_, late)| *late)
            .max()
            .unwrap();
        assert!(worst < Duration::from_millis(50), "{host}: {worst:?}");
        check_books(&scene, host);
    }
    for host in &hosts[..20] {
        assert!(
            scene.count(host, "activity", "timeout") >= 110,
            "{host}: {:?}",
            scene.ticks(host)
        );
        assert!(
            scene.servers.sent(host, "connect") < 20,
            "it is tried more and more seldom"
        );
        check_books(&scene, host);
    }
    let status = scene.collector.status();
    assert_eq!(status.iter().filter(|status| status.up).count(), 6);
    assert_eq!(status[0].last_error.as_deref(), Some("no answer"));
}

#[tokio::test(start_paused = true)]
async fn a_target_that_comes_back_is_read_again() {
    let scene = scene(&["a"], |servers, _| servers.set("a", |b| b.hangs = true));
    pass(90).await;
    assert_eq!(scene.catcher.of("a").len(), 0);
    scene.servers.set("a", |behaviour| behaviour.hangs = false);
    pass(40).await;
    let before = scene.catcher.of("a").len();
    pass(10).await;
    assert!(scene.catcher.of("a").len() >= before + 10);
    check_books(&scene, "a");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_sent_without_a_yes() {
    let refusals = [
        (Refusal::NotOwned, "not_owned"),
        (Refusal::BreakerOpen, "breaker_open"),
        (Refusal::Budget, "budget"),
        (Refusal::SwitchedOff, "switched_off"),
    ];
    for (refusal, label) in refusals {
        let scene = scene(&["a"], |_, owner| *owner.refusal.lock().unwrap() = Some(refusal));
        pass(30).await;
        assert_eq!(scene.servers.sent_in_all(), 0);
        assert!((29..=30).contains(&scene.count("a", "activity", label)));
        check_books(&scene, "a");
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_lost_is_left() {
    let scene = scene(&["a"], |_, _| {});
    pass(12).await;
    *scene.owner.refusal.lock().unwrap() = Some(Refusal::NotOwned);
    pass(12).await;
    assert_eq!(scene.servers.connections("a").1, 0, "its connections are closed");
    let sent = scene.servers.sent_in_all();
    pass(12).await;
    assert_eq!(scene.servers.sent_in_all(), sent);
    check_books(&scene, "a");
}

#[tokio::test(start_paused = true)]
async fn targets_come_and_go() {
    let scene = scene(&["a", "b"], |_, _| {});
    pass(10).await;
    scene.targets.send_replace(specs(&scene.plan, &["b", "c"]));
    pass(1).await;
    let (of_a, of_b) = (scene.catcher.of("a").len(), scene.catcher.of("b").len());
    pass(10).await;
    assert_eq!(scene.catcher.of("a").len(), of_a);
    assert!(scene.catcher.of("b").len() >= of_b + 10);
    assert!(scene.catcher.of("c").len() >= 10);
    assert_eq!(scene.servers.connections("a").1, 0);
    assert!(scene.ticks("a").is_empty(), "its labels are gone");
    let names: Vec<_> = scene
        .collector
        .status()
        .iter()
        .map(|status| status.target.to_string())
        .collect();
    assert_eq!(names, ["postgresql://b:1", "postgresql://c:1"]);
}

#[tokio::test(start_paused = true)]
async fn many_databases_share_few_connections() {
    let databases = vec!["d1", "d2", "d3", "d4", "d5", "d6", "d7", "d8"];
    let scene = scene(&["a"], |servers, _| {
        servers.set("a", |b| b.databases = databases.clone());
    });
    pass(61).await;
    assert!(
        scene.servers.connections("a").0 <= 7,
        "{:?}",
        scene.servers.connections("a")
    );
    for database in &databases {
        assert!(scene.count("a", &format!("tables/{database}"), "collected") >= 5);
    }
    scene
        .servers
        .set("a", |behaviour| behaviour.databases = vec!["d1", "new"]);
    pass(75).await;
    let (old, new) = (
        scene.count("a", "tables/d2", "collected"),
        scene.count("a", "tables/new", "collected"),
    );
    assert!(new >= 1, "a new database is found");
    pass(20).await;
    assert_eq!(
        scene.count("a", "tables/d2", "collected"),
        old,
        "one that is gone is left"
    );
}

#[tokio::test(start_paused = true)]
async fn what_one_stream_lacks_does_not_touch_others() {
    let scene = scene(&["a"], |servers, _| {
        servers.set("a", |b| b.faults = BTreeMap::from([("server", FaultKind::Grant)]));
    });
    pass(300).await;
    assert_eq!(scene.count("a", "activity", "error"), 0);
    assert!(scene.count("a", "server", "error") >= 29);
    assert!(scene.count("a", "statements", "error") >= 9);
    assert!(
        scene.servers.sent("a", "pgss") <= 6,
        "the extension is looked for once a minute"
    );
    assert_eq!(scene.servers.sent("a", "@extension@.statements"), 0);
    let status = &scene.collector.status()[0];
    assert!(status.up);
    assert_eq!(status.last_error.as_deref(), Some("server: as told"));
    check_books(&scene, "a");
}

#[tokio::test(start_paused = true)]
async fn an_extension_is_read_in_the_schema_where_it_is() {
    let scene = scene(&["a"], |servers, _| {
        servers.set("a", |b| b.extension = Some("\"My Schema\""));
    });
    pass(90).await;
    assert!(scene.servers.sent("a", "\"My Schema\".statements") >= 2);
    assert!(scene.count("a", "statements", "collected") >= 2);
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_is_never_valid_costs_one_stream() {
    let scene = scene(&["a"], |servers, _| {
        servers.set("a", |b| b.faults = BTreeMap::from([("server", FaultKind::Stale)]));
    });
    pass(120).await;
    assert_eq!(scene.count("a", "activity", "error"), 0);
    assert!(scene.count("a", "activity", "collected") >= 118);
    assert!(scene.count("a", "server", "error") >= 11);
    assert!(scene.servers.sent("a", "server") <= 5, "it is held");
    assert!(scene.collector.status()[0].up);
    check_books(&scene, "a");
}

#[tokio::test(start_paused = true)]
async fn targets_that_begin_to_hang_do_not_take_places_again() {
    let hanging: Vec<String> = (0..40).map(|host| format!("h{host}")).collect();
    let healthy = ["a", "b", "c", "d", "e"];
    let hosts: Vec<&str> = hanging.iter().map(String::as_str).chain(healthy).collect();
    let scene = scene(&hosts, |_, _| {});
    pass(30).await;
    for host in &hanging {
        scene.servers.set(host, |behaviour| behaviour.hangs = true);
    }
    // The first deadline passes in this time, and all is known after it.
    pass(6).await;
    let before: Vec<_> = healthy.map(|host| scene.catcher.of(host).len()).into();
    let now = scene.clock.now();
    pass(30).await;
    for (host, before) in healthy.iter().zip(before) {
        let frames = scene.catcher.of(host);
        assert!(frames.len() >= before + 30, "{host}");
        let late = frames
            .iter()
            .filter(|(id, _)| id.tick > now)
            .map(|(_, late)| *late);
        assert!(late.max() < Some(Duration::from_millis(50)), "{host}");
        check_books(&scene, host);
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_comes_back_while_its_last_reading_runs_is_read_once() {
    let scene = scene(&["a", "b"], |servers, _| {
        servers.set("a", |b| b.takes = vec![SECOND * 4]);
    });
    pass(12).await;
    scene.targets.send_replace(specs(&scene.plan, &["b"]));
    pass(1).await;
    scene.targets.send_replace(specs(&scene.plan, &["a", "b"]));
    pass(1).await;
    scene.targets.send_replace(specs(&scene.plan, &["b"]));
    pass(1).await;
    scene.targets.send_replace(specs(&scene.plan, &["a", "b"]));
    pass(20).await;
    let (most, now) = scene.servers.connections("a");
    assert!(most <= 3 && now > 0, "{most} {now}: one for each lane");
    assert_eq!(scene.collector.status().len(), 2);
    assert!(
        scene.count("a", "activity", "collected") > 0,
        "its series are there"
    );
}

#[tokio::test(start_paused = true)]
async fn a_database_costs_one_connection_for_all_its_streams() {
    let databases = vec!["d1", "d2", "d3", "d4", "d5", "d6", "d7", "d8"];
    let scene = scene(&["a"], |servers, _| {
        servers.set("a", |b| b.databases = databases.clone());
    });
    pass(25).await;
    let before = scene.servers.sent("a", "connect");
    pass(30).await;
    let connects = scene.servers.sent("a", "connect") - before;
    assert!(connects <= databases.len() * 3, "{connects}");
    for database in &databases {
        assert!(scene.count("a", &format!("indexes/{database}"), "collected") >= 5);
    }
}

#[tokio::test(start_paused = true)]
async fn rows_that_a_missing_grant_would_hide_are_not_read() {
    let scene = scene(&["a"], |servers, _| servers.set("a", |b| b.granted = false));
    pass(60).await;
    assert_eq!(scene.servers.sent("a", "server"), 0);
    assert!(scene.count("a", "server", "error") >= 5);
    scene.servers.set("a", |behaviour| behaviour.granted = true);
    pass(40).await;
    assert!(scene.count("a", "server", "collected") >= 2);
    check_books(&scene, "a");
}

#[tokio::test(start_paused = true)]
async fn a_database_that_lets_nobody_in_does_not_touch_others() {
    let scene = scene(&["a"], |servers, _| {
        servers.set("a", |b| {
            b.databases = vec!["open", "shut"];
            b.refuse = vec!["shut"];
        });
    });
    pass(60).await;
    for stream in ["activity", "server", "tables/open"] {
        assert_eq!(scene.count("a", stream, "error"), 0, "{stream}");
        assert!(scene.count("a", stream, "collected") >= 5, "{stream}");
    }
    assert!(scene.count("a", "tables/shut", "error") >= 5);
    let status = &scene.collector.status()[0];
    assert!(status.up);
    let said: Vec<_> = status.last_error.iter().map(String::as_str).collect();
    assert!(
        said.iter()
            .all(|error| error.starts_with("statements: ") || error.contains("pg_hba")),
        "{said:?}"
    );
    check_books(&scene, "a");
}

#[tokio::test(start_paused = true)]
async fn a_server_that_lets_nobody_in_is_down() {
    let scene = scene(&["a"], |servers, _| {
        servers.set("a", |b| b.refuse = vec!["postgres"]);
    });
    pass(60).await;
    assert!(
        scene.servers.sent("a", "connect") < 15,
        "it is tried more and more seldom"
    );
    let status = &scene.collector.status()[0];
    assert_eq!(
        (status.up, status.last_error.as_deref()),
        (false, Some("no entry in pg_hba.conf"))
    );
    check_books(&scene, "a");
}

#[tokio::test(start_paused = true)]
async fn a_lock_is_tried_once_more_at_once() {
    let scene = scene(&["a"], |servers, _| {
        servers.set("a", |b| b.faults = BTreeMap::from([("server", FaultKind::Lock)]));
    });
    pass(30).await;
    let missed = scene.count("a", "server", "error");
    assert_eq!(scene.servers.sent("a", "server") as u64, missed * 2);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_died_unseen_costs_no_tick() {
    let scene = scene(&["a"], |_, _| {});
    pass(20).await;
    scene.servers.set("a", |behaviour| behaviour.breaks = true);
    pass(20).await;
    assert_eq!(scene.count("a", "activity", "error"), 0);
    assert_eq!(
        scene.servers.sent("a", "connect"),
        5,
        "three lanes, the listing of databases, and one anew"
    );
    check_books(&scene, "a");
}

#[tokio::test(start_paused = true)]
async fn a_reading_that_runs_is_finished_at_the_end() {
    let scene = scene(&["a"], |servers, _| {
        servers.set("a", |b| b.takes = vec![SECOND * 3]);
    });
    pass(2).await;
    let before = scene.catcher.of("a").len();
    assert!(scene.collector.stop(SECOND * 10).await);
    assert!(scene.catcher.of("a").len() > before);
    assert_eq!(scene.servers.connections("a").1, 0);
    let after = scene.servers.sent_in_all();
    pass(10).await;
    assert_eq!(scene.servers.sent_in_all(), after);
}

#[tokio::test(start_paused = true)]
async fn a_reading_that_takes_too_long_is_broken_off_at_the_end() {
    let scene = scene(&["a"], |servers, _| {
        servers.set("a", |b| b.takes = vec![SECOND * 30]);
    });
    pass(2).await;
    assert!(!scene.collector.stop(SECOND).await);
    pass(1).await;
    assert_eq!(scene.servers.connections("a").1, 0);
}

#[tokio::test(start_paused = true)]
async fn time_is_that_of_the_clock() {
    let scene = scene(&["a"], |_, _| {});
    pass(5).await;
    let now = scene.clock.now();
    assert!(
        scene
            .catcher
            .of("a")
            .iter()
            .all(|(id, _)| id.tick > scene.start && id.tick <= now)
    );
}

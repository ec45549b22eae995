//! Connections that are opened before their target is ours.

use ringwatch_config::settings::Target;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_warm_connection_is_that_of_the_first_lane() {
    let scene = scene(&[], |servers, _| {
        servers.set("a", |b| b.connects_in = Duration::from_millis(200));
    });
    let wanted = specs(&scene.plan, &["a"]);
    scene.collector.warm(&wanted[0]).await.unwrap();
    scene.collector.warm(&wanted[0]).await.unwrap();
    assert_eq!(scene.servers.connections("a"), (1, 1), "one for each target");
    assert_eq!(scene.servers.sent_in_all(), 1, "nothing is asked");
    scene.targets.send_replace(Arc::clone(&wanted));
    millis(21_000).await;
    assert_eq!(scene.servers.connections("a"), (3, 3), "it is one of the three");
    assert_eq!(
        scene.servers.sent("a", "connect"),
        4,
        "with one to list the databases"
    );
    scene.collector.warm(&wanted[0]).await.unwrap();
    assert_eq!(
        scene.servers.connections("a"),
        (3, 3),
        "a target that runs needs none"
    );
}

#[tokio::test(start_paused = true)]
async fn a_target_that_is_warm_and_remembered_begins_at_once() {
    let scene = scene(&["a"], |servers, _| {
        servers.set("a", |b| b.connects_in = Duration::from_millis(200));
    });
    millis(25_000).await;
    let wanted = specs(&scene.plan, &["a"]);
    for round in 0..20 {
        scene.targets.send_replace(Targets::default());
        scene.collector.ended(&wanted[0].id).await;
        scene.collector.warm(&wanted[0]).await.unwrap();
        millis(600 + round * 31).await;
        let start = scene.clock.now();
        let before = scene.catcher.of("a").len();
        scene.targets.send_replace(Arc::clone(&wanted));
        millis(1000).await;
        let frames = scene.catcher.of("a");
        let at_home = frames[before..]
            .iter()
            .filter(|(id, _)| id.stream.database().is_none());
        let (first, late) = at_home.min_by_key(|(id, _)| id.tick).unwrap();
        let due = first.tick.lateness(start);
        assert!(
            *late <= due + Duration::from_millis(10),
            "{first:?} {late:?} {due:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn one_that_nobody_takes_is_closed() {
    let scene = scene(&[], |_, _| {});
    let wanted = specs(&scene.plan, &["a", "b"]);
    scene.collector.warm(&wanted[0]).await.unwrap();
    millis(15_000).await;
    scene.collector.warm(&wanted[1]).await.unwrap();
    assert_eq!(scene.servers.open_in_all(), 2);
    millis(16_000).await;
    assert_eq!(
        (scene.servers.connections("a").1, scene.servers.connections("b").1),
        (0, 1)
    );
    assert!(scene.collector.stop(SECOND).await);
    assert_eq!(scene.servers.open_in_all(), 0);
}

#[tokio::test(start_paused = true)]
async fn one_that_comes_too_late_is_closed() {
    let scene = scene(&[], |servers, _| {
        servers.set("a", |b| b.connects_in = Duration::from_millis(300));
    });
    let wanted = specs(&scene.plan, &["a"]);
    let begins = async {
        millis(100).await;
        assert!(
            scene.collector.warm(&wanted[0]).await.is_err(),
            "one is being opened"
        );
        scene.targets.send_replace(Arc::clone(&wanted));
    };
    let (warm, ()) = tokio::join!(scene.collector.warm(&wanted[0]), begins);
    warm.unwrap();
    millis(30_000).await;
    assert_eq!(scene.servers.connections("a").1, 3);
}

#[tokio::test(start_paused = true)]
async fn a_target_that_cannot_be_reached_is_told() {
    let scene = scene(&[], |servers, _| servers.set("a", |b| b.hangs = true));
    let wanted = specs(&scene.plan, &["a"]);
    let fault = scene.collector.warm(&wanted[0]).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Deadline);
    scene.servers.set("a", |behaviour| behaviour.hangs = false);
    scene.collector.warm(&wanted[0]).await.unwrap();
    assert_eq!(scene.servers.connections("a").1, 1);
}

#[tokio::test(start_paused = true)]
async fn few_connections_wait() {
    let scene = scene(&[], |_, _| {});
    for port in 1..=300 {
        let target = Target {
            endpoint: format!("many:{port}").parse().unwrap(),
            labels: BTreeMap::default(),
        };
        let spec = Arc::new(TargetSpec::new(&Arc::clone(&scene.plan).into(), &target));
        scene.collector.warm(&spec).await.unwrap();
    }
    assert_eq!(scene.servers.open_in_all(), 256);
}

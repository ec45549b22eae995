//! Several receivers of one target.

use super::*;
use crate::sqlquery::tests::{plan_of, sql_plan};
use crate::target::{join_targets, targets_of};

/// The target `a` with its catalogue reader and these.
fn with(scene: &Scene, plans: &[crate::reader::ReaderPlan]) -> Targets {
    let mut all = specs(&scene.plan, &["a"]).to_vec();
    all.extend(plans.iter().flat_map(targets_of));
    join_targets(&all)
}

fn sql(source: &str) -> crate::reader::ReaderPlan {
    sql_plan(source, "postgresql://u@a:1/app")
}

#[tokio::test(start_paused = true)]
async fn each_receiver_has_its_streams_and_its_connection() {
    let scene = scene(&[], |_, _| {});
    scene
        .targets
        .send_replace(with(&scene, &[sql("sqlquery/one"), sql("sqlquery/two")]));
    millis(61_000).await;
    for stream in ["server", "sqlquery/one.0", "sqlquery/two.0"] {
        let count = scene.count("a", stream, "collected");
        assert!((5..=6).contains(&count), "{stream}: {count}");
    }
    assert!(scene.count("a", "activity", "collected") >= 59);
    assert_eq!(
        scene.servers.connections("a").0,
        5,
        "three lanes and one for each of the others"
    );
    let status = scene.collector.status();
    let sources: Vec<_> = status[0].sources.iter().map(|source| &**source).collect();
    assert_eq!(sources, ["postgresql/test", "sqlquery/one", "sqlquery/two"]);
    assert!(scene.books.snapshot().balanced());
}

#[tokio::test(start_paused = true)]
async fn a_change_of_one_receiver_restarts_the_target_where_it_was() {
    let scene = scene(&[], |_, _| {});
    let one = sql("sqlquery/one");
    scene
        .targets
        .send_replace(with(&scene, std::slice::from_ref(&one)));
    millis(25_000).await;
    scene
        .targets
        .send_replace(with(&scene, &[one.clone(), sql("sqlquery/two")]));
    millis(25_000).await;
    scene.targets.send_replace(with(&scene, &[one]));
    millis(25_000).await;
    let missed: Vec<_> = scene
        .ticks("a")
        .into_iter()
        .filter(|((stream, outcome), _)| stream != "statements" && outcome != "collected")
        .collect();
    assert!(missed.is_empty(), "{missed:?}");
    for (stream, seconds) in [("activity", 1), ("sqlquery/one.0", 10), ("calls", 10)] {
        let mut ticks: Vec<_> = scene
            .catcher
            .of("a")
            .into_iter()
            .filter(|(id, _)| id.stream.name() == stream)
            .map(|(id, _)| id.tick.unix_nanos())
            .collect();
        ticks.sort_unstable();
        let steps: BTreeSet<_> = ticks.windows(2).map(|two| two[1] - two[0]).collect();
        assert_eq!(steps, BTreeSet::from([seconds * 1_000_000_000]), "{stream}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_warm_connection_is_that_of_the_first_receiver() {
    let scene = scene(&[], |_, _| {});
    let wanted = with(&scene, &[sql("sqlquery/one")]);
    scene.collector.warm(&wanted[0]).await.unwrap();
    scene.targets.send_replace(wanted);
    millis(21_000).await;
    assert_eq!(scene.servers.connections("a"), (4, 4));
    let alone: Targets = targets_of(&sql_plan("sqlquery/b", "postgresql://u@b:1/app")).into();
    scene.collector.warm(&alone[0]).await.unwrap();
    scene.targets.send_replace(alone);
    millis(21_000).await;
    assert_eq!(
        (scene.servers.connections("b"), scene.servers.sent("b", "connect")),
        ((1, 1), 1)
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_wrong_with_one_receiver_does_not_touch_the_others() {
    let scene = scene(&[], |servers, _| {
        servers.set("a", |b| {
            b.refuse = vec!["app"];
            b.databases = Vec::new();
        });
    });
    scene.targets.send_replace(with(&scene, &[sql("sqlquery/one")]));
    millis(120_000).await;
    assert_eq!(scene.count("a", "activity", "error"), 0, "{:?}", scene.ticks("a"));
    assert!(scene.count("a", "sqlquery/one.0", "error") >= 11);
    assert!(scene.collector.status()[0].up);
}

#[tokio::test(start_paused = true)]
async fn a_tracking_column_goes_on_where_it_was_left() {
    let scene = scene(&[], |_, _| {});
    let yaml = "driver: postgres\ndatasource: postgresql://u@a:1/app\nqueries: [{sql: own, \
                tracking_column: a, tracking_start_value: '7', logs: [{body_column: a}]}]";
    let wanted: Targets = targets_of(&plan_of("sqlquery/t", yaml)).into();
    scene.targets.send_replace(Arc::clone(&wanted));
    millis(22_000).await;
    scene.targets.send_replace(Targets::default());
    scene.collector.ended(&id()).await;
    scene
        .servers
        .set("a", |b| b.faults = BTreeMap::from([("own", FaultKind::Lock)]));
    scene.targets.send_replace(wanted);
    millis(12_000).await;
    scene.servers.set("a", |b| b.faults = BTreeMap::new());
    millis(11_000).await;
    let tracked: Vec<_> = scene.servers.tracked().into_iter().flatten().collect();
    assert_eq!(
        tracked[..3],
        ["7", "1005", "1010"],
        "what failed moves nothing: {tracked:?}"
    );
    assert!(tracked.len() >= 3);
}

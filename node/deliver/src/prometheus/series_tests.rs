use std::sync::Arc;

use ringwatch_frame::{Books, Cell, ColumnType, Columns, Value};

use super::*;
use crate::testing::{frame, projections};

fn store(change: impl FnOnce(&mut PrometheusExporter)) -> (Store, Clock) {
    let mut settings = PrometheusExporter {
        endpoint: "127.0.0.1:0".parse().unwrap(),
        namespace: String::new(),
        const_labels: BTreeMap::new(),
        send_timestamps: false,
        metric_expiration: ringwatch_config::Duration::from_secs(300),
    };
    change(&mut settings);
    let clock = Clock::simulated(Tick::from_unix_nanos(1_000_000_000_000));
    (Store::new(settings, clock.clone()), clock)
}

/// Offers the frame of `rows` rows of stream `people` at `second`, of `database` if there is one.
fn take(store: &Store, database: Option<&str>, second: i64, rows: i64) {
    let stream = database.map_or_else(
        || StreamId::of_server("people"),
        |name| StreamId::of_database("people", name),
    );
    let frame = frame(&Arc::new(Books::default()), stream, second, rows);
    store.take(&frame, projections().get("postgresql", "people").unwrap());
    frame.deliver();
}

fn values(page: &str, metric: &str) -> Vec<String> {
    let lines = page
        .lines()
        .filter(|line| line.starts_with(&format!("{metric}{{")));
    lines
        .map(|line| line.rsplit_once("} ").unwrap().1.to_owned())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn the_page_is_the_text_format_to_the_letter() {
    let (store, _) = store(|settings| {
        settings.namespace = "rw".into();
        settings.send_timestamps = true;
        settings.const_labels = BTreeMap::from([("env".into(), "te\"st".into())]);
    });
    take(&store, None, 1_000, 2);
    let common = r#"env="te\"st",instance="db1:5432",job="orders""#;
    let wanted = [
        r"# HELP rw_people_calls_total What people.calls says\nin two lines".to_owned(),
        "# TYPE rw_people_calls_total counter".to_owned(),
        format!(r#"rw_people_calls_total{{{common},user_name="ann",way="in"}} 0 1000000"#),
        format!(r#"rw_people_calls_total{{{common},user_name="ann",way="out"}} 0 1000000"#),
        format!(r#"rw_people_calls_total{{{common},user_name="bob",way="in"}} 1 1000000"#),
        format!(r#"rw_people_calls_total{{{common},user_name="bob",way="out"}} 2 1000000"#),
        r"# HELP rw_people_wait_milliseconds What people.wait says\nin two lines".to_owned(),
        "# TYPE rw_people_wait_milliseconds gauge".to_owned(),
        format!(r#"rw_people_wait_milliseconds{{{common},user_name="ann"}} 0 1000000"#),
        format!(r#"rw_people_wait_milliseconds{{{common},user_name="bob"}} 0.5 1000000"#),
        "# HELP target_info What is known of the target".to_owned(),
        "# TYPE target_info gauge".to_owned(),
        format!(r#"target_info{{{common},server_port="5432"}} 1"#),
    ];
    assert_eq!(store.text(), wanted.join("\n") + "\n");
}

#[tokio::test(start_paused = true)]
async fn a_new_tick_replaces_all_series_of_its_stream_and_no_others() {
    let (store, _) = store(|_| {});
    take(&store, Some("a"), 1, 2);
    take(&store, None, 1, 1);
    assert_eq!(
        values(&store.text(), "people_wait_milliseconds").len(),
        2,
        "both have ann, one has bob"
    );
    take(&store, Some("a"), 2, 0);
    assert_eq!(
        values(&store.text(), "people_wait_milliseconds"),
        ["0"],
        "bob is gone at once"
    );
    take(&store, None, 0, 2);
    assert_eq!(
        values(&store.text(), "people_wait_milliseconds"),
        ["0"],
        "an older tick changes nothing"
    );
}

#[tokio::test(start_paused = true)]
async fn parts_of_one_frame_stand_together_and_a_copy_changes_nothing() {
    let (store, _) = store(|_| {});
    let whole = frame(&Arc::new(Books::default()), StreamId::of_server("people"), 5, 2);
    let copy = whole.copy();
    let (first, second) = whole.split(1);
    let projections = projections();
    for part in [first, second.unwrap(), copy] {
        store.take(&part, projections.get("postgresql", "people").unwrap());
        part.deliver();
    }
    assert_eq!(values(&store.text(), "people_wait_milliseconds"), ["0", "0.5"]);
    assert_eq!(
        store
            .text()
            .lines()
            .filter(|line| line.starts_with("target_info"))
            .count(),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn series_expire_after_their_last_point() {
    let (store, _) = store(|_| {});
    take(&store, None, 1, 1);
    tokio::time::advance(Duration::from_secs(300)).await;
    assert_eq!(values(&store.text(), "people_wait_milliseconds").len(), 1);
    tokio::time::advance(Duration::from_secs(1)).await;
    assert_eq!(store.text(), "");
    take(&store, Some("a"), 1, 1);
    tokio::time::advance(Duration::from_secs(301)).await;
    take(&store, Some("b"), 1, 1);
    assert_eq!(
        store.streams.lock().unwrap().of.len(),
        1,
        "nobody has to ask for the page"
    );
}

#[tokio::test(start_paused = true)]
async fn targets_that_say_nothing_of_themselves_are_told_apart() {
    let (store, _) = store(|_| {});
    let mut frame = frame(&Arc::new(Books::default()), StreamId::of_server("people"), 1, 1);
    frame.set_resource(Arc::new(Resource::from_iter([(
        Arc::from("x"),
        Value::from("y"),
    )])));
    store.take(&frame, projections().get("postgresql", "people").unwrap());
    frame.deliver();
    assert!(
        store
            .text()
            .contains(r#"people_wait_milliseconds{instance="db1:5432",user_name="ann"} 0"#)
    );
    assert!(
        store
            .text()
            .contains(r#"target_info{instance="db1:5432",x="y"} 1"#)
    );
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_is_set_back_neither_holds_up_nor_keeps_series() {
    let (mut store, clock) = store(|_| {});
    take(&store, Some("swept"), 1_000, 1);
    tokio::time::advance(Duration::from_secs(200)).await;
    take(&store, Some("a"), 1_200, 2);
    take(&store, Some("b"), 1_200, 1);
    let swept = store.streams.lock().unwrap().swept;
    assert_eq!(swept, Some(Tick::from_unix_nanos(1_000_000_000_000)));
    assert_eq!(clock.now(), Tick::from_unix_nanos(1_200_000_000_000));
    store.clock = Clock::simulated(Tick::from_unix_nanos(1_100_000_000_000));
    take(&store, Some("a"), 1_100, 1);
    let streams = store.streams.lock().unwrap().of.len();
    assert_eq!(streams, 3, "nothing was swept yet");
    let labels = store.text().matches("people_wait_milliseconds{").count();
    assert_eq!(
        labels, 1,
        "the new one of `a`, which is the one of `swept`, and none of the future"
    );
    assert_eq!(store.streams.lock().unwrap().of.len(), 2);
    store.clock = Clock::simulated(Tick::from_unix_nanos(10_000_000_000));
    take(&store, Some("a"), 10, 2);
    assert_eq!(values(&store.text(), "people_wait_milliseconds"), ["0", "0.5"]);
    assert_eq!(
        store.streams.lock().unwrap().of.len(),
        1,
        "the sweep took the rest"
    );
}

/// A row for each value of `n`, with the instant `at` in milliseconds, and what they become: a gauge, and a delta.
fn timed(rows: &[(i64, Option<i64>)]) -> (Frame, Projection) {
    let mut columns = Columns::new([("n", ColumnType::Int), ("at", ColumnType::Time)]);
    for (n, at) in rows {
        let at = at.map_or(Cell::Null, |millis| Cell::Time(millis * 1_000_000));
        columns.push(&[Cell::Int(*n), at]).unwrap();
    }
    let plain = frame(
        &Arc::new(Books::default()),
        StreamId::of_server("people"),
        1_000,
        0,
    );
    let meta = plain.meta().clone();
    plain.deliver();
    let timed = Frame::collected(&Arc::new(Books::default()), meta, columns.finish().unwrap());
    let mut projection = Projection::clone(projections().get("postgresql", "people").unwrap());
    for metric in &mut projection.metrics {
        metric.timestamp = Some("at".into());
        metric.attributes.clear();
    }
    projection.metrics[0].aggregation = Aggregation::Delta;
    (timed, projection)
}

#[tokio::test(start_paused = true)]
async fn points_have_their_own_time_and_the_newest_of_a_series_counts() {
    for (rows, wanted) in [
        (&[(4, Some(7_000))][..], "2 7000"),
        (&[(4, None)], "2 1000000"),
        (&[(2, Some(8_000)), (4, Some(9_000)), (6, Some(7_000))], "2 9000"),
    ] {
        let (store, _) = store(|settings| settings.send_timestamps = true);
        let (frame, projection) = timed(rows);
        store.take(&frame, &projection);
        frame.deliver();
        assert_eq!(values(&store.text(), "people_wait_milliseconds"), [wanted]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_counts_from_the_point_before_is_left_out() {
    let (store, _) = store(|_| {});
    for _ in 0..2 {
        let (frame, projection) = timed(&[(1, None), (2, None)]);
        store.take(&frame, &projection);
        frame.deliver();
    }
    let page = store.text();
    assert!(
        !page.contains("people_calls") && page.contains("people_wait"),
        "{page}"
    );
    let told: Vec<String> = store.left_out.lock().unwrap().iter().cloned().collect();
    assert_eq!(told, ["people.calls"], "which was said once");
}

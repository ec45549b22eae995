//! Changes of plans.

use super::*;

/// The means before and after an index was dropped, told by who goes on with the stream after the plan was seen.
async fn dropped_index(major: u32, hand_over: bool) {
    let Some(watched) = Watched::start(major, OFTEN).await else {
        return;
    };
    let query = "select price from orders where id = 77";
    let mut stream = watched.stream("postgresql.plans").await;
    watched.run(10, query).await;
    let first = stream.read(0).await;
    let before = first.text("plan_hash", first.one("plan", "select price"));
    for minute in 1..4 {
        watched.run(20, query).await;
        assert!(stream.read(minute).await.of("change", "").is_empty());
    }
    watched
        .server
        .execute("postgres", "drop index orders_id")
        .await
        .unwrap();
    watched.run(20, query).await;
    let seen = stream.read(4).await;
    let after = seen.text("plan_hash", seen.one("plan", "select price"));
    assert_ne!(
        before, after,
        "calls took longer, so that it was looked at at once"
    );
    assert!(seen.of("change", "").is_empty(), "not before there were calls");
    if hand_over {
        let baseline = {
            let reading = read_at(&mut stream.track, &mut stream.session, &stream.cleaner, at(5))
                .await
                .unwrap();
            reading.baseline.unwrap().to_batch()
        };
        let memory = StreamMemory {
            baseline,
            ..StreamMemory::default()
        };
        stream = watched.stream("postgresql.plans").await;
        stream.track.resume(&watched.target.id, &memory, at(5));
    }
    watched.run(20, query).await;
    let told = stream.read(6).await;
    let change = told.one("change", "select price");
    assert_eq!(told.text("previous_plan_hash", change), before);
    assert_eq!(told.text("plan_hash", change), after);
    let mean = |name| told.number(name, change);
    assert!(
        mean("mean_after") > 2.0 * mean("mean_before"),
        "{} {}",
        mean("mean_before"),
        mean("mean_after")
    );
    assert_eq!(
        (mean("calls_before") as i64, mean("calls_after") as i64),
        (40, 20)
    );
    assert!(told.text("query_plan", change).contains("Seq Scan"));
    assert!(stream.read(7).await.of("change", "").is_empty(), "once");
}

#[tokio::test]
async fn a_dropped_index_is_told_with_the_means_before_and_after() {
    dropped_index(15, false).await;
}

#[tokio::test]
async fn whoever_takes_the_target_over_tells_of_the_change() {
    dropped_index(17, true).await;
}

//! Plans that `auto_explain` wrote.

use super::*;

/// What `auto_explain` has to be told.
fn explaining(settings: &[&str]) -> Wish {
    let own = [
        "shared_preload_libraries=pg_stat_statements,auto_explain",
        "auto_explain.log_min_duration=0",
        "auto_explain.log_analyze=on",
    ];
    let wish = Wish::default();
    own.iter()
        .chain(settings)
        .fold(wish, |wish, setting| wish.with(setting))
}

/// Runs a statement with a secret, and looks at what is told of it.
async fn told_of_the_log(watched: &Watched, stream: &mut Stream) {
    watched
        .run(1, "select price from orders where id = 815 or price = 424242")
        .await;
    stream.read(0).await;
    watched
        .run(1, "select price from orders where id = 4711 and price <> 424242")
        .await;
    let found = tokio::time::timeout(Duration::from_secs(20), async {
        for minute in 1.. {
            let rows = stream.read(minute).await;
            if let [one] = rows.of("plan", "select price")[..] {
                return (rows, one);
            }
        }
        unreachable!()
    });
    let (rows, one) = found.await.unwrap();
    assert_eq!(rows.text("plan_source", one), "auto_explain");
    assert_eq!(rows.text("datname", one), "postgres");
    assert!(rows.number("execution_time", one) > 0.0);
    let plan = rows.text("query_plan", one);
    assert!(plan.contains("orders_id"), "{plan}");
    for text in [plan, rows.text("query", one)] {
        assert!(!text.contains("4711") && !text.contains("424242"), "{text}");
    }
}

#[tokio::test]
async fn what_auto_explain_writes_into_a_file_is_told() {
    for format in ["text", "json"] {
        let wish = explaining(&[&format!("auto_explain.log_format={format}")]);
        let path = tempfile::tempdir().unwrap();
        let settings = format!("plans: {{log: {{path: '{}/*'}}}}", path.path().display());
        let watched = Watched::at(&wish, &settings, path).await.unwrap();
        let mut stream = watched.stream("postgresql.plan_log").await;
        told_of_the_log(&watched, &mut stream).await;
    }
}

#[tokio::test]
async fn what_auto_explain_writes_is_read_through_the_server_where_that_is_granted() {
    for destination in ["jsonlog", "csvlog", "stderr"] {
        let destination = format!("log_destination={destination}");
        let wish = explaining(&[
            "logging_collector=on",
            &destination,
            "auto_explain.log_format=json",
        ]);
        let watched = Watched::with(&wish, "plans: {log: {through: sql}}")
            .await
            .unwrap();
        let mut stream = watched.stream("postgresql.plan_log").await;
        let fault = read_at(&mut stream.track, &mut stream.session, &stream.cleaner, at(0))
            .await
            .unwrap_err();
        assert!(
            fault
                .message
                .contains("GRANT EXECUTE ON FUNCTION pg_read_binary_file"),
            "{fault}"
        );
        let grant = "grant execute on function pg_read_binary_file(text, bigint, bigint, boolean) to monitor";
        watched.server.execute("postgres", grant).await.unwrap();
        told_of_the_log(&watched, &mut stream).await;
    }
}

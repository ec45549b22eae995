//! What is asked for, and what is not.

use super::*;

async fn parameters(major: u32, source: &str) {
    let Some(watched) = Watched::start(major, OFTEN).await else {
        return;
    };
    watched.run(3, "select * from orders where id = 4711").await;
    watched
        .run(1, "select count(*) from orders o join cart c using (id)")
        .await;
    let mut stream = watched.stream("postgresql.plans").await;
    let rows = stream.read(0).await;
    let one = rows.one("plan", "where id = ");
    assert_eq!(rows.text("plan_source", one), source, "{major}");
    let plan = rows.text("query_plan", one);
    assert!(plan.contains("orders_id") && !plan.contains("4711"), "{plan}");
    assert_eq!(rows.text("rolname", one), "app");
    assert_eq!(rows.text("datname", one), "postgres");
    assert_eq!(rows.number("calls", one) as i64, 3);
    assert_eq!(rows.text("plan_hash", one).len(), 16);
    let joined = rows.one("plan", "join cart");
    assert!(
        rows.text("query_plan", joined).contains("cart"),
        "the role's search path"
    );
    let again = stream.read(1).await;
    assert!(
        again.of("plan", "").is_empty(),
        "what is known is not told again: {}",
        again.all()
    );
    for sent in watched.sent() {
        assert!(!sent.to_lowercase().contains("analyze"), "{sent}");
    }
}

#[tokio::test]
async fn statements_with_parameters_have_plans_on_14() {
    parameters(14, "prepared").await;
}

#[tokio::test]
async fn statements_with_parameters_have_plans_on_15() {
    parameters(15, "prepared").await;
}

#[tokio::test]
async fn statements_with_parameters_have_plans_on_16() {
    parameters(16, "generic").await;
}

#[tokio::test]
async fn statements_with_parameters_have_plans_on_17() {
    parameters(17, "generic").await;
}

#[tokio::test]
async fn statements_with_parameters_have_plans_on_18() {
    parameters(18, "generic").await;
}

/// What our sessions may send; docs/plans.md has the list.
const ALLOWED: [&str; 14] = [
    "/* ringwatch */ SET client_connection_check_interval = '100ms'",
    "/* ringwatch */ SELECT r.rolname::text FROM pg_catalog.pg_roles r",
    "/* ringwatch */ SELECT e.extversion::text,",
    "/* ringwatch */ BEGIN READ ONLY",
    "/* ringwatch postgresql.plans */ select",
    "/* ringwatch postgresql.plans */ COMMIT",
    "/* ringwatch postgresql.plans */ SELECT pg_catalog.set_config(",
    "/* ringwatch postgresql.plans */ BEGIN READ ONLY",
    "/* ringwatch postgresql.plans */ PREPARE ringwatch AS ",
    "/* ringwatch postgresql.plans */ SAVEPOINT ringwatch",
    "/* ringwatch postgresql.plans */ EXPLAIN (",
    "/* ringwatch postgresql.plans */ DEALLOCATE ringwatch",
    "/* ringwatch postgresql.plans */ ROLLBACK; SELECT pg_catalog.pg_advisory_unlock_all()",
    "/* ringwatch postgresql.plans */ ROLLBACK TO SAVEPOINT ringwatch",
];

#[tokio::test]
async fn nothing_that_writes_is_explained_and_nothing_else_is_sent() {
    for major in [15, 17] {
        let Some(watched) = Watched::start(major, OFTEN).await else {
            continue;
        };
        let writes = [
            "with gone as (delete from orders where id = 1 returning *) select count(*) from gone",
            "with new as (insert into orders (id) values (0) returning id) select * from new",
            "select nextval('numbers')",
            "select id from orders where id = 7 for update",
            "update orders set price = 1 where id = 3",
            "select id into temp made from orders where id = 9",
            "select set_config('work_mem', '1MB', false)",
        ];
        let made = "create sequence numbers; grant all on all tables in schema public to app;
                    grant all on sequence numbers to app";
        watched.server.execute("postgres", made).await.unwrap();
        for write in writes {
            watched.run(1, write).await;
        }
        watched.run(2, "select price from orders where id = 3").await;
        let before = watched
            .server
            .number("postgres", "select count(*) from orders")
            .await
            .unwrap();
        let mut stream = watched.stream("postgresql.plans").await;
        let rows = stream.read(0).await;
        for write in [
            "delete from",
            "insert into",
            "nextval",
            "for update",
            "update orders",
            "into temp",
        ] {
            let failed = rows.one("failure", write);
            assert_eq!(rows.text("reason", failed), "not_read_only", "{write}");
            assert_eq!(rows.text("query_plan", failed), "null");
        }
        rows.one("plan", "select price");
        assert!(stream.read(1).await.of("failure", "").is_empty(), "told once");
        let after = watched
            .server
            .number("postgres", "select count(*) from orders")
            .await
            .unwrap();
        assert_eq!(before, after);
        let sent = watched.sent();
        assert!(sent.len() > 5, "{sent:#?}");
        for sent in sent {
            assert!(ALLOWED.iter().any(|allowed| sent.starts_with(allowed)), "{sent}");
            let explained = sent.contains("EXPLAIN (") || sent.contains("PREPARE ringwatch AS");
            let writes = ["delete", "insert", "update", "nextval", "into temp", "work_mem"];
            assert!(
                !explained || !writes.iter().any(|write| sent.contains(write)),
                "{sent}"
            );
        }
    }
}

#[tokio::test]
async fn what_cannot_be_had_is_told_once_with_its_reason() {
    let Some(watched) = Watched::start(15, OFTEN).await else {
        return;
    };
    let made = "create schema hidden; create table hidden.far (id int); grant usage on schema hidden to app;
                grant select on hidden.far to app; create table shop.closed (id int);
                grant select on shop.closed to app; revoke pg_read_all_data from monitor;
                grant usage on schema shop to monitor; grant select on orders to monitor";
    watched.server.execute("postgres", made).await.unwrap();
    watched.run(1, "select id from closed where id = 1").await;
    watched
        .run(1, "set search_path = hidden; select id from far where id = 2")
        .await;
    watched
        .run(1, "select id from orders where at > now() - interval '1 day'")
        .await;
    let mut stream = watched.stream("postgresql.plans").await;
    let rows = stream.read(0).await;
    for (part, reason) in [("from closed", "permission"), ("from far", "undefined")] {
        let at = rows.one("failure", part);
        assert_eq!(rows.text("reason", at), reason, "{part}");
        assert_eq!(rows.text("rolname", at), "app");
    }
    rows.one("plan", "interval");
    watched.run(3, "select id from closed where id = 1").await;
    assert!(
        stream.read(10).await.of("failure", "from closed").is_empty(),
        "remembered"
    );
    let mut session = stream.session;
    let open = session.databases().await.unwrap();
    assert!(!open.is_empty(), "the connection is whole");
}

#[tokio::test]
async fn a_locked_table_is_left_alone_and_asked_for_soon() {
    let Some(watched) = Watched::start(15, OFTEN).await else {
        return;
    };
    watched.run(2, "select price from orders where id = 77").await;
    let mut stream = watched.stream("postgresql.plans").await;
    let mut holder = watched.server.connect("postgres").await.unwrap();
    sqlx::raw_sql("begin; lock table orders in access exclusive mode")
        .execute(&mut holder)
        .await
        .unwrap();
    let began = tokio::time::Instant::now();
    let rows = stream.read(0).await;
    assert!(began.elapsed() < Duration::from_secs(2), "{:?}", began.elapsed());
    assert!(rows.of("plan", "from orders").is_empty(), "{}", rows.all());
    assert!(rows.of("failure", "from orders").is_empty(), "{}", rows.all());
    sqlx::raw_sql("rollback").execute(&mut holder).await.unwrap();
    watched.run(1, "select price from orders where id = 77").await;
    assert!(stream.read(1).await.of("plan", "").is_empty(), "not at once");
    watched.run(1, "select price from orders where id = 77").await;
    stream.read(6).await.one("plan", "select price");
}

#[tokio::test]
async fn no_more_plans_are_asked_than_the_budget_has() {
    let Some(watched) = Watched::start(15, "plans: {per_hour: 6, sample: 100}").await else {
        return;
    };
    for column in ["id", "price", "at", "id, price", "id, at", "price, at"] {
        watched
            .run(1, &format!("select {column} from orders limit 1"))
            .await;
    }
    let mut stream = watched.stream("postgresql.plans").await;
    let asked = |rows: &Rows| rows.of("plan", "").len();
    let first = stream.read(0).await;
    assert_eq!(asked(&first), 2, "a third of the hour's: {}", first.all());
    for (minute, expected) in [(1, 0), (16, 1), (17, 0)] {
        for column in ["id", "price", "at", "id, price", "id, at", "price, at"] {
            watched
                .run(1, &format!("select {column} from orders limit 1"))
                .await;
        }
        assert_eq!(
            asked(&stream.read(minute).await),
            expected,
            "four an hour: {minute}"
        );
    }
}

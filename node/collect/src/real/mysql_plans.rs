//! Plans of a real MySQL and a real MariaDB.

use ringwatch_cluster_tests::mysql::Flavour;

use super::mysql_streams::{Stream, Streams};
use super::*;
use crate::fault::FaultKind;

/// What MariaDB keeps texts with.
const CONSUMERS: [&str; 2] = [
    "--performance-schema-consumer-events-statements-current=ON",
    "--performance-schema-consumer-events-statements-history-long=ON",
];
const ORDERS: &str = "select sum(total) from orders where customer = 41 and 'canary' <> 'x'";

#[tokio::test]
async fn plans_of_mysql_are_told_and_nothing_is_executed() {
    plans(Flavour::MySql, &["--log-bin-trust-function-creators=ON"]).await;
}

#[tokio::test]
async fn plans_of_mariadb_are_told_and_nothing_is_executed() {
    plans(Flavour::MariaDb, &CONSUMERS).await;
}

async fn plans(flavour: Flavour, options: &[&str]) {
    if !flavour.is_at_hand() {
        return;
    }
    let streams = Streams::start(flavour, options).await;
    let mut statements = streams.stream("mysql.statements").await;
    statements.read_at(0).await.unwrap();
    let mut stream = streams.stream("mysql.plans").await;
    a_change_is_told_with_the_time_of_a_call(&streams, &mut stream).await;
    what_writes_is_not_explained(flavour, &streams, &mut stream).await;
    what_has_no_text_is_not_explained(flavour, &streams, &mut stream).await;
    only_ours_is_in_the_log(&streams);
    let rows = statements.read_at(400).await.unwrap();
    let texts: Vec<String> = (0..rows.num_rows())
        .map(|at| cell(&rows, "query_text", at))
        .collect();
    assert!(texts.iter().any(|text| text.contains("by_f")), "{texts:?}");
    for ours in [
        "EXPLAIN",
        "ringwatch",
        "READ ONLY",
        "_timeout",
        "sql_mode` = ?",
        "_time`",
        "performance_schema",
    ] {
        assert!(!texts.iter().any(|text| text.contains(ours)), "{ours}: {texts:?}");
    }
}

/// The rows about `table`, each as kind, reason and plan.
fn about(rows: &RecordBatch, table: &str) -> Vec<[String; 3]> {
    let all = (0..rows.num_rows()).filter(|at| cell(rows, "query", *at).contains(table));
    all.map(|at| ["kind", "reason", "query_plan"].map(|column| cell(rows, column, at)[2..].to_owned()))
        .collect()
}

async fn a_change_is_told_with_the_time_of_a_call(streams: &Streams, stream: &mut Stream) {
    streams.run(6, ORDERS).await;
    let rows = stream.read_at(0).await.unwrap();
    let told = about(&rows, "where customer");
    let [[kind, reason, plan]] = told.as_slice() else {
        panic!("{told:?}");
    };
    assert_eq!([kind.as_str(), reason], ["plan", "null"]);
    assert!(
        plan.contains("by_customer") && !plan.contains("canary") && !plan.contains("= 41"),
        "{plan}"
    );
    let at = (0..rows.num_rows())
        .find(|at| cell(&rows, "query", *at).contains("where customer"))
        .unwrap();
    assert_eq!(cell(&rows, "datname", at), "s shop");
    assert_eq!(cell(&rows, "plan_source", at), "s explain");
    assert_eq!(cell(&rows, "calls", at), "i 6");
    let first = cell(&rows, "plan_hash", at);

    streams.run(6, ORDERS).await;
    assert_eq!(
        about(&stream.read_at(1).await.unwrap(), "where customer").len(),
        0,
        "nothing new"
    );
    streams
        .server
        .execute("alter table shop.orders drop index by_customer")
        .await
        .unwrap();
    streams.run(6, ORDERS).await;
    let rows = stream.read_at(120).await.unwrap();
    let told = about(&rows, "where customer");
    assert!(
        told.len() == 1 && told[0][0] == "plan" && !told[0][2].contains("by_customer"),
        "{told:?}"
    );
    streams.run(6, ORDERS).await;
    let rows = stream.read_at(121).await.unwrap();
    let at = (0..rows.num_rows())
        .find(|at| cell(&rows, "kind", *at) == "s change")
        .unwrap();
    assert_eq!(cell(&rows, "previous_plan_hash", at), first);
    assert_ne!(cell(&rows, "plan_hash", at), first);
    assert_eq!(cell(&rows, "calls_before", at), "i 6");
    assert_eq!(cell(&rows, "calls_after", at), "i 6");
    for column in ["mean_before", "mean_after"] {
        let mean: f64 = cell(&rows, column, at)[2..].parse().unwrap();
        assert!(mean > 0.0, "{column} {mean}");
    }
}

async fn what_writes_is_not_explained(flavour: Flavour, streams: &Streams, stream: &mut Stream) {
    let tables = "create table shop.trace (x int); create table shop.target (x int) engine = myisam";
    streams.server.execute(tables).await.unwrap();
    let function = "create function shop.f(v int) returns int deterministic modifies sql data \
        begin insert into trace values (v); return v; end";
    streams.server.execute(function).await.unwrap();
    let with_delete = match flavour {
        Flavour::MySql => "with old as (select 1 as x) delete from target where x in (select x from old)",
        // It knows no WITH before a DELETE.
        Flavour::MariaDb => "delete from target where x in (select 1 as x)",
    };
    for sql in [
        "select total from orders as by_f where id = f(3)",
        "insert into target select id from orders where id < 3",
        with_delete,
        "select total from orders as locked where id = 3 for update",
        "select total from orders as named where id = get_lock('canary', 0)",
        "select total from orders as slow where id = (select count(*) from orders a join orders b)",
    ] {
        streams.run(1, sql).await;
    }
    streams.server.execute("truncate shop.trace").await.unwrap();
    let rows = stream.read_at(240).await.unwrap();
    for table in ["by_f", "target", "locked", "named"] {
        let told = about(&rows, table);
        assert!(!told.is_empty(), "{table}: {rows:?}");
        for row in told {
            assert_eq!(row, ["failure", "not_read_only", "null"], "{table}");
        }
    }
    let told = about(&rows, "slow");
    assert!(told.len() == 1 && told[0][0] == "plan", "{told:?}");
    assert_eq!(
        streams.number("select count(*) from shop.trace").await,
        0,
        "f was not executed"
    );
    assert_eq!(
        streams.number("select count(*) from shop.target").await,
        1,
        "as the account of others left it"
    );
}

async fn what_has_no_text_is_not_explained(flavour: Flavour, streams: &Streams, stream: &mut Stream) {
    let list: Vec<String> = (0..1000).map(|number| number.to_string()).collect();
    let long = format!(
        "select total from orders as lengthy where id in ({})",
        list.join(", ")
    );
    streams.run(1, &long).await;
    let mut session = streams.server.connect().await.unwrap();
    let bound = sqlx::query::<sqlx::MySql>("select total from shop.orders as bound where id = ?").bind(7);
    bound.fetch_all(&mut session).await.unwrap();
    // A reading that has taken a second leaves the rest to the next one.
    let (mut lengthy, mut prepared) = (Vec::new(), Vec::new());
    for at in 360..364 {
        let rows = stream.read_at(at).await.unwrap();
        lengthy.extend(about(&rows, "lengthy"));
        prepared.extend(about(&rows, "bound"));
    }
    assert_eq!(lengthy, [["failure", "truncated", "null"].map(str::to_owned)]);
    // MariaDB does not count what was prepared.
    let bound = match flavour {
        Flavour::MySql => vec![["failure", "parameters", "null"].map(str::to_owned)],
        Flavour::MariaDb => Vec::new(),
    };
    assert_eq!(prepared, bound);
}

/// What the account of the receiver sent, and nothing else, is what we send.
fn only_ours_is_in_the_log(streams: &Streams) {
    let log = streams.server.statements().unwrap();
    let mut ours = std::collections::HashSet::new();
    let mut explained = Vec::new();
    for line in log.lines() {
        let mut fields = line.split('\t');
        let Some((id, command)) = fields.find_map(|field| {
            let (id, command) = field.trim().split_once(' ')?;
            Some((id.parse::<u64>().ok()?, command))
        }) else {
            continue;
        };
        let text = fields.next().unwrap_or_default();
        match command {
            "Connect" if text.starts_with("monitor@") => drop(ours.insert(id)),
            "Query" | "Prepare" | "Execute" if ours.contains(&id) => {
                let preamble = text.starts_with("SET time_zone=");
                assert!(preamble || text.starts_with("/* ringwatch "), "{line}");
                if text.contains("EXPLAIN") {
                    explained.push(text.to_owned());
                }
            }
            _ => {}
        }
    }
    assert!(
        explained
            .iter()
            .any(|text| text.contains("from orders where customer")),
        "{explained:?}"
    );
    for text in explained {
        let begin = "/* ringwatch mysql.plans */ EXPLAIN FORMAT=JSON select ";
        let harm = ["f(", "get_lock", "for update", "delete", "insert"];
        assert!(
            text.starts_with(begin) && !harm.iter().any(|word| text.contains(word)),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_server_that_keeps_no_texts_is_told_in_one_line() {
    if !Flavour::MariaDb.is_at_hand() {
        return;
    }
    let streams = Streams::start(Flavour::MariaDb, &[]).await;
    let fault = streams.stream("mysql.plans").await.read_at(0).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Absent);
    assert!(
        fault.message.contains("`events_statements_history_long`"),
        "{fault}"
    );
}

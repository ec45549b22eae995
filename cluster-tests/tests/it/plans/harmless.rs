//! What is never explained, what the server's log shows of us, and what does not leave.

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::postgres::{MONITOR, Wish, questions, sql};
use ringwatch_cluster_tests::scene::{ensure_fault, scenario};

use super::{FAILURE, PLAN, is_about, quick_plans, record, watched};

/// Statements that change something, however well they hide it.
const WRITES: [&str; 4] = [
    "with gone as (delete from orders where id = 4711 returning id) select count(*) from gone",
    "with a as (select customer from orders), b as (update orders set note = 'secret4711' where id = 4711 returning id), \
     c as (select * from b) select count(*) from a, c",
    "select id from orders where id = 4711 for update",
    "select setval('numbers', 4711)",
];

/// What is sent for plans, as the documentation lists it.
const FOR_PLANS: [&str; 9] = [
    "select ",
    "BEGIN READ ONLY",
    "SELECT pg_catalog.set_config(",
    "PREPARE ringwatch AS ",
    "DEALLOCATE ringwatch",
    "SAVEPOINT ringwatch",
    "ROLLBACK",
    "COMMIT",
    "EXPLAIN (",
];
/// What is sent for all else: what only reads, the transaction around it, and the session's one setting.
const ELSE: [&str; 7] = [
    "select ",
    "SELECT ",
    "with ",
    "BEGIN READ ONLY",
    "COMMIT",
    "ROLLBACK",
    "SET client_connection_check_interval = ",
];

/// Whether a statement begins with our mark, and behind it as one of those that are listed.
fn is_listed(text: &str) -> bool {
    let marked = text
        .strip_prefix("/* ringwatch ")
        .and_then(|rest| rest.split_once("*/"));
    let Some((stream, sql)) = marked else {
        return false;
    };
    let sql = sql.trim_start();
    let is_plans = stream.trim() == "postgresql.plans";
    let listed: &[&str] = if is_plans { &FOR_PLANS } else { &ELSE };
    // Where a statement of the catalogue begins on the next line, the log's first has the mark alone.
    sql.is_empty() || listed.iter().any(|begin| sql.starts_with(begin))
}

#[test]
fn what_is_not_listed_is_told() {
    for text in [
        "/* ringwatch postgresql.plans */ BEGIN READ ONLY",
        "/* ringwatch postgresql.plans */ ROLLBACK; SELECT pg_catalog.pg_advisory_unlock_all()",
        "/* ringwatch */ SELECT r.rolname::text",
    ] {
        assert!(is_listed(text), "{text}");
    }
    for text in [
        "select 1",
        "/* ringwatch postgresql.plans */ BEGIN",
        "/* ringwatch postgresql.plans */ SELECT setval('s', 1)",
        "/* ringwatch postgresql.plans */ SET x = 1",
        "/* ringwatch */ DELETE FROM t",
    ] {
        assert!(!is_listed(text), "{text}");
    }
}

#[test]
fn what_writes_is_never_explained_and_all_we_ask_is_on_the_list() -> Result<()> {
    scenario("plans_harmless", async |scene| {
        let mut all = watched(scene, &Wish::default(), quick_plans()).await?;
        all.server.execute("postgres", "create sequence numbers").await?;
        let mut session = all.server.connect("postgres").await?;
        for _ in 0..20 {
            for write in WRITES {
                sql::execute(&mut session, write).await?;
            }
            let read = "select note from orders where note like 'secret4711%' and customer = 42";
            sql::execute(&mut session, read).await?;
        }
        let read = record(&all.sink, PLAN, "the plan of what reads", |record| {
            is_about(record, "select note from orders where note like")
        })
        .await?;
        ensure!(read.text("ringwatch.plan.source") == Some("prepared"), "{read:?}");
        for write in WRITES {
            let begin = write.split(['=', '\'']).next().unwrap_or_default().trim();
            let refused = record(&all.sink, FAILURE, begin, |record| is_about(record, begin)).await?;
            ensure!(
                refused.text("ringwatch.plan.failure") == Some("not_read_only"),
                "{refused:?}"
            );
        }
        let asked: Vec<_> = questions::read(&all.server.log_text()?)
            .into_iter()
            .filter(|question| question.role == MONITOR)
            .collect();
        let explained: Vec<_> = asked
            .iter()
            .filter(|q| q.text.to_lowercase().contains("explain"))
            .collect();
        ensure_fault(!explained.is_empty(), "nothing was explained")?;
        for question in &asked {
            let text = question.text.trim_start();
            ensure!(is_listed(text), "not on the list of what is asked: {text}");
        }
        for question in explained {
            let text = question.text.to_lowercase();
            let is_write = ["delete", "update", "setval", "analyze"]
                .iter()
                .any(|word| text.contains(word));
            ensure!(!is_write, "explained: {text}");
        }
        let leaked = all.sink.look(|ledger| {
            let mut records = ledger.last_records.iter();
            records
                .find(|record| format!("{record:?}").contains("4711"))
                .cloned()
        });
        ensure!(leaked.is_none(), "a literal left: {leaked:?}");
        all.verdict().await.map(drop)
    })
}

//! An index is dropped while statements run: the change of the plan is told with what a call took before and after.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, Result, ensure};
use ringwatch_cluster_tests::postgres::{Server, Wish, sql};
use ringwatch_cluster_tests::scene::scenario;
use ringwatch_cluster_tests::sink::{Record, Value};
use ringwatch_cluster_tests::wait;

use super::{CHANGE, PLAN, SOON, is_about, quick_plans, record, watched};

const STATEMENT: &str = "select count(*), max(note) from orders where customer = ";

fn double(record: &Record, name: &str) -> Result<f64> {
    let value = record.attributes.get(name).and_then(Value::number);
    value.with_context(|| format!("no number `{name}` in {:?}", record.attributes))
}

/// Asks for the orders of one customer after the other until it is told to stop.
async fn load(server: &Server, stop: &AtomicBool) -> Result<()> {
    let mut session = server.connect("postgres").await?;
    let mut customer = 0;
    while !stop.load(Ordering::Relaxed) {
        sql::execute(&mut session, &format!("{STATEMENT}{customer}")).await?;
        customer = (customer + 1) % 20_000;
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    Ok(())
}

fn dropped_index(major: Option<u32>) -> Result<()> {
    let name = major.map_or_else(
        || "plans_change".to_owned(),
        |major| format!("plans_change_{major}"),
    );
    scenario(&name, async |scene| {
        let wish = Wish {
            major,
            ..Wish::default()
        };
        let mut all = watched(scene, &wish, quick_plans()).await?;
        let stop = Arc::new(AtomicBool::new(false));
        let story = async {
            let told = tell(&all).await;
            stop.store(true, Ordering::Relaxed);
            told
        };
        let (told, loaded) = tokio::join!(story, load(&all.server, &stop));
        loaded?;
        told?;
        all.verdict().await.map(drop)
    })
}

async fn tell(all: &crate::story::Watched) -> Result<()> {
    let of_load = |record: &Record| is_about(record, "select count(*), max(note) from orders");
    let before = record(&all.sink, PLAN, "a plan by the index", |record| {
        let plan = record.text("postgresql.query_plan").unwrap_or_default();
        of_load(record) && plan.contains("orders_customer")
    })
    .await?;
    let is_scan = |record: &Record| {
        record
            .attributes
            .get("has_sequential_scan")
            .map(ToString::to_string)
    };
    ensure!(is_scan(&before).as_deref() == Some("false"), "{before:?}");
    ensure!(double(&before, "index_scan_count")? >= 1.0, "{before:?}");

    let calls_of_load = || {
        all.sink.look(|ledger| {
            let statements = ledger.statements.values();
            let of_load =
                statements.filter(|sum| sum.text.starts_with("select count(*), max(note) from orders"));
            of_load.map(|sum| sum.calls).sum::<i64>()
        })
    };
    let enough = calls_of_load() + 100;
    wait::until("a hundred calls under the first plan", SOON, async || {
        wait::when(calls_of_load() >= enough, || {
            format!("{} of {enough}", calls_of_load())
        })
    })
    .await?;
    all.server
        .execute("postgres", "drop index orders_customer")
        .await?;
    let change = record(&all.sink, CHANGE, "the change of the plan", of_load).await?;
    let hash = |record: &Record, name: &str| record.text(name).map(str::to_owned);
    let (old, new) = (
        hash(&change, "ringwatch.plan.previous_hash"),
        hash(&change, "ringwatch.plan.hash"),
    );
    ensure!(old.is_some() && new.is_some() && old != new, "{change:?}");
    ensure!(
        old == hash(&before, "ringwatch.plan.hash"),
        "{change:?} after {before:?}"
    );
    let mean = |when: &str| double(&change, &format!("ringwatch.plan.mean_{when}"));
    let calls = |when: &str| double(&change, &format!("ringwatch.plan.calls_{when}"));
    let (was, is) = (mean("before")?, mean("after")?);
    println!(
        "a call took {was:.3} ms before and {is:.3} ms after: {:?}",
        change.attributes
    );
    ensure!(
        was > 0.0 && is > 2.0 * was,
        "the loss of an index costs more than that: {was} and {is} ms"
    );
    ensure!(calls("before")? >= 5.0 && calls("after")? >= 5.0, "{change:?}");

    let after = record(&all.sink, PLAN, "the new plan", |record| {
        of_load(record) && hash(record, "ringwatch.plan.hash") == new
    })
    .await?;
    ensure!(is_scan(&after).as_deref() == Some("true"), "{after:?}");
    let insights = after.text("plan_insights").unwrap_or_default();
    ensure!(
        insights.contains("seq"),
        "a scan of 300 000 rows is remarked on: {insights}"
    );
    Ok(())
}

#[test]
fn a_dropped_index_is_told_with_what_a_call_took_before_and_after() -> Result<()> {
    dropped_index(None)
}

#[test]
fn a_dropped_index_is_told_on_postgresql_17_where_plans_are_generic() -> Result<()> {
    dropped_index(Some(17))
}

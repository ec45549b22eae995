//! Deltas of `pg_stat_statements` against the truth that the test itself makes: each call once, also over resets;
//! where entries are evicted, what cannot be known is counted as uncertain.

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::node::{Every, NodeConfig};
use ringwatch_cluster_tests::postgres::{Wish, sql};
use ringwatch_cluster_tests::scene::{ensure_fault, scenario};
use ringwatch_cluster_tests::wait;
use sqlx::postgres::PgConnection;

use crate::story::{SOON, Watched};

/// The calls that came for statements whose text holds `mark`.
fn calls(all: &Watched, mark: &str) -> i64 {
    all.sink.look(|l| {
        l.statements
            .values()
            .filter(|s| s.text.starts_with(&format!("select {mark} ")))
            .map(|s| s.calls)
            .sum()
    })
}

async fn came(all: &Watched, mark: &str, truth: i64) -> Result<()> {
    wait::until(&format!("{truth} calls of {mark}"), SOON, async || {
        let calls = calls(all, mark);
        wait::when(calls == truth, || format!("{calls} came"))
    })
    .await
}

async fn uncertain(all: &Watched) -> Result<f64> {
    Ok(all
        .node
        .metrics()
        .await?
        .sum("ringwatch_uncertain_rows_total", &[]))
}

/// Calls one statement so many times. A column of its own makes it a statement of its own for the server.
async fn call(session: &mut PgConnection, mark: &str, times: usize) -> Result<()> {
    for n in 0..times {
        sql::execute(session, &format!("select {mark} from kinds where {n} = 4711")).await?;
    }
    Ok(())
}

/// A table with a column for each of the statements.
async fn make_kinds(all: &Watched, marks: &[String]) -> Result<PgConnection> {
    let mut session = all.server.connect("postgres").await?;
    let columns: Vec<String> = marks.iter().map(|mark| format!("{mark} int")).collect();
    sql::execute(
        &mut session,
        &format!("create table kinds ({})", columns.join(", ")),
    )
    .await?;
    Ok(session)
}

fn metrics_seldom(target: String, sink: &str) -> NodeConfig {
    NodeConfig::new(
        &[target],
        sink,
        Every {
            collection: "1s",
            statements: "1s",
            activity: "",
        },
    )
}

#[test]
fn each_call_is_told_once_also_over_a_reset() -> Result<()> {
    scenario("statements_reset", async |scene| {
        let mut all = Watched::start_with(scene, &Wish::default(), metrics_seldom).await?;
        let mut session = make_kinds(&all, &["first_kind".into(), "second_kind".into()]).await?;
        // The first reading is the baseline: what is called before it is not told.
        baseline(&all).await?;
        call(&mut session, "first_kind", 100).await?;
        came(&all, "first_kind", 100).await?;
        call(&mut session, "second_kind", 50).await?;
        call(&mut session, "first_kind", 23).await?;
        came(&all, "first_kind", 123).await?;
        came(&all, "second_kind", 50).await?;

        // At rest: all calls are told, so nothing of ours is lost with the counters.
        sql::execute(&mut session, "select pg_stat_statements_reset()").await?;
        call(&mut session, "first_kind", 7).await?;
        came(&all, "first_kind", 130).await?;
        call(&mut session, "first_kind", 400).await?;
        came(&all, "first_kind", 530).await?;
        came(&all, "second_kind", 50).await?;
        ensure_fault(uncertain(&all).await? > 0.0, "the node did not see the reset")?;
        let leaked = all.sink.look(|l| {
            l.last_records
                .iter()
                .filter_map(|r| r.text("db.query.text"))
                .any(|text| text.contains("4711"))
        });
        ensure!(!leaked, "a literal left the house");
        all.spotless().await.map(drop)
    })
}

/// Waits until the statements' baseline is read: two ticks of their stream have been collected.
async fn baseline(all: &Watched) -> Result<()> {
    let ticks = [("stream", "postgresql.statements"), ("outcome", "collected")];
    let fits = |m: &ringwatch_cluster_tests::node::Metrics| {
        let collected = m.sum("ringwatch_ticks_total", &ticks);
        wait::when(collected >= 2.0, || m.show("ringwatch_ticks_total"))
    };
    all.node
        .until("the baseline of statements", SOON, fits)
        .await
        .map(drop)
}

/// The calls of each of the statements that make the server evict.
fn kinds_told(all: &Watched) -> Vec<i64> {
    all.sink.look(|l| {
        let of_kinds = l
            .statements
            .values()
            .filter(|s| s.text.starts_with("select kind_"));
        of_kinds.map(|s| s.calls).collect()
    })
}

#[test]
fn evicted_statements_are_uncertain_and_never_told_twice() -> Result<()> {
    scenario("statements_evicted", async |scene| {
        let wish = Wish::default().with("pg_stat_statements.max=100");
        let mut all = Watched::start_with(scene, &wish, metrics_seldom).await?;
        let mut marks: Vec<String> = (0..300).map(|kind| format!("kind_{kind}_end")).collect();
        marks.push("often_called".into());
        let mut session = make_kinds(&all, &marks).await?;
        baseline(&all).await?;
        call(&mut session, "often_called", 50).await?;
        came(&all, "often_called", 50).await?;
        // Three times as many kinds as there are places; each kind is a statement of its own.
        for kind in &marks[..300] {
            call(&mut session, kind, 1).await?;
        }
        call(&mut session, "often_called", 10).await?;
        let dealloc = "select dealloc from pg_stat_statements_info";
        ensure_fault(
            sql::number(&mut session, dealloc).await? > 0,
            "the server evicted nothing",
        )?;
        all.node
            .until("evicted rows counted as uncertain", SOON, |m| {
                let rows = m.sum("ringwatch_uncertain_rows_total", &[("reason", "evicted")]);
                wait::when(rows > 0.0, || m.show("ringwatch_uncertain_rows_total"))
            })
            .await?;
        all.ticks_of("postgresql.commits", 3).await?;
        // Those that the server held at the end, at least.
        let told = wait::until("some of the kinds", SOON, async || {
            let told = kinds_told(&all);
            wait::when(!told.is_empty(), || "none was told".into()).map(|()| told)
        })
        .await?;
        ensure!(
            told.iter().all(|calls| *calls == 1),
            "a statement that ran once was told as more: {told:?}"
        );
        let often = calls(&all, "often_called");
        ensure!(
            (50..=60).contains(&often),
            "60 calls were made, 50 of them told before the evictions: {often} told"
        );
        all.spotless().await.map(drop)
    })
}

#[test]
fn a_restart_of_the_server_tells_no_call_twice() -> Result<()> {
    scenario("statements_restart", async |scene| {
        let mut all = Watched::start_with(scene, &Wish::default(), metrics_seldom).await?;
        let mut session = make_kinds(&all, &["over_a_restart".into()]).await?;
        baseline(&all).await?;
        call(&mut session, "over_a_restart", 40).await?;
        came(&all, "over_a_restart", 40).await?;
        drop(session);
        all.server.stop().await?;
        all.server.resume_service().await?;
        all.points_after(all.newest()).await?;
        let mut session = all.server.connect("postgres").await?;
        call(&mut session, "over_a_restart", 5).await?;
        came(&all, "over_a_restart", 45).await?;
        all.verdict().await.map(drop)
    })
}

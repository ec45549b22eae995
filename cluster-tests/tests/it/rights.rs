//! A wrong password, a missing grant, a missing extension: said once, with what to do, and the rest goes on.

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::books::NodeBooks;
use ringwatch_cluster_tests::node::{Every, Node, NodeConfig};
use ringwatch_cluster_tests::postgres::{MONITOR, Wish};
use ringwatch_cluster_tests::scene::{ensure_fault, scenario};
use ringwatch_cluster_tests::wait;
use serde_json::json;

use crate::story::{SOON, Watched};

fn usual(target: String, sink: &str) -> NodeConfig {
    NodeConfig::new(&[target], sink, Every::SECOND)
}

/// Waits until a stream has missed some ticks for this reason.
async fn misses(node: &Node, stream: &str, ticks: f64) -> Result<()> {
    node.until(&format!("missed ticks of {stream}"), SOON, |m| {
        let missed = m.sum(
            "ringwatch_ticks_total",
            &[("stream", stream), ("outcome", "error")],
        );
        wait::when(missed >= ticks, || m.show("ringwatch_ticks_total"))
    })
    .await
    .map(drop)
}

#[test]
fn a_wrong_password_is_told_without_it() -> Result<()> {
    scenario("wrong_password", async |scene| {
        let server = scene.server("postgres", &Wish::default()).await?;
        let sink = scene.sink().await?;
        let config =
            usual(server.endpoint(), &sink.endpoint()).receiver("password", json!("canary-not-this-one"));
        let mut node = scene.node(&config).await?;
        node.log_line(&["password", MONITOR, &server.endpoint()], SOON)
            .await?;
        misses(&node, "postgresql.activity", 3.0).await?;
        let refused = server
            .log_text()?
            .matches("password authentication failed")
            .count();
        ensure_fault(refused > 0, "the server refused nobody")?;
        ensure!(
            refused < 60,
            "the server was asked {refused} times within seconds"
        );
        ensure!(!node.log_text()?.contains("canary"), "the password is in the log");
        ensure!(
            sink.look(|l| l.points) == 0,
            "points came from a server that lets nobody in"
        );
        let books = NodeBooks::of(&node.metrics().await?)?;
        ensure!(books.balanced() && books.collected == 0, "{books:?}");
        let last = node.terminate().await?;
        ensure!(last.collected == 0, "{last:?}");
        Ok(())
    })
}

#[test]
fn a_missing_extension_is_told_and_the_rest_goes_on() -> Result<()> {
    scenario("missing_extension", async |scene| {
        let wish = Wish {
            statements: false,
            ..Wish::default()
        };
        let mut all = Watched::start_with(scene, &wish, usual).await?;
        all.node
            .log_line(&["pg_stat_statements", "postgresql.statements"], SOON)
            .await?;
        misses(&all.node, "postgresql.statements", 3.0).await?;
        let told = all
            .node
            .log_text()?
            .lines()
            .filter(|l| l.contains("CREATE EXTENSION"))
            .count();
        ensure!(told == 1, "what to do was told {told} times");
        all.ticks_of("postgresql.commits", 2).await?;
        all.spotless().await.map(drop)
    })
}

#[test]
fn an_extension_that_comes_later_is_found_long() -> Result<()> {
    scenario("late_extension", async |scene| {
        let wish = Wish {
            statements: false,
            ..Wish::default()
        }
        .with("shared_preload_libraries=pg_stat_statements");
        let mut all = Watched::start_with(scene, &wish, usual).await?;
        misses(&all.node, "postgresql.statements", 1.0).await?;
        all.server
            .execute("postgres", "create extension pg_stat_statements")
            .await?;
        let limit = std::time::Duration::from_secs(90);
        wait::until("statements", limit, async || {
            let came = all
                .sink
                .look(|l| l.events.get("db.server.top_query").copied().unwrap_or(0));
            wait::when(came > 0, || "none came".into())
        })
        .await?;
        all.spotless().await.map(drop)
    })
}

#[test]
fn a_missing_grant_is_told_and_the_rest_goes_on() -> Result<()> {
    scenario("missing_grant", async |scene| {
        let wish = Wish {
            grant: false,
            ..Wish::default()
        };
        let mut all = Watched::start_with(scene, &wish, usual).await?;
        all.node
            .log_line(&["GRANT pg_monitor", MONITOR, "postgresql.activity"], SOON)
            .await?;
        misses(&all.node, "postgresql.activity", 3.0).await?;
        // What anybody may read goes on.
        all.ticks_of("postgresql.connection.max", 2).await?;
        let told = all.node.log_text()?.matches("postgresql.activity").count();
        ensure!(
            told == 1,
            "the missing grant was told {told} times for one stream"
        );
        all.verdict().await?;
        let hidden = all.sink.look(|l| {
            let texts = l.last_records.iter().filter_map(|r| r.text("db.query.text"));
            texts
                .filter(|text| text.contains("insufficient privilege"))
                .count()
        });
        ensure!(
            hidden == 0,
            "{hidden} records hold the server's refusal in place of a text"
        );
        Ok(())
    })
}

#[test]
fn a_grant_that_comes_later_is_found_long() -> Result<()> {
    scenario("late_grant", async |scene| {
        let wish = Wish {
            grant: false,
            ..Wish::default()
        };
        let mut all = Watched::start_with(scene, &wish, usual).await?;
        misses(&all.node, "postgresql.activity", 1.0).await?;
        all.server
            .execute("postgres", &format!("grant pg_monitor to {MONITOR}"))
            .await?;
        let target = all.target();
        wait::until("commits", std::time::Duration::from_secs(90), async || {
            let came = all
                .sink
                .look(|l| l.of_metric(&target, "postgresql.commits").count());
            wait::when(came > 0, || "none came".into())
        })
        .await?;
        all.spotless().await.map(drop)
    })
}

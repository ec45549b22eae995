//! Plans that the server itself wrote into its log.

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::postgres::{Wish, sql};
use ringwatch_cluster_tests::scene::scenario;
use ringwatch_cluster_tests::sink::Value;
use serde_json::json;

use super::{PLAN, is_about, quick_plans, record, watched};

fn from_the_log(format: &'static str) -> Result<()> {
    scenario(&format!("plans_auto_explain_{format}"), async |scene| {
        let wish = Wish::default()
            .with("session_preload_libraries=auto_explain")
            .with("auto_explain.log_min_duration=0")
            .with("auto_explain.log_analyze=on")
            .with(&format!("auto_explain.log_format={format}"));
        let mut plans = quick_plans();
        plans["log"] = json!({ "path": scene.log("postgres").to_string_lossy(), "interval": "1s" });
        let mut all = watched(scene, &wish, plans).await?;
        let mut session = all.server.connect("postgres").await?;
        for customer in 0..30 {
            let read =
                format!("select note from orders where customer = {customer} and note <> 'secret4711'");
            sql::execute(&mut session, &read).await?;
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        }
        let logged = record(&all.sink, PLAN, "a plan out of the log", |record| {
            let is_logged = record.text("ringwatch.plan.source") == Some("auto_explain");
            is_logged && is_about(record, "select note from orders")
        })
        .await?;
        let time = logged.attributes.get("execution_time").and_then(Value::number);
        ensure!(time.is_some_and(|time| time > 0.0), "{logged:?}");
        ensure!(logged.attributes.contains_key("total_cost"), "{logged:?}");
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

#[test]
fn plans_in_json_are_read_from_the_servers_log() -> Result<()> {
    from_the_log("json")
}

#[test]
fn plans_in_text_are_read_from_the_servers_log() -> Result<()> {
    from_the_log("text")
}

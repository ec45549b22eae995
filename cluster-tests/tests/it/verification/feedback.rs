//! What was found wrongly is told so at the shell, and is not found again.

use anyhow::{Context, Result, ensure};
use ringwatch_cluster_tests::cluster::client;
use ringwatch_cluster_tests::scene::scenario;
use ringwatch_cluster_tests::wait;
use serde_json::{Value, json};

use super::{SOON, Verified};

const ADDRESS: &str = "support@example-company.com";

#[test]
fn a_value_that_is_no_personal_data_is_let_through_after_feedback() -> Result<()> {
    scenario("verification_feedback", async |scene| {
        let documents = [("note", format!("write to {ADDRESS}"))];
        let queries =
            json!([{ "sql": "select body as note from documents", "logs": [{ "body_column": "note" }] }]);
        let all = Verified::start(scene, &documents, queries).await?;
        let bodies = || -> Vec<String> {
            let body = |record: &ringwatch_cluster_tests::sink::Record| {
                record.body.as_ref().map(ToString::to_string)
            };
            all.sink
                .look(|ledger| ledger.last_records.iter().filter_map(body).collect())
        };
        wait::until("a hidden address", SOON, async || {
            let bodies = bodies();
            wait::when(!bodies.is_empty(), || "no document came".to_owned())
        })
        .await?;
        ensure!(
            bodies().iter().all(|body| !body.contains(ADDRESS)),
            "{:?}",
            bodies()
        );

        let grpc = all.node.ports().grpc;
        let ask = |words: &[&str]| -> Result<String> {
            let output = client(grpc, words)?;
            let (out, err) = (
                String::from_utf8(output.stdout)?,
                String::from_utf8(output.stderr)?,
            );
            ensure!(output.status.success(), "{words:?}: {err}");
            Ok(out)
        };
        let listed: Value = serde_json::from_str(&ask(&["feedback", "list", "-o", "json"])?)?;
        let findings = listed["findings"].as_array().context("no list of findings")?;
        let of_address = findings.iter().find(|finding| finding["check"] == "pii");
        let id = of_address
            .and_then(|finding| finding["id"].as_str())
            .context("the address is no finding")?;
        ensure!(
            !listed.to_string().contains(ADDRESS),
            "the list tells the address: {listed}"
        );
        let table = ask(&["feedback", "list"])?;
        ensure!(table.contains(id) && table.contains("pii"), "{table}");
        ask(&["feedback", "wrong", id])?;
        wait::until("the address", SOON, async || {
            let last = bodies().last().cloned().unwrap_or_default();
            wait::when(last.contains(ADDRESS), || last)
        })
        .await?;
        ensure!(
            ask(&["feedback", "status"])?.contains("values let through"),
            "the status says so"
        );
        drop(all.server);
        Ok(())
    })
}

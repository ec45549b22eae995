//! Real plans and log messages with secrets planted in them: none is in what comes out.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use regex::Regex;
use ringwatch_cluster_tests::scene::{ensure_fault, scenario};
use ringwatch_cluster_tests::wait;
use serde_json::{Value, json};

use super::{SOON, Verified};

/// What is planted in the place of texts and of numbers.
const WORD: &str = "Plant3dS3cret";
const NUMBER: &str = "47110815";

fn corpora() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpora");
    if !folder.exists() {
        println!("skipped: {} is not there", folder.display());
        return None;
    }
    Some(folder)
}

/// `text` with a secret in each literal of its conditions.
fn planted(text: &str) -> Result<String> {
    let texts = Regex::new(r"'[^']*'")?
        .replace_all(text, format!("'{WORD}'").as_str())
        .into_owned();
    let numbers = Regex::new(r"([=<>] )\(?-?\d+(\.\d+)?\)?(\)|::)")?;
    Ok(numbers
        .replace_all(&texts, format!("${{1}}{NUMBER}${{3}}").as_str())
        .into_owned())
}

fn plans(corpora: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for folder in [
        "postgres/json",
        "postgres/text",
        "postgres/json_framed",
        "postgres/text_framed",
        "mysql/json",
    ] {
        for file in fs::read_dir(corpora.join("plans").join(folder))? {
            found.push(fs::read_to_string(file?.path())?);
        }
    }
    for line in fs::read_to_string(corpora.join("plans/pg15_pairs.jsonl"))?.lines() {
        let pair: Value = serde_json::from_str(line)?;
        for format in ["json", "text"] {
            found.push(pair[format].as_str().context("a pair lacks a format")?.to_owned());
        }
    }
    found.iter().map(|plan| planted(plan)).collect()
}

/// Log messages of which some bytes are secret, with other secrets in their place.
fn messages(corpora: &Path) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for line in fs::read_to_string(corpora.join("logs/postgres_logs.jsonl"))?.lines() {
        let case: Value = serde_json::from_str(line)?;
        let lines = case["lines"].as_array().cloned().unwrap_or_default();
        let expected = case["expected"].as_array().cloned().unwrap_or_default();
        for (line, expected) in lines.iter().zip(&expected) {
            let mut content = line["Content"].as_str().unwrap_or_default().to_owned();
            let mut secret: Vec<_> = expected["SecretMarkers"].as_array().cloned().unwrap_or_default();
            secret.sort_by_key(|marker| std::cmp::Reverse(marker["ByteStart"].as_u64()));
            for marker in secret {
                let range = |key: &str| usize::try_from(marker[key].as_u64().unwrap_or_default());
                let range = range("ByteStart")?..range("ByteEnd")?;
                let secret = content.get(range.clone()).unwrap_or_default();
                let with = match marker["Kind"].as_str() {
                    Some("StatementTextLogSecret") => planted(secret)?,
                    _ => secret
                        .replace(|c: char| c.is_ascii_alphabetic(), "x")
                        .replacen('x', WORD, 1),
                };
                content.replace_range(range, &with);
            }
            found.push(content);
        }
    }
    Ok(found)
}

#[test]
fn no_literal_of_real_plans_and_messages_leaves() -> Result<()> {
    let Some(corpora) = corpora() else { return Ok(()) };
    let (plans, messages) = (plans(&corpora)?, messages(&corpora)?);
    let with = |texts: &[String]| {
        texts
            .iter()
            .filter(|t| t.contains(WORD) || t.contains(NUMBER))
            .count()
    };
    println!(
        "{} plans, {} with secrets; {} messages, {}",
        plans.len(),
        with(&plans),
        messages.len(),
        with(&messages)
    );
    ensure_fault(
        with(&plans) > 100 && with(&messages) > 5,
        "there was hardly a secret to plant",
    )?;
    let (plan_count, message_count) = (plans.len(), messages.len());
    let documents = plans.into_iter().map(|plan| ("plan", plan));
    let documents: Vec<_> = documents
        .chain(messages.into_iter().map(|message| ("message", message)))
        .collect();
    scenario("verification_secrets", async |scene| {
        let queries = json!([
            { "sql": "select id, body as query_plan from documents where kind = 'plan'",
              "logs": [{ "body_column": "query_plan", "attribute_columns": ["id", "query_plan"] }] },
            { "sql": "select id, body as log_message from documents where kind = 'message'",
              "logs": [{ "body_column": "log_message", "attribute_columns": ["id"] }] },
        ]);
        let all = Verified::start(scene, &documents, queries).await?;
        let came = || all.sink.look(|ledger| ledger.last_records.len());
        let wanted = 2 * (plan_count + message_count);
        wait::until("two readings of all documents", SOON, async || {
            wait::when(came() >= wanted, || format!("{} of {wanted}", came()))
        })
        .await?;
        all.sink.look(|ledger| -> Result<()> {
            let mut costs = 0;
            for record in &ledger.last_records {
                let text = format!("{record:?}");
                ensure!(
                    !text.contains(WORD) && !text.contains(NUMBER),
                    "a secret left: {text}"
                );
                costs += usize::from(record.attributes.contains_key("total_cost"));
            }
            ensure!(
                costs > plan_count,
                "only {costs} plans could be read in two readings of {plan_count}"
            );
            Ok(())
        })?;
        Ok(())
    })
}

/// Personal data and secrets of the classes that are on by default.
const PERSONAL: [(&str, &str); 6] = [
    ("credit_card", "4111 1111 1111 1111"),
    ("email", "jane.doe@example-company.com"),
    ("iban", "DE89 3704 0044 0532 0130 00"),
    ("ip_address", "203.0.113.77"),
    ("us_ssn", "536-90-4399"),
    ("api_key", "ghp_16C7e42F292c6912E7710c838347Ae178B4a"),
];

#[test]
fn personal_data_is_hidden_wherever_it_stands_and_counted() -> Result<()> {
    let documents: Vec<_> = PERSONAL
        .iter()
        .map(|(_, value)| ("note", format!("customer wrote: {value} (see ticket)")))
        .collect();
    scenario("verification_personal", async |scene| {
        let queries = json!([{
            "sql": "select id, body as note, 'to ' || body as other from documents",
            "logs": [{ "body_column": "note", "attribute_columns": ["other"] }],
        }]);
        let all = Verified::start(scene, &documents, queries).await?;
        let came = || all.sink.look(|ledger| ledger.last_records.len());
        wait::until("the documents", SOON, async || {
            wait::when(came() >= documents.len(), || format!("{} came", came()))
        })
        .await?;
        for (class, value) in PERSONAL {
            let left = all.sink.look(|ledger| {
                let mut records = ledger.last_records.iter();
                records
                    .find(|record| format!("{record:?}").contains(value))
                    .cloned()
            });
            ensure!(left.is_none(), "{class} left: {left:?}");
            let told = all.sink.look(|ledger| {
                ledger.last_records.iter().any(|record| {
                    let body = record.body.as_ref().map(ToString::to_string).unwrap_or_default();
                    body.contains("customer wrote: ") && body.contains(class) && body.contains("(see ticket)")
                })
            });
            ensure!(told, "what was hidden is not called {class}");
            let found = all
                .node
                .metrics()
                .await?
                .sum("verification_pii_detections_total", &[("class", class)]);
            ensure!(found >= 2.0, "{class} was counted {found} times");
        }
        Ok(())
    })
}

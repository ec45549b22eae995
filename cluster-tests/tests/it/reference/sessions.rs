//! What becomes of the active sessions: log records, each second.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use ringwatch_cluster_tests::sink::{Record, Value};
use ringwatch_cluster_tests::wait;

use super::metrics::check_resource;
use super::stage::{SECRET, Stage};

/// The attributes that the configuration asks for.
const KEYS: [&str; 6] = [
    "pid",
    "usename",
    "application_name",
    "wait_event_type",
    "wait_event",
    "query_duration",
];

pub(super) async fn check(stage: &Stage) -> Result<()> {
    for (state, number) in [("idle in transaction", 17), ("active", 9)] {
        wait::until(
            &format!("a session that is {state}"),
            Duration::from_secs(30),
            async || {
                stage.sink.look(|l| {
                    let came = l
                        .last_records
                        .iter()
                        .any(|r| r.severity == (state.to_owned(), number));
                    wait::when(came, || format!("{} records", l.records))
                })
            },
        )
        .await?;
    }
    // The one at rest is kept at each tick by the rule for errors and warnings.
    wait::until(
        "ten ticks of the session at rest",
        Duration::from_secs(30),
        async || {
            let ticks = stage
                .sink
                .look(|l| l.last_records.iter().filter(|r| r.severity.1 == 17).count());
            wait::when(ticks >= 10, || format!("{ticks} ticks"))
        },
    )
    .await?;
    stage.sink.look(|l| {
        l.last_records
            .iter()
            .filter(|r| r.event.is_empty())
            .try_for_each(one)
    })
}

fn one(record: &Record) -> Result<()> {
    check_resource(&record.resource)?;
    let body = match &record.body {
        Some(Value::Text(text)) => text,
        other => anyhow::bail!("the body is {other:?}"),
    };
    ensure!(
        !body.contains(SECRET) && !body.contains('\''),
        "a literal left: {body}"
    );
    let severity = (record.severity.0.as_str(), record.severity.1);
    ensure!(
        matches!(severity, ("active", 9) | ("idle in transaction", 17)) || severity.1 == 0,
        "{severity:?}"
    );
    for key in record.attributes.keys() {
        ensure!(KEYS.contains(&key.as_str()), "nobody asked for {key}");
    }
    let pid = record.int("pid").context("no pid")?;
    ensure!(pid > 0 && record.observed > 0, "{record:?}");
    // The time is that of the query's start, and the tick is when it was observed.
    let age = record.observed.saturating_sub(record.time);
    let told = record
        .attributes
        .get("query_duration")
        .and_then(Value::number)
        .context("no query_duration")?;
    ensure!(
        (told - Duration::from_nanos(age).as_secs_f64()).abs() < 2.0,
        "it began {age} ns before the tick, and says {told} s"
    );
    Ok(())
}

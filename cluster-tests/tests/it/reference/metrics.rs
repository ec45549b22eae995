//! What becomes of the servers' and the statements' numbers.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use ringwatch_cluster_tests::postgres::sql;
use ringwatch_cluster_tests::sink::{Kind, Value};
use ringwatch_cluster_tests::{http, wait};
use sqlx::Row as _;

use super::stage::{QUICK, SECRET, SHOP, Stage};

/// Longer than two of the slowest interval.
const LIMIT: Duration = Duration::from_secs(100);

/// What the processor `resource` adds.
const RESOURCE: [(&str, &str); 4] = [
    ("service.name", "database-monitoring"),
    ("deployment.environment", "production"),
    ("db.system", "postgresql"),
    ("collector.version", "1.0.0"),
];

pub(super) fn check_resource(resource: &BTreeMap<String, Value>) -> Result<()> {
    for (key, value) in RESOURCE {
        ensure!(
            resource.get(key) == Some(&Value::Text(value.into())),
            "{key}: {resource:?}"
        );
    }
    Ok(())
}

/// `metrics/infrastructure`: to the backend and to Prometheus.
pub(super) async fn infrastructure(stage: &Stage) -> Result<()> {
    let resource = wait::until("the commits at the backend", LIMIT, async || {
        let resource = stage
            .sink
            .look(|l| l.resources.get("postgresql.commits").cloned());
        resource.ok_or_else(|| "none came".to_owned())
    })
    .await?;
    check_resource(&resource)?;
    let page = http::get(8889, "/metrics").await?.body;
    let line = page
        .lines()
        .find(|line| line.starts_with("db_intelligence_postgresql_commits_total{") && line.contains(SHOP))
        .context("no commits at the Prometheus exporter")?;
    ensure!(line.contains("environment=\"production\""), "{line}");
    let time = line.rsplit(' ').next().and_then(|t| t.parse::<u64>().ok());
    ensure!(
        time.is_some_and(|t| t > 1_700_000_000_000),
        "no timestamp: {line}"
    );
    Ok(())
}

/// A statement as the server tells it.
struct Statement {
    text: String,
    calls: i64,
    mean: f64,
}

/// What the query of the configuration would have to yield, asked by the test itself.
async fn truth(stage: &Stage) -> Result<BTreeMap<String, Statement>> {
    let mut session = stage.server.connect(SHOP).await?;
    let rows = sqlx::query(
        "select queryid::text, query, calls, mean_exec_time from pg_stat_statements where calls > 10 and mean_exec_time > 0",
    )
    .fetch_all(&mut session)
    .await?;
    rows.iter()
        .map(|row| {
            let statement = Statement {
                text: row.try_get(1)?,
                calls: row.try_get(2)?,
                mean: row.try_get(3)?,
            };
            Ok((row.try_get::<String, _>(0)?, statement))
        })
        .collect()
}

/// A series of one of the statements' metrics: its attributes.
fn attributes(text: &str) -> Option<(String, String)> {
    let (normalized, id) = text.rsplit_once(",query_id=")?;
    let normalized = normalized.strip_prefix("db.query.normalized=")?;
    Some((id.to_owned(), normalized.to_owned()))
}

/// `metrics/queries`: each point against the server's own numbers, which rest while the test looks.
pub(super) async fn queries(stage: &Stage) -> Result<()> {
    let truth = truth(stage).await?;
    let (slow, _) = one(&truth, |s| s.text.contains("pg_sleep") && s.mean > 1000.0)?;
    wait::until("the slow statement", LIMIT, async || {
        stage.sink.look(|l| {
            let came = l.series.keys().any(|id| {
                id.metric == "db.query.calls" && attributes(&id.attributes).is_some_and(|(q, _)| q == *slow)
            });
            wait::when(came, || format!("{} series", l.series.len()))
        })
    })
    .await?;
    stage.sink.look(|l| {
        let mut seen = BTreeSet::new();
        for (id, series) in l
            .series
            .iter()
            .filter(|(id, _)| id.metric.starts_with("db.query."))
        {
            let (query, text) =
                attributes(&id.attributes).with_context(|| format!("attributes of {id:?}"))?;
            ensure!(
                !text.contains(SECRET) && !text.contains('\''),
                "a literal left: {text}"
            );
            ensure!(
                !text.contains("333") && !text.contains(" 22"),
                "a number left: {text}"
            );
            let Some((_, point)) = series.last() else { continue };
            // Our own statements are called on and on.
            if truth
                .get(&query)
                .is_none_or(|truth| truth.text.contains("pg_stat"))
            {
                continue;
            }
            match (id.metric.as_str(), series.kind, truth.get(&query)) {
                ("db.query.calls", Kind::Sum { monotonic: true }, Some(truth)) => {
                    ensure!(point.value == Value::Int(truth.calls), "{id:?}: {point:?}");
                    ensure!(point.start > 0, "{id:?} does not say since when it counts");
                }
                ("db.query.mean_time", Kind::Gauge, Some(truth)) => {
                    let value = point.value.number().context("no number")?;
                    ensure!(
                        (value - truth.mean).abs() < 1e-6,
                        "{id:?}: {value} for {}",
                        truth.mean
                    );
                    ensure!(series.unit == "ms", "{id:?}: {}", series.unit);
                }
                other => anyhow::bail!("{other:?}", other = (other.0, other.1)),
            }
            if text.contains("quick_") {
                ensure!(text.contains("IN (?)"), "{text}");
            }
            seen.insert(query);
        }
        ensure!(seen.len() > QUICK, "only {} statements came", seen.len());
        Ok(())
    })?;
    for metric in ["db.query.calls", "db.query.mean_time"] {
        let resource = stage.sink.look(|l| l.resources.get(metric).cloned());
        let resource = resource.with_context(|| format!("{metric} did not come"))?;
        check_resource(&resource)?;
    }
    let cpu = stage.sink.look(|l| l.resources.contains_key("db.query.cpu_time"));
    ensure!(!cpu, "a column that the server has not gave points");
    Ok(())
}

fn one(
    truth: &BTreeMap<String, Statement>,
    fits: impl Fn(&Statement) -> bool,
) -> Result<(&String, &Statement)> {
    let mut found = truth.iter().filter(|(_, statement)| fits(statement));
    found.next().context("the load did not make it")
}

/// After the first tick, on which everything is new: what is slow comes at each, of what is quick only a part.
pub(super) async fn sampled(stage: &Stage) -> Result<()> {
    let truth = truth(stage).await?;
    let (slow, _) = one(&truth, |s| s.text.contains("pg_sleep") && s.mean > 1000.0)?;
    let times = |query: &str| {
        stage.sink.look(|l| {
            let of = l.series.iter().find(|(id, _)| {
                id.metric == "db.query.calls" && attributes(&id.attributes).is_some_and(|(q, _)| q == query)
            });
            of.map_or(0, |(_, series)| series.points.len())
        })
    };
    wait::until("a third tick of the slow statement", LIMIT, async || {
        let ticks = times(slow);
        wait::when(ticks >= 3, || format!("{ticks} ticks"))
    })
    .await?;
    let quick: Vec<usize> = truth
        .iter()
        .filter(|(_, statement)| statement.text.contains("quick_"))
        .map(|(query, _)| times(query))
        .collect();
    let every = quick.iter().filter(|ticks| **ticks >= 3).count();
    ensure!(
        quick.iter().all(|ticks| *ticks >= 1),
        "what is new was kept back: {quick:?}"
    );
    ensure!(
        every * 2 < quick.len(),
        "the quick ones were not sampled: {quick:?}"
    );
    let mut session = stage.server.connect(SHOP).await?;
    let alive = sql::number(
        &mut session,
        "select count(*) from pg_stat_activity where application_name like 'ringwatch%'",
    );
    ensure!(alive.await? <= 6, "more connections than the budget");
    Ok(())
}

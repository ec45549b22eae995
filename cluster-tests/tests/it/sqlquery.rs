//! Questions of one's own: what becomes of their answers, on every engine and over every version.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use ringwatch_cluster_tests::mysql::{self, Flavour};
use ringwatch_cluster_tests::node::{Every, Node, NodeConfig};
use ringwatch_cluster_tests::postgres::{MONITOR, MONITOR_PASSWORD, Server, Wish, sql};
use ringwatch_cluster_tests::scene::{Scene, scenario};
use ringwatch_cluster_tests::sink::{Kind, Sink, Value};
use ringwatch_cluster_tests::wait;
use serde_json::{Value as Json, json};

use crate::story::SOON;

/// A node that asks one server, and its receiver.
struct Asking {
    node: Node,
    sink: Sink,
}

fn postgres(server: &Server, queries: &Json) -> Json {
    json!({
        "driver": "postgres",
        "datasource": format!(
            "host=127.0.0.1 port={} user={MONITOR} password={MONITOR_PASSWORD} dbname=postgres sslmode=disable",
            server.port()
        ),
        "collection_interval": "1s",
        "queries": queries,
    })
}

impl Asking {
    async fn start(scene: &Scene, receiver: Json) -> Result<Self> {
        Self::start_as(scene, "node", receiver).await
    }

    async fn start_as(scene: &Scene, name: &str, receiver: Json) -> Result<Self> {
        let sink = scene.sink().await?;
        let mut config = NodeConfig::new(&[], &sink.endpoint(), Every::SECOND_METRICS);
        config.receivers.clear();
        config.receivers.insert("sqlquery/own".into(), receiver);
        config.logs = true;
        let node = Node::start(name, &config, &scene.log(name)).await?;
        Ok(Self { node, sink })
    }

    /// Waits for the newest value of a metric.
    async fn value(&self, metric: &str, fits: impl Fn(&Value, &str, Kind) -> bool) -> Result<()> {
        wait::until(&format!("{metric} as it should be"), SOON, async || {
            self.sink.look(|l| {
                let mut series = l.series.iter().filter(|(id, _)| id.metric == metric);
                let good = series.any(|(id, s)| {
                    s.last()
                        .is_some_and(|(_, point)| fits(&point.value, &id.attributes, s.kind))
                });
                wait::when(good, || {
                    let of: Vec<_> = l
                        .series
                        .iter()
                        .filter(|(id, _)| id.metric == metric)
                        .map(|(id, s)| (&id.attributes, s.kind, s.last().map(|(_, p)| p.clone())))
                        .collect();
                    format!("{of:?}")
                })
            })
        })
        .await
    }
}

#[test]
fn every_type_of_an_answer_is_read() -> Result<()> {
    scenario("sqlquery_types", async |scene| {
        let server = scene.server("postgres", &Wish::default()).await?;
        let queries = json!([{
            "sql": "select 7::int2 as small, 12.5::numeric as exact, 3.25::float4 as real, null::int as nothing, \
                    'a'::text as word, interval '90 seconds' as span, inet '10.0.0.1' as address, true as yes, \
                    '{\"k\": 1}'::jsonb as doc, array[1,2] as list, \
                    timestamptz '2026-01-02 03:04:05+00' as at, 'idle' as state",
            "metrics": [
                { "metric_name": "small", "value_column": "small", "attribute_columns": ["word", "address", "yes"] },
                { "metric_name": "exact", "value_column": "exact", "value_type": "double", "unit": "s" },
                { "metric_name": "real", "value_column": "real", "value_type": "double",
                  "monotonic": true, "static_attributes": { "of": "test" } },
                { "metric_name": "nothing", "value_column": "nothing" },
                { "metric_name": "other", "value_column": "small",
                  "row_condition": { "column": "word", "value": "b" } },
            ],
            "logs": [{
                "body_column": "doc", "severity_column": "state", "timestamp_column": "at",
                "attribute_columns": ["span", "list", "nothing"],
            }],
        }]);
        let mut asking = Asking::start(scene, postgres(&server, &queries)).await?;
        asking
            .value("small", |value, attributes, kind| {
                *value == Value::Int(7)
                    && attributes == "address=10.0.0.1,word=a,yes=true"
                    && kind == Kind::Gauge
            })
            .await?;
        asking
            .value("exact", |value, _, _| *value == Value::Double(12.5))
            .await?;
        asking
            .value("real", |value, attributes, kind| {
                *value == Value::Double(3.25)
                    && attributes == "of=test"
                    && kind == Kind::Sum { monotonic: true }
            })
            .await?;
        let record = wait::until("a record", SOON, async || {
            asking
                .sink
                .look(|l| l.last_records.back().cloned().ok_or_else(|| "none".to_owned()))
        })
        .await?;
        ensure!(
            record.body == Some(Value::Text("{\"k\": 1}".into())),
            "{record:?}"
        );
        ensure!(
            record.severity.0 == "idle" && record.time == 1_767_323_045_000_000_000,
            "{record:?}"
        );
        ensure!(record.observed > record.time, "{record:?}");
        ensure!(record.text("list") == Some("{1,2}"), "{record:?}");
        ensure!(!record.attributes.contains_key("nothing"), "{record:?}");
        asking.sink.look(|l| {
            let absent = l
                .series
                .keys()
                .all(|id| id.metric != "nothing" && id.metric != "other");
            ensure!(absent, "a null, or a row that fails its condition, gave a point");
            anyhow::Ok(())
        })?;
        asking.node.terminate().await.map(drop)
    })
}

#[test]
fn only_new_rows_come_with_a_tracking_column() -> Result<()> {
    scenario("sqlquery_tracking", async |scene| {
        let server = scene.server("postgres", &Wish::default()).await?;
        let table = "create table audit (id bigserial, word text); grant select on audit to monitor; \
                     insert into audit (word) values ('one'), ('two'), ('three')";
        server.execute("postgres", table).await?;
        let queries = json!([{
            "sql": "select id, word from audit where id > $1::bigint order by id",
            "tracking_column": "id", "tracking_start_value": "1",
            "logs": [{ "body_column": "word", "attribute_columns": ["id"] }],
        }]);
        let mut asking = Asking::start(scene, postgres(&server, &queries)).await?;
        let words = || -> Vec<String> {
            asking.sink.look(|l| {
                l.last_records
                    .iter()
                    .filter_map(|r| r.body.as_ref().map(Value::to_string))
                    .collect()
            })
        };
        let came = async |wanted: &[&str]| {
            wait::until(&format!("{wanted:?}"), SOON, async || {
                let now = words();
                wait::when(now == wanted, || format!("{now:?}"))
            })
            .await
        };
        came(&["two", "three"]).await?;
        server
            .execute("postgres", "insert into audit (word) values ('four')")
            .await?;
        came(&["two", "three", "four"]).await?;
        tokio::time::sleep(Duration::from_secs(2)).await;
        came(&["two", "three", "four"]).await?;
        asking.node.terminate().await.map(drop)
    })
}

#[test]
fn a_missing_column_is_its_successor_or_null_and_other_errors_are_told() -> Result<()> {
    scenario("sqlquery_columns_long", async |scene| {
        for major in [14, 17, 18] {
            let server = scene
                .server(&format!("postgres-{major}"), &Wish::of_major(major))
                .await?;
            let queries = json!([
                {
                    "sql": "select queryid::text as query_id, calls,\n  blk_read_time, s.cpu_time as cpu\nfrom pg_stat_statements s",
                    "metrics": [
                        { "metric_name": "calls", "value_column": "calls" },
                        { "metric_name": "read", "value_column": "blk_read_time", "value_type": "double" },
                        { "metric_name": "cpu", "value_column": "cpu", "value_type": "double" },
                    ],
                },
                {
                    "sql": "select 1 as one\nfrom pg_stat_statements where cpu_time > 1",
                    "metrics": [{ "metric_name": "one", "value_column": "one" }],
                },
            ]);
            let name = format!("node-{major}");
            let mut asking = Asking::start_as(scene, &name, postgres(&server, &queries)).await?;
            asking
                .value("read", |value, _, _| matches!(value, Value::Double(_)))
                .await
                .with_context(|| format!("on {major}"))?;
            let line = asking
                .node
                .log_line(&["column", "cpu_time", "does not exist"], SOON)
                .await?;
            ensure!(line.contains("line 2"), "no position: {line}");
            let log = asking.node.log_text()?;
            let told = log
                .lines()
                .filter(|l| l.contains("NULL") && l.contains("cpu_time"))
                .count();
            ensure!(told == 1, "told {told} times on {major}");
            let cpu = asking.sink.look(|l| l.series.keys().any(|id| id.metric == "cpu"));
            ensure!(!cpu, "a column that is not there gave points");
            asking.node.terminate().await?;
        }
        Ok(())
    })
}

#[test]
fn mysql_and_mariadb_are_asked_long() -> Result<()> {
    scenario("sqlquery_mysql", async |scene| {
        for flavour in [Flavour::MySql, Flavour::MariaDb] {
            if !flavour.is_at_hand() {
                continue;
            }
            let name = flavour.name();
            let server = mysql::Server::start(flavour, &scene.log(name)).await?;
            let tls = match flavour {
                Flavour::MySql => "skip-verify",
                Flavour::MariaDb => "false",
            };
            let receiver = json!({
                "driver": "mysql",
                "datasource": format!("{MONITOR}:{MONITOR_PASSWORD}@tcp({})/performance_schema?tls={tls}", server.endpoint()),
                "collection_interval": "1s",
                "queries": [{
                    "sql": "select 7 as small, cast(12.5 as decimal(10,2)) as exact, 'a' as word, null as nothing, \
                            timestamp '2026-01-02 03:04:05' as at, cpu_nobody_has",
                    "metrics": [
                        { "metric_name": "small", "value_column": "small", "attribute_columns": ["word"] },
                        { "metric_name": "exact", "value_column": "exact", "value_type": "double" },
                    ],
                    "logs": [{ "body_column": "word", "timestamp_column": "at" }],
                }],
            });
            let mut asking = Asking::start(scene, receiver).await?;
            asking
                .value("small", |value, attributes, _| {
                    *value == Value::Int(7) && attributes == "word=a"
                })
                .await
                .with_context(|| name.to_owned())?;
            asking
                .value("exact", |value, _, _| *value == Value::Double(12.5))
                .await?;
            let record = wait::until("a record", SOON, async || {
                asking
                    .sink
                    .look(|l| l.last_records.back().cloned().ok_or_else(|| "none".to_owned()))
            })
            .await?;
            ensure!(record.time == 1_767_323_045_000_000_000, "{name}: {record:?}");
            let asked = server.statements()?;
            ensure!(asked.contains("small"), "{name}: nothing was asked");
            asking.node.terminate().await?;
        }
        Ok(())
    })
}

#[test]
fn text_that_is_sql_leaves_without_its_literals() -> Result<()> {
    scenario("sqlquery_sql_text", async |scene| {
        let server = scene.server("postgres", &Wish::default()).await?;
        let mut session = server.connect("postgres").await?;
        sql::execute(&mut session, "begin").await?;
        sql::execute(&mut session, "select 'planted-secret', 4711").await?;
        let queries = json!([{
            "sql": "select left(query, 200) as whatever, pid from pg_stat_activity where state = 'idle in transaction'",
            "logs": [{ "body_column": "whatever", "attribute_columns": ["pid"] }],
        }]);
        let mut asking = Asking::start(scene, postgres(&server, &queries)).await?;
        wait::until("the session", SOON, async || {
            asking.sink.look(|l| {
                let bodies: Vec<String> = l
                    .last_records
                    .iter()
                    .filter_map(|r| r.body.as_ref().map(Value::to_string))
                    .collect();
                wait::when(bodies.iter().any(|b| b == "select ?, ?"), || {
                    format!("{bodies:?}")
                })
            })
        })
        .await?;
        let leaked = asking.sink.look(|l| {
            l.last_records
                .iter()
                .any(|r| format!("{r:?}").contains("planted"))
        });
        ensure!(!leaked, "a literal left");
        asking.node.terminate().await.map(drop)
    })
}

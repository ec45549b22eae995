//! Receiver `sqlquery`.

use crate::common::{good, lines, load_texts};
use ringwatch_config::settings::Receiver;
use ringwatch_config::{Request, load};

const DSN: &str = "datasource: postgresql://u:canary@db1:5432/app";
const QUERIES: &str = "queries: [{ sql: select 1 as n, metrics: [{ metric_name: a, value_column: n }] }]";

/// A configuration whose receiver begins in line 3.
fn with(receiver: &str) -> String {
    let indented: String = receiver.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "receivers:
  sqlquery/a:
{indented}exporters:
  debug:
service:
  pipelines:
    metrics: {{ receivers: [sqlquery/a], exporters: [debug] }}
"
    )
}

fn faults(receiver: &str) -> Vec<String> {
    let found = lines(load_texts(&[&with(receiver)], &[], &[]));
    assert!(!found.join("\n").contains("canary"), "{found:?}");
    found
}

#[test]
fn whom_to_ask_is_said_once_and_in_the_form_of_the_driver() {
    for (lines, expected) in [
        (DSN, None),
        (
            "endpoint: db1:5432\nusername: u\ndatabase: app\npassword: canary",
            None,
        ),
        (
            "timeout: 1s",
            Some("2:3: no server is named; give `datasource`, or `endpoint` and `username`"),
        ),
        (
            "endpoint: db1:5432",
            Some("4:15: `endpoint` needs `username` beside it, the role to log in as"),
        ),
        (
            "endpoint: db1:0\nusername: u",
            Some("4:15: `endpoint` needs a port from 1 to 65535"),
        ),
        (
            "endpoint: db1:1\nusername: \"\"",
            Some("5:15: `username` is empty; name the role to log in as"),
        ),
    ] {
        let found = faults(&format!("driver: postgres\n{lines}\n{QUERIES}"));
        let expected: Vec<String> = expected.iter().map(|fault| format!("0.yaml:{fault}")).collect();
        assert_eq!(found, expected, "{lines}");
    }
    let both = faults(&format!(
        "driver: postgres\n{DSN}\nusername: u\ntls: {{ insecure: true }}\n{QUERIES}"
    ));
    assert_eq!(
        both,
        [
            "0.yaml:5:15: `username` stands beside `datasource`, which says it already; take one of them away",
            "0.yaml:6:5: `tls` stands beside `datasource`, which says it already; take one of them away \
             (there it is `sslmode`: `disable` for a server without TLS)",
        ]
    );
    let tls = "endpoint: db1:1\nusername: u\ntls: { server_name_override: x, cert_file: c }";
    assert_eq!(
        faults(&format!("driver: mysql\n{tls}\n{QUERIES}")),
        [
            "0.yaml:6:34: `server_name_override` cannot be had for databases: give the certificate's name as the endpoint's host",
            "0.yaml:6:48: `cert_file` needs `key_file` beside it",
        ]
    );
}

#[test]
fn a_datasource_of_the_other_driver_is_refused_with_the_form_of_this_one() {
    for (driver, datasource, form) in [
        (
            "postgres",
            "mysql://u:canary@db1:3306/app",
            "postgresql://user:password@host:5432/database",
        ),
        (
            "postgres",
            "u:canary@tcp(db1:3306)/app",
            "host=... user=... dbname=...",
        ),
        (
            "mysql",
            "postgresql://u:canary@db1:5432/app",
            "mysql://user:password@host:3306/database",
        ),
        (
            "mysql",
            "host=db1 user=u password=canary",
            "user:password@tcp(host:3306)/database",
        ),
    ] {
        let found = faults(&format!("driver: {driver}\ndatasource: {datasource}\n{QUERIES}"));
        let [fault] = found.as_slice() else {
            panic!("{found:?}")
        };
        assert!(fault.starts_with("0.yaml:4:17: `datasource`: "), "{fault}");
        assert!(fault.contains(form), "{fault}");
    }
    let unknown = faults(&format!("driver: postgresql\n{DSN}\n{QUERIES}"));
    assert_eq!(
        unknown,
        ["0.yaml:3:13: `driver` needs one of postgres, mysql, not `postgresql`; did you mean `postgres`?"]
    );
}

#[test]
fn queries_say_what_to_ask_and_what_becomes_of_it() {
    let faults_of = |queries: &str| faults(&format!("driver: postgres\n{DSN}\n{queries}"));
    let metric = "metrics: [{ metric_name: a, value_column: n }]";
    for (query, expected) in [
        ("queries: []", "5:5: `queries` is empty; give at least one query, with `sql` and `metrics` or `logs`".into()),
        (
            &format!("queries: [{{ sql: \" \", {metric} }}]"),
            "5:22: `sql` is empty; write a statement".to_owned(),
        ),
        (
            "queries: [{ sql: select 1 }]",
            "5:15: nothing comes of this query; give it `metrics` or `logs`".into(),
        ),
        (
            &format!("queries: [{{ sql: s, tracking_start_value: \"1\", {metric} }}]"),
            "5:47: `tracking_start_value` needs `tracking_column` beside it, the column whose last value is kept".into(),
        ),
        (
            &format!("queries: [{{ sql: s, tracking_column: id, {metric} }}]"),
            "5:42: `tracking_column` needs `$1` in `sql`, where the last value seen is put in".into(),
        ),
        (
            &format!("queries: [{{ sql: s, collection_interval: 10ms, {metric} }}]"),
            "5:46: `collection_interval` must be from 100ms to 24h, in whole milliseconds".into(),
        ),
        (
            &format!("queries: [{{ sql: s, timeout: 0s, {metric} }}]"),
            "5:34: `timeout` must be longer than 0s".into(),
        ),
        (
            &format!("queries: [{{ sql: s, max_rows: 0, {metric} }}]"),
            "5:35: `max_rows` needs a whole number from 1 to 100000, not `0`".into(),
        ),
        (
            &format!("queries: [{{ sql: s, sql_columns: [\"\"], {metric} }}]"),
            "5:39: `sql_columns` is empty; name a column of the select list".into(),
        ),
        (
            "queries: [{ sql: s, logs: [{ body_column: b }] }]",
            "5:25: the query yields logs, and `sqlquery/a` is in no logs pipeline; add it to one, such as \
             `logs/queries` under `service.pipelines`, or take `logs` away".into(),
        ),
    ] {
        assert_eq!(faults_of(query), [format!("0.yaml:{expected}")], "{query}");
    }
}

#[test]
fn metrics_of_a_query_make_sense_by_themselves_and_together() {
    let text = "\
driver: mysql
datasource: u:canary@tcp(db1:3306)/app
queries:
  - sql: select ? as n
    tracking_column: n
    metrics:
      - { metric_name: a, value_column: n, monotonic: true, data_type: gauge }
      - { metric_name: b, value_column: n, aggregation: delta }
      - { metric_name: c, value_column: n, unit: s }
      - { metric_name: c, value_column: m, unit: s }
      - { metric_name: c, value_column: m, unit: s, static_attributes: { k: v } }
      - { metric_name: c, value_column: m, unit: s, row_condition: { column: k, value: v } }
      - { metric_name: \"\", value_column: \"\", attribute_columns: [\"\"], row_condition: { column: \"\", value: v } }
  - sql: select 1
    metrics:
      - { metric_name: c, value_column: n, unit: ms, attribute_columns: [x] }
    logs:
      - { body_column: \"\", severity_column: \"\" }
";
    let column = "name a column of the select list";
    assert_eq!(
        faults(text),
        [
            "0.yaml:9:59: `monotonic: true` contradicts `data_type: gauge`, which may fall; take one of them away".to_owned(),
            "0.yaml:10:61: `aggregation: delta` is for sums; add `data_type: sum`".into(),
            "0.yaml:12:28: the same metric, with the same attributes, as `metrics[2]`; give it another name, a `row_condition` or other `static_attributes`".into(),
            "0.yaml:15:28: `metric_name` is empty; name the metric".into(),
            format!("0.yaml:15:46: `value_column` is empty; {column}"),
            format!("0.yaml:15:70: `attribute_columns` is empty; {column}"),
            format!("0.yaml:15:100: `column` is empty; {column}"),
            "0.yaml:18:28: the same metric stands above with another unit, value type or data type; one metric has one of each".into(),
            "0.yaml:19:9: the query yields logs, and `sqlquery/a` is in no logs pipeline; add it to one, such as `logs/queries` under `service.pipelines`, or take `logs` away".into(),
            format!("0.yaml:20:28: `body_column` is empty; {column}"),
            format!("0.yaml:20:49: `severity_column` is empty; {column}"),
        ]
    );
}

#[test]
fn several_receivers_may_ask_one_server() {
    let text = with(&format!("driver: postgres\n{DSN}\n{QUERIES}")).replace(
        "exporters:\n",
        "  sqlquery/b: { driver: postgres, endpoint: \"db1:5432\", username: u, queries: [{ sql: s, metrics: [{ metric_name: x, value_column: n }] }] }
  postgresql: { endpoint: \"db1:5432\", username: u }
exporters:\n",
    );
    let text = text.replace("[sqlquery/a]", "[sqlquery/a, sqlquery/b, postgresql]");
    let settings = good(&text, &[]);
    assert_eq!(settings.receivers.len(), 3);
    let Some(Receiver::Sqlquery(receiver)) = settings.receivers.get(&"sqlquery/a".parse().unwrap()) else {
        panic!()
    };
    assert_eq!(receiver.collection_interval.to_string(), "10s");
    assert_eq!(receiver.queries[0].max_rows, 10_000);
    let shown = ringwatch_config::show(&settings);
    assert!(
        shown.contains("datasource: '[REDACTED]'") || shown.contains("datasource: \"[REDACTED]\""),
        "{shown}"
    );
    assert!(
        shown.contains("sql: select 1 as n") && !shown.contains("canary"),
        "{shown}"
    );
}

#[test]
fn a_faulty_datasource_is_one_fault() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("0.yaml");
    std::fs::write(
        &file,
        with(&format!("driver: postgres\ndatasource: ${{env:DSN}}\n{QUERIES}")),
    )
    .unwrap();
    let request = Request {
        files: &[file],
        sets: &[],
        env: &|_| None,
    };
    let found = lines(load(&request, &|_| Vec::new()));
    assert_eq!(
        found,
        ["0.yaml:4:17: the variable `DSN` is not set; set it, or write `${DSN:default}`"]
    );
}

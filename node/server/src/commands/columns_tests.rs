use ringwatch_config::{Request, load_noted};

use super::*;

fn notes(text: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("0.yaml");
    std::fs::write(&file, text).unwrap();
    let catalogue = Catalogue::embedded().unwrap();
    let request = Request {
        files: &[file],
        sets: &[],
        env: &|_| None,
    };
    let loaded = load_noted(&request, &|_| Vec::new(), &|settings| {
        unmatched(settings, &catalogue)
    });
    let notes = loaded.unwrap_or_else(|faults| panic!("{faults}")).notes;
    notes
        .iter()
        .map(|note| note.to_string().rsplit_once(".yaml:").unwrap().1.to_owned())
        .collect()
}

/// Rules from line 18 on, for rows of this statement.
fn with(sql: &str, statement: &str, rules: &str) -> String {
    format!(
        "receivers:
  sqlquery:
    driver: postgres
    endpoint: db1:5432
    username: u
    labels: {{ team: a }}
    queries:
      - sql: {sql}
        metrics: [{{ metric_name: m, value_column: calls, attribute_columns: [queryid] }}]
        logs: [{{ body_column: query, attribute_columns: [queryid] }}]
processors:
  resource: {{ attributes: [{{ key: region, value: eu, action: insert }}] }}
  transform:
    log_statements:
      - statements: [{statement}]
  adaptive_sampler:
    rules:
{rules}
exporters: {{ debug: }}
service:
  pipelines:
    metrics: {{ receivers: [sqlquery], exporters: [debug] }}
    logs: {{ receivers: [sqlquery], processors: [resource, transform, adaptive_sampler], exporters: [debug] }}
"
    )
}

const SET: &str = "'set(severity_number, 17) where body == nil'";

#[test]
fn a_rule_whose_column_no_row_has_is_noted() {
    let rules = "      - { name: a, condition: calls > 1 and team == \"a\" and region == \"eu\" }
      - { name: b, condition: nowhere > 1 }
      - { name: c, conditions: [{ attribute: gone, operator: exists }, { attribute: lost, operator: gt, value: 1 }] }
      - { name: d, condition: severity_number >= 13 }
      - { name: e, condition: severity_text == \"x\" }
      - { name: f, condition: 'attributes[\"queryid\"] == \"1\" and body == \"x\"' }";
    let no = "matches no row: no stream that comes to `adaptive_sampler` has";
    assert_eq!(
        notes(&with("select calls, queryid, query from t", SET, rules)),
        [
            format!("19:31: note: the rule `b` {no} `nowhere`"),
            format!("20:20: note: the rule `c` {no} `gone`, `lost`"),
            format!("22:31: note: the rule `e` {no} `severity_text`"),
        ]
    );
}

#[test]
fn a_column_that_no_version_of_the_server_has_is_noted() {
    let rules = "      - { name: a, condition: cpu_time > 500 }
      - { name: b, condition: blk_read_time + t > 1 }";
    let sql = "select calls, queryid, query, cpu_time, blk_read_time, total_exec_time / 2 as t from pg_stat_statements";
    assert_eq!(
        notes(&with(sql, SET, rules)),
        [
            "18:31: note: the rule `a` matches no row: `pg_stat_statements` has no column `cpu_time` in any version, and \
             it is read as NULL"
        ]
    );
    let joined = sql.replace(
        "from pg_stat_statements",
        "from pg_stat_statements join kcache using (queryid)",
    );
    assert_eq!(notes(&with(&joined, SET, rules)), Vec::<String>::new());
}

#[test]
fn what_is_not_known_is_not_noted() {
    let rules = "      - { name: a, condition: nowhere > 1 }";
    for (sql, statement) in [
        ("select * from t", SET),
        ("select calls, lower(query) from t", SET),
        (
            "select calls, queryid, query from t",
            "'merge_maps(attributes, ParseJSON(body), \"upsert\")'",
        ),
    ] {
        assert_eq!(
            notes(&with(sql, statement, rules)),
            Vec::<String>::new(),
            "{sql}; {statement}"
        );
    }
}

#[test]
fn columns_of_the_catalogue_are_known() {
    let text = "receivers:
  postgresql: { endpoint: \"db1:5432\", username: u, statements: , activity: }
processors:
  adaptive_sampler:
    slow_query_threshold_ms: 1000
    rules:
      - { name: a, condition: wait_event_type == \"Lock\" }
      - { name: b, condition: 'attributes[\"db.query.text\"] == \"x\"' }
      - { name: c, condition: cpu_time > 1 }
  adaptive_sampler/metrics: { slow_query_threshold_ms: 1000 }
exporters: { debug: }
service:
  pipelines:
    logs: { receivers: [postgresql], processors: [adaptive_sampler], exporters: [debug] }
    metrics: { receivers: [postgresql], processors: [adaptive_sampler/metrics], exporters: [debug] }
";
    let no = "matches no row: no stream that comes to";
    assert_eq!(
        notes(text),
        [
            format!("9:31: note: the rule `c` {no} `adaptive_sampler` has `cpu_time`"),
            format!(
                "10:56: note: the rule `slow_queries` {no} `adaptive_sampler/metrics` has `mean_exec_time`"
            ),
        ]
    );
}

#[test]
fn the_presets_are_noted_for_nothing() {
    let catalogue = Catalogue::embedded().unwrap();
    for environment in ringwatch_config::ENVIRONMENTS {
        let generated = ringwatch_config::generate(environment).unwrap().unwrap();
        assert_eq!(unmatched(&generated.settings, &catalogue), [], "{environment}");
    }
}

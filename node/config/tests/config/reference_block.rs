//! The complete configuration of the specification loads as it stands, and says what it says.

use std::path::{Path, PathBuf};

use crate::common::{bare, good, json, lines, load_texts};
use ringwatch_config::settings::Receiver;
use ringwatch_config::{Settings, show};
use serde_json::{Value, json};

const PASSWORD: &str = "s3cret{w},rd";
const DSN: &str = "host=db1.internal port=5432 user=monitoring_user password=canary-dsn dbname=production";

/// What the specification asks to be set.
const REQUIRED: [(&str, &str); 10] = [
    ("POSTGRES_HOST", "db1.internal"),
    ("POSTGRES_PORT", "5432"),
    ("POSTGRES_USER", "monitoring_user"),
    ("POSTGRES_PASSWORD", PASSWORD),
    ("POSTGRES_DB", "production"),
    ("POSTGRES_DSN", DSN),
    ("NEW_RELIC_LICENSE_KEY", "canary-key"),
    ("OTLP_ENDPOINT", "otlp.nr-data.net:4317"),
    ("ENVIRONMENT", "production"),
    ("LOG_LEVEL", "info"),
];

/// The block, where the specification lies beside the workspace.
fn block() -> Option<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/spec");
    let file: Option<PathBuf> = std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with("003_"))
        });
    let text = std::fs::read_to_string(file?).ok()?;
    let begin = text.find("# config/collector-production.yaml")?;
    let block = text.get(begin..)?.split("\n```").next()?;
    Some(format!("{block}\n"))
}

/// Runs `test` with the block, or says that it is not there.
fn with_block(test: impl FnOnce(&str)) {
    match block() {
        Some(block) => test(&block),
        None => println!("skipped: the specification does not lie beside the workspace"),
    }
}

fn component<'a>(whole: &'a Value, section: &str, id: &str) -> &'a Value {
    let kind = id.split('/').next().unwrap();
    &whole[section][id][kind]
}

#[test]
fn the_block_loads_without_a_complaint() {
    with_block(|block| {
        assert!(block.lines().count() > 330, "{block}");
        let settings = good(block, &REQUIRED);
        assert_eq!(settings.service.pipelines.len(), 4);
        receivers(&settings);
        let whole = json(&settings);
        standard_processors(&whole);
        deciding_processors(&whole);
        exporters(&whole);
        service(&whole);
    });
}

fn receivers(settings: &Settings) {
    let whole = json(settings);
    let postgresql = component(&whole, "receivers", "postgresql");
    assert_eq!(postgresql["endpoint"], "db1.internal:5432");
    assert_eq!(postgresql["username"], "monitoring_user");
    assert_eq!(postgresql["databases"], json!(["production"]));
    assert_eq!(postgresql["collection_interval"], "15s");
    assert_eq!(postgresql["tls"]["insecure"], false);
    assert_eq!(postgresql["tls"]["ca_file"], "/etc/ssl/certs/postgres-ca.crt");
    let receiver = |id: &str| settings.receivers.get(&id.parse().unwrap()).unwrap();
    let Receiver::Postgresql(typed) = receiver("postgresql") else {
        panic!()
    };
    assert_eq!(typed.password.as_ref().unwrap().expose(), PASSWORD);
    let Receiver::Sqlquery(performance) = receiver("sqlquery/performance") else {
        panic!()
    };
    assert_eq!(
        performance.datasource.as_ref().unwrap().expose(),
        format!("postgresql://monitoring_user:{PASSWORD}@db1.internal:5432/production?sslmode=require")
    );
    let Receiver::Sqlquery(ash) = receiver("sqlquery/ash") else {
        panic!()
    };
    assert_eq!(ash.datasource.as_ref().unwrap().expose(), DSN);
    queries(&whole);
}

fn queries(whole: &Value) {
    let performance = &component(whole, "receivers", "sqlquery/performance");
    assert_eq!(performance["driver"], "postgres");
    let query = &performance["queries"][0];
    let sql = query["sql"].as_str().unwrap();
    assert!(sql.starts_with("SELECT \n  queryid::text as query_id,\n  LEFT(query, 500) as query_text,\n"));
    assert!(
        sql.ends_with("ORDER BY mean_exec_time DESC\nLIMIT 200\n"),
        "{sql}"
    );
    assert_eq!([&query["collection_interval"], &query["timeout"]], ["30s", "10s"]);
    let metrics: Vec<Value> = query["metrics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|metric| {
            assert_eq!(metric["attribute_columns"], json!(["query_id"]));
            let keys = [
                "metric_name",
                "value_column",
                "value_type",
                "monotonic",
                "unit",
                "aggregation",
            ];
            keys.map(|key| metric[key].clone()).to_vec().into()
        })
        .collect();
    assert_eq!(
        metrics,
        [
            json!(["db.query.calls", "calls", "int", true, "", "cumulative"]),
            json!([
                "db.query.mean_time",
                "mean_exec_time",
                "double",
                false,
                "ms",
                "cumulative"
            ]),
            json!([
                "db.query.cpu_time",
                "cpu_time",
                "double",
                false,
                "ms",
                "cumulative"
            ]),
        ]
    );
    let query = &component(whole, "receivers", "sqlquery/ash")["queries"][0];
    assert!(
        query["sql"]
            .as_str()
            .unwrap()
            .contains("WHERE state != 'idle'\n  AND pid != pg_backend_pid()\n")
    );
    assert_eq!(query["collection_interval"], "1s");
    let log = &query["logs"][0];
    let columns = ["body_column", "severity_column", "timestamp_column"].map(|key| log[key].clone());
    assert_eq!(columns, ["current_query", "state", "query_start"]);
    let attributes = [
        "pid",
        "usename",
        "application_name",
        "wait_event_type",
        "wait_event",
        "query_duration",
    ];
    assert_eq!(log["attribute_columns"], json!(attributes));
}

fn standard_processors(whole: &Value) {
    let limiter = component(whole, "processors", "memory_limiter");
    let limits = ["check_interval", "limit_mib", "spike_limit_mib"].map(|key| limiter[key].clone());
    assert_eq!(limits, [json!("1s"), json!(512), json!(128)]);
    let inserted: Vec<Value> = component(whole, "processors", "resource")["attributes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|action| json!([action["key"], action["value"], action["action"]]))
        .collect();
    assert_eq!(
        inserted,
        [
            json!(["service.name", "database-monitoring", "insert"]),
            json!(["deployment.environment", "production", "insert"]),
            json!(["db.system", "postgresql", "insert"]),
            json!(["collector.version", "1.0.0", "insert"]),
        ]
    );
    let actions = &component(whole, "processors", "attributes")["actions"];
    assert_eq!(actions[0]["from_attribute"], "query_text");
    assert_eq!(actions[0]["key"], "db.query.normalized");
    assert_eq!(
        [&actions[1]["key"], &actions[1]["action"]],
        ["query_text", "delete"]
    );
    let batch = component(whole, "processors", "batch");
    let sizes = ["timeout", "send_batch_size", "send_batch_max_size"].map(|key| batch[key].clone());
    assert_eq!(sizes, [json!("10s"), json!(1000), json!(2000)]);
}

fn deciding_processors(whole: &Value) {
    let transform = component(whole, "processors", "transform");
    assert_eq!(transform["error_mode"], "ignore");
    let group = &transform["metric_statements"][0];
    assert_eq!(group["context"], "datapoint");
    // Plain scalars: YAML leaves the backslashes and the quotes inside of them as they are.
    assert_eq!(
        group["statements"],
        json!([
            r#"replace_pattern(attributes["db.query.normalized"], "('[^']*')", "'?'")"#,
            r#"replace_pattern(attributes["db.query.normalized"], "(\\d{3,})", "?")"#,
            r#"replace_pattern(attributes["db.query.normalized"], "IN\\s*\\([^)]+\\)", "IN (?)")"#,
        ])
    );
    let group = &transform["log_statements"][0];
    assert_eq!(group["context"], "log");
    assert_eq!(
        group["statements"],
        json!([
            r#"set(severity_number, 1) where severity_text == "idle""#,
            r#"set(severity_number, 9) where severity_text == "active""#,
            r#"set(severity_number, 17) where severity_text == "idle in transaction""#,
        ])
    );
    sampler(component(whole, "processors", "adaptive_sampler"));
    breaker(component(whole, "processors", "circuit_breaker"));
    understanding(whole);
}

fn sampler(sampler: &Value) {
    assert_eq!(sampler["state_backend"], "file");
    assert_eq!(sampler["state_file"], "/var/lib/otel/adaptive_sampler.json");
    assert_eq!(
        [&sampler["cache_size"], &sampler["max_decisions_per_second"]],
        [50_000, 5000]
    );
    assert_eq!(sampler["cleanup_interval"], "5m");
    assert_eq!(sampler["default_sampling_rate"], 10.0);
    let rules: Vec<Value> = sampler["rules"]
        .as_array()
        .unwrap()
        .iter()
        .map(|rule| {
            json!([
                rule["name"],
                rule["condition"],
                rule["sampling_rate"],
                rule["priority"]
            ])
        })
        .collect();
    assert_eq!(
        rules,
        [
            json!(["errors_and_warnings", "severity_number >= 13", 100.0, 1]),
            json!(["slow_queries", "mean_exec_time > 1000", 100.0, 2]),
            json!(["moderate_queries", "mean_exec_time > 100", 50.0, 3]),
            json!(["cpu_intensive", "cpu_time > 500", 75.0, 4]),
            json!(["high_io", "(blk_read_time + blk_write_time) > 100", 60.0, 5]),
        ]
    );
}

fn breaker(breaker: &Value) {
    assert_eq!(breaker["evaluation_interval"], "30s");
    let production = &breaker["databases"]["production"];
    let keys = [
        "error_threshold_percent",
        "volume_threshold_qps",
        "break_duration",
        "half_open_requests",
    ];
    let found = keys.map(|key| production[key].clone());
    assert_eq!(found, [json!(25.0), json!(1000.0), json!("10m"), json!(10)]);
    let timeouts = &breaker["adaptive_timeouts"];
    let found = ["enabled", "min_timeout", "max_timeout"].map(|key| timeouts[key].clone());
    assert_eq!(found, [json!(true), json!("1s"), json!("30s")]);
    assert_eq!(
        breaker["newrelic_integration"],
        json!({ "enabled": true, "detect_rate_limits": true })
    );
}

fn understanding(whole: &Value) {
    let plans = component(whole, "processors", "plan_extractor");
    let found = ["plan_timeout", "max_plan_size_kb", "plan_cache_size"].map(|key| plans[key].clone());
    assert_eq!(found, [json!("5s"), json!(500), json!(10_000)]);
    assert_eq!(plans["derived_attributes"].as_array().unwrap().len(), 7);
    let verification = component(whole, "processors", "verification");
    for (section, expected) in [
        (
            "quality_validation",
            json!({ "enabled": true, "required_attributes": ["query_id", "mean_exec_time"] }),
        ),
        (
            "pii_detection",
            json!({ "enabled": true, "scan_query_text": true, "scan_attributes": true }),
        ),
        (
            "health_monitoring",
            json!({ "enabled": true, "alert_threshold_ms": 500 }),
        ),
        ("auto_tuning", json!({ "enabled": true, "learning_window": "1h" })),
        ("self_healing", json!({ "enabled": true, "max_auto_fixes": 3 })),
    ] {
        for (key, value) in expected.as_object().unwrap() {
            assert_eq!(verification[section][key], *value, "{section}.{key}");
        }
    }
}

fn exporters(whole: &Value) {
    let otlp = component(whole, "exporters", "otlp");
    assert_eq!(otlp["endpoint"], "otlp.nr-data.net:4317");
    assert_eq!(otlp["headers"]["api-key"], "[REDACTED]");
    assert_eq!([&otlp["compression"], &otlp["timeout"]], ["gzip", "30s"]);
    let retry = &otlp["retry_on_failure"];
    let keys = [
        "enabled",
        "initial_interval",
        "randomization_factor",
        "multiplier",
        "max_interval",
        "max_elapsed_time",
    ];
    let found = keys.map(|key| retry[key].clone());
    assert_eq!(
        found,
        [
            json!(true),
            json!("5s"),
            json!(0.5),
            json!(1.5),
            json!("30s"),
            json!("5m")
        ]
    );
    let found = ["enabled", "num_consumers", "queue_size"].map(|key| otlp["sending_queue"][key].clone());
    assert_eq!(found, [json!(true), json!(20), json!(5000)]);
    assert_eq!(
        *component(whole, "exporters", "prometheus"),
        json!({
            "endpoint": "0.0.0.0:8889", "namespace": "db_intelligence", "const_labels": { "environment": "production" },
            "send_timestamps": true, "metric_expiration": "5m",
        })
    );
    let debug = json!({ "verbosity": "detailed", "sampling_initial": 5, "sampling_thereafter": 0 });
    assert_eq!(*component(whole, "exporters", "debug"), debug);
}

fn service(whole: &Value) {
    assert_eq!(
        component(whole, "extensions", "health_check")["endpoint"],
        "0.0.0.0:13133"
    );
    assert_eq!(
        component(whole, "extensions", "pprof")["endpoint"],
        "0.0.0.0:1777"
    );
    let service = &whole["service"];
    assert_eq!(service["extensions"], json!(["health_check", "pprof"]));
    let queries = &service["pipelines"]["metrics/queries"];
    assert_eq!(queries["receivers"], json!(["sqlquery/performance"]));
    assert_eq!(queries["processors"].as_array().unwrap().len(), 9);
    assert_eq!(
        service["pipelines"]["logs/ash"]["processors"],
        json!([
            "memory_limiter",
            "resource",
            "transform",
            "adaptive_sampler",
            "verification",
            "batch"
        ])
    );
    assert_eq!(
        service["telemetry"]["logs"],
        json!({
            "level": "info", "encoding": "json",
            "output_paths": ["stdout", "/var/log/otel/collector.log"],
            "error_output_paths": ["stderr", "/var/log/otel/collector-error.log"],
            "initial_fields": { "service": "database-monitoring", "version": "1.0.0" },
        })
    );
    let metrics = &service["telemetry"]["metrics"];
    assert_eq!(
        [&metrics["level"], &metrics["address"]],
        ["detailed", "0.0.0.0:8888"]
    );
    let spans = &service["telemetry"]["traces"]["processors"][0]["batch"];
    assert_eq!(
        (&spans["timeout"], &spans["exporter"]),
        (&json!("10s"), &Value::Null)
    );
}

#[test]
fn what_is_set_goes_before_the_defaults_of_the_optional_variables() {
    with_block(|block| {
        let own = [
            ("OTEL_MEMORY_LIMIT_MIB", "400"),
            ("OTEL_BATCH_TIMEOUT", "2s"),
            ("OTEL_QUEUE_SIZE", "7"),
        ];
        let env: Vec<(&str, &str)> = REQUIRED.into_iter().chain(own).collect();
        let whole = json(&good(block, &env));
        assert_eq!(
            component(&whole, "processors", "memory_limiter")["limit_mib"],
            400
        );
        assert_eq!(component(&whole, "processors", "batch")["timeout"], "2s");
        assert_eq!(
            component(&whole, "exporters", "otlp")["sending_queue"]["queue_size"],
            7
        );
    });
}

#[test]
fn each_place_that_misses_a_variable_is_one_fault() {
    with_block(|block| {
        for (missing, _) in REQUIRED {
            let env: Vec<(&str, &str)> = REQUIRED
                .into_iter()
                .filter(|(name, _)| *name != missing)
                .collect();
            let found = lines(load_texts(&[block], &[], &env));
            let uses: Vec<String> = block
                .lines()
                .enumerate()
                .filter(|(_, line)| line.contains(&format!("${{env:{missing}}}")))
                .map(|(index, _)| format!("0.yaml:{}:", index + 1))
                .collect();
            let message =
                format!(": the variable `{missing}` is not set; set it, or write `${{{missing}:default}}`");
            assert_eq!(found.len(), uses.len(), "{found:?}");
            for (line, place) in found.iter().zip(&uses) {
                assert!(
                    line.starts_with(place.as_str()) && line.ends_with(&message),
                    "{line}"
                );
            }
        }
    });
}

#[test]
fn the_block_can_be_shown_without_its_secrets_and_loaded_again() {
    with_block(|block| {
        let settings = good(block, &REQUIRED);
        let shown = show(&settings);
        for secret in [PASSWORD, "canary", "s3cret"] {
            assert!(
                !shown.contains(secret) && !format!("{settings:?}").contains(secret),
                "{shown}"
            );
        }
        assert!(shown.contains("FROM pg_stat_statements"), "{shown}");
        let faults = lines(load_texts(&[&shown], &[], &[]));
        assert_eq!(bare(&faults.join("\n")), Vec::<String>::new(), "{shown}");
    });
}

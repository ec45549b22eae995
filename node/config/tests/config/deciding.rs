//! Faults and notes of the components that decide what is asked and what is kept.

use crate::common::{SMALL, bare, good, json, lines, load_texts};
use ringwatch_config::{Loaded, load_text};

/// What to put behind the smallest configuration, whose 11 lines come first, and the faults that follow.
type Case = (&'static str, &'static [&'static str]);

const SAMPLER: &[Case] = &[
    (
        "rules: [{ name: a }]",
        &[
            "14:13: the rule never says when it matches; give `condition`, such as \"mean_exec_time > 1000\", or `conditions`",
        ],
    ),
    (
        "rules: [{ name: a, condition: x > 1, conditions: [{ attribute: x, operator: gt, value: 1 }] }]",
        &["14:42: `conditions` stands beside `condition`; give only one of them"],
    ),
    (
        "rules: [{ name: a, condition: \" \" }]",
        &["14:35: `condition` is empty; write an expression, such as \"mean_exec_time > 1000\""],
    ),
    (
        "rules: [{ name: a, condition: x > 1 }, { name: a, condition: x > 2 }, { name: \"\", condition: x > 3 }]",
        &[
            "14:52: the same name as `rules[0]`; metrics tell rules by their names",
            "14:83: `name` is empty; metrics show rules by their names",
        ],
    ),
    (
        "{ slow_query_threshold_ms: 1, rules: [{ name: slow_queries, condition: x > 1 }] }",
        &["14:51: `slow_query_threshold_ms` makes a rule of this name already; give `slow_queries` another"],
    ),
    (
        "rules: [{ name: a, conditions: [{ attribute: \"\", operator: gt }, { attribute: x, operator: exists, value: 1 }] }]",
        &[
            "14:50: `attribute` is empty; name a column or an attribute",
            "14:64: this operator needs `value` beside it, with which the attribute is compared",
            "14:111: `exists` takes no `value`",
        ],
    ),
    (
        "rules: [{ name: a, conditions: [{ attribute: x, operator: matches, value: \"\" }, { attribute: x, operator: lt, value: true }] }]",
        &[
            "14:79: `value` is empty, so that any text matches; write what to look for, or use `exists`",
            "14:111: true and false have no order; use `eq` or `ne`",
        ],
    ),
    (
        "rules: [{ name: a, conditions: [{ attribute: x, operator: gt, value: ${NO} }] }]",
        &["14:74: the variable `NO` is not set; set it, or write `${NO:default}`"],
    ),
    (
        "rules: [{ name: a, condition: x > 1, sampling_rate: 101 }, { name: b, condition: x, priority: -1 }]",
        &[
            "14:57: `sampling_rate` needs a number from 0 to 100, not `101`",
            "14:99: `priority` needs a whole number from 0, not `-1`",
        ],
    ),
    (
        "{ window: 0s, cache_ttl: 0s, cleanup_interval: 0s, slow_query_threshold_ms: -1, cache_size: 0 }",
        &[
            "14:15: `window` must be longer than 0s",
            "14:30: `cache_ttl` must be longer than 0s",
            "14:52: `cleanup_interval` must be longer than 0s",
            "14:81: `slow_query_threshold_ms` must be a number of milliseconds from 0",
            "14:97: `cache_size` needs a whole number from 1, not `0`",
        ],
    ),
    (
        "{ adaptive: { min_rate: 5, max_rate: 1, target_records_per_second: 0 }, key: [\"\"] }",
        &[
            "14:42: `max_rate` must be at least `min_rate`",
            "14:72: `target_records_per_second` must be at least 1; to pass nothing, set the rates to 0",
            "14:83: `key` is empty here; name a column or an attribute",
        ],
    ),
    (
        "environment_overrides: { \" \": { cache_size: 0 }, staging: { slow_query_threshold_ms: -1 } }",
        &[
            "14:30: an environment without a name; write `production`, `staging` or what `ENVIRONMENT` may hold",
            "14:49: `cache_size` must be at least 1",
            "14:90: `slow_query_threshold_ms` must be a number of milliseconds from 0",
        ],
    ),
    (
        "{ state_backend: file, state_file: \"\" }",
        &["14:40: `state_file` is empty; name a file, or write `state_backend: memory`"],
    ),
];

const BREAKER: &[Case] = &[
    (
        "{ evaluation_interval: 0s, memory_check_interval: 0s, load_prediction: { horizon: 0s, max_slowdown: 65 } }",
        &[
            "14:28: `evaluation_interval` must be longer than 0s",
            "14:55: `memory_check_interval` must be longer than 0s",
            "14:87: `horizon` must be longer than 0s",
            "14:105: `max_slowdown` needs a whole number from 1 to 64, not `65`",
        ],
    ),
    (
        "{ defaults: { break_duration: 2h, window: 0s }, databases: { a: { break_duration: 3h }, b: { max_break_duration: 1s } } }",
        &[
            "14:7: `max_break_duration` must be at least as long as `break_duration`, which is 2h",
            "14:47: `window` must be longer than 0s",
            "14:87: `break_duration` must be at most `max_break_duration`, which is 1h by `defaults`; add a longer one",
            "14:118: `max_break_duration` must be at least as long as `break_duration`, which is 2h",
        ],
    ),
    (
        "databases: { a: { half_open_requests: 0, error_threshold_percent: 101, evaluation_interval: 0s }, \"\": {} }",
        &[
            "14:43: `half_open_requests` needs a whole number from 1, not `0`",
            "14:71: `error_threshold_percent` needs a number from 0 to 100, not `101`",
            "14:97: `evaluation_interval` must be longer than 0s",
            "14:103: a database without a name; write its name, `host:port` or the target's id",
        ],
    ),
    (
        "adaptive_timeouts: { min_timeout: 3s, max_timeout: 2s, learning_window: 0s }",
        &[
            "14:56: `max_timeout` must be at least as long as `min_timeout`, which is 3s",
            "14:77: `learning_window` must be longer than 0s",
        ],
    ),
];

const LIMITER: &[Case] = &[
    (
        "{ defaults: { burst: 0 }, database_limits: { a: { rows_burst: 0 }, \"\": {} } }",
        &[
            "14:26: `burst` must be at least 1, or nothing ever gets through; leave it out for its default",
            "14:67: `rows_burst` must be at least 1, or nothing ever gets through; leave it out for its default",
            "14:72: a database without a name; write its name, `host:port` or the target's id",
        ],
    ),
    (
        "database_limits: { a: { schedule: [{ start_hour: 24, end_hour: 25, utc_offset_minutes: -841 }] } }",
        &[
            "14:54: `start_hour` needs a whole number from 0 to 23, not `24`",
            "14:68: `end_hour` needs a whole number from 0 to 24, not `25`",
            "14:92: `utc_offset_minutes` needs a whole number from -840 to 840, not `-841`",
        ],
    ),
    (
        "database_limits: { a: { schedule: [{ start_hour: 0, end_hour: 24 }, { start_hour: 22, end_hour: 6 }] } }",
        &[
            "14:73: this entry never holds, since `schedule[0]` holds the whole day and comes first; put that one last",
        ],
    ),
    (
        "{ adaptive: { enabled: true, min_rps: 0 } }",
        &["14:43: `min_rps` must be more than 0, or a limit that has fallen to nothing never rises again"],
    ),
    (
        "{ adaptive: { min_rps: 2, max_rps: 1 }, global_max_rps: -1 }",
        &[
            "14:40: `max_rps` must be 0 or at least `min_rps`",
            "14:61: `global_max_rps` needs a number from 0, not `-1`",
        ],
    ),
];

const TRANSFORM: &[Case] = &[
    (
        "{ metric_statements: [{ context: log, statements: [] }], log_statements: [{ context: datapoint, statements: [\"\"] }] }",
        &[
            "14:38: this context has no place in `metric_statements`; put the group under `log_statements`",
            "14:43: `statements` is empty; give at least one, such as `set(attributes[\"tier\"], \"gold\")`",
            "14:90: this context has no place in `log_statements`; put the group under `metric_statements`",
            "14:114: `statements[0]` is empty; write it, or take it away",
        ],
    ),
    (
        "{ error_mode: ignor, metric_statements: [{ conditions: [\"\"], statements: [x] }] }",
        &[
            "14:19: `error_mode` needs one of ignore, silent, propagate, not `ignor`; did you mean `ignore`?",
            "14:61: `conditions[0]` is empty; write it, or take it away",
        ],
    ),
];

#[test]
fn each_fault_of_a_deciding_processor_has_its_place() {
    for (kind, cases) in [
        ("adaptive_sampler", SAMPLER),
        ("circuit_breaker", BREAKER),
        ("rate_limiter", LIMITER),
        ("transform", TRANSFORM),
    ] {
        for (body, expected) in cases {
            let text = format!("{SMALL}processors:\n  {kind}:\n    {body}\n");
            let found = lines(load_texts(&[&text], &[], &[]));
            let expected: Vec<String> = expected.iter().map(|fault| format!("0.yaml:{fault}")).collect();
            assert_eq!(found, expected, "{kind}: {body}");
        }
    }
}

#[test]
fn a_statement_alone_is_a_group_of_one() {
    let text = format!(
        "{SMALL}processors:
  transform:
    metric_statements:
      - set(attributes[\"a\"], 1)
      - {{ context: resource, statements: ['set(attributes[\"b\"], 2)'] }}
    log_statements: [\"${{STATEMENT:limit(attributes, 9)}}\"]
"
    );
    let settings = json(&good(&text, &[]));
    let transform = &settings["processors"]["transform"]["transform"];
    let groups = &transform["metric_statements"];
    assert_eq!(
        groups[0]["statements"],
        serde_json::json!(["set(attributes[\"a\"], 1)"])
    );
    assert_eq!(groups[0]["context"], serde_json::Value::Null);
    assert_eq!(groups[1]["context"], "resource");
    assert_eq!(
        transform["log_statements"][0]["statements"][0],
        "limit(attributes, 9)"
    );
    let shown = ringwatch_config::show(&good(&text, &[]));
    assert_eq!(json(&good(&shown, &[])), settings);
    for (statements, fault) in [
        (
            "[\" \"]",
            "14:25: `statements[0]` is empty; write it, or take it away",
        ),
        ("[5]", "14:25: `metric_statements[0]` needs a map, not `5`"),
        ("[~]", "14:25: missing key `statements` in `metric_statements[0]`"),
    ] {
        let text = format!("{SMALL}processors:\n  transform:\n    metric_statements: {statements}\n");
        let found = lines(load_texts(&[&text], &[], &[]));
        assert_eq!(found, [format!("0.yaml:{fault}")]);
    }
}

#[test]
fn two_components_do_not_share_a_state_file_and_a_token_is_not_empty() {
    let text = format!(
        "{SMALL}processors:
  adaptive_sampler/a: {{ state_backend: file, state_file: /s }}
  adaptive_sampler/b: {{ state_backend: memory, state_file: /s }}
  circuit_breaker: {{ state_backend: file, state_file: /s }}
  plan_extractor: {{ plan_timeout: 0s }}
  verification: {{ auto_tuning: {{ learning_window: 0s }} }}
admin: {{ token: \"\" }}
extensions: {{ pprof: {{ endpoint: 127.0.0.1:55679 }}, zpages: }}
"
    );
    assert_eq!(
        lines(load_texts(&[&text], &["service.extensions=[zpages, pprof]"], &[])),
        [
            "0.yaml:15:55: the same file as `processors.adaptive_sampler/a.state_file`; give each component a file of its own",
            "0.yaml:16:35: `plan_timeout` must be longer than 0s",
            "0.yaml:17:51: `learning_window` must be longer than 0s",
            "0.yaml:18:17: `token` is empty; give one, such as `${file:/run/secrets/admin}`, or leave the key out",
            "0.yaml:19:53: `extensions.zpages.endpoint` and `extensions.pprof.endpoint` are the same address; give each its own port",
        ]
    );
}

/// The notes of a valid text.
fn notes(text: &str, env: &[(&str, &str)]) -> Vec<String> {
    let env = |name: &str| {
        let found = env.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let Loaded { notes, .. } = load_text("0.yaml", text, &env).unwrap_or_else(|faults| panic!("{faults}"));
    bare(
        &notes
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("\n"),
    )
}

#[test]
fn what_is_valid_and_hardly_meant_is_noted() {
    let text = SMALL.replace(
        "      exporters: [debug]",
        "      processors: [adaptive_sampler]\n      exporters: [debug]",
    ) + "  extensions: [pprof, zpages, health_check]
extensions:
  health_check: { endpoint: 0.0.0.0:13133 }
  pprof: { endpoint: 0.0.0.0:1777 }
  zpages: { endpoint: \"[::1]:55679\" }
processors:
  adaptive_sampler:
    default_sampling_rate: 0.5
    rules: [{ name: a, condition: x > 1, sampling_rate: 0.01 }, { name: b, condition: x > 0, sampling_rate: 0 }]
    environment_overrides: { production: { default_sampling_rate: 1 } }
  adaptive_sampler/unused: { default_sampling_rate: 0.5 }
";
    let percent = "note: rates are in percent, and this keeps less than 1 row of 100; for half of the rows write 50, not 0.5";
    assert_eq!(
        notes(&text, &[("ENVIRONMENT", "staging")]),
        [
            "0.yaml:16:22: note: whoever reaches this address can take profiles of this process; listen on 127.0.0.1 unless the network keeps others away".to_owned(),
            format!("0.yaml:20:28: {percent}"),
            format!("0.yaml:21:57: {percent}"),
            "0.yaml:22:5: note: none of these is the environment that `environment`, or the variable `ENVIRONMENT`, names".into(),
        ]
    );
    assert_eq!(
        notes(&text, &[])[3],
        "0.yaml:22:5: note: none of these holds: neither `environment` nor the variable `ENVIRONMENT` names one"
    );
    assert_eq!(notes(&text, &[("ENVIRONMENT", "production")]).len(), 3);
}

#[test]
fn a_threshold_that_is_no_number_is_noted() {
    let text = SMALL.replace(
        "      exporters: [debug]",
        "      processors: [adaptive_sampler]\n      exporters: [debug]",
    ) + "processors:
  adaptive_sampler:
    rules:
      - name: a
        conditions:
          - { attribute: rows, operator: gt, value: ${CRITICAL_QUERY_MS:2000} }
          - { attribute: rows, operator: lt, value: \" 1e3 \" }
          - { attribute: state, operator: eq, value: idle }
";
    assert_eq!(notes(&text, &[]), Vec::<String>::new());
    assert_eq!(
        notes(&text, &[("CRITICAL_QUERY_MS", "2s")]),
        [
            "0.yaml:18:53: note: this is no number, so that no column of numbers matches; write one without a unit, \
             unless texts are to be compared"
        ]
    );
}

#[test]
fn a_sampler_as_specification_001_writes_it_has_typed_thresholds_and_its_environment() {
    let text = format!(
        "{SMALL}processors:
  adaptive_sampler:
    slow_query_threshold_ms: ${{SLOW_QUERY_THRESHOLD:1000}}
    environment_overrides:
      production: {{ slow_query_threshold_ms: 2000, max_records_per_second: 500 }}
      staging: {{ slow_query_threshold_ms: 500, max_records_per_second: 2000 }}
    rules:
      - name: critical_queries
        conditions:
          - attribute: duration_ms
            operator: gt
            value: ${{CRITICAL_QUERY_MS:2000}}
          - {{ attribute: state, operator: eq, value: \"2000\" }}
"
    );
    let env = [("ENVIRONMENT", "staging"), ("SLOW_QUERY_THRESHOLD", "250.5")];
    let settings = json(&good(&text, &env));
    let sampler = &settings["processors"]["adaptive_sampler"]["adaptive_sampler"];
    assert_eq!(sampler["slow_query_threshold_ms"], 250.5);
    assert_eq!(sampler["environment"], "staging");
    assert_eq!(
        sampler["environment_overrides"]["production"]["max_records_per_second"],
        500
    );
    let conditions = &sampler["rules"][0]["conditions"];
    assert_eq!(conditions[0]["value"], 2000);
    assert_eq!(conditions[1]["value"], "2000");
    let settings = json(&good(&text, &[("CRITICAL_QUERY_MS", "1.5")]));
    let sampler = &settings["processors"]["adaptive_sampler"]["adaptive_sampler"];
    assert_eq!(sampler["rules"][0]["conditions"][0]["value"], 1.5);
    assert_eq!(sampler["environment"], "");
}

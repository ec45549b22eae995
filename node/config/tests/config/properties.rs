//! What holds for any configuration.

use crate::common::{SMALL, json, load_texts};
use proptest::prelude::*;
use serde_json::{Value, json};

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z_.]{1,12}",
        any::<String>(),
        "[ -~]{0,20}",
        Just("null".into()),
        Just("${X}".into()),
        Just("0x10".into()),
        Just("a: b # c\n- d".into()),
    ]
}

fn duration() -> impl Strategy<Value = String> {
    (100_u64..86_400_000).prop_map(|millis| ringwatch_config::Duration::from_millis(millis).to_string())
}

fn labels() -> impl Strategy<Value = Value> {
    prop::collection::btree_map(text(), text(), 0..4).prop_map(|labels| json!(labels))
}

/// A receiver's body, as JSON, which is YAML too. Its strings are escaped so that they come out as they are.
fn receiver() -> impl Strategy<Value = Value> {
    let single = (1_u16..9).prop_map(|n| json!({ "endpoint": format!("db:{n}") }));
    let several = prop::collection::vec(labels(), 1..4).prop_map(|labels| {
        let targets = labels.into_iter().enumerate();
        let targets =
            targets.map(|(n, labels)| json!({ "endpoint": format!("[::1]:{}", n + 1), "labels": labels }));
        json!({ "targets": targets.collect::<Vec<_>>() })
    });
    let rest = (
        text().prop_filter("a role has a name", |name| !name.is_empty()),
        duration(),
        duration(),
        any::<[bool; 4]>(),
    );
    (
        prop_oneof![single, several],
        rest,
        prop::collection::vec(text(), 0..4),
        labels(),
    )
        .prop_map(
            |(mut body, (username, interval, timeout, on), databases, metrics)| {
                let switches = metrics
                    .as_object()
                    .unwrap()
                    .keys()
                    .map(|key| (key.clone(), json!({ "enabled": on[0] })));
                body["metrics"] = Value::Object(switches.collect());
                body["username"] = username.into();
                body["collection_interval"] = interval.clone().into();
                body["timeout"] = timeout.into();
                body["databases"] = json!(databases);
                body["tls"] = json!({ "insecure": on[0], "insecure_skip_verify": on[1] });
                if on[2] {
                    body["statements"] = json!({ "interval": interval });
                }
                if on[3] {
                    body["activity"] = json!({ "enabled": on[0], "max_rows": 7 });
                    body["plans"] =
                        json!({ "interval": interval, "per_hour": 7, "log": { "through": "sql" } });
                }
                body
            },
        )
}

fn scalar() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>()
            .prop_filter("finite", |n| n.is_finite())
            .prop_map(Value::from),
        text().prop_map(Value::from),
    ]
}

fn file() -> impl Strategy<Value = Value> {
    let actions = prop::collection::vec((text().prop_filter("a key", |k| !k.is_empty()), scalar()), 0..4);
    let numbers = (1_u64.., 1_u32..1000, 0.0..1.0_f64);
    (receiver(), actions, labels(), numbers, "[ -~]{1,40}").prop_map(|(receiver, actions, labels, (size, consumers, factor), name)| {
        let actions: Vec<Value> =
            actions.into_iter().map(|(key, value)| json!({ "key": key, "action": "upsert", "value": value })).collect();
        let both = json!({ "receivers": ["postgresql/a"], "processors": ["resource", "batch"], "exporters": ["otlp"] });
        json!({
            "cluster": { "name": name },
            "receivers": { "postgresql/a": receiver },
            "processors": { "resource": { "attributes": actions }, "batch": { "send_batch_size": size } },
            "exporters": {
                "otlp": {
                    "endpoint": "https://collector:4317",
                    "retry_on_failure": { "randomization_factor": factor },
                    "sending_queue": { "num_consumers": consumers },
                },
                "prometheus/x": { "const_labels": labels },
            },
            "service": { "pipelines": { "metrics": both, "logs/all": both } },
        })
    })
}

/// YAML-ish text: what YAML is made of, in any order.
fn yamlish() -> impl Strategy<Value = String> {
    let words = [
        "receivers",
        "postgresql",
        ":",
        ": ",
        "\n",
        "\n  ",
        "\n    ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        ",",
        "&a ",
        "*a",
        "<<",
        "!!str ",
        "\"",
        "'",
        "|",
        ">",
        "#",
        "${",
        "${A}",
        "${A:x}",
        "$",
        "?",
        "null",
        "1",
        "--- ",
        "service",
        "pipelines",
        "metrics",
        "exporters",
        "otlp",
        "endpoint",
        "\t",
        "\u{feff}",
        "\u{f8e0}",
        "%",
        "@",
    ];
    let piece =
        prop_oneof![8 => prop::sample::select(words.to_vec()).prop_map(str::to_owned), 1 => any::<String>()];
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_shown_loads_as_the_same(file in file()) {
        let text = file.to_string().replace('$', "$$");
        let settings = load_texts(&[&text], &[], &[]).map_err(|faults| TestCaseError::fail(faults.to_string()))?;
        prop_assert_eq!(&json(&settings)["cluster"]["name"], &file["cluster"]["name"]);
        let shown = ringwatch_config::show(&settings);
        let again = load_texts(&[&shown], &[], &[]).map_err(|faults| TestCaseError::fail(format!("{faults}\n{shown}")))?;
        prop_assert_eq!(json(&again), json(&settings), "{}", shown);
    }

    #[test]
    fn no_text_makes_it_panic(text in yamlish(), set in "[a-z./=\\[\\]{}0-9$]{0,30}", cut in 0..SMALL.len()) {
        let mixed = SMALL.get(..cut).unwrap_or_default().to_owned() + &text + SMALL.get(cut..).unwrap_or_default();
        for text in [&text, &mixed] {
            for line in crate::common::lines(load_texts(&[text], &[&set], &[("A", "x")])) {
                prop_assert!(line.starts_with("0.yaml:") || line.starts_with("--set "), "{}", line);
            }
        }
    }
}

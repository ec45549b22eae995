//! Faults of `verification`.

use crate::common::{SMALL, good, lines, load_texts};
use ringwatch_config::settings::{PiiAction, Processor, RuleAction};

/// The faults of a verification with these settings, without their places.
fn faults(settings: &str) -> Vec<String> {
    let text = format!("{SMALL}processors:\n  verification:\n    {settings}\n");
    let lines = lines(load_texts(&[&text], &[], &[]));
    let message = |line: String| line.split_once(": ").map(|(_, message)| message.to_owned());
    lines.into_iter().filter_map(message).collect()
}

fn assert_refused(cases: &[(&str, &str)]) {
    for (settings, expected) in cases {
        let found = faults(settings);
        assert!(
            found.iter().any(|fault| fault == expected),
            "{settings}: {found:?}"
        );
    }
}

#[test]
fn times_and_bounds_that_cannot_be_meant_are_refused() {
    assert_refused(&[
        (
            "auto_tuning: { learning_window: 0s }",
            "`learning_window` must be longer than 0s",
        ),
        (
            "auto_tuning: { min_threshold: 20, max_threshold: 10 }",
            "`max_threshold` must be at least `min_threshold`",
        ),
        ("self_healing: { window: 0s }", "`window` must be longer than 0s"),
        ("feedback: { mute_for: 0s }", "`mute_for` must be longer than 0s"),
        (
            "feedback: { half_life: 0s }",
            "`half_life` must be longer than 0s",
        ),
        (
            "anomaly_detection: { max_incident: 0s }",
            "`max_incident` must be longer than 0s",
        ),
        (
            "anomaly_detection: { min_ratio: 1 }",
            "`min_ratio` needs a number from 1.01 to 1000, not `1`",
        ),
    ]);
}

#[test]
fn names_and_texts_that_cannot_be_meant_are_refused() {
    assert_refused(&[
        (
            "quality_validation: { required_attributes: [\"\"] }",
            "this name is empty; name a column or an attribute",
        ),
        (
            "quality_validation: { cardinality: { window: 0s } }",
            "`window` must be longer than 0s",
        ),
        (
            "quality_validation: { cardinality: { attributes: [\" \"] } }",
            "this name is empty; name a column or an attribute",
        ),
        (
            "quality_validation: { rules: [{ name: a, condition: x > 1 }, { name: a, condition: x > 2 }] }",
            "a rule before has the same name; metrics tell rules by their names",
        ),
        (
            "quality_validation: { rules: [{ name: a, condition: \" \" }] }",
            "`condition` is empty; write an expression, such as \"mean_exec_time > 3600000\"",
        ),
        (
            "quality_validation: { rules: [{ name: \"\", condition: x > 1 }] }",
            "`name` is empty; metrics show rules by their names",
        ),
        (
            "pii_detection: { classes: [\"\"] }",
            "this class is empty; name one, such as `email`",
        ),
        (
            "pii_detection: { patterns: [{ name: Big, pattern: x }] }",
            "`name` must be lower-case letters, digits and `_`: it becomes a label of metrics",
        ),
        (
            "pii_detection: { patterns: [{ name: a, pattern: \"\" }] }",
            "`pattern` is empty; write a regular expression",
        ),
        (
            "pii_detection: { patterns: [{ name: a, pattern: x }, { name: a, pattern: y }] }",
            "a pattern before has the same name; give each its own",
        ),
        (
            "pii_detection: { hash_key: \"\" }",
            "`hash_key` is empty; give one, such as `${file:/run/secrets/pii_key}`, or leave the key out",
        ),
        (
            "state_backend: file\n    state_file: \"\"",
            "`state_file` is empty; name a file, or write `state_backend: memory`",
        ),
    ]);
}

#[test]
fn all_settings_can_be_given_and_the_key_is_not_shown() {
    let text = format!(
        "{SMALL}processors:
  verification:
    quality_validation:
      enabled: true
      required_attributes: [query_id]
      max_clock_skew: 1m
      cardinality: {{ max_distinct_per_attribute: 100, window: 10m, attributes: [application_name] }}
      rules: [{{ name: a, stream: postgresql.statements, condition: calls > 1, action: drop }}]
    pii_detection: {{ enabled: true, classes: [email], patterns: [{{ name: a, pattern: x }}], action: hash, hash_key: sesame }}
    anomaly_detection: {{ season: 168h, warm_up: 50, threshold: 10, tag: score }}
    max_findings: 10
    state_backend: file
    state_file: /tmp/v.json
"
    );
    let settings = good(&text, &[]);
    let found = settings
        .processors
        .values()
        .find_map(|processor| match processor {
            Processor::Verification(settings) => Some(settings),
            _ => None,
        });
    let found = found.unwrap();
    assert_eq!(found.quality_validation.rules[0].action, RuleAction::Drop);
    assert_eq!(found.pii_detection.action, PiiAction::Hash);
    assert!(!crate::common::json(&settings).to_string().contains("sesame"));
}

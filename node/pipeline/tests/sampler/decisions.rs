//! Which rows are kept: by rule, by rate, by any node alike.

use std::collections::BTreeSet;
use std::sync::Arc;

use ringwatch_config::settings::{RuleCondition, RuleOperator, SamplingRule, Scalar};
use ringwatch_frame::{Books, Cell, ColumnType, Columns, Place, Role};
use ringwatch_parse::expr::PathRef;
use ringwatch_pipeline::adaptive_sampler::unmatched_rules;
use ringwatch_pipeline::{AdaptiveSampler, Resolver, SamplerMetrics};

use crate::support::*;

const ROWS: i64 = 100_000;

/// The rules of these rows: by how slow they are.
fn rules() -> Vec<SamplingRule> {
    vec![
        rule("high_io", "mean_exec_time > 25", 60.0, 5),
        rule("slow", "mean_exec_time > 1000", 100.0, 1),
        rule("moderate", "mean_exec_time > 100", 50.0, 2),
        rule("fast", "mean_exec_time < 10", 1.0, 3),
        rule("cpu", "mean_exec_time >= 10 and mean_exec_time < 20", 75.0, 4),
    ]
}

/// Every rule, and the default at the end, gets a sixth of these rows.
fn rows(first: i64, count: i64) -> Vec<Row> {
    let times = [2000.0, 500.0, 5.0, 15.0, 50.0, 22.0];
    let time = |at: i64| times[usize::try_from(at % 6).unwrap()];
    (0..count).map(|at| (first + at, time(at))).collect()
}

const EXPECTED: [(&str, f64); 6] = [
    ("slow", 100.0),
    ("moderate", 50.0),
    ("fast", 1.0),
    ("cpu", 75.0),
    ("high_io", 60.0),
    ("default", 10.0),
];

#[test]
fn the_kept_share_of_each_rule_is_its_rate() {
    for seed in [0, 123_456_789] {
        let (sampler, registry) = sampler(&plain(rules()));
        let kept = sample_rows(&mut sampler.processor("metrics"), START, &rows(seed, ROWS));
        let status = sampler.control().status();
        let names: Vec<&str> = status.rules.iter().map(|rule| rule.name.as_str()).collect();
        assert_eq!(names, EXPECTED.map(|(name, _)| name));
        for (rule, (_, rate)) in status.rules.iter().zip(EXPECTED) {
            let share = 100.0 * rule.kept as f64 / rule.matches as f64;
            assert!(
                (share - rate).abs() < 1.0,
                "{} keeps {share} %, seed {seed}",
                rule.name
            );
            assert!((16_666..=16_667).contains(&rule.matches));
            let matches = metric(
                &registry,
                "adaptive_sampler_rule_matches_total",
                &[("rule", &rule.name)],
            );
            assert_eq!(matches, rule.matches as f64);
        }
        assert_eq!(status.kept, kept.len() as u64);
        assert_eq!(status.kept + status.dropped, ROWS as u64);
        let here = [("processor", "adaptive_sampler"), ("pipeline", "metrics")];
        for (name, expected) in [
            ("adaptive_sampler_records_processed_total", ROWS as f64),
            ("adaptive_sampler_decisions_total", ROWS as f64),
            ("adaptive_sampler_cache_hit_rate", 0.0),
            ("adaptive_sampler_sampling_rate_current", 10.0),
            ("adaptive_sampler_cache_size", 10_000.0),
        ] {
            assert_eq!(metric(&registry, name, &here), expected, "{name}");
        }
        let sampled = metric(
            &registry,
            "adaptive_sampler_records_dropped_total",
            &[("reason", "sampled")],
        );
        assert_eq!(sampled, status.dropped as f64);
    }
}

/// The same statements again and again, with what is new: the first reading passes whole, and from then on
/// the shares are the rates, although rows of one statement go together.
#[test]
fn what_is_new_passes_once_and_then_the_rates_hold() {
    let (sampler, registry) = sampler(&ringwatch_config::settings::AdaptiveSampler {
        keep_new: true,
        ..plain(rules())
    });
    let mut processor = sampler.processor("metrics");
    let rows: Vec<Row> = rows(0, 5000);
    assert_eq!(sample_rows(&mut processor, START, &rows).len(), 5000);
    let before = sampler.control().status();
    for tick in 1..=60 {
        sample_rows(&mut processor, START + tick * 60, &rows);
    }
    let after = sampler.control().status();
    for ((before, after), (_, rate)) in before.rules.iter().zip(&after.rules).zip(EXPECTED) {
        let share = 100.0 * (after.kept - before.kept) as f64 / (after.matches - before.matches) as f64;
        assert!((share - rate).abs() < 1.0, "{} keeps {share} %", after.name);
    }
    assert_eq!(metric(&registry, "adaptive_sampler_cache_hit_rate", &[]), 1.0);
    let changed: Vec<Row> = rows.iter().map(|(id, _)| (*id, 5.0)).collect();
    let kept = sample_rows(&mut processor, START + 61 * 60, &changed);
    let others = rows.iter().filter(|(_, time)| *time != 5.0).count();
    assert!(
        (others..others + 30).contains(&kept.len()),
        "what another rule matches now passes: {}",
        kept.len()
    );
}

#[test]
fn nodes_that_do_not_talk_keep_the_same_rows() {
    let kept: Vec<Vec<BTreeSet<i64>>> = (0..3)
        .map(|_| {
            let (sampler, _) = sampler(&plain(rules()));
            let mut processor = sampler.processor("metrics");
            (0..4)
                .map(|tick| sample_rows(&mut processor, START + tick * 45, &rows(0, 20_000)))
                .collect()
        })
        .collect();
    assert!(kept.iter().all(|node| *node == kept[0]));
    assert_ne!(kept[0][0], kept[0][2], "another minute, other rows");
    // whoever sees the rows in other frames and another order decides the same
    let (sampler, _) = sampler(&plain(rules()));
    let mut processor = sampler.processor("logs");
    let mut turned = rows(0, 20_000);
    turned.reverse();
    let parts: BTreeSet<i64> = turned
        .chunks(777)
        .flat_map(|part| sample_rows(&mut processor, START, part))
        .collect();
    assert_eq!(parts, kept[0][0]);
}

#[test]
fn a_higher_rate_keeps_what_a_lower_one_keeps_and_more() {
    let (sampler, _) = sampler(&plain(Vec::new()));
    let mut processor = sampler.processor("metrics");
    let control = sampler.control();
    let mut last = BTreeSet::new();
    for rate in [0.0, 0.1, 1.0, 10.0, 35.0, 80.0, 99.9, 100.0] {
        control.set_rate(rate).unwrap();
        let kept = sample_rows(&mut processor, START, &rows(0, 20_000));
        assert!(
            kept.is_superset(&last) && kept.len() > last.len() || rate == 0.0,
            "{rate}"
        );
        assert_eq!(control.status().current_rate, rate);
        last = kept;
    }
    assert_eq!(last.len(), 20_000);
}

#[test]
fn both_shapes_of_a_rule_are_one() {
    let listed = SamplingRule {
        condition: None,
        conditions: vec![
            RuleCondition {
                attribute: "mean_exec_time".into(),
                operator: RuleOperator::Gte,
                value: Some(Scalar::Text("10".into())),
            },
            RuleCondition {
                attribute: "mean_exec_time".into(),
                operator: RuleOperator::Lt,
                value: Some(Scalar::Int(20)),
            },
        ],
        ..rule("cpu", "", 75.0, 1)
    };
    let written = rule("cpu", "mean_exec_time >= 10 and mean_exec_time < 20", 75.0, 1);
    let statuses = [listed, written].map(|rule| {
        let (sampler, _) = sampler(&plain(vec![rule]));
        let kept = sample_rows(&mut sampler.processor("metrics"), START, &rows(0, 20_000));
        (kept, sampler.control().status())
    });
    assert_eq!(statuses[0], statuses[1]);
    assert_eq!(statuses[0].1.rules[0].matches, 3333);
}

#[test]
fn rows_are_found_by_what_they_go_out_as() {
    let resolver: Resolver = Arc::new(|source, stream, place| {
        assert_eq!((source, stream), ("postgresql", "postgresql.statements"));
        (place == Place::SeverityText).then(|| "state".into())
    });
    let metrics = SamplerMetrics::new(&prometheus::Registry::new()).unwrap();
    let settings = ringwatch_config::settings::AdaptiveSampler {
        default_sampling_rate: 0.0,
        ..plain(vec![
            rule("errors", "severity_number >= 13", 100.0, 1),
            rule("active", "severity_text == \"active\"", 100.0, 2),
            rule("production", "resource.attributes[\"env\"] == \"prod\"", 100.0, 3),
        ])
    };
    let sampler =
        AdaptiveSampler::new("adaptive_sampler", &settings, resolver, &metrics, None, None).unwrap();
    let mut columns = Columns::new([
        ("queryid", ColumnType::Int),
        ("state", ColumnType::Text),
        ("s", ColumnType::Int),
    ]);
    for (id, state, severity) in [(1, "idle", 17), (2, "active", 9), (3, "idle", 9), (4, "idle", 13)] {
        columns
            .push(&[Cell::Int(id), Cell::Text(state), Cell::Int(severity)])
            .unwrap();
    }
    let batch = columns.finish().unwrap();
    let mut fields: Vec<_> = batch.schema().fields().to_vec();
    fields[2] = Arc::new(ColumnType::Int.role_field("s", Role::SeverityNumber));
    let schema = Arc::new(arrow_schema::Schema::new(fields));
    let batch = arrow_array::RecordBatch::try_new(schema, batch.columns().to_vec()).unwrap();
    let books = Arc::new(Books::default());
    let mut processor = sampler.processor("logs");
    assert_eq!(
        sample(&mut processor, frame_of(&books, START, batch.clone())),
        [1, 2, 4]
    );
    let mut resourceful = frame_of(&books, START, batch);
    resourceful.set_resource(Arc::new([("env".into(), "prod".into())].into_iter().collect()));
    assert_eq!(sample(&mut processor, resourceful), [1, 2, 3, 4]);
    assert_at_rest(&books);
}

#[test]
fn a_rule_without_its_columns_is_named() {
    let settings = plain(vec![
        rule("slow", "mean_exec_time > 1000", 100.0, 1),
        rule("cpu", "cpu_time > 500", 75.0, 2),
        rule(
            "io",
            "(blk_read_time + blk_write_time) > 100 and pid > 0",
            60.0,
            3,
        ),
    ]);
    let has =
        |names: &'static [&'static str]| move |path: &PathRef| names.contains(&path.to_string().as_str());
    let statements = has(&["mean_exec_time", "blk_read_time"]);
    let activity = has(&["pid"]);
    let unmatched = unmatched_rules("adaptive_sampler", &settings, &[&statements, &activity]).unwrap();
    let expected = [("cpu", "cpu_time"), ("io", "blk_write_time"), ("io", "pid")];
    let expected = expected.map(|(rule, column)| (rule.to_owned(), column.to_owned()));
    assert_eq!(unmatched, expected);
    assert_eq!(unmatched_rules("adaptive_sampler", &settings, &[]).unwrap(), []);
}

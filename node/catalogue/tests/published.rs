//! The embedded catalogue against the published names, units, kinds and attributes.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use ringwatch_catalogue::model::{Engine, Metric, MetricKind, MetricValue, Stream};
use ringwatch_catalogue::{Catalogue, listing};

fn postgresql() -> Engine {
    Catalogue::embedded()
        .unwrap()
        .engine("postgresql")
        .unwrap()
        .clone()
}

/// The lines of a published table without its header; `None` where the tables are not beside the checkout.
fn published(file: &str) -> Option<Vec<Vec<String>>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/reference")
        .join(file);
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("skipped: `{file}` is not beside the checkout");
        return None;
    };
    Some(
        text.lines()
            .skip(1)
            .map(|line| line.split(',').map(str::to_owned).collect())
            .collect(),
    )
}

/// A metric's attributes in the form of the published table: `a;b{x|y}`.
fn attributes(metric: &Metric) -> String {
    let mut all: BTreeMap<&str, BTreeSet<&str>> = metric
        .attributes
        .keys()
        .map(|key| (key.as_str(), BTreeSet::new()))
        .collect();
    for (key, value) in metric.points.iter().flat_map(|point| &point.attributes) {
        all.entry(key).or_default().insert(value);
    }
    let written = all.into_iter().map(|(key, values)| {
        let values: Vec<_> = values.into_iter().collect();
        if values.is_empty() {
            key.to_owned()
        } else {
            format!("{key}{{{}}}", values.join("|"))
        }
    });
    written.collect::<Vec<_>>().join(";")
}

/// The values of an attribute that a column holds are not in the catalogue, but in its SQL.
const IN_SQL: &str = "{cosine|hamming|inner_product|jaccard|l1|l2}";

#[test]
fn every_published_metric_is_there_and_no_other() {
    let Some(lines) = published("postgresql_metrics.csv") else {
        return;
    };
    let engine = postgresql();
    let mut published: Vec<Vec<String>> = lines.into_iter().map(published_row).collect();
    published.sort();
    let mut ours: Vec<Vec<String>> = engine.metrics().map(row).collect();
    ours.sort();
    for (ours, published) in ours.iter().zip(&published) {
        assert_eq!(ours, published);
    }
    assert_eq!(ours.len(), published.len());
    assert_eq!(ours.iter().filter(|cells| cells[6] == "true").count(), 22);
}

/// The first seven cells, with the attributes in the order of their names.
fn published_row(line: Vec<String>) -> Vec<String> {
    let mut cells: Vec<String> = line
        .into_iter()
        .take(7)
        .map(|cell| cell.replace(IN_SQL, ""))
        .collect();
    let mut attributes: Vec<_> = cells[5].split(';').collect();
    attributes.sort_unstable();
    cells[5] = attributes.join(";");
    cells
}

fn row(metric: &Metric) -> Vec<String> {
    let (kind, monotonic) = match metric.kind {
        MetricKind::Gauge => ("gauge", String::new()),
        MetricKind::Sum => ("sum", metric.monotonic.to_string()),
    };
    let value = match metric.value {
        MetricValue::Int => "int",
        MetricValue::Double => "double",
    };
    let enabled = metric.enabled.to_string();
    let cells = [
        &metric.name,
        &metric.unit,
        kind,
        &monotonic,
        value,
        &attributes(metric),
        &enabled,
    ];
    cells.map(str::to_owned).to_vec()
}

#[test]
fn vector_searches_tell_the_published_distance_functions() {
    let engine = postgresql();
    let sql = &engine.stream("postgresql.vector_searches").unwrap().sql[0].text;
    for function in IN_SQL.trim_matches(['{', '}']).split('|') {
        assert!(sql.contains(&format!("then '{function}'")), "{function}");
    }
}

#[test]
fn events_have_the_published_attributes() {
    let Some(lines) = published("events.csv") else {
        return;
    };
    let engine = postgresql();
    for stream in ["postgresql.statements", "postgresql.activity"] {
        let event = engine.stream(stream).unwrap().events().next().unwrap().clone();
        let keys = event.attributes.iter().map(|attribute| attribute.key.clone());
        let ours: BTreeSet<String> = keys.chain(event.constants.keys().cloned()).collect();
        let of_event = lines
            .iter()
            .filter(|line| line[0] == "postgresql" && line[2] == event.name);
        let published: BTreeSet<String> = of_event
            .map(|line| line[4].clone())
            .filter(|key| key != "postgresql.query_plan")
            .collect();
        assert_eq!(ours, published, "{stream}");
        assert_eq!(event.constants["db.system.name"], "postgresql");
    }
}

#[test]
fn records_of_plans_have_the_published_attributes_and_each_row_becomes_one() {
    let Some(lines) = published("events.csv") else {
        return;
    };
    let engine = postgresql();
    for stream in ["postgresql.plans", "postgresql.plan_log"] {
        let stream = engine.stream(stream).unwrap();
        let only: Vec<_> = stream
            .events()
            .map(|event| {
                let only = event.only.as_ref().unwrap();
                format!("{} {}", only.column, only.equals)
            })
            .collect();
        assert_eq!(only, ["kind plan", "kind change", "kind failure"]);
        let event = stream.events().next().unwrap();
        let of_event = lines
            .iter()
            .filter(|line| line[0] == "postgresql" && line[2] == event.name);
        for line in of_event {
            let known = event.attributes.iter().any(|attribute| attribute.key == line[4]);
            assert!(known || event.constants.contains_key(&line[4]), "{}", line[4]);
        }
    }
}

#[test]
fn seconds_leave_as_seconds() {
    let engine = postgresql();
    let event = engine
        .stream("postgresql.statements")
        .unwrap()
        .events()
        .next()
        .unwrap()
        .clone();
    for attribute in event
        .attributes
        .iter()
        .filter(|attribute| attribute.column.ends_with("_time"))
    {
        assert_eq!(attribute.scale, Some(0.001), "{}", attribute.key);
    }
    for metric in engine.metrics().filter(|metric| metric.unit == "s") {
        for point in metric
            .points
            .iter()
            .filter(|point| point.column.ends_with("_time"))
        {
            assert_eq!(point.scale, Some(0.001), "{}", metric.name);
        }
    }
}

#[test]
fn the_statement_follows_the_versions() {
    let engine = postgresql();
    let chosen = |stream: &str, major, extension: Option<&str>| {
        let stream = engine.stream(stream).unwrap();
        let variant = stream.variant(major, extension)?;
        stream.sql.iter().position(|other| std::ptr::eq(other, variant))
    };
    for (major, expected) in [
        (13, None),
        (14, Some(1)),
        (16, Some(1)),
        (17, Some(0)),
        (18, Some(0)),
        (19, None),
    ] {
        assert_eq!(
            chosen("postgresql.bgwriter", major, None),
            expected,
            "bgwriter {major}"
        );
    }
    for (extension, expected) in [
        (None, None),
        (Some("1.7"), None),
        (Some("1.8"), Some(2)),
        (Some("1.9"), Some(1)),
        (Some("1.10"), Some(1)),
        (Some("1.11"), Some(0)),
        (Some("1.12"), Some(0)),
        (Some("2.0"), Some(0)),
        (Some("strange"), None),
    ] {
        assert_eq!(
            chosen("postgresql.statements", 17, extension),
            expected,
            "statements {extension:?}"
        );
    }
}

/// The columns stand in the select list in their order: `... as name` for each.
fn names_in_order(stream: &Stream, sql: &str) -> bool {
    let mut rest = sql;
    stream.columns.iter().all(|column| {
        let name = format!(" as {}", column.name);
        let ends = |at: &usize| rest[at + name.len()..].starts_with([',', '\n']);
        let found = rest.match_indices(&name).map(|(at, _)| at).find(ends);
        found.is_some_and(|at| {
            rest = &rest[at + name.len()..];
            true
        })
    })
}

#[test]
fn every_statement_selects_the_columns_in_their_order() {
    let streams = postgresql().streams;
    for stream in streams.iter().filter(|stream| !stream.cadence.is_of_plans()) {
        for variant in &stream.sql {
            assert!(
                names_in_order(stream, &variant.text),
                "{}: {}",
                stream.name,
                variant.text
            );
        }
    }
}

#[test]
fn no_statement_changes_anything_or_takes_a_lock() {
    let words = [
        "insert", "update", "delete", "lock", "create", "alter", "drop", "truncate", "set", "for", "call",
        "do",
    ];
    for stream in &postgresql().streams {
        let texts = stream.texts.iter().map(|texts| &texts.sql);
        for sql in stream.sql.iter().map(|variant| &variant.text).chain(texts) {
            let bare = without_literals(sql);
            let found = bare
                .split(|c: char| !(c.is_alphanumeric() || c == '_'))
                .find(|word| words.contains(word));
            assert_eq!(found, None, "{}", stream.name);
        }
    }
}

#[test]
fn what_an_extension_has_is_named_with_its_schema() {
    for stream in &postgresql().streams {
        let Some(extension) = stream.extension() else {
            continue;
        };
        let texts = stream.texts.iter().map(|texts| &texts.sql);
        for sql in stream.sql.iter().map(|variant| &variant.text).chain(texts) {
            let named: Vec<_> = sql.match_indices(extension).collect();
            assert!(!named.is_empty(), "{}", stream.name);
            for (at, _) in named {
                assert!(
                    sql[..at].ends_with("@extension@."),
                    "{}: {}",
                    stream.name,
                    &sql[at..]
                );
            }
        }
    }
}

#[test]
fn texts_of_statements_are_cut_at_the_server() {
    let engine = postgresql();
    let activity = &engine.stream("postgresql.activity").unwrap().sql[0].text;
    let texts = engine.stream("postgresql.statements").unwrap().texts.as_ref();
    for sql in [activity, &texts.unwrap().sql] {
        assert!(sql.contains("left(s.query, 8192)::text as query_text"), "{sql}");
    }
}

/// Every second part of what stands between quotes is a literal.
fn without_literals(sql: &str) -> String {
    sql.split('\'')
        .step_by(2)
        .collect::<Vec<_>>()
        .join(" ")
        .to_lowercase()
}

#[test]
fn the_listing_tells_all() {
    let engine = postgresql();
    let lines = listing::list(&engine);
    assert_eq!(lines.len(), engine.streams.len());
    assert_eq!(
        lines.iter().map(|line| line.metrics.len()).sum::<usize>(),
        engine.metrics().count()
    );
    let bgwriter = lines
        .iter()
        .find(|line| line.stream == "postgresql.bgwriter")
        .unwrap();
    assert_eq!(
        (bgwriter.versions.as_str(), bgwriter.scope, bgwriter.cadence),
        ("14-18", "server", "collection")
    );
    let statements = listing::sheet(engine.stream("postgresql.statements").unwrap());
    assert_eq!(
        statements.requires,
        ["extension pg_stat_statements", "role pg_monitor"]
    );
    assert_eq!(statements.sql[0].extension_from.as_deref(), Some("1.11"));
    assert_eq!(statements.sql[0].params, ["exclude_databases"]);
    assert_eq!(statements.columns.last().unwrap().name, "query_text");
    assert_eq!(
        statements.event.unwrap().attributes[0].value.as_deref(),
        Some("postgresql")
    );
    let json = serde_json::to_value(listing::sheet(engine.stream("postgresql.tables").unwrap())).unwrap();
    assert_eq!(json["columns"][0]["type"], "text");
    let operations = json["metrics"]
        .as_array()
        .unwrap()
        .iter()
        .find(|m| m["name"] == "postgresql.operations")
        .unwrap();
    assert_eq!(
        operations["attributes"]["operation"],
        serde_json::json!(["del", "hot_upd", "ins", "upd"])
    );
    assert_eq!(operations["attributes"]["db.namespace"], serde_json::json!([]));
}

//! The embedded catalogue of MySQL and MariaDB against the published names.

#![allow(clippy::unwrap_used, clippy::print_stdout)]

use std::path::Path;

use ringwatch_catalogue::model::{Engine, Event};
use ringwatch_catalogue::{Catalogue, listing};

/// Where events tell the plan of a statement: records of their own do.
const IN_THE_PLANS_RECORD: [&str; 2] = ["mysql.query_plan", "mysql.query_plan.hash"];
/// What the Collector tells and we do not: which of its records a plan came with.
const NOT_TOLD: &str = "mysql.query_plan.source";

fn mysql() -> Engine {
    Catalogue::embedded().unwrap().engine("mysql").unwrap().clone()
}

/// The published attributes of an event; `None` where the table is not beside the checkout.
fn published(event: &str) -> Option<Vec<String>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/reference/events.csv");
    let Ok(text) = std::fs::read_to_string(path) else {
        println!("skipped: the published table is not beside the checkout");
        return None;
    };
    let cells = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
    let of_event = cells.filter(|cells| cells[0] == "mysql" && cells[1] == "v0.162.0" && cells[2] == event);
    Some(of_event.map(|cells| cells[4].to_owned()).collect())
}

fn has(event: &Event, attribute: &str) -> bool {
    event.constants.contains_key(attribute) || event.attributes.iter().any(|one| one.key == attribute)
}

#[test]
fn records_have_the_published_attributes() {
    let engine = mysql();
    for (stream, event, without) in [
        (
            "mysql.statements",
            "db.server.top_query",
            &IN_THE_PLANS_RECORD[..],
        ),
        ("mysql.plans", "db.server.query_plan", &[NOT_TOLD][..]),
    ] {
        let Some(published) = published(event) else {
            return;
        };
        assert!(published.len() > 3, "{published:?}");
        let stream = engine.stream(stream).unwrap();
        let event = stream.events().find(|one| one.name == event).unwrap();
        for attribute in published.iter().filter(|name| !without.contains(&name.as_str())) {
            assert!(has(event, attribute), "{}: {attribute}", event.name);
        }
    }
}

#[test]
fn the_statement_follows_version_and_product() {
    let engine = mysql();
    let stream = engine.stream("mysql.statements").unwrap();
    for (major, version, cpu, quantiles) in [
        (5, "5.7.44", false, false),
        (8, "8.0.27", false, true),
        (8, "8.0.28", true, true),
        (9, "9.7.0", true, true),
        (10, "10.11.6", false, false),
        (11, "11.4.2", false, false),
    ] {
        let sql = &stream.variant(major, Some(version)).unwrap().text;
        assert_eq!(sql.contains("SUM_CPU_TIME"), cpu, "{version}");
        assert_eq!(sql.contains("QUANTILE_99"), quantiles, "{version}");
    }
}

#[test]
fn every_statement_selects_the_columns_in_their_order() {
    let engine = mysql();
    let stream = engine.stream("mysql.statements").unwrap();
    for variant in &stream.sql {
        let ends = |line: &str| {
            line.trim_end_matches(',')
                .rsplit_once(" as ")
                .map(|(_, name)| name.to_owned())
        };
        let list = variant
            .text
            .lines()
            .take_while(|line| !line.trim().starts_with("from "));
        let names: Vec<_> = list.filter_map(ends).collect();
        let columns: Vec<_> = stream.columns.iter().map(|column| column.name.clone()).collect();
        assert_eq!(names, columns);
    }
}

#[test]
fn versions_are_told_by_product() {
    let lines = listing::list(&mysql());
    assert!(
        lines
            .iter()
            .all(|line| line.versions == "MySQL 5-9, MariaDB 10-12"),
        "{lines:?}"
    );
    let sheet = listing::sheet(mysql().stream("mysql.statements").unwrap());
    let versions: Vec<_> = sheet
        .sql
        .iter()
        .map(|statement| statement.versions.as_str())
        .collect();
    assert_eq!(versions, ["MariaDB 10-12", "MySQL 8-9", "MySQL 8-9", "MySQL 5-7"]);
}

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{ArrayRef, RecordBatch};
use prometheus::Registry;
use ringwatch_frame::{Books, Cell, ColumnType, Columns, StreamId, TargetId, is_attribute};
use ringwatch_parse::plan::PlanError;

use super::*;
use crate::testing::{assert_at_rest, frame_of};

const JSON: &str = r#"[{"Plan": {"Node Type": "Nested Loop", "Total Cost": 120.5, "Plan Rows": 3, "Plans": [
    {"Node Type": "Seq Scan", "Parent Relationship": "Outer", "Relation Name": "people", "Total Cost": 100.0,
     "Plan Rows": 3, "Filter": "(name = 'secret'::text)"},
    {"Node Type": "Index Scan", "Parent Relationship": "Inner", "Relation Name": "orders", "Index Name": "orders_pkey",
     "Total Cost": 8.0, "Plan Rows": 1, "Index Cond": "(id = 4711)"}]}}]"#;

fn extractor(json: &str) -> (PlanExtractor, Registry) {
    let registry = Registry::new();
    let metrics = PlanMetrics::new(&registry).unwrap();
    let settings: Settings = serde_json::from_str(json).unwrap();
    (
        PlanExtractor::new("plan_extractor", &settings, &metrics),
        registry,
    )
}

fn rows(plans: &[Option<&str>]) -> RecordBatch {
    let mut columns = Columns::new([
        ("query_plan", ColumnType::Text),
        ("execution_time", ColumnType::Double),
    ]);
    for (row, plan) in plans.iter().enumerate() {
        let time = if row == 0 { Cell::Double(7.5) } else { Cell::Null };
        columns
            .push(&[plan.map_or(Cell::Null, Cell::Text), time])
            .unwrap();
    }
    columns.finish().unwrap()
}

/// What becomes of `rows`.
fn through(extractor: &PlanExtractor, rows: RecordBatch) -> RecordBatch {
    let books = Arc::new(Books::default());
    let mut out = Vec::new();
    let frame = frame_of(&books, rows, &Arc::default());
    extractor.processor().process(frame.into(), &mut out);
    let rows = out[0].frames()[0].batch().clone();
    out.into_iter().for_each(Batch::deliver);
    assert_at_rest(&books);
    rows
}

fn text(rows: &RecordBatch, column: &str, row: usize) -> Option<String> {
    let column = rows.column_by_name(column).unwrap().as_dictionary::<Int32Type>();
    let key = usize::try_from(column.keys().iter().nth(row)??).unwrap();
    Some(column.values().as_string::<i32>().value(key).to_owned())
}

#[test]
fn a_plan_becomes_attributes_and_loses_its_literals() {
    let (extractor, _) = extractor("{}");
    let rows = through(&extractor, rows(&[Some(JSON), None, Some(JSON)]));
    for row in [0, 2] {
        let plan = text(&rows, "query_plan", row).unwrap();
        assert!(!plan.contains("secret") && !plan.contains("4711"), "{plan}");
        assert!(plan.contains("orders_pkey"), "{plan}");
        assert_eq!(text(&rows, "plan_fingerprint", row).unwrap().len(), 16);
    }
    let cost = rows
        .column_by_name("total_cost")
        .unwrap()
        .as_primitive::<Float64Type>();
    assert_eq!(cost.iter().collect::<Vec<_>>(), [Some(120.5), None, Some(120.5)]);
    let count = |name| {
        let column = rows.column_by_name(name).unwrap().as_primitive::<Int64Type>();
        column.iter().collect::<Vec<_>>()
    };
    assert_eq!(count("index_scan_count"), [Some(1), None, Some(1)]);
    assert_eq!(count("table_access_count"), [Some(2), None, Some(2)]);
    for flag in ["has_sequential_scan", "has_nested_loop"] {
        let column = rows.column_by_name(flag).unwrap().as_boolean();
        assert_eq!(column.iter().collect::<Vec<_>>(), [Some(true), None, Some(true)]);
        assert!(is_attribute(rows.schema_ref().field_with_name(flag).unwrap()));
    }
    let time = rows
        .column_by_name("execution_time")
        .unwrap()
        .as_primitive::<Float64Type>();
    assert_eq!(
        time.iter().collect::<Vec<_>>(),
        [Some(7.5), None, None],
        "the column was there"
    );
}

#[test]
fn what_cannot_be_read_is_taken_out_and_counted() {
    let (extractor, registry) = extractor(r#"{"max_plan_size_kb": 1}"#);
    let long = format!("{JSON}{}", " ".repeat(2000));
    let texts = ["my password is hunter2", &long, "{\"Plan\": {\"Node Type\": 7"];
    let rows = through(&extractor, rows(&texts.map(Some)));
    for (row, given) in texts.iter().enumerate() {
        let plan = text(&rows, "query_plan", row);
        assert!(plan.as_deref() != Some(*given) && plan.is_none_or(|plan| !plan.contains("hunter2")));
    }
    let rejected = registry
        .gather()
        .into_iter()
        .find(|family| family.name() == "plan_rejected_total")
        .unwrap();
    let reasons: Vec<_> = rejected
        .get_metric()
        .iter()
        .flat_map(|metric| metric.get_label().iter().filter(|label| label.name() == "reason"))
        .map(|label| label.value().to_owned())
        .collect();
    assert!(
        reasons.contains(&"too_large".to_owned()) && reasons.contains(&"not_a_plan".to_owned()),
        "{reasons:?}"
    );
}

#[test]
fn what_was_not_read_in_time_is_read_again() {
    let (extractor, _) = extractor(r#"{"plan_timeout": "0s"}"#);
    for times in 1..=3 {
        let rows = through(&extractor, rows(&[Some(JSON), None]));
        assert_eq!(text(&rows, "query_plan", 0), None);
        let status = extractor.status();
        assert_eq!((status.rejected, status.cached), (times, 0));
    }
}

#[test]
fn a_reader_that_panics_refuses_the_plan() {
    let (extractor, registry) = extractor("{}");
    let inner = &extractor.extractor;
    let known = inner.learn(7, |_| panic!("a fault of ours"));
    assert_eq!((known.refused, &known.plan), (Some(PlanError::NotAPlan), &None));
    assert_eq!((inner.status("x").rejected, inner.status("x").cached), (1, 1));
    let families = registry.gather();
    let rejected = families
        .iter()
        .find(|family| family.name() == "plan_rejected_total");
    let labels = rejected.unwrap().get_metric()[0].get_label();
    assert!(labels.iter().any(|label| label.value() == "panic"));
    let rows = through(&extractor, rows(&[Some(JSON)]));
    assert!(text(&rows, "query_plan", 0).is_some(), "others are read");
}

#[test]
fn each_text_is_read_once_by_all_pipelines() {
    let (extractor, _) = extractor("{}");
    let other = JSON.replace("120.5", "99");
    through(&extractor, rows(&[Some(JSON), Some(&other), Some(JSON)]));
    let first = extractor.status();
    assert_eq!((first.cached, first.hit_rate), (2, 0.0));
    through(&extractor, rows(&[Some(&other)]));
    through(&extractor, rows(&[Some(JSON)]));
    let status = extractor.status();
    assert_eq!((status.cached, status.hit_rate, status.rejected), (2, 0.5, 0));
    assert!(status.cached_bytes > JSON.len() as u64);
}

/// The dictionary of the plans, as an object.
fn dictionary(rows: &RecordBatch) -> ArrayRef {
    let column = rows.column_by_name("query_plan").unwrap();
    Arc::clone(column.as_dictionary::<Int32Type>().values())
}

#[test]
fn texts_are_those_of_the_frame_before_where_all_are_there() {
    let (extractor, registry) = extractor("{}");
    let plans = ["1", "2", "3", "4"].map(|cost| JSON.replace("120.5", cost));
    let [a, b, c, d] = plans.each_ref().map(|plan| Some(plan.as_str()));
    let junk = Some("my password is hunter2");
    let costs = |rows: &RecordBatch| {
        let costs = rows.column_by_name("total_cost").unwrap();
        costs.as_primitive::<Float64Type>().iter().collect::<Vec<_>>()
    };
    let first = through(&extractor, rows(&[a, b, junk, c]));
    assert_eq!(costs(&first), [Some(1.0), Some(2.0), None, Some(3.0)]);
    let same = through(&extractor, rows(&[junk, c, None, a, c]));
    assert!(Arc::ptr_eq(&dictionary(&first), &dictionary(&same)));
    assert_eq!(costs(&same), [None, Some(3.0), None, Some(1.0), Some(3.0)]);
    for (row, cost) in [(1, "3"), (3, "1"), (4, "3")] {
        let plan = text(&same, "query_plan", row).unwrap();
        assert!(plan.contains(&format!("\"Total Cost\":{cost},")), "{plan}");
        assert_eq!(
            text(&same, "plan_fingerprint", row),
            text(&first, "plan_fingerprint", 0)
        );
        assert_eq!(
            text(&same, "plan_insights", row),
            text(&first, "plan_insights", 0)
        );
    }
    assert_eq!(
        text(&same, "query_plan", 0),
        None,
        "what cannot be read stays out"
    );
    // One that was not there, and too few of those that were.
    let other = through(&extractor, rows(&[a, d, b, c]));
    assert_eq!(costs(&other), [Some(1.0), Some(4.0), Some(2.0), Some(3.0)]);
    let few = through(&extractor, rows(&[d]));
    assert_eq!((costs(&few), dictionary(&few).len()), (vec![Some(4.0)], 1));
    let read = registry
        .gather()
        .into_iter()
        .find(|family| family.name() == "plan_parser_seconds");
    let read = read.unwrap().get_metric()[0].get_histogram().get_sample_count();
    assert_eq!(read, 5, "each text was read once");
}

#[test]
fn frames_of_other_targets_have_their_own_texts() {
    let id = |target: &str, stream: &str| {
        let books = Arc::new(Books::default());
        let frame = frame_of(&books, rows(&[Some(JSON)]), &Arc::default());
        let mut id = frame.id().clone();
        frame.deliver();
        id.target = TargetId::new("postgresql", target);
        id.stream = StreamId::of_server(stream);
        stream_of(&id)
    };
    assert_eq!(id("a:1", "s"), id("a:1", "s"));
    assert!(id("a:1", "s") != id("b:1", "s") && id("a:1", "s") != id("a:1", "t"));
}

#[test]
fn memory_is_bounded_by_bytes() {
    let (extractor, _) = extractor(r#"{"plan_cache_mb": 1}"#);
    for at in 0..3_000 {
        let plan = JSON.replace("120.5", &format!("{at}"));
        through(&extractor, rows(&[Some(&plan)]));
    }
    let status = extractor.status();
    assert!(
        status.cached_bytes <= 1 << 20 && status.cached > 500,
        "{status:?}"
    );
}

#[test]
fn only_what_is_asked_for_is_set_and_other_columns_are_looked_into() {
    let (extractor, _) = extractor(r#"{"derived_attributes": ["total_cost"], "plan_columns": ["my_plan"]}"#);
    let same = through(&extractor, rows(&[Some(JSON)]));
    assert_eq!(same.num_columns(), 2, "`query_plan` is not asked for");
    let mut columns = Columns::new([("my_plan", ColumnType::Text)]);
    columns.push(&[Cell::Text(JSON)]).unwrap();
    let rows = through(&extractor, columns.finish().unwrap());
    let names: Vec<_> = rows
        .schema()
        .fields()
        .iter()
        .map(|field| field.name().clone())
        .collect();
    assert_eq!(names, ["my_plan", "total_cost"]);
}

#[test]
fn the_defaults_are_those_of_the_analysis() {
    let yaml: Settings = serde_json::from_str("{}").unwrap();
    assert_eq!(
        extract::thresholds(&yaml.insights),
        ringwatch_parse::plan::Thresholds::default()
    );
}

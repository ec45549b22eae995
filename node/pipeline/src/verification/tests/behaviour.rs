use std::time::Duration;

use ringwatch_config::settings::AnomalyTag;
use tokio::time::Instant;

use super::super::{Check, Verdict};
use super::*;

/// Statements of two databases, of which one may take longer.
fn statements(slow: f64) -> RecordBatch {
    let columns = [
        ("datname", ColumnType::Text),
        ("queryid", ColumnType::Int),
        ("calls", ColumnType::Int),
        ("total_exec_time", ColumnType::Double),
        ("mean_exec_time", ColumnType::Double),
    ];
    let row = |database, mean: f64| {
        [
            Cell::Text(database),
            Cell::Int(7),
            Cell::Int(100),
            Cell::Double(100.0 * mean),
            Cell::Double(20.0),
        ]
    };
    let cells = [row("a", 20.0), row("b", slow)];
    let cells: Vec<&[Cell<'_>]> = cells.iter().map(|row| &row[..]).collect();
    rows(&columns, &cells)
}

fn world(tag: AnomalyTag) -> World {
    let mut settings = Settings::default();
    settings.anomaly_detection.tag = tag;
    settings.auto_tuning.enabled = true;
    World::new(&settings)
}

/// Passes readings from one number up to another; the last.
fn pass(world: &mut World, readings: std::ops::Range<i64>, slow: f64) -> RecordBatch {
    let pass = |reading| world.pass("postgresql.statements", reading * 30, statements(slow));
    readings.map(pass).last().unwrap()
}

#[test]
fn a_statement_that_is_slower_is_one_finding_and_its_rows_are_tagged_until_it_ends() {
    let mut world = world(AnomalyTag::Score);
    let calm = pass(&mut world, 0..60, 20.0);
    assert!(calm.column_by_name("verification.anomaly").is_none());
    let slow = pass(&mut world, 60..70, 100.0);
    let flags = slow.column_by_name("verification.anomaly").unwrap();
    assert_eq!((flags.is_null(0), flags.is_null(1)), (true, false));
    assert!(slow.column_by_name("verification.anomaly_score").is_some());
    let findings = world.control.findings(9);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert_eq!((findings[0].check, findings[0].ended), (Check::Anomaly, None));
    let message = &findings[0].message;
    assert!(
        message.starts_with("a call takes 100.0 ms, where 20.") && message.ends_with(" ms are usual"),
        "{message}"
    );
    assert!(
        findings[0].subject.starts_with("mean_exec_time of 7 ("),
        "{}",
        findings[0].subject
    );
    assert_eq!(world.control.status().anomalies, 1);
    assert_eq!(
        findings[0].last,
        Tick::from_unix_nanos((START + 69 * 30) * SECOND)
    );
    assert!(
        findings[0].at < findings[0].last && findings[0].rows > 1,
        "{findings:?}"
    );
    let over = pass(&mut world, 70..80, 20.0);
    assert_eq!(over.schema(), calm.schema());
    assert!(world.control.findings(9)[0].ended.is_some());
    let status = world.control.status();
    assert_eq!((status.anomalies, status.series), (0, 2));
    assert_eq!(
        world.metric("verification_anomalies_total", &[("measure", "mean_exec_time")]),
        1.0
    );
    assert_eq!(
        world.metric("verification_findings_total", &[("check", "anomaly")]),
        1.0
    );
}

#[test]
fn a_wrong_anomaly_needs_more_evidence_the_next_time() {
    let begins_after = |verdicts: usize| {
        let mut world = world(AnomalyTag::Flag);
        pass(&mut world, 0..60, 20.0);
        pass(&mut world, 60..66, 60.0);
        let id = world.control.findings(1)[0].id;
        (0..verdicts).for_each(|_| drop(world.control.feedback(id, Verdict::Wrong, "tester").unwrap()));
        pass(&mut world, 66..100, 20.0);
        (100..130).find(|reading| {
            pass(&mut world, *reading..reading + 1, 60.0);
            world.control.findings(9).len() > 1
        })
    };
    let (at_once, later) = (begins_after(0).unwrap(), begins_after(1).unwrap());
    assert!(later > at_once + 1, "{at_once} {later}");
    let repeated = begins_after(3).unwrap();
    assert_eq!(later, repeated, "the same of one finding counts once");
}

#[test]
fn the_reference_s_settings_are_quick_to_say_that_they_are_well() {
    let mut world = world(AnomalyTag::None);
    pass(&mut world, 0..60, 20.0);
    let slow = pass(&mut world, 60..70, 100.0);
    assert!(slow.column_by_name("verification.anomaly").is_none());
    let status = world.control.status();
    assert!(status.is_healthy(), "{status:?}");
    assert_eq!((status.name.as_str(), status.findings), ("verification", 1));
    assert!(world.processor.is_heavy());
}

#[tokio::test(start_paused = true)]
async fn thresholds_are_learnt_shown_and_remembered() {
    let mut world = world(AnomalyTag::Flag);
    pass(&mut world, 0..130, 20.0);
    let labels = [("stream", "postgresql.statements"), ("measure", "mean_exec_time")];
    assert_eq!(world.metric("verification_anomaly_threshold", &labels), 11.0);
    assert!(world.metric("verification_threshold_changes_total", &[]) >= 1.0);
    let at = world.processor.deadline().unwrap();
    tokio::time::advance(at - Instant::now() + Duration::from_secs(1)).await;
    world.processor.on_deadline(Instant::now(), &mut Vec::new());
    let state = world.verification.shared.state_for_tests();
    let learnt = &state.thresholds["metrics"];
    assert_eq!(
        learnt
            .get("postgresql.statements")
            .map(|thresholds| thresholds[0]),
        Some(11.0)
    );
}

#[test]
fn what_a_query_of_one_s_own_shows_since_the_start_is_judged_by_differences() {
    let (mut world, mut total) = (world(AnomalyTag::Flag), 0.0);
    let columns = [
        ("query_id", ColumnType::Int),
        ("calls", ColumnType::Int),
        ("total_exec_time", ColumnType::Double),
        ("mean_exec_time", ColumnType::Double),
    ];
    let mut begun = None;
    for reading in 1..200 {
        let is_slow = reading >= 190;
        total += if is_slow { 10_000.0 } else { 2000.0 };
        let calls = reading * 100;
        let row = [
            Cell::Int(7),
            Cell::Int(calls),
            Cell::Double(total),
            Cell::Double(total / calls as f64),
        ];
        let (books, rows) = (&world.books, rows(&columns, &[&row]));
        let frame = frame_of("sqlquery/own", books, "sqlquery/own.0", reading * 30, rows);
        let mut out = Vec::new();
        world.processor.process(Batch::from(frame), &mut out);
        out.into_iter().for_each(Batch::deliver);
        if !world.control.findings(9).is_empty() {
            begun.get_or_insert(reading);
        }
    }
    assert!(
        begun.is_some_and(|reading| (190..197).contains(&reading)),
        "{begun:?}"
    );
    assert_eq!(world.control.findings(9).len(), 1, "growing counts are usual");
}

//! The detector on a recorded hour of a real server: how often it is wrong while nothing is.
//!
//! `RINGWATCH_CALM_CSV` names the record: a line for each statement of each reading, with the columns `tick_ns`,
//! `statement`, `calls` and `seconds`, both counted since the reading before.
#![expect(clippy::unwrap_used, reason = "a test may stop")]
#![expect(clippy::print_stdout, reason = "a measurement reports")]

use std::collections::BTreeMap;
use std::sync::Arc;

use prometheus::Registry;
use ringwatch_config::settings::Verification as Settings;
use ringwatch_frame::{
    Batch, Books, Cell, Clock, ColumnType, Columns, Epoch, Frame, FrameId, FrameMeta, StreamId, TargetId,
    Tick,
};
use ringwatch_pipeline::verification::{Check, Finding};
use ringwatch_pipeline::{Processor, Verification, VerificationMetrics};

/// Statement, calls, seconds.
type Row = (i64, i64, f64);

fn readings() -> Option<BTreeMap<i64, Vec<Row>>> {
    let path = std::env::var_os("RINGWATCH_CALM_CSV")?;
    let text = std::fs::read_to_string(path).unwrap();
    let mut readings: BTreeMap<i64, Vec<Row>> = BTreeMap::new();
    for line in text.lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let row = (
            cells[1].parse().unwrap(),
            cells[2].parse().unwrap(),
            cells[3].parse().unwrap(),
        );
        readings.entry(cells[0].parse().unwrap()).or_default().push(row);
    }
    Some(readings)
}

/// The anomalies in the record, where each call takes `scale` times as long, and from a reading on those of some
/// statements by `slower` again.
fn anomalies(
    readings: &BTreeMap<i64, Vec<Row>>,
    settings: &Settings,
    scale: f64,
    slower: impl Fn(usize, i64) -> f64,
) -> Vec<Finding> {
    let metrics = VerificationMetrics::new(&Registry::new()).unwrap();
    let clock = Clock::simulated(Tick::from_unix_nanos(0));
    let nowhere = Arc::new(|_: &str, _: &str, _: ringwatch_frame::Place<'_>| None);
    let new = Verification::new("verification", settings, nowhere, &metrics, &clock, (None, None));
    let verification = new.unwrap();
    let mut processor = verification.processor("metrics");
    let books = Arc::new(Books::default());
    for (number, (tick, rows)) in readings.iter().enumerate() {
        let mut columns = Columns::new([
            ("queryid", ColumnType::Int),
            ("calls", ColumnType::Int),
            ("total_exec_time", ColumnType::Double),
        ]);
        for (statement, calls, seconds) in rows {
            let total = seconds * 1000.0 * scale * slower(number, *statement);
            columns
                .push(&[Cell::Int(*statement), Cell::Int(*calls), Cell::Double(total)])
                .unwrap();
        }
        let meta = FrameMeta {
            id: FrameId {
                target: TargetId::new("postgresql", "db:5432"),
                stream: StreamId::of_server("postgresql.statements"),
                tick: Tick::from_unix_nanos(*tick),
                epoch: Epoch(0),
            },
            source: "postgresql".into(),
            resource: Arc::default(),
        };
        let frame = Frame::collected(&books, meta, columns.finish().unwrap());
        let mut out = Vec::new();
        processor.process(Batch::from(frame), &mut out);
        out.into_iter().for_each(Batch::deliver);
    }
    let mut findings = verification.control().findings(usize::MAX);
    findings.retain(|finding| finding.check == Check::Anomaly);
    findings.reverse();
    findings
}

fn tell(what: &str, findings: &[Finding], first: i64) {
    println!("{what}: {} alarms", findings.len());
    for finding in findings {
        let minutes = (finding.at.unix_nanos() - first) / 60_000_000_000;
        println!(
            "  minute {minutes}: {}: {} (score {:.1}, {} readings)",
            finding.subject, finding.message, finding.score, finding.rows
        );
    }
}

/// At most one false alarm in the hour by the defaults. What the hour would say of calls that take long enough to be
/// compared, and of what is planted in it, is shown.
#[test]
fn a_calm_hour_of_a_real_server_raises_no_alarm() {
    let Some(readings) = readings() else {
        println!("not measured: RINGWATCH_CALM_CSV names no record");
        return;
    };
    let (first, calm) = (*readings.keys().next().unwrap(), |_: usize, _: i64| 1.0);
    let by_default = Settings::default();
    let as_it_was = anomalies(&readings, &by_default, 1.0, calm);
    tell("as it was", &as_it_was, first);
    let mut tuned = Settings::default();
    tuned.auto_tuning.enabled = true;
    tuned.auto_tuning.learning_window = ringwatch_config::Duration::from_secs(600);
    tell(
        "as it was, auto-tuned every 10 minutes",
        &anomalies(&readings, &tuned, 1.0, calm),
        first,
    );
    let larger = anomalies(&readings, &by_default, 100.0, calm);
    tell("each call 100 times as long", &larger, first);
    let mut often: Vec<i64> = readings
        .values()
        .flatten()
        .filter(|row| row.1 > 100)
        .map(|row| row.0)
        .collect();
    often.sort_unstable();
    often.dedup();
    for ratio in [1.75, 2.0, 3.0, 5.0] {
        let (mut found, mut delays) = (0, Vec::new());
        for statement in &often {
            let slower = |number: usize, of: i64| {
                if number >= 240 && of == *statement {
                    ratio
                } else {
                    1.0
                }
            };
            let name = format!("mean_exec_time of {statement} ");
            let all = anomalies(&readings, &by_default, 1000.0, slower);
            let begun = all.iter().find(|finding| {
                finding.subject.starts_with(&name) && finding.at.unix_nanos() - first >= 2_400_000_000_000
            });
            if let Some(begun) = begun {
                found += 1;
                delays.push((begun.at.unix_nanos() - first) / 10_000_000_000 - 239);
            }
        }
        println!(
            "{ratio} times as slow from minute 40 on: {found} of {} found, at readings {delays:?}",
            often.len()
        );
    }
    assert!(as_it_was.len() <= 1);
}

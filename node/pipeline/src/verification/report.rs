//! From what the checks found to findings, and what is done about it.

use std::sync::Arc;

use arrow_array::RecordBatch;
use ringwatch_frame::FrameId;

use super::anomaly::{self, Event, EventKind, Judged, Measure};
use super::columns::{Numbers, Texts};
use super::core::{Core, Subject};
use super::finding::Check;
use super::findings::{Draft, key_of};
use super::healing::Fix;
use super::quality::Fault;

impl Core {
    /// Notes a finding; whether it is new.
    pub(super) fn note(&mut self, id: &FrameId, check: Check, draft: Draft) -> bool {
        let key = draft.key.unwrap_or_else(|| key_of(id, check, &draft.subject));
        if self.learnt.is_muted(key, id.tick.unix_nanos()) {
            return false;
        }
        let is_new = self.shared.findings().note(id, check, draft);
        if is_new {
            self.series.finding(check);
        }
        is_new
    }

    /// Notes faults but those that somebody said are none; gives those that count.
    pub(super) fn report_faults(&mut self, subject: &Subject<'_>, faults: &[Fault]) -> Vec<Fault> {
        let mut counted = Vec::new();
        for fault in faults {
            if self
                .learnt
                .is_muted(key_of(subject.id, fault.check, &fault.subject), subject.tick)
            {
                continue;
            }
            self.series.faulty_rows(fault.check, fault.rows);
            let draft = Draft {
                subject: fault.subject.clone(),
                message: fault.what.clone(),
                rows: fault.rows,
                ..Draft::default()
            };
            if self.note(subject.id, fault.check, draft) && fault.check != Check::Rule {
                self.tell(subject.id, fault);
            }
            counted.push(fault.clone());
        }
        counted
    }

    fn tell(&self, id: &FrameId, fault: &Fault) {
        if let Some(rows) = self.log.pass(fault.rows) {
            tracing::warn!(processor = %self.name, target_id = %id.target, stream = %id.stream, check = %fault.check,
                what = fault.what, rows, "rows are not as they should be");
        }
    }

    /// Values that were hidden, in texts that were not known before.
    pub(super) fn report_pii(&mut self, subject: &Subject<'_>, told: &[(String, usize, Arc<str>)]) {
        for (class, at, value) in told {
            let column = subject.shape.name(*at);
            // The name of the value tells it from others of its class, and nobody what it is.
            let draft = Draft {
                subject: format!("{value} in {column}"),
                message: format!("`{column}` held what looks like `{class}`"),
                rows: 1,
                value: Some(value.to_string()),
                ..Draft::default()
            };
            self.note(subject.id, Check::Pii, draft);
        }
    }

    pub(super) fn report_unscanned(&mut self, subject: &Subject<'_>, texts: u64) {
        if texts == 0 {
            return;
        }
        self.series.unscanned.inc_by(texts);
        self.series.faulty_rows(Check::Unscanned, texts);
        let draft = Draft {
            subject: "texts".to_owned(),
            message: "texts were too long to be scanned and were hidden: see `max_text_kb`".to_owned(),
            rows: texts,
            ..Draft::default()
        };
        self.note(subject.id, Check::Unscanned, draft);
    }

    pub(super) fn report_folded(&mut self, subject: &Subject<'_>, at: usize, rows: u64) {
        let column = subject.shape.name(at);
        let draft = Draft {
            subject: column.to_owned(),
            message: format!("`{column}` had more values than it may have: further ones became `other`"),
            rows,
            ..Draft::default()
        };
        self.series.faulty_rows(Check::Cardinality, rows);
        if self.note(subject.id, Check::Cardinality, draft) {
            self.series.fix(Fix::Fold);
        }
    }

    /// Anomalies that began and ended.
    pub(super) fn report_anomalies(&mut self, rows: &RecordBatch, subject: &Subject<'_>, judged: &Judged) {
        if !judged.lasting.is_empty() {
            let mut findings = self.shared.findings();
            for key in &judged.lasting {
                findings.go_on(*key, subject.id.tick);
            }
        }
        for event in &judged.events {
            let key = anomaly::key_of(event.series, event.measure);
            match event.kind {
                EventKind::Began { score, usual } => {
                    self.series.anomaly(event.measure);
                    let name = statement(rows, subject, event);
                    let draft = Draft {
                        message: message(event.measure, event.value, usual),
                        subject: format!("{} of {name}", event.measure.as_str()),
                        rows: 1,
                        score: score.into(),
                        key: Some(key),
                        series: Some(event.series),
                        ..Draft::default()
                    };
                    self.note(subject.id, Check::Anomaly, draft);
                }
                EventKind::Ended { is_new_usual } => {
                    self.shared.findings().end(key, subject.id.tick);
                    tracing::debug!(processor = %self.name, target_id = %subject.id.target, is_new_usual,
                        series = event.series, "an anomaly ended");
                }
            }
        }
    }
}

fn message(measure: Measure, value: f64, usual: f64) -> String {
    match measure {
        Measure::MeanTime => format!("a call takes {value:.1} ms, where {usual:.1} ms are usual"),
        Measure::Calls => format!("there are {value:.2} calls a second, where {usual:.2} are usual"),
    }
}

/// The longest identifier that findings show: a hash of 256 bits in hexadecimal.
const LONGEST_NAME: usize = 64;

/// What a statement is called: its identifier, and a hash of its database and role, whose names may be
/// somebody's. What is too long for an identifier, or has other characters, may be anything and is not shown.
fn statement(rows: &RecordBatch, subject: &Subject<'_>, event: &Event) -> String {
    let identity = subject
        .shape
        .series
        .as_ref()
        .and_then(|series| series.identity.first());
    let column = identity.and_then(|at| rows.columns().get(*at));
    let text = |column| {
        Texts::of(column)
            .and_then(|texts| texts.get(event.row))
            .filter(|text| text.len() <= LONGEST_NAME && text.bytes().all(is_of_name))
            .map(str::to_owned)
    };
    let number = |column| match Numbers::of(column)? {
        Numbers::Int(array) if event.row < array.len() => Some(array.value(event.row).to_string()),
        _ => None,
    };
    let name = column.and_then(|column| text(column).or_else(|| number(column)));
    format!("{} ({:08x})", name.as_deref().unwrap_or("?"), event.series >> 32)
}

fn is_of_name(byte: u8) -> bool {
    byte.is_ascii_hexdigit() || byte == b'-'
}

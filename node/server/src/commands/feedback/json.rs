//! Answers as JSON: the fields of the wire under their own names.

use ringwatch_proto::v1;
use serde::Serialize;

use crate::commands::text::time;

/// `GetVerificationResponse`.
#[derive(Serialize)]
pub(super) struct Statuses<'a> {
    processors: Vec<Processor<'a>>,
}

#[derive(Serialize)]
struct Processor<'a> {
    name: &'a str,
    faults: &'a [String],
    quality_score: Option<f64>,
    quality_stream: &'a str,
    findings: u64,
    anomalies: u64,
    series: u64,
    fixes: u64,
    fixes_limit: u64,
    slowest_ms: f64,
    allowed_values: u64,
    muted_checks: u64,
    raised_series: u64,
}

/// `ListFindingsResponse`.
#[derive(Serialize)]
pub(super) struct Findings<'a> {
    findings: Vec<Finding<'a>>,
    silent: &'a [String],
}

/// `GiveFeedbackResponse`.
#[derive(Serialize)]
pub(super) struct Feedback<'a> {
    finding: Option<Finding<'a>>,
}

#[derive(Serialize)]
struct Finding<'a> {
    id: &'a str,
    processor: &'a str,
    node_id: &'a str,
    check: &'a str,
    subject: &'a str,
    message: &'a str,
    target_id: &'a str,
    stream: &'a str,
    since: Option<String>,
    last: Option<String>,
    ended: Option<String>,
    rows: u64,
    score: f64,
    verdict: &'a str,
}

pub(super) fn status(answer: &v1::GetVerificationResponse) -> Statuses<'_> {
    Statuses {
        processors: answer.processors.iter().map(processor).collect(),
    }
}

fn processor(one: &v1::VerificationStatus) -> Processor<'_> {
    Processor {
        name: &one.name,
        faults: &one.faults,
        quality_score: one.quality_score,
        quality_stream: &one.quality_stream,
        findings: one.findings,
        anomalies: one.anomalies,
        series: one.series,
        fixes: one.fixes,
        fixes_limit: one.fixes_limit,
        slowest_ms: one.slowest_ms,
        allowed_values: one.allowed_values,
        muted_checks: one.muted_checks,
        raised_series: one.raised_series,
    }
}

pub(super) fn findings(answer: &v1::ListFindingsResponse) -> Findings<'_> {
    Findings {
        findings: answer.findings.iter().map(finding).collect(),
        silent: &answer.silent,
    }
}

pub(super) fn feedback(answer: &v1::GiveFeedbackResponse) -> Feedback<'_> {
    Feedback {
        finding: answer.finding.as_ref().map(finding),
    }
}

fn finding(finding: &v1::VerificationFinding) -> Finding<'_> {
    Finding {
        id: &finding.id,
        processor: &finding.processor,
        node_id: &finding.node_id,
        check: &finding.check,
        subject: &finding.subject,
        message: &finding.message,
        target_id: &finding.target_id,
        stream: &finding.stream,
        since: finding.since.as_ref().and_then(time),
        last: finding.last.as_ref().and_then(time),
        ended: finding.ended.as_ref().and_then(time),
        rows: finding.rows,
        score: finding.score,
        verdict: &finding.verdict,
    }
}

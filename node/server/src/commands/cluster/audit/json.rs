//! The account as JSON. Every field is always there.

use std::collections::BTreeMap;

use ringwatch_frame::Tick;
use serde::Serialize;

use super::account::Totals;
use super::findings::Finding;
use super::{Asked, Report};
use crate::telemetry::rfc3339;

/// What was found out.
#[derive(Serialize)]
pub(super) struct Audit<'a> {
    from: String,
    to: String,
    balanced: bool,
    totals: Counts<'a>,
    nodes: Vec<NodeBook<'a>>,
    targets: Vec<TargetBook<'a>>,
    /// What does not balance, the first thousand places.
    findings: Vec<Found<'a>>,
}

#[derive(Serialize)]
struct Found<'a> {
    target_id: &'a str,
    stream: &'a str,
    database: &'a str,
    what: &'static str,
    tick: String,
    count: u64,
}

#[derive(Serialize)]
struct Counts<'a> {
    due: u64,
    collected: u64,
    covered: u64,
    missed: &'a BTreeMap<String, u64>,
    unknown: u64,
    delivered: u64,
    dropped: &'a BTreeMap<String, u64>,
    in_flight: u64,
    elsewhere: u64,
    double: u64,
}

#[derive(Serialize)]
struct NodeBook<'a> {
    node_id: &'a str,
    since: Option<String>,
    error: Option<&'a str>,
}

#[derive(Serialize)]
struct TargetBook<'a> {
    target_id: &'a str,
    balanced: bool,
    #[serde(flatten)]
    counts: Counts<'a>,
}

pub(super) fn report(report: &Report) -> Audit<'_> {
    let targets = report.account.targets.iter().map(|(target, totals)| TargetBook {
        target_id: target,
        balanced: totals.balance(),
        counts: counts(totals),
    });
    Audit {
        from: time(report.from),
        to: time(report.to),
        balanced: report.account.totals.balance(),
        totals: counts(&report.account.totals),
        nodes: report.nodes.iter().map(node).collect(),
        targets: targets.collect(),
        findings: report.account.findings.iter().map(found).collect(),
    }
}

fn found(finding: &Finding) -> Found<'_> {
    Found {
        target_id: &finding.target,
        stream: &finding.stream,
        database: &finding.database,
        what: finding.what.as_str(),
        tick: time(finding.tick),
        count: finding.count,
    }
}

fn time(nanos: i64) -> String {
    rfc3339(Tick::from_unix_nanos(nanos))
}

fn node(asked: &Asked) -> NodeBook<'_> {
    NodeBook {
        node_id: &asked.node,
        since: asked.since.as_ref().ok().map(|since| time(*since)),
        error: asked.since.as_ref().err().map(String::as_str),
    }
}

fn counts(totals: &Totals) -> Counts<'_> {
    Counts {
        due: totals.due,
        collected: totals.collected,
        covered: totals.covered,
        missed: &totals.missed,
        unknown: totals.unknown,
        delivered: totals.delivered,
        dropped: &totals.dropped,
        in_flight: totals.in_flight,
        elsewhere: totals.elsewhere,
        double: totals.double,
    }
}

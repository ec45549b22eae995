//! What the receiver got, in short: for the demo and for `ringwatch-sink`.

use serde::Serialize;

use super::Ledger;

/// The books in short.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Status {
    /// Points that came.
    pub points: u64,
    /// Log records that came.
    pub records: u64,
    /// Points and records that came twice.
    pub doubles: u64,
    /// Points and records that say of a tick something else than what came first.
    pub conflicts: u64,
    /// Consecutive points that were not one interval apart.
    pub gaps: u64,
    /// Series seen.
    pub series: usize,
    /// Each target with the time of its newest point or record, in nanoseconds since 1970.
    pub targets: std::collections::BTreeMap<String, u64>,
    /// The statements that used most time.
    pub top_statements: Vec<TopStatement>,
}

/// A statement.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TopStatement {
    /// Where it ran.
    pub target: String,
    /// Its id at the server.
    pub query_id: String,
    /// How often it ran since the first reading.
    pub calls: i64,
    /// How long, in seconds.
    pub seconds: f64,
    /// Its text.
    pub text: String,
}

impl Status {
    /// The books in short, with the first `statements` statements.
    pub fn of(ledger: &Ledger, statements: usize) -> Self {
        let top = ledger
            .top_statements(statements)
            .into_iter()
            .map(|((target, query_id), sum)| TopStatement {
                target: target.clone(),
                query_id: query_id.clone(),
                calls: sum.calls,
                seconds: sum.seconds,
                text: sum.text.clone(),
            });
        Self {
            points: ledger.points,
            records: ledger.records,
            doubles: ledger.doubles(),
            conflicts: ledger.conflicts(),
            gaps: ledger.gap_count(),
            series: ledger.series.len(),
            targets: ledger.targets.clone(),
            top_statements: top.collect(),
        }
    }
}

//! The node's books, and whether the receiver got what they say.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::node::{Metrics, Node};
use crate::sink::Sink;
use crate::wait;

/// The books of a node, from its `/metrics`.
#[derive(Clone, Debug, PartialEq)]
pub struct NodeBooks {
    /// Rows read from databases.
    pub collected: u64,
    /// Copies made for further pipelines and exporters.
    pub copied: u64,
    /// Rows delivered.
    pub delivered: u64,
    /// Rows lost, by reason. Reasons that did not occur are left out.
    pub dropped: BTreeMap<String, u64>,
    /// Rows on their way.
    pub in_flight: i64,
    /// Points that exporters say they sent.
    pub sent_points: u64,
    /// Log records that exporters say they sent.
    pub sent_records: u64,
}

impl NodeBooks {
    /// Reads the books.
    ///
    /// # Errors
    /// The metrics lack a part of them.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counts are whole numbers"
    )]
    pub fn of(metrics: &Metrics) -> Result<Self> {
        let stage = |name: &str| {
            let fitting = [("stage", name)];
            let value = metrics.values("ringwatch_rows_total", &fitting).next();
            value
                .map(|v| v as u64)
                .with_context(|| format!("no ringwatch_rows_total with stage {name}"))
        };
        let dropped = metrics.by_label("ringwatch_dropped_rows_total", "reason");
        ensure!(
            dropped.contains_key("unaccounted"),
            "no ringwatch_dropped_rows_total with reason unaccounted"
        );
        let in_flight = metrics.values("ringwatch_in_flight_rows", &[]).next();
        Ok(Self {
            collected: stage("collected")?,
            copied: stage("copied")?,
            delivered: stage("delivered")?,
            dropped: dropped
                .into_iter()
                .filter(|(_, n)| *n != 0.0)
                .map(|(r, n)| (r, n as u64))
                .collect(),
            in_flight: in_flight.context("no ringwatch_in_flight_rows")? as i64,
            sent_points: metrics.count("otelcol_exporter_sent_metric_points", &[]),
            sent_records: metrics.count("otelcol_exporter_sent_log_records", &[]),
        })
    }

    /// Rows lost for any reason.
    pub fn dropped_total(&self) -> u64 {
        self.dropped.values().sum()
    }

    /// Rows lost: dropped for any reason but that another node's reading of the tick counts.
    pub fn lost(&self) -> u64 {
        self.dropped_total() - self.dropped.get("superseded").copied().unwrap_or(0)
    }

    /// Whether every row is accounted for, and none by the reason that only a defect gives.
    pub fn balanced(&self) -> bool {
        let into = i128::from(self.collected) + i128::from(self.copied);
        let out = i128::from(self.delivered) + i128::from(self.dropped_total()) + i128::from(self.in_flight);
        into == out && !self.dropped.contains_key("unaccounted")
    }
}

/// The verdict on the books: at a moment of rest they balance, and the receiver holds exactly what the node says
/// that it sent. What came twice because an answer was lost counts once.
///
/// # Errors
/// No such moment comes within 20 seconds; the message holds the books as they were last.
pub async fn verdict(node: &Node, sink: &Sink) -> Result<NodeBooks> {
    wait::until("balanced books", Duration::from_secs(20), async || {
        let before = received(sink);
        let metrics = node.metrics().await.map_err(|e| format!("{e:#}"))?;
        let books = NodeBooks::of(&metrics).map_err(|e| format!("{e:#}"))?;
        let fits = books.balanced() && before == (books.sent_points, books.sent_records);
        wait::when(fits && before == received(sink), || {
            format!("received {before:?}, the node says {books:?}")
        })?;
        Ok(books)
    })
    .await
}

/// Points and records that the receiver holds, each once.
fn received(sink: &Sink) -> (u64, u64) {
    sink.look(|ledger| {
        let double_points: u64 = ledger.series.values().map(|s| s.doubles).sum();
        (
            ledger.points - double_points,
            ledger.records - ledger.double_records,
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn books(text: &str) -> NodeBooks {
        NodeBooks::of(&Metrics::parse(text)).unwrap()
    }

    fn text(collected: u32, delivered: u32, queue_full: u32, unaccounted: u32, in_flight: i32) -> String {
        format!(
            "ringwatch_rows_total{{stage=\"collected\"}} {collected}\nringwatch_rows_total{{stage=\"copied\"}} 3\n\
             ringwatch_rows_total{{stage=\"delivered\"}} {delivered}\n\
             ringwatch_dropped_rows_total{{reason=\"queue_full\"}} {queue_full}\n\
             ringwatch_dropped_rows_total{{reason=\"unaccounted\"}} {unaccounted}\n\
             ringwatch_in_flight_rows {in_flight}\n"
        )
    }

    #[test]
    fn balance() {
        let table = [
            ((10, 13, 0, 0, 0), true),
            ((10, 10, 2, 0, 1), true),
            ((10, 12, 0, 0, 0), false),
            ((10, 12, 0, 1, 0), false),
        ];
        for ((c, d, q, u, f), balanced) in table {
            assert_eq!(
                books(&text(c, d, q, u, f)).balanced(),
                balanced,
                "{c} {d} {q} {u} {f}"
            );
        }
        assert!(NodeBooks::of(&Metrics::default()).is_err());
    }
}

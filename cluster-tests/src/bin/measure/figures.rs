//! Figures of a steady state: memory, processor time and lateness between two looks.

use std::time::Duration;

use anyhow::Result;
use ringwatch_cluster_tests::node::{Metrics, Node};
use tokio::time::{Instant, sleep};

const LATENESS: &str = "ringwatch_tick_lateness_seconds_bucket";

/// What was seen between two looks.
#[derive(Clone, Debug)]
pub(crate) struct Figures {
    rss_mib: f64,
    cpu_percent: f64,
    ticks: u64,
    missed: u64,
    buckets: Vec<(f64, f64)>,
}

impl Figures {
    /// Looks at `node` now and again after `time`.
    pub(crate) async fn of(node: &Node, time: Duration) -> Result<Self> {
        let (begun, cpu, before) = (Instant::now(), node.process().cpu_time()?, node.metrics().await?);
        sleep(time).await;
        let after = node.metrics().await?;
        let cpu = node.process().cpu_time()?.saturating_sub(cpu);
        let ticks = |m: &Metrics, wanted: bool| -> u64 {
            let outcomes = m.by_label("ringwatch_ticks_total", "outcome");
            outcomes
                .iter()
                .filter(|(o, _)| (*o == "collected") == wanted)
                .map(|(_, n)| whole(*n))
                .sum()
        };
        let (first, last) = (buckets(&before), buckets(&after));
        let start = |le: f64| first.iter().find(|(l, _)| *l == le).map_or(0.0, |(_, n)| *n);
        #[expect(clippy::cast_precision_loss, reason = "memory in bytes is far below 2^53")]
        let rss_mib = node.process().rss_bytes()? as f64 / (1024.0 * 1024.0);
        Ok(Self {
            rss_mib,
            cpu_percent: cpu.as_secs_f64() / begun.elapsed().as_secs_f64() * 100.0,
            ticks: ticks(&after, true) - ticks(&before, true),
            missed: ticks(&after, false) - ticks(&before, false),
            buckets: last.into_iter().map(|(le, n)| (le, n - start(le))).collect(),
        })
    }

    /// The lateness, in milliseconds, below which this share of the readings began, within its bucket by
    /// linear interpolation.
    pub(crate) fn lateness_ms(&self, share: f64) -> f64 {
        let total = self.buckets.last().map_or(0.0, |(_, n)| *n);
        let wanted = total * share;
        let (mut low, mut below) = (0.0, 0.0);
        for (le, n) in &self.buckets {
            if *n >= wanted && *n > below {
                let high = if le.is_finite() { *le } else { low };
                return (low + (high - low) * (wanted - below) / (n - below)) * 1000.0;
            }
            (low, below) = (*le, *n);
        }
        f64::NAN
    }

    /// One line.
    pub(crate) fn print(&self, of: &str) {
        println!(
            "{of}: RSS {:.1} MiB, CPU {:.1} % of one core, {} ticks collected, {} missed, lateness p50 {:.2} ms, p99 {:.2} ms",
            self.rss_mib,
            self.cpu_percent,
            self.ticks,
            self.missed,
            self.lateness_ms(0.5),
            self.lateness_ms(0.99),
        );
    }
}

/// Cumulative counts by upper bound, all streams together, in order.
fn buckets(metrics: &Metrics) -> Vec<(f64, f64)> {
    let by_bound = metrics.by_label(LATENESS, "le");
    let bound = |text: &str| {
        if text == "+Inf" {
            Some(f64::INFINITY)
        } else {
            text.parse().ok()
        }
    };
    let mut buckets: Vec<(f64, f64)> = by_bound
        .iter()
        .filter_map(|(le, n)| Some((bound(le)?, *n)))
        .collect();
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    buckets
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a counter is a whole number"
)]
fn whole(number: f64) -> u64 {
    number as u64
}

//! `memory_limiter`: refuses frames before memory runs out.

mod system;

use std::sync::Arc;
use std::time::Duration;

use prometheus::{IntCounter, Registry};
use ringwatch_config::settings::MemoryLimiter as Settings;
use ringwatch_frame::{Batch, Books, DropReason};
use tokio::time::Instant;

pub use self::system::process_rss;
use self::system::total_memory;
use crate::metrics::counters;
use crate::{PipelineError, Processor};

const MIB: u64 = 1024 * 1024;

/// Refuses frames while the frames in flight, or the process at the last look, hold the soft limit or more. The soft
/// limit is the limit less the spike, so that what comes between two looks has room.
pub struct MemoryLimiter {
    name: String,
    soft_limit: u64,
    check_interval: Duration,
    books: Arc<Books>,
    rss: fn() -> Option<u64>,
    looked: Option<Instant>,
    process: u64,
    refused: IntCounter,
    refusing: bool,
}

impl MemoryLimiter {
    /// The limiter `name` of `pipeline`, over all frames of `books`.
    ///
    /// # Errors
    /// When no limit is given, or a percentage on a machine that does not tell its memory.
    pub fn new(
        pipeline: &str,
        name: &str,
        settings: &Settings,
        books: &Arc<Books>,
        registry: &Registry,
    ) -> Result<Self, PipelineError> {
        let (limit, spike) = limits(name, settings, total_memory)?;
        let help = (
            "ringwatch_memory_limiter_refused_rows_total",
            "Rows of frames that the memory limiter refused",
        );
        let refused = counters(
            registry,
            help,
            &[("pipeline", pipeline), ("processor", name)],
            &[],
        )?;
        Ok(Self {
            name: name.to_owned(),
            soft_limit: limit.saturating_sub(spike),
            check_interval: *settings.check_interval,
            books: Arc::clone(books),
            rss: process_rss,
            looked: None,
            process: 0,
            refused: refused.with_label_values::<&str>(&[]),
            refusing: false,
        })
    }

    fn over(&mut self) -> bool {
        let now = Instant::now();
        if self
            .looked
            .is_none_or(|at| now.duration_since(at) >= self.check_interval)
        {
            self.looked = Some(now);
            // A kernel that does not tell leaves the frames in flight as the measure.
            self.process = (self.rss)().unwrap_or(0);
        }
        self.books.in_flight_bytes().max(self.process) >= self.soft_limit
    }
}

/// Limit and spike in bytes. The default spike is a fifth of the limit, as in the Collector.
fn limits(
    name: &str,
    settings: &Settings,
    total: impl Fn() -> Option<u64>,
) -> Result<(u64, u64), PipelineError> {
    let percent = |share: u64| -> Result<u64, PipelineError> {
        let total = total().ok_or_else(|| PipelineError::Memory(name.to_owned()))?;
        Ok(total / 100 * share)
    };
    let limit = match (settings.limit_mib, settings.limit_percentage) {
        (Some(mib), _) => mib.saturating_mul(MIB),
        (None, Some(share)) => percent(share)?,
        (None, None) => return Err(PipelineError::NoLimit(name.to_owned())),
    };
    let spike = match (settings.spike_limit_mib, settings.spike_limit_percentage) {
        (Some(mib), _) => mib.saturating_mul(MIB),
        (None, Some(share)) => percent(share)?,
        (None, None) => limit / 5,
    };
    Ok((limit, spike))
}

impl Processor for MemoryLimiter {
    fn name(&self) -> &str {
        &self.name
    }

    fn process(&mut self, batch: Batch, out: &mut Vec<Batch>) {
        let over = self.over();
        if over != self.refusing {
            self.refusing = over;
            let (in_flight, process) = (self.books.in_flight_bytes(), self.process);
            if over {
                tracing::warn!(
                    processor = self.name,
                    in_flight,
                    process,
                    soft_limit = self.soft_limit,
                    "memory is short: frames are refused; raise the limit, or deliver faster"
                );
            } else {
                tracing::info!(processor = self.name, in_flight, process, "memory suffices again");
            }
        }
        if over {
            self.refused.inc_by(batch.rows());
            batch.discard(DropReason::MemoryLimit);
        } else {
            out.push(batch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{frame, settings};

    fn limiter(books: &Arc<Books>, yaml: &str) -> MemoryLimiter {
        let mut limiter = MemoryLimiter::new(
            "metrics",
            "memory_limiter",
            &settings(yaml),
            books,
            &Registry::new(),
        )
        .unwrap();
        limiter.rss = || Some(0);
        limiter
    }

    #[tokio::test(start_paused = true)]
    async fn frames_in_flight_are_counted_at_every_frame() {
        let books = Arc::new(Books::default());
        let mut limiter = limiter(&books, "limit_mib: 1\nspike_limit_mib: 0");
        let mut out = Vec::new();
        let one = frame(&books, 20_000);
        let fits = MIB / one.bytes();
        limiter.process(one.into(), &mut out);
        for _ in 0..2 * fits {
            limiter.process(frame(&books, 20_000).into(), &mut out);
        }
        assert!(books.in_flight_bytes() < MIB, "{}", books.in_flight_bytes());
        assert_eq!(out.len() as u64, fits, "as many as fit");
        out.drain(..).for_each(Batch::deliver);
        limiter.process(frame(&books, 20_000).into(), &mut out);
        assert_eq!(out.len(), 1, "what was delivered makes room");
        out.into_iter().for_each(Batch::deliver);
        let end = books.snapshot();
        assert!(
            end.balanced() && end.dropped_rows[DropReason::MemoryLimit as usize] > 0,
            "{end:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn the_process_is_looked_at_each_interval() {
        let books = Arc::new(Books::default());
        let mut limiter = limiter(&books, "limit_mib: 100\ncheck_interval: 1s");
        let mut out = Vec::new();
        limiter.process(frame(&books, 1).into(), &mut out);
        limiter.rss = || Some(90 * MIB);
        limiter.process(frame(&books, 1).into(), &mut out);
        assert_eq!(out.len(), 2, "not looked yet");
        tokio::time::advance(Duration::from_secs(1)).await;
        limiter.process(frame(&books, 1).into(), &mut out);
        assert_eq!(out.len(), 2, "90 of 100 MiB is above the soft limit of 80");
        out.into_iter().for_each(Batch::deliver);
    }

    #[test]
    fn limits_come_in_mebibytes_or_percent() {
        let table = [
            ("limit_mib: 100", Some((100 * MIB, 20 * MIB))),
            ("limit_mib: 100\nspike_limit_mib: 5", Some((100 * MIB, 5 * MIB))),
            (
                "limit_percentage: 50\nspike_limit_percentage: 10",
                Some((500 * MIB, 100 * MIB)),
            ),
            ("check_interval: 1s", None),
        ];
        for (yaml, expected) in table {
            let found = limits("m", &settings(yaml), || Some(1000 * MIB)).ok();
            assert_eq!(found, expected, "{yaml}");
        }
        assert!(limits("m", &settings("limit_percentage: 50"), || None).is_err());
    }
}

//! Memory, processor time and age of the process, in the Collector's names.

use prometheus::core::{Collector, Desc};
use prometheus::proto::{MetricFamily, MetricType};
use ringwatch_frame::Clock;
use tokio::time::Instant;

/// Shows the process in the registry.
pub(crate) struct ProcessMetrics {
    started: Instant,
    clock: Clock,
    service: String,
    desc: Vec<Desc>,
}

impl ProcessMetrics {
    /// Shows this process, which started at `started` and calls itself `service`.
    pub(crate) fn new(started: Instant, clock: &Clock, service: &str) -> prometheus::Result<Self> {
        let help = "The process";
        let desc = Desc::new(
            "ringwatch_process".into(),
            help.into(),
            Vec::new(),
            std::collections::HashMap::new(),
        )?;
        Ok(Self {
            started,
            clock: clock.clone(),
            service: service.to_owned(),
            desc: vec![desc],
        })
    }
}

impl Collector for ProcessMetrics {
    fn desc(&self) -> Vec<&Desc> {
        self.desc.iter().collect()
    }

    #[expect(clippy::cast_precision_loss, reason = "bytes and steps far below 2^53")]
    fn collect(&self) -> Vec<MetricFamily> {
        let of_node = |name, help, kind, value| super::family(name, help, kind, vec![(vec![], value)]);
        // The Collector says whose process it is.
        let service = || vec![("service_name", &*self.service)];
        let one = |name, help, kind, value| super::family(name, help, kind, vec![(service(), value)]);
        let rss = ringwatch_pipeline::memory_limiter::process_rss().unwrap_or(0) as f64;
        vec![
            one(
                "otelcol_process_memory_rss",
                "Resident memory in bytes",
                MetricType::GAUGE,
                rss,
            ),
            one(
                "otelcol_process_cpu_seconds",
                "Processor time used, user and system, in seconds",
                MetricType::COUNTER,
                cpu_seconds().unwrap_or(0.0),
            ),
            one(
                "otelcol_process_uptime",
                "Seconds since the start of the process",
                MetricType::COUNTER,
                self.started.elapsed().as_secs_f64(),
            ),
            of_node(
                "ringwatch_clock_offset_seconds",
                "How far the system's wall clock, corrected, is ahead of the node's disciplined one",
                MetricType::GAUGE,
                self.clock.offset_seconds(),
            ),
            of_node(
                "ringwatch_clock_correction_seconds",
                "What is added to the system's wall clock, because the clocks of most nodes say so",
                MetricType::GAUGE,
                self.clock.correction_seconds(),
            ),
            of_node(
                "ringwatch_clock_steps_total",
                "How often the system's clock jumped by more than ten minutes",
                MetricType::COUNTER,
                self.clock.steps() as f64,
            ),
        ]
    }
}

/// Processor time of the process in seconds, user and system; `None` where the kernel does not tell.
pub(crate) fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    parse_cpu(&stat, rustix::param::clock_ticks_per_second())
}

/// Fields 14 and 15 of `/proc/[pid]/stat` (proc(5)), counted after the name, which may hold spaces.
#[expect(clippy::cast_precision_loss, reason = "clock ticks far below 2^53")]
fn parse_cpu(stat: &str, ticks_per_second: u64) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace().skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some((user + system) as f64 / ticks_per_second as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_after_a_name_with_spaces() {
        let stat = "1 (a ) b) S 0 1 1 0 -1 4194560 1 2 3 4 250 50 0 0 20 0 8 0 5 6 7";
        assert_eq!(parse_cpu(stat, 100), Some(3.0));
        assert_eq!(parse_cpu("nonsense", 100), None);
    }
}

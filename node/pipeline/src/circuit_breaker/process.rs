//! How much this process uses of its CPUs and of its memory limit.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::time::Instant;

use super::phase::Reason;
use crate::memory_limiter::{available_memory, process_rss};

/// What was too much has to fall to this share of its threshold before it is no longer.
const BACK: f64 = 0.9;

/// What a process uses at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProcessUse {
    /// The time that all its threads have spent on CPUs, since it began.
    pub cpu: Duration,
    /// How many CPUs it may use.
    pub cpus: usize,
    /// Its memory in bytes, where the system tells it.
    pub memory: Option<u64>,
    /// The memory in bytes to which it may come, where the system tells it.
    pub memory_limit: Option<u64>,
}

/// What this process uses now.
pub fn process_use() -> ProcessUse {
    let cpu = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(cpu.tv_sec).unwrap_or(0);
    let nanos = u32::try_from(cpu.tv_nsec).unwrap_or(0);
    ProcessUse {
        cpu: Duration::new(seconds, nanos),
        cpus: std::thread::available_parallelism().map_or(1, usize::from),
        memory: process_rss(),
        memory_limit: available_memory(),
    }
}

/// Looks at the process now and then.
#[derive(Debug)]
pub(crate) struct ProcessWatch {
    cpu_percent: f64,
    memory_percent: f64,
    interval: Duration,
    read: fn() -> ProcessUse,
    last: Option<(Instant, Duration)>,
    next: Instant,
    pressed: Option<Reason>,
}

impl ProcessWatch {
    /// Thresholds of 0 are never reached.
    pub(crate) fn new(
        cpu_percent: f64,
        memory_percent: f64,
        interval: Duration,
        read: fn() -> ProcessUse,
        now: Instant,
    ) -> Self {
        let interval = interval.max(Duration::from_secs(1));
        Self {
            cpu_percent,
            memory_percent,
            interval,
            read,
            last: None,
            next: now,
            pressed: None,
        }
    }

    /// Whether there is too much of something, when it is time to look; `None` when it is not.
    pub(crate) fn look(&mut self, now: Instant) -> Option<Option<Reason>> {
        if now < self.next || (self.cpu_percent <= 0.0 && self.memory_percent <= 0.0) {
            return None;
        }
        self.next = now + self.interval;
        let used = (self.read)();
        let cpu = self.cpu(&used, now);
        let memory = memory(&used);
        let is_over = |percent: Option<f64>, threshold: f64, reason: Reason| {
            let share = if self.pressed == Some(reason) { BACK } else { 1.0 };
            threshold > 0.0 && percent.is_some_and(|percent| percent > threshold * share)
        };
        let pressed = if is_over(memory, self.memory_percent, Reason::ProcessMemory) {
            Some(Reason::ProcessMemory)
        } else if is_over(cpu, self.cpu_percent, Reason::ProcessCpu) {
            Some(Reason::ProcessCpu)
        } else {
            None
        };
        if pressed != self.pressed {
            let (cpu, memory) = (cpu.unwrap_or(0.0), memory.unwrap_or(0.0));
            match pressed {
                Some(reason) => tracing::warn!(%reason, cpu_percent = cpu, memory_percent = memory,
                    "this process is over a threshold: all circuits of the breaker open"),
                None => tracing::info!(
                    cpu_percent = cpu,
                    memory_percent = memory,
                    "this process is below its thresholds again"
                ),
            }
        }
        self.pressed = pressed;
        Some(pressed)
    }

    /// The percent of its CPUs that it used since the last look.
    fn cpu(&mut self, used: &ProcessUse, now: Instant) -> Option<f64> {
        let (at, before) = self.last.replace((now, used.cpu))?;
        let passed = now.saturating_duration_since(at).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "no machine has 2^53 CPUs")]
        let most = passed * used.cpus.max(1) as f64;
        (passed > 0.0).then(|| 100.0 * used.cpu.saturating_sub(before).as_secs_f64() / most)
    }
}

#[expect(clippy::cast_precision_loss, reason = "no machine has 2^53 bytes")]
fn memory(used: &ProcessUse) -> Option<f64> {
    let (memory, limit) = used.memory.zip(used.memory_limit)?;
    (limit > 0).then(|| 100.0 * memory as f64 / limit as f64)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

    use super::*;

    #[test]
    fn the_system_tells_what_this_process_uses() {
        let before = process_use();
        let mut sum = 0_u64;
        while process_use().cpu < before.cpu + Duration::from_millis(20) {
            sum = (0..100_000).fold(sum, |sum, n| std::hint::black_box(sum ^ n));
        }
        assert!(before.cpus > 0 && memory(&before).is_some_and(|percent| percent > 0.0 && percent < 100.0));
    }

    #[test]
    fn too_much_is_told_until_it_is_clearly_less() {
        static CPU_MILLIS: AtomicU64 = AtomicU64::new(0);
        static MEMORY: AtomicU64 = AtomicU64::new(0);
        let read = || ProcessUse {
            cpu: Duration::from_millis(CPU_MILLIS.load(Relaxed)),
            cpus: 2,
            memory: Some(MEMORY.load(Relaxed)),
            memory_limit: Some(1000),
        };
        let start = Instant::now();
        let mut watch = ProcessWatch::new(50.0, 80.0, Duration::from_secs(10), read, start);
        assert_eq!(watch.look(start), Some(None), "nothing to compare with");
        assert_eq!(watch.look(start + Duration::from_secs(9)), None, "it is not time");
        // of twenty seconds that two CPUs have in ten
        let (cpu, memory) = (Some(Reason::ProcessCpu), Some(Reason::ProcessMemory));
        for (n, (seconds, bytes, expected)) in [
            (10, 0, None),
            (11, 0, cpu),
            (10, 0, cpu),
            (8, 0, None),
            (0, 801, memory),
            (20, 721, memory),
            (20, 700, cpu),
        ]
        .into_iter()
        .enumerate()
        {
            CPU_MILLIS.fetch_add(seconds * 1000, Relaxed);
            MEMORY.store(bytes, Relaxed);
            let now = start + Duration::from_secs(10) * (n as u32 + 1);
            assert_eq!(watch.look(now), Some(expected), "{n}");
        }
        let mut off = ProcessWatch::new(0.0, 0.0, Duration::from_secs(1), read, start);
        assert_eq!(off.look(start), None);
    }
}

//! When a fault is worth a line in the log: pure.

use std::time::Duration;

use tokio::time::Instant;

use crate::fault::FaultKind;

/// The shortest time between two lines about the same fault.
const AGAIN: Duration = Duration::from_secs(300);

/// What is known of the faults of one stream, or of one target.
#[derive(Debug, Default)]
pub(crate) struct Reporter {
    state: Option<(FaultKind, Instant)>,
    times: u64,
}

impl Reporter {
    /// A fault happened. Says how often it did since the last line, if a line is due.
    pub(crate) fn fault(&mut self, kind: FaultKind, now: Instant) -> Option<u64> {
        self.times += 1;
        if self
            .state
            .is_some_and(|(last, at)| last == kind && now.duration_since(at) < AGAIN)
        {
            return None;
        }
        self.state = Some((kind, now));
        Some(std::mem::take(&mut self.times))
    }

    /// It worked. Says whether that is news.
    pub(crate) fn fine(&mut self) -> bool {
        self.times = 0;
        self.state.take().is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_fault_is_told_when_it_comes_and_then_seldom() {
        let mut reporter = Reporter::default();
        let start = Instant::now();
        let mut lines = Vec::new();
        for second in 0..700 {
            if let Some(times) = reporter.fault(FaultKind::Grant, start + Duration::from_secs(second)) {
                lines.push((second, times));
            }
        }
        assert_eq!(lines, [(0, 1), (300, 300), (600, 300)]);
        assert_eq!(
            reporter.fault(FaultKind::Lock, start + Duration::from_secs(701)),
            Some(100),
            "another fault"
        );
        assert!(reporter.fine());
        assert!(!reporter.fine());
    }
}

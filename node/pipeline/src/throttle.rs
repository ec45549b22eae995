//! Log lines that frames can provoke: at most one a minute, with the number of rows that they are about.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const EVERY: Duration = Duration::from_secs(60);

/// Lets one line a minute pass.
#[derive(Debug, Default)]
pub(crate) struct Throttle(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    rows: u64,
}

impl Throttle {
    /// Notes `rows` and says whether a line may be written now; then how many rows it is about.
    pub(crate) fn pass(&self, rows: u64) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.rows += rows;
        let now = Instant::now();
        if state.last.is_some_and(|last| now.duration_since(last) < EVERY) {
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.rows))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_line_a_minute_passes_and_tells_of_all_rows_since() {
        let throttle = Throttle::default();
        assert_eq!(throttle.pass(3), Some(3));
        assert_eq!(throttle.pass(4), None);
        tokio::time::advance(Duration::from_secs(59)).await;
        assert_eq!(throttle.pass(5), None);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(throttle.pass(6), Some(15));
    }
}

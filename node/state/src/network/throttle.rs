//! Log lines that a peer can provoke: at most one a minute, and clean.

use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const EVERY: Duration = Duration::from_secs(60);
const LONGEST: usize = 200;

/// Lets one line a minute pass.
#[derive(Debug, Default)]
pub(crate) struct Throttle(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    held_back: u64,
}

impl Throttle {
    /// Whether a line may be written now; then how many were held back before it.
    pub(crate) fn pass(&self) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if state.last.is_some_and(|last| now.duration_since(last) < EVERY) {
            state.held_back += 1;
            return None;
        }
        state.last = Some(now);
        Some(std::mem::take(&mut state.held_back))
    }
}

/// `text` of a peer as it may stand in a log: what is not plain is escaped, and what is long is cut.
pub(crate) fn clean(text: &str) -> String {
    let mut clean = String::new();
    for c in text.chars() {
        if clean.len() >= LONGEST {
            clean.push_str("...");
            break;
        }
        if c.is_ascii_graphic() || c == ' ' || c.is_alphanumeric() {
            clean.push(c);
        } else {
            let _ = write!(clean, "{}", c.escape_unicode());
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn one_line_a_minute_and_what_was_held_back_is_told() {
        let throttle = Throttle::default();
        assert_eq!(throttle.pass(), Some(0));
        assert_eq!((throttle.pass(), throttle.pass()), (None, None));
        tokio::time::advance(EVERY).await;
        assert_eq!(throttle.pass(), Some(2));
    }

    #[test]
    fn words_of_a_peer_cannot_write_on_the_terminal() {
        assert_eq!(clean("bad\nnode \u{1b}[31m"), "bad\\u{a}node \\u{1b}[31m");
        assert!(clean(&"x".repeat(10_000)).len() <= LONGEST + 3);
    }
}

//! Log lines that a backend can provoke: at most one a minute, and clean.

use std::fmt::Write;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const EVERY: Duration = Duration::from_secs(60);
const LONGEST: usize = 300;

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

/// `text` as it may stand in a log: control characters escaped, and cut when it is long.
pub(crate) fn clean(text: &str) -> String {
    let mut clean = String::new();
    for c in text.chars() {
        if clean.len() >= LONGEST {
            clean.push_str("...");
            break;
        }
        if c.is_control() || is_direction(c) {
            let _ = write!(clean, "{}", c.escape_unicode());
        } else {
            clean.push(c);
        }
    }
    clean
}

/// Characters that change the direction in which a terminal writes.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_backend_cannot_write_on_the_terminal() {
        assert_eq!(
            clean("bad\nrow \u{1b}[31m\u{202e}x"),
            "bad\\u{a}row \\u{1b}[31m\\u{202e}x"
        );
        let long = clean(&"ä".repeat(10_000));
        assert!(long.len() <= LONGEST + 5, "{}", long.len());
        assert!(long.ends_with("..."));
    }

    #[tokio::test(start_paused = true)]
    async fn one_line_a_minute_passes_and_says_how_many_did_not() {
        let throttle = Throttle::default();
        assert_eq!(throttle.pass(), Some(0));
        assert_eq!(throttle.pass(), None);
        tokio::time::advance(Duration::from_secs(59)).await;
        assert_eq!(throttle.pass(), None);
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(throttle.pass(), Some(2));
    }
}

//! Log lines that a peer can provoke: at most one a minute, and clean.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

const EVERY: Duration = Duration::from_secs(60);
const LONGEST: usize = 200;
/// How many names are kept apart.
const MOST_NAMES: usize = 256;

/// Lets one line a minute pass.
#[derive(Debug, Default)]
pub(crate) struct Throttle(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    last: Option<Instant>,
    held_back: u64,
}

impl Throttle {
    /// Whether a line would pass.
    fn is_open(&self) -> bool {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.last.is_none_or(|last| last.elapsed() >= EVERY)
    }

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

/// Lets one line a minute pass for each name, of as many names as are kept.
#[derive(Debug, Default)]
pub(super) struct Throttles(Mutex<HashMap<String, Throttle>>);

impl Throttles {
    /// As [`Throttle::pass`], for `name`.
    pub(super) fn pass(&self, name: &str) -> Option<u64> {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !names.contains_key(name) {
            if names.len() >= MOST_NAMES {
                names.retain(|_, throttle| !throttle.is_open());
            }
            if names.len() >= MOST_NAMES {
                return None;
            }
            names.insert(name.to_owned(), Throttle::default());
        }
        names.get(name)?.pass()
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

    #[test]
    fn words_of_a_peer_cannot_write_on_the_terminal() {
        assert_eq!(
            clean("bad\nnode \u{1b}[31m\u{202e}x"),
            "bad\\u{a}node \\u{1b}[31m\\u{202e}x"
        );
        let long = clean(&"\u{e4}".repeat(10_000));
        assert!(
            long.len() <= LONGEST + 5 && long.ends_with("..."),
            "{}",
            long.len()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn each_name_has_one_line_a_minute_and_there_are_not_too_many_names() {
        let throttles = Throttles::default();
        assert_eq!(throttles.pass("a"), Some(0));
        assert_eq!(throttles.pass("a"), None);
        for name in 1..MOST_NAMES {
            assert_eq!(throttles.pass(&name.to_string()), Some(0));
        }
        assert_eq!(throttles.pass("one too many"), None);
        tokio::time::advance(EVERY).await;
        assert_eq!(throttles.pass("a"), Some(1));
        assert_eq!(throttles.pass("one too many"), Some(0));
        assert_eq!(throttles.0.lock().unwrap().len(), 2, "the others were given up");
    }
}

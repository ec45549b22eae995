//! How far something is, for people who wait for it: on standard error, so that the answer stays alone on
//! standard output.

use std::io::{IsTerminal as _, Write as _, stderr};

use crate::cli::Output;

/// How many signs the bar has.
const BAR: usize = 24;

/// What is shown while it goes on: on a terminal a line that is drawn anew, else a line for each change.
pub(super) struct Progress {
    shown: bool,
    terminal: bool,
    last: String,
}

impl Progress {
    /// Nothing yet; and nothing ever where a program reads the answer.
    pub(super) fn new(output: Output) -> Self {
        Self {
            shown: output == Output::Table,
            terminal: stderr().is_terminal(),
            last: String::new(),
        }
    }

    /// Shows that `done` of `all` targets are done with.
    pub(super) fn show(&mut self, what: &str, done: u64, all: u64) {
        let line = if self.terminal {
            format!("{} {}", bar(done, all), said(what, done, all))
        } else {
            said(what, done, all)
        };
        if !self.shown || self.last == line {
            return;
        }
        // Erases to the end of the line (ECMA-48, EL).
        let text = if self.terminal {
            format!("\r{line}\x1b[K")
        } else {
            format!("{line}\n")
        };
        self.last = line;
        write(&text);
    }

    /// Leaves the line that was drawn.
    pub(super) fn end(&mut self) {
        if self.terminal && !self.last.is_empty() {
            self.last.clear();
            write("\n");
        }
    }
}

/// Where nobody can see how far it is, it goes on all the same.
fn write(text: &str) {
    let _ = stderr()
        .write_all(text.as_bytes())
        .and_then(|()| stderr().flush());
}

fn said(what: &str, done: u64, all: u64) -> String {
    let targets = if all == 1 { "target" } else { "targets" };
    format!("{what}: {done} of {all} {targets}")
}

fn bar(done: u64, all: u64) -> String {
    let part = u128::from(done.min(all)) * BAR as u128 / u128::from(all.max(1));
    let full = usize::try_from(part).unwrap_or(BAR).min(BAR);
    format!("[{}{}]", "#".repeat(full), ".".repeat(BAR - full))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bar_is_as_full_as_it_should_be() {
        assert_eq!(bar(0, 3), format!("[{}]", ".".repeat(BAR)));
        assert_eq!(bar(1, 2), format!("[{}{}]", "#".repeat(12), ".".repeat(12)));
        for (done, all) in [(3, 3), (9, 3), (u64::MAX, u64::MAX)] {
            assert_eq!(bar(done, all), format!("[{}]", "#".repeat(BAR)));
        }
        assert_eq!(bar(0, 0), format!("[{}]", ".".repeat(BAR)));
        assert_eq!(said("n1 hands over", 1, 1), "n1 hands over: 1 of 1 target");
    }
}

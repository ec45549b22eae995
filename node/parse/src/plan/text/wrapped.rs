//! Plans whose long lines a terminal or a program broke.

use super::super::{Limits, PlanError};
use super::begin::{Begin, PATIENCE};
use super::lines::Lines;
use super::read::begins_something;

/// The plan with its lines put together: a line that begins nothing continues the one before it.
pub(super) fn join(text: &str, begin: &Begin<'_>, limits: &Limits<'_>) -> Result<String, PlanError> {
    let mut lines = Lines::new(text, begin.root, begin.quotes);
    let mut joined = String::with_capacity(text.len());
    let mut count = 0_usize;
    while let Some(line) = lines.physical() {
        count += 1;
        if count.is_multiple_of(PATIENCE) {
            limits.check_time()?;
        }
        let begins = line.text.is_empty() || count == 1 || begins_something(line.text);
        let raw = text
            .get(line.start..line.next)
            .unwrap_or_default()
            .trim_end_matches(['\n', '\r']);
        if begins {
            joined.push('\n');
            joined.extend(std::iter::repeat_n(' ', line.column));
            joined.push_str(line.text);
            // A line broken behind a space has it at its end.
            if raw.ends_with(' ') {
                joined.push(' ');
            }
            continue;
        }
        // Where the space at which a line was broken is lost, the next figure still tells.
        let is_figure = ["rows=", "width=", "loops="]
            .iter()
            .any(|key| line.text.starts_with(key));
        let is_apart = raw.starts_with(' ') || (is_figure && joined.ends_with(|c: char| c.is_ascii_digit()));
        if is_apart && !joined.ends_with(' ') {
            joined.push(' ');
        }
        joined.push_str(line.text);
        if raw.ends_with(' ') {
            joined.push(' ');
        }
    }
    joined.remove(0);
    Ok(joined)
}

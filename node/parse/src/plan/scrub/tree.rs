//! MySQL's TREE without literals.

use super::super::{Limits, PlanError};
use super::operation::operation;

/// How many lines are read between two looks at the clock.
const PATIENCE: usize = 256;

/// Writes the tree that begins at byte `from` anew, without its literals. Lines that are no steps are left
/// out; a step with a literal that does not end is the last.
pub(super) fn scrub(text: &str, from: usize, limits: &Limits<'_>) -> Result<String, PlanError> {
    limits.check_size(text)?;
    let text = text.get(from..).unwrap_or_default();
    let mut out = String::with_capacity(text.len());
    let mut lines = text.lines();
    let mut count = 0_usize;
    while let Some(line) = lines.next() {
        count += 1;
        if count.is_multiple_of(PATIENCE) {
            limits.check_time()?;
        }
        let said = line.trim_start();
        let Some(step) = said.strip_prefix("-> ") else {
            continue;
        };
        let mut step = step.trim_start().to_owned();
        let mut quote = open_quote(&step, None);
        while quote.is_some() {
            let Some(next) = lines.next() else { break };
            step.push(' ');
            step.push_str(next);
            quote = open_quote(next, quote);
        }
        out.push_str(line.get(..line.len() - said.len()).unwrap_or_default());
        out.push_str("-> ");
        let (step, at_end) = figures(step.trim_end());
        let written = operation(step);
        // What was something else before it was written anew.
        let (written, more) = figures(written.trim_end());
        out.push_str(written);
        for (at, group) in more.iter().chain(&at_end).enumerate() {
            out.push_str(if at == 0 { "  " } else { " " });
            out.push_str(group);
        }
        out.push('\n');
    }
    if out.is_empty() {
        return Err(PlanError::NotAPlan);
    }
    Ok(out)
}

/// The quote that is open behind a text, where `quote` was open before it.
fn open_quote(text: &str, mut quote: Option<char>) -> Option<char> {
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match quote {
            None if matches!(c, '\'' | '"' | '`') => quote = Some(c),
            Some(open) if c == open => quote = None,
            Some('\'' | '"') if c == '\\' => {
                chars.next();
            }
            _ => {}
        }
    }
    quote
}

/// What a step is, and the groups of figures at its end.
fn figures(step: &str) -> (&str, Vec<&str>) {
    let mut rest = step;
    let mut groups = Vec::new();
    while rest.ends_with(')')
        && let Some(at) = rest.rfind('(')
        && let (Some(before), Some(group)) = (rest.get(..at), rest.get(at..))
        && is_group(group)
    {
        groups.push(group);
        rest = before.trim_end();
    }
    groups.reverse();
    (rest, groups)
}

/// Whether it is `(cost=0.35 rows=1)` or its like.
fn is_group(group: &str) -> bool {
    let inner = group.trim_start_matches('(').trim_end_matches(')');
    let is_item = |item: &str| match item.split_once('=') {
        Some((key, value)) => {
            matches!(key, "cost" | "rows" | "time" | "loops")
                && value.bytes().all(|b| b.is_ascii_digit() || b".eE+-".contains(&b))
        }
        None => matches!(item, "actual" | "never" | "executed"),
    };
    !inner.is_empty() && inner.split(' ').all(is_item)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_figures_once_it_is_written_anew_is_written_as_such() {
        let step = "Filter: a (never\texecuted)  (never executed)";
        let (name, at_end) = figures(step);
        let written = operation(name);
        assert_eq!((at_end.len(), figures(&written).1.len()), (1, 1));
        let once = scrub(&format!("-> {step}"), 0, &Limits::default()).unwrap();
        assert_eq!(once, "-> Filter: a  (never executed) (never executed)\n");
        assert_eq!(scrub(&once, 0, &Limits::default()).unwrap(), once);
    }

    #[test]
    fn steps_keep_their_figures_and_lose_their_literals() {
        let text = concat!(
            "-> Limit: 10 row(s)  (cost=1.1 rows=10) (actual time=0.1..0.2 rows=10 loops=1)\n",
            "    -> Filter: ((t.a = 'se(cost=1)cret\\'s') and (t.b > 4711))  (cost=1e+06 rows=10)\n",
            "        -> Table scan on t  (cost=0.5 rows=100) (never executed)\n",
        );
        let hidden = concat!(
            "-> Limit: ? row(s)  (cost=1.1 rows=10) (actual time=0.1..0.2 rows=10 loops=1)\n",
            "    -> Filter: ((t.a = ?) and (t.b > ?))  (cost=1e+06 rows=10)\n",
            "        -> Table scan on t  (cost=0.5 rows=100) (never executed)\n",
        );
        let limits = Limits::default();
        assert_eq!(scrub(text, 0, &limits).unwrap(), hidden);
        assert_eq!(scrub(hidden, 0, &limits).unwrap(), hidden);
    }

    #[test]
    fn a_literal_over_several_lines_is_one_literal() {
        let text =
            "-> Filter: (a = 'x\n    -> Table scan on secret\ny')  (cost=1 rows=1)\n    -> Table scan on t\n";
        assert_eq!(
            scrub(text, 0, &Limits::default()).unwrap(),
            "-> Filter: (a = ?)  (cost=1 rows=1)\n    -> Table scan on t\n"
        );
        let open = "-> Filter: (a = 'x\n    -> Table scan on secret\n";
        assert_eq!(scrub(open, 0, &Limits::default()).unwrap(), "-> Filter: (a = ?\n");
        assert_eq!(scrub("secret", 0, &Limits::default()), Err(PlanError::NotAPlan));
    }
}

//! What clients draw around a plan.

use super::{Limits, PlanError};

/// Marks at the end of a line that goes on in the next line of the same cell.
const GOES_ON: [char; 2] = ['+', '\u{21b5}'];
/// Bars at the sides of a cell.
const BARS: [char; 3] = ['|', '\u{2502}', '\u{2551}'];
/// How many lines are read between two looks at the clock.
const PATIENCE: usize = 256;

/// The plan in the frame of psql's or mysql's client, or in the quotes of a CSV file; `None` where there is
/// none.
pub(super) fn strip(text: &str, limits: &Limits<'_>) -> Result<Option<String>, PlanError> {
    if let Some(plan) = unquoted(text.trim()) {
        return Ok(Some(plan));
    }
    let Some(begin) = begin(text, limits)? else {
        return Ok(None);
    };
    let mut plan = String::with_capacity(text.len().saturating_sub(begin.at));
    let mut goes_on = None;
    for (count, line) in text.get(begin.at..).unwrap_or_default().lines().enumerate() {
        if count % PATIENCE == PATIENCE - 1 {
            limits.check_time()?;
        }
        if plan.is_empty() && (is_border(line) || line.trim().is_empty()) {
            continue;
        }
        if is_end(line) {
            break;
        }
        let cell = cell(line, &begin);
        let marked = cell.trim_end().strip_suffix(GOES_ON);
        let goes_on = *goes_on.get_or_insert_with(|| marked.is_some());
        let content = marked.filter(|_| goes_on).unwrap_or(cell);
        plan.push_str(content.trim_end());
        plan.push('\n');
    }
    let plan = unescaped(plan);
    Ok(Some(unquoted(plan.trim()).unwrap_or(plan)))
}

/// Where the cell begins.
#[derive(Debug)]
struct Begin {
    at: usize,
    /// There are bars at its sides.
    bars: bool,
    /// Each line has the column's name, or blanks, and a bar before it.
    named: bool,
}

fn begin(text: &str, limits: &Limits<'_>) -> Result<Option<Begin>, PlanError> {
    let mut at = 0;
    let mut behind_border = None;
    for (count, line) in text.split_inclusive('\n').enumerate() {
        if count % PATIENCE == PATIENCE - 1 {
            limits.check_time()?;
        }
        let said = line.trim();
        let bars = said.starts_with(BARS);
        let header = said.trim_matches(BARS).trim();
        let behind = at + line.len();
        if header == "QUERY PLAN" || header == "EXPLAIN" {
            let (at, named) = (behind, false);
            return Ok(Some(Begin { at, bars, named }));
        }
        if let Some(value) = header.strip_prefix("EXPLAIN: ") {
            let (at, named) = (at + line.find(value).unwrap_or(0), false);
            return Ok(Some(Begin { at, bars, named }));
        }
        if header
            .strip_prefix("QUERY PLAN")
            .is_some_and(|rest| rest.trim_start().starts_with(BARS))
        {
            let (bars, named) = (false, true);
            return Ok(Some(Begin { at, bars, named }));
        }
        // The first line is the cell's where somebody copied no header.
        let plain = said.trim_end_matches(GOES_ON).trim_end();
        if plain != said && matches!(plain, "[" | "{" | "- Plan:" | "<?xml" | "<explain")
            || plain.starts_with("<explain ")
        {
            let named = false;
            return Ok(Some(Begin { at, bars, named }));
        }
        if is_escaped(said) {
            let (bars, named) = (false, false);
            return Ok(Some(Begin { at, bars, named }));
        }
        at = behind;
        if is_border(line) {
            behind_border.get_or_insert(at);
        }
    }
    let (bars, named) = (false, false);
    Ok(behind_border.map(|at| Begin { at, bars, named }))
}

/// What a line has of the cell.
fn cell<'a>(line: &'a str, begin: &Begin) -> &'a str {
    if begin.named {
        let behind = line.split_once(BARS).map_or("", |(_, behind)| behind);
        return behind.strip_prefix(' ').unwrap_or(behind);
    }
    let line = line.trim_end();
    let start = line.trim_start();
    let left = match start.strip_prefix(BARS) {
        Some(behind) if begin.bars => behind.strip_prefix(' ').unwrap_or(behind),
        _ => line,
    };
    left.strip_suffix(BARS).filter(|_| begin.bars).unwrap_or(left)
}

/// Whether a line is drawn: at least four signs and nothing else.
fn is_border(line: &str) -> bool {
    let line = line.trim();
    let drawn = |c: char| matches!(c, '-' | '+' | '=' | '|') || ('\u{2500}'..='\u{257f}').contains(&c);
    let record = line.starts_with("-[ RECORD ") || line.starts_with("\u{2500}[ RECORD ");
    (line.chars().count() >= 4 && line.chars().all(drawn)) || record
}

/// Whether the cell ends before this line: `(3 rows)`, in any language, `1 row in set` or a border.
fn is_end(line: &str) -> bool {
    let said = line.trim();
    let count = said
        .strip_prefix('(')
        .and_then(|said| said.strip_suffix(')'))
        .unwrap_or(said);
    let (number, rows) = count.split_once(' ').unwrap_or((count, ""));
    let counted = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    let rows = rows.starts_with("row in set")
        || rows.starts_with("rows in set")
        || (count != said && !rows.is_empty() && rows.chars().all(char::is_alphabetic));
    (counted && rows) || is_border(line)
}

/// A plan whose quotes were doubled or escaped to be a value of CSV or JSON.
fn unquoted(text: &str) -> Option<String> {
    let inner = text.strip_prefix('"')?;
    let is_plan = inner.trim_start().starts_with(['[', '{', '<'])
        || inner.starts_with("- Plan:")
        || inner.starts_with("-> ");
    if !is_plan {
        return None;
    }
    let inner = inner.strip_suffix('"').unwrap_or(inner);
    let escaped = inner.contains("\\\"") && !inner.contains("\"\"");
    Some(if escaped {
        super::json::unescape(inner).into_owned()
    } else {
        inner.replace("\"\"", "\"")
    })
}

/// Whether a client has escaped the line breaks of a plan.
fn is_escaped(text: &str) -> bool {
    let json = text
        .strip_prefix(['{', '['])
        .is_some_and(|rest| rest.starts_with("\\n"));
    json || super::detect::is_escaped_tree(text)
}

/// The text with the line breaks that mysql's client writes as `\n` in its batch mode.
fn unescaped(text: String) -> String {
    if is_escaped(&text) {
        return super::json::unescape(&text).into_owned();
    }
    text
}

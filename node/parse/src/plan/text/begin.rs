//! Where a plan begins in a text, and the statement before it.

use super::super::{Limits, PlanError};
use super::header::header;
use super::lines::{Lines, Quotes};
use super::statement::Outside;

/// How many lines are read between two looks at the clock.
pub(super) const PATIENCE: usize = 256;
const QUERY: &str = "Query Text:";
const PARAMETERS: &str = "Query Parameters:";

/// What is before the first node.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Begin<'a> {
    /// Where the line of the first node begins.
    pub(super) root: usize,
    /// What is around each line.
    pub(super) quotes: Quotes,
    /// The statement.
    pub(super) query: Option<&'a str>,
    /// There is other text before it.
    pub(super) preceded: bool,
}

/// Finds the first node. A line with figures is one; where there is none with figures, a line that is nothing
/// but a node as PostgreSQL names them.
pub(super) fn find<'a>(text: &'a str, limits: &Limits<'_>) -> Result<Option<Begin<'a>>, PlanError> {
    // A statement that was cut off may leave a quote open.
    for careful in [true, false] {
        if let Some(begin) = search(text, limits, careful)? {
            return Ok(Some(begin));
        }
    }
    Ok(None)
}

fn search<'a>(text: &'a str, limits: &Limits<'_>, careful: bool) -> Result<Option<Begin<'a>>, PlanError> {
    let mut lines = Lines::new(text, 0, Quotes::None);
    let mut statement: Option<(usize, usize, Outside<'a>)> = None;
    let mut bare = None;
    let mut count = 0_usize;
    while let Some(line) = lines.physical() {
        count += 1;
        if count.is_multiple_of(PATIENCE) {
            limits.check_time()?;
        }
        if statement.is_none()
            && let Some(first) = line.text.strip_prefix(QUERY)
        {
            let mut outside = Outside::default();
            outside.read(first);
            let from = line.start
                + text
                    .get(line.start..)
                    .and_then(|rest| rest.find(QUERY))
                    .unwrap_or(0);
            statement = Some((line.start, from + QUERY.len(), outside));
            continue;
        }
        let within = match &mut statement {
            Some((_, _, outside)) => {
                let within = !outside.is_outside();
                outside.read(line.text);
                within && careful
            }
            None => false,
        };
        if within || line.text.is_empty() {
            continue;
        }
        let quotes = Quotes::of(line.text);
        let node = line.text.trim_start_matches(['"', '\'']);
        let head = header(node.strip_prefix("->").unwrap_or(node).trim());
        let place = || {
            begin(
                text,
                line.start,
                quotes,
                statement.as_ref().map(|(at, from, _)| (*at, *from)),
            )
        };
        if head.figures && (head.known || head.node.node_type != "???") {
            return Ok(Some(place()));
        }
        if head.known && bare.is_none() {
            bare = Some(place());
        }
    }
    Ok(bare)
}

fn begin(text: &str, root: usize, quotes: Quotes, statement: Option<(usize, usize)>) -> Begin<'_> {
    let before = text
        .get(..statement.map_or(root, |(at, _)| at))
        .unwrap_or_default()
        .trim();
    let preceded = !before.is_empty() && !before.ends_with("plan:");
    let mut begin = Begin {
        root,
        quotes,
        preceded,
        ..Begin::default()
    };
    let Some((_, from)) = statement else {
        return begin;
    };
    let all = text.get(from..root).unwrap_or_default().trim();
    let mut query = all;
    if let Some(at) = all.rfind(PARAMETERS)
        && let Some(before) = all.get(..at)
        && before.trim_end_matches([' ', '\t']).ends_with('\n')
    {
        query = before.trim_end();
    }
    begin.query = Some(query);
    begin
}

//! MySQL's `FORMAT=TREE`: a line an iterator, its inputs indented below it.

use super::super::limits::Watch;
use super::super::{Degraded, Engine, Format, Limits, Plan, PlanError};
use super::draft::{Draft, Link, Role};
use super::{finish, operation};

const ARROW: &str = "-> ";
/// What a subquery begins with.
const SUBQUERY: &str = "Select #";

/// Reads the plan that begins at or after byte `from`.
pub(in super::super) fn read<'a>(
    text: &'a str,
    from: usize,
    limits: &Limits<'_>,
) -> Result<Plan<'a>, PlanError> {
    let mut watch = Watch::new(text, limits)?;
    let mut draft = Draft::default();
    // Columns of the open iterators, and their places.
    let mut open: Vec<(usize, u32)> = Vec::new();
    let mut degraded = None;
    let mut at = from;
    while let Some(line) = next(text, at) {
        watch.look()?;
        at = line.end;
        while open.last().is_some_and(|(column, _)| *column >= line.column) {
            open.pop();
        }
        let mut parent = open.last().map(|(_, place)| *place);
        if parent.is_none() && !draft.nodes.is_empty() {
            // Subqueries of what is selected stand behind the tree. All else is another plan.
            if !text
                .get(line.start..line.end)
                .is_some_and(|said| said.starts_with(SUBQUERY))
            {
                break;
            }
            parent = Some(0);
        }
        watch.check_open(open.len())?;
        let place = draft.add(parent, Role::Step, Link::Input, limits)?;
        open.push((line.column, place));
        let said = text.get(line.start..line.end).unwrap_or_default().trim_end();
        if let Some(sketch) = draft.get_mut(place) {
            let figures = figures(said);
            operation::read(sketch, said.get(..figures.at).unwrap_or(said).trim_end());
            let node = &mut sketch.node;
            (node.startup_cost, node.total_cost) = figures.cost;
            node.plan_rows = figures.rows;
            (node.actual_startup_ms, node.actual_total_ms) = figures.time;
            node.actual_rows = figures.actual_rows;
            node.actual_loops = figures.loops;
            if figures.cut {
                degraded = Some(Degraded::Truncated);
            }
        }
    }
    finish::finish(draft, Plan::seed(Engine::MySql, Format::Tree), limits)?.ripen(degraded, from)
}

struct Line {
    column: usize,
    /// Behind the arrow.
    start: usize,
    /// Before the next line with an arrow or without anything: a text in a condition may have line breaks.
    end: usize,
}

/// The next line with an arrow at or after `at`.
fn next(text: &str, at: usize) -> Option<Line> {
    let (column, start) = arrow(text, at)?;
    let mut end = start;
    loop {
        let rest = text.get(end..)?;
        let Some(found) = rest.find('\n') else {
            end = text.len();
            break;
        };
        end += found + 1;
        let line = text.get(end..)?.lines().next().unwrap_or_default().trim_start();
        if line.starts_with(ARROW) || line.is_empty() {
            break;
        }
    }
    Some(Line { column, start, end })
}

/// The column of the arrow in the first line at or after `at` that has one, and the place behind it.
fn arrow(text: &str, mut at: usize) -> Option<(usize, usize)> {
    loop {
        let rest = text.get(at..)?;
        let said = rest.trim_start_matches([' ', '\t']);
        let column = rest.len() - said.len();
        if said.starts_with(ARROW) {
            return Some((column, at + column + ARROW.len()));
        }
        at += rest.find('\n')? + 1;
    }
}

/// What stands in brackets behind an operation.
#[derive(Debug, Default)]
struct Figures {
    /// Where they begin.
    at: usize,
    cost: (Option<f64>, Option<f64>),
    rows: Option<f64>,
    time: (Option<f64>, Option<f64>),
    actual_rows: Option<f64>,
    loops: Option<f64>,
    /// They have no end.
    cut: bool,
}

/// `(cost=0.35..12.3 rows=2) (actual time=0.01..0.02 rows=2 loops=1)`, `(rows=1)`, `(never executed)`.
fn figures(said: &str) -> Figures {
    let mut found = Figures {
        at: said.len(),
        ..Figures::default()
    };
    if let Some(at) = said
        .rfind("(actual time=")
        .or_else(|| said.rfind("(never executed"))
    {
        let group = said.get(at..).unwrap_or_default();
        found.cut = !group.ends_with(')');
        if group.starts_with("(never") {
            (found.time, found.actual_rows, found.loops) = ((Some(0.0), Some(0.0)), Some(0.0), Some(0.0));
        } else {
            found.time = range(group, "time=");
            found.actual_rows = number(group, "rows=");
            found.loops = number(group, "loops=");
        }
        found.at = at;
    }
    let before = said.get(..found.at).unwrap_or_default();
    if let Some(at) = before.rfind("  (cost=").or_else(|| before.rfind("  (rows=")) {
        let group = before.get(at..).unwrap_or_default().trim_end();
        found.cut |= !group.ends_with(')');
        found.cost = range(group, "cost=");
        found.rows = number(group, "rows=");
        found.at = at;
    }
    found
}

/// The two numbers of `key` with two dots between them; of one number that is the second.
fn range(group: &str, key: &str) -> (Option<f64>, Option<f64>) {
    let word = word(group, key);
    match word.split_once("..") {
        Some((first, second)) => (finite(first), finite(second)),
        None => (None, finite(word)),
    }
}

fn number(group: &str, key: &str) -> Option<f64> {
    finite(word(group, key))
}

fn word<'a>(group: &'a str, key: &str) -> &'a str {
    let behind = group
        .find(key)
        .and_then(|at| group.get(at + key.len()..))
        .unwrap_or_default();
    let end = behind.find([' ', ')']).unwrap_or(behind.len());
    behind.get(..end).unwrap_or_default()
}

fn finite(word: &str) -> Option<f64> {
    word.parse().ok().filter(|number: &f64| number.is_finite())
}

//! Lines to nodes.

use std::borrow::Cow;

use super::super::{Degraded, Engine, Format, Limits, Node, Plan, PlanError, Property};
use super::begin::{Begin, PATIENCE};
use super::finish::{grouping_sets, relationships};
use super::header::{Header, header};
use super::lines::{Line, Lines};
use super::names::{figure, key_and_value, target};
use super::properties::{Version, add};
use super::whole;

/// What came of it.
pub(super) enum Outcome<'a> {
    /// The plan.
    Plan(Box<Plan<'a>>),
    /// Its lines are broken; they must be put together first.
    Wrapped,
}

/// Reads the plan whose first node is where `begin` says. `lenient` leaves out what it does not understand.
pub(super) fn read<'a>(
    text: &'a str,
    begin: &Begin<'a>,
    limits: &Limits<'_>,
    lenient: bool,
) -> Result<Outcome<'a>, PlanError> {
    let mut reader = Reader::new(text, limits, lenient);
    let mut count = 0_usize;
    for line in Lines::new(text, begin.root, begin.quotes) {
        count += 1;
        if count.is_multiple_of(PATIENCE) {
            limits.check_time()?;
        }
        match reader.line(&line)? {
            Step::Done => {}
            Step::Unknown if reader.lenient || reader.is_behind() => reader.degrade(Degraded::Invalid),
            Step::Unknown => return Ok(Outcome::Wrapped),
            Step::End => break,
        }
    }
    if reader.nodes.is_empty() {
        return Err(PlanError::NotAPlan);
    }
    Ok(Outcome::Plan(Box::new(reader.finish(begin))))
}

/// Whether a line begins something, and does not continue the one before it.
pub(super) fn begins_something(text: &str) -> bool {
    text.starts_with("->")
        || key_and_value(text).is_some()
        || is_label(text)
        || is_target(text)
        || is_count(text)
        || is_figured(text)
}

/// A node that PostgreSQL has, with its figures.
fn is_figured(text: &str) -> bool {
    let head = header(text);
    head.known && head.figures
}

/// `SubPlan 1`, `CTE x`.
pub(super) fn is_label(text: &str) -> bool {
    ["SubPlan", "InitPlan", "CTE "]
        .iter()
        .any(|begin| text.starts_with(begin))
        && !text.contains(" Scan on ")
}

/// A table of several that are written to.
pub(super) fn is_target(text: &str) -> bool {
    let text = text.strip_prefix("Foreign ").unwrap_or(text);
    ["Insert on ", "Update on ", "Delete on ", "Merge on "]
        .iter()
        .any(|begin| text.starts_with(begin))
}

/// psql's `(18 rows)`, in any language.
pub(super) fn is_count(text: &str) -> bool {
    let inner = text.strip_prefix('(').and_then(|text| text.strip_suffix(')'));
    inner.is_some_and(|inner| inner.len() < 32 && inner.starts_with(|c: char| c.is_ascii_digit()))
}

enum Step {
    Done,
    /// It may be the rest of the line before.
    Unknown,
    End,
}

/// What is open, and where it begins.
enum Open<'a> {
    Node(usize, u32),
    Label(usize, &'a str),
}

impl Open<'_> {
    const fn column(&self) -> usize {
        match self {
            Self::Node(column, _) | Self::Label(column, _) => *column,
        }
    }
}

struct Reader<'a, 'l> {
    text: &'a str,
    limits: &'l Limits<'l>,
    /// Leaves out what it does not understand.
    lenient: bool,
    nodes: Vec<Node<'a>>,
    open: Vec<Open<'a>>,
    /// The column of the first node.
    column: usize,
    /// Lines that are deeper tell of a worker; the JSON's are not read either.
    aside: Option<usize>,
    /// What is told of the plan as a whole has begun.
    behind: bool,
    /// Its group that the lines below tell of.
    group: Option<&'static str>,
    planning_ms: Option<f64>,
    execution_ms: Option<f64>,
    version: Version,
    blank: bool,
    degraded: Option<Degraded>,
}

impl<'a, 'l> Reader<'a, 'l> {
    const fn new(text: &'a str, limits: &'l Limits<'l>, lenient: bool) -> Self {
        Self {
            text,
            limits,
            lenient,
            nodes: Vec::new(),
            open: Vec::new(),
            column: 0,
            aside: None,
            behind: false,
            group: None,
            planning_ms: None,
            execution_ms: None,
            version: Version { is_17: false },
            blank: false,
            degraded: None,
        }
    }

    fn degrade(&mut self, why: Degraded) {
        self.degraded.get_or_insert(why);
    }

    /// Whether the plan has been read to its end.
    const fn is_behind(&self) -> bool {
        self.blank || self.planning_ms.is_some() || self.execution_ms.is_some()
    }

    fn line(&mut self, line: &Line<'a>) -> Result<Step, PlanError> {
        if line.text.is_empty() {
            self.blank = true;
            return Ok(Step::Done);
        }
        if line.open {
            self.degrade(if self.is_last(line) {
                Degraded::Truncated
            } else {
                Degraded::Invalid
            });
        }
        if self.nodes.is_empty() {
            self.column = line.column;
            return self.node(line);
        }
        if line.text.starts_with("->") {
            return self.node(line);
        }
        if line.column > self.column && !self.behind {
            return Ok(self.detail(line));
        }
        Ok(self.about_plan(line))
    }

    fn is_last(&self, line: &Line<'_>) -> bool {
        line.next >= self.text.len()
    }

    fn node(&mut self, line: &Line<'a>) -> Result<Step, PlanError> {
        let text = line.text.strip_prefix("->").unwrap_or(line.text).trim_start();
        let Header {
            mut node,
            known,
            figures,
            cut,
        } = header(text);
        let is_first = self.nodes.is_empty();
        let costed = self.nodes.first().is_some_and(|root| root.total_cost.is_some());
        if self.is_last(line) && !is_first && (cut || (costed && !figures)) {
            self.degrade(Degraded::Truncated);
            if !known {
                return Ok(Step::Done);
            }
        } else if cut {
            let is_whole_text = is_first && self.is_last(line);
            if !(self.lenient || is_whole_text) {
                return Ok(Step::Unknown);
            }
            self.degrade(if self.is_last(line) {
                Degraded::Truncated
            } else {
                Degraded::Invalid
            });
        }
        self.limit()?;
        self.place(&mut node, line.column)?;
        let timed = self
            .nodes
            .first()
            .is_some_and(|root| root.actual_total_ms.is_some());
        if timed && node.actual_loops == Some(0.0) {
            (node.actual_startup_ms, node.actual_total_ms) = (Some(0.0), Some(0.0));
        }
        self.version.is_17 |= has_fraction_of_rows(text);
        let at = u32::try_from(self.nodes.len()).unwrap_or(u32::MAX);
        self.nodes.push(node);
        self.open.push(Open::Node(line.column, at));
        self.aside = None;
        self.behind = false;
        Ok(Step::Done)
    }

    const fn limit(&self) -> Result<(), PlanError> {
        let limit = self.limits.nodes;
        if self.nodes.len() >= limit {
            return Err(PlanError::TooManyNodes { limit });
        }
        Ok(())
    }

    /// Finds the parent of a node at this column.
    fn place(&mut self, node: &mut Node<'a>, column: usize) -> Result<(), PlanError> {
        while self.open.len() > 1 && self.open.last().is_some_and(|last| last.column() >= column) {
            self.open.pop();
        }
        let label = match self.open.last() {
            Some(Open::Label(_, label)) => Some(*label),
            _ => None,
        };
        node.parent = self.open.iter().rev().find_map(|open| match open {
            Open::Node(_, at) => Some(*at),
            Open::Label(..) => None,
        });
        let parent = node.parent.and_then(|at| self.nodes.get(at as usize));
        node.depth = parent.map_or(0, |parent| parent.depth.saturating_add(1));
        let limit = self.limits.depth;
        if node.depth >= limit {
            return Err(PlanError::TooDeep { limit });
        }
        if let Some(label) = label {
            let relationship = if label.starts_with("SubPlan") {
                "SubPlan"
            } else {
                "InitPlan"
            };
            node.relationship = Some(Cow::Borrowed(relationship));
            node.subplan = Some(Cow::Borrowed(label));
        }
        Ok(())
    }

    /// A line below a node.
    fn detail(&mut self, line: &Line<'a>) -> Step {
        if is_label(line.text) {
            while self.open.len() > 1 && self.open.last().is_some_and(|last| last.column() >= line.column) {
                self.open.pop();
            }
            self.open.push(Open::Label(line.column, line.text));
            self.aside = None;
            return Step::Done;
        }
        let is_aside = self.aside.is_some_and(|aside| line.column > aside);
        if !is_aside {
            self.aside = None;
        }
        let version = self.version;
        let key_and_value = key_and_value(line.text);
        let Some(node) = self.owner(line.column) else {
            return Step::Unknown;
        };
        match key_and_value {
            _ if is_aside => {}
            None if is_target(line.text) => add_target(node, line.text),
            None => return Step::Unknown,
            Some((key, value)) if key.starts_with("Worker ") || value.is_empty() => {
                self.aside = Some(line.column);
            }
            Some((key, value)) => add(node, key, value, version),
        }
        Step::Done
    }

    /// The node that a line at this column is about.
    fn owner(&mut self, column: usize) -> Option<&mut Node<'a>> {
        let at = self.open.iter().rev().find_map(|open| match open {
            Open::Node(begin, at) if *begin < column => Some(*at),
            _ => None,
        })?;
        self.nodes.get_mut(at as usize)
    }

    /// A line about the plan as a whole.
    fn about_plan(&mut self, line: &Line<'a>) -> Step {
        if is_count(line.text) {
            return Step::Done;
        }
        let Some((key, value)) = key_and_value(line.text) else {
            if is_figured(line.text) || (self.blank && header(line.text).known) {
                self.degrade(Degraded::Invalid);
                return Step::End;
            }
            return Step::Unknown;
        };
        self.behind = true;
        let is_in_group = line.column > self.column;
        if !is_in_group {
            self.group = whole::group(key);
        }
        match key {
            "Planning Time" | "Planning time" => {
                self.planning_ms = self.planning_ms.or_else(|| figure(value));
            }
            "Execution Time" | "Execution time" | "Total runtime" | "Total Runtime" => {
                self.execution_ms = self.execution_ms.or_else(|| figure(value));
            }
            _ => {
                let group = self.group.filter(|_| is_in_group);
                if let Some(root) = self.nodes.first_mut() {
                    whole::tell(root, group, key, value, self.version);
                }
            }
        }
        Step::Done
    }

    fn finish(mut self, begin: &Begin<'a>) -> Plan<'a> {
        relationships(&mut self.nodes);
        self.nodes.iter_mut().for_each(grouping_sets);
        Plan {
            engine: Engine::PostgreSql,
            format: Format::Text,
            nodes: self.nodes,
            query: begin.query.map(Cow::Borrowed),
            planning_ms: self.planning_ms,
            execution_ms: self.execution_ms,
            degraded: self.degraded,
        }
    }
}

/// Adds `Update on s.t a`, one of several tables, as the JSON's names are when read in their order.
fn add_target<'a>(node: &mut Node<'a>, text: &'a str) {
    let target = target(text.split_once(" on ").map_or("", |(_, target)| target));
    let alias = target.alias.or_else(|| target.name.clone());
    let names = [target.name, target.schema, alias].into_iter().flatten();
    match node.properties.iter_mut().find(|(key, _)| key == "Target Tables") {
        Some((_, Property::Texts(texts))) => texts.extend(names),
        _ => node
            .properties
            .push((Cow::Borrowed("Target Tables"), Property::Texts(names.collect()))),
    }
}

/// Whether the rows that were counted have a fraction, as they have since version 18.
fn has_fraction_of_rows(text: &str) -> bool {
    let rows = text
        .split_once("(actual ")
        .and_then(|(_, actual)| actual.split_once("rows="));
    rows.and_then(|(_, rows)| rows.split(' ').next())
        .is_some_and(|rows| rows.contains('.'))
}

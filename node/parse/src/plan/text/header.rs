//! The first line of a node: what it is, what it is about, and its figures.

use super::super::Node;
use super::kind::kind;
use super::names::find_unquoted;

/// What figures begin with, where it is not within a quoted name.
pub(super) const FIGURES: [&str; 5] = [" (cost=", " (actual ", " (never executed)", "  (", " (rows="];

/// A node and how its line was understood.
pub(super) struct Header<'a> {
    pub(super) node: Node<'a>,
    /// It is a kind of node that PostgreSQL has.
    pub(super) known: bool,
    /// It has costs or what was measured.
    pub(super) figures: bool,
    /// It ends within its figures.
    pub(super) cut: bool,
}

/// Reads the line, without its arrow.
pub(super) fn header(text: &str) -> Header<'_> {
    let split = find_unquoted(text, &FIGURES).unwrap_or(text.len());
    let (name, mut rest) = text.split_at_checked(split).unwrap_or((text, ""));
    let mut node = Node::default();
    let known = kind(&mut node, name.trim());
    let (mut figures, mut cut) = (false, false);
    while let Some(at) = rest.find('(') {
        let group = rest.get(at + 1..).unwrap_or_default();
        let (inner, next) = match group.split_once(')') {
            Some(split) => split,
            None => {
                cut = true;
                // Half of a number is another number.
                (group.rsplit_once(' ').map_or("", |(whole, _)| whole), "")
            }
        };
        figures |= numbers(&mut node, inner);
        rest = next;
    }
    Header {
        node,
        known,
        figures,
        cut,
    }
}

/// Takes `cost=0.00..8.27 rows=1 width=4` and its like into the node.
fn numbers(node: &mut Node<'_>, group: &str) -> bool {
    if group == "never executed" {
        node.actual_rows = Some(0.0);
        node.actual_loops = Some(0.0);
        return true;
    }
    let (group, actual) = match group.strip_prefix("actual ") {
        Some(group) => (group, true),
        None => (group, false),
    };
    if !actual && !group.starts_with("cost=") && !group.starts_with("rows=") {
        return false;
    }
    for item in group.split_whitespace() {
        let Some((key, value)) = item.split_once('=') else {
            continue;
        };
        let (from, to) = value.split_once("..").unwrap_or((value, ""));
        let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
        match (key, actual) {
            ("cost", _) => (node.startup_cost, node.total_cost) = (number(from), number(to)),
            ("rows", false) => node.plan_rows = number(value),
            ("width", _) => node.plan_width = number(value),
            ("time", _) => (node.actual_startup_ms, node.actual_total_ms) = (number(from), number(to)),
            ("rows", true) => node.actual_rows = number(value),
            ("loops", _) => node.actual_loops = number(value),
            _ => {}
        }
    }
    true
}

//! A plan for people.

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use super::insights::{count, name, percent, time, visible};
use super::scrub::hide;
use super::shape::{Share, is_never_executed, sane};
use super::{Facts, Insight, Node, Plan, Property};
use crate::sql::Dialect;

/// Deeper levels are indented no further, so that a line stays a line.
const DEEPEST: usize = 64;
/// The longest condition that is shown, in characters.
const CONDITION: usize = 300;
/// Marks from so much of the plan on.
const MARKS: [(f64, &str); 3] = [(0.9, "***"), (0.4, "** "), (0.1, "*  ")];
/// The properties that are shown below a node.
const SHOWN: [&str; 11] = [
    "Index Cond",
    "Recheck Cond",
    "TID Cond",
    "Hash Cond",
    "Merge Cond",
    "Join Filter",
    "Filter",
    "One-Time Filter",
    "Sort Key",
    "Presorted Key",
    "Group Key",
];

/// The plan as a tree, a node a line: its number, what it does, its cost, its rows (expected -> found), time
/// and loops. Nodes that take more than 10, 40 and 90 % of the plan for themselves are marked by one, two and
/// three stars. What is remarkable comes after it, worst first. Conditions are shown without their literals.
pub fn draw(plan: &Plan<'_>, facts: &Facts) -> String {
    let mut text = String::new();
    let lasts = lasts(plan);
    let mut open: Vec<bool> = Vec::new();
    let dialect = super::fingerprint::dialect(plan.engine);
    for (at, node) in plan.nodes.iter().enumerate() {
        let share = facts.shares.get(at).copied().unwrap_or_default();
        let is_last = lasts.get(at).copied().unwrap_or(true);
        open.truncate(node.depth as usize);
        let (branch, below) = branches(&open, node.depth, is_last);
        open.push(!is_last);
        let has_children = plan.nodes.get(at + 1).is_some_and(|next| next.depth > node.depth);
        let below = if has_children {
            format!("{below}|     ")
        } else {
            format!("{below}      ")
        };
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{at:>4} {} {branch}{}", mark(&share), line(node, &share));
        for (key, condition) in node.properties.iter().filter(|(key, _)| SHOWN.contains(&&**key)) {
            let condition = hidden(dialect, key, condition);
            let _ = writeln!(text, "         {below}{}: {condition}", visible(key));
        }
    }
    text.push('\n');
    summary(&mut text, plan, facts);
    remarks(&mut text, facts);
    text
}

/// Of each node, whether it is the last child of its parent.
fn lasts(plan: &Plan<'_>) -> Vec<bool> {
    let mut last = vec![None; plan.nodes.len()];
    for (at, node) in plan.nodes.iter().enumerate() {
        if let Some(place) = node.parent.and_then(|parent| last.get_mut(parent as usize)) {
            *place = Some(at);
        }
    }
    let is_last = |(at, node): (usize, &Node<'_>)| {
        let parent = node
            .parent
            .and_then(|parent| last.get(parent as usize).copied().flatten());
        parent.is_none_or(|last| last == at)
    };
    plan.nodes.iter().enumerate().map(is_last).collect()
}

/// What stands before a node, and before the lines below it.
fn branches(open: &[bool], depth: u32, is_last: bool) -> (String, String) {
    let mut above = String::new();
    for is_open in open.iter().skip(1).take(DEEPEST) {
        above.push_str(if *is_open { "|  " } else { "   " });
    }
    if depth == 0 {
        return (String::new(), String::new());
    }
    if depth as usize > DEEPEST {
        let _ = write!(above, "[{depth}] ");
    }
    let own = if is_last { "`- " } else { "+- " };
    let below = if is_last { "   " } else { "|  " };
    (format!("{above}{own}"), format!("{above}{below}"))
}

fn mark(share: &Share) -> &'static str {
    let part = share.of_plan().unwrap_or(0.0);
    let mark = MARKS.iter().find(|(from, _)| part >= *from);
    mark.map_or("   ", |(_, mark)| mark)
}

fn line(node: &Node<'_>, share: &Share) -> String {
    let mut line = String::new();
    if let Some(subplan) = &node.subplan {
        let _ = write!(line, "{}: ", visible(subplan));
    }
    line.push_str(&name(node));
    if let Some(join) = node.join_type.as_deref().filter(|join| *join != "Inner") {
        let _ = write!(line, " ({} join)", visible(join).to_lowercase());
    }
    if let Some(strategy) = &node.strategy {
        let _ = write!(line, " ({})", visible(strategy).to_lowercase());
    }
    let mut figures = Vec::new();
    figures.extend(sane(node.total_cost).map(|cost| format!("cost {cost:.2}")));
    let planned = sane(node.plan_rows).map(count);
    let found = sane(node.actual_rows)
        .filter(|_| !is_never_executed(node))
        .map(count);
    figures.extend(match (planned, found) {
        (Some(planned), Some(found)) => Some(format!("rows {planned} -> {found}")),
        (Some(planned), None) => Some(format!("rows {planned}")),
        (None, found) => found.map(|found| format!("rows -> {found}")),
    });
    if is_never_executed(node) {
        figures.push("never executed".to_owned());
    } else {
        figures.extend(share.total_ms.map(|ms| format!("time {}", time(ms))));
    }
    let loops = sane(node.actual_loops).filter(|loops| *loops > 1.0);
    figures.extend(loops.map(|loops| format!("loops {}", count(loops))));
    let part = share.of_plan().filter(|part| *part >= 0.1);
    let of = if share.time.is_some() { "time" } else { "cost" };
    figures.extend(part.map(|part| format!("{} of all {of}", percent(part))));
    if !figures.is_empty() {
        let _ = write!(line, "  [{}]", figures.join(", "));
    }
    line
}

/// A property without its literals.
fn hidden(dialect: Dialect, key: &str, property: &Property<'_>) -> String {
    let one = |text: &str| hide(dialect, key, text).into_owned();
    let text = match property {
        Property::Text(text) => one(text),
        Property::Texts(texts) => texts.iter().map(|text| one(text)).collect::<Vec<_>>().join(", "),
        Property::Number(number) => number.to_string(),
        Property::Flag(flag) => flag.to_string(),
    };
    let clean = |c: char| if c.is_control() { ' ' } else { c };
    let mut short: String = text.chars().take(CONDITION).map(clean).collect();
    if short.len() < text.len() {
        short.push_str(" ...");
    }
    short
}

fn summary(text: &mut String, plan: &Plan<'_>, facts: &Facts) {
    let all = &facts.attributes;
    let _ = writeln!(text, "fingerprint  {:016x}", facts.fingerprint);
    let _ = writeln!(text, "engine       {}", super::fingerprint::engine(plan.engine));
    let _ = writeln!(text, "nodes        {}", facts.nodes);
    if let Some(cost) = all.total_cost {
        let _ = writeln!(text, "cost         {cost:.2}");
    }
    if let Some(ms) = plan.planning_ms.filter(|ms| ms.is_finite()) {
        let _ = writeln!(text, "planned in   {}", time(ms));
    }
    if let Some(ms) = all.execution_time {
        let _ = writeln!(text, "executed in  {}", time(ms));
    }
    let _ = writeln!(text, "complexity   {:.1} of 100", all.plan_complexity_score);
    if let Some(degraded) = plan.degraded {
        let _ = writeln!(text, "incomplete   {}", super::answer::degraded(degraded));
    }
}

fn remarks(text: &mut String, facts: &Facts) {
    let mut insights: Vec<&Insight> = facts.insights.iter().collect();
    insights.sort_by_key(|insight| std::cmp::Reverse(insight.severity));
    if insights.is_empty() {
        text.push_str("\nnothing remarkable\n");
        return;
    }
    text.push('\n');
    for insight in insights {
        let severity = insight.severity.name();
        let _ = writeln!(text, "{severity:<8} node {:<4} {}", insight.node, insight.message);
    }
}

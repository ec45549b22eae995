//! A plan for programs.

#[cfg(test)]
mod tests;

use serde_json::{Map, Value, json};

use super::scrub::{hide, is_literal};
use super::shape::Share;
use super::{Degraded, Facts, Format, Node, Plan, Property};
use crate::sql::Dialect;

/// The plan as nested JSON, with its figures and what is remarkable. Keys are in lower case with underscores
/// and stable: `root` (`node_type`, `total_cost`, `plan_rows`, ..., `children`), `nodes`, `attributes`,
/// `insights`, `fingerprint`, `engine`, `format`, `planning_time`, `degraded`, and `error` where it is.
/// Literals are hidden. Made without recursion, but as deep as the plan: who walks it needs a stack for
/// [`super::Limits::depth`].
pub fn json(plan: &Plan<'_>, facts: &Facts) -> Value {
    let mut answer = Map::new();
    answer.insert("root".to_owned(), root(plan, facts));
    answer.insert("nodes".to_owned(), facts.nodes.into());
    // These serialise into JSON without fail: they hold names and numbers.
    let attributes = serde_json::to_value(&facts.attributes).unwrap_or_default();
    answer.insert("attributes".to_owned(), attributes);
    let insights = serde_json::to_value(&facts.insights).unwrap_or_default();
    answer.insert("insights".to_owned(), insights);
    answer.insert(
        "fingerprint".to_owned(),
        format!("{:016x}", facts.fingerprint).into(),
    );
    answer.insert(
        "engine".to_owned(),
        super::fingerprint::engine(plan.engine).into(),
    );
    answer.insert("format".to_owned(), format(plan.format).into());
    answer.insert("planning_time".to_owned(), figure(plan.planning_ms));
    answer.insert("degraded".to_owned(), plan.degraded.is_some().into());
    if let Some(why) = plan.degraded {
        answer.insert("error".to_owned(), degraded(why).into());
    }
    Value::Object(answer)
}

/// Why a tree is not all of what was written, in words.
pub(super) const fn degraded(degraded: Degraded) -> &'static str {
    match degraded {
        Degraded::Truncated => "the text ends before the plan does",
        Degraded::Invalid => "something in the text is not valid and was left out",
    }
}

const fn format(format: Format) -> &'static str {
    match format {
        Format::Json => "json",
        Format::Text => "text",
        Format::Xml => "xml",
        Format::Yaml => "yaml",
        Format::Tree => "tree",
    }
}

/// The nodes nested. They are gone through from the last to the first, so that all children of a node are
/// ready before it is.
fn root(plan: &Plan<'_>, facts: &Facts) -> Value {
    let dialect = super::fingerprint::dialect(plan.engine);
    let mut children: Vec<Vec<Value>> = plan.nodes.iter().map(|_| Vec::new()).collect();
    for (at, node) in plan.nodes.iter().enumerate().rev() {
        let mut own = children.pop().unwrap_or_default();
        own.reverse();
        let share = facts.shares.get(at).copied().unwrap_or_default();
        let value = object(at, node, &share, own, dialect);
        match node.parent.and_then(|parent| children.get_mut(parent as usize)) {
            Some(siblings) => siblings.push(value),
            None => return value,
        }
    }
    Value::Null
}

fn object(at: usize, node: &Node<'_>, share: &Share, children: Vec<Value>, dialect: Dialect) -> Value {
    let mut object = Map::new();
    object.insert("id".to_owned(), at.into());
    object.insert("node_type".to_owned(), (&*node.node_type).into());
    for (key, text) in [
        ("parent_relationship", &node.relationship),
        ("subplan_name", &node.subplan),
        ("schema", &node.schema),
        ("relation_name", &node.relation),
        ("alias", &node.alias),
        ("index_name", &node.index),
        ("join_type", &node.join_type),
        ("strategy", &node.strategy),
        ("operation", &node.operation),
    ] {
        if let Some(text) = text {
            object.insert(key.to_owned(), (&**text).into());
        }
    }
    if node.parallel_aware {
        object.insert("parallel_aware".to_owned(), true.into());
    }
    for (key, number) in [
        ("startup_cost", node.startup_cost),
        ("total_cost", node.total_cost),
        ("plan_rows", node.plan_rows),
        ("plan_width", node.plan_width),
        ("actual_startup_time", node.actual_startup_ms),
        ("actual_total_time", node.actual_total_ms),
        ("actual_rows", node.actual_rows),
        ("actual_loops", node.actual_loops),
        ("exclusive_time", share.own_ms),
        ("exclusive_cost", share.own_cost),
        ("share", share.of_plan()),
    ] {
        if number.is_some() {
            object.insert(key.to_owned(), figure(number));
        }
    }
    for (name, property) in &node.properties {
        let key = snake(name);
        if !object.contains_key(&key) && key != "children" {
            object.insert(key, value(dialect, name, property));
        }
    }
    object.insert("children".to_owned(), children.into());
    Value::Object(object)
}

/// A number; whole ones without a fraction.
fn figure(number: Option<f64>) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match number {
        Some(number) if number.fract() == 0.0 && number.abs() < EXACT => json!(number as i64),
        Some(number) if number.is_finite() => json!(number),
        _ => Value::Null,
    }
}

fn value(dialect: Dialect, key: &str, property: &Property<'_>) -> Value {
    match property {
        Property::Number(_) if is_literal(key) => "?".into(),
        Property::Number(number) => figure(Some(*number)),
        Property::Flag(flag) => (*flag).into(),
        Property::Text(text) => (&*hide(dialect, key, text)).into(),
        Property::Texts(texts) => {
            let hidden = texts.iter().map(|text| Value::from(&*hide(dialect, key, text)));
            hidden.collect::<Vec<_>>().into()
        }
    }
}

/// `Rows Removed by Filter` as `rows_removed_by_filter`.
fn snake(key: &str) -> String {
    let mut snake = String::with_capacity(key.len());
    for c in key.chars() {
        if c.is_ascii_alphanumeric() {
            snake.push(c.to_ascii_lowercase());
        } else if !snake.is_empty() && !snake.ends_with('_') {
            snake.push('_');
        }
    }
    snake.truncate(snake.trim_end_matches('_').len());
    snake
}

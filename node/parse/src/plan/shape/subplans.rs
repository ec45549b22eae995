//! What is run once, wherever its result is first wanted: initial plans and common table expressions.

use std::collections::HashMap;

use super::super::{Node, Plan, Property};
use super::Share;

/// How many nodes want the result of one subplan at most, as far as time is reckoned.
const CONSUMERS: usize = 64;

/// Takes the time of subplans from the nodes that waited for them: of a common table expression from its
/// scans, of an initial plan from the nodes whose expressions name it, from the parent where none is found.
/// None falls below zero.
pub(super) fn charge(plan: &Plan<'_>, apart: &[(usize, f64)], shares: &mut [Share]) {
    if apart.is_empty() {
        return;
    }
    let consumers = consumers(plan, apart);
    for (at, total) in apart {
        let Some(node) = plan.nodes.get(*at) else { continue };
        let mut rest = *total;
        let wanted = results(node);
        let named = wanted.iter().filter_map(|result| consumers.get(result)).flatten();
        let above = node.parent.map(|parent| parent as usize);
        for consumer in named.copied().chain(above) {
            let own = shares.get_mut(consumer).and_then(|share| share.own_ms.as_mut());
            if let Some(own) = own {
                let taken = own.min(rest);
                *own -= taken;
                rest -= taken;
            }
        }
    }
}

/// What others call the result of a subplan: the name of a common table expression, `$0`, `InitPlan 1`.
fn results<'a>(node: &'a Node<'_>) -> Vec<&'a str> {
    let name = node.subplan.as_deref().unwrap_or_default();
    if let Some(table) = name.strip_prefix("CTE ") {
        return vec![table];
    }
    let (name, returns) = name.split_once(" (returns ").unwrap_or((name, ""));
    let returned = returns
        .trim_end_matches(')')
        .split(',')
        .filter(|result| !result.is_empty());
    std::iter::once(name).chain(returned).collect()
}

/// The nodes that want each result, in one pass over all texts of the plan.
fn consumers<'p>(plan: &'p Plan<'_>, apart: &[(usize, f64)]) -> HashMap<&'p str, Vec<usize>> {
    let mut found: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, _) in apart {
        for result in plan.nodes.get(*at).map(results).unwrap_or_default() {
            found.entry(result).or_default();
        }
    }
    for (at, node) in plan.nodes.iter().enumerate() {
        if let Some(list) = node.text("CTE Name").and_then(|name| found.get_mut(name))
            && node.node_type == "CTE Scan"
            && list.len() < CONSUMERS
        {
            list.push(at);
        }
        for text in node.properties.iter().flat_map(|(_, property)| texts(property)) {
            for name in names(text) {
                if let Some(list) = found.get_mut(name)
                    && list.last() != Some(&at)
                    && list.len() < CONSUMERS
                {
                    list.push(at);
                }
            }
        }
    }
    found
}

fn texts<'p>(property: &'p Property<'_>) -> Vec<&'p str> {
    match property {
        Property::Text(text) => vec![text],
        Property::Texts(texts) => texts.iter().map(AsRef::as_ref).collect(),
        Property::Number(_) | Property::Flag(_) => Vec::new(),
    }
}

/// The `$0` and `InitPlan 1` in an expression.
fn names(text: &str) -> impl Iterator<Item = &str> {
    let starts = text.match_indices(['$', 'I']).map(|(at, _)| at);
    starts.filter_map(move |start| {
        let rest = text.get(start..)?;
        let prefix = ["$", "InitPlan "]
            .into_iter()
            .find(|prefix| rest.starts_with(prefix))?;
        let digits = rest
            .get(prefix.len()..)?
            .bytes()
            .take_while(u8::is_ascii_digit)
            .count();
        (digits > 0).then(|| rest.get(..prefix.len() + digits)).flatten()
    })
}

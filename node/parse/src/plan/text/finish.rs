//! What can be told once all lines have been read.

use std::borrow::Cow;

use super::super::{Node, Property};

/// Sets the relationship of each node that has none yet: the text says it of subplans only, of the others
/// their place does.
pub(super) fn relationships(nodes: &mut [Node<'_>]) {
    let mut children = vec![0_u32; nodes.len()];
    let ordinals: Vec<u32> = nodes
        .iter()
        .map(|node| {
            let count = node.parent.filter(|_| node.relationship.is_none());
            let Some(count) = count.and_then(|parent| children.get_mut(parent as usize)) else {
                return 0;
            };
            *count += 1;
            *count - 1
        })
        .collect();
    let mut found = Vec::with_capacity(nodes.len());
    for (node, ordinal) in nodes.iter().zip(ordinals) {
        let parent = node.parent.filter(|_| node.relationship.is_none());
        found.push(parent.and_then(|parent| {
            let all = *children.get(parent as usize)?;
            Some(relationship(&nodes.get(parent as usize)?.node_type, ordinal, all))
        }));
    }
    for (node, found) in nodes.iter_mut().zip(found) {
        if let Some(found) = found {
            node.relationship = Some(Cow::Borrowed(found));
        }
    }
}

/// Of the child `ordinal` of `all`. Before version 14 what writes had members, of which one may look like
/// 14's outer.
fn relationship(parent: &str, ordinal: u32, all: u32) -> &'static str {
    match (parent, ordinal, all) {
        ("Append" | "Merge Append" | "BitmapAnd" | "BitmapOr", ..) => "Member",
        ("ModifyTable", _, 2..) => "Member",
        ("Subquery Scan", ..) => "Subquery",
        ("Custom Scan", _, 1) => "child",
        ("Custom Scan", ..) => "children",
        (_, 0, _) => "Outer",
        (_, 1, _) => "Inner",
        _ => "Member",
    }
}

/// Where an aggregate has several sets of keys, makes one property of them, as in the JSON.
pub(super) fn grouping_sets(node: &mut Node<'_>) {
    const KEYS: [&str; 3] = ["Group Key", "Hash Key", "Sort Key"];
    let is_key = |key: &str| node.node_type == "Aggregate" && KEYS.contains(&key);
    let mut keys = node.properties.iter().filter(|(key, _)| is_key(key));
    let one = match (keys.next(), keys.next()) {
        (None, _) => return,
        (Some((key, Property::Texts(texts))), None) => key == "Group Key" && !is_empty_set(texts),
        _ => false,
    };
    if one {
        return;
    }
    let mut sets = Vec::new();
    let mut place = None;
    let mut kept = Vec::with_capacity(node.properties.len());
    for (key, value) in std::mem::take(&mut node.properties) {
        match value {
            Property::Texts(texts) if KEYS.contains(&key.as_ref()) => {
                place.get_or_insert(kept.len());
                if !is_empty_set(&texts) {
                    sets.extend(texts);
                }
            }
            value => kept.push((key, value)),
        }
    }
    let place = place.unwrap_or(kept.len());
    kept.insert(place, (Cow::Borrowed("Grouping Sets"), Property::Texts(sets)));
    node.properties = kept;
}

/// `()`, the set of all rows.
fn is_empty_set(keys: &[Cow<'_, str>]) -> bool {
    matches!(keys, [key] if key == "()")
}

//! What was acknowledged is there, on every node, and what a node that lives wanted to be known is.

use std::collections::BTreeSet;

use crate::world::World;

pub(crate) fn check(world: &World) -> Vec<String> {
    let books = world.oracle.books();
    let mut wrong = Vec::new();
    for node in &world.nodes {
        let Some(running) = &node.running else { continue };
        let known: BTreeSet<u64> = running
            .handle
            .read(|machine| machine.actions().map(|action| action.id).collect());
        let lost: Vec<&u64> = books.acknowledged.difference(&known).collect();
        if !lost.is_empty() {
            wrong.push(format!(
                "{} acknowledged writes are not on {}: {lost:?}",
                lost.len(),
                node.name
            ));
        }
        let count = running.handle.read(|machine| machine.actions().count());
        if count != known.len() {
            wrong.push(format!("{} did {} actions twice", node.name, count - known.len()));
        }
        let view = running
            .handle
            .read(|machine| machine.view().map_or(0, |view| view.number));
        let highest = books.views.keys().next_back().copied().unwrap_or(0);
        if view < highest {
            wrong.push(format!(
                "{} has view {view} and there was a view {highest}",
                node.name
            ));
        }
    }
    wrong
}

//! After the last fault the group comes back by itself: one leads, so many voters as wanted live, everybody
//! has caught up and every node can write.

use std::collections::BTreeSet;
use std::time::Duration;

use tokio::time::Instant;

use crate::client::{action, propose};
use crate::world::World;

/// Waits until it is so.
pub(crate) async fn wait(world: &mut World, limit: Duration) -> Result<(), String> {
    let end = Instant::now() + limit;
    loop {
        let missing = missing(world);
        if missing.is_empty() {
            break;
        }
        if Instant::now() > end {
            let standings: Vec<_> = world.standings().collect();
            return Err(format!("after {limit:?} {}: {standings:#?}", missing.join(", ")));
        }
        world.pass(Duration::from_millis(200)).await;
    }
    write(world).await
}

fn missing(world: &World) -> Vec<String> {
    let mut missing = Vec::new();
    match world.leader() {
        None => missing.push("nobody leads".to_owned()),
        Some(leader) => {
            if leader.voters.len() != world.voters || !leader.missing.is_empty() {
                missing.push(format!(
                    "voters are {:?} without {:?}",
                    leader.voters, leader.missing
                ));
            }
            let members = leader.voters.len() + leader.learners.len();
            if members != world.nodes.len() {
                missing.push(format!("{members} are in the group"));
            }
        }
    }
    let applied: BTreeSet<u64> = world.standings().map(|standing| standing.applied).collect();
    if let (Some(first), Some(last)) = (applied.first(), applied.last()) {
        // Clients go on writing, so that nobody is ever at the very end.
        if last - first > 20 {
            missing.push(format!("applied are {applied:?}"));
        }
    }
    missing
}

/// Every node writes, and what it wanted to be known gets there.
async fn write(world: &mut World) -> Result<(), String> {
    for node in &world.nodes {
        let Some(running) = &node.running else { continue };
        let id = world.oracle.next();
        let end = Instant::now() + Duration::from_secs(10);
        while !propose(&running.handle, action(id)).await {
            if Instant::now() > end {
                let standing = running.handle.standing().borrow().clone();
                return Err(format!("{} cannot write: {standing:?}", node.name));
            }
        }
        world.oracle.acknowledged(id);
    }
    for node in &mut world.nodes {
        if let Some(running) = &mut node.running {
            running.client.take();
        }
    }
    // What is on its way from others may still be a view.
    world.pass(Duration::from_secs(3)).await;
    for node in &world.nodes {
        let Some(running) = &node.running else { continue };
        let number = running
            .handle
            .read(|machine| machine.view().map_or(0, |view| view.number));
        running.handle.set_view_fence(number);
        if !running.handle.flush(Duration::from_secs(10)).await {
            return Err(format!("what {} wants to be known does not get there", node.name));
        }
    }
    world.pass(Duration::from_secs(1)).await;
    let later = world.oracle.books().later.clone();
    for (node, running) in world
        .nodes
        .iter()
        .filter_map(|node| Some((&node.name, node.running.as_ref()?)))
    {
        let known = running
            .handle
            .read(|machine| machine.breaker("main", node).map(|record| record.seq));
        let wanted = later.get(node).copied();
        if wanted.is_some() && known != wanted {
            return Err(format!(
                "the last word of {node} was {wanted:?}, and known is {known:?}"
            ));
        }
    }
    let ends: BTreeSet<u64> = world.standings().map(|standing| standing.applied).collect();
    if ends.len() != 1 {
        return Err(format!("not everybody has applied everything: {ends:?}"));
    }
    Ok(())
}

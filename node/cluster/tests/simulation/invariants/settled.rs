//! After the calm every node knows the same: all members are ready, all targets are where the
//! one view wants them, and each is read by exactly that one process.

use std::collections::BTreeSet;
use std::time::Duration;

use ringwatch_cluster::member::{NodeId, State};
use ringwatch_frame::TargetId;
use tokio::time::{Instant, sleep};

use crate::world::World;

/// It must stay so for this time.
const FIRM: Duration = Duration::from_secs(3);

pub(crate) async fn wait(world: &World, deadline: Duration) -> Result<(), String> {
    let end = Instant::now() + deadline;
    let mut since = None;
    loop {
        match unsettled(world) {
            None if since.get_or_insert_with(Instant::now).elapsed() >= FIRM => return Ok(()),
            None => {}
            Some(why) if Instant::now() >= end => return Err(format!("not settled: {why}")),
            Some(_) => since = None,
        }
        sleep(Duration::from_millis(100)).await;
    }
}

/// Why the world is not settled.
fn unsettled(world: &World) -> Option<String> {
    let nodes: BTreeSet<NodeId> = world
        .processes
        .values()
        .map(|process| process.life.node.clone())
        .collect();
    let mut targets: Vec<TargetId> = world.targets().to_vec();
    targets.sort();
    let views: BTreeSet<u64> = world
        .processes
        .values()
        .map(|process| process.knows().view)
        .collect();
    if views.len() != 1 {
        return Some(format!("several views: {views:?}"));
    }
    for process in world.processes.values() {
        let (me, known) = (&process.life.node, process.knows());
        let ready = known.members.iter().filter(|member| member.state == State::Ready);
        let ready: BTreeSet<NodeId> = ready.map(|member| member.who.node.clone()).collect();
        if ready != nodes || !known.quorum {
            let states: Vec<_> = known
                .members
                .iter()
                .map(|m| (&m.member.who.node, m.member.state))
                .collect();
            return Some(format!("{me} sees {states:?}, quorum {}", known.quorum));
        }
        let members = known.ring.members().iter().map(|member| member.node.clone());
        if members.collect::<BTreeSet<_>>() != nodes {
            return Some(format!("{me} has not all in its ring"));
        }
        if known.targets.iter().map(|placed| &placed.target).ne(&targets) {
            return Some(format!("{me} knows other targets"));
        }
        for placed in &known.targets {
            let owner = placed.home.clone();
            if owner.is_none() || placed.owner != owner {
                return Some(format!(
                    "{me}: {} is at {:?}, the view wants {owner:?}",
                    placed.target, placed.owner
                ));
            }
            let holders = world
                .oracle
                .look(|books| books.holders.get(&placed.target).cloned());
            let holders: Vec<NodeId> = holders.into_iter().flatten().map(|(life, _)| life.node).collect();
            if owner.as_slice() != holders {
                return Some(format!(
                    "{} is read by {holders:?}, the view wants {owner:?}",
                    placed.target
                ));
            }
        }
    }
    None
}

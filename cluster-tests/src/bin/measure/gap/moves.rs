//! Who owned what in the eyes of one node, and who was thought dead, while something happens.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use ringwatch_cluster_tests::cluster::ask;
use ringwatch_proto::v1::{ListMembersResponse, State, Target};
use tokio::task::AbortHandle;
use tokio::time::sleep;

/// How often it looks.
const LOOK: Duration = Duration::from_millis(200);

/// What changed.
#[derive(Clone, Debug, Default)]
struct Changes {
    owners: BTreeMap<String, String>,
    moves: BTreeMap<String, u32>,
    dead: BTreeSet<String>,
    deaths: u32,
}

/// Looks until it is dropped.
#[derive(Debug)]
pub(crate) struct Moves {
    changes: Arc<Mutex<Changes>>,
    task: AbortHandle,
}

impl Moves {
    /// Looks at what the node says whose gRPC port this is.
    pub(crate) fn watch(grpc: u16) -> Self {
        let changes = Arc::new(Mutex::new(Changes::default()));
        let task = tokio::spawn(look(grpc, Arc::clone(&changes))).abort_handle();
        Self { changes, task }
    }

    fn seen(&self) -> Changes {
        self.changes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Changes of owner, of all targets together.
    pub(crate) fn total(&self) -> u32 {
        self.seen().moves.values().sum()
    }

    /// The most changes of owner of one target.
    pub(crate) fn most(&self) -> u32 {
        self.seen().moves.values().copied().max().unwrap_or(0)
    }

    /// How often a node was thought dead.
    pub(crate) fn deaths(&self) -> u32 {
        self.seen().deaths
    }
}

impl Drop for Moves {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn look(grpc: u16, changes: Arc<Mutex<Changes>>) {
    loop {
        let (targets, members) = (ask::targets(grpc).await, ask::members(grpc).await);
        note(&changes, targets.unwrap_or_default(), members.ok());
        sleep(LOOK).await;
    }
}

fn note(changes: &Mutex<Changes>, targets: Vec<Target>, members: Option<ListMembersResponse>) {
    let mut changes = changes.lock().unwrap_or_else(PoisonError::into_inner);
    changes.note_owners(targets);
    if let Some(members) = members {
        let dead = members.members.iter().filter(|m| m.state() == State::Dead);
        changes.note_dead(dead.map(|m| m.node_id.clone()).collect());
    }
}

impl Changes {
    fn note_owners(&mut self, targets: Vec<Target>) {
        for target in targets.into_iter().filter(|t| !t.owner.is_empty()) {
            let before = self.owners.insert(target.target_id.clone(), target.owner.clone());
            if before.is_some_and(|before| before != target.owner) {
                *self.moves.entry(target.target_id).or_default() += 1;
            }
        }
    }

    fn note_dead(&mut self, dead: BTreeSet<String>) {
        self.deaths += u32::try_from(dead.difference(&self.dead).count()).unwrap_or(0);
        self.dead = dead;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_and_deaths_are_counted() {
        let target = |owner: &str| Target {
            target_id: "x".into(),
            owner: owner.into(),
            ..Target::default()
        };
        let mut changes = Changes::default();
        for owner in ["a", "a", "", "b", "b", "a"] {
            changes.note_owners(vec![target(owner)]);
        }
        assert_eq!(changes.moves, [("x".to_owned(), 2)].into());
        for dead in [vec![], vec!["a"], vec!["a", "b"], vec![], vec!["a"]] {
            changes.note_dead(dead.into_iter().map(str::to_owned).collect());
        }
        assert_eq!(changes.deaths, 3);
    }
}

//! Whether this node is a member of its cluster, for its health and for the log.

use std::sync::Arc;

use ringwatch_cluster::member::State;
use ringwatch_cluster::node::{ClusterControl, Knowledge, Status};
use ringwatch_config::settings::Cluster;
use serde_json::json;
use tokio::sync::watch;

use crate::health::{Condition, Status as Health};

const HELD_DOWN: &str = "the others took this node for dead: it is given targets after `cluster.hold_down`";
const NO_QUORUM: &str = "no majority of the known nodes is alive: owners go on, and no target moves";

/// How the node stands in its cluster.
#[derive(Clone)]
pub(super) struct Membership {
    status: watch::Receiver<Status>,
    knowledge: watch::Receiver<Arc<Knowledge>>,
    seeds: Arc<str>,
}

impl Membership {
    /// As `control` shows it; the seeds of `settings` are named while none of them has answered.
    pub(super) fn new(control: &ClusterControl, settings: &Cluster) -> Self {
        let seeds = settings.gossip.iter().flat_map(|gossip| &gossip.seeds);
        let seeds: Vec<String> = seeds.map(ToString::to_string).collect();
        Self {
            status: control.status(),
            knowledge: control.knowledge(),
            seeds: seeds.join(", ").into(),
        }
    }

    /// Waits until the node is a member.
    pub(super) async fn joined(&mut self) {
        while !self.is_joined() {
            if !self.changed().await {
                // The cluster has ended, and nobody joins it any more.
                std::future::pending::<()>().await;
            }
        }
    }

    /// How it is: a node that is not a member waits, one that sees no majority is well and says that
    /// nothing moves.
    pub(super) fn condition(&self) -> Condition {
        let known = Arc::clone(&self.knowledge.borrow());
        let waiting = self.waiting();
        let reason = match &waiting {
            Some(reason) => Some(reason.clone()),
            None => (!known.quorum).then(|| NO_QUORUM.to_owned()),
        };
        let status = match (&waiting, known.quorum) {
            (Some(_), _) => "joining",
            (None, false) => "degraded",
            (None, true) => "member",
        };
        let me = known.members.iter().find(|member| member.who.node == known.me);
        let alive = known.members.iter().filter(|member| member.state != State::Dead);
        let metrics = json!({
            "status": status,
            "reason": reason,
            "view": known.view,
            "quorum": known.quorum,
            "members": known.members.len(),
            "members_alive": alive.count(),
            "owned_targets": me.map_or(0, |me| me.owned),
            "standby_targets": me.map_or(0, |me| me.standby),
        });
        let condition = Condition::well(metrics);
        match &self.status.borrow().failure {
            Some(failure) => condition.because(Health::Unhealthy, failure.to_string()),
            None if waiting.is_some() => condition.waiting(waiting),
            None if !known.quorum => condition.because(Health::Degraded, NO_QUORUM),
            None => condition,
        }
    }

    /// Whether the node is a member now.
    pub(super) fn is_joined(&self) -> bool {
        self.waiting().is_none()
    }

    /// Waits until something of it may have changed. `false`: the cluster has ended, and nothing will.
    pub(super) async fn changed(&mut self) -> bool {
        let changed = tokio::select! {
            changed = self.status.changed() => changed,
            changed = self.knowledge.changed() => changed,
        };
        changed.is_ok()
    }

    /// What the node waits for before it is a member; `None`: it is one.
    fn waiting(&self) -> Option<String> {
        let (joined, seeds, group) = {
            let status = self.status.borrow();
            (
                status.joined,
                status.waiting_for_seeds,
                status.waiting_for_group.clone(),
            )
        };
        if !joined {
            return Some(if seeds {
                format!("waiting for seeds: {}", self.seeds)
            } else {
                "joining".to_owned()
            });
        }
        if group.is_some() {
            return group;
        }
        let known = self.knowledge.borrow();
        match known.members.iter().find(|member| member.who.node == known.me) {
            Some(me) if me.state == State::Joining => Some(HELD_DOWN.to_owned()),
            Some(_) => None,
            None => Some("joining".to_owned()),
        }
    }
}

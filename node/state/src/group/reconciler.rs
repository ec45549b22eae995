//! Makes the changes of the membership that the group needs, while this node leads.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use openraft::{ChangeMembers, ServerState};
use tokio::time::{Instant, sleep, timeout};

use super::reconcile::{ChangeStep, Members, Memory, next_change};
use super::run::{End, leads};
use super::types::{RaftMetrics, RaftNode};
use super::{Core, Run};

/// How often it looks.
const EVERY: Duration = Duration::from_millis(500);
/// For one change, which may be two entries.
const LIMIT: Duration = Duration::from_secs(5);
/// Who has all entries but so many has caught up.
const BEHIND: u64 = 64;

/// Reconciles as long as the run lasts.
pub(crate) async fn reconcile(core: Arc<Core>, run: Arc<Run>) -> End {
    let mut memory = None;
    loop {
        sleep(EVERY).await;
        let metrics = run.raft.metrics().borrow().clone();
        let group = run.identity.group();
        if group == 0 || metrics.state != ServerState::Leader || run.resigns() {
            memory = None;
            continue;
        }
        // It may only be unconfirmed for a moment: since when voters have been away is still true.
        if !leads(&metrics) {
            continue;
        }
        let parts = &core.parts;
        let memory = memory.get_or_insert_with(|| Memory::new(group, parts.voters, parts.replace_after));
        let members = members(&metrics, run.identity.raft_id);
        let Some(step) = next_change(&members, &core.directory(), Instant::now(), memory) else {
            continue;
        };
        tracing::info!(%step, "the membership of the group changes");
        match timeout(LIMIT, make(&run, step)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(error, "the membership of the group was not changed"),
            Err(_) => tracing::warn!("the change of the group's membership takes too long"),
        }
    }
}

fn members(metrics: &RaftMetrics, me: u64) -> Members {
    let membership = metrics.membership_config.membership();
    let mut nodes = Run::nodes(metrics);
    let configs = membership.get_joint_config();
    let unfinished = (configs.len() > 1).then(|| configs.last().cloned().unwrap_or_default());
    let voters: BTreeSet<u64> = membership.voter_ids().collect();
    let last = metrics.last_log_index.unwrap_or(0);
    let caught_up = metrics.replication.iter().flatten().filter(|(_, matched)| {
        let matched = matched.map_or(0, |matched| matched.index);
        matched > 0 && matched + BEHIND >= last
    });
    let caught_up = caught_up.map(|(id, _)| *id).collect();
    let learners = nodes.split_off(&0).into_iter();
    let (voters, learners) = learners.partition(|(id, _)| voters.contains(id));
    Members {
        me,
        voters,
        learners,
        caught_up,
        unfinished,
    }
}

async fn make(run: &Run, step: ChangeStep) -> Result<(), String> {
    let raft = &run.raft;
    let made = match step {
        ChangeStep::AddLearner { id, node } => raft.add_learner(id, RaftNode::new(node), false).await,
        ChangeStep::Finish(voters) | ChangeStep::Voters(voters) => {
            raft.change_membership(ChangeMembers::ReplaceAllVoters(voters), true)
                .await
        }
        ChangeStep::RemoveLearner { id, .. } => {
            raft.change_membership(ChangeMembers::RemoveNodes([id].into()), true)
                .await
        }
        ChangeStep::Rename { id, node } => {
            let renamed = [(id, RaftNode::new(node))].into();
            raft.change_membership(ChangeMembers::SetNodes(renamed), true)
                .await
        }
    };
    made.map(drop).map_err(|error| error.to_string())
}

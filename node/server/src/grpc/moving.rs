//! What moves targets between members: only the node that leads the group can do it.

use std::collections::BTreeMap;

use ringwatch_cluster::member::{NodeId, State};
use ringwatch_cluster::node::{ClusterControl, Knowledge, OrderError, Rebalanced};
use ringwatch_frame::TargetId;
use ringwatch_proto::v1;
use ringwatch_proto::v1::cluster_client::ClusterClient;
use tonic::transport::Channel;
use tonic::{Code, Response, Status};

use super::convert::count;
use super::words::{handed_on, refusal};
use super::{LARGEST_REQUEST, forward};
use crate::runtime::Change;

/// Keeps a target on a member, here if this node leads, else through the leader.
pub(super) async fn move_target(
    control: &ClusterControl,
    wanted: v1::MoveTargetRequest,
    change: &Change,
    forwarded: bool,
) -> Result<v1::MoveTargetResponse, Status> {
    let known = control.knowledge().borrow().clone();
    let target = TargetId::from_name(&wanted.target_id);
    let to = (!wanted.node_id.is_empty()).then(|| NodeId::new(&wanted.node_id));
    let from = known.targets.iter().find(|placed| placed.target == target);
    let from = from.and_then(|placed| placed.owner.clone());
    match control.move_target(&target, to.as_ref()).await {
        Ok(view) => {
            let to = match to {
                Some(to) => Some(to),
                None => home(control, &target, view).await,
            };
            Ok(v1::MoveTargetResponse {
                target_id: wanted.target_id,
                node_id: to.map_or_else(String::new, |to| to.to_string()),
                from: from.map_or_else(String::new, |from| from.to_string()),
            })
        }
        Err(OrderError::NotLeader { leader }) => {
            let call = async |channel| client(channel).move_target(handed_on(wanted, change)).await;
            at_leader(&known, leader, forwarded, call).await
        }
        Err(error) => Err(refused(&error)),
    }
}

/// Makes loads alike, here if this node leads, else through the leader.
pub(super) async fn rebalance(
    control: &ClusterControl,
    wanted: v1::RebalanceRequest,
    change: &Change,
    forwarded: bool,
) -> Result<v1::RebalanceResponse, Status> {
    let known = control.knowledge().borrow().clone();
    match control.rebalance(wanted.dry_run).await {
        Ok(done) => Ok(rebalanced(&known, &done, wanted.dry_run)),
        Err(OrderError::NotLeader { leader }) => {
            let call = async |channel| client(channel).rebalance(handed_on(wanted, change)).await;
            at_leader(&known, leader, forwarded, call).await
        }
        Err(error) => Err(refused(&error)),
    }
}

/// Where the target is by the view `view`, which this node has applied before it answered, or soon does.
async fn home(control: &ClusterControl, target: &TargetId, view: u64) -> Option<NodeId> {
    let mut knowledge = control.knowledge();
    let known = knowledge.wait_for(|known| known.view >= view);
    let known = tokio::time::timeout(forward::DEADLINE, known).await;
    let known = known.ok()?.ok()?.clone();
    let placed = known.targets.iter().find(|placed| placed.target == *target)?;
    placed.home.clone()
}

async fn at_leader<T>(
    known: &Knowledge,
    leader: Option<NodeId>,
    forwarded: bool,
    call: impl AsyncFnOnce(Channel) -> Result<Response<T>, Status>,
) -> Result<T, Status> {
    let Some(leader) = leader else {
        let error = OrderError::NotLeader { leader: None };
        return Err(refusal(Code::Unavailable, &format!("{error}; try again")));
    };
    if forwarded {
        let text = format!("`{leader}` leads the group by now; try again");
        return Err(refusal(Code::Unavailable, &text));
    }
    let member = known
        .members
        .iter()
        .find(|member| member.who.node == leader && member.state != State::Dead);
    let Some(member) = member else {
        let text =
            format!("`{leader}`, which led the group, is away: another leader is being elected; try again");
        return Err(refusal(Code::Unavailable, &text));
    };
    forward::ask(&member.member, forward::DEADLINE, call).await
}

fn refused(error: &OrderError) -> Status {
    let code = match error {
        OrderError::NotLeader { .. }
        | OrderError::NoQuorum { .. }
        | OrderError::NoView(_)
        | OrderError::Busy => Code::Unavailable,
        OrderError::UnknownTarget(_) => Code::NotFound,
        OrderError::NotReady { .. } | OrderError::Stays(_) | OrderError::Failed(_) => {
            Code::FailedPrecondition
        }
        OrderError::TooManyPins(_) => Code::ResourceExhausted,
        OrderError::Unknown => Code::DeadlineExceeded,
    };
    refusal(code, &error.to_string())
}

fn rebalanced(known: &Knowledge, done: &Rebalanced, dry_run: bool) -> v1::RebalanceResponse {
    let mut before = BTreeMap::<&NodeId, usize>::new();
    for placed in &known.targets {
        if let Some(home) = placed.home.as_ref().or(placed.owner.as_ref()) {
            *before.entry(home).or_default() += 1;
        }
    }
    let mut after = before.clone();
    for one in &done.moves {
        if let Some(count) = after.get_mut(&one.from) {
            *count = count.saturating_sub(1);
        }
        *after.entry(&one.to).or_default() += 1;
    }
    let loads = |loads: &[(NodeId, f64)], targets: &BTreeMap<&NodeId, usize>| {
        let load = |(node, load): &(NodeId, f64)| v1::Load {
            node_id: node.to_string(),
            load: *load,
            targets: count(targets.get(node).copied().unwrap_or(0)),
        };
        loads.iter().map(load).collect()
    };
    let moves = done.moves.iter().map(|one| v1::Move {
        target_id: one.target.to_string(),
        from: one.from.to_string(),
        to: one.to.to_string(),
        weight: one.weight,
    });
    v1::RebalanceResponse {
        dry_run,
        moves: moves.collect(),
        before: loads(&done.before, &before),
        after: loads(&done.after, &after),
    }
}

fn client(channel: Channel) -> ClusterClient<Channel> {
    ClusterClient::new(channel).max_decoding_message_size(16 * LARGEST_REQUEST)
}

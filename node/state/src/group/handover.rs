//! Gives the leadership away before a stop.
//!
//! openraft 0.9 has no transfer. A leader that has led for longer than its own lease grants the vote of
//! whoever has all its entries; so with three voters the successor needs nobody else. With five, the others
//! have to be without a heartbeat for a lease first.

use std::sync::atomic::Ordering;
use std::time::Duration;

use openraft::ServerState;
use ringwatch_proto::v1;
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::run::{LEASE, PROPOSALS};
use super::types::RaftMetrics;
use super::{Core, Run};
use crate::network::{Method, decode_message, encode_message};

/// How often it looks whether the successor has all entries, or leads.
const LOOK: Duration = Duration::from_millis(5);
/// How long is waited for the last entries to arrive.
const CATCH_UP: Duration = Duration::from_millis(500);
/// For the request to the successor.
const ASK: Duration = Duration::from_millis(500);
/// How long is waited for a leader before the request is made again. Not less than a lease: a vote that was
/// refused for one is then granted.
const AGAIN: Duration = Duration::from_millis(1100);

/// Gives the leadership away, if this node has it. Whether it has not, at the end. It never takes it back
/// after that.
pub(crate) async fn hand_over(core: &Core, run: &Run, limit: Duration) -> bool {
    if !is_leader(run) {
        run.resigning.store(true, Ordering::Release);
        run.raft.runtime_config().elect(false);
        return true;
    }
    if successor(core, &run.raft.metrics().borrow().clone()).is_none() {
        return false;
    }
    let start = Instant::now();
    // Before that it grants no vote; proposals go on meanwhile.
    sleep((LEASE + LOOK * 2).saturating_sub(run.has_led()).min(limit / 2)).await;
    run.resigning.store(true, Ordering::Release);
    run.raft.runtime_config().elect(false);
    // What is in work would make this log longer than the successor's, and cost it this node's vote.
    drop(timeout(CATCH_UP, run.proposals.acquire_many(PROPOSALS)).await);
    let done = timeout_at(start + limit, give(core, run)).await.unwrap_or(false);
    if done {
        let milliseconds = start.elapsed().as_millis();
        tracing::info!(milliseconds, "the leadership of the group was handed over");
    } else {
        run.raft.runtime_config().heartbeat(true);
        run.resigning.store(false, Ordering::Release);
    }
    done
}

fn is_leader(run: &Run) -> bool {
    run.raft.metrics().borrow().state == ServerState::Leader
}

async fn give(core: &Core, run: &Run) -> bool {
    let voters = run
        .raft
        .metrics()
        .borrow()
        .membership_config
        .membership()
        .voter_ids()
        .count();
    if voters / 2 + 1 > 2 {
        run.raft.runtime_config().heartbeat(false);
        sleep(LEASE + LOOK * 2).await;
    }
    loop {
        let metrics = run.raft.metrics().borrow().clone();
        if metrics.state != ServerState::Leader {
            return settled(run).await;
        }
        let Some((id, node)) = successor(core, &metrics) else {
            return false;
        };
        let _ = timeout(CATCH_UP, caught_up(run, id)).await;
        let request = v1::CampaignRequest {
            term: metrics.current_term,
        };
        let call = run
            .caller
            .call(&node, id, Method::Campaign, encode_message(&request));
        let answer = timeout(ASK, call).await.ok().and_then(Result::ok);
        let answer = answer.and_then(|answer| decode_message::<v1::CampaignResponse>(answer).ok());
        if !answer.is_some_and(|answer| answer.accepted) {
            sleep(LOOK * 10).await;
            continue;
        }
        if timeout(AGAIN, settled(run)).await.is_ok() {
            return true;
        }
    }
}

/// The living voter that has most of the log.
fn successor(core: &Core, metrics: &RaftMetrics) -> Option<(u64, String)> {
    let directory = core.directory();
    let membership = metrics.membership_config.membership();
    let others = membership
        .voter_ids()
        .filter(|id| *id != metrics.id && directory.by_raft(*id).is_some());
    let matched = |id: &u64| {
        metrics
            .replication
            .as_ref()
            .and_then(|all| all.get(id).copied().flatten())
    };
    let best = others.max_by_key(matched)?;
    Some((best, membership.get_node(&best)?.node.clone()))
}

async fn caught_up(run: &Run, id: u64) {
    loop {
        let metrics = run.raft.metrics().borrow().clone();
        let matched = metrics
            .replication
            .as_ref()
            .and_then(|all| all.get(&id).copied().flatten());
        if matched.map(|matched| matched.index) >= metrics.last_log_index {
            return;
        }
        sleep(LOOK).await;
    }
}

/// Waits until another leads.
async fn settled(run: &Run) -> bool {
    loop {
        {
            let metrics = run.raft.metrics();
            let metrics = metrics.borrow();
            let leader = metrics.current_leader;
            if metrics.state != ServerState::Leader && leader.is_some_and(|leader| leader != metrics.id) {
                return true;
            }
        }
        sleep(LOOK).await;
    }
}

/// The other side: stands for election, because the leader `from` of this term asks for it.
pub(crate) async fn campaign(run: &Run, from: u64, request: &v1::CampaignRequest) -> bool {
    {
        let metrics = run.raft.metrics();
        let metrics = metrics.borrow();
        let votes = metrics
            .membership_config
            .membership()
            .voter_ids()
            .any(|id| id == metrics.id);
        let asks = metrics.current_leader == Some(from) && metrics.current_term == request.term;
        if !votes || !asks || run.resigns() {
            return false;
        }
    }
    tracing::info!("the leader of the group gives its place away: this node stands for election");
    run.raft.trigger().elect().await.is_ok()
}

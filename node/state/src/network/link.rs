//! The way of openraft's own calls to one peer.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use openraft::error::{Fatal, RPCError, RaftError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::{Backoff, RPCOption, RaftNetwork, RaftNetworkFactory};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse,
    SnapshotResponse, VoteRequest, VoteResponse,
};
use openraft::{EntryPayload, Vote};

use super::{CallError, Caller, Method, decode, encode, send};
use crate::group::types::{Entry, RaftNode, Snapshot, Types};

/// How long a peer that could not be reached is left alone.
const LEFT_ALONE: Duration = Duration::from_millis(200);
/// The most that one append carries, in bytes of entries. It has to arrive within a heartbeat's time.
const MOST: usize = 1024 * 1024;
/// What an entry takes beside its content, in bytes.
const BESIDE: usize = 64;

type NetworkResult<T> = Result<T, RPCError<u64, RaftNode, RaftError<u64>>>;

/// Makes links to peers.
#[derive(Clone)]
pub(crate) struct Links(pub(crate) Arc<Caller>);

impl RaftNetworkFactory<Types> for Links {
    type Network = Link;

    async fn new_client(&mut self, target: u64, node: &RaftNode) -> Link {
        Link {
            caller: Arc::clone(&self.0),
            node: node.node.clone(),
            raft: target,
            budget: MOST,
            waiting: false,
        }
    }
}

/// The way to one peer's store.
pub(crate) struct Link {
    caller: Arc<Caller>,
    node: String,
    raft: u64,
    /// How much the next append may carry.
    budget: usize,
    /// An append was sent and has not been answered. Still set at the next one: it came to nothing.
    waiting: bool,
}

impl Link {
    async fn call<Q, A>(&self, method: Method, message: &Q) -> NetworkResult<A>
    where
        Q: serde::Serialize,
        A: serde::de::DeserializeOwned,
    {
        let round = async {
            let payload = encode(message)?;
            decode::<A>(&self.caller.call(&self.node, self.raft, method, payload).await?)
        };
        // Any failure lets the peer alone for a while: it may come at once, again and again.
        round
            .await
            .map_err(|error: CallError| RPCError::Unreachable(Unreachable::new(&error)))
    }

    /// Adapts to the network: what came to nothing is sent again in smaller parts.
    fn adapt(&mut self) -> usize {
        let half = self.budget / 2;
        let double = self.budget.saturating_mul(2);
        self.budget = if std::mem::replace(&mut self.waiting, true) {
            half.max(16 * 1024)
        } else {
            double.min(MOST)
        };
        self.budget
    }
}

/// How many of `entries` go into one append of `budget` bytes: at least one, if there is one.
fn fitting(entries: &[Entry], budget: usize) -> usize {
    let mut bytes = 0;
    let fitting = entries.iter().take_while(|entry| {
        bytes += BESIDE
            + match &entry.payload {
                EntryPayload::Normal(content) => content.0.len(),
                EntryPayload::Blank | EntryPayload::Membership(_) => 0,
            };
        bytes <= budget
    });
    fitting.count().max(1).min(entries.len())
}

impl RaftNetwork<Types> for Link {
    async fn append_entries(
        &mut self,
        mut rpc: AppendEntriesRequest<Types>,
        _option: RPCOption,
    ) -> NetworkResult<AppendEntriesResponse<u64>> {
        let budget = self.adapt();
        let all = rpc.entries.len();
        rpc.entries.truncate(fitting(&rpc.entries, budget));
        let cut = rpc.entries.len() < all;
        let answer = self.call(Method::Append, &rpc).await;
        self.waiting = false;
        match answer {
            Ok(AppendEntriesResponse::Success) if cut => {
                let last = rpc.entries.last().map(|entry| entry.log_id);
                Ok(AppendEntriesResponse::PartialSuccess(last))
            }
            other => other,
        }
    }

    async fn vote(&mut self, rpc: VoteRequest<u64>, _option: RPCOption) -> NetworkResult<VoteResponse<u64>> {
        self.call(Method::Vote, &rpc).await
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote<u64>,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + Send + 'static,
        option: RPCOption,
    ) -> Result<SnapshotResponse<u64>, StreamingError<Types, Fatal<u64>>> {
        tokio::select! {
            closed = cancel => Err(StreamingError::Closed(closed)),
            sent = send::snapshot(
                &self.caller,
                &self.node,
                self.raft,
                vote,
                snapshot,
                option.hard_ttl(),
            ) => sent,
        }
    }

    /// Not used: [`full_snapshot`](RaftNetwork::full_snapshot) has its own way.
    async fn install_snapshot(
        &mut self,
        _rpc: InstallSnapshotRequest<Types>,
        _option: RPCOption,
    ) -> Result<
        InstallSnapshotResponse<u64>,
        RPCError<u64, RaftNode, RaftError<u64, openraft::error::InstallSnapshotError>>,
    > {
        let error = CallError::Refused("snapshots are sent whole".into());
        Err(RPCError::Unreachable(Unreachable::new(&error)))
    }

    fn backoff(&self) -> Backoff {
        Backoff::new(std::iter::repeat(LEFT_ALONE))
    }
}

#[cfg(test)]
mod tests {
    use openraft::{CommittedLeaderId, LogId};

    use super::*;
    use crate::group::types::EntryBytes;

    fn entry(index: u64, bytes: usize) -> Entry {
        Entry {
            log_id: LogId::new(CommittedLeaderId::new(1, 1), index),
            payload: EntryPayload::Normal(EntryBytes(vec![0; bytes].into())),
        }
    }

    #[test]
    fn an_append_takes_what_fits_and_never_nothing() {
        let entries: Vec<_> = (0..10).map(|index| entry(index, 1000 - BESIDE)).collect();
        for (budget, expected) in [(0, 1), (999, 1), (1000, 1), (2500, 2), (10_000, 10), (99_999, 10)] {
            assert_eq!(fitting(&entries, budget), expected, "budget {budget}");
        }
        assert_eq!(fitting(&[], 0), 0);
    }
}

//! Calls other nodes, found by the directory at every call.

use std::sync::Arc;

use bytes::Bytes;
use ringwatch_proto::v1;
use tokio::sync::watch;

use super::{CallError, Destination, Identity, Method, Transport};
use crate::group::directory::Directory;

/// Calls other nodes in the name of this store.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) identity: Arc<Identity>,
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) directory: watch::Receiver<Arc<Directory>>,
}

impl Caller {
    /// Calls the store `raft` of `node` as a member of our group.
    pub(crate) async fn call(
        &self,
        node: &str,
        raft: u64,
        method: Method,
        payload: Bytes,
    ) -> Result<Bytes, CallError> {
        self.call_as(self.identity.speaks_for(), node, raft, method, payload)
            .await
    }

    /// Calls the store `raft` of `node` as a member of `group`.
    pub(crate) async fn call_as(
        &self,
        group: u64,
        node: &str,
        raft: u64,
        method: Method,
        payload: Bytes,
    ) -> Result<Bytes, CallError> {
        let to = self.find(node, raft)?;
        let request = v1::RaftRequest {
            envelope: Some(self.identity.envelope(raft, group)),
            payload,
        };
        self.transport.call(&to, method, request).await
    }

    /// Where `node` is now. A node that the gossip takes for dead is called all the same: the gossip may err.
    fn find(&self, node: &str, raft: u64) -> Result<Destination, CallError> {
        let unreachable = |why: &str| Err(CallError::Unreachable(format!("{node}: {why}")));
        let directory = Arc::clone(&self.directory.borrow());
        // Whose store it is now: a node may have been given another name.
        let Some(peer) = directory.by_raft(raft).or_else(|| directory.peer(node)) else {
            return unreachable("the gossip does not know it");
        };
        if peer.address.is_empty() {
            return unreachable("its address is not known yet");
        }
        if peer.raft_id().is_some_and(|id| id != raft) {
            return unreachable("its store is another one now");
        }
        Ok(Destination {
            node: peer.node.clone(),
            address: peer.address.clone(),
        })
    }
}

//! The handle by which the node uses the group.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use ringwatch_proto::v1;
use serde_json::Value;
use tokio::sync::{broadcast, watch};

use super::Core;
use super::inspect::{ImportFailed, Inspection};
use super::propose::ProposeError;
use super::standing::Standing;
use crate::machine::{self, Machine, Touched};

/// Reads the state and proposes changes of it. Cheap to clone; it stays valid when the node's part of the
/// group starts anew.
#[derive(Clone)]
pub struct StateHandle(pub(crate) Arc<Core>);

impl fmt::Debug for StateHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StateHandle").finish_non_exhaustive()
    }
}

impl StateHandle {
    /// How the group stands.
    pub fn standing(&self) -> watch::Receiver<Standing> {
        self.0.standing.subscribe()
    }

    /// Reads the state, as far as it was applied on this node. `read` must be short: nothing is applied
    /// meanwhile.
    pub fn read<T>(&self, read: impl FnOnce(&Machine) -> T) -> T {
        self.0.shared.load().read(read)
    }

    /// What is changed from now on. Whoever lags behind reads all again, as after [`Touched::All`].
    pub fn touched(&self) -> broadcast::Receiver<Arc<Vec<Touched>>> {
        self.0.touched.subscribe()
    }

    /// Proposes commands, as one entry, and waits until they were applied on the leader; at most 2 s.
    ///
    /// # Errors
    /// When they were not done, or it is not known.
    pub async fn propose(
        &self,
        commands: Vec<v1::StateCommand>,
    ) -> Result<Vec<v1::StateAnswer>, ProposeError> {
        self.0
            .propose(self.0.fence.load(Ordering::Acquire), commands)
            .await
    }

    /// Proposes `command` soon, with others in one entry, and again until it was done or refused. Of one
    /// `key` only the newest is proposed. `urgent`: at once, otherwise within 150 ms.
    pub fn later(&self, key: String, command: v1::StateCommand, urgent: bool) {
        let outbox = &self.0.outbox;
        if !outbox.add(key, command, urgent) {
            self.0.metrics.refused("outbox_full");
            if let Some(held_back) = outbox.complain() {
                tracing::warn!(
                    held_back,
                    "too many changes wait for the group, the newest are dropped"
                );
            }
        }
    }

    /// Waits until all that was given to [`later`](Self::later) is done or refused; whether that was so
    /// within `limit`.
    pub async fn flush(&self, limit: Duration) -> bool {
        self.0.outbox.flush(limit).await
    }

    /// The number of the last view that this node has applied, stamped on all that it proposes.
    pub fn set_view_fence(&self, view: u64) {
        self.0.fence.store(view, Ordering::Release);
    }

    /// All of the state, to be kept or read by people.
    pub async fn export(&self) -> Value {
        let shared = self.0.shared.load_full();
        // It takes long with many records: not on a thread that others wait for, and not while the state is held, which
        // would keep entries from being applied.
        let exported =
            tokio::task::spawn_blocking(move || machine::export(&shared.read(Machine::clone))).await;
        exported.unwrap_or(Value::Null)
    }

    /// Restores a back-up into a group that holds nothing but its view. How many commands it took.
    ///
    /// # Errors
    /// When the group is not empty, the document is none of ours, or the group did not take it.
    pub async fn import(&self, backup: Value) -> Result<usize, ImportFailed> {
        self.0.import(backup).await
    }

    /// What the store and the state hold.
    pub fn inspect(&self) -> Inspection {
        self.0.inspect()
    }
}

//! The machine, as it is read by everybody while it is changed by the log.

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use openraft::EntryPayload;
use tokio::sync::{broadcast, watch};

use super::MachineMeta;
use crate::group::types::{Entry, LogId, SnapshotMeta, StoredMembership};
use crate::machine::{self, Applied, Machine, Touched};
use crate::store::StoreError;

/// How many changes a subscriber may be behind before it is told that it lost some.
const TOUCHED: usize = 256;
/// Nodes compare their digests at each index that this divides.
const CHECKPOINT: u64 = 64;

/// How far the machine is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AppliedAt {
    /// Index of the last entry applied; 0 also: none.
    pub index: u64,
    /// The machine's digest there.
    pub digest: u64,
}

/// The machine, shared with its readers.
#[derive(Debug)]
pub struct Shared {
    state: RwLock<State>,
    applied: watch::Sender<AppliedAt>,
    touched: broadcast::Sender<Arc<Vec<Touched>>>,
}

/// The machine and what belongs to it at the same instant.
#[derive(Clone, Debug, Default)]
pub(crate) struct State {
    pub(crate) machine: Machine,
    pub(crate) applied: Option<LogId>,
    pub(crate) membership: StoredMembership,
    pub(crate) checkpoint: AppliedAt,
}

impl State {
    fn at(&self) -> AppliedAt {
        AppliedAt {
            index: self.applied.map_or(0, |id| id.index),
            digest: self.machine.digest(),
        }
    }
}

impl Shared {
    pub(crate) fn new(state: State) -> Arc<Self> {
        let applied = watch::Sender::new(state.at());
        Arc::new(Self {
            state: RwLock::new(state),
            applied,
            touched: broadcast::Sender::new(TOUCHED),
        })
    }

    /// Reads the machine. Short: no entry is applied meanwhile.
    pub fn read<T>(&self, read: impl FnOnce(&Machine) -> T) -> T {
        read(&self.lock().machine)
    }

    /// How far the machine is, each time it went on and that was written.
    pub fn applied(&self) -> watch::Receiver<AppliedAt> {
        self.applied.subscribe()
    }

    /// The last index with a digest that nodes compare: a multiple of 64. All 0 when this process has not
    /// come across one yet.
    pub fn checkpoint(&self) -> AppliedAt {
        self.lock().checkpoint
    }

    /// What changes, from now on. Who gets behind is told so, and has to read everything again.
    pub fn touched(&self) -> broadcast::Receiver<Arc<Vec<Touched>>> {
        self.touched.subscribe()
    }

    pub(crate) fn applied_index(&self) -> Option<u64> {
        self.lock().applied.map(|id| id.index)
    }

    pub(crate) fn position(&self) -> (Option<LogId>, StoredMembership) {
        let state = self.lock();
        (state.applied, state.membership.clone())
    }

    pub(super) fn meta(&self, generation: u32) -> (MachineMeta, StoredMembership) {
        let state = self.lock();
        let meta = MachineMeta {
            generation,
            applied: state.applied,
            count: state.machine.count(),
            digest: state.machine.digest(),
        };
        (meta, state.membership.clone())
    }

    /// A copy of everything, at one instant.
    pub(super) fn copy(&self) -> State {
        self.lock().clone()
    }

    /// Applies one entry in memory.
    pub(super) fn apply(&self, entry: &Entry) -> Result<Applied, StoreError> {
        let index = entry.log_id.index;
        let unknown = |unknown: machine::Unknown| StoreError::Unknown {
            index,
            reason: unknown.to_string(),
        };
        let decoded = match &entry.payload {
            EntryPayload::Normal(bytes) => Some(machine::decode(&bytes.0).map_err(unknown)?),
            EntryPayload::Blank | EntryPayload::Membership(_) => None,
        };
        let mut state = self.lock_to_write();
        let applied = match &decoded {
            Some(decoded) => state.machine.apply(decoded).map_err(unknown)?,
            None => Applied::default(),
        };
        if let EntryPayload::Membership(membership) = &entry.payload {
            state.membership = StoredMembership::new(Some(entry.log_id), membership.clone());
        }
        state.applied = Some(entry.log_id);
        if index.is_multiple_of(CHECKPOINT) {
            state.checkpoint = state.at();
        }
        Ok(applied)
    }

    /// Takes another machine's place.
    pub(super) fn replace(&self, machine: Machine, meta: &SnapshotMeta) {
        let mut state = self.lock_to_write();
        state.machine = machine;
        state.applied = meta.last_log_id;
        state.membership = meta.last_membership.clone();
        let index = meta.last_log_id.map_or(0, |id| id.index);
        if index.is_multiple_of(CHECKPOINT) {
            state.checkpoint = state.at();
        }
    }

    /// Tells how far the machine is, and what was touched.
    pub(super) fn publish(&self, touched: Vec<Touched>) {
        self.applied.send_replace(self.lock().at());
        if !touched.is_empty() {
            // No receivers: nobody wants to know.
            let _ = self.touched.send(Arc::new(touched));
        }
    }

    fn lock(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_to_write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

//! One store with openraft on it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use openraft::{Config, ServerState, SnapshotPolicy};
use tokio::sync::{Mutex, Semaphore};
use tokio::time::Instant;

use super::Core;
use super::parts::StateError;
use super::promise::Promises;
use super::types::{Raft, RaftMetrics};
use crate::network::{Caller, Identity, Links, Receiver};
use crate::store::{LogStore, Meta, Opened, SetAside, Shared};

/// The leader's heartbeats, in milliseconds.
const HEARTBEAT: u64 = 100;
/// A follower without heartbeats stands for election after the longer time and a random one between them, in
/// milliseconds: chosen for two busy cores and pods with little of one.
const ELECTION: (u64, u64) = (500, 1000);
/// The longest that voters hold to a leader which they do not hear any more.
pub(crate) const LEASE: Duration = Duration::from_millis(ELECTION.1);
/// For one part of a snapshot, in milliseconds.
const SNAPSHOT_PART_TIME: u64 = 5000;
/// A snapshot is made after so many entries, and so many of them are kept for those who are a little behind.
const SNAPSHOT_AFTER: u64 = 1000;
const KEPT_ENTRIES: u64 = 200;
/// A leader whom no majority has confirmed for so long leads no more.
pub(crate) const CONFIRMED: Duration = Duration::from_secs(1);
/// A leader with a majority that has not been heard for so long is none.
const HEARD: Duration = Duration::from_secs(2);
/// How many proposals a leader has in work.
pub(crate) const PROPOSALS: u32 = 128;
/// The most that is waited for openraft to end.
const ENDING: Duration = Duration::from_secs(5);

/// Why a run ended by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// The store must not be used any more: it is set aside and the node begins anew with another.
    SetAside(String),
    /// Something went wrong with the store while it was used: it is opened again, which proves what is in it.
    Reopen(String),
    /// This node's part has ended.
    Failed(String),
}

/// One store with openraft on it.
pub(crate) struct Run {
    pub(crate) raft: Raft,
    pub(crate) identity: Arc<Identity>,
    pub(crate) caller: Arc<Caller>,
    pub(crate) meta: Meta,
    pub(crate) log: LogStore,
    pub(crate) shared: Arc<Shared>,
    pub(crate) set_aside: Option<SetAside>,
    /// Held while a promise is changed, and while it is decided whether a call may join this store to a
    /// group.
    pub(crate) promises: Mutex<Promises>,
    pub(crate) receiver: Receiver,
    pub(crate) proposals: Semaphore,
    /// The leadership is being given away: nothing new is begun.
    pub(crate) resigning: AtomicBool,
    /// When a leader was heard that had a majority.
    heard: StdMutex<Option<Instant>>,
    /// Since when this node has led.
    leading: StdMutex<Option<Instant>>,
    /// The size of the store when it was last measured.
    disk_bytes: AtomicU64,
}

impl Run {
    /// Starts openraft on `opened`. It does not stand for election before it is told that it may.
    pub(crate) async fn start(core: &Core, opened: Opened) -> Result<Arc<Self>, StateError> {
        let parts = &core.parts;
        let promises = Promises::read(opened.meta.promise())
            .ok_or_else(|| StateError::Raft("what the store has promised cannot be read".into()))?;
        let identity = Arc::new(Identity::new(
            parts.me.clone(),
            parts.cluster.clone(),
            opened.raft_id,
            opened.group,
        ));
        let caller = Arc::new(Caller {
            identity: Arc::clone(&identity),
            transport: Arc::clone(&core.transport),
            directory: parts.directory.clone(),
        });
        let (log, shared) = (opened.log.clone(), opened.machine.state());
        if log.bounds().is_some() {
            // It drove, and was stopped before the others had agreed.
            let plan = promises.current.as_ref();
            identity.set_begun(plan.map_or(0, |plan| plan.group));
        }
        let links = Links(Arc::clone(&caller));
        let config = Arc::new(config(&parts.cluster)?);
        let raft = Raft::new(opened.raft_id, config, links, opened.log, opened.machine).await;
        let raft = raft.map_err(|error| StateError::Raft(error.to_string()))?;
        Ok(Arc::new(Self {
            raft,
            identity,
            caller,
            meta: opened.meta,
            log,
            shared,
            set_aside: opened.set_aside,
            promises: Mutex::new(promises),
            receiver: Receiver::default(),
            proposals: Semaphore::new(PROPOSALS as usize),
            resigning: AtomicBool::new(false),
            heard: StdMutex::new(None),
            leading: StdMutex::new(None),
            disk_bytes: AtomicU64::new(0),
        }))
    }

    /// Ends openraft and closes the store.
    pub(crate) async fn stop(&self) {
        if tokio::time::timeout(ENDING, self.raft.shutdown()).await.is_err() {
            tracing::warn!("the group's engine does not end in time");
        }
        if let Err(error) = self.meta.close().await {
            tracing::warn!(%error, "the store of the group was not closed well");
        }
    }

    /// A leader was heard that has a majority.
    pub(crate) fn hear(&self) {
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    /// Notes whether this node leads.
    pub(crate) fn note_leading(&self, leading: bool) {
        let mut since = self.leading.lock().unwrap_or_else(PoisonError::into_inner);
        *since = leading.then(|| since.unwrap_or_else(Instant::now));
    }

    /// For how long this node has led.
    pub(crate) fn has_led(&self) -> Duration {
        let since = *self.leading.lock().unwrap_or_else(PoisonError::into_inner);
        since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    /// Whether a leader that has a majority was heard lately.
    pub(crate) fn hears_leader(&self) -> bool {
        let heard = *self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.is_some_and(|at| at.elapsed() < HEARD)
    }

    /// Measures the store.
    pub(crate) async fn measure(&self) {
        self.disk_bytes
            .store(self.meta.bytes_on_disk().await, Ordering::Relaxed);
    }

    /// The size of the store when it was last measured, in bytes.
    pub(crate) fn disk_bytes(&self) -> u64 {
        self.disk_bytes.load(Ordering::Relaxed)
    }

    pub(crate) fn resigns(&self) -> bool {
        self.resigning.load(Ordering::Acquire)
    }

    /// Puts `next` in the place of what was promised. It is durable before anybody can see it, also when whoever
    /// waits for this goes away meanwhile.
    pub(crate) async fn keep(&self, promises: &mut Promises, next: Promises) -> Result<(), String> {
        if *promises == next {
            return Ok(());
        }
        let bytes = next.bytes().ok_or("a promise cannot be encoded")?;
        self.meta
            .set_promise(Some(bytes))
            .await
            .map_err(|error| format!("the promise cannot be kept: {error}"))?;
        *promises = next;
        Ok(())
    }

    /// Makes this store one of `group`. Durable when it returns.
    pub(crate) async fn join(&self, group: u64) -> Result<(), String> {
        self.meta
            .set_group(group)
            .await
            .map_err(|error| error.to_string())?;
        self.identity.set_group(group);
        tracing::info!(
            group,
            raft_id = self.identity.raft_id,
            "this node belongs to the group"
        );
        Ok(())
    }

    /// The nodes of the members, by Raft id.
    pub(crate) fn nodes(metrics: &RaftMetrics) -> BTreeMap<u64, String> {
        let nodes = metrics.membership_config.membership().nodes();
        nodes.map(|(id, node)| (*id, node.node.clone())).collect()
    }
}

/// Whether openraft leads, and a majority has confirmed it lately. It believes itself leader long after it
/// was deposed behind its back.
pub(crate) fn leads(metrics: &RaftMetrics) -> bool {
    let confirmed = metrics.millis_since_quorum_ack;
    let confirmed = confirmed.is_some_and(|millis| u128::from(millis) <= CONFIRMED.as_millis());
    metrics.state == ServerState::Leader && metrics.running_state.is_ok() && confirmed
}

fn config(cluster: &str) -> Result<Config, StateError> {
    let config = Config {
        cluster_name: cluster.to_owned(),
        heartbeat_interval: HEARTBEAT,
        election_timeout_min: ELECTION.0,
        election_timeout_max: ELECTION.1,
        install_snapshot_timeout: SNAPSHOT_PART_TIME,
        snapshot_policy: SnapshotPolicy::LogsSinceLast(SNAPSHOT_AFTER),
        max_in_snapshot_log_to_keep: KEPT_ENTRIES,
        enable_elect: false,
        ..Config::default()
    };
    config
        .validate()
        .map_err(|error| StateError::Raft(error.to_string()))
}

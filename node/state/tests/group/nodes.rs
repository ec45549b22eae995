//! Nodes with a runtime of their own, so that one can be killed.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use prometheus::Registry;
use ringwatch_frame::Clock;
use ringwatch_state::{
    Credentials, Directory, Me, Place, Standing, State, StateHandle, StateParts, start_state,
};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::task::AbortOnDropHandle;

use crate::gossip::{Gossip, Known};

/// Longer than anything takes here when it works, on a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(40);
/// How often the directory is fed.
const FEED: Duration = Duration::from_millis(20);

pub(crate) struct Key(pub(crate) &'static str);

impl Credentials for Key {
    fn token(&self) -> String {
        self.0.into()
    }

    fn accepts(&self, token: &str) -> bool {
        token == self.0
    }
}

/// A running node.
pub(crate) struct Node {
    runtime: Option<Runtime>,
    pub(crate) state: Option<State>,
    pub(crate) handle: StateHandle,
    pub(crate) address: String,
    pub(crate) registry: Registry,
}

impl Node {
    pub(crate) fn standing(&self) -> Standing {
        self.handle.standing().borrow().clone()
    }

    /// Waits until the group stands as `wanted`, for its node.
    pub(crate) async fn until(&self, what: &str, wanted: impl Fn(&Standing) -> bool) -> Standing {
        let mut standing = self.handle.standing();
        let reached = timeout(PATIENCE, standing.wait_for(|standing| wanted(standing))).await;
        match reached {
            Ok(Ok(reached)) => reached.clone(),
            _ => panic!("not {what}: {:?}", self.standing()),
        }
    }

    pub(crate) fn raft_id(&self) -> u64 {
        self.handle.inspect().raft_id
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // A runtime cannot be dropped where it could be waited for.
        drop(self.state.take());
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// The nodes of a test.
pub(crate) struct Nodes {
    pub(crate) running: BTreeMap<String, Node>,
    gossip: Arc<Mutex<Gossip>>,
    _feeder: AbortOnDropHandle<()>,
    disk: TempDir,
    pub(crate) voters: usize,
    pub(crate) alone: bool,
    pub(crate) replace_after: Duration,
    generation: u64,
}

impl Nodes {
    pub(crate) fn new() -> Self {
        let gossip = Arc::new(Mutex::new(Gossip::default()));
        let fed = Arc::clone(&gossip);
        let feeder = tokio::spawn(async move {
            loop {
                fed.lock().unwrap().feed();
                sleep(FEED).await;
            }
        });
        Self {
            running: BTreeMap::new(),
            gossip,
            _feeder: AbortOnDropHandle::new(feeder),
            disk: TempDir::new().unwrap(),
            voters: 3,
            alone: false,
            replace_after: Duration::from_secs(300),
            generation: 0,
        }
    }

    /// Nodes of these names, each a letter, that have founded a group.
    pub(crate) async fn founded(names: &str) -> Self {
        let mut nodes = Self::new();
        for name in names.split_whitespace() {
            nodes.start(name).await;
        }
        nodes.healthy().await;
        nodes
    }

    fn gossip(&self) -> MutexGuard<'_, Gossip> {
        self.gossip.lock().unwrap()
    }

    pub(crate) fn place(&self, name: &str) -> PathBuf {
        self.disk.path().join(name).join("raft")
    }

    /// Starts a node, with the store that it left, and waits for nothing.
    pub(crate) async fn start(&mut self, name: &str) {
        self.generation += 1;
        let me = Me {
            node: name.into(),
            generation: self.generation,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let listener = listener.into_std().unwrap();
        let (directory, seen) = watch::channel(Arc::new(Directory::default()));
        let registry = Registry::new();
        let parts = StateParts {
            me,
            cluster: "test".into(),
            place: Place::Disk(self.place(name)),
            voters: self.voters,
            alone: self.alone,
            replace_after: self.replace_after,
            clock: Clock::system(),
            registry: registry.clone(),
            directory: seen,
            credentials: Arc::new(Key("key")),
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let started = runtime.spawn(async move {
            let state = start_state(parts).await.unwrap();
            let listener = TcpListener::from_std(listener).unwrap();
            let server = tonic::transport::Server::builder().add_service(state.service());
            tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
            state
        });
        let state = started.await.unwrap();
        let known = Known {
            generation: self.generation,
            address: address.clone(),
            announcement: state.announcement(),
            alive: true,
            ready_since: Clock::system().now().unix_nanos(),
        };
        let handle = state.handle();
        {
            let mut gossip = self.gossip();
            gossip.known.insert(name.into(), known);
            gossip.directories.insert(name.into(), directory);
        }
        let node = Node {
            runtime: Some(runtime),
            state: Some(state),
            handle,
            address,
            registry,
        };
        self.running.insert(name.into(), node);
    }

    /// Ends a node as a kill does. The gossip sees it half a second later.
    pub(crate) async fn kill(&mut self, name: &str) {
        drop(self.running.remove(name));
        self.gossip().directories.remove(name);
        sleep(Duration::from_millis(500)).await;
        self.gossip().known.get_mut(name).unwrap().alive = false;
    }

    /// Loses the store of a node that does not run.
    pub(crate) fn wipe(&self, name: &str) {
        std::fs::remove_dir_all(self.place(name)).unwrap();
    }

    /// What is made of each node's directory from now on.
    pub(crate) fn lie(&self, lie: impl Fn(&str, &mut Directory) + Send + 'static) {
        self.gossip().lie = Some(Box::new(lie));
    }

    pub(crate) fn node(&self, name: &str) -> &Node {
        &self.running[name]
    }

    /// Waits until every node belongs to the group, sees a leader, and as many vote as shall.
    pub(crate) async fn healthy(&self) {
        let voters = self.voters.min(self.running.len());
        for node in self.running.values() {
            let whole = |standing: &Standing| {
                let all = standing.voters.len() + standing.learners.len();
                standing.quorum
                    && standing.missing.is_empty()
                    && standing.voters.len() == voters
                    && all >= self.running.len()
            };
            node.until("healthy", whole).await;
        }
    }

    /// The node that leads.
    pub(crate) async fn leader(&self) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let leader = self.running.iter().find(|(_, node)| node.standing().leads);
            if let Some((name, _)) = leader {
                return name.clone();
            }
            assert!(Instant::now() < end, "nobody leads");
            sleep(Duration::from_millis(5)).await;
        }
    }

    /// A node that does not lead, a voter first.
    pub(crate) async fn follower(&self) -> String {
        let leader = self.leader().await;
        let voters = self.node(&leader).standing().voters;
        voters
            .into_iter()
            .find(|name| *name != leader && self.running.contains_key(name))
            .unwrap()
    }

    /// Waits until all nodes have applied the same, and it is the same.
    pub(crate) async fn equal(&self) {
        let end = Instant::now() + PATIENCE;
        loop {
            let states = self.running.values().map(|node| {
                let inspection = node.handle.inspect();
                (inspection.applied, inspection.digest)
            });
            let mut states: Vec<_> = states.collect();
            states.dedup();
            if states.len() == 1 {
                return;
            }
            assert!(Instant::now() < end, "the states stay different: {states:?}");
            sleep(Duration::from_millis(20)).await;
        }
    }
}

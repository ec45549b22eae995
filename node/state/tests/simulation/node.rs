//! One node: its disk, its lives, its part of the group.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures::future::BoxFuture;
use prometheus::Registry;
use ringwatch_frame::{Clock, Tick};
use ringwatch_state::store::{MemoryKv, Opened, Shared, StoreError, StoreMetrics, open_memory};
use ringwatch_state::{
    Announcement, Credentials, Directory, Me, Place, State, StateHandle, StateParts, Storage, start_state_on,
};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use crate::client;
use crate::network::Network;
use crate::oracle::Oracle;

/// When the simulated time begins.
const BEGIN: i64 = 1_800_000_000_000_000_000;

/// A node, alive or not.
pub(crate) struct Machine {
    pub(crate) name: String,
    pub(crate) disk: Disk,
    pub(crate) generation: u64,
    pub(crate) running: Option<Running>,
    /// It was started at least once.
    pub(crate) exists: bool,
    /// Its disk fails: so may its part of the group.
    pub(crate) may_fail: bool,
    clock: Clock,
}

/// A life of a node.
pub(crate) struct Running {
    pub(crate) state: State,
    pub(crate) handle: StateHandle,
    pub(crate) directory: watch::Sender<Arc<Directory>>,
    pub(crate) announcement: watch::Receiver<Announcement>,
    /// What proposes; taken away at the end.
    pub(crate) client: Option<AbortOnDropHandle<()>>,
}

/// The node's disk: what the process opens.
#[derive(Clone)]
pub(crate) struct Disk(Arc<Platters>);

struct Platters {
    kv: Mutex<MemoryKv>,
    /// How often the power went: what is still heard of an earlier life does not count.
    life: AtomicU64,
    node: String,
    clock: Clock,
    oracle: Oracle,
}

impl Disk {
    fn kv(&self) -> MemoryKv {
        self.0.kv.lock().unwrap().clone()
    }

    /// The power goes: what was not durable is lost.
    pub(crate) fn crash(&self) {
        self.0.life.fetch_add(1, Ordering::Relaxed);
        let mut kv = self.0.kv.lock().unwrap();
        *kv = kv.crash();
    }

    pub(crate) fn wipe(&self) {
        self.0.life.fetch_add(1, Ordering::Relaxed);
        let mut kv = self.0.kv.lock().unwrap();
        *kv = kv.wipe();
    }

    pub(crate) fn fail_after(&self, writes: Option<u64>) {
        self.kv().fail_after(writes);
    }

    /// Looks at all that is applied in this store from now on, until it ends.
    fn watch(&self, shared: &Arc<Shared>) {
        let disk = Arc::clone(&self.0);
        let life = disk.life.load(Ordering::Relaxed);
        let mut applied = shared.applied();
        let shared = Arc::downgrade(shared);
        tokio::spawn(async move {
            while applied.changed().await.is_ok() {
                let at = *applied.borrow_and_update();
                let view = shared
                    .upgrade()
                    .and_then(|shared| shared.read(|machine| machine.view().cloned()));
                if disk.life.load(Ordering::Relaxed) != life {
                    break;
                }
                disk.oracle.applied(&disk.node, at, view.as_ref());
            }
        });
    }
}

impl Storage for Disk {
    fn open<'a>(&'a self, set_aside: Option<&'a str>) -> BoxFuture<'a, Result<Opened, StoreError>> {
        Box::pin(async move {
            if let Some(reason) = set_aside {
                self.0.oracle.set_aside(&self.0.node, reason);
                self.wipe();
            }
            let metrics = StoreMetrics::register(&Registry::new()).unwrap();
            let opened = open_memory(&self.kv(), &self.0.clock, &metrics).await?;
            self.watch(&opened.machine.state());
            Ok(opened)
        })
    }
}

struct Open;

impl Credentials for Open {
    fn token(&self) -> String {
        "open".to_owned()
    }

    fn accepts(&self, token: &str) -> bool {
        token == "open"
    }
}

impl Machine {
    /// A node with an empty disk, whose clock is up to two seconds off.
    pub(crate) fn new(number: usize, random: &mut fastrand::Rng, slow_disk: u64, oracle: &Oracle) -> Self {
        let name = format!("n{}", number + 1);
        let off = random.i64(-2_000_000_000..2_000_000_000);
        let clock = Clock::simulated(Tick::from_unix_nanos(BEGIN + off));
        let most = Duration::from_millis(slow_disk);
        let kv = if slow_disk == 0 {
            MemoryKv::new()
        } else {
            MemoryKv::new().with_delay(most / 10, most)
        };
        let disk = Disk(Arc::new(Platters {
            kv: Mutex::new(kv),
            life: AtomicU64::new(0),
            node: name.clone(),
            clock: clock.clone(),
            oracle: oracle.clone(),
        }));
        Self {
            name,
            disk,
            generation: 0,
            running: None,
            exists: false,
            may_fail: false,
            clock,
        }
    }

    pub(crate) async fn start(&mut self, voters: usize, network: &Network, oracle: &Oracle) {
        if self.running.is_some() {
            return;
        }
        self.exists = true;
        self.generation += 1;
        self.disk.fail_after(None);
        self.may_fail = false;
        let (directory, seen) = watch::channel(Arc::new(Directory::default()));
        let parts = StateParts {
            me: Me {
                node: self.name.clone(),
                generation: self.generation,
            },
            cluster: "simulation".to_owned(),
            place: Place::Memory,
            voters,
            alone: false,
            replace_after: Duration::from_secs(3),
            clock: self.clock.clone(),
            registry: Registry::new(),
            directory: seen,
            credentials: Arc::new(Open),
        };
        let started = start_state_on(parts, Arc::new(self.disk.clone()), network.of(&self.name)).await;
        let state = match started {
            Ok(state) => state,
            Err(error) => return oracle.complain(format!("{} did not start: {error}", self.name)),
        };
        network.set(&self.name, Some(state.answers()));
        let handle = state.handle();
        oracle.life_begins(&self.name);
        let client = client::run(self.name.clone(), self.generation, handle.clone(), oracle.clone());
        self.running = Some(Running {
            announcement: state.announcement(),
            handle,
            directory,
            state,
            client: Some(AbortOnDropHandle::new(tokio::spawn(client))),
        });
    }

    /// The process dies.
    pub(crate) fn crash(&mut self, network: &Network) -> bool {
        network.set(&self.name, None);
        self.disk.crash();
        self.running.take().is_some()
    }

    /// The process ends in order.
    pub(crate) async fn stop(&mut self, network: &Network) -> bool {
        let Some(running) = self.running.take() else {
            return false;
        };
        running.state.hand_over(Duration::from_secs(2)).await;
        running.state.stop().await;
        network.set(&self.name, None);
        self.disk.crash();
        true
    }
}

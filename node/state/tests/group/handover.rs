//! How long a hand-over takes, in simulated time: with stores in memory, calls of a millisecond and a clock
//! that only the tests move.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use prometheus::Registry;
use ringwatch_frame::{Clock, Tick};
use ringwatch_proto::v1;
use ringwatch_state::network::Answers;
use ringwatch_state::store::{MemoryKv, Opened, StoreError, StoreMetrics, open_memory};
use ringwatch_state::{
    CallError, Destination, Directory, Me, Method, Peer, PeerRaft, Place, State, StateParts, Storage,
    Transport, start_state_on,
};
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

use crate::flags::flag;
use crate::nodes::Key;

type Table = Arc<Mutex<BTreeMap<String, Arc<dyn Answers>>>>;

/// Links of a millisecond.
struct Links(Table);

impl Transport for Links {
    fn call<'a>(
        &'a self,
        to: &'a Destination,
        method: Method,
        request: v1::RaftRequest,
    ) -> BoxFuture<'a, Result<Bytes, CallError>> {
        Box::pin(async move {
            sleep(Duration::from_millis(1)).await;
            let answers = self.0.lock().unwrap().get(&to.node).cloned();
            let answers = answers.ok_or_else(|| CallError::Unreachable("nobody listens".into()))?;
            answers.answer(method, request).await
        })
    }
}

struct Memory(Clock);

impl Storage for Memory {
    fn open<'a>(&'a self, _set_aside: Option<&'a str>) -> BoxFuture<'a, Result<Opened, StoreError>> {
        Box::pin(async move {
            let metrics = StoreMetrics::register(&Registry::new()).unwrap();
            open_memory(&MemoryKv::new(), &self.0, &metrics).await
        })
    }
}

async fn start(
    name: String,
    voters: usize,
    table: &Table,
    directory: watch::Receiver<Arc<Directory>>,
) -> State {
    let clock = Clock::simulated(Tick::from_unix_nanos(1_800_000_000_000_000_000));
    let parts = StateParts {
        me: Me {
            node: name.clone(),
            generation: 1,
        },
        cluster: "test".into(),
        place: Place::Memory,
        voters,
        alone: false,
        replace_after: Duration::from_secs(300),
        clock: clock.clone(),
        registry: Registry::new(),
        directory,
        credentials: Arc::new(Key("key")),
    };
    let links = Arc::new(Links(Arc::clone(table)));
    let state = start_state_on(parts, Arc::new(Memory(clock)), links)
        .await
        .unwrap();
    table.lock().unwrap().insert(name, state.answers());
    state
}

fn directory(states: &BTreeMap<String, State>) -> Directory {
    let peer = |(name, state): (&String, &State)| {
        let said = *state.announcement().borrow();
        Peer {
            node: name.clone(),
            generation: 1,
            address: name.clone(),
            alive: true,
            ready: true,
            raft: (said.id != 0).then_some(PeerRaft {
                id: said.id,
                group: said.group,
                role: said.role,
                checkpoint: said.checkpoint,
                digest: said.digest,
            }),
            ..Peer::default()
        }
    };
    Directory {
        peers: states.iter().map(peer).collect(),
        quorum: true,
        joined: true,
    }
}

/// The longest time without a proposal done, while a leader among `voters` hands over.
async fn gap(voters: usize) -> Duration {
    let table = Table::default();
    let (fed, seen) = watch::channel(Arc::new(Directory::default()));
    let mut states = BTreeMap::new();
    for number in 0..voters {
        let name = format!("n{number}");
        states.insert(name.clone(), start(name, voters, &table, seen.clone()).await);
    }
    let leader = timeout(Duration::from_secs(30), async {
        loop {
            sleep(Duration::from_millis(50)).await;
            fed.send_replace(Arc::new(directory(&states)));
            let leads = |state: &State| state.handle().standing().borrow().leads;
            if let Some((name, _)) = states.iter().find(|(_, state)| leads(state)) {
                return name.clone();
            }
        }
    });
    let leader = leader.await.expect("a leader");
    // Longer than a lease: a leader that was elected a moment ago grants no vote.
    sleep(Duration::from_secs(2)).await;
    fed.send_replace(Arc::new(directory(&states)));
    let (other, _) = states.iter().find(|(name, _)| **name != leader).unwrap();
    let handle = states[other].handle();
    let writer = tokio::spawn(async move {
        let (begin, mut last, mut longest) = (Instant::now(), Instant::now(), Duration::ZERO);
        while begin.elapsed() < Duration::from_secs(5) {
            if handle
                .propose(vec![flag("flag", longest.is_zero())])
                .await
                .is_ok()
            {
                longest = longest.max(last.elapsed());
                last = Instant::now();
            }
            sleep(Duration::from_millis(2)).await;
        }
        longest
    });
    sleep(Duration::from_secs(1)).await;
    let state = states.remove(&leader).unwrap();
    assert!(state.hand_over(Duration::from_secs(5)).await);
    table.lock().unwrap().remove(&leader);
    state.stop().await;
    let longest = writer.await.unwrap();
    println!("{voters} voters: {longest:?} without a proposal done while the leader handed over");
    longest
}

#[tokio::test(start_paused = true)]
async fn among_three_a_hand_over_takes_no_election_s_time() {
    for _ in 0..3 {
        let gap = gap(3).await;
        assert!(gap < Duration::from_millis(200), "{gap:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn among_five_it_takes_a_lease() {
    for _ in 0..2 {
        let gap = gap(5).await;
        assert!(gap < Duration::from_millis(1500), "{gap:?}");
    }
}

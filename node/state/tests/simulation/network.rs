//! Links between nodes: they are cut, lose calls and answers, and take their time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use futures::future::BoxFuture;
use ringwatch_proto::v1;
use ringwatch_state::network::Answers;
use ringwatch_state::{CallError, Destination, Method, Transport};
use tokio::time::sleep;

/// What is lost is noticed by waiting; the caller gives up long before.
const NEVER: Duration = Duration::from_secs(20);

/// All links.
#[derive(Clone)]
pub(crate) struct Network(Arc<Mutex<Links>>);

struct Links {
    random: Rng,
    nodes: BTreeMap<String, Arc<dyn Answers>>,
    cut: BTreeSet<(String, String)>,
    loss: u8,
    delay: u16,
    calls: u64,
    lost: u64,
}

impl Network {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(Links {
            random: Rng::with_seed(seed ^ 0x6e65_7477),
            nodes: BTreeMap::new(),
            cut: BTreeSet::new(),
            loss: 0,
            delay: 5,
            calls: 0,
            lost: 0,
        })))
    }

    fn links(&self) -> MutexGuard<'_, Links> {
        self.0.lock().unwrap()
    }

    /// The node's way to the others.
    pub(crate) fn of(&self, from: &str) -> Arc<dyn Transport> {
        Arc::new(Wire {
            from: from.to_owned(),
            network: self.clone(),
        })
    }

    /// The node answers from now on, or not any more.
    pub(crate) fn set(&self, node: &str, answers: Option<Arc<dyn Answers>>) {
        let mut links = self.links();
        match answers {
            Some(answers) => links.nodes.insert(node.to_owned(), answers),
            None => links.nodes.remove(node),
        };
    }

    pub(crate) fn cut(&self, from: &str, to: &str) {
        self.links().cut.insert((from.to_owned(), to.to_owned()));
    }

    pub(crate) fn heal(&self) {
        self.links().cut.clear();
    }

    pub(crate) fn set_loss(&self, percent: u8) {
        self.links().loss = percent;
    }

    pub(crate) fn set_delay(&self, most_ms: u16) {
        self.links().delay = most_ms;
    }

    /// Whether anything gets from the one to the other.
    pub(crate) fn is_open(&self, from: &str, to: &str) -> bool {
        !self.links().cut.contains(&(from.to_owned(), to.to_owned()))
    }

    /// How many calls there were and how many of them, or of their answers, were lost.
    pub(crate) fn counts(&self) -> (u64, u64) {
        let links = self.links();
        (links.calls, links.lost)
    }

    /// How long the next message takes; `None`: it is lost.
    fn way(&self, from: &str, to: &str) -> Option<Duration> {
        let mut links = self.links();
        let cut = links.cut.contains(&(from.to_owned(), to.to_owned()));
        let loss = links.loss;
        if cut || links.random.u8(0..100) < loss {
            links.lost += 1;
            return None;
        }
        let most = u64::from(links.delay) * 1_000;
        let micros = links.random.u64(200..most.max(1_000));
        // Some come very late, after the caller has given up.
        let late = if loss > 0 && links.random.u8(0..100) < 3 {
            3_000_000
        } else {
            0
        };
        Some(Duration::from_micros(micros + late))
    }

    async fn carry(
        self,
        from: String,
        to: String,
        method: Method,
        request: v1::RaftRequest,
    ) -> Result<Bytes, CallError> {
        self.links().calls += 1;
        let Some(way) = self.way(&from, &to) else {
            sleep(NEVER).await;
            return Err(CallError::Lost("the call is lost".to_owned()));
        };
        sleep(way).await;
        let answers = self.links().nodes.get(&to).cloned();
        let Some(answers) = answers else {
            return Err(CallError::Unreachable("nobody listens".to_owned()));
        };
        let answer = answers.answer(method, request).await;
        drop(answers);
        let Some(way) = self.way(&to, &from) else {
            sleep(NEVER).await;
            return Err(CallError::Lost("the answer is lost".to_owned()));
        };
        sleep(way).await;
        answer
    }
}

struct Wire {
    from: String,
    network: Network,
}

impl Transport for Wire {
    fn call<'a>(
        &'a self,
        to: &'a Destination,
        method: Method,
        request: v1::RaftRequest,
    ) -> BoxFuture<'a, Result<Bytes, CallError>> {
        // What is on its way arrives, though the caller has given up or died meanwhile.
        let (network, from, to) = (self.network.clone(), self.from.clone(), to.node.clone());
        let carried = tokio::spawn(network.carry(from, to, method, request));
        Box::pin(async move {
            carried
                .await
                .unwrap_or_else(|error| Err(CallError::Lost(error.to_string())))
        })
    }
}

//! The network: links that can be cut, calls between nodes, and the gossip's transport over them.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use chitchat::ChitchatEnvelope;
use chitchat::transport::{RecvOutcome, SendOutcome, Socket, Transport};
use futures::future::BoxFuture;
use ringwatch_cluster::member::{Incarnation, Member, NodeId};
use ringwatch_cluster::memories::{Change, Leave, Word};
use ringwatch_cluster::peer::{Answers, Handed, Late, PeerError, Peers, Recalled, Refused};
use ringwatch_frame::TargetId;
use tokio::sync::{mpsc, oneshot};
use tokio::time::sleep;

use crate::air::Air;
use crate::switch::Switch;
use crate::trace::{self, Trace};

/// So long a call over a cut link waits for an answer.
const SILENCE: Duration = Duration::from_secs(2);

pub(crate) struct Network {
    air: Air,
    trace: Arc<Trace>,
    state: Mutex<State>,
}

struct State {
    rng: fastrand::Rng,
    nodes: BTreeMap<NodeId, Reachable>,
    cut: BTreeSet<(NodeId, NodeId)>,
    /// Nodes that are not heard, though they hear.
    unheard: BTreeSet<NodeId>,
    /// One datagram of so many is lost; 0: none.
    leaky: u32,
    /// Everything takes longer by up to so many milliseconds.
    slow: u64,
    /// One answer of so many is lost; 0: none.
    lossy: u32,
}

#[derive(Clone)]
struct Reachable {
    life: Incarnation,
    answers: Arc<dyn Answers>,
    switch: Switch,
}

impl Network {
    pub(crate) fn new(seed: u64, trace: &Arc<Trace>) -> Arc<Self> {
        let state = State {
            rng: fastrand::Rng::with_seed(seed),
            nodes: BTreeMap::new(),
            cut: BTreeSet::new(),
            unheard: BTreeSet::new(),
            leaky: 0,
            slow: 0,
            lossy: 0,
        };
        Arc::new(Self {
            air: Air::default(),
            trace: Arc::clone(trace),
            state: Mutex::new(state),
        })
    }

    pub(crate) fn register(&self, life: &Incarnation, answers: Arc<dyn Answers>, switch: &Switch) {
        let reachable = Reachable {
            life: life.clone(),
            answers,
            switch: switch.clone(),
        };
        self.state
            .lock()
            .unwrap()
            .nodes
            .insert(life.node.clone(), reachable);
    }

    pub(crate) fn cut(&self, a: usize, b: usize) {
        self.air.cut(address(a), address(b), true);
        let mut state = self.state.lock().unwrap();
        state.cut.extend([(name(a), name(b)), (name(b), name(a))]);
    }

    pub(crate) fn heal(&self, a: usize, b: usize) {
        self.air.cut(address(a), address(b), false);
        let mut state = self.state.lock().unwrap();
        state
            .cut
            .retain(|link| *link != (name(a), name(b)) && *link != (name(b), name(a)));
    }

    pub(crate) fn lose_answers(&self, one_of: u32) {
        self.state.lock().unwrap().lossy = one_of;
    }

    /// Nobody hears node `n`, or everybody does again.
    pub(crate) fn silence(&self, n: usize, silent: bool) {
        let unheard = &mut self.state.lock().unwrap().unheard;
        if silent {
            unheard.insert(name(n));
        } else {
            unheard.remove(&name(n));
        }
    }

    /// One datagram of so many is lost, and all takes longer by up to so many milliseconds.
    pub(crate) fn weather(&self, leaky: u32, slow: u64) {
        let mut state = self.state.lock().unwrap();
        (state.leaky, state.slow) = (leaky, slow);
    }

    fn latency(&self) -> Duration {
        let mut state = self.state.lock().unwrap();
        let slow = state.slow * 1_000;
        Duration::from_micros(state.rng.u64(200..3_000 + slow))
    }

    /// Whether a datagram from here is lost.
    fn drops(&self, from: &NodeId) -> bool {
        let mut state = self.state.lock().unwrap();
        let one_of = state.leaky;
        state.unheard.contains(from) || (one_of > 0 && state.rng.u32(..one_of) == 0)
    }

    pub(crate) fn is_cut(&self, from: &NodeId, to: &NodeId) -> bool {
        let state = self.state.lock().unwrap();
        state.unheard.contains(from) || state.cut.contains(&(from.clone(), to.clone()))
    }

    fn loses_this(&self) -> bool {
        let mut state = self.state.lock().unwrap();
        let one_of = state.lossy;
        one_of > 0 && state.rng.u32(..one_of) == 0
    }

    fn process(&self, life: &Incarnation) -> Result<Reachable, PeerError> {
        let found = self.state.lock().unwrap().nodes.get(&life.node).cloned();
        let lives = |process: &Reachable| process.life == *life && !process.switch.is_dead();
        found
            .filter(lives)
            .ok_or_else(|| PeerError::Unreachable("connection refused".into()))
    }
}

/// The name of node `n`.
pub(crate) fn name(n: usize) -> NodeId {
    NodeId::new(&format!("node-{n}"))
}

/// Where node `n` takes gossip.
pub(crate) fn address(n: usize) -> SocketAddr {
    format!("10.0.0.{n}:7946").parse().unwrap()
}

/// Calls from one process to others.
pub(crate) struct SimPeers {
    pub(crate) me: Incarnation,
    pub(crate) network: Arc<Network>,
    pub(crate) switch: Switch,
}

impl SimPeers {
    /// A call. Once it is on its way the other process answers it, whether the caller still waits or not.
    async fn call<T: Send + 'static>(
        &self,
        to: &Member,
        ask: impl FnOnce(Arc<dyn Answers>) -> BoxFuture<'static, T> + Send + 'static,
    ) -> Result<T, PeerError> {
        self.switch.running().await;
        sleep(self.network.latency()).await;
        let process = self.network.process(&to.who)?;
        if self.network.is_cut(&self.me.node, &to.who.node) {
            return self.silence().await;
        }
        let (reply, answer) = oneshot::channel();
        process.switch.spawn(async move {
            let _ = reply.send(ask(process.answers).await);
        });
        let Ok(answer) = answer.await else {
            return Err(PeerError::Unreachable("connection reset".into()));
        };
        if self.network.is_cut(&to.who.node, &self.me.node) || self.network.loses_this() {
            return self.silence().await;
        }
        sleep(self.network.latency()).await;
        self.switch.running().await;
        Ok(answer)
    }

    async fn silence<T>(&self) -> Result<T, PeerError> {
        sleep(SILENCE).await;
        self.switch.running().await;
        Err(PeerError::Unreachable("no answer".into()))
    }
}

#[async_trait]
impl Peers for SimPeers {
    async fn confirm(&self, to: &Member) -> Result<bool, PeerError> {
        let me = self.me.clone();
        self.call(to, move |answers| {
            Box::pin(async move { answers.confirm(me).await })
        })
        .await
    }

    async fn prepare(
        &self,
        to: &Member,
        target: &TargetId,
        handoff: u64,
        view: u64,
    ) -> Result<(), PeerError> {
        let (me, target) = (self.me.clone(), target.clone());
        let ask = move |answers: Arc<dyn Answers>| -> BoxFuture<'static, Result<(), Refused>> {
            Box::pin(async move { answers.prepare(me, target, handoff, view).await })
        };
        self.call(to, ask).await?.map_err(PeerError::from)
    }

    async fn commit(&self, to: &Member, handed: Handed) -> Result<(), PeerError> {
        let (me, what) = (self.me.clone(), handed.target.clone());
        let ask = move |answers: Arc<dyn Answers>| -> BoxFuture<'static, Result<(), Refused>> {
            Box::pin(async move { answers.commit(me, handed).await })
        };
        let done = self.call(to, ask).await?.map_err(PeerError::from);
        let who = format!("{} commits to {}", self.me.node, to.who.node);
        self.network.trace.line(&who, || format!("{what}: {done:?}"));
        done
    }

    async fn recall(&self, to: &Member, targets: &[TargetId], view: u64) -> Result<Vec<Recalled>, PeerError> {
        let (me, asked) = (self.me.clone(), targets.to_vec());
        let ask = move |answers: Arc<dyn Answers>| -> BoxFuture<'static, Result<Vec<Recalled>, Refused>> {
            Box::pin(async move { answers.recall(me, asked, view).await })
        };
        let answer = self
            .call(to, ask)
            .await
            .and_then(|answer| answer.map_err(PeerError::from));
        let who = format!("{} asks {}", self.me.node, to.who.node);
        self.network.trace.line(&who, || {
            let owned = |recalled: &Recalled| (recalled.target.to_string(), recalled.owned);
            let owned = answer
                .as_ref()
                .map(|all| all.iter().map(owned).collect::<Vec<_>>());
            format!("for {targets:?} in view {view}: {owned:?}")
        });
        answer
    }

    async fn replicate(
        &self,
        to: &Member,
        changes: mpsc::Receiver<Change>,
        words: mpsc::Sender<Word>,
    ) -> PeerError {
        self.switch.running().await;
        sleep(self.network.latency()).await;
        let process = match self.network.process(&to.who) {
            Ok(process) => process,
            Err(error) => return error,
        };
        if self.network.is_cut(&self.me.node, &to.who.node) {
            return self.silence::<()>().await.err().unwrap_or(PeerError::Timeout);
        }
        if !process.switch.running().await {
            return PeerError::Unreachable("connection reset".into());
        }
        let said = process.answers.listen(&self.me);
        tokio::select! {
            end = self.tell(to, changes) => end,
            end = self.hear(to, said, words) => end,
        }
    }

    async fn may(&self, to: &Member, late: Late) -> Result<Leave, PeerError> {
        let me = self.me.clone();
        let (asked, who) = (late.clone(), format!("{} may {}", self.me.node, to.who.node));
        let leave = self.call(to, move |answers| {
            Box::pin(async move { answers.may(me, late).await })
        });
        let leave = leave.await;
        self.network.trace.line(&who, || {
            let told = leave
                .as_ref()
                .map(|leave| (leave.yes, leave.covered.as_ref().map(trace::cover)));
            let at = trace::seconds(asked.tick);
            format!("{} {} {at:.3}: {told:?}", asked.target, asked.stream.name())
        });
        leave
    }

    async fn offer(&self, to: &Member, target: &TargetId, heir: &NodeId) -> Result<(), PeerError> {
        let (me, target, heir) = (self.me.clone(), target.clone(), heir.clone());
        let ask = move |answers: Arc<dyn Answers>| -> BoxFuture<'static, Result<(), Refused>> {
            Box::pin(async move { answers.offer(me, target, heir).await })
        };
        self.call(to, ask).await?.map_err(PeerError::from)
    }

    async fn time(&self, to: &Member) -> Result<i64, PeerError> {
        self.call(to, |answers| Box::pin(async move { answers.time() }))
            .await
    }
}

impl SimPeers {
    /// Takes changes to a standby until the connection breaks.
    async fn tell(&self, to: &Member, mut changes: mpsc::Receiver<Change>) -> PeerError {
        while let Some(change) = changes.recv().await {
            sleep(self.network.latency()).await;
            self.switch.running().await;
            let process = match self.network.process(&to.who) {
                Ok(process) => process,
                Err(error) => return error,
            };
            if self.network.is_cut(&self.me.node, &to.who.node) {
                return self.silence::<()>().await.err().unwrap_or(PeerError::Timeout);
            }
            if !process.switch.running().await {
                return PeerError::Unreachable("connection reset".into());
            }
            let who = format!("{} -> {}", self.me.node, to.who.node);
            self.network.trace.line(&who, || trace::change(&change));
            if let Err(refused) = process.answers.replicated(&self.me, change) {
                self.network.trace.line(&who, || format!("refused: {refused:?}"));
                return refused.into();
            }
        }
        PeerError::Timeout
    }

    /// Takes words of a standby back here until the connection breaks.
    async fn hear(
        &self,
        to: &Member,
        mut said: mpsc::Receiver<Word>,
        words: mpsc::Sender<Word>,
    ) -> PeerError {
        while let Some(word) = said.recv().await {
            sleep(self.network.latency()).await;
            if self.network.is_cut(&to.who.node, &self.me.node) {
                return self.silence::<()>().await.err().unwrap_or(PeerError::Timeout);
            }
            self.switch.running().await;
            let who = format!("{} <- {}", self.me.node, to.who.node);
            self.network.trace.line(&who, || trace::word(&word));
            if words.send(word).await.is_err() {
                break;
            }
        }
        PeerError::Unreachable("the standby has hung up".into())
    }
}

/// The gossip's transport of one process.
pub(crate) struct SwitchedTransport {
    pub(crate) me: NodeId,
    pub(crate) network: Arc<Network>,
    pub(crate) switch: Switch,
}

struct SwitchedSocket {
    inner: Box<dyn Socket>,
    switch: Switch,
    network: Arc<Network>,
    me: NodeId,
}

#[async_trait]
impl Transport for SwitchedTransport {
    async fn open(&self, listen: SocketAddr) -> anyhow::Result<Box<dyn Socket>> {
        let inner = self.network.air.open(listen)?;
        Ok(Box::new(SwitchedSocket {
            inner,
            switch: self.switch.clone(),
            network: Arc::clone(&self.network),
            me: self.me.clone(),
        }))
    }
}

#[async_trait]
impl Socket for SwitchedSocket {
    fn local_addr(&self) -> anyhow::Result<SocketAddr> {
        self.inner.local_addr()
    }

    async fn send(&mut self, to: SocketAddr, envelope: ChitchatEnvelope) -> anyhow::Result<SendOutcome> {
        anyhow::ensure!(self.switch.running().await, "the process is gone");
        if self.network.drops(&self.me) {
            return Ok(SendOutcome { num_bytes_sent: 0 });
        }
        self.inner.send(to, envelope).await
    }

    async fn recv(&mut self) -> anyhow::Result<RecvOutcome> {
        anyhow::ensure!(self.switch.running().await, "the process is gone");
        let received = self.inner.recv().await?;
        anyhow::ensure!(self.switch.running().await, "the process is gone");
        Ok(received)
    }
}

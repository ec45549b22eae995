//! Nodes that answer calls, and what they are asked about.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow_array::RecordBatch;
use async_trait::async_trait;
use prometheus::Registry;
use ringwatch_cluster::gossip::Keyring;
use ringwatch_cluster::member::{Incarnation, Member, NodeId, Said, Stage, State};
use ringwatch_cluster::memories::{Change, Leave, Memories, Word};
use ringwatch_cluster::peer::{
    Answers, Credentials, GrpcPeers, Handed, Late, PeerMetrics, Recalled, Refused, peer_service,
};
use ringwatch_frame::{
    Cell, ColumnType, Columns, Epoch, FrameId, FrameMeta, StreamId, TargetId, TargetMemory, Tick,
};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::task::AbortOnDropHandle;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

pub(crate) const CLUSTER: &str = "tests \u{e9}";
pub(crate) const SECOND: i64 = 1_000_000_000;
pub(crate) const FIRST: i64 = 1_700_000_000 * SECOND;

pub(crate) fn incarnation(node: &str, generation: u64) -> Incarnation {
    Incarnation {
        node: NodeId::new(node),
        generation,
    }
}

pub(crate) fn member(who: Incarnation, address: &str) -> Member {
    Member {
        who,
        state: State::Ready,
        since: Tick::from_unix_nanos(FIRST),
        gossip_address: None,
        said: Said {
            stage: Stage::Ready,
            grpc_address: address.to_owned(),
            version: "0.1.0".into(),
            points: 256,
            view: 1,
            targets: 0,
            owned: [].into(),
            excluded: [].into(),
            raft: None,
            dataset: (0, 0),
            protocol: ringwatch_cluster::member::PROTOCOL,
        },
    }
}

pub(crate) fn keys(cluster: &str) -> Arc<dyn Credentials> {
    Arc::new((Keyring::of_name(cluster), cluster.to_owned()))
}

/// A node that can be called.
pub(crate) struct Node {
    pub(crate) who: Incarnation,
    pub(crate) address: String,
    pub(crate) desk: Arc<Desk>,
    pub(crate) registry: Registry,
    _server: AbortOnDropHandle<()>,
}

impl Node {
    pub(crate) async fn start(name: &str, generation: u64) -> Self {
        let (who, registry) = (incarnation(name, generation), Registry::new());
        let metrics = PeerMetrics::register(&registry).unwrap();
        let desk = Arc::new(Desk {
            memories: Memories::new(&registry).unwrap(),
            asked: Mutex::default(),
            no: Mutex::default(),
            owned: Mutex::default(),
            view: Mutex::default(),
        });
        let answers = Arc::clone(&desk) as Arc<dyn Answers>;
        let service = peer_service(answers, who.clone(), CLUSTER, keys(CLUSTER), metrics);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
        let server = Server::builder()
            .add_service(service)
            .serve_with_incoming(incoming);
        let server = tokio::spawn(async move { server.await.unwrap() });
        Self {
            who,
            address,
            desk,
            registry,
            _server: AbortOnDropHandle::new(server),
        }
    }

    pub(crate) fn member(&self) -> Member {
        member(self.who.clone(), &self.address)
    }

    pub(crate) fn count(&self, metric: &str, label: &str) -> f64 {
        count(&self.registry, metric, label)
    }
}

/// The value of a counter with one label, or with none.
pub(crate) fn count(registry: &Registry, metric: &str, label: &str) -> f64 {
    let families = registry.gather();
    let family = families.iter().find(|family| family.name() == metric);
    let metrics = family.map(|family| family.get_metric()).unwrap_or_default();
    let of_label = |metric: &&prometheus::proto::Metric| {
        metric.get_label().iter().any(|pair| pair.value() == label) || metric.get_label().is_empty()
    };
    metrics
        .iter()
        .find(of_label)
        .map_or(0.0, |metric| metric.get_counter().get_value())
}

/// Calls others as `who`.
pub(crate) fn caller(who: &Incarnation) -> GrpcPeers {
    let metrics = PeerMetrics::register(&Registry::new()).unwrap();
    GrpcPeers::new(who, CLUSTER, keys(CLUSTER), metrics)
}

/// What a node answers.
pub(crate) struct Desk {
    pub(crate) memories: Arc<Memories>,
    pub(crate) asked: Mutex<Vec<String>>,
    /// Why it refuses handoffs.
    pub(crate) no: Mutex<Option<String>>,
    pub(crate) owned: Mutex<BTreeMap<TargetId, TargetMemory>>,
    /// The number of its view.
    pub(crate) view: Mutex<u64>,
}

impl Desk {
    fn note(&self, asked: String) -> Result<(), Refused> {
        self.asked.lock().unwrap().push(asked);
        let no = self.no.lock().unwrap().clone();
        no.map_or(Ok(()), |no| Err(Refused::Because(no)))
    }

    fn fits(&self, epoch: u64) -> Result<(), Refused> {
        let view = *self.view.lock().unwrap();
        if epoch < view {
            Err(Refused::Stale { view })
        } else {
            Ok(())
        }
    }
}

#[async_trait]
impl Answers for Desk {
    async fn confirm(&self, from: Incarnation) -> bool {
        let _no = self.note(format!("confirm {}/{}", from.node, from.generation));
        from.generation < 5
    }

    async fn prepare(
        &self,
        from: Incarnation,
        target: TargetId,
        handoff: u64,
        view: u64,
    ) -> Result<(), Refused> {
        self.fits(view)?;
        self.note(format!("prepare {} {target} {handoff} {view}", from.node))
    }

    async fn commit(&self, from: Incarnation, handed: Handed) -> Result<(), Refused> {
        self.fits(handed.view)?;
        let (target, handoff) = (&handed.target, handed.handoff);
        let (view, companion) = (handed.view, String::from_utf8_lossy(&handed.companion));
        self.note(format!(
            "commit {} {target} {handoff} {view} {companion}",
            from.node
        ))?;
        self.owned.lock().unwrap().insert(handed.target, handed.memory);
        Ok(())
    }

    async fn recall(
        &self,
        _: Incarnation,
        targets: Vec<TargetId>,
        view: u64,
    ) -> Result<Vec<Recalled>, Refused> {
        if view > 0 {
            self.fits(view)?;
        }
        let owned = self.owned.lock().unwrap();
        let known = |target: TargetId| Recalled {
            delivers: false,
            doubtful: TargetMemory::new(),
            owned: owned.contains_key(&target),
            memory: owned.get(&target).cloned(),
            moves: Vec::new(),
            target,
        };
        Ok(targets.into_iter().map(known).collect())
    }

    fn listen(&self, from: &Incarnation) -> mpsc::Receiver<Word> {
        self.memories.listen(from)
    }

    async fn may(&self, from: Incarnation, late: Late) -> Leave {
        self.memories.may(
            &from,
            (&late.target, &late.stream, late.tick),
            (late.known, late.epoch),
        )
    }

    async fn offer(&self, from: Incarnation, target: TargetId, heir: NodeId) -> Result<(), Refused> {
        self.note(format!("offer {} {target} {heir}", from.node))
    }

    fn time(&self) -> i64 {
        self.view
            .lock()
            .map_or(0, |view| i64::try_from(*view).unwrap_or(0))
    }

    fn replicated(&self, from: &Incarnation, change: Change) -> Result<(), Refused> {
        if let Change::Snapshot { view, .. } = &change {
            self.fits((*view).max(1))?;
        }
        self.memories.shadowed(from, change)
    }
}

pub(crate) fn target(n: usize) -> TargetId {
    TargetId::new("postgresql", &format!("db{n}:5432"))
}

pub(crate) fn activity() -> StreamId {
    StreamId::of_server("postgresql.activity")
}

pub(crate) fn meta(target: &TargetId, stream: &StreamId, n: i64) -> FrameMeta {
    FrameMeta {
        id: FrameId {
            target: target.clone(),
            stream: stream.clone(),
            tick: Tick::from_unix_nanos(FIRST + n * SECOND),
            epoch: Epoch(1),
        },
        source: "postgresql/fleet".into(),
        resource: Arc::new([(Arc::from("db.name"), "billing".into())].into_iter().collect()),
    }
}

/// Rows as a reading of statements yields them: 3 texts, 10 whole numbers, 5 numbers.
pub(crate) fn statements(rows: usize, seed: u64) -> RecordBatch {
    let mut random = fastrand::Rng::with_seed(seed);
    let names: Vec<String> = (0..18).map(|n| format!("column_{n}")).collect();
    let kind = |n| match n {
        0..3 => ColumnType::Text,
        3..13 => ColumnType::Int,
        _ => ColumnType::Double,
    };
    let mut columns = Columns::new(names.iter().enumerate().map(|(n, name)| (name.as_str(), kind(n))));
    for row in 0..rows {
        let text = format!("select a, b from table_{row} where id = $1 and c = $2 order by a limit {row}");
        let mut cells = vec![Cell::Text("billing"), Cell::Text("app"), Cell::Text(&text)];
        cells.extend((0..10).map(|_| Cell::Int(random.i64(0..1_000_000))));
        cells.extend((0..5).map(|_| Cell::Double(random.f64() * 1000.0)));
        columns.push(&cells).unwrap();
    }
    columns.finish().unwrap()
}

pub(crate) fn nobody(_: &Incarnation) -> bool {
    false
}

/// Waits until `there` gives something.
pub(crate) async fn until<T>(what: &str, mut there: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(there) = there() {
            return there;
        }
        assert!(Instant::now() < end, "in vain: {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

//! The collector against servers that exist only in memory, under simulated time.

mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow_array::RecordBatch;
use prometheus::Registry;
use ringwatch_catalogue::model::Engine;
use ringwatch_frame::{Books, Cell, Clock, Columns, Epoch, Frame, FrameId, StreamId, TargetId, Tick};
use tokio::sync::watch;

use crate::collector::{Collector, CollectorParts, start_with};
use crate::fault::{Fault, FaultKind};
use crate::ownership::{Ownership, Refusal, Sink};
use crate::plan::{ReceiverPlan, Wants};
use crate::session::{Connector, Extension, Question, Session};
use crate::target::{TargetSpec, Targets, targets_of};

const SECOND: Duration = Duration::from_secs(1);

/// How a server behaves.
#[derive(Clone, Debug)]
pub(super) struct Behaviour {
    /// Connecting and reading take until the deadline.
    pub(super) hangs: bool,
    /// How long readings take, one after the other, over and over.
    pub(super) takes: Vec<Duration>,
    /// What every reading of a statement ends in.
    pub(super) faults: BTreeMap<&'static str, FaultKind>,
    /// Its databases.
    pub(super) databases: Vec<&'static str>,
    /// Databases that let nobody in.
    pub(super) refuse: Vec<&'static str>,
    /// Whether our role has the rights that streams need.
    pub(super) granted: bool,
    /// The next reading finds its connection broken.
    pub(super) breaks: bool,
    /// The schema of the extension that statements need, if it is there.
    pub(super) extension: Option<&'static str>,
}

impl Default for Behaviour {
    fn default() -> Self {
        Self {
            hangs: false,
            takes: vec![Duration::from_millis(1)],
            faults: BTreeMap::new(),
            databases: vec!["app"],
            refuse: Vec::new(),
            granted: true,
            breaks: false,
            extension: None,
        }
    }
}

/// All servers, and what was sent to them.
#[derive(Clone, Default)]
pub(super) struct Servers(Arc<Mutex<World>>);

#[derive(Default)]
struct World {
    behaviours: BTreeMap<String, Behaviour>,
    sent: Vec<(String, String)>,
    open: BTreeMap<String, usize>,
    most_open: BTreeMap<String, usize>,
}

impl Servers {
    fn with<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }

    /// Sets how the server at `host` behaves.
    pub(super) fn set(&self, host: &str, change: impl FnOnce(&mut Behaviour)) {
        self.with(|world| change(world.behaviours.entry(host.to_owned()).or_default()));
    }

    /// How often `what` was sent to `host`.
    pub(super) fn sent(&self, host: &str, what: &str) -> usize {
        self.with(|world| {
            world
                .sent
                .iter()
                .filter(|(to, sent)| to == host && sent == what)
                .count()
        })
    }

    /// Everything that was sent to anybody.
    pub(super) fn sent_in_all(&self) -> usize {
        self.with(|world| world.sent.len())
    }

    /// The most connections that `host` ever had at once, and those it has now.
    pub(super) fn connections(&self, host: &str) -> (usize, usize) {
        self.with(|world| {
            let get = |map: &BTreeMap<String, usize>| map.get(host).copied().unwrap_or(0);
            (get(&world.most_open), get(&world.open))
        })
    }

    fn send(&self, host: &str, what: &str) -> Behaviour {
        self.with(|world| {
            world.sent.push((host.to_owned(), what.to_owned()));
            world.behaviours.entry(host.to_owned()).or_default().clone()
        })
    }
}

impl Connector for Servers {
    type Session = FakeSession;

    async fn connect(&self, target: &TargetSpec, database: &str) -> Result<FakeSession, Fault> {
        let host = target.endpoint.host.clone();
        let behaviour = self.send(&host, "connect");
        if behaviour.refuse.contains(&database) {
            return Err(Fault::new(FaultKind::Login, "no entry in pg_hba.conf"));
        }
        if behaviour.hangs {
            tokio::time::sleep(*target.plan.settings().timeout).await;
            return Err(Fault::new(FaultKind::Deadline, "no answer"));
        }
        self.with(|world| {
            let open = world.open.entry(host.clone()).or_default();
            *open += 1;
            let most = world.most_open.entry(host.clone()).or_default();
            *most = (*most).max(*open);
        });
        Ok(FakeSession {
            host,
            servers: self.clone(),
            readings: 0,
        })
    }
}

pub(super) struct FakeSession {
    host: String,
    servers: Servers,
    readings: usize,
}

impl Drop for FakeSession {
    fn drop(&mut self) {
        self.servers
            .with(|world| *world.open.get_mut(&self.host).unwrap() -= 1);
    }
}

impl Session for FakeSession {
    fn version(&self) -> u32 {
        150_004
    }

    async fn read(&mut self, question: &Question<'_>) -> Result<RecordBatch, Fault> {
        let behaviour = self.servers.send(&self.host, question.sql);
        if behaviour.breaks && self.readings > 0 {
            self.servers.set(&self.host, |behaviour| behaviour.breaks = false);
            return Err(Fault::new(FaultKind::Connection, "broken pipe"));
        }
        if behaviour.hangs {
            tokio::time::sleep(SECOND * 5).await;
            return Err(Fault::new(FaultKind::Deadline, "no answer"));
        }
        tokio::time::sleep(behaviour.takes[self.readings % behaviour.takes.len()]).await;
        self.readings += 1;
        if let Some(kind) = behaviour.faults.get(&**question.sql) {
            return Err(Fault::new(*kind, "as told"));
        }
        let mut columns = Columns::new(question.columns.iter().map(|column| (column.name, column.kind)));
        columns.push(&vec![Cell::Int(1); question.columns.len()]).unwrap();
        Ok(columns.finish().unwrap())
    }

    async fn extension(&mut self, name: &str) -> Result<Option<Extension>, Fault> {
        let schema = self.servers.send(&self.host, name).extension;
        Ok(schema.map(|schema| Extension {
            version: "1.10".into(),
            schema: schema.into(),
        }))
    }

    async fn has_role(&mut self, name: &str) -> Result<bool, Fault> {
        Ok(self.servers.send(&self.host, name).granted)
    }

    async fn databases(&mut self) -> Result<Vec<String>, Fault> {
        let behaviour = self.servers.send(&self.host, "databases");
        Ok(behaviour.databases.into_iter().map(str::to_owned).collect())
    }

    async fn close(self) {}
}

/// Takes frames, and remembers which came when.
pub(super) struct Catcher {
    clock: Clock,
    pub(super) frames: Mutex<Vec<(FrameId, Duration)>>,
}

impl Sink for Catcher {
    fn offer(&self, frame: Frame) {
        let lateness = frame.id().tick.lateness(self.clock.now());
        self.frames.lock().unwrap().push((frame.id().clone(), lateness));
        frame.deliver();
    }
}

impl Catcher {
    /// The frames of the target at `host`.
    pub(super) fn of(&self, host: &str) -> Vec<(FrameId, Duration)> {
        let name = format!("postgresql://{host}:1");
        self.frames
            .lock()
            .unwrap()
            .iter()
            .filter(|(id, _)| id.target.as_str() == name)
            .cloned()
            .collect()
    }
}

/// Answers as told, and remembers which ticks were asked for.
#[derive(Default)]
pub(super) struct Owner {
    pub(super) refusal: Mutex<Option<Refusal>>,
    pub(super) asked: Mutex<BTreeMap<(TargetId, StreamId), BTreeSet<Tick>>>,
}

impl Ownership for Owner {
    fn ask(&self, target: &TargetId, stream: &StreamId, tick: Tick) -> Result<Epoch, Refusal> {
        self.asked
            .lock()
            .unwrap()
            .entry((target.clone(), stream.clone()))
            .or_default()
            .insert(tick);
        self.refusal.lock().unwrap().map_or(Ok(Epoch(7)), Err)
    }
}

/// A collector in a world of its own.
pub(super) struct Scene {
    pub(super) servers: Servers,
    pub(super) owner: Arc<Owner>,
    pub(super) catcher: Arc<Catcher>,
    pub(super) registry: Registry,
    pub(super) books: Arc<Books>,
    pub(super) clock: Clock,
    pub(super) start: Tick,
    pub(super) targets: watch::Sender<Targets>,
    pub(super) collector: Collector,
    pub(super) plan: Arc<ReceiverPlan>,
}

/// A collector of these hosts; `change` sets the world before it starts.
pub(super) fn scene(hosts: &[&str], change: impl FnOnce(&Servers, &Owner)) -> Scene {
    let (servers, owner) = (Servers::default(), Arc::new(Owner::default()));
    change(&servers, &owner);
    let start = Tick::from_unix_nanos(1_700_000_000_123_456_789);
    let clock = Clock::simulated(start);
    let (registry, books) = (Registry::new(), Arc::new(Books::default()));
    let catcher = Arc::new(Catcher {
        clock: clock.clone(),
        frames: Mutex::default(),
    });
    let plan = plan();
    let (targets, receiver) = watch::channel(specs(&plan, hosts));
    let parts = CollectorParts {
        clock: clock.clone(),
        books: Arc::clone(&books),
        registry: registry.clone(),
        ownership: Arc::clone(&owner) as Arc<dyn Ownership>,
        sink: Arc::clone(&catcher) as Arc<dyn Sink>,
        targets: receiver,
    };
    let collector = start_with(parts, servers.clone()).unwrap();
    Scene {
        servers,
        owner,
        catcher,
        registry,
        books,
        clock,
        start,
        targets,
        collector,
        plan,
    }
}

impl Scene {
    /// Ticks by stream (with its database) and outcome.
    pub(super) fn ticks(&self, host: &str) -> BTreeMap<(String, String), u64> {
        let target = format!("postgresql://{host}:1");
        let families = self.registry.gather();
        let family = families
            .iter()
            .find(|family| family.name() == "ringwatch_ticks_total");
        let mut ticks = BTreeMap::new();
        for metric in family.map_or(&[][..], |family| family.get_metric()) {
            let labels: BTreeMap<_, _> = metric.get_label().iter().map(|l| (l.name(), l.value())).collect();
            let count = metric.get_counter().get_value() as u64;
            if labels["target"] == target && count > 0 {
                ticks.insert((labels["stream"].to_owned(), labels["outcome"].to_owned()), count);
            }
        }
        ticks
    }

    /// Ticks of one stream with one outcome.
    pub(super) fn count(&self, host: &str, stream: &str, outcome: &str) -> u64 {
        self.ticks(host)
            .get(&(stream.to_owned(), outcome.to_owned()))
            .copied()
            .unwrap_or(0)
    }
}

/// The targets at these hosts.
pub(super) fn specs(plan: &Arc<ReceiverPlan>, hosts: &[&str]) -> Targets {
    let all = targets_of(plan);
    let of = |host: &&str| {
        all.iter()
            .find(|spec| spec.endpoint.host == **host)
            .cloned()
            .unwrap()
    };
    hosts.iter().map(of).collect()
}

/// A plan with a stream for each lane and one that needs an extension.
fn plan() -> Arc<ReceiverPlan> {
    let stream = |name: &str, scope: &str, cadence: &str, more: &str| {
        format!(
            "  - {{name: {name}, summary: s, scope: {scope}, cadence: {cadence}, sql: [{{text: '{}{name}'}}], \
             columns: [{{name: a, type: int, summary: a}}], {more}}}\n",
            if more.contains("extension") {
                "@extension@."
            } else {
                ""
            }
        )
    };
    let metric = |name: &str| {
        format!(
            "metrics: [{{name: m.{name}, description: d, unit: '1', kind: gauge, value_type: int, enabled: true, points: [{{column: a}}]}}]"
        )
    };
    let engine = format!(
        "engine: postgresql\nstreams:\n{}{}{}{}{}",
        stream(
            "activity",
            "server",
            "activity",
            "event: {name: e, description: d, attributes: []}"
        ),
        stream(
            "server",
            "server",
            "collection",
            &format!("requires: [{{role: pg_monitor}}], {}", metric("server"))
        ),
        stream("tables", "database", "collection", &metric("tables")),
        stream("indexes", "database", "collection", &metric("indexes")),
        stream(
            "statements",
            "server",
            "statements",
            "requires: [{extension: pgss}]"
        ),
    );
    let engine: Engine = serde_saphyr::from_str(&engine).unwrap();
    let many = (0..40).map(|host| format!("{{endpoint: 'h{host}:1'}}"));
    let hosts: Vec<String> = ('a'..='z')
        .map(|host| format!("{{endpoint: '{host}:1'}}"))
        .chain(many)
        .collect();
    let settings = format!(
        "username: u\nactivity: {{}}\nstatements: {{}}\ntargets: [{}]",
        hosts.join(", ")
    );
    let settings = serde_saphyr::from_str(&settings).unwrap();
    ReceiverPlan::new(
        &engine,
        "postgresql/test",
        &settings,
        Wants {
            metrics: true,
            logs: true,
        },
    )
}

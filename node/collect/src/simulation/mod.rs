//! The collector against servers that exist only in memory, under simulated time.

mod covering;
mod covering_more;
mod fencing;
mod guard;
mod keeper;
mod pair;
mod plan;
mod readers;
mod sentry;
mod session;
mod succession;
mod tests;
mod warming;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use prometheus::Registry;
use ringwatch_frame::{
    Books, Cell, Clock, ColumnType, Columns, Epoch, Frame, FrameId, StreamId, TargetId, Tick,
};
use tokio::sync::watch;

use self::keeper::Keeper;
use self::plan::{plan, specs};
use self::sentry::Sentry;
use self::session::Sessions;
use crate::collector::{Collector, CollectorParts, start_with};
use crate::cover::{NoStandby, StandbyMode};
use crate::fault::{Fault, FaultKind};
use crate::fence::{FenceMode, NoArbiter};
use crate::guard::Guard;
use crate::ownership::{Ownership, Refusal, Sink, Succession};
use crate::plan::ReceiverPlan;
use crate::reader::Reader;
use crate::session::{Connector, Described, Extension, Query, Question, Refused, Session};
use crate::sqlquery::{Answer, Answered};
use crate::target::{TargetSpec, Targets};
use crate::tick_book::NoTickBook;

/// The node that stands by, where there are two.
const STANDBY: &str = "s";
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
    /// How long connecting takes.
    pub(super) connects_in: Duration,
    /// The node that cannot reach it.
    pub(super) cut_from: Option<&'static str>,
    /// A reading takes a second message in the middle, as when a statement is prepared and then executed.
    pub(super) in_steps: bool,
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
            connects_in: Duration::ZERO,
            cut_from: None,
            in_steps: false,
        }
    }
}

/// All servers, and what was sent to them; as one node sees them.
#[derive(Clone, Default)]
pub(super) struct Servers {
    world: Arc<Mutex<World>>,
    node: &'static str,
}

#[derive(Default)]
struct World {
    behaviours: BTreeMap<String, Behaviour>,
    sent: Vec<(String, String)>,
    open: BTreeMap<String, usize>,
    most_open: BTreeMap<String, usize>,
    /// What the statements of each server have counted: more at each reading.
    calls: BTreeMap<String, i64>,
    tracked: Vec<Option<String>>,
    /// Set while this node does not hold its targets.
    lost: Option<Arc<AtomicBool>>,
    /// How often something was sent nevertheless.
    harm: usize,
    sessions: Sessions,
}

impl Servers {
    fn with<T>(&self, look: impl FnOnce(&mut World) -> T) -> T {
        look(&mut self.world.lock().unwrap())
    }

    /// The same servers as `node` sees them.
    pub(super) fn seen_by(&self, node: &'static str) -> Self {
        Self { node, ..self.clone() }
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

    /// All connections that are open.
    pub(super) fn open_in_all(&self) -> usize {
        self.with(|world| world.open.values().sum())
    }

    /// How often something was sent while the targets were not held.
    pub(super) fn harm(&self) -> usize {
        self.with(|world| world.harm)
    }

    /// What the statements of `host` have counted.
    pub(super) fn calls(&self, host: &str) -> i64 {
        self.with(|world| world.calls.get(host).copied().unwrap_or(0))
    }

    /// Counts on, and says how far.
    fn count(&self, host: &str) -> i64 {
        self.with(|world| {
            let calls = world.calls.entry(host.to_owned()).or_insert(1000);
            *calls += 5;
            *calls
        })
    }

    /// What the tracking columns were asked from.
    pub(super) fn tracked(&self) -> Vec<Option<String>> {
        self.with(|world| world.tracked.clone())
    }

    fn send(&self, host: &str, what: &str) -> Behaviour {
        self.with(|world| {
            let mine = self.node != STANDBY;
            if mine
                && world
                    .lost
                    .as_ref()
                    .is_some_and(|lost| lost.load(Ordering::Relaxed))
            {
                world.harm += 1;
            }
            world.sent.push((host.to_owned(), what.to_owned()));
            world.behaviours.entry(host.to_owned()).or_default().clone()
        })
    }
}

/// Takes frames, and remembers which came when.
pub(super) struct Catcher {
    clock: Clock,
    keeper: Arc<Keeper>,
    pub(super) frames: Mutex<Vec<(FrameId, Duration)>>,
    /// The sum of the deltas of all frames.
    pub(super) deltas: AtomicI64,
}

impl Sink for Catcher {
    fn offer(&self, frame: Frame) {
        let lateness = frame.id().tick.lateness(self.clock.now());
        assert!(
            self.keeper.has_collected(frame.id()),
            "the frame went before it was told"
        );
        self.frames.lock().unwrap().push((frame.id().clone(), lateness));
        if let Some(calls) = frame.batch().column_by_name("calls") {
            let sum: i64 = calls.as_primitive::<Int64Type>().iter().flatten().sum();
            self.deltas.fetch_add(sum, Ordering::Relaxed);
        }
        frame.deliver();
    }
}

impl Catcher {
    /// The time.
    pub(super) fn now(&self) -> Tick {
        self.clock.now()
    }

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
pub(super) struct Owner {
    pub(super) refusal: Mutex<Option<Refusal>>,
    pub(super) asked: Mutex<BTreeMap<(TargetId, StreamId), BTreeSet<Tick>>>,
    /// How often it still says that the target is held, before it is lost.
    pub(super) holds: AtomicI64,
    pub(super) lost: Arc<AtomicBool>,
}

impl Default for Owner {
    fn default() -> Self {
        Self {
            refusal: Mutex::default(),
            asked: Mutex::default(),
            holds: AtomicI64::new(i64::MAX),
            lost: Arc::default(),
        }
    }
}

impl Owner {
    /// Refuses with `refusal`, or not at all.
    pub(super) fn set(&self, refusal: Option<Refusal>) {
        *self.refusal.lock().unwrap() = refusal;
    }
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

    fn holds(&self, _: &TargetId) -> bool {
        if self.holds.fetch_sub(1, Ordering::Relaxed) <= 0 {
            self.lost.store(true, Ordering::Relaxed);
        }
        !self.lost.load(Ordering::Relaxed)
    }
}

/// A collector in a world of its own.
pub(super) struct Scene {
    pub(super) servers: Servers,
    pub(super) owner: Arc<Owner>,
    pub(super) sentry: Arc<Sentry>,
    pub(super) keeper: Arc<Keeper>,
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
    servers.with(|world| world.lost = Some(Arc::clone(&owner.lost)));
    let start = Tick::from_unix_nanos(1_700_000_000_123_456_789);
    let clock = Clock::simulated(start);
    let (registry, books) = (Registry::new(), Arc::new(Books::default()));
    let keeper = Arc::new(Keeper::default());
    let catcher = Arc::new(Catcher {
        clock: clock.clone(),
        keeper: Arc::clone(&keeper),
        frames: Mutex::default(),
        deltas: AtomicI64::new(0),
    });
    let (plan, sentry) = (plan(), Arc::new(Sentry::default()));
    let (targets, receiver) = watch::channel(specs(&plan, hosts));
    let parts = CollectorParts {
        targets: receiver,
        ..parts_of(&clock, &books, &registry, (&owner, &sentry, &keeper, &catcher))
    };
    let collector = start_with(parts, servers.clone()).unwrap();
    Scene {
        servers,
        owner,
        sentry,
        keeper,
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

/// What a collector is made of that is alone.
pub(super) fn parts_of(
    clock: &Clock,
    books: &Arc<Books>,
    registry: &Registry,
    (owner, guard, keeper, sink): (&Arc<Owner>, &Arc<Sentry>, &Arc<Keeper>, &Arc<Catcher>),
) -> CollectorParts {
    CollectorParts {
        clock: clock.clone(),
        books: Arc::clone(books),
        registry: registry.clone(),
        ownership: Arc::clone(owner) as Arc<dyn Ownership>,
        guard: Arc::clone(guard) as Arc<dyn Guard>,
        succession: Arc::clone(keeper) as Arc<dyn Succession>,
        sink: Arc::clone(sink) as Arc<dyn Sink>,
        targets: watch::channel(Targets::default()).1,
        node: "".into(),
        cluster: "".into(),
        standby: Arc::new(NoStandby),
        covers: watch::channel(Arc::default()).1,
        standby_mode: StandbyMode::None,
        fence: FenceMode::Epoch,
        arbiter: Arc::new(NoArbiter),
        book: Arc::new(NoTickBook),
    }
}

/// Ticks of the target at `host` by stream (with its database) and outcome.
pub(super) fn ticks_in(registry: &Registry, host: &str) -> BTreeMap<(String, String), u64> {
    let target = format!("postgresql://{host}:1");
    let families = registry.gather();
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

impl Scene {
    /// Ticks by stream (with its database) and outcome.
    pub(super) fn ticks(&self, host: &str) -> BTreeMap<(String, String), u64> {
        ticks_in(&self.registry, host)
    }

    /// Ticks of one stream with one outcome.
    pub(super) fn count(&self, host: &str, stream: &str, outcome: &str) -> u64 {
        self.ticks(host)
            .get(&(stream.to_owned(), outcome.to_owned()))
            .copied()
            .unwrap_or(0)
    }
}

/// The target at the host `a`.
pub(super) fn id() -> TargetId {
    TargetId::new("postgresql", "a:1")
}

/// Lets time pass.
pub(super) async fn millis(millis: u64) {
    tokio::time::sleep(Duration::from_millis(millis)).await;
}

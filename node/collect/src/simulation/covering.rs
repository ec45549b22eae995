//! A standby reads what the owner does not, and nothing is read twice.

use ringwatch_frame::Schedule;

use super::pair::{OwnersSide, Pair, StandbysSide};
use super::*;
use crate::cover::Cover;

const TEN: Duration = Duration::from_secs(10);
pub(super) const ALL: [(&str, Option<&str>, Duration); 5] = [
    ("activity", None, SECOND),
    ("server", None, TEN),
    ("calls", None, TEN),
    ("tables", Some("app"), TEN),
    ("indexes", Some("app"), TEN),
];
/// How late a covered tick of a stream of a second may be: its grace, and a few readings.
pub(super) const COVERED: Duration = Duration::from_millis(330);

/// Takes the frames of both.
pub(super) struct Outlet {
    pair: Arc<Pair>,
    clock: Clock,
    frames: Mutex<Vec<(FrameId, Duration)>>,
    deltas: AtomicI64,
    /// What the owner hands on is lost with it.
    lost: AtomicBool,
}

impl Sink for Outlet {
    fn offer(&self, frame: Frame) {
        let id = frame.id().clone();
        let of_owner = id.epoch == Epoch(7);
        if of_owner && (self.lost.load(Ordering::Relaxed) || self.pair.is_superseded(&id.stream, id.tick)) {
            frame.discard(ringwatch_frame::DropReason::Superseded);
            return;
        }
        if let Some(calls) = frame.batch().column_by_name("calls") {
            let sum: i64 = calls.as_primitive::<Int64Type>().iter().flatten().sum();
            self.deltas.fetch_add(sum, Ordering::Relaxed);
        }
        let late = id.tick.lateness(self.clock.now());
        self.frames.lock().unwrap().push((id, late));
        frame.deliver();
    }
}

/// A target with an owner and a standby.
pub(super) struct Duo {
    ground: Ground,
    pub(super) owning: Option<Collector>,
    pub(super) standby: Collector,
    pub(super) covers: watch::Sender<Arc<[Cover]>>,
    pub(super) targets: watch::Sender<Targets>,
    registry: Registry,
}

/// What both nodes are made of.
pub(super) struct Ground {
    pub(super) servers: Servers,
    pub(super) owner: Arc<Owner>,
    pub(super) clock: Clock,
    books: Arc<Books>,
    pub(super) plan: Arc<ReceiverPlan>,
    pub(super) pair: Arc<Pair>,
    pub(super) sentry: Arc<Sentry>,
    pub(super) outlet: Arc<Outlet>,
}

impl Ground {
    fn new() -> Self {
        let clock = Clock::simulated(Tick::from_unix_nanos(1_700_000_000_123_456_789));
        let (servers, owner) = (Servers::default(), Arc::new(Owner::default()));
        servers.with(|world| world.lost = Some(Arc::clone(&owner.lost)));
        let pair = Arc::new(Pair::default());
        let outlet = Arc::new(Outlet {
            pair: Arc::clone(&pair),
            clock: clock.clone(),
            frames: Mutex::default(),
            deltas: AtomicI64::new(0),
            lost: AtomicBool::new(false),
        });
        Self {
            servers,
            owner,
            clock,
            books: Arc::new(Books::default()),
            plan: plan(),
            pair,
            sentry: Arc::new(Sentry::default()),
            outlet,
        }
    }

    /// A node that owns what `owner` says.
    fn parts(
        &self,
        registry: &Registry,
        owner: &Arc<Owner>,
        targets: watch::Receiver<Targets>,
    ) -> CollectorParts {
        let keeper = Arc::new(Keeper::default());
        let catcher = Arc::new(Catcher {
            clock: self.clock.clone(),
            keeper: Arc::clone(&keeper),
            frames: Mutex::default(),
            deltas: AtomicI64::new(0),
        });
        let side = Arc::new(OwnersSide {
            pair: Arc::clone(&self.pair),
            owner: Arc::clone(owner),
        });
        let rest = (owner, &self.sentry, &keeper, &catcher);
        CollectorParts {
            ownership: Arc::clone(&side) as Arc<dyn Ownership>,
            succession: side,
            sink: Arc::clone(&self.outlet) as Arc<dyn Sink>,
            targets,
            ..parts_of(&self.clock, &self.books, registry, rest)
        }
    }
}

/// A target with an owner and a standby that waits so; `change` sets the world before they start.
pub(super) fn duo(mode: StandbyMode, change: impl FnOnce(&Servers)) -> Duo {
    let (ground, registry) = (Ground::new(), Registry::new());
    change(&ground.servers);
    let wanted = specs(&ground.plan, &["a"]);
    let owning = CollectorParts {
        node: "o".into(),
        ..ground.parts(
            &Registry::new(),
            &ground.owner,
            watch::channel(Arc::clone(&wanted)).1,
        )
    };
    let owning = start_with(owning, ground.servers.seen_by("o")).unwrap();
    let cover = Cover {
        target: Arc::clone(&wanted[0]),
        owner: "o".to_owned(),
    };
    let (covers, covered) = watch::channel(Arc::from([cover]));
    let (targets, wanted) = watch::channel(Targets::default());
    let standing = CollectorParts {
        node: STANDBY.into(),
        standby: Arc::new(StandbysSide(Arc::clone(&ground.pair))),
        covers: covered,
        standby_mode: mode,
        ..ground.parts(&registry, &Arc::new(Owner::default()), wanted)
    };
    let standby = start_with(standing, ground.servers.seen_by(STANDBY)).unwrap();
    Duo {
        ground,
        owning: Some(owning),
        standby,
        covers,
        targets,
        registry,
    }
}

impl std::ops::Deref for Duo {
    type Target = Ground;

    fn deref(&self) -> &Ground {
        &self.ground
    }
}

impl Duo {
    /// The owner is stopped, or goes on.
    pub(super) fn freeze(&self, frozen: bool) {
        self.owner.lost.store(frozen, Ordering::Relaxed);
        self.owner.set(frozen.then_some(Refusal::Unsure));
    }

    /// Waits until so long after a tick of the stream of a second.
    pub(super) async fn after_tick(&self, millis_after: u64) {
        let schedule = Schedule::new(&id(), &StreamId::of_server("activity"), SECOND).unwrap();
        self.clock.sleep_until(schedule.after(self.clock.now())).await;
        millis(millis_after).await;
    }

    pub(super) fn covered(&self, stream: &str) -> u64 {
        let ticks = ticks_in(&self.registry, "a");
        ticks
            .get(&(stream.to_owned(), "covered".to_owned()))
            .copied()
            .unwrap_or(0)
    }

    pub(super) fn covered_in_all(&self) -> u64 {
        let ticks = ticks_in(&self.registry, "a").into_iter();
        ticks
            .filter(|((_, outcome), _)| outcome == "covered")
            .map(|(_, count)| count)
            .sum()
    }

    /// The ticks of one stream that arrived, in their order, each with its lateness.
    pub(super) fn arrived(&self, name: &str, database: Option<&str>) -> Vec<(FrameId, Duration)> {
        let frames = self.outlet.frames.lock().unwrap();
        let of = |id: &FrameId| id.stream.name() == name && id.stream.database() == database;
        let mut frames: Vec<_> = frames.iter().filter(|(id, _)| of(id)).cloned().collect();
        frames.sort_by_key(|(id, _)| id.tick);
        frames
    }

    /// Every tick arrived once, and the standby never had more than one connection.
    pub(super) fn check(&self) {
        for (name, database, interval) in ALL {
            let ticks: Vec<_> = self
                .arrived(name, database)
                .into_iter()
                .map(|(id, _)| id.tick)
                .collect();
            assert!(ticks.len() > 1, "{name}");
            for two in ticks.windows(2) {
                let step = two[1].unix_nanos() - two[0].unix_nanos();
                assert_eq!(step, interval.as_nanos() as i64, "{name} after {}", two[0]);
            }
            let last = ticks.last().unwrap().lateness(self.clock.now());
            assert!(last < interval + SECOND * 2, "{name}: {last:?}");
        }
        self.check_standby();
    }

    pub(super) fn check_standby(&self) {
        let most = self.servers.with(|world| world.sessions.most("a", STANDBY));
        assert!(most <= 1, "{most} connections of the standby");
        assert_eq!(self.servers.harm(), 0);
        assert!(self.books.snapshot().balanced());
    }

    /// The deltas are what the server counted between the first and the last reading that counts.
    pub(super) fn check_deltas(&self) {
        let yielded = self.outlet.deltas.load(Ordering::Relaxed);
        assert_eq!(yielded, self.servers.calls("a") - 1005);
        assert!(yielded > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn in_calm_times_nothing_is_covered_and_nothing_asked() {
    let duo = duo(StandbyMode::Hot, |_| {});
    millis(60_000).await;
    assert_eq!(duo.covered_in_all(), 0);
    let asked = duo.servers.sent("a", session::ACTIVITY);
    assert!(asked <= 2, "only to keep the session: {asked}");
    duo.check();
    duo.check_deltas();
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_dies_misses_nothing() {
    for at in [10, 150, 450, 700, 990] {
        let mut duo = duo(StandbyMode::Hot, |_| {});
        millis(25_000).await;
        duo.after_tick(at).await;
        duo.owning = None;
        millis(25_000).await;
        duo.check();
        duo.check_deltas();
        assert!(duo.covered("activity") >= 24, "{at}");
        let late = duo
            .arrived("activity", None)
            .into_iter()
            .map(|(_, late)| late)
            .max();
        assert!(late.unwrap() < COVERED, "{at}: {late:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_dies_right_after_its_query_misses_nothing() {
    let mut duo = duo(StandbyMode::Hot, |_| {});
    millis(25_000).await;
    duo.after_tick(900).await;
    // It asks, and dies before it can tell.
    duo.pair.cut();
    duo.outlet.lost.store(true, Ordering::Relaxed);
    millis(250).await;
    duo.owning = None;
    millis(25_000).await;
    duo.check();
    // What it read and did not tell was counted by the server, and is told with the next reading.
    duo.check_deltas();
    assert!(duo.covered("activity") >= 24);
}

#[tokio::test(start_paused = true)]
async fn an_owner_that_freezes_and_wakes_misses_nothing_and_asks_nothing_meanwhile() {
    for (at, time) in [(5, 5000), (400, 15_000), (700, 5700), (950, 1200)] {
        let duo = duo(StandbyMode::Hot, |_| {});
        millis(25_000).await;
        duo.after_tick(at).await;
        duo.freeze(true);
        millis(time).await;
        let covered = duo.covered("activity");
        assert!(covered >= time / 1000 - 1, "{at} {time}: {covered}");
        duo.freeze(false);
        millis(25_000).await;
        duo.check();
        duo.check_deltas();
        let more = duo.covered("activity") - covered;
        assert!(more <= 1, "{at} {time}: it reads again: {more}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_link_that_is_cut_is_no_reason_to_read() {
    for at in [20, 500, 930] {
        let duo = duo(StandbyMode::Hot, |_| {});
        millis(25_000).await;
        duo.after_tick(at).await;
        duo.pair.cut();
        millis(30_000).await;
        assert_eq!(duo.covered_in_all(), 0, "{at}");
        let asked = duo.servers.sent("a", session::ACTIVITY);
        assert!(
            (20..=160).contains(&asked),
            "it looks, and not too often: {asked}"
        );
        duo.pair.mend();
        millis(15_000).await;
        assert_eq!(duo.covered_in_all(), 0, "{at}");
        duo.check();
        duo.check_deltas();
    }
}

#[tokio::test(start_paused = true)]
async fn behind_a_cut_link_a_death_costs_no_tick() {
    let mut duo = duo(StandbyMode::Hot, |_| {});
    millis(25_000).await;
    duo.pair.cut();
    millis(20_000).await;
    duo.after_tick(600).await;
    duo.owning = None;
    millis(15_000).await;
    let ticks: BTreeSet<_> = duo
        .arrived("activity", None)
        .into_iter()
        .map(|(id, _)| id.tick)
        .collect();
    let (first, last) = (ticks.first().unwrap(), ticks.last().unwrap());
    let span = (last.unix_nanos() - first.unix_nanos()) / 1_000_000_000;
    assert_eq!(ticks.len() as i64, span + 1, "no hole");
    let twice = duo.arrived("activity", None).len() - ticks.len();
    assert!(twice <= 2, "what nobody could know: {twice}");
    duo.check_standby();
}

#[tokio::test(start_paused = true)]
async fn behind_a_cut_link_a_handoff_is_no_reason_to_read() {
    for at in [100, 350, 600, 850] {
        let mut duo = duo(StandbyMode::Hot, |_| {});
        millis(25_000).await;
        duo.pair.cut();
        millis(20_000).await;
        duo.after_tick(at).await;
        // For a while nobody has the lock, nor any session.
        duo.owning = None;
        millis(700).await;
        duo.servers
            .with(|world| world.sessions.locked_by("a", "another", Epoch(9)));
        millis(20_000).await;
        assert_eq!(duo.covered_in_all(), 0, "{at}");
    }
}

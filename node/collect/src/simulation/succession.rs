//! A target goes on where it was left.

use ringwatch_frame::{Schedule, StreamMemory};

use super::*;
use crate::delta::Baseline;

const ALL: [(&str, Option<&str>, Duration); 5] = [
    ("activity", None, SECOND),
    ("server", None, TEN),
    ("calls", None, TEN),
    ("tables", Some("app"), TEN),
    ("indexes", Some("app"), TEN),
];
const TEN: Duration = Duration::from_secs(10);

impl Scene {
    /// Takes the target from the list, waits for its end, and puts it back after `gap`. Gives the instants of
    /// its end and of its new start.
    async fn leave_for(&self, gap: Duration) -> (Tick, Tick) {
        self.targets.send_replace(Targets::default());
        self.collector.ended(&id()).await;
        let end = self.clock.now();
        tokio::time::sleep(gap).await;
        self.targets.send_replace(specs(&self.plan, &["a"]));
        (end, self.clock.now())
    }

    /// The ticks of a stream that were collected, in their order, and how late each was.
    fn collected(&self, name: &str, database: Option<&str>) -> Vec<(Tick, Duration)> {
        let of_stream = |id: &FrameId| id.stream.name() == name && id.stream.database() == database;
        let frames = self.catcher.of("a").into_iter();
        let mut ticks: Vec<_> = frames
            .filter(|(id, _)| of_stream(id))
            .map(|(id, late)| (id.tick, late))
            .collect();
        ticks.sort_unstable();
        ticks
    }

    /// How many ticks lie between the collected ones of a stream. None comes twice.
    fn holes(&self, name: &str, database: Option<&str>, interval: Duration) -> u64 {
        let ticks = self.collected(name, database);
        let interval = interval.as_nanos() as i64;
        let hole = |two: &[(Tick, Duration)]| {
            let distance = two[1].0.unix_nanos() - two[0].0.unix_nanos();
            assert!(distance > 0 && distance % interval == 0, "{name}: {distance}");
            (distance / interval - 1) as u64
        };
        assert!(ticks.len() > 1, "{name}");
        ticks.windows(2).map(hole).sum()
    }

    /// What the statements counted since the first reading is what all frames hold together.
    fn check_deltas(&self) {
        let first = 1005;
        let yielded = self.catcher.deltas.load(Ordering::Relaxed);
        assert_eq!(yielded, self.servers.calls("a") - first);
        assert!(yielded > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_moves_misses_nothing() {
    let scene = scene(&["a"], |_, _| {});
    millis(25_000).await;
    for at in 0..60 {
        scene.leave_for(Duration::from_millis(at * 37 % 700)).await;
        millis(1000 + at * 91 % 900).await;
        let missed = scene.ticks("a").into_iter();
        let missed: Vec<_> = missed
            .filter(|((stream, outcome), _)| stream != "statements" && outcome != "collected")
            .collect();
        assert!(missed.is_empty(), "{missed:?}");
    }
    for (name, database, interval) in ALL {
        assert_eq!(scene.holes(name, database, interval), 0, "{name}");
    }
    scene.check_deltas();
    assert!(scene.books.snapshot().balanced());
    let frames = scene.catcher.frames.lock().unwrap().len();
    assert_eq!(
        scene.keeper.ended.load(Ordering::Relaxed),
        frames,
        "each frame had its receipt"
    );
}

#[tokio::test(start_paused = true)]
async fn a_target_that_moves_before_its_first_tick_misses_nothing() {
    let scene = scene(&["a"], |_, _| {});
    for round in 0..40 {
        millis(130 + round * 7).await;
        scene.leave_for(Duration::from_millis(90)).await;
    }
    millis(15_000).await;
    for (name, database, interval) in &ALL[..3] {
        let schedule = Schedule::new(&id(), &StreamId::of_server(name), *interval).unwrap();
        let first = scene.collected(name, *database)[0].0;
        assert_eq!(first, schedule.after(scene.start), "{name}");
        assert_eq!(scene.holes(name, *database, *interval), 0, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_tick_that_waits_for_its_place_is_that_of_the_successor() {
    let scene = scene(&["a"], |servers, _| {
        servers.set("a", |b| b.connects_in = SECOND * 3);
    });
    let schedule = Schedule::new(&id(), &StreamId::of_server("activity"), SECOND).unwrap();
    let first = schedule.after(scene.start);
    // While one lane connects for the first time, the others wait.
    scene.clock.sleep_until(first).await;
    millis(300).await;
    scene
        .servers
        .set("a", |behaviour| behaviour.connects_in = Duration::ZERO);
    scene.leave_for(Duration::from_millis(100)).await;
    millis(3000).await;
    assert_eq!(scene.collected("activity", None)[0].0, first);
    assert_eq!(scene.holes("activity", None, SECOND), 0);
}

#[tokio::test(start_paused = true)]
async fn all_lanes_of_a_target_that_is_taken_over_begin_at_once() {
    let scene = scene(&["a"], |_, _| {});
    millis(25_000).await;
    scene.servers.set("a", |behaviour| {
        behaviour.connects_in = Duration::from_millis(200);
    });
    let (_, start) = scene.leave_for(TEN).await;
    let due = scene.clock.now();
    millis(250).await;
    for (name, database) in [
        ("activity", None),
        ("server", None),
        ("calls", None),
        ("tables", Some("app")),
    ] {
        let (last, late) = *scene.collected(name, database).last().unwrap();
        assert!(
            last > start || late < last.lateness(due) + Duration::from_millis(220),
            "{name}"
        );
        assert!(last.lateness(scene.clock.now()) < TEN, "{name} was read");
    }
    assert_eq!(scene.servers.connections("a"), (3, 3));
}

#[tokio::test(start_paused = true)]
async fn what_fell_into_a_take_over_is_read_late_or_counted() {
    for gap in [700, 1700, 3200] {
        let scene = scene(&["a"], |_, _| {});
        millis(25_000).await;
        let mut counted = 0;
        for round in 0..20 {
            let (end, start) = scene.leave_for(Duration::from_millis(gap)).await;
            millis(50).await;
            let ticks = scene.collected("activity", None);
            let (newest, late) = *ticks.last().unwrap();
            if gap > 1000 || newest > end {
                let due = newest.lateness(start);
                assert!(
                    newest > end && due < SECOND,
                    "the newest that fell into it is read"
                );
                assert!(
                    late < due + Duration::from_millis(15),
                    "at once: {late:?} {due:?}"
                );
            }
            counted += scene.count("a", "activity", "late");
            millis(2000 + round * 113).await;
            counted += scene.count("a", "server", "late") + scene.count("a", "tables/app", "late");
        }
        let holes = scene.holes("activity", None, SECOND);
        assert_eq!(counted, holes, "{gap}");
        assert_eq!(holes > 0, gap > 1000, "{gap}: {holes}");
        for (name, database, interval) in &ALL[1..] {
            assert_eq!(scene.holes(name, *database, *interval), 0, "{gap} {name}");
        }
        scene.check_deltas();
    }
}

#[tokio::test(start_paused = true)]
async fn another_node_goes_on() {
    let dead = scene(&["a"], |servers, _| {
        servers.set("a", |b| b.databases = vec!["app", "b", "c"]);
    });
    millis(33_210).await;
    let connects = dead.servers.sent("a", "connect");
    let listed = dead.servers.sent("a", "databases");
    dead.collector.stop(SECOND).await;
    let before = dead.catcher.frames.lock().unwrap().len();
    let (targets, receiver) = watch::channel(specs(&dead.plan, &["a"]));
    let parts = CollectorParts {
        guard: Arc::new(crate::guard::NoGuard),
        targets: receiver,
        ..parts_of(
            &dead.clock,
            &dead.books,
            &Registry::new(),
            (&dead.owner, &dead.sentry, &dead.keeper, &dead.catcher),
        )
    };
    millis(700).await;
    let successor = start_with(parts, dead.servers.clone()).unwrap();
    millis(4900).await;
    assert_eq!(
        dead.servers.sent("a", "databases"),
        listed,
        "nothing waits for the list of databases"
    );
    assert!(dead.servers.sent("a", "connect") > connects);
    millis(20_000).await;
    assert!(dead.servers.sent("a", "databases") > listed, "it comes later");
    let frames = dead.catcher.of("a");
    let (all, distinct) = (
        frames.len(),
        frames
            .iter()
            .map(|(id, _)| id)
            .collect::<std::collections::HashSet<_>>(),
    );
    assert_eq!(distinct.len(), all);
    assert!(all > before);
    let late = frames[before..].iter().map(|(_, late)| *late).max();
    assert!(late < Some(Duration::from_millis(720)), "{late:?}");
    let holes = |name: &str, database: Option<&str>, interval: Duration| {
        let mut ticks: Vec<_> = frames
            .iter()
            .filter(|(id, _)| id.stream.name() == name && id.stream.database() == database)
            .map(|(id, _)| id.tick.unix_nanos())
            .collect();
        ticks.sort_unstable();
        ticks
            .windows(2)
            .filter(|two| two[1] - two[0] != interval.as_nanos() as i64)
            .count()
    };
    for database in ["app", "b", "c"] {
        assert_eq!(holes("tables", Some(database), TEN), 0, "{database}");
    }
    assert_eq!(holes("activity", None, SECOND), 0);
    drop((successor, targets));
}

#[tokio::test(start_paused = true)]
async fn a_database_that_is_gone_is_forgotten() {
    let scene = scene(&["a"], |servers, _| {
        servers.set("a", |b| b.databases = vec!["app", "gone"]);
    });
    millis(15_000).await;
    scene.targets.send_replace(Targets::default());
    scene.collector.ended(&id()).await;
    scene
        .servers
        .set("a", |behaviour| behaviour.databases = vec!["app"]);
    let old = StreamId::of_database("removed", "gone");
    scene.keeper.change(&id(), |memory| {
        memory.insert(old.clone(), StreamMemory::default())
    });
    scene.targets.send_replace(specs(&scene.plan, &["a"]));
    millis(6000).await;
    let mut forgotten = scene.keeper.forgotten();
    forgotten.sort_unstable();
    let gone = ["indexes", "removed", "tables"].map(|name| StreamId::of_database(name, "gone"));
    assert_eq!(forgotten, gone);
    let left = scene.keeper.recall(&id());
    assert!(
        left.keys().all(|stream| stream.database() != Some("gone")),
        "{left:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_memory_that_does_not_fit_is_left_out() {
    let scene = scene(&["a"], |_, _| {});
    millis(25_000).await;
    scene.targets.send_replace(Targets::default());
    scene.collector.ended(&id()).await;
    let now = scene.clock.now();
    let (calls, activity) = (StreamId::of_server("calls"), StreamId::of_server("activity"));
    scene.keeper.change(&id(), |memory| {
        let mut wrong = Columns::new([("id", ringwatch_frame::ColumnType::Text)]);
        wrong.push(&[Cell::Text("x")]).unwrap();
        memory.get_mut(&calls).unwrap().baseline = Some(wrong.finish().unwrap());
        let future = Tick::from_unix_nanos(now.unix_nanos() + 3_600_000_000_000);
        memory.get_mut(&activity).unwrap().last = Some(future);
    });
    let (yielded, first) = (
        scene.catcher.deltas.load(Ordering::Relaxed),
        scene.servers.calls("a") + 5,
    );
    scene.targets.send_replace(specs(&scene.plan, &["a"]));
    millis(30_000).await;
    let frames = scene.collected("activity", None);
    assert!(
        frames.iter().filter(|(tick, _)| *tick > now).count() >= 29,
        "it begins anew"
    );
    let since = scene.catcher.deltas.load(Ordering::Relaxed) - yielded;
    assert_eq!(
        since,
        scene.servers.calls("a") - first,
        "its first reading is a baseline"
    );
}

#[tokio::test(start_paused = true)]
async fn the_baseline_that_is_told_is_the_one_that_counts() {
    let scene = scene(&["a"], |_, _| {});
    millis(35_000).await;
    let stream = StreamId::of_server("calls");
    let memory = scene.keeper.recall(&id()).remove(&stream).unwrap();
    let planned = scene
        .plan
        .streams()
        .iter()
        .find(|p| p.stream.name == "calls")
        .unwrap();
    let spec = planned.stream.delta.as_ref().unwrap();
    let kind = |_: &str| Some(ringwatch_frame::ColumnType::Int);
    let baseline = Baseline::from_batch(spec, kind, &memory.baseline.unwrap()).unwrap();
    let mut now = Columns::new([
        ("id", ringwatch_frame::ColumnType::Int),
        ("calls", ringwatch_frame::ColumnType::Int),
    ]);
    now.push(&[Cell::Int(1), Cell::Int(scene.servers.calls("a") + 3)])
        .unwrap();
    let step = crate::delta::step(spec, Some(&baseline), &now.finish().unwrap()).unwrap();
    let delta = step
        .rows
        .column_by_name("calls")
        .unwrap()
        .as_primitive::<Int64Type>()
        .value(0);
    assert_eq!(delta, 3);
}

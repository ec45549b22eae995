//! Databases that suffer, and what reaches them: the breakers as the scheduler asks them, second by second.

use std::sync::Arc;
use std::time::Duration;

use prometheus::Registry;
use ringwatch_config::settings::{CircuitBreaker as Settings, LoadPrediction};
use ringwatch_frame::{Clock, StreamId, TargetId, Tick};
use tokio::time::Instant;

use super::*;
use crate::covered::{CoveredTarget, target};

const SECOND: Duration = Duration::from_secs(1);
/// How long the collector waits for an answer.
const TIMEOUT: Duration = Duration::from_secs(5);
const STREAMS: usize = 10;

/// How a database behaves.
#[derive(Clone, Copy, Debug)]
enum Mood {
    Well,
    /// So many of a hundred questions are answered by an error.
    Errors(u64),
    /// No answer comes.
    Hangs,
    /// No connection is made.
    Refuses,
}

/// One database and the lanes that read it.
struct Database {
    target: CoveredTarget,
    mood: Mood,
    /// What reached it, by second.
    questions: Vec<u32>,
    /// Readings under way: of which stream, until when, and how they end.
    under_way: Vec<(StreamId, Instant, Outcome)>,
    asked: u64,
}

impl Database {
    fn new(name: &str) -> Self {
        Self {
            target: target(name, &[name]),
            mood: Mood::Well,
            questions: Vec::new(),
            under_way: Vec::new(),
            asked: 0,
        }
    }

    fn question(&mut self, stream: StreamId, now: Instant) {
        self.asked += 1;
        let failed = |took: Duration| (took, Outcome::Failed { took });
        let quick = Duration::from_millis(20);
        let (took, outcome) = match self.mood {
            // 37 and 100 have no common factor: in any hundred questions each remainder comes once.
            Mood::Errors(percent) if self.asked * 37 % 100 < percent => failed(quick),
            Mood::Hangs => failed(TIMEOUT),
            Mood::Refuses => failed(Duration::from_millis(1)),
            Mood::Well | Mood::Errors(_) => {
                let (took, sessions) = (quick, None);
                (took, Outcome::Answered { took, sessions })
            }
        };
        self.under_way.push((stream, now + took, outcome));
    }
}

struct World {
    breakers: Breakers,
    databases: Vec<Database>,
    begin: Instant,
    now: Instant,
}

impl World {
    fn new(settings: &Settings, names: &[&str]) -> Self {
        let now = Instant::now();
        let metrics = BreakerMetrics::new(&Registry::new()).unwrap();
        let clock = Clock::simulated(Tick::from_unix_nanos(0));
        let parts = BreakerParts::new(clock, metrics);
        let breakers = Breakers::new("circuit_breaker", settings, parts, now);
        let databases: Vec<_> = names.iter().map(|name| Database::new(name)).collect();
        let targets: Vec<_> = databases.iter().map(|database| database.target.clone()).collect();
        breakers.cover(&targets, now);
        Self {
            breakers,
            databases,
            begin: now,
            now,
        }
    }

    /// One second: what is under way ends, then each stream that is at rest is due.
    fn second(&mut self) {
        self.now += SECOND;
        self.breakers.on_interval(self.now);
        for database in &mut self.databases {
            let id = database.target.id.clone();
            let (ended, rest) = std::mem::take(&mut database.under_way)
                .into_iter()
                .partition(|(_, end, _)| *end <= self.now);
            database.under_way = rest;
            let ended: Vec<_> = ended;
            for (stream, end, outcome) in ended {
                self.breakers.ended(&id, &stream, outcome, end);
            }
            let before = database.asked;
            for n in 0..STREAMS {
                let stream = StreamId::of_server(&n.to_string());
                let is_busy = database.under_way.iter().any(|(busy, ..)| *busy == stream);
                let tick = Tick::from_unix_nanos((self.now - self.begin).as_nanos() as i64);
                if !is_busy && self.breakers.admit(&id, &stream, tick, SECOND, self.now).is_ok() {
                    database.question(stream, self.now);
                }
            }
            database.questions.push((database.asked - before) as u32);
        }
    }

    fn run(&mut self, seconds: usize) {
        (0..seconds).for_each(|_| self.second());
    }

    /// Runs until the database's circuit is in `state`; says after how many seconds.
    fn until(&mut self, at: usize, state: State, most: usize) -> usize {
        let found = (1..=most).find(|_| {
            self.second();
            self.state(at) == state
        });
        found.unwrap_or_else(|| {
            panic!(
                "not {state:?} within {most} s: {:?}",
                self.breakers.list(self.now)
            )
        })
    }

    fn state(&self, at: usize) -> State {
        let id = &self.databases[at].target.id;
        let list = self.breakers.list(self.now);
        list.iter().find(|circuit| circuit.target == *id).unwrap().state
    }

    /// The questions that reached the database in its last seconds.
    fn reached(&self, at: usize, seconds: usize) -> u32 {
        self.databases[at].questions.iter().rev().take(seconds).sum()
    }
}

fn settings() -> Settings {
    let mut settings = Settings {
        load_prediction: LoadPrediction {
            enabled: false,
            ..LoadPrediction::default()
        },
        ..Settings::default()
    };
    settings.defaults.error_threshold_percent = 25.0;
    settings.defaults.half_open_requests = 7;
    settings
}

#[test]
fn a_database_that_suffers_is_left_alone_within_one_evaluation_and_read_again_when_it_is_well() {
    let evaluation = 30;
    for mood in [Mood::Errors(100), Mood::Errors(40), Mood::Hangs, Mood::Refuses] {
        let mut world = World::new(&settings(), &["a", "b"]);
        world.run(evaluation);
        world.databases[0].mood = mood;
        world.until(0, State::Open, evaluation);
        world.databases[0].under_way.clear();
        // The first question after the break belongs to the second in which it ends.
        let open = world.until(0, State::HalfOpen, 61) - 1;
        assert!(world.reached(0, open + 1) <= 7, "{mood:?}");
        assert_eq!(
            world.databases[0]
                .questions
                .iter()
                .rev()
                .skip(1)
                .take(open)
                .sum::<u32>(),
            0,
            "{mood:?}"
        );
        assert_eq!(world.reached(0, 1), 7, "{mood:?}: exactly the leaves");
        if matches!(mood, Mood::Errors(40)) {
            continue;
        }
        world.until(0, State::Open, 6);
        assert_eq!(world.reached(0, 7), 7, "{mood:?}: and no more until they ended");
        world.databases[0].mood = Mood::Well;
        let closed = world.until(0, State::Closed, 120 + evaluation);
        assert!((119..=122).contains(&closed), "{mood:?}: {closed}");
        world.run(5);
        assert_eq!(world.reached(0, 5), 50, "{mood:?}");
        assert_eq!(world.state(1), State::Closed);
        let all = world.databases[1]
            .questions
            .iter()
            .all(|questions| *questions == 10);
        assert!(all, "{mood:?}: the other database was never left out");
    }
}

#[test]
fn thirty_percent_open_a_circuit_whose_threshold_is_twenty_five_and_not_one_of_fifty() {
    for (threshold, opens) in [(25.0, true), (50.0, false)] {
        let mut settings = settings();
        settings.defaults.error_threshold_percent = threshold;
        let mut world = World::new(&settings, &["a"]);
        world.databases[0].mood = Mood::Errors(30);
        world.run(31);
        assert_eq!(world.state(0) == State::Open, opens, "{threshold}");
        if !opens {
            world.run(3600);
            assert_eq!(world.breakers.health().total_trips, 0);
        }
    }
}

#[test]
fn breaks_grow_while_the_database_stays_down() {
    let mut world = World::new(&settings(), &["a"]);
    world.databases[0].mood = Mood::Refuses;
    world.until(0, State::Open, 30);
    for seconds in [60, 120, 240, 480, 960, 1920, 3600, 3600] {
        world.until(0, State::HalfOpen, seconds + 1);
        let waited = world.until(0, State::Open, 2);
        assert!(waited <= 2);
        let status = world.breakers.list(world.now).remove(0);
        assert_eq!(status.reason, Some(Reason::TrialFailed));
    }
    let first = world.reached(0, usize::MAX) - 8 * 7;
    assert!(
        first <= 20,
        "in three hours {first} questions and the leaves of eight trials"
    );
}

#[test]
fn a_database_that_flaps_is_asked_less_and_less() {
    let mut settings = settings();
    settings.self_healing.enabled = true;
    settings.defaults.max_break_duration = ringwatch_config::Duration::from_secs(120);
    let mut world = World::new(&settings, &["a"]);
    let (mut by_hour, mut doublings) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        let before = world.databases[0].asked;
        for second in 0..3600 {
            // It is well for five minutes and gone for one.
            world.databases[0].mood = if second % 360 < 300 {
                Mood::Well
            } else {
                Mood::Refuses
            };
            world.second();
        }
        by_hour.push(world.databases[0].asked - before);
        doublings.push(world.breakers.list(world.now)[0].doublings);
    }
    let all = 3600 * STREAMS as u64;
    assert!(
        by_hour[0] < all / 2 && by_hour[2] < all / 5,
        "{by_hour:?} of {all}"
    );
    assert_eq!(doublings, [3, 3, 3], "{by_hour:?}");
    world.databases[0].mood = Mood::Well;
    world.run(3 * 3600 + 600);
    let status = world.breakers.list(world.now).remove(0);
    assert_eq!(
        (status.state, status.slowdown),
        (State::Closed, 1),
        "calm hours take it back"
    );
}

#[test]
fn a_backend_that_is_down_is_nothing_to_a_circuit() {
    // The processor sees rows and nothing else: there is no way from an exporter to a circuit. What is left
    // to show is that it keeps none.
    let books = Arc::default();
    let mut processor = CircuitBreakerProcessor::new("circuit_breaker");
    let mut out = Vec::new();
    processor.process(crate::testing::frame(&books, 0, 3).into(), &mut out);
    assert_eq!(out.iter().map(Batch::rows).sum::<u64>(), 3);
    out.into_iter()
        .for_each(|batch| batch.discard(ringwatch_frame::DropReason::Permanent));
    let world = World::new(&settings(), &["a"]);
    assert_eq!(world.breakers.health().open_circuits, 0);
    assert!(world.breakers.at_ease(&TargetId::new("postgresql", "a:5432")));
}

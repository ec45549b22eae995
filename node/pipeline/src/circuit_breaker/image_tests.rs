use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use prometheus::Registry;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use ringwatch_config::settings::CircuitBreaker as Settings;
use ringwatch_frame::{Clock, StreamId, TargetId, Tick};

use super::*;
use crate::circuit_breaker::{Adopted, BreakerMetrics, BreakerParts, Breakers, Outcome, Refused};
use crate::covered::target;

const SECOND: Duration = Duration::from_secs(1);
/// After this time a leave whose reading has not ended is given again.
const LEAVE_LIFE: Duration = Duration::from_secs(300);

fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.defaults.half_open_requests = 4;
    settings.defaults.max_break_duration = ringwatch_config::Duration::from_secs(300);
    settings.self_healing.enabled = true;
    settings.load_prediction.enabled = false;
    settings.adaptive_timeouts.enabled = true;
    settings
}

fn node(settings: &Settings, now: Instant) -> Breakers {
    let metrics = BreakerMetrics::new(&Registry::new()).unwrap();
    let parts = BreakerParts::new(Clock::simulated(Tick::from_unix_nanos(0)), metrics);
    let breakers = Breakers::new("circuit_breaker", settings, parts, now);
    breakers.cover(&[target("a", &[])], now);
    breakers
}

fn id() -> TargetId {
    target("a", &[]).id
}

fn stream(at: u8) -> StreamId {
    StreamId::of_server(&at.to_string())
}

fn ask(node: &Breakers, at: u8, tick: i64, now: Instant) -> Result<(), Refused> {
    let tick = Tick::from_unix_nanos(tick * 1_000_000_000);
    node.admit(&id(), &stream(at), tick, SECOND, now)
}

fn state(node: &Breakers, now: Instant) -> State {
    node.list(now)[0].state
}

fn trip(node: &Breakers, now: Instant) {
    for _ in 0..5 {
        ask(node, 0, 0, now).unwrap();
        node.ended(&id(), &stream(0), Outcome::Failed { took: SECOND }, now);
    }
    assert_eq!(state(node, now), State::Open);
}

fn good(took: Duration) -> Outcome {
    Outcome::Answered { took, sessions: None }
}

/// What travels between nodes.
fn sent(node: &Breakers, now: Instant) -> CircuitImage {
    let image = node.image(&id(), now).unwrap();
    serde_json::from_slice(&serde_json::to_vec(&image).unwrap()).unwrap()
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Wait(u32),
    Ask(u8, i64),
    End(u8, Outcome),
    Reset,
    Open(Option<u32>),
}

fn step() -> impl Strategy<Value = Step> {
    let millis = Duration::from_millis;
    let outcome = prop_oneof![
        5 => (0_u64..3000).prop_map(move |took| good(millis(took))),
        3 => (0_u64..20_000).prop_map(move |took| Outcome::Failed { took: millis(took) }),
        1 => Just(Outcome::Ignored),
        1 => Just(Outcome::NotMade),
    ];
    prop_oneof![
        5 => (0_u32..60).prop_map(Step::Wait),
        1 => (0_u32..5000).prop_map(Step::Wait),
        12 => (0_u8..10, 0_i64..16).prop_map(|(stream, tick)| Step::Ask(stream, tick)),
        12 => (0_u8..10, outcome).prop_map(|(stream, outcome)| Step::End(stream, outcome)),
        1 => Just(Step::Reset),
        1 => prop::option::of(0_u32..400).prop_map(Step::Open),
    ]
}

/// A half-open phase of which permits were taken, and some readings have gone well.
fn trial() -> impl Strategy<Value = Vec<Step>> {
    (1_u8..=5, 0_u8..=4).prop_map(|(asks, ends)| {
        let open = [Step::Open(Some(5)), Step::Wait(5)];
        let ends = ends.min(asks.min(4) - 1);
        let asks = (20..20 + asks).map(|at| Step::Ask(at, 0));
        let ends = (20..20 + ends).map(|at| Step::End(at, good(SECOND)));
        open.into_iter().chain(asks).chain(ends).collect()
    })
}

/// A circuit and the readings that have leave of it.
struct World<'a> {
    nodes: Vec<&'a Breakers>,
    now: Instant,
    under_way: BTreeMap<u8, Instant>,
    /// Whether what the nodes counted before no longer matters.
    is_fresh: bool,
    asks: [u64; 3],
}

impl<'a> World<'a> {
    fn new(node: &'a Breakers, now: Instant) -> Self {
        let (nodes, under_way) = (vec![node], BTreeMap::new());
        Self {
            nodes,
            now,
            under_way,
            is_fresh: true,
            asks: [0; 3],
        }
    }

    fn step(&mut self, step: Step, passed_over: &BTreeMap<u8, Instant>) {
        let now = self.now;
        let each = |act: &dyn Fn(&Breakers)| self.nodes.iter().for_each(|node| act(node));
        match step {
            Step::Wait(seconds) => {
                self.now += seconds * SECOND;
                if self.is_fresh {
                    self.nodes.iter().for_each(|node| node.on_interval(self.now));
                }
            }
            Step::Ask(at, tick) if !self.under_way.contains_key(&at) && !passed_over.contains_key(&at) => {
                let answers: Vec<_> = self.nodes.iter().map(|node| ask(node, at, tick, now)).collect();
                assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
                let at_state = usize::try_from(state(self.nodes[0], now).code()).unwrap();
                self.asks[at_state] += 1;
                if answers[0].is_ok() {
                    self.under_way.insert(at, now);
                }
            }
            Step::Ask(..) => {}
            Step::End(at, outcome) => {
                if self.is_fresh && self.under_way.remove(&at).is_some() {
                    each(&|node| node.ended(&id(), &stream(at), outcome, now));
                }
            }
            Step::Reset => each(&|node| drop(node.reset(id().as_str(), now).unwrap())),
            Step::Open(seconds) => {
                let lasts = seconds.map(|seconds| seconds * SECOND);
                each(&|node| drop(node.open(id().as_str(), lasts, now).unwrap()));
            }
        }
        let states: Vec<_> = self.nodes.iter().map(|node| state(node, self.now)).collect();
        assert!(states.iter().all(|state| *state == states[0]), "{states:?}");
        self.is_fresh |= states[0] != State::Closed;
    }
}

/// Whatever happened to a circuit: who takes it over answers from then on as the node that had it would.
#[test]
fn who_takes_a_circuit_over_answers_as_who_had_it() {
    let (asks, half_open) = ([const { AtomicU64::new(0) }; 3], AtomicU64::new(0));
    let steps = || prop::collection::vec(step(), 0..100);
    let before = (steps(), prop::option::of(trial())).prop_map(|(steps, trial)| {
        let trial = trial.unwrap_or_default();
        [steps, trial].concat()
    });
    let age = prop_oneof![3 => 0_u32..60, 1 => 0_u32..400];
    let strategy = (before, steps(), age, steps());
    let config = ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let run = TestRunner::new(config).run(&strategy, |(before, elsewhere, age, after)| {
        let (begin, nobody) = (Instant::now(), BTreeMap::new());
        let (first, second) = (node(&settings(), begin), node(&settings(), begin));
        let mut world = World::new(&first, begin);
        before.into_iter().for_each(|step| world.step(step, &nobody));
        let mut other = World::new(&second, begin);
        elsewhere.into_iter().for_each(|step| other.step(step, &nobody));
        let at = world.now.max(other.now);
        first.on_interval(at);
        let image = sent(&first, at);
        let now = at + age * SECOND;
        prop_assert_eq!(
            second.adopt(&id(), &image, age * SECOND, true, now),
            Adopted::Taken
        );

        let under_way = std::mem::take(&mut world.under_way);
        let given = under_way.values().min().copied();
        let is_half_open = image.state == State::HalfOpen;
        half_open.fetch_add(u64::from(image.half_open_used > 0), Relaxed);
        let mut world = World::new(&first, now);
        world.nodes.push(&second);
        world.is_fresh = image.state != State::Closed;
        let seq = |state: State| (state == State::HalfOpen).then(|| first.list(now)[0].trips);
        let phase = seq(image.state);
        for step in after {
            // Leaves that got lost are given again: by who gave them at once, by others in the end.
            let is_phase = is_half_open && seq(state(&first, world.now)) == phase;
            if is_phase && given.is_some_and(|given| world.now + 61 * SECOND >= given + LEAVE_LIFE) {
                break;
            }
            if is_phase && matches!(step, Step::Wait(61..)) {
                continue;
            }
            world.step(step, &under_way);
        }
        asks.iter()
            .zip(world.asks)
            .for_each(|(sum, asks)| _ = sum.fetch_add(asks, Relaxed));
        Ok(())
    });
    run.unwrap();
    let asks = asks.map(AtomicU64::into_inner);
    assert!(
        asks.iter().all(|asks| *asks > 100) && half_open.load(Relaxed) > 50,
        "too little was compared: {asks:?}, {half_open:?}"
    );
}

#[test]
fn permits_that_were_taken_are_not_given_again() {
    let begin = Instant::now();
    let (first, second) = (node(&settings(), begin), node(&settings(), begin));
    trip(&first, begin);
    let now = begin + 60 * SECOND;
    (0..3).for_each(|at| ask(&first, at, 0, now).unwrap());
    first.ended(&id(), &stream(0), good(SECOND), now);
    let image = sent(&first, now);
    assert_eq!(
        (
            image.half_open_used,
            image.half_open_good,
            image.half_open_took_ms
        ),
        (3, 1, 1000)
    );
    second.adopt(&id(), &image, Duration::ZERO, false, now);
    assert_eq!(ask(&second, 5, 0, now), Ok(()), "the fourth");
    assert_eq!(ask(&second, 6, 0, now), Err(Refused::Open));
    second.ended(&id(), &stream(5), good(SECOND), now);
    assert_eq!(
        state(&second, now),
        State::HalfOpen,
        "two of four readings went well"
    );
    let late = now + LEAVE_LIFE;
    second.on_interval(late);
    for at in [7, 8] {
        ask(&second, at, 0, late).unwrap();
        second.ended(&id(), &stream(at), good(SECOND), late);
    }
    assert_eq!(
        state(&second, late),
        State::Closed,
        "those of the other node never ended"
    );
}

#[test]
fn an_open_circuit_is_not_closed_by_hearsay() {
    let now = Instant::now();
    let (open, closed) = (node(&settings(), now), node(&settings(), now));
    trip(&open, now);
    let image = sent(&closed, now);
    assert_eq!(
        open.adopt(&id(), &image, Duration::ZERO, false, now),
        Adopted::Kept
    );
    assert_eq!(state(&open, now), State::Open);
    let longer = node(&settings(), now);
    longer.open(id().as_str(), None, now).unwrap();
    let until_reset = sent(&longer, now);
    assert_eq!(
        longer.adopt(&id(), &sent(&open, now), Duration::ZERO, false, now),
        Adopted::Kept
    );
    assert_eq!(
        open.adopt(&id(), &until_reset, Duration::ZERO, false, now),
        Adopted::Taken
    );
    assert_eq!(open.list(now)[0].until, None);
    assert_eq!(open.list(now)[0].reason, Some(Reason::Manual));
    assert_eq!(
        open.adopt(&id(), &image, Duration::ZERO, true, now),
        Adopted::Taken
    );
    assert_eq!(state(&open, now), State::Closed, "who knows better says so");
    let nobody = TargetId::new("postgresql", "nobody:1");
    assert_eq!(
        open.adopt(&nobody, &image, Duration::ZERO, true, now),
        Adopted::NotCovered
    );
    assert_eq!(open.image(&nobody, now), None);
}

#[test]
fn what_was_learnt_of_latency_goes_along() {
    let mut settings = settings();
    settings.load_prediction.enabled = true;
    settings.adaptive_timeouts.min_timeout = ringwatch_config::Duration::from_millis(1);
    let begin = Instant::now();
    let (first, second) = (node(&settings, begin), node(&settings, begin));
    let mut now = begin;
    for n in 0..400_u64 {
        now += SECOND;
        for at in [0, 1] {
            ask(&first, at, 0, now).unwrap();
            let took = Duration::from_millis(50 * (u64::from(at) + 1) + n % 7);
            first.ended(&id(), &stream(at), good(took), now);
        }
        first.on_interval(now);
    }
    let image = sent(&first, now);
    assert_eq!(image.learnt.len(), 2);
    second.adopt(&id(), &image, SECOND, false, now + SECOND);
    let again = sent(&second, now + SECOND);
    for (was, is) in image.learnt.iter().zip(&again.learnt) {
        assert_eq!((&was.stream, was.deadline_ms), (&is.stream, is.deadline_ms));
        assert!(
            was.deadline_ms > 150 && was.typical_ms > 50.0 && was.deviation_ms > 0.0,
            "{was:?}"
        );
        assert!((was.typical_ms - is.typical_ms).abs() < 1e-6, "{was:?} {is:?}");
        assert!(
            (was.deviation_ms - is.deviation_ms).abs() < 1e-6,
            "{was:?} {is:?}"
        );
    }
    let deadline = second.deadline(&id(), &stream(0)).unwrap();
    assert_eq!(deadline, Duration::from_millis(image.learnt[0].deadline_ms));
    // One that runs into it doubles it, as one that was learnt here.
    ask(&second, 0, 0, now).unwrap();
    second.ended(&id(), &stream(0), Outcome::Failed { took: deadline }, now);
    assert_eq!(second.deadline(&id(), &stream(0)), Some(2 * deadline));
    second.on_interval(now + 2 * 3600 * SECOND);
    assert_eq!(
        second.deadline(&id(), &stream(1)),
        None,
        "it is forgotten as what was learnt here"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// Images come over a wire: no numbers break a circuit, keep it open beyond its rules or close it.
    #[test]
    fn no_numbers_break_a_circuit(
        numbers in prop::collection::vec(any::<u64>(), 8),
        (used, good_ones) in (any::<u32>(), any::<u32>()),
        state_number in 0_usize..3,
        typical in any::<f64>(),
        deviation in any::<f64>(),
        force in any::<bool>(),
    ) {
        let mut settings = settings();
        settings.load_prediction.enabled = true;
        let now = Instant::now() + 7 * SECOND;
        let node = node(&settings, now);
        let learnt = (0..200).map(|n| StreamLearnt {
            stream: format!("s{n}/d/e"),
            deadline_ms: numbers[6],
            typical_ms: typical,
            deviation_ms: deviation,
        });
        let image = CircuitImage {
            state: [State::Closed, State::Open, State::HalfOpen][state_number],
            reason: Some(Reason::Latency),
            left_ms: Some(numbers[0]),
            closed_ms: numbers[1],
            opened_ms: Some(numbers[2]),
            last_break_ms: numbers[3],
            trips: numbers[4],
            doublings: used,
            half_open_used: used,
            half_open_good: good_ones,
            half_open_took_ms: numbers[5],
            learnt: learnt.collect(),
            seq: numbers[7],
        };
        let age = Duration::from_millis(numbers[5]);
        prop_assert_eq!(node.adopt(&id(), &image, age, force, now), Adopted::Taken);
        prop_assert_eq!(state(&node, now), image.state);
        let again = node.image(&id(), now).unwrap();
        prop_assert!(again.learnt.len() <= MOST_STREAMS && again.left_ms.is_some_and(|left| left <= 300_000));
        let end = now + 300 * SECOND;
        node.on_interval(end);
        prop_assert!(state(&node, end) != State::Open);
        prop_assert!(image.state == State::Closed || state(&node, end) != State::Closed);
        for at in 0..8 {
            if ask(&node, at, 0, end).is_ok() {
                node.ended(&id(), &stream(at), Outcome::Failed { took: SECOND }, end);
            }
        }
        prop_assert_eq!(state(&node, end), State::Open, "readings that fail still open it");
    }
}

use std::sync::{Mutex, PoisonError};

use prometheus::Registry;
use ringwatch_config::settings::CircuitBreaker as Settings;
use ringwatch_frame::Clock;

use super::*;
use crate::circuit_breaker::{BreakerMetrics, BreakerParts, Outcome};
use crate::covered::target;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Heard(Mutex<Vec<(CircuitImage, bool)>>);

impl CircuitListener for Heard {
    fn changed(&self, breaker: &str, target: &TargetId, circuit: &CircuitImage, urgent: bool) {
        assert_eq!((breaker, target), ("circuit_breaker", &id()));
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(
            heard.last().is_none_or(|(last, _)| last.seq < circuit.seq),
            "in their order"
        );
        heard.push((circuit.clone(), urgent));
    }
}

impl Heard {
    /// What was heard since the last time: states, permits, and what was urgent.
    fn take(&self) -> Vec<(State, u32, bool)> {
        let heard = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let each = heard.into_iter();
        each.map(|(image, urgent)| (image.state, image.half_open_used, urgent))
            .collect()
    }
}

fn id() -> TargetId {
    target("a", &[]).id
}

fn node(settings: &Settings, now: Instant) -> (Breakers, Arc<Heard>) {
    let heard = Arc::new(Heard::default());
    let metrics = BreakerMetrics::new(&Registry::new()).unwrap();
    let mut parts = BreakerParts::new(Clock::simulated(Tick::from_unix_nanos(0)), metrics);
    parts.listener = Some(Arc::clone(&heard) as Arc<dyn CircuitListener>);
    let breakers = Breakers::new("circuit_breaker", settings, parts, now);
    breakers.cover(&[target("a", &[])], now);
    (breakers, heard)
}

fn read(node: &Breakers, stream: &str, outcome: Outcome, now: Instant) {
    let stream = StreamId::of_server(stream);
    node.admit(&id(), &stream, Tick::from_unix_nanos(0), SECOND, now)
        .unwrap();
    node.ended(&id(), &stream, outcome, now);
}

fn trip(node: &Breakers, now: Instant) {
    while node.list(now)[0].state == State::Closed {
        read(node, "s", FAILED, now);
    }
}

const FAILED: Outcome = Outcome::Failed { took: SECOND };
const GOOD: Outcome = Outcome::Answered {
    took: SECOND,
    sessions: None,
};

#[test]
fn every_change_is_told_and_what_opened_at_once() {
    use State::{Closed, HalfOpen, Open};
    let mut settings = Settings::default();
    settings.defaults.half_open_requests = 2;
    let mut now = Instant::now();
    let (node, heard) = node(&settings, now);
    read(&node, "s", GOOD, now);
    node.on_interval(now + SECOND);
    assert_eq!(heard.take(), [], "nothing changed");
    trip(&node, now);
    assert_eq!(heard.take(), [(Open, 0, true)]);
    now += 60 * SECOND;
    read(&node, "s", GOOD, now);
    assert_eq!(
        heard.take(),
        [(HalfOpen, 1, false), (HalfOpen, 1, false)],
        "a permit, and its good end"
    );
    read(&node, "t", Outcome::NotMade, now);
    assert_eq!(
        heard.take(),
        [(HalfOpen, 2, false), (HalfOpen, 1, false)],
        "it was given back"
    );
    read(&node, "t", GOOD, now);
    assert_eq!(heard.take(), [(HalfOpen, 2, false), (Closed, 0, false)]);
    trip(&node, now);
    assert_eq!(heard.take(), [(Open, 0, true)]);
    node.reset("a:5432", now).unwrap();
    assert_eq!(heard.take(), [(Closed, 0, false)]);
}

#[test]
fn what_another_node_had_is_not_told_back_until_readings_are_made_here() {
    let now = Instant::now();
    let ((owner, _), (other, heard)) = (node(&Settings::default(), now), node(&Settings::default(), now));
    trip(&owner, now);
    let image = owner.image(&id(), now).unwrap();
    other.adopt(&id(), &image, Duration::ZERO, true, now);
    other.on_interval(now + 60 * SECOND);
    assert_eq!(other.list(now)[0].state, State::HalfOpen);
    assert_eq!(heard.take(), [], "the break is over, but this node does not ask");
    let late = now + 61 * SECOND;
    read(&other, "s", FAILED, late);
    assert_eq!(
        heard.take(),
        [(State::HalfOpen, 1, false), (State::Open, 0, true)]
    );
    assert!(other.image(&id(), late).unwrap().seq > image.seq);
    other.adopt(&id(), &image, Duration::ZERO, true, late);
    other.open(id().as_str(), None, late).unwrap();
    assert_eq!(
        heard.take(),
        [(State::Open, 0, true)],
        "what people do is told anywhere"
    );
}

#[test]
fn what_is_learnt_is_told_once_a_minute_when_it_is_notable() {
    let mut settings = Settings::default();
    settings.adaptive_timeouts.enabled = true;
    settings.load_prediction.enabled = false;
    let mut now = Instant::now();
    let (node, heard) = node(&settings, now);
    let mut told = Vec::new();
    for second in 0..600_u64 {
        now += SECOND;
        // Slower from the fifth minute on.
        let took = Duration::from_secs(if second < 300 { 1 } else { 3 });
        read(&node, "s", Outcome::Answered { took, sessions: None }, now);
        node.on_interval(now);
        if !heard.take().is_empty() {
            told.push(second);
        }
    }
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0] < 61 && (300..361).contains(&told[1]), "{told:?}");
}

#[test]
fn streams_are_known_by_their_text() {
    for stream in [
        StreamId::of_server("postgresql.activity"),
        StreamId::of_database("postgresql.tables", "bil/ling"),
    ] {
        assert_eq!(stream_of(&stream.to_string()), stream);
    }
}

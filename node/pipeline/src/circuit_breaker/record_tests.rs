use std::time::Duration;

use proptest::prelude::*;
use ringwatch_config::settings::CircuitBreaker as Settings;
use ringwatch_frame::StreamId;

use super::*;
use crate::circuit_breaker::circuit::Ask;
use crate::circuit_breaker::parts::Phase;
use crate::circuit_breaker::phase::{Change, Outcome, Refused};

const SECOND: Duration = Duration::from_secs(1);

fn rules() -> Arc<Rules> {
    Arc::new(Rules {
        doublings: 3,
        ..Rules::new(&Settings::default(), None)
    })
}

fn at(second: i64) -> Tick {
    Tick::from_unix_nanos(second * 1_000_000_000)
}

fn ask(circuit: &mut Circuit, now: Instant) -> Result<(), Refused> {
    let ask = Ask {
        stream: &StreamId::of_server("s"),
        tick: at(0),
        interval: SECOND,
        slowdown: 1,
    };
    circuit.ask(&ask, now).0
}

/// A circuit that has opened just now, for 60 s.
fn open(now: Instant) -> Circuit {
    let mut circuit = Circuit::new(rules(), now);
    for _ in 0..5 {
        ask(&mut circuit, now).unwrap();
        circuit.ended(&StreamId::of_server("s"), Outcome::Failed { took: SECOND }, now);
    }
    assert_eq!(circuit.state(), State::Open);
    circuit
}

/// The record as it comes out of a file.
fn through_json(record: &Record) -> Record {
    serde_json::from_slice(&serde_json::to_vec(record).unwrap()).unwrap()
}

#[test]
fn a_break_goes_on_after_a_restart_whatever_became_of_the_clock() {
    let now = Instant::now();
    let record = through_json(&Record::of(&open(now), at(1000), now));
    // When it starts again, by the wall clock, and for how long nothing passes then.
    for (second, closed_for) in [(1010, 50), (1060, 0), (1000, 60), (-500_000, 60), (9_000_000, 0)] {
        let mut circuit = record.resume(rules(), at(second), now);
        assert_eq!(circuit.state(), State::Open, "{second}");
        assert_eq!(circuit.past.trips, 1);
        if closed_for > 0 {
            let early = now + (closed_for - 1) * SECOND;
            assert_eq!(ask(&mut circuit, early), Err(Refused::Open), "{second}");
        }
        let end = now + closed_for * SECOND;
        assert_eq!(ask(&mut circuit, end), Ok(()), "{second}");
        assert_eq!(circuit.state(), State::HalfOpen, "and not closed");
        let again = circuit.ended(&StreamId::of_server("s"), Outcome::Failed { took: SECOND }, end);
        assert!(matches!(again, Some(Change::Opened { lasts: Some(lasts), .. }) if lasts == 120 * SECOND));
    }
}

#[test]
fn other_states_are_resumed_as_what_they_are() {
    let now = Instant::now();
    let resume =
        |circuit: &Circuit| through_json(&Record::of(circuit, at(0), now)).resume(rules(), at(5), now);
    let mut by_hand = open(now);
    by_hand.open_by_hand(None, now);
    let mut by_hand = resume(&by_hand);
    assert_eq!(ask(&mut by_hand, now + 1_000_000 * SECOND), Err(Refused::Open));

    let mut half = open(now);
    ask(&mut half, now + 60 * SECOND).unwrap();
    let half = resume(&half);
    assert_eq!(half.state(), State::HalfOpen);
    assert!(matches!(
        half.phase,
        Phase::HalfOpen {
            spare: 5,
            good: 0,
            ..
        }
    ));

    let mut pressed = Circuit::new(rules(), now);
    pressed.press(Some(Reason::ProcessCpu), now);
    let mut pressed = resume(&pressed);
    assert_eq!(
        ask(&mut pressed, now),
        Ok(()),
        "another process has its own troubles"
    );
    assert_eq!(pressed.state(), State::HalfOpen);

    let mut closed = open(now);
    closed.reset(now);
    closed.past.last_break = 60 * SECOND;
    closed.healing.resume(2);
    let closed = resume(&closed);
    assert_eq!((closed.state(), closed.healing.doublings()), (State::Closed, 2));
    assert_eq!(closed.past.closed_before, 5 * SECOND);
}

#[test]
fn books_are_written_as_they_are_when_they_are_written() {
    let now = Instant::now();
    let book = Book::new(Remembered::default());
    let (kept, handed) = (TargetId::from_name("postgresql://a:1"), book.clone());
    book.set(&kept, Record::of(&open(now), at(0), now));
    book.set(
        &TargetId::from_name("postgresql://b:1"),
        Record::of(&open(now), at(0), now),
    );
    assert!(book.retain(|target| target == kept.as_str()));
    assert!(!book.retain(|target| target == kept.as_str()));
    let text = serde_json::to_string(&handed).unwrap();
    let read: Remembered = serde_json::from_str(&text).unwrap();
    assert_eq!(read.0.keys().collect::<Vec<_>>(), ["postgresql://a:1"]);
    assert_eq!(Book::new(read).get(&kept), book.get(&kept));
}

proptest! {
    #[test]
    fn no_record_closes_a_circuit_or_keeps_it_open_beyond_the_longest_break(
        left in any::<u64>(), written in any::<i64>(), wall in any::<i64>(),
        last_break in any::<u64>(), ago in any::<u64>(),
    ) {
        let now = Instant::now();
        let record = Record {
            state: State::Open, reason: Some(Reason::ErrorRate), left_ms: Some(left), written, closed_ms: ago,
            opened_ms: Some(ago), last_break_ms: last_break, trips: u64::MAX, doublings: u32::MAX,
        };
        let mut circuit = record.resume(rules(), Tick::from_unix_nanos(wall), now);
        prop_assert_eq!(circuit.state(), State::Open);
        let end = now + rules().max_break;
        prop_assert_eq!(ask(&mut circuit, end), Ok(()));
        let again = circuit.ended(&StreamId::of_server("s"), Outcome::Failed { took: SECOND }, end);
        let Some(Change::Opened { lasts: Some(lasts), .. }) = again else { panic!("{again:?}") };
        prop_assert!(lasts <= rules().max_break);
        let closed = Record { state: State::Closed, ..record };
        prop_assert_eq!(closed.resume(rules(), Tick::from_unix_nanos(wall), now).state(), State::Closed);
    }
}

use v1::{StateAnswer, StateOutcome};

use super::*;
use crate::command::answer;

const NOW: i64 = 1_800_000_000_000_000_000;

struct Desk {
    breakers: Breakers,
    books: Ledger,
    at: Context<'static>,
}

impl Desk {
    fn new(number: u64) -> Self {
        Self {
            breakers: Breakers::default(),
            books: Ledger::default(),
            at: Context {
                now: NOW,
                node: "n1",
                generation: 3,
                view: number,
                number,
            },
        }
    }

    fn say(&mut self, target: &str, record: BreakerRecord) -> StateAnswer {
        let command = v1::BreakerChanged {
            breaker: "main".to_owned(),
            target: target.to_owned(),
            record: Some(record),
        };
        answer(self.breakers.change(&mut self.books, self.at, &command))
    }

    fn state(&self, target: &str) -> Option<BreakerState> {
        self.breakers.get("main", target).map(BreakerRecord::state)
    }
}

fn record(state: BreakerState, view: u64, owner: &str, generation: u64, seq: u64) -> BreakerRecord {
    BreakerRecord {
        state: state.into(),
        view,
        owner: owner.to_owned(),
        generation,
        seq,
        ..BreakerRecord::default()
    }
}

fn refusal(answer: &StateAnswer) -> Option<StateRefusal> {
    (answer.outcome() == StateOutcome::Refused).then(|| answer.refusal())
}

#[test]
fn an_open_circuit_counts_from_when_it_was_received() {
    let mut desk = Desk::new(1);
    let mut open = record(BreakerState::Open, 1, "n1", 3, 1);
    open.left_ms = Some(30_000);
    assert_eq!(refusal(&desk.say("t", open.clone())), None);
    let kept = desk.breakers.get("main", "t").unwrap();
    assert_eq!((kept.left_ms, kept.received_unix_nano), (Some(30_000), NOW));
    open.left_ms = None;
    open.seq = 2;
    desk.say("t", open);
}

#[test]
fn the_words_of_an_owner_do_not_go_back() {
    let closed = |view, generation, seq| record(BreakerState::Closed, view, "n1", generation, seq);
    let mut desk = Desk::new(5);
    assert_eq!(refusal(&desk.say("t", closed(4, 3, 7))), None);
    for (view, generation, seq) in [(4, 3, 6), (4, 2, 9), (5, 2, 9)] {
        let answer = desk.say("t", closed(view, generation, seq));
        assert_eq!(refusal(&answer), Some(StateRefusal::Stale), "{answer:?}");
    }
    assert_eq!(desk.say("t", closed(4, 3, 7)).outcome(), StateOutcome::Unchanged);
    // One that lags behind says it under the view it knows.
    for (view, generation, seq) in [(4, 3, 8), (2, 4, 1), (5, 4, 2)] {
        assert_eq!(refusal(&desk.say("t", closed(view, generation, seq))), None);
    }
}

#[test]
fn of_two_owners_under_one_view_neither_closes_what_the_other_opened() {
    let mut desk = Desk::new(5);
    desk.say("t", record(BreakerState::Closed, 5, "n1", 900, 50));
    // A life of another node is no measure.
    assert_eq!(
        refusal(&desk.say("t", record(BreakerState::Open, 5, "n2", 1, 1))),
        None
    );
    let closed = desk.say("t", record(BreakerState::Closed, 5, "n1", 900, 51));
    assert_eq!(refusal(&closed), Some(StateRefusal::Stale));
    assert_eq!(desk.state("t"), Some(BreakerState::Open));
    let older = desk.say("t", record(BreakerState::Open, 4, "n3", 1, 1));
    assert_eq!(refusal(&older), Some(StateRefusal::Stale));
    desk.at.number = 6;
    desk.at.view = 6;
    assert_eq!(
        refusal(&desk.say("t", record(BreakerState::Closed, 6, "n1", 900, 52))),
        None
    );
    assert_eq!(desk.state("t"), Some(BreakerState::Closed));
}

#[test]
fn only_the_present_view_may_speak() {
    let mut desk = Desk::new(5);
    desk.at.view = 4;
    let answer = desk.say("t", record(BreakerState::Open, 4, "n1", 1, 1));
    assert_eq!(refusal(&answer), Some(StateRefusal::OldView));
    assert_eq!(
        (answer.version, answer.message.as_str()),
        (5, "view 4 is older than 5")
    );
    desk.at.view = 6;
    let answer = desk.say("t", record(BreakerState::Open, 4, "n1", 1, 1));
    assert_eq!(refusal(&answer), Some(StateRefusal::OldView));
    assert_eq!(desk.state("t"), None);
}

#[test]
fn a_full_table_forgets_closed_circuits_and_never_open_ones() {
    let mut desk = Desk::new(1);
    for number in 0..TARGETS {
        desk.at.now = NOW + i64::try_from(number).unwrap();
        let state = if number == 1 || number == 2 {
            BreakerState::Closed
        } else {
            BreakerState::Open
        };
        let answer = desk.say(&format!("t{number}"), record(state, 1, "n1", 3, 1));
        assert_eq!(refusal(&answer), None);
    }
    for new in ["x", "y"] {
        assert_eq!(
            refusal(&desk.say(new, record(BreakerState::Open, 1, "n1", 3, 1))),
            None
        );
    }
    assert_eq!((desk.state("t1"), desk.state("t2")), (None, None));
    let answer = desk.say("z", record(BreakerState::Open, 1, "n1", 3, 1));
    assert_eq!(refusal(&answer), Some(StateRefusal::Limit));
    assert_eq!(desk.breakers.rows.len(), TARGETS);
    // What is known may still change.
    assert_eq!(
        refusal(&desk.say("x", record(BreakerState::Closed, 1, "n1", 3, 2))),
        None
    );
}

#[test]
fn a_name_too_many_is_refused() {
    let mut desk = Desk::new(0);
    let mut command = v1::BreakerChanged {
        target: "t".to_owned(),
        record: Some(record(BreakerState::Open, 0, "n1", 3, 1)),
        ..v1::BreakerChanged::default()
    };
    for number in 0..=NAMES {
        command.breaker = format!("b{number}");
        let answer = answer(desk.breakers.change(&mut desk.books, desk.at, &command));
        assert_eq!(refusal(&answer), (number == NAMES).then_some(StateRefusal::Limit));
    }
}

#[test]
fn closed_circuits_expire_and_open_ones_do_not() {
    let mut desk = Desk::new(1);
    desk.say("closed", record(BreakerState::Closed, 1, "n1", 3, 1));
    desk.say("half", record(BreakerState::HalfOpen, 1, "n1", 3, 1));
    desk.say("open", record(BreakerState::Open, 1, "n1", 3, 1));
    desk.books.take();
    let mut expire = |now: i64| {
        let mut budget = 2;
        let next = desk.breakers.expire(&mut desk.books, now, &[], &mut budget);
        let rest = next.and_then(|next| desk.breakers.expire(&mut desk.books, now, &next, &mut 2));
        assert_eq!(rest, None);
        desk.books.take().1
    };
    assert_eq!(expire(NOW + UNTOUCHED), []);
    let gone = Touched::Breaker {
        breaker: "main".to_owned(),
        target: "closed".to_owned(),
    };
    assert_eq!(expire(NOW + UNTOUCHED + 1), [gone]);
    assert_eq!((desk.state("closed"), desk.breakers.rows.len()), (None, 2));
}

#[test]
fn what_is_malformed_is_refused() {
    let good = record(BreakerState::Open, 1, "n1", 3, 1);
    let with = |change: fn(&mut BreakerRecord)| {
        let mut record = good.clone();
        change(&mut record);
        record
    };
    let learnt = |typical_ms| v1::BreakerLearnt {
        stream: "s".to_owned(),
        typical_ms,
        ..v1::BreakerLearnt::default()
    };
    let mut many = good.clone();
    many.learnt = vec![learnt(1.0); LEARNT + 1];
    let mut endless = good.clone();
    endless.learnt = vec![learnt(f64::NAN)];
    let bad = [
        with(|record| record.state = 0),
        with(|record| record.reason = "x".repeat(NAME_BYTES + 1)),
        with(|record| record.owner = "a\0b".to_owned()),
        many,
        endless,
    ];
    let mut desk = Desk::new(1);
    for record in bad {
        assert!(refusal(&desk.say("t", record)).is_some());
    }
    assert!(refusal(&desk.say("", good.clone())).is_some());
    assert!(refusal(&desk.say(&"t".repeat(TARGET_BYTES + 1), good)).is_some());
    assert_eq!(desk.breakers.rows.len(), 0);
}

#[test]
fn a_restored_circuit_keeps_its_time_and_gets_a_view_that_this_group_knows() {
    let mut desk = Desk::new(2);
    let mut restored = record(BreakerState::Open, 17, "n7", 1, 1);
    restored.received_unix_nano = NOW - 5;
    desk.say("t", restored.clone());
    let kept = desk.breakers.get("main", "t").unwrap();
    assert_eq!((kept.view, kept.received_unix_nano), (2, NOW - 5));
    restored.received_unix_nano = NOW + 5;
    desk.say("u", restored);
    assert_eq!(desk.breakers.get("main", "u").unwrap().received_unix_nano, NOW);
}

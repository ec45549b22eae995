use v1::{StateRefusal, TargetRate};

use super::*;
use crate::command::answer;

fn set(
    rates: &mut Rates,
    books: &mut Ledger,
    now: i64,
    sampler: &str,
    said: &[(String, f64)],
) -> v1::StateAnswer {
    let at = Context {
        now,
        node: "n1",
        generation: 1,
        view: 3,
        number: 3,
    };
    let said = said.iter().map(|(target, rate_percent)| TargetRate {
        target: target.clone(),
        rate_percent: *rate_percent,
        received_unix_nano: 0,
    });
    let command = v1::SamplerRates {
        sampler: sampler.to_owned(),
        pipeline: "p".to_owned(),
        node: "n2".to_owned(),
        rates: said.collect(),
    };
    answer(rates.set(books, at, &command))
}

#[test]
fn the_newest_rate_counts_and_percents_are_percents() {
    let (mut rates, mut books) = (Rates::default(), Ledger::default());
    set(&mut rates, &mut books, 1, "s", &[("t".to_owned(), 50.0)]);
    set(&mut rates, &mut books, 2, "s", &[("t".to_owned(), 12.345_678_9)]);
    for bad in [-0.1, 100.1, f64::NAN] {
        let answer = set(&mut rates, &mut books, 3, "s", &[("t".to_owned(), bad)]);
        assert_eq!(answer.refusal(), StateRefusal::Invalid);
    }
    let names = Names::new("s", "p");
    let kept: Vec<_> = rates.of(&names).collect();
    let [(target, record)] = kept.as_slice() else {
        panic!("{kept:?}");
    };
    assert_eq!(
        (*target, record.rate_percent, record.received_unix_nano),
        ("t", 12.345_679, 2)
    );
}

#[test]
fn there_is_room_for_so_many_targets_of_each_sampler() {
    let (mut rates, mut books) = (Rates::default(), Ledger::default());
    let all: Vec<_> = (0..TARGETS).map(|number| (format!("t{number}"), 1.0)).collect();
    set(&mut rates, &mut books, 1, "s", &all);
    let one = [("x".to_owned(), 1.0)];
    assert_eq!(
        set(&mut rates, &mut books, 2, "s", &one).refusal(),
        StateRefusal::Limit
    );
    assert_eq!(
        set(&mut rates, &mut books, 2, "s2", &one).refusal(),
        StateRefusal::Unspecified
    );
    assert_eq!(rates.rows.len(), TARGETS + 1);
    for number in 3..=SAMPLERS {
        set(&mut rates, &mut books, 2, &format!("s{number}"), &one);
    }
    assert_eq!(
        set(&mut rates, &mut books, 2, "one more", &one).refusal(),
        StateRefusal::Limit
    );
}

#[test]
fn rates_expire() {
    let (mut rates, mut books) = (Rates::default(), Ledger::default());
    set(
        &mut rates,
        &mut books,
        10,
        "s",
        &[("a".to_owned(), 1.0), ("b".to_owned(), 1.0)],
    );
    set(&mut rates, &mut books, 20, "s", &[("b".to_owned(), 1.0)]);
    books.take();
    assert_eq!(rates.expire(&mut books, 11 + UNTOUCHED, &[], &mut 9), None);
    let gone = Touched::Rates {
        sampler: "s".to_owned(),
        pipeline: "p".to_owned(),
        node: String::new(),
        targets: vec!["a".to_owned()],
    };
    assert_eq!(books.take().1, [gone]);
}

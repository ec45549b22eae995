use v1::{StateRefusal, TargetWeight};

use super::*;
use crate::command::answer;

fn set(weights: &mut Weights, books: &mut Ledger, now: i64, said: &[(String, f64)]) -> v1::StateAnswer {
    let at = Context {
        now,
        node: "n1",
        generation: 1,
        view: 0,
        number: 0,
    };
    let said = said.iter().map(|(target, weight)| TargetWeight {
        target: target.clone(),
        weight: *weight,
        received_unix_nano: 0,
    });
    let command = v1::Weights {
        node: String::new(),
        weights: said.collect(),
    };
    answer(weights.set(books, at, &command))
}

#[test]
fn weights_are_above_nothing_and_finite() {
    let (mut weights, mut books) = (Weights::default(), Ledger::default());
    for bad in [0.0, -1.0, f64::NAN, f64::INFINITY, 2e6] {
        let said = [("good".to_owned(), 1.0), ("bad".to_owned(), bad)];
        let answer = set(&mut weights, &mut books, 1, &said);
        assert_eq!(answer.refusal(), StateRefusal::Invalid);
    }
    assert_eq!(weights.rows.len(), 0);
    set(&mut weights, &mut books, 1, &[("t".to_owned(), 1e-9)]);
    let kept = weights.rows.get(&Text("t".to_owned())).unwrap();
    assert_eq!((kept.weight, kept.node.as_str()), (1e-6, "n1"));
}

#[test]
fn there_is_room_for_so_many_targets() {
    let (mut weights, mut books) = (Weights::default(), Ledger::default());
    let all: Vec<_> = (0..TARGETS).map(|number| (format!("t{number}"), 1.0)).collect();
    set(&mut weights, &mut books, 1, &all);
    assert_eq!(weights.rows.len(), TARGETS);
    let over = [("t0".to_owned(), 3.0), ("x".to_owned(), 1.0)];
    assert_eq!(
        set(&mut weights, &mut books, 2, &over).refusal(),
        StateRefusal::Limit
    );
    assert_eq!(weights.rows.get(&Text("t0".to_owned())).unwrap().weight, 1.0);
    set(&mut weights, &mut books, 2, &over[..1]);
    assert_eq!(weights.rows.get(&Text("t0".to_owned())).unwrap().weight, 3.0);
}

#[test]
fn weights_expire() {
    let (mut weights, mut books) = (Weights::default(), Ledger::default());
    set(
        &mut weights,
        &mut books,
        10,
        &[("a".to_owned(), 1.0), ("b".to_owned(), 1.0)],
    );
    set(&mut weights, &mut books, 20, &[("b".to_owned(), 1.0)]);
    books.take();
    assert_eq!(weights.expire(&mut books, 11 + UNTOUCHED, &[], &mut 9), None);
    let targets = vec!["a".to_owned()];
    assert_eq!(books.take().1, [Touched::Weights { targets }]);
    assert_eq!(weights.rows.len(), 1);
}

use v1::{StateOutcome, StateRefusal};

use super::*;
use crate::command::answer;

fn act(actions: &mut Actions, books: &mut Ledger, id: u64, what: String) -> v1::StateAnswer {
    let at = Context {
        now: 77,
        node: "n1",
        generation: 1,
        view: 0,
        number: 9,
    };
    let action = OperatorAction {
        id,
        who: "anna".to_owned(),
        what,
        ..OperatorAction::default()
    };
    answer(actions.act(books, at, &v1::OperatorActed { action: Some(action) }))
}

#[test]
fn an_action_is_logged_once_and_the_oldest_go() {
    let (mut actions, mut books) = (Actions::default(), Ledger::default());
    for id in 1..=KEPT as u64 + 5 {
        assert_eq!(
            act(&mut actions, &mut books, id, format!("action {id}")).outcome(),
            StateOutcome::Done
        );
    }
    let again = act(&mut actions, &mut books, 6, "action 6".to_owned());
    assert_eq!(again.outcome(), StateOutcome::Unchanged);
    let first = actions.rows.iter().next().unwrap().1;
    assert_eq!(
        (actions.rows.len(), first.id, first.time_unix_nano),
        (KEPT, 6, 77)
    );
}

#[test]
fn what_is_malformed_is_not_logged() {
    let (mut actions, mut books) = (Actions::default(), Ledger::default());
    let nameless = act(&mut actions, &mut books, 0, "reset".to_owned());
    let long = act(&mut actions, &mut books, 1, "x".repeat(TEXT_BYTES + 1));
    for answer in [nameless, long] {
        assert_eq!(answer.refusal(), StateRefusal::Invalid);
    }
    assert_eq!(actions.rows.len(), 0);
}

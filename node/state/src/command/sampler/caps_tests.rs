use v1::{RuleUse, StateOutcome};

use super::*;
use crate::command::answer;

const NOW: i64 = 30_000_000 * MINUTE;

fn set(caps: &mut Caps, books: &mut Ledger, node: &str, minute: i64, rules: usize) -> v1::StateAnswer {
    let at = Context {
        now: NOW,
        node: "n1",
        generation: 1,
        view: 3,
        number: 3,
    };
    let command = v1::SamplerCaps {
        sampler: "s".to_owned(),
        pipeline: "p".to_owned(),
        node: node.to_owned(),
        minute,
        rules: (0..rules)
            .map(|number| RuleUse {
                rule: format!("r{number}"),
                used: 5,
            })
            .collect(),
    };
    answer(caps.set(books, at, &command))
}

#[test]
fn only_a_nodes_newest_minute_is_kept() {
    let (mut caps, mut books) = (Caps::default(), Ledger::default());
    let now = NOW / MINUTE;
    assert_eq!(
        set(&mut caps, &mut books, "n1", now, 1).outcome(),
        StateOutcome::Done
    );
    assert_eq!(
        set(&mut caps, &mut books, "n1", now, 1).outcome(),
        StateOutcome::Unchanged
    );
    assert_eq!(
        set(&mut caps, &mut books, "n1", now, 2).outcome(),
        StateOutcome::Done
    );
    assert_eq!(
        set(&mut caps, &mut books, "n1", now - 1, 2).refusal(),
        StateRefusal::Stale
    );
    assert_eq!(
        set(&mut caps, &mut books, "n2", now - 1, 2).outcome(),
        StateOutcome::Done
    );
    assert_eq!(
        set(&mut caps, &mut books, "n3", now + 1_000, 2).refusal(),
        StateRefusal::Invalid
    );
    assert_eq!(caps.of(&Names::new("s", "p")).count(), 2);
}

#[test]
fn caps_have_bounds() {
    let (mut caps, mut books) = (Caps::default(), Ledger::default());
    assert_eq!(
        set(&mut caps, &mut books, "n", 1, RULES + 1).refusal(),
        StateRefusal::Limit
    );
    for number in 0..=RECORDS {
        let answer = set(&mut caps, &mut books, &format!("n{number}"), 1, 1);
        assert_eq!(answer.refusal() == StateRefusal::Limit, number == RECORDS);
    }
}

#[test]
fn minutes_expire() {
    let (mut caps, mut books) = (Caps::default(), Ledger::default());
    set(&mut caps, &mut books, "n1", NOW / MINUTE - KEPT_MINUTES - 1, 1);
    set(&mut caps, &mut books, "n2", NOW / MINUTE - KEPT_MINUTES, 1);
    caps.expire(&mut books, NOW, &[], &mut 9);
    assert_eq!(
        caps.of(&Names::new("s", "p"))
            .map(|(node, _)| node)
            .collect::<Vec<_>>(),
        ["n2"]
    );
}

use v1::{OperatorAction, RuntimeLabel, RuntimeTarget, StateAnswer, StateOutcome};

use super::*;
use crate::command::answer;

#[derive(Default)]
struct Desk {
    data: DataSet,
    log: Actions,
    books: Ledger,
}

impl Desk {
    fn order(&mut self, command: Command<'_>) -> StateAnswer {
        let at = Context {
            now: 1_000,
            node: "n1",
            generation: 1,
            view: 0,
            number: 7,
        };
        answer(self.data.change(&mut self.books, &mut self.log, at, command))
    }

    fn flag(
        &mut self,
        name: &str,
        value: Option<bool>,
        expected_version: u64,
        id: Option<u64>,
    ) -> StateAnswer {
        self.order(Command::FlagSet(&v1::FlagSet {
            name: name.to_owned(),
            value,
            expected_version,
            action: id.map(by),
        }))
    }

    fn add(&mut self, target: RuntimeTarget) -> StateAnswer {
        self.order(Command::TargetAdded(&v1::TargetAdded {
            target: Some(target),
            ..v1::TargetAdded::default()
        }))
    }

    fn back(&mut self, to_version: u64, id: Option<u64>) -> StateAnswer {
        self.order(Command::Rollback(&v1::Rollback {
            to_version,
            expected_version: 0,
            action: id.map(by),
        }))
    }
}

fn by(id: u64) -> OperatorAction {
    OperatorAction {
        id,
        who: "anna".to_owned(),
        ..OperatorAction::default()
    }
}

fn target(id: &str) -> RuntimeTarget {
    RuntimeTarget {
        target_id: id.to_owned(),
        receiver: "postgresql".to_owned(),
        endpoint: format!("{id}:5432"),
        labels: Vec::new(),
    }
}

fn done(answer: &StateAnswer) -> (StateOutcome, u64) {
    (answer.outcome(), answer.version)
}

#[test]
fn every_change_makes_a_version() {
    let mut desk = Desk::default();
    assert_eq!((desk.data.version(), desk.data.hash()), (0, 0));
    assert_eq!(
        done(&desk.flag("plans", Some(false), 0, None)),
        (StateOutcome::Done, 1)
    );
    assert_eq!(
        done(&desk.flag("plans", Some(false), 0, None)),
        (StateOutcome::Unchanged, 1)
    );
    assert_eq!(desk.books.take().1, [Touched::DataSet { version: 1 }]);
    assert_eq!(done(&desk.add(target("t"))), (StateOutcome::Done, 2));
    let limit = v1::LimitSet {
        target: "t".to_owned(),
        queries_per_second: Some(1.0 / 3.0),
        ..v1::LimitSet::default()
    };
    assert_eq!(
        done(&desk.order(Command::LimitSet(&limit))),
        (StateOutcome::Done, 3)
    );
    let rate = v1::SamplerRateSet {
        sampler: "s".to_owned(),
        rate: Some(5.0),
        ..v1::SamplerRateSet::default()
    };
    assert_eq!(
        done(&desk.order(Command::SamplerRateSet(&rate))),
        (StateOutcome::Done, 4)
    );
    assert_eq!(desk.data.flag("plans"), Some(false));
    assert!(desk.data.limits().eq([("t", 0.333_333)]));
    assert!(desk.data.rates().eq([("s", 5.0)]));
    assert_eq!(desk.data.target("t"), Some(&target("t")));
}

#[test]
fn an_expected_version_is_compared() {
    let mut desk = Desk::default();
    desk.flag("a", Some(true), 0, None);
    let answer = desk.flag("a", Some(false), 2, None);
    assert_eq!((answer.refusal(), answer.version), (StateRefusal::Version, 1));
    assert_eq!(
        done(&desk.flag("a", Some(false), 1, None)),
        (StateOutcome::Done, 2)
    );
}

#[test]
fn an_action_sent_twice_is_done_once() {
    let mut desk = Desk::default();
    desk.flag("a", Some(true), 0, Some(1));
    desk.flag("a", Some(false), 1, Some(2));
    // The answer to the first one was lost; its version is not the present one any more.
    assert_eq!(
        done(&desk.flag("a", Some(true), 0, Some(1))),
        (StateOutcome::Unchanged, 2)
    );
    assert_eq!(
        done(&desk.flag("a", Some(false), 1, Some(2))),
        (StateOutcome::Unchanged, 2)
    );
    assert_eq!(done(&desk.back(1, Some(3))), (StateOutcome::Done, 3));
    assert_eq!(done(&desk.back(1, Some(3))), (StateOutcome::Unchanged, 3));
    assert_eq!(desk.data.flag("a"), Some(true));
    assert_eq!(desk.log.rows.len(), 3);
    assert_eq!(desk.flag("a", None, 0, Some(0)).refusal(), StateRefusal::Invalid);
}

#[test]
fn a_rollback_is_a_new_version_with_the_old_content() {
    let mut desk = Desk::default();
    let mut hashes = vec![desk.data.hash()];
    for step in 0..10 {
        match step % 4 {
            0 => desk.flag("a", Some(step == 0), 0, None),
            1 => desk.add(target(&format!("t{step}"))),
            2 => desk.flag("a", None, 0, None),
            _ => desk.order(Command::TargetRemoved(&v1::TargetRemoved {
                target_id: format!("t{}", step - 2),
                ..v1::TargetRemoved::default()
            })),
        };
        hashes.push(desk.data.hash());
    }
    assert_eq!(desk.data.version(), 10);
    for to in [7, 1, 9, 0, 10, 12, 3] {
        let version = desk.data.version();
        let answer = desk.back(to, None);
        assert_eq!(answer.refusal(), StateRefusal::Unspecified, "{answer:?}");
        assert!(desk.data.version() <= version + 1);
        hashes.push(desk.data.hash());
        hashes.truncate(usize::try_from(desk.data.version()).unwrap() + 1);
        assert_eq!(
            desk.data.hash(),
            hashes[usize::try_from(to).unwrap()],
            "back to {to}"
        );
    }
}

#[test]
fn the_last_versions_can_be_gone_back_to() {
    let mut desk = Desk::default();
    for step in 0..40 {
        desk.flag("a", Some(step % 2 == 0), 0, None);
    }
    assert_eq!((desk.data.history().count(), desk.data.oldest()), (REVISIONS, 8));
    for absent in [7, 0, 41] {
        let answer = desk.back(absent, None);
        assert_eq!((answer.refusal(), answer.version), (StateRefusal::Absent, 40));
    }
    assert_eq!(done(&desk.back(40, None)), (StateOutcome::Unchanged, 40));
    assert_eq!(done(&desk.back(9, None)), (StateOutcome::Done, 41));
    assert_eq!(desk.data.flag("a"), Some(true));
}

#[test]
fn what_is_not_there_cannot_be_removed() {
    let mut desk = Desk::default();
    let removed = v1::TargetRemoved {
        target_id: "t".to_owned(),
        ..v1::TargetRemoved::default()
    };
    let answer = desk.order(Command::TargetRemoved(&removed));
    assert_eq!((answer.refusal(), desk.log.rows.len()), (StateRefusal::Absent, 0));
}

#[test]
fn the_data_set_has_bounds() {
    let mut desk = Desk::default();
    for number in 0..items::FLAGS {
        desk.flag(&format!("f{number}"), Some(true), 0, None);
    }
    assert_eq!(
        desk.flag("one more", Some(true), 0, None).refusal(),
        StateRefusal::Limit
    );
    assert_eq!(
        desk.flag("f0", Some(false), 0, None).outcome(),
        StateOutcome::Done
    );
    for number in 0..items::TARGETS {
        desk.add(target(&format!("t{number}")));
    }
    assert_eq!(desk.add(target("one more")).refusal(), StateRefusal::Limit);
    let label = |number: usize| RuntimeLabel {
        name: format!("l{number}"),
        value: String::new(),
    };
    let with = |labels: Vec<RuntimeLabel>| RuntimeTarget {
        labels,
        ..target("t1")
    };
    assert_eq!(
        desk.add(with((0..65).map(label).collect())).refusal(),
        StateRefusal::Limit
    );
    assert_eq!(
        desk.add(with(vec![label(1), label(1)])).refusal(),
        StateRefusal::Invalid
    );
    assert_eq!(
        desk.add(with(vec![label(2), label(1)])).outcome(),
        StateOutcome::Done
    );
    let long = RuntimeTarget {
        endpoint: "x".repeat(513),
        ..target("t1")
    };
    assert_eq!(desk.add(long).refusal(), StateRefusal::Invalid);
    for rate in [-1.0, 100.5, f64::NAN] {
        let rate = v1::SamplerRateSet {
            sampler: "s".to_owned(),
            rate: Some(rate),
            ..v1::SamplerRateSet::default()
        };
        assert_eq!(
            desk.order(Command::SamplerRateSet(&rate)).refusal(),
            StateRefusal::Invalid
        );
    }
}

#[test]
fn only_an_untouched_data_set_is_restored() {
    let mut desk = Desk::default();
    let part = |version, id: &str| v1::DataRestored {
        version,
        items: vec![items::item(Item::Target(target(id)))],
        revisions: Vec::new(),
    };
    let mut restore = |part: &v1::DataRestored| answer(desk.data.restore(&mut desk.books, part));
    assert_eq!(restore(&part(0, "a")).refusal(), StateRefusal::Invalid);
    assert_eq!(done(&restore(&part(9, "a"))), (StateOutcome::Done, 9));
    assert_eq!(done(&restore(&part(9, "a"))), (StateOutcome::Unchanged, 9));
    assert_eq!(done(&restore(&part(9, "b"))), (StateOutcome::Done, 9));
    assert_eq!(restore(&part(8, "c")).refusal(), StateRefusal::Version);
    assert_eq!(
        done(&desk.flag("plans", Some(true), 9, None)),
        (StateOutcome::Done, 10)
    );
    for version in [9, 10, 11] {
        let late = answer(desk.data.restore(&mut desk.books, &part(version, "c")));
        assert_eq!((late.refusal(), late.version), (StateRefusal::Version, 10));
    }
    assert_eq!((desk.data.targets().count(), desk.data.oldest()), (2, 9));
}

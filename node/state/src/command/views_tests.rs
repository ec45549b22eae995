use v1::{StateOutcome, ViewMember, ViewPin};

use super::*;
use crate::command::answer;

fn view(number: u64) -> ViewRecord {
    ViewRecord {
        number,
        ..ViewRecord::default()
    }
}

fn propose(views: &mut Views, books: &mut Ledger, view: ViewRecord) -> v1::StateAnswer {
    let at = Context {
        now: 1,
        node: "n1",
        generation: 1,
        view: 0,
        number: views.number(),
    };
    let command = v1::ViewProposed { view: Some(view) };
    answer(views.propose(books, at, &command))
}

#[test]
fn numbers_follow_each_other() {
    let (mut views, mut books) = (Views::default(), Ledger::default());
    assert_eq!(
        propose(&mut views, &mut books, view(0)).refusal(),
        StateRefusal::Version
    );
    assert_eq!(
        propose(&mut views, &mut books, view(1)).outcome(),
        StateOutcome::Done
    );
    assert_eq!(books.take().1, [Touched::View { number: 1 }]);
    assert_eq!(
        propose(&mut views, &mut books, view(1)).outcome(),
        StateOutcome::Unchanged
    );
    let mut other = view(1);
    other.reason = "another one".to_owned();
    for refused in [other, view(0), view(3), view(u64::MAX)] {
        let answer = propose(&mut views, &mut books, refused);
        assert_eq!((answer.refusal(), answer.version), (StateRefusal::Version, 1));
    }
    assert_eq!(propose(&mut views, &mut books, view(2)).version, 2);
    assert_eq!(views.number(), 2);
}

#[test]
fn a_restored_group_goes_on_counting() {
    let (mut views, mut books) = (Views::default(), Ledger::default());
    assert_eq!(
        propose(&mut views, &mut books, view(17)).outcome(),
        StateOutcome::Done
    );
    assert_eq!(
        propose(&mut views, &mut books, view(18)).outcome(),
        StateOutcome::Done
    );
}

#[test]
fn a_view_has_bounds() {
    let (mut views, mut books) = (Views::default(), Ledger::default());
    let member = ViewMember {
        node: "n".to_owned(),
        ..ViewMember::default()
    };
    let pin = ViewPin {
        target: "t".to_owned(),
        node: "n".to_owned(),
        by: PinnedBy::Load.into(),
    };
    let full = ViewRecord {
        members: vec![member; MEMBERS],
        pins: vec![pin; PINS],
        ..view(1)
    };
    let mut members = full.clone();
    members.members.push(ViewMember::default());
    let mut pins = full.clone();
    pins.pins.push(ViewPin::default());
    for over in [members, pins] {
        assert_eq!(
            propose(&mut views, &mut books, over).refusal(),
            StateRefusal::Limit
        );
    }
    let mut nobody = full.clone();
    nobody.members[0].node.clear();
    let mut nothing = full.clone();
    nothing.pins[0].by = 0;
    for malformed in [nobody, nothing] {
        assert_eq!(
            propose(&mut views, &mut books, malformed).refusal(),
            StateRefusal::Invalid
        );
    }
    assert_eq!(
        propose(&mut views, &mut books, full).outcome(),
        StateOutcome::Done
    );
}

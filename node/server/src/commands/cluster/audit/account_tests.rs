use super::*;

const TARGET: &str = "postgresql://a:1";

/// Ticks each second from the second `first` on.
fn run(first: i64, count: u32, outcome: TickOutcome, end: FrameEnd) -> v1::TickRun {
    v1::TickRun {
        first: first * SECOND,
        step: if count > 1 { SECOND } else { 0 },
        count,
        outcome: outcome.into(),
        end: end.into(),
        epoch: 1,
        ..v1::TickRun::default()
    }
}

fn missed(first: i64, count: u32, reason: &str) -> v1::TickRun {
    v1::TickRun {
        missed: reason.into(),
        ..run(first, count, TickOutcome::Missed, FrameEnd::Unspecified)
    }
}

fn dropped(first: i64, outcome: TickOutcome, reason: &str) -> v1::TickRun {
    v1::TickRun {
        dropped: reason.into(),
        ..run(first, 1, outcome, FrameEnd::Dropped)
    }
}

/// The book of a node that answered at the second `now`.
fn book(now: i64, runs: Vec<v1::TickRun>) -> v1::AuditResponse {
    v1::AuditResponse {
        now: Some(prost_types::Timestamp {
            seconds: now,
            nanos: 0,
        }),
        streams: vec![v1::StreamAccount {
            target_id: TARGET.into(),
            stream: "s".into(),
            interval: SECOND,
            runs,
            ..v1::StreamAccount::default()
        }],
        ..v1::AuditResponse::default()
    }
}

fn totals(books: &[v1::AuditResponse]) -> Totals {
    let account = settle(books, 1000 * SECOND, &[TARGET.to_owned()].into());
    assert_eq!(account.targets.get(TARGET), Some(&account.totals));
    account.totals
}

#[test]
fn a_tick_counts_once_whoever_wrote_of_it() {
    use FrameEnd::{Delivered, Elsewhere, Pending};
    use TickOutcome::{Collected, Covered, HeardCollected, Inherited, Superseded};
    let owner = book(
        100,
        vec![
            run(1, 50, Collected, Delivered),
            dropped(51, Collected, "superseded"),
            run(52, 1, Superseded, FrameEnd::Unspecified),
            missed(53, 2, "timeout"),
            run(60, 2, Collected, Pending),
        ],
    );
    let standby = book(
        101,
        vec![
            run(1, 50, HeardCollected, Elsewhere),
            run(51, 3, Covered, Delivered),
            missed(54, 1, "not_owned"),
            run(55, 4, HeardCollected, Elsewhere),
            dropped(59, Collected, "queue_full"),
            run(60, 1, Inherited, Delivered),
            run(62, 37, Collected, Delivered),
        ],
    );
    let totals = totals(&[owner, standby]);
    let expected = Totals {
        due: 98,
        collected: 94,
        covered: 3,
        missed: [("timeout".to_owned(), 1)].into(),
        delivered: 91,
        dropped: [("queue_full".to_owned(), 1)].into(),
        in_flight: 1,
        elsewhere: 4,
        ..Totals::default()
    };
    assert_eq!(totals, expected);
    assert!(totals.balance());
}

#[test]
fn a_gap_a_silent_end_and_a_second_delivery_do_not_balance() {
    use FrameEnd::{Delivered, DeliveredTwice};
    use TickOutcome::{Collected, Covered};
    let gap = totals(&[book(
        12,
        vec![run(1, 5, Collected, Delivered), run(8, 3, Collected, Delivered)],
    )]);
    assert_eq!((gap.due, gap.unknown, gap.balance()), (10, 2, false));
    let silent = |now| totals(&[book(now, vec![run(1, 5, Collected, Delivered)])]);
    assert!(silent(30).balance(), "it may be under way");
    assert_eq!(silent(65).unknown, 59);
    let twice = totals(&[
        book(5, vec![run(1, 5, Collected, Delivered)]),
        book(5, vec![run(3, 1, Covered, Delivered)]),
    ]);
    assert_eq!((twice.due, twice.double, twice.balance()), (5, 1, false));
    let alone = totals(&[book(3, vec![run(1, 2, Collected, DeliveredTwice)])]);
    assert_eq!((alone.double, alone.delivered), (2, 2));
    let nobody = totals(&[book(3, vec![dropped(1, Collected, "superseded")])]);
    assert_eq!((nobody.due, nobody.unknown, nobody.balance()), (1, 1, false));
}

#[test]
fn a_reading_that_was_refused_and_not_made_again_is_missed() {
    use TickOutcome::{Collected, Covered, HeardMissed};
    let heard = run(1, 2, HeardMissed, FrameEnd::Unspecified);
    let owner = book(3, vec![dropped(1, Collected, "superseded")]);
    let standby = book(3, vec![heard.clone()]);
    let lost = totals(&[owner.clone(), standby]);
    let reasons = [("superseded".to_owned(), 1), ("told_by_owner".to_owned(), 1)];
    assert_eq!(
        (lost.due, lost.missed.clone(), lost.unknown),
        (2, reasons.into(), 0)
    );
    assert!(lost.balance());
    let again = book(3, vec![heard, run(1, 2, Covered, FrameEnd::Delivered)]);
    let again = totals(&[owner, again]);
    assert_eq!((again.due, again.covered, again.missed()), (2, 2, 0));
}

#[test]
fn nothing_is_due_after_the_end_of_a_stream_or_a_target() {
    let mut one = book(900, vec![run(1, 5, TickOutcome::Collected, FrameEnd::Delivered)]);
    let gone = settle(std::slice::from_ref(&one), 1000 * SECOND, &BTreeSet::new());
    assert!(gone.totals.balance(), "the target is not configured any more");
    one.streams[0].closings = vec![6 * SECOND];
    assert!(totals(&[one]).balance());
}

#[test]
fn nothing_is_due_between_the_end_of_a_stream_and_its_new_beginning() {
    use FrameEnd::Delivered;
    use TickOutcome::Collected;
    let runs = || vec![run(1, 5, Collected, Delivered), run(20, 2, Collected, Delivered)];
    let with = |closing| {
        let mut one = book(21, runs());
        one.streams[0].closings = vec![closing];
        totals(&[one])
    };
    // Not all nodes know of the end at the same instant.
    for closing in [5 * SECOND - 1, 6 * SECOND, 20 * SECOND - 1] {
        let whole = with(closing);
        assert_eq!((whole.due, whole.unknown), (7, 0), "{closing}");
    }
    for closing in [4 * SECOND - 1, 20 * SECOND] {
        assert_eq!(with(closing).unknown, 14, "{closing}: it ended before, or later");
    }
}

#[test]
fn what_was_on_its_way_when_its_node_ended_is_nowhere_on_its_way() {
    use FrameEnd::{Delivered, Pending, Unspecified};
    use TickOutcome::{Collected, HeardCollected, Inherited};
    let owner = book(6, vec![run(1, 4, Collected, Unspecified)]);
    let alone = totals(std::slice::from_ref(&owner));
    assert_eq!((alone.collected, alone.elsewhere, alone.in_flight), (4, 4, 0));
    assert!(alone.balance());
    let standby = book(
        6,
        vec![
            run(1, 1, HeardCollected, Unspecified),
            run(2, 1, Inherited, Pending),
            run(3, 1, Inherited, Delivered),
        ],
    );
    let both = totals(&[owner, standby]);
    assert_eq!(
        (both.collected, both.elsewhere, both.in_flight, both.delivered),
        (4, 2, 1, 1)
    );
}

#[test]
fn what_does_not_balance_is_found() {
    use FrameEnd::{Delivered, DeliveredTwice};
    use TickOutcome::Collected;
    let books = [book(
        110,
        vec![
            run(100, 2, Collected, Delivered),
            run(104, 1, Collected, DeliveredTwice),
            run(105, 5, Collected, Delivered),
        ],
    )];
    let account = settle(&books, 1000 * SECOND, &[TARGET.to_owned()].into());
    let found: Vec<_> = account
        .findings
        .iter()
        .map(|found| (found.what, found.tick / SECOND, found.count))
        .collect();
    assert_eq!(found, [(What::Unaccounted, 102, 2), (What::Double, 104, 1)]);
    assert_eq!((account.totals.unknown, account.totals.double), (2, 1));
}

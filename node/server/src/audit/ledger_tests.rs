use super::*;
use crate::audit::run::What;

const SECOND: i64 = 1_000_000_000;
const START: i64 = 1_000_000 * SECOND;

fn at(seconds: i64) -> Tick {
    Tick::from_unix_nanos(START + seconds * SECOND)
}

fn entry(seconds: i64, epoch: u64) -> Entry {
    Entry {
        last: at(seconds).unix_nanos(),
        count: 1,
        step: SECOND,
        what: What::Collected,
        end: End::Pending,
        epoch,
    }
}

#[test]
fn an_hour_is_kept_and_streams_that_are_gone_go_with_it() {
    let mut ledger = Ledger::new(1 << 20, at(0));
    let (a, b) = (TargetId::from_name("a"), TargetId::from_name("b"));
    let stream = StreamId::of_server("s");
    ledger.write(&b, &stream, entry(1, 1), at(1));
    ledger.ended(&b, &stream, at(1), End::Delivered);
    ledger.close(&b, &stream, at(2));
    let first = ledger.between(at(0).unix_nanos(), at(9).unix_nanos());
    assert_eq!(
        (first.len(), &first[0].closings[..]),
        (1, &[at(2).unix_nanos()][..])
    );
    for second in 1..=4000 {
        ledger.write(&a, &stream, entry(second, 1), at(second));
    }
    let all = ledger.between(i64::MIN, i64::MAX);
    assert_eq!(all.len(), 1, "nothing is left of the other");
    assert_eq!(all[0].runs.iter().map(|run| run.count).sum::<u32>(), 3601);
    assert_eq!(ledger.since(at(4000)), at(400).unix_nanos());
    assert!(!ledger.write(&a, &stream, entry(10, 1), at(4000)), "too old");
    assert!(
        !ledger.write(&a, &stream, entry(1_000_000, 1), at(4000)),
        "no tick"
    );
    assert_eq!(ledger.between(i64::MIN, i64::MAX), all);
}

#[test]
fn what_is_too_much_is_forgotten_from_the_oldest_on_and_said() {
    let limit = 100 * size_of::<Run>() + LINE;
    let mut ledger = Ledger::new(limit, at(0));
    let (target, stream) = (TargetId::from_name("a"), StreamId::of_server("s"));
    for second in 1..=1000_i64 {
        // No two alike, so that each is a run.
        let epoch = second.unsigned_abs();
        ledger.write(&target, &stream, entry(second, epoch), at(second));
        assert!(ledger.bytes() <= limit, "{second}");
    }
    let kept = ledger.between(i64::MIN, i64::MAX);
    let runs = &kept[0].runs;
    assert!(runs.len() > 50, "{}", runs.len());
    assert_eq!(runs.last().map(|run| run.first), Some(at(1000).unix_nanos()));
    assert!(runs[0].first >= ledger.since(at(1000)));
    assert!(ledger.forgot > 0 && ledger.since(at(1000)) > at(0).unix_nanos());
}

/// The books after a restart `now`, which had these runs of one tick each.
fn resumed(limit: usize, now: Tick, edges: Edges, runs: &[(i64, End)]) -> Ledger {
    let runs = runs.iter().map(|(second, end)| Run {
        first: at(*second).unix_nanos(),
        step: SECOND,
        count: 1,
        what: What::Collected,
        end: *end,
        epoch: second.unsigned_abs(),
    });
    let account = Account {
        target: TargetId::from_name("a"),
        stream: StreamId::of_server("s"),
        step: SECOND,
        closings: Vec::new(),
        runs: runs.collect(),
    };
    let sheet = Sheet {
        accounts: vec![account],
        edges,
    };
    Ledger::resumed(limit, now, sheet)
}

fn ticks(ledger: &Ledger) -> Vec<(i64, End)> {
    let accounts = ledger.between(i64::MIN, i64::MAX);
    let runs = accounts.iter().flat_map(|account| &account.runs);
    runs.map(|run| ((run.first - START) / SECOND, run.end)).collect()
}

fn edges(since: i64, whole: i64, ended: bool) -> Edges {
    Edges {
        since: at(since).unix_nanos(),
        whole: at(whole).unix_nanos(),
        ended,
    }
}

#[test]
fn what_an_earlier_life_knew_is_known_as_far_as_it_is_not_too_old() {
    let (target, stream) = (TargetId::from_name("a"), StreamId::of_server("s"));
    let all = [(5, End::Delivered), (700, End::Delivered), (701, End::Pending)];
    let mut ledger = resumed(1 << 20, at(4000), edges(0, 10, true), &all);
    assert_eq!(ticks(&ledger), [(700, End::Delivered), (701, End::Unknown)]);
    assert_eq!(ledger.whole(at(4000)), at(400).unix_nanos(), "an hour");
    // One that came back to this node can be settled again.
    let again = Entry {
        what: What::Inherited,
        ..entry(701, 701)
    };
    ledger.write(&target, &stream, again, at(4001));
    assert_eq!(ticks(&ledger)[1], (701, End::Pending));
    ledger.ended(&target, &stream, at(701), End::Delivered);
    assert_eq!(ticks(&ledger)[1], (701, End::Delivered));

    let short = resumed(1 << 20, at(1000), edges(0, 10, true), &all);
    assert_eq!(
        (short.whole(at(1000)), ticks(&short).len()),
        (at(10).unix_nanos(), 3)
    );
    let cut_off = resumed(1 << 20, at(1000), edges(0, 10, false), &all);
    assert_eq!(
        (cut_off.whole(at(1000)), ticks(&cut_off).len()),
        (at(1000).unix_nanos(), 3),
        "what came last may be missing"
    );
    let empty = resumed(1 << 20, at(9000), edges(0, 10, true), &all);
    assert_eq!((ticks(&empty).len(), empty.bytes()), (0, 0));
}

#[test]
fn what_an_earlier_life_knew_is_cut_to_the_bound() {
    let all: Vec<(i64, End)> = (1..=1000).map(|second| (second, End::Delivered)).collect();
    let limit = 100 * size_of::<Run>() + LINE;
    let ledger = resumed(limit, at(1001), edges(0, 0, true), &all);
    let kept = ticks(&ledger);
    assert!(ledger.bytes() <= limit && kept.len() > 50, "{}", kept.len());
    assert_eq!(kept.last(), Some(&(1000, End::Delivered)));
    assert!(ledger.forgot > 0 && ledger.whole(at(1001)) > at(900).unix_nanos());
}

#[test]
fn a_clock_that_was_set_back_does_not_close_the_books() {
    let all = [(5, End::Delivered), (200_000, End::Delivered)];
    let mut ledger = resumed(1 << 20, at(-100), edges(0, 0, true), &all);
    assert_eq!(ticks(&ledger), [(5, End::Delivered)], "the other is no tick");
    assert_eq!(ledger.whole(at(-100)), at(-100).unix_nanos());
    let (target, stream) = (TargetId::from_name("a"), StreamId::of_server("s"));
    ledger.write(&target, &stream, entry(-99, 1), at(-99));
    assert_eq!(ticks(&ledger), [(-99, End::Pending), (5, End::Delivered)]);
}

#[test]
fn a_miss_that_is_heard_of_says_nothing_of_the_time_when_nobody_listened() {
    let (target, stream) = (TargetId::from_name("a"), StreamId::of_server("s"));
    let mut ledger = resumed(1 << 20, at(100), edges(0, 0, true), &[(50, End::Delivered)]);
    let heard = Entry {
        step: 0,
        what: What::Heard(false),
        end: End::NoFrame,
        ..entry(103, 0)
    };
    ledger.fill(&target, &stream, heard, at(103));
    let accounts = ledger.between(i64::MIN, i64::MAX);
    let heard = accounts[0].runs[1];
    assert_eq!((heard.first, heard.count), (at(101).unix_nanos(), 3));
}

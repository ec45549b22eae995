use super::*;
use crate::node::testing;

const NUMBER: u64 = 1;

/// What happens to the handoff of one target from us to b.
#[derive(Clone, Copy, Debug)]
enum Happens {
    Prepared(Answer),
    Stopped {
        sure: bool,
    },
    Committed(Answer),
    Asked(Option<bool>),
    /// So many milliseconds pass.
    Passes(u64),
    /// So many pass, and b is dead.
    Dies,
    /// So many pass, and b says that it has the target.
    Owns(u64),
}

#[derive(Clone, Copy, Debug)]
enum Answer {
    Yes,
    No,
    Lost,
}

use Answer::{Lost, No, Yes};
use Happens::{Asked, Committed, Dies, Owns, Passes, Prepared, Stopped};

fn answer(answer: Answer) -> Result<(), PeerError> {
    match answer {
        Yes => Ok(()),
        No => Err(PeerError::Refused("no".into())),
        Lost => Err(PeerError::Timeout),
    }
}

/// What comes next in one word.
fn word(next: &Next) -> &'static str {
    match next {
        Next::Nothing => "-",
        Next::Prepare { .. } => "prepare",
        Next::Stop { .. } => "stop",
        Next::Commit { .. } => "commit",
        Next::Ask { .. } => "ask",
        Next::Gone { .. } => "gone",
        Next::Kept { restart: false, .. } => "kept",
        Next::Kept { restart: true, .. } => "restart",
    }
}

/// Time passes, in milliseconds, and b is seen as it is.
fn passes(handoffs: &mut Handoffs, now: &mut Instant, time: u64, what: &Happens) -> Next {
    *now += Duration::from_millis(time);
    let seen = match what {
        Dies => Seen::Dead,
        Owns(_) => Seen::Owning,
        _ => Seen::Alive,
    };
    let mut steps = handoffs.pass(|_, _| seen, *now);
    steps.pop().map_or(Next::Nothing, |(_, next)| next)
}

/// Tells a story of one handoff; what came next at each point.
fn story(happens: &[Happens]) -> String {
    let (target, to) = (TargetId::from_name("t"), testing::ready("b"));
    let mut handoffs = Handoffs::default();
    let mut now = Instant::now();
    let mut words = vec![word(&handoffs.begin(&target, &to, 7, now))];
    for what in happens {
        let next = match *what {
            Prepared(given) => handoffs.prepared(&target, NUMBER, answer(given), now),
            Stopped { sure } => handoffs.stopped(&target, NUMBER, sure, now),
            Committed(given) => handoffs.committed(&target, NUMBER, answer(given), now),
            Asked(given) => handoffs.asked(&target, NUMBER, &given.ok_or(PeerError::Timeout), now),
            Passes(time) | Owns(time) => passes(&mut handoffs, &mut now, time, what),
            Dies => passes(&mut handoffs, &mut now, 50, what),
        };
        words.push(word(&next));
    }
    words.join(" ")
}

#[tokio::test(start_paused = true)]
async fn each_path_of_a_handoff_ends_with_one_owner() {
    let stopped = Stopped { sure: true };
    for (happens, expected) in [
        (
            &[Prepared(Yes), stopped, Committed(Yes)][..],
            "prepare stop commit gone",
        ),
        (&[Prepared(No)], "prepare kept"),
        (&[Prepared(Lost)], "prepare kept"),
        (&[Dies], "prepare kept"),
        // The lanes end before anything else is begun, whatever has become of the handoff.
        (&[Prepared(Yes), Dies, stopped], "prepare stop - restart"),
        (&[Prepared(Yes), Passes(1_999), stopped], "prepare stop - commit"),
        (&[Prepared(Yes), Passes(2_000), stopped], "prepare stop - restart"),
        (&[Prepared(Yes), Stopped { sure: false }], "prepare stop restart"),
        (
            &[Prepared(Yes), stopped, Committed(No)],
            "prepare stop commit restart",
        ),
        (&[Prepared(Yes), stopped, Dies], "prepare stop commit restart"),
        (
            &[Prepared(Yes), stopped, Committed(Lost), Asked(Some(true))],
            "prepare stop commit ask gone",
        ),
        (
            &[Prepared(Yes), stopped, Committed(Lost), Asked(Some(false))],
            "prepare stop commit ask restart",
        ),
        (
            &[Prepared(Yes), stopped, Committed(Lost), Dies],
            "prepare stop commit ask restart",
        ),
        // It is asked until it answers, one question at a time.
        (
            &[
                Prepared(Yes),
                stopped,
                Committed(Lost),
                Passes(500),
                Asked(None),
                Passes(1),
                Asked(Some(true)),
            ],
            "prepare stop commit ask - - ask gone",
        ),
        (
            &[
                Prepared(Yes),
                stopped,
                Committed(Lost),
                Asked(None),
                Passes(499),
                Passes(1),
            ],
            "prepare stop commit ask - - ask",
        ),
        // When it would refuse the commit if it came now, its gossip decides.
        (
            &[Prepared(Yes), stopped, Committed(Lost), Owns(29_999), Owns(1)],
            "prepare stop commit ask - gone",
        ),
        (
            &[Prepared(Yes), stopped, Committed(Lost), Passes(30_000)],
            "prepare stop commit ask restart",
        ),
        // What comes late changes nothing.
        (
            &[Prepared(Yes), stopped, Committed(No), Committed(Yes)],
            "prepare stop commit restart -",
        ),
        (&[Prepared(No), Prepared(Yes), stopped], "prepare kept - -"),
        (&[stopped, Committed(Yes), Asked(Some(true))], "prepare - - -"),
    ] {
        assert_eq!(story(happens), expected, "{happens:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_handoff_is_tried_again_after_longer_and_longer_waits() {
    let (target, to) = (TargetId::from_name("t"), testing::ready("b"));
    let mut handoffs = Handoffs::default();
    let mut now = Instant::now();
    let mut waits = Vec::new();
    for number in 1..=7 {
        assert_eq!(word(&handoffs.begin(&target, &to, 7, now)), "prepare");
        let Next::Kept { again_in, .. } = handoffs.prepared(&target, number, answer(No), now) else {
            panic!("it was refused");
        };
        waits.push(again_in.as_secs());
        let early = now + again_in - Duration::from_millis(1);
        handoffs.pass(|_, _| Seen::Alive, early);
        assert_eq!(handoffs.begin(&target, &to, 7, early), Next::Nothing);
        now += again_in;
    }
    assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30]);
    assert_eq!(
        word(&handoffs.begin(&target, &testing::ready("c"), 7, now)),
        "prepare"
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_refused_for_an_old_view_waits_for_the_new_one_and_no_longer() {
    let (target, to) = (TargetId::from_name("t"), testing::ready("b"));
    let (mut handoffs, now) = (Handoffs::default(), Instant::now());
    handoffs.begin(&target, &to, 7, now);
    let next = handoffs.prepared(&target, 1, Err(PeerError::Stale { view: 9 }), now);
    assert_eq!(word(&next), "kept");
    for early in [7, 8] {
        assert_eq!(handoffs.begin(&target, &to, early, now), Next::Nothing);
    }
    assert_eq!(word(&handoffs.begin(&target, &to, 9, now)), "prepare");
    // Its lanes had ended already: they go on, and it is begun anew at once all the same.
    handoffs.prepared(&target, 2, answer(Yes), now);
    handoffs.stopped(&target, 2, true, now);
    let next = handoffs.committed(&target, 2, Err(PeerError::Stale { view: 10 }), now);
    assert_eq!(word(&next), "restart");
    assert_eq!(word(&handoffs.begin(&target, &to, 10, now)), "prepare");
    // That was no failure: the next real one is the first.
    let Next::Kept { again_in, .. } = handoffs.prepared(&target, 3, answer(No), now) else {
        panic!("it was refused");
    };
    assert_eq!(again_in, FIRST_RETRY);
}

#[tokio::test(start_paused = true)]
async fn another_new_owner_need_not_wait_for_the_first_ones_failures() {
    let target = TargetId::from_name("t");
    let (mut handoffs, now) = (Handoffs::default(), Instant::now());
    handoffs.begin(&target, &testing::ready("b"), 7, now);
    handoffs.prepared(&target, 1, answer(No), now);
    assert_eq!(
        word(&handoffs.begin(&target, &testing::ready("c"), 8, now)),
        "prepare"
    );
}

#[tokio::test(start_paused = true)]
async fn only_so_many_are_on_their_way_at_once() {
    let (to, now) = (testing::ready("b"), Instant::now());
    let mut handoffs = Handoffs::default();
    let mut begin = |nth: usize| handoffs.begin(&TargetId::from_name(&nth.to_string()), &to, 7, now);
    let begun = (0..2 * AT_ONCE).filter(|nth| begin(*nth) != Next::Nothing);
    assert_eq!(begun.count(), AT_ONCE);
}

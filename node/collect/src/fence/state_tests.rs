use super::*;

const NEVER: fn(&Holder) -> bool = |_| false;
const OWN: (&str, Epoch) = ("me", Epoch(9));

fn other(node: Option<&str>, epoch: Option<u64>) -> Locked {
    Locked::Elsewhere(Some(Other {
        session: 7,
        node: node.map(str::to_owned),
        epoch: epoch.map(Epoch),
    }))
}

#[tokio::test(start_paused = true)]
async fn questions_pass_only_while_the_lock_is_held() {
    let now = Instant::now();
    let mut machine = Machine::of_lock(now);
    assert!(!machine.lets_pass());
    assert!(machine.begin(now));
    assert!(!machine.begin(now), "one lane tries");
    assert!(!machine.lets_pass());
    assert_eq!(machine.answered(&Locked::Taken, OWN, NEVER, now), Step::Hold(1));
    assert!(machine.lets_pass() && machine.shown() == Shown::Lock);
    machine.lost(2, now);
    assert!(machine.lets_pass(), "another time");
    machine.lost(1, now);
    assert!(!machine.lets_pass() && machine.shown() == Shown::Nothing);
    assert!(machine.begin(now), "tried at once");
    machine.broke_off(now);
    assert!(!machine.begin(now));
    assert!(machine.begin(now + AGAIN));
    machine.put_off(now + AGAIN);
    assert_eq!(machine.again(), None, "a try is not put off");
    machine.broke_off(now + AGAIN);
    machine.put_off(now + AGAIN * 2);
    assert_eq!(machine.again(), Some(now + AGAIN * 3));
    machine.answered(&Locked::Taken, OWN, NEVER, now);
    machine.lost(1, now);
    assert!(machine.lets_pass(), "the first hold is long gone");
}

#[tokio::test(start_paused = true)]
async fn who_holds_the_lock_decides_what_is_done() {
    let now = Instant::now();
    let later = now + NAMELESS;
    // Who holds it, since when it is seen, whether it is outranked, and the step.
    let table = [
        (other(Some("a"), Some(8)), now, true, Step::End(7)),
        (other(Some("a"), Some(8)), later, false, Step::Wait),
        (other(None, Some(8)), now, true, Step::End(7)),
        (other(Some("a"), None), now, true, Step::Wait),
        (other(Some("a"), None), later, true, Step::End(7)),
        (other(Some("a"), None), later, false, Step::Wait),
        (other(Some("me"), Some(9)), now, false, Step::Wait),
        (other(Some("me"), Some(9)), now + LEFTOVER, false, Step::End(7)),
        (other(Some("me"), Some(10)), later, false, Step::Wait),
        (other(None, None), now, true, Step::Wait),
        (Locked::Elsewhere(None), later, true, Step::Wait),
    ];
    for (locked, then, outranks, expected) in table {
        let mut machine = Machine::of_lock(now);
        for at in [now, then] {
            machine.state = State::Trying;
            let step = machine.answered(&locked, OWN, |_| outranks, at);
            if at == then {
                assert_eq!(step, expected, "{locked:?} {outranks}");
            }
            assert!(!machine.lets_pass());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_locked_is_fenced_by_the_epoch() {
    let now = Instant::now();
    let mut machine = Machine::of_lock(now);
    assert!(machine.begin(now));
    let step = machine.answered(&Locked::Unfit("a pooler".into()), OWN, NEVER, now);
    assert_eq!(step, Step::FallBack("a pooler".into()));
    assert!(machine.lets_pass() && machine.shown() == Shown::Epoch);
    assert!(!machine.begin(now + NAMELESS));

    let mut machine = Machine::of_lock(now);
    assert!(machine.begin(now));
    assert_eq!(machine.answered(&other(None, None), OWN, NEVER, now), Step::Wait);
    let later = now + NAMELESS;
    assert!(machine.begin(later));
    let step = machine.answered(&other(None, None), OWN, NEVER, later);
    assert!(matches!(step, Step::FallBack(_)), "{step:?}");
}

#[tokio::test(start_paused = true)]
async fn another_session_begins_its_patience_anew() {
    let now = Instant::now();
    let mut machine = Machine::of_lock(now);
    let try_at = |machine: &mut Machine, session, at| {
        machine.state = State::Trying;
        let other = Other {
            session,
            node: Some("me".into()),
            epoch: None,
        };
        machine.answered(&Locked::Elsewhere(Some(other)), OWN, NEVER, at)
    };
    assert_eq!(try_at(&mut machine, 1, now), Step::Wait);
    assert_eq!(try_at(&mut machine, 2, now + LEFTOVER), Step::Wait);
    assert_eq!(try_at(&mut machine, 2, now + LEFTOVER * 2), Step::End(2));
}

#[tokio::test(start_paused = true)]
async fn a_look_at_a_lock_that_is_held_says_whose_it_is() {
    let now = Instant::now();
    // What the server says, whether questions pass then, and the number of the time that begins.
    let table = [
        (other(Some("me"), Some(9)), true, None),
        (other(Some("me"), None), true, None),
        (other(Some("a"), Some(10)), false, None),
        (other(None, None), false, None),
        (Locked::Elsewhere(None), false, None),
        (Locked::Taken, true, Some(2)),
    ];
    for (locked, passes, number) in table {
        let mut machine = Machine::of_lock(now);
        assert_eq!(machine.proved(&locked, "me", now), None, "nothing is held yet");
        assert!(machine.begin(now));
        machine.answered(&Locked::Taken, OWN, NEVER, now);
        assert_eq!(machine.proved(&locked, "me", now), number, "{locked:?}");
        assert_eq!(machine.lets_pass(), passes, "{locked:?}");
        machine.lost(1, now);
        assert_eq!(machine.lets_pass(), passes && number.is_some(), "{locked:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_anothers_for_long_is_tried_less_often() {
    let now = Instant::now();
    let mut machine = Machine::of_lock(now);
    let again = |machine: &mut Machine, at: Instant| {
        assert!(machine.begin(at));
        machine.answered(&other(Some("a"), Some(9)), OWN, NEVER, at);
        machine.again().unwrap() - at
    };
    assert_eq!(again(&mut machine, now), AGAIN);
    assert_eq!(again(&mut machine, now + AWHILE), SELDOM);
    assert!(machine.begin(now + AWHILE * 2));
    machine.answered(&Locked::Taken, OWN, NEVER, now + AWHILE * 2);
    machine.lost(1, now + AWHILE * 2);
    assert_eq!(
        again(&mut machine, now + AWHILE * 2),
        AGAIN,
        "it was ours meanwhile"
    );
}

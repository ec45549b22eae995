use super::*;
use crate::member::{Member, Said, Stage};
use crate::numbering::{By, Pin};
use crate::ring::MAX_POINTS;
use ringwatch_frame::{TargetId, Tick};

/// What node `me` sees. A member is its name, life and state: `b1R` is ready, `J` joins, `D` drains, `S` is
/// suspect, `X` is dead.
fn seen_by(me: &str, members: &str) -> Membership {
    let mut members: Vec<Member> = members.split_whitespace().map(member).collect();
    members.sort_by(|a, b| a.who.node.cmp(&b.who.node));
    Membership {
        me: NodeId::new(me),
        members,
        quorum: true,
        excluded: Vec::new(),
        rivals: Vec::new(),
        unheard: Vec::new(),
    }
}

fn member(text: &str) -> Member {
    let state = match &text[2..3] {
        "R" => State::Ready,
        "J" => State::Joining,
        "D" => State::Draining,
        "S" => State::Suspect,
        _ => State::Dead,
    };
    Member {
        who: who(text),
        state,
        since: Tick::from_unix_nanos(0),
        gossip_address: None,
        said: Said {
            stage: Stage::Ready,
            grpc_address: String::new(),
            version: String::new(),
            points: 256,
            view: 0,
            targets: 0,
            owned: Arc::default(),
            excluded: Arc::default(),
            raft: None,
            dataset: (0, 0),
            protocol: crate::member::PROTOCOL,
        },
    }
}

fn who(text: &str) -> Incarnation {
    Incarnation {
        node: NodeId::new(&text[..1]),
        generation: text[1..2].parse().unwrap(),
    }
}

/// What the group has committed: `a1` has a seat, `b1:512` one with more points.
fn committed(number: u64, seats: &str) -> Arc<Committed> {
    let seat = |text: &str| {
        let who = who(text);
        let points = text
            .split_once(':')
            .map_or(256, |(_, points)| points.parse().unwrap());
        Seat {
            node: who.node,
            generation: who.generation,
            points,
        }
    };
    Arc::new(Committed {
        number,
        seats: seats.split_whitespace().map(seat).collect(),
        pins: BTreeMap::new(),
    })
}

fn names(view: &View) -> Vec<&str> {
    let members = view.ring().members().iter();
    members.map(|member| member.node.as_str()).collect()
}

/// The first view with these seats.
fn view(seats: &str, members: &str) -> View {
    View::next(None, Some(&committed(7, seats)), &seen_by("a", members)).unwrap()
}

#[test]
fn in_the_ring_are_those_with_a_seat_whose_life_takes_targets() {
    let view = view("a1 b1 c1 d1 e1 f1 g1", "a1R b1J c1D d1R e1X f1S g2R h1R");
    assert_eq!((names(&view), view.number()), (vec!["a", "d", "f"], 7));
    assert!(view.contains(&who("d1")) && !view.contains(&who("d2")) && !view.contains(&who("b1")));
}

#[test]
fn a_loss_counts_at_once_and_an_addition_with_its_number() {
    let first = view("a1 b1 c1", "a1R b1R c1R");
    let lost = View::next(Some(&first), None, &seen_by("a", "a1R b1X c1R d1R")).unwrap();
    assert_eq!((names(&lost), lost.number()), (vec!["a", "c"], 7));
    let record = committed(8, "a1 c1 d1");
    let added = View::next(Some(&lost), Some(&record), &seen_by("a", "a1R b1X c1R d1R")).unwrap();
    assert_eq!((names(&added), added.number()), (vec!["a", "c", "d"], 8));
}

#[test]
fn who_is_back_in_the_same_life_has_its_seat_again() {
    let first = view("a1 b1", "a1R b1D");
    let back = View::next(Some(&first), None, &seen_by("a", "a1R b1R")).unwrap();
    assert_eq!(names(&back), ["a", "b"]);
    let restarted = View::next(Some(&first), None, &seen_by("a", "a1R b2R"));
    assert_eq!(restarted, None, "another life has no seat");
}

#[test]
fn nothing_changes_while_number_and_members_stay_the_same() {
    let first = view("a1 b1", "a1R b1R");
    let same = Some(first.committed().clone());
    for members in ["a1R b1R", "a1R b1S", "a1R b1R c1R d1X"] {
        assert_eq!(
            View::next(Some(&first), same.as_ref(), &seen_by("a", members)),
            None
        );
    }
    // The same seats under another number are another view, in which nothing moves.
    let next = View::next(
        Some(&first),
        Some(&committed(8, "a1 b1")),
        &seen_by("a", "a1R b1R"),
    )
    .unwrap();
    assert_eq!(next.number(), 8);
    assert!(next.places_like(&first));
}

#[test]
fn the_number_never_falls() {
    let first = view("a1 b1", "a1R b1R");
    let older = committed(6, "a1");
    assert_eq!(
        View::next(Some(&first), Some(&older), &seen_by("a", "a1R b1R")),
        None
    );
    let lost = View::next(Some(&first), Some(&older), &seen_by("a", "a1R b1X")).unwrap();
    assert_eq!(lost.number(), 7);
}

#[test]
fn without_quorum_nobody_is_lost_and_nobody_comes_back() {
    let mut membership = seen_by("a", "a1R b1X c1X");
    membership.quorum = false;
    let record = committed(7, "a1 b1 c1");
    assert_eq!(
        View::next(None, Some(&record), &membership),
        None,
        "no first view"
    );
    let first = view("a1 b1 c1", "a1R b1R c1J");
    assert_eq!(View::next(Some(&first), None, &membership), None);
    // What the group says counts all the same; who was out stays out.
    let next = View::next(Some(&first), Some(&committed(8, "a1 c1 d1")), &membership).unwrap();
    assert_eq!((names(&next), next.number()), (vec!["a", "d"], 8));
}

#[test]
fn there_is_no_first_view_before_the_group_has_one_or_after_leaving() {
    assert_eq!(View::next(None, None, &seen_by("a", "a1R b1R")), None);
    let record = committed(1, "b1 c1");
    assert_eq!(View::next(None, Some(&record), &seen_by("a", "b1R c1R")), None);
    assert_eq!(names(&view("b1", "a1J b1R")), ["b"]);
}

#[test]
fn when_the_last_one_drains_the_ring_is_empty_and_the_number_stays() {
    let first = view("a1", "a1R");
    let drained = View::next(Some(&first), None, &seen_by("a", "a1D")).unwrap();
    assert_eq!((names(&drained).len(), drained.number()), (0, 7));
    assert!(drained.place(TargetKey(5)).is_none());
    let back = View::next(Some(&drained), None, &seen_by("a", "a1R")).unwrap();
    assert_eq!(back, first);
}

#[test]
fn points_are_those_of_the_seat() {
    let points = |seats: &str| view(seats, "a1R").ring().members()[0].points;
    assert_eq!(points("a1:512"), 512);
    assert_eq!(points("a1:0"), 1);
    assert_eq!(points("a1:4000000000"), MAX_POINTS);
}

#[test]
fn a_pin_goes_before_the_ring_while_its_node_is_there() {
    let key = |nth: u32| TargetId::new("test", &nth.to_string());
    let ring = Ring::new(view("a1 b1 c1", "a1R b1R c1R").ring().members().iter().cloned());
    let falls_to =
        |target: &TargetId, owner: &str| ring.place(target.into()).unwrap().owner.as_str() == owner;
    let target = (0..).map(key).find(|target| falls_to(target, "b")).unwrap();
    let mut record = Committed::clone(&committed(7, "a1 b1 c1"));
    let pin = Pin {
        to: NodeId::new("a"),
        by: By::Load,
    };
    record.pins.insert(target.clone(), pin);
    let record = Arc::new(record);
    let all = View::next(None, Some(&record), &seen_by("a", "a1R b1R c1R")).unwrap();
    let order = |view: &View| -> Vec<String> {
        let walk = view.walk((&target).into());
        walk.map(ToString::to_string).collect()
    };
    let place = all.place((&target).into()).unwrap();
    assert_eq!(place.owner.as_str(), "a");
    assert_eq!(
        place.standby.unwrap().as_str(),
        "b",
        "to whom it falls without the pin"
    );
    assert_eq!(order(&all), ["a", "b", "c"]);
    let lost = View::next(Some(&all), None, &seen_by("b", "a1X b1R c1R")).unwrap();
    assert_eq!(order(&lost), ["b", "c"]);
}

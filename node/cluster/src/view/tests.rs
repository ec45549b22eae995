use std::sync::Arc;

use ringwatch_frame::Tick;

use super::*;
use crate::member::{Said, Stage};

/// What `me` sees: `b1R` is life 1 of node b, ready; `J`, `D`, `S`, `X` as in the roster's stories.
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
            points: text
                .get(3..)
                .and_then(|points| points.parse().ok())
                .unwrap_or(256),
            view: 0,
            targets: 0,
            owned: Arc::default(),
            excluded: Arc::default(),
        },
    }
}

fn who(text: &str) -> Incarnation {
    Incarnation {
        node: NodeId::new(&text[..1]),
        generation: text[1..2].parse().unwrap(),
    }
}

fn names(view: &View) -> Vec<&str> {
    view.ring()
        .members()
        .iter()
        .map(|member| member.node.as_str())
        .collect()
}

#[test]
fn in_the_view_are_the_ready() {
    let view = next(None, &seen_by("a", "a1R b1J c1D d1R e1X f1S")).unwrap();
    assert_eq!(names(&view), ["a", "d"]);
    assert!(view.contains(&who("d1")) && !view.contains(&who("d2")) && !view.contains(&who("b1")));
}

#[test]
fn a_suspect_stays_only_if_that_life_was_in_the_view() {
    let first = next(None, &seen_by("a", "a1R b1R c1R")).unwrap();
    assert_eq!(next(Some(&first), &seen_by("a", "a1R b1S c1R")), None);
    let second = next(Some(&first), &seen_by("a", "a1R b2S c1R d1S")).unwrap();
    assert_eq!(names(&second), ["a", "c"]);
}

#[test]
fn every_node_gives_it_the_same_number() {
    let by_a = next(None, &seen_by("a", "a1R b1R c1R d1J")).unwrap();
    let by_c = next(None, &seen_by("c", "c1R a1R d1X b1R")).unwrap();
    assert_eq!(by_a, by_c);
    let stale = next(None, &seen_by("b", "b1R c1R")).unwrap();
    let by_b = next(Some(&stale), &seen_by("b", "b1R c1R a1R")).unwrap();
    assert_eq!(by_a.number(), by_b.number(), "the way there does not matter");
    assert!((1..1 << 48).contains(&by_a.number()));
}

#[test]
fn the_number_changes_with_members_lives_and_points() {
    let all = [
        "a1R b1R",
        "a1R",
        "a2R b1R",
        "a1R b2R",
        "a1R b1R512",
        "a1R b1R c1R",
    ];
    let number = |members: &&str| next(None, &seen_by("a", members)).unwrap().number();
    let numbers: std::collections::BTreeSet<u64> = all.iter().map(number).collect();
    assert_eq!(numbers.len(), all.len());
}

#[test]
fn without_quorum_the_view_stays() {
    let mut membership = seen_by("a", "a1R b1R");
    membership.quorum = false;
    assert_eq!(next(None, &membership), None);
    let view = next(None, &seen_by("a", "a1R b1R c1R")).unwrap();
    assert_eq!(next(Some(&view), &membership), None);
}

#[test]
fn nothing_changes_while_the_ready_stay_the_same() {
    let view = next(None, &seen_by("a", "a1R b1R")).unwrap();
    assert_eq!(next(Some(&view), &seen_by("a", "a1R b1R c1J d1X")), None);
    let absurd = next(None, &seen_by("a", "a1R b1R4000000000")).unwrap();
    assert_eq!(next(Some(&absurd), &seen_by("a", "a1R b1R4000000000")), None);
}

#[test]
fn there_is_no_first_view_of_nobody_or_after_leaving() {
    assert_eq!(next(None, &seen_by("a", "a1J b1J")), None);
    assert_eq!(next(None, &seen_by("a", "b1R c1R")), None, "this node has left");
    assert_eq!(names(&next(None, &seen_by("a", "a1J b1R")).unwrap()), ["b"]);
}

#[test]
fn when_the_last_one_drains_the_ring_is_empty() {
    let view = next(None, &seen_by("a", "a1R")).unwrap();
    let drained = next(Some(&view), &seen_by("a", "a1D")).unwrap();
    assert_eq!((names(&drained).len(), drained.number() > 0), (0, true));
    assert_eq!(
        next(Some(&drained), &seen_by("a", "a1R")).unwrap().number(),
        view.number()
    );
}

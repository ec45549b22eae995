use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

/// The keys of whole rows.
const ROW: u64 = 1 << 40;

fn keys(recent: &Recent) -> Vec<u64> {
    recent.iter().map(|(key, _)| key).collect()
}

fn see(recent: &mut Recent, key: u64, tick: i64) -> bool {
    let (entry, was_there) = recent.touch(key);
    entry.note(tick, 0);
    was_there
}

#[test]
fn the_least_recently_seen_is_forgotten_first() {
    let mut recent = Recent::new(3);
    for key in [1, 2, 3] {
        assert!(!see(&mut recent, key, 0));
    }
    assert!(see(&mut recent, 1, 1));
    assert!(recent.get(2).is_some(), "looking makes nothing newer");
    assert!(!see(&mut recent, 4, 1));
    assert_eq!(keys(&recent), [3, 1, 4]);
    recent.set_limit(2);
    assert_eq!((keys(&recent), recent.len(), recent.limit()), (vec![1, 4], 2, 2));
    recent.set_limit(4);
    for key in [5, 6, 7] {
        assert!(!see(&mut recent, key, 2));
    }
    assert_eq!(keys(&recent), [4, 5, 6, 7]);
    recent.set_limit(0);
    assert_eq!(keys(&recent), [7]);
}

#[test]
fn whole_rows_give_way() {
    let mut recent = Recent::new(3);
    for (key, was_there, left) in [
        (1, false, vec![1]),
        (ROW | 1, false, vec![1, ROW | 1]),
        (ROW | 2, false, vec![1, ROW | 1, ROW | 2]),
        (ROW | 3, false, vec![1, ROW | 2, ROW | 3]),
        (2, false, vec![1, 2, ROW | 3]),
        (ROW | 3, true, vec![1, 2, ROW | 3]),
        (3, false, vec![1, 2, 3]),
        (ROW | 3, false, vec![2, 3, ROW | 3]),
        (ROW | 4, false, vec![2, 3, ROW | 4]),
        (1, false, vec![2, 3, 1]),
    ] {
        assert_eq!(see(&mut recent, key, 0), was_there, "{key}");
        assert_eq!(keys(&recent), left, "{key}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Against a list that does the same the slow way.
    #[test]
    fn it_is_a_bounded_list_in_the_order_of_sight(
        limit in 1_usize..12,
        steps in prop::collection::vec((0_u64..20, 0_u8..12, 1_usize..15), 0..200),
    ) {
        let mut recent = Recent::new(limit);
        let (mut list, mut limit) = (VecDeque::new(), limit);
        for (tick, (key, step, other)) in (0_i64..).zip(steps) {
            match step {
                0 => {
                    limit = other;
                    recent.set_limit(limit);
                }
                1 => {
                    let ttl = other as u64;
                    recent.forget_old(tick, ttl);
                    while list.front().is_some_and(|(_, seen)| tick.abs_diff(*seen) > ttl) {
                        list.pop_front();
                    }
                }
                _ => {
                    let was_there = list.iter().any(|(known, _)| *known == key);
                    prop_assert_eq!(see(&mut recent, key, tick), was_there);
                    list.retain(|(known, _)| *known != key);
                    list.push_back((key, tick));
                }
            }
            while list.len() > limit {
                list.pop_front();
            }
            let seen: Vec<(u64, i64)> = recent.iter().map(|(key, entry)| (key, entry.seen)).collect();
            prop_assert_eq!(&seen, &list.iter().copied().collect::<Vec<_>>());
            prop_assert_eq!(recent.len(), list.len());
        }
    }
}

#[test]
fn what_comes_from_elsewhere_drives_out_nothing_that_was_seen_later() {
    let entry = |seen| Entry {
        seen,
        now: 1,
        before: 1,
    };
    let mut recent = Recent::new(3);
    for (key, tick) in [(1, 10), (2, 20)] {
        recent.touch(key).0.note(tick, 0);
    }
    recent.adopt(3, entry(5));
    recent.adopt(4, entry(4));
    let keys = |recent: &Recent| recent.iter().map(|(key, _)| key).collect::<Vec<_>>();
    assert_eq!(
        keys(&recent),
        [3, 1, 2],
        "it is the oldest, and what is older finds no room"
    );
    recent.adopt(5, entry(15));
    assert_eq!(keys(&recent), [5, 1, 2]);
    recent.adopt(1, entry(9));
    recent.adopt(2, entry(30));
    let seen = |key| recent.get(key).unwrap().seen;
    assert_eq!((seen(1), seen(2)), (10, 30), "the later one counts");
    recent.touch(1 << 40);
    assert_eq!(keys(&recent), [1, 2, 1 << 40]);
    recent.adopt(6, entry(1));
    recent.adopt(1 << 40 | 1, entry(99));
    assert_eq!(keys(&recent), [6, 1, 2], "whole rows go first, and none comes");
    recent.forget_old(40, 15);
    assert_eq!(keys(&recent), [2]);
}

use super::*;

fn keys(cache: &Cache) -> Vec<u64> {
    cache.iter().map(|(key, _)| key).collect()
}

fn see(cache: &mut Cache, key: u64, tick: i64) -> bool {
    let (entry, was_there) = cache.touch(key);
    entry.note(tick, 0);
    was_there
}

#[test]
fn a_rule_is_new_until_the_tick_after() {
    let mut entry = Entry {
        seen: i64::MIN,
        now: 0,
        before: 0,
    };
    for (tick, rule, is_new) in [
        (1, 0, true),
        (1, 0, true),
        (1, 3, true),
        (2, 0, false),
        (2, 3, false),
        (2, 1, true),
        (3, 1, false),
        (4, 1, false),
        (4, 0, true),
        (5, 0, false),
        (5, 62, true),
    ] {
        assert_eq!(entry.note(tick, rule).is_new, is_new, "tick {tick} rule {rule}");
    }
    assert_eq!(entry.rule(), 0);
    entry.note(6, 62);
    assert_eq!(entry.rule(), 62);
    assert!(
        entry.note(7, 64).is_new,
        "there is no such rule, and it is never remembered"
    );
}

#[test]
fn what_is_too_old_is_forgotten_and_what_is_of_the_future_too() {
    let mut cache = Cache::default();
    for (key, tick) in [(1, 100), (2, 200), (3, 300)] {
        see(&mut cache, key, tick);
    }
    assert_eq!(cache.forget_old(250, 100), 1);
    assert_eq!(keys(&cache), [2, 3]);
    assert_eq!(cache.forget_old(0, 100), 2);
    assert_eq!(cache.len(), 0);
    assert!(!see(&mut cache, 2, 1), "its place is used again");
    assert_eq!(cache.slots.len(), 3);
}

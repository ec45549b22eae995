use ringwatch_config::settings::AdaptiveSampler as Settings;
use ringwatch_frame::{TargetId, Tick};

use super::*;
use crate::adaptive_sampler::entry::Entry;
use crate::adaptive_sampler::hash;
use crate::adaptive_sampler::inbox::Waiting;
use crate::adaptive_sampler::outcome::{Outcome, Rows};
use crate::adaptive_sampler::plan::Plan;

const SECOND: i64 = 1_000_000_000;
const HOUR: u64 = 3600 * 1_000_000_000;

fn core() -> Core {
    let mut core = Core::new(Plan::new("sampler", &Settings::default()).unwrap(), None);
    core.gather_news();
    core
}

/// Rows `(fingerprint, rule)` at `second`.
fn see(core: &mut Core, second: i64, rows: &[(u64, u8)]) {
    let (fingerprints, rules): (Vec<u64>, Vec<u8>) = rows.iter().copied().unzip();
    let target_id = &TargetId::from_name("postgresql://db:5432");
    let tick = Tick::from_unix_nanos(second * SECOND);
    core.admit(tick, rows.len());
    let rows = Rows {
        target_id,
        target: hash::of_target(target_id),
        stream: 0,
        tick,
        fingerprints: &fingerprints,
        rules: &rules,
        first: 0,
    };
    core.decide(&rows, &mut Outcome::default());
}

/// What is told now without its turn: fingerprints and rules.
fn told(core: &mut Core) -> Vec<(u64, u64)> {
    let told = core.tell_seen(0.0, HOUR).into_iter();
    told.map(|entry| (entry.fingerprint, entry.rules)).collect()
}

#[test]
fn what_is_new_or_has_changed_is_told_once() {
    let mut core = core();
    see(&mut core, 1, &[(1, 0), (2, 0), (2, 1)]);
    assert_eq!(told(&mut core), [(1, 0b1), (2, 0b11)]);
    assert_eq!(told(&mut core), []);
    see(&mut core, 2, &[(1, 0), (2, 1), (2, 0)]);
    assert_eq!(told(&mut core), [], "all is as it was");
    see(&mut core, 3, &[(1, 1), (2, 1)]);
    assert_eq!(
        told(&mut core),
        [(1, 0b10), (2, 0b10)],
        "one has another rule, one has lost one"
    );
    see(&mut core, 4, &[(1, 1), (2, 1)]);
    assert_eq!(told(&mut core), []);
}

#[test]
fn what_is_told_late_is_told_all_the_same() {
    let mut core = core();
    see(&mut core, 1, &[(1, 0)]);
    see(&mut core, 2, &[(1, 0)]);
    assert_eq!(
        told(&mut core),
        [(1, 0b1)],
        "it is as in the tick before, but nobody knows it"
    );
    see(&mut core, 3, &[(2, 0), (2, 1)]);
    told(&mut core);
    see(&mut core, 4, &[(2, 0)]);
    see(&mut core, 5, &[(2, 0)]);
    assert_eq!(told(&mut core), [(2, 0b1)]);
}

#[test]
fn all_are_told_in_their_turn_while_they_are_seen() {
    let mut core = core();
    let rows: Vec<(u64, u8)> = (0..1000).map(|n| (n, 0)).collect();
    see(&mut core, 1, &rows);
    assert_eq!(told(&mut core).len(), 1000);
    see(&mut core, 900, &rows[..600]);
    let mut turn: Vec<u64> = Vec::new();
    for _ in 0..3000 {
        let entries = core.tell_seen(1.0 / 3000.0, 600 * SECOND.unsigned_abs());
        assert!(entries.len() <= 1);
        turn.extend(entries.iter().map(|entry| entry.fingerprint));
    }
    turn.sort_unstable();
    assert_eq!(turn, (0..600).collect::<Vec<_>>());
}

#[test]
fn rows_that_are_only_known_as_a_whole_are_not_told() {
    let mut core = core();
    see(&mut core, 1, &[(1 << 40, 0), (3, 0)]);
    assert_eq!(told(&mut core), [(3, 0b1)]);
    assert!(
        core.tell_seen(1.0, HOUR)
            .iter()
            .all(|entry| entry.fingerprint == 3)
    );
}

#[test]
fn what_only_another_node_has_seen_is_not_told_back() {
    let (mut here, mut there) = (core(), core());
    see(&mut there, 1, &[(1, 0), (2, 0)]);
    let names: Vec<String> = here.plan.names().map(str::to_owned).collect();
    let moved = here.plan.places_of(&names);
    let mut waiting = Waiting::default();
    for entry in there.tell_seen(0.0, HOUR) {
        let known = Entry::foreign(&entry, &moved);
        waiting.seen.insert(entry.fingerprint, known);
    }
    here.adopt(waiting);
    assert_eq!(here.cache.len(), 2);
    see(&mut here, 2, &[(2, 0)]);
    assert_eq!(told(&mut here), [], "it is known");
    let turn = here.tell_seen(1.0, HOUR);
    assert_eq!(
        turn.iter().map(|entry| entry.fingerprint).collect::<Vec<_>>(),
        [2]
    );
    let state = serde_json::to_vec(&here.state()).unwrap();
    let state = serde_json::from_slice(&state).unwrap();
    let restarted = Core::new(Plan::new("sampler", &Settings::default()).unwrap(), Some(&state));
    assert_eq!(restarted.cache.len(), 2);
}

#[test]
fn no_more_changes_wait_than_there_is_room_for() {
    let mut core = core();
    let many: Vec<(u64, u8)> = (0..MOST as u64 + 1000).map(|n| (n, 0)).collect();
    see(&mut core, 1, &many);
    let news = core.news.as_ref().unwrap();
    assert_eq!(news.changed.len(), MOST);
}

#[test]
fn what_comes_before_the_first_frame_is_kept_however_long_the_node_was_away() {
    let mut before = core();
    see(&mut before, 1, &[(1, 0)]);
    let state = before.state();
    let mut after = Core::new(Plan::new("sampler", &Settings::default()).unwrap(), Some(&state));
    let day = 24 * 3600;
    let entry = |second: i64| Entry {
        seen: second * SECOND,
        now: 1,
        before: 1,
    };
    let waiting = |key: u64, second: i64| {
        let mut waiting = Waiting::default();
        waiting.seen.insert(key, entry(second));
        waiting
    };
    after.adopt(waiting(2, day));
    see(&mut after, day + 1, &[(2, 0)]);
    assert_eq!(told(&mut after), []);
    after.adopt(waiting(3, 1));
    after.adopt(waiting(4, 3 * day));
    assert!(
        after.cache.get(3).is_none() && after.cache.get(4).is_none(),
        "too old, and not yet"
    );
}

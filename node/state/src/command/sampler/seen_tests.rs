use std::collections::BTreeMap;

use proptest::prelude::*;
use v1::{StateOutcome, StateRefusal};

use super::*;
use crate::command::answer;
use crate::command::sampler::block::FULL;
use crate::machine::Value;

const NOW: i64 = 1_800_000_000_000_000_000;

#[derive(Default)]
struct Desk {
    seen: Seen,
    books: Ledger,
}

impl Desk {
    fn see(&mut self, now: i64, rules: &[&str], entries: Vec<(u64, i64, u64)>) -> v1::StateAnswer {
        let at = Context {
            now,
            node: "n1",
            generation: 1,
            view: 3,
            number: 3,
        };
        let entries = entries
            .into_iter()
            .map(|(fingerprint, seen_unix_nano, rules)| v1::SeenStatement {
                fingerprint,
                seen_unix_nano,
                rules,
                rules_before: !rules,
            });
        let command = v1::SamplerSeen {
            sampler: "s".to_owned(),
            pipeline: "p".to_owned(),
            rules: rules.iter().map(|rule| (*rule).to_owned()).collect(),
            entries: entries.collect(),
        };
        answer(self.seen.see(&mut self.books, at, &command))
    }

    fn kept(&self) -> BTreeMap<u64, i64> {
        let seen = self.seen.of("s", "p");
        let seen = seen.into_iter().flat_map(|seen| seen.iter());
        seen.map(|one| (one.fingerprint, one.seen)).collect()
    }

    /// What has to hold of the blocks at any time.
    fn check(&self) {
        let mut last = None;
        let mut count = 0;
        for (key, block) in self.seen.blocks.iter() {
            assert!(!block.is_empty() && block.len() <= FULL);
            assert!(block.to_bytes().len() <= 4_096);
            for one in block.statements() {
                assert!(one.fingerprint >= key.1, "a statement is before its block");
                assert!(
                    last.is_none_or(|last| last < one.fingerprint),
                    "statements are out of order"
                );
                last = Some(one.fingerprint);
                count += 1;
            }
        }
        assert_eq!(self.seen.of("s", "p").map_or(0, |seen| seen.len()), count);
        assert_eq!(self.seen.rules.len(), usize::from(count > 0));
    }
}

/// Numbers that look random, the same each time.
fn mixed(number: u64) -> u64 {
    xxhash_rust::xxh3::xxh3_64(&number.to_le_bytes())
}

#[test]
fn the_newest_word_counts_and_names_carry_the_rules() {
    let mut desk = Desk::default();
    desk.see(
        NOW,
        &["slow", "errors"],
        vec![(7, NOW - 10, 0b01), (7, NOW - 5, 0b10), (8, NOW, 0b11)],
    );
    // Another sampler knows the same rules in another order, and bits beyond its rules mean nothing.
    desk.see(
        NOW,
        &["errors", "new"],
        vec![(7, NOW - 7, 0b01), (8, NOW + 1, 0b1_0001), (9, NOW, 0b10)],
    );
    let seen = desk.seen.of("s", "p").unwrap();
    assert_eq!(seen.rules(), ["slow", "errors", "new"]);
    let of = |fingerprint| {
        seen.get(fingerprint)
            .map(|one| (one.seen, one.rules, one.rules_before))
    };
    assert_eq!(of(7), Some((NOW - 5, 0b010, 0b001)));
    assert_eq!(of(8), Some((NOW + 1, 0b010, 0b100)));
    assert_eq!(of(9), Some((NOW, 0b100, 0b010)));
    assert_eq!(of(10), None);
}

#[test]
fn subscribers_get_what_was_news() {
    let mut desk = Desk::default();
    desk.see(NOW, &["r"], vec![(7, NOW - 10, 1), (8, NOW, 1)]);
    desk.books.take();
    desk.see(NOW, &["r"], vec![(7, NOW - 20, 1), (8, NOW, 0), (3, NOW, 0)]);
    let touched = Touched::Seen {
        sampler: "s".to_owned(),
        pipeline: "p".to_owned(),
        node: "n1".to_owned(),
        fingerprints: [3, 8].into(),
    };
    assert_eq!(desk.books.take().1, [touched]);
    let again = desk.see(NOW, &["r"], vec![(7, NOW - 20, 1), (8, NOW, 0)]);
    assert_eq!(again.outcome(), StateOutcome::Unchanged);
}

#[test]
fn the_oldest_make_room() {
    let mut desk = Desk::default();
    let all: Vec<_> = (0..STATEMENTS as u64 + 3_000)
        .map(|number| (mixed(number), NOW + number.cast_signed(), 1))
        .collect();
    for part in all.chunks(IN_COMMAND) {
        assert_eq!(desk.see(NOW, &["r"], part.to_vec()).outcome(), StateOutcome::Done);
    }
    desk.check();
    let kept = desk.kept();
    assert_eq!(kept.len(), STATEMENTS);
    assert!(
        all.iter()
            .all(|(fingerprint, seen, _)| kept.contains_key(fingerprint) == (*seen >= NOW + 3_000))
    );
    let over = vec![(1, NOW, 0); IN_COMMAND + 1];
    assert_eq!(desk.see(NOW, &["r"], over).refusal(), StateRefusal::Limit);
}

#[test]
fn statements_expire_with_their_sampler() {
    let mut desk = Desk::default();
    let all = (0..5_000).map(|number| (mixed(number), NOW + number.cast_signed(), 1));
    desk.see(NOW, &["r"], all.collect());
    let (mut after, mut looks) = (Vec::new(), 0);
    let now = NOW + TTL + 4_990;
    while let Some(next) = desk.seen.expire(&mut desk.books, now, &after, &mut 20) {
        after = next;
        looks += 1;
    }
    desk.check();
    assert!(looks > 4, "{looks}");
    assert_eq!(desk.kept().len(), 10);
    assert!(desk.seen.blocks.len() <= 10);
    desk.seen.expire(&mut desk.books, now + 10, &[], &mut 256);
    desk.check();
    assert_eq!((desk.books.total().records, desk.seen.names().count()), (0, 0));
    // What was seen that long ago is no news.
    let answer = desk.see(now, &["r"], vec![(1, NOW, 1)]);
    assert_eq!(answer.outcome(), StateOutcome::Unchanged);
    assert_eq!(desk.books.total().records, 0);
}

#[test]
fn a_wrong_clock_makes_nothing_last_forever() {
    let mut desk = Desk::default();
    desk.see(
        NOW,
        &["r"],
        vec![(1, i64::MAX, 1), (2, NOW + AHEAD, 1), (3, i64::MIN, 1)],
    );
    assert!(desk.kept().into_iter().eq([(1, NOW), (2, NOW + AHEAD)]));
}

#[test]
fn names_of_rules_are_given_anew_when_nobody_uses_them() {
    let names: Vec<String> = (0..130).map(|number| format!("r{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let mut desk = Desk::default();
    // Of these 64 only the last is used.
    desk.see(NOW, &names[..64], vec![(1, NOW, 1 << 63)]);
    desk.seen
        .forget(&mut desk.books, &Place(Names::new("s", "p"), 0), |_| false);
    let answer = desk.see(NOW, &names[64..128], vec![(2, NOW, 0b11)]);
    assert_eq!(answer.refusal(), StateRefusal::Limit, "{answer:?}");
    let mut desk = Desk::default();
    desk.see(NOW, &names[..64], vec![]);
    assert_eq!(desk.see(NOW, &names[..65], vec![]).refusal(), StateRefusal::Limit);
    let same = desk.see(NOW, &["a", "a"], vec![]);
    assert_eq!(same.refusal(), StateRefusal::Invalid);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn blocks_hold_what_a_map_would(
        commands in prop::collection::vec(
            (prop::collection::vec((prop_oneof![0..600_u64, any::<u64>()], -50..50_i64), 0..300), 0..60_i64),
            1..12,
        ),
    ) {
        let mut desk = Desk::default();
        let mut model: BTreeMap<u64, i64> = BTreeMap::new();
        for (entries, limit) in commands {
            for (fingerprint, seen) in &entries {
                let known = model.entry(*fingerprint).or_insert(NOW + seen);
                *known = (*known).max(NOW + seen);
            }
            let entries = entries.into_iter().map(|(fingerprint, seen)| (fingerprint, NOW + seen, 0));
            desk.see(NOW, &[], entries.collect());
            desk.check();
            let limit = limit - 60;
            model.retain(|_, seen| *seen >= NOW + limit);
            let mut after = Vec::new();
            while let Some(next) = desk.seen.expire(&mut desk.books, NOW + TTL + limit, &after, &mut 3) {
                after = next;
            }
            desk.check();
            prop_assert_eq!(&desk.kept(), &model);
        }
    }
}

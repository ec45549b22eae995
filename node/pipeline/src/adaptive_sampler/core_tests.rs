use proptest::prelude::*;
use ringwatch_config::settings::{AdaptiveSampler as Settings, SamplingRule};
use xxhash_rust::xxh3::xxh3_64;

use super::*;

/// The row with which limits begin.
const FIRST: usize = 25;
const SECOND: i64 = 1_000_000_000;

fn settings(rates: &[(f64, u64)]) -> Settings {
    let rule = |(at, (rate, per_minute)): (usize, &(f64, u64))| SamplingRule {
        name: format!("rule {at}"),
        condition: Some("x > 1".into()),
        conditions: Vec::new(),
        sampling_rate: *rate,
        priority: None,
        max_per_minute: *per_minute,
    };
    Settings {
        rules: rates.iter().enumerate().map(rule).collect(),
        max_decisions_per_second: 0,
        keep_new: false,
        ..Settings::default()
    }
}

fn core(settings: &Settings) -> Core {
    Core::new(Plan::new("sampler", settings).unwrap(), None)
}

/// What becomes of rows `(kind, rule)` at `second`.
fn sample(core: &mut Core, second: i64, rows: &[(u64, u8)]) -> Outcome {
    let fingerprints: Vec<u64> = rows
        .iter()
        .map(|(kind, _)| xxh3_64(&kind.to_le_bytes()))
        .collect();
    let tick = Tick::from_unix_nanos(second * SECOND);
    let decided = core.admit(tick, rows.len());
    let asked = rows[..decided].iter().map(|(_, rule)| *rule);
    let rules: Vec<u8> = asked.chain(std::iter::repeat(UNASKED)).take(rows.len()).collect();
    let mut outcome = Outcome::default();
    let target_id = &TargetId::from_name("postgresql://db:5432");
    let given = Rows {
        target_id,
        target: crate::adaptive_sampler::hash::of_target(target_id),
        stream: 2,
        tick,
        fingerprints: &fingerprints,
        rules: &rules,
        first: FIRST.min(rows.len()),
    };
    core.decide(&given, &mut outcome);
    core.clean();
    outcome
}

fn kinds(range: std::ops::Range<u64>, rule: u8) -> Vec<(u64, u8)> {
    range.map(|kind| (kind, rule)).collect()
}

#[test]
fn rows_of_a_kind_are_decided_alike_through_a_window() {
    let mut core = core(&settings(&[(50.0, 0)]));
    let rows: Vec<(u64, u8)> = (0..1000).flat_map(|kind| [(kind, 0), (kind, 0)]).collect();
    let mut changes = 0;
    let mut last: Option<Vec<Verdict>> = None;
    for second in 0..60 {
        let verdicts = sample(&mut core, second, &rows).verdicts;
        assert!(verdicts.chunks(2).all(|pair| pair[0] == pair[1]));
        if let Some(last) = &last {
            changes += last.iter().zip(&verdicts).filter(|(a, b)| a != b).count();
        }
        last = Some(verdicts);
    }
    // each kind is decided anew once a minute, and half of these come out as before
    assert!((900..1100).contains(&changes), "{changes}");
}

#[test]
fn what_is_new_or_has_changed_passes_and_nothing_else() {
    let mut core = core(&Settings {
        keep_new: true,
        default_sampling_rate: 0.0,
        ..settings(&[(0.0, 0), (0.0, 0)])
    });
    for (second, rows, kept) in [
        (1, vec![(1, 0), (1, 0), (1, 1), (2, 2)], 4),
        (2, vec![(1, 0), (1, 1), (2, 2)], 0),
        (3, vec![(1, 1), (2, 0), (3, 2)], 2),
        (4, vec![(1, 1), (2, 0), (2, 0), (3, 2)], 0),
        (5, vec![(1, 0)], 1),
        (5 + 3700, vec![(4, 2)], 1),
        (6 + 3700, vec![(1, 0), (4, 2)], 1),
    ] {
        assert_eq!(sample(&mut core, second, &rows).kept, kept, "at {second}");
    }
}

#[test]
fn beyond_the_limit_of_decisions_rows_go_as_they_went() {
    let mut core = core(&Settings {
        max_decisions_per_second: 10,
        default_sampling_rate: 0.0,
        ..settings(&[(100.0, 0)])
    });
    assert_eq!(sample(&mut core, 1, &kinds(0..10, 0)).kept, 10);
    let beyond = sample(&mut core, 1, &kinds(0..20, 1));
    assert_eq!(
        (beyond.kept, beyond.hits),
        (10, 10),
        "ten are remembered with the rule, ten are not"
    );
    assert_eq!(beyond.matches, [10, 10]);
    let next = sample(&mut core, 2, &kinds(0..20, 1));
    assert_eq!(
        (next.kept, next.hits, next.learnt),
        (0, 10, 0),
        "now they were decided by the default"
    );
}

#[test]
fn those_that_keep_everything_pass_before_others() {
    let mut core = core(&Settings {
        max_records_per_second: 30,
        default_sampling_rate: 100.0,
        adaptive: ringwatch_config::settings::AdaptiveRate {
            enabled: false,
            ..Default::default()
        },
        ..settings(&[(99.999, 0), (100.0, 0), (100.0, 12)])
    });
    let rows = [
        kinds(0..20, 3),
        kinds(20..40, 0),
        kinds(40..60, 2),
        kinds(60..70, 1),
    ]
    .concat();
    let outcome = sample(&mut core, 1, &rows);
    assert_eq!(outcome.passed, [8, 10, 12, 0]);
    assert_eq!((outcome.kept, outcome.limited, outcome.sampled), (30, 40, 0));
    let first: Vec<usize> = (20..40)
        .filter(|at| outcome.verdicts[*at] == Verdict::Kept)
        .collect();
    assert_eq!(
        first,
        (25..33).collect::<Vec<_>>(),
        "of one rule those whose turn it is"
    );
    assert_eq!(
        sample(&mut core, 2, &kinds(0..5, 2)).kept,
        0,
        "the minute's twelve are used up"
    );
    assert_eq!(sample(&mut core, 61, &kinds(0..50, 2)).kept, 12);
}

#[test]
fn a_row_that_another_limit_drops_does_not_use_up_its_minute() {
    let mut core = core(&Settings {
        max_records_per_second: 2,
        ..settings(&[(100.0, 4)])
    });
    for (second, kept) in [(1, 2), (2, 2), (3, 0)] {
        assert_eq!(sample(&mut core, second, &kinds(0..10, 0)).kept, kept);
    }
}

#[test]
fn the_default_rate_follows_the_load() {
    let mut core = core(&Settings {
        default_sampling_rate: 50.0,
        max_records_per_second: 100,
        ..settings(&[])
    });
    let mut passed = Vec::new();
    for second in 0..600 {
        let first = u64::try_from(second).unwrap() * 1000;
        passed.push(sample(&mut core, second, &kinds(first..first + 1000, 0)).kept);
    }
    assert!(passed.iter().all(|kept| *kept <= 100));
    assert!((5.0..12.0).contains(&core.rate()), "{}", core.rate());
    for second in 600..2000 {
        sample(&mut core, second, &kinds(0..10, 0));
    }
    assert_eq!(core.rate(), 50.0, "calm brings it back, and no further");
    core.set_default_rate(20.0);
    assert_eq!(core.rate(), 20.0);
}

#[test]
fn a_state_is_for_rules_by_name_and_for_the_rate_it_came_from() {
    let mut before = core(&Settings {
        keep_new: true,
        default_sampling_rate: 0.0,
        ..settings(&[(0.0, 0), (0.0, 0)])
    });
    sample(&mut before, 1, &[(1, 0), (2, 1), (3, 2)]);
    let mut moved = Settings {
        keep_new: true,
        default_sampling_rate: 0.0,
        ..settings(&[(0.0, 0), (0.0, 0)])
    };
    moved.rules.swap(0, 1);
    moved.rules[1].name = "another".into();
    let mut after = Core::new(Plan::new("sampler", &moved).unwrap(), Some(&before.state()));
    let outcome = sample(&mut after, 2, &[(1, 1), (2, 0), (3, 2)]);
    assert_eq!(
        outcome.verdicts,
        [Verdict::Kept, Verdict::Sampled, Verdict::Sampled]
    );
    assert_eq!(outcome.hits, 3);

    let mut state = before.state();
    (state.default_rate, state.rate) = (80.0, 70.0);
    assert_eq!(
        Core::new(Plan::new("sampler", &moved).unwrap(), Some(&state)).rate(),
        0.0
    );
    for nonsense in [-1.0, 1e9] {
        (state.default_rate, state.rate, state.rates) = (0.0, nonsense, None);
        let after = Core::new(Plan::new("sampler", &moved).unwrap(), Some(&state));
        assert_eq!(after.rate(), 0.0, "{nonsense}");
    }
    before.set_default_rate(33.0);
    assert_eq!(
        before.state().rate,
        0.0,
        "a rate set by hand ends with the process"
    );
}

#[test]
fn a_state_of_earlier_releases_has_one_rate_for_all_targets() {
    let settings = Settings {
        default_sampling_rate: 50.0,
        max_records_per_second: 100,
        ..settings(&[])
    };
    let mut before = core(&settings);
    for second in 0..200 {
        let first = u64::try_from(second).unwrap() * 1000;
        sample(&mut before, second, &kinds(first..first + 1000, 0));
    }
    let rate = before.rate();
    assert!(rate < 20.0, "{rate}");
    let mut old = serde_json::to_value(before.state()).unwrap();
    assert!(old["rates"].as_object_mut().is_some_and(|rates| rates.len() == 1));
    let restarted = |state: &serde_json::Value| {
        let state = serde_json::from_value(state.clone()).unwrap();
        let mut core = Core::new(Plan::new("sampler", &settings).unwrap(), Some(&state));
        sample(&mut core, 200, &[]);
        core.rate()
    };
    assert!((restarted(&old) - rate).abs() < 1e-9);
    old.as_object_mut().unwrap().remove("rates");
    assert!(
        (restarted(&old) - rate).abs() < 1e-9,
        "as that release would have gone on"
    );
    old["rates"] = serde_json::json!({ "postgresql://db:5432": 1e9 });
    assert_eq!(restarted(&old), 50.0);
}

#[test]
fn rates_that_are_not_to_follow_the_load_stay() {
    let mut core = core(&Settings {
        default_sampling_rate: 50.0,
        max_records_per_second: 100,
        ..settings(&[])
    });
    let run = |core: &mut Core, seconds: std::ops::Range<i64>| {
        for second in seconds {
            sample(core, second, &kinds(0..1000, 0));
        }
        core.rate()
    };
    assert!(run(&mut core, 0..60) < 50.0);
    core.set_adaptive(false);
    assert_eq!(run(&mut core, 60..120), 50.0);
    core.set_adaptive(true);
    assert!(run(&mut core, 120..180) < 50.0);
}

#[test]
fn a_clock_that_was_ahead_before_a_restart_does_not_hold_rows_back() {
    let settings = Settings {
        max_records_per_second: 10,
        max_decisions_per_second: 10,
        default_sampling_rate: 100.0,
        ..settings(&[(100.0, 10)])
    };
    let mut ahead = core(&settings);
    assert_eq!(sample(&mut ahead, 10_000, &kinds(0..10, 0)).kept, 10);
    let state = ahead.state();
    let mut after = Core::new(Plan::new("sampler", &settings).unwrap(), Some(&state));
    sample(&mut after, 9700, &[]);
    for second in 9701..9710 {
        assert_eq!(
            sample(&mut after, second, &kinds(20..30, 1)).kept,
            10,
            "at {second}"
        );
    }
}

fn frames() -> impl Strategy<Value = Vec<(i64, Vec<(u64, u8)>)>> {
    let rows = prop::collection::vec((0_u64..60, 0_u8..4), 0..60);
    prop::collection::vec((0_i64..40, rows), 1..30)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    /// Every row has one verdict, no limit is passed, and a restart at any frame changes nothing.
    #[test]
    fn rows_are_accounted_for_and_a_restart_changes_nothing(
        frames in frames(),
        restart in 0_usize..30,
        limits in (0_u64..40, 0_u64..40, 0_u64..30),
        keep_new in any::<bool>(),
        cache_size in 1_u64..80,
    ) {
        let (max_decisions_per_second, max_records_per_second, per_minute) = limits;
        let settings = Settings {
            max_decisions_per_second,
            max_records_per_second,
            keep_new,
            cache_size,
            cache_ttl: ringwatch_config::Duration::from_secs(100),
            cleanup_interval: ringwatch_config::Duration::from_secs(30),
            ..settings(&[(100.0, per_minute), (30.0, 0), (70.0, per_minute)])
        };
        let (mut steady, mut restarted) = (core(&settings), core(&settings));
        let mut second = 1_000_000;
        for (number, (step, rows)) in frames.iter().enumerate() {
            if number == restart {
                let text = serde_json::to_vec(&restarted.state()).unwrap();
                let state = serde_json::from_slice(&text).unwrap();
                restarted = Core::new(Plan::new("sampler", &settings).unwrap(), Some(&state));
            }
            second += step;
            let outcome = sample(&mut steady, second, rows);
            prop_assert_eq!(&sample(&mut restarted, second, rows).verdicts, &outcome.verdicts);
            let count = |wanted| outcome.verdicts.iter().filter(|verdict| **verdict == wanted).count() as u64;
            prop_assert_eq!(
                (outcome.kept, outcome.sampled, outcome.limited),
                (count(Verdict::Kept), count(Verdict::Sampled), count(Verdict::Limited))
            );
            prop_assert_eq!(outcome.verdicts.len(), rows.len());
            prop_assert_eq!(outcome.matches.iter().sum::<u64>(), rows.len() as u64);
            prop_assert!(outcome.passed.iter().zip(&outcome.matches).all(|(kept, all)| kept <= all));
            prop_assert!(max_records_per_second == 0 || outcome.kept <= max_records_per_second);
            prop_assert!(steady.cache.len() as u64 <= cache_size);
        }
    }
}

//! Limits under ten times the load, and the books.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use ringwatch_config::settings::{AdaptiveRate, AdaptiveSampler as Settings, SamplingRule};
use ringwatch_frame::{Books, DropReason};

use crate::support::*;

fn slow(first: i64, rows: i64) -> Vec<Row> {
    (first..first + rows).map(|id| (id, 2000.0)).collect()
}

fn fast(first: i64, rows: i64) -> Vec<Row> {
    (first..first + rows).map(|id| (id, 1.0)).collect()
}

#[test]
fn no_second_passes_more_than_its_rows_under_ten_times_the_load() {
    let (sampler, registry) = sampler(&Settings {
        max_records_per_second: 500,
        default_sampling_rate: 100.0,
        adaptive: AdaptiveRate {
            enabled: false,
            ..AdaptiveRate::default()
        },
        ..plain(vec![rule("slow", "mean_exec_time > 1000", 100.0, 1)])
    });
    let mut processor = sampler.processor("metrics");
    let books = Arc::new(Books::default());
    for second in 0..60 {
        // what matters comes last in the frame, and passes
        let rows = [fast(0, 4600), slow(100_000, 400)].concat();
        let kept = sample(&mut processor, frame(&books, START + second, &rows));
        assert_eq!(kept.len(), 500);
        assert_eq!(kept.iter().filter(|id| **id >= 100_000).count(), 400);
    }
    assert_at_rest(&books);
    assert_eq!(dropped(&books, DropReason::RateLimited), 60 * 4500);
    assert_eq!(dropped(&books, DropReason::Sampled), 0);
    let limited = metric(
        &registry,
        "adaptive_sampler_records_dropped_total",
        &[("reason", "rate_limited")],
    );
    assert_eq!(limited, 270_000.0);
}

#[test]
fn the_default_rate_makes_room_under_load() {
    let (sampler, registry) = sampler(&Settings {
        max_records_per_second: 500,
        default_sampling_rate: 50.0,
        ..plain(Vec::new())
    });
    let mut processor = sampler.processor("metrics");
    let books = Arc::new(Books::default());
    for second in 0..120 {
        sample(
            &mut processor,
            frame(&books, START + second, &fast(second * 5000, 5000)),
        );
    }
    let status = sampler.control().status();
    assert!(
        (7.0..=11.0).contains(&status.current_rate),
        "450 of 5000 is 9 %: {}",
        status.current_rate
    );
    assert_eq!(
        metric(&registry, "adaptive_sampler_sampling_rate_current", &[]),
        status.current_rate
    );
    let before = dropped(&books, DropReason::RateLimited);
    for second in 120..240 {
        sample(
            &mut processor,
            frame(&books, START + second, &fast(second * 5000, 5000)),
        );
    }
    let lost = dropped(&books, DropReason::RateLimited) - before;
    assert!(lost < 120 * 50, "the limit hardly bites any more: {lost}");
    assert_at_rest(&books);
}

#[test]
fn no_minute_keeps_more_than_a_rule_says() {
    let limited = SamplingRule {
        max_per_minute: 100,
        ..rule("slow", "mean_exec_time > 1000", 100.0, 1)
    };
    let (sampler, _) = sampler(&plain(vec![limited]));
    let mut processor = sampler.processor("metrics");
    let books = Arc::new(Books::default());
    let mut kept = Vec::new();
    for second in 0..180 {
        let rows = slow(second * 17, 17);
        kept.push(sample(&mut processor, frame(&books, START + second, &rows)).len());
    }
    assert!(kept.windows(60).all(|minute| minute.iter().sum::<usize>() <= 100));
    assert_eq!(kept.iter().sum::<usize>(), 300);
    assert_eq!(dropped(&books, DropReason::RateLimited), 180 * 17 - 300);
    assert_at_rest(&books);
}

#[test]
fn all_rows_of_large_frames_come_to_the_rules_in_turn() {
    let (sampler, registry) = sampler(&Settings {
        max_decisions_per_second: 500,
        default_sampling_rate: 0.0,
        ..plain(vec![rule("slow", "mean_exec_time > 1000", 100.0, 1)])
    });
    let mut processor = sampler.processor("metrics");
    let rows = slow(0, 5000);
    let mut known = BTreeSet::new();
    for tick in 0..100 {
        let kept = sample_rows(&mut processor, START + tick * 30, &rows);
        assert!(
            kept.is_superset(&known),
            "what was decided once is decided so again"
        );
        known = kept;
    }
    assert_eq!(known.len(), 5000);
    assert_eq!(
        metric(&registry, "adaptive_sampler_decisions_total", &[]),
        50_000.0
    );
}

#[derive(Debug, Clone)]
struct Load {
    records: u64,
    decisions: u64,
    per_minute: u64,
    rate: f64,
    keep_new: bool,
    frames: Vec<(i64, usize, i64)>,
}

fn load() -> impl Strategy<Value = Load> {
    let frames = prop::collection::vec((0_i64..20, 0_usize..300, 0_i64..500), 1..20);
    (
        0_u64..200,
        0_u64..200,
        0_u64..100,
        0.0..=100.0_f64,
        any::<bool>(),
        frames,
    )
        .prop_map(|(records, decisions, per_minute, rate, keep_new, frames)| Load {
            records,
            decisions,
            per_minute,
            rate,
            keep_new,
            frames,
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    /// Rows keep their order, none is invented, and what status, metrics and books say is the same.
    #[test]
    fn rows_in_are_rows_out_and_rows_dropped(load in load()) {
        let limited = SamplingRule {
            max_per_minute: load.per_minute,
            ..rule("slow", "mean_exec_time > 1000", 100.0, 1)
        };
        let (sampler, registry) = sampler(&Settings {
            max_records_per_second: load.records,
            max_decisions_per_second: load.decisions,
            default_sampling_rate: load.rate,
            keep_new: load.keep_new,
            ..plain(vec![limited])
        });
        let mut processor = sampler.processor("metrics");
        let books = Arc::new(Books::default());
        let (mut second, mut sent, mut passed) = (START, 0, 0);
        for (step, rows, first) in &load.frames {
            second += step;
            let time = |id: i64| if id % 3 == 0 { 2000.0 } else { 1.0 };
            let rows: Vec<Row> = (*first..).take(*rows).map(|id| (id, time(id))).collect();
            let kept = sample(&mut processor, frame(&books, second, &rows));
            let all = *first..*first + rows.len() as i64;
            prop_assert!(kept.is_sorted() && kept.iter().all(|id| all.contains(id)));
            sent += rows.len() as u64;
            passed += kept.len() as u64;
        }
        assert_at_rest(&books);
        let status = sampler.control().status();
        prop_assert_eq!((status.kept, status.dropped), (passed, sent - passed));
        prop_assert_eq!(status.rules.iter().map(|rule| rule.matches).sum::<u64>(), sent);
        prop_assert_eq!(status.rules.iter().map(|rule| rule.kept).sum::<u64>(), passed);
        prop_assert_eq!(books.snapshot().delivered_rows, passed);
        for (reason, name) in [(DropReason::Sampled, "sampled"), (DropReason::RateLimited, "rate_limited")] {
            let told = metric(&registry, "adaptive_sampler_records_dropped_total", &[("reason", name)]);
            prop_assert_eq!(told, dropped(&books, reason) as f64);
        }
    }
}

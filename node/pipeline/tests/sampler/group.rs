//! A sampler that goes on where another one was.

use std::sync::{Arc, Mutex};

use ringwatch_config::settings::AdaptiveSampler as Settings;
use ringwatch_frame::TargetId;
use ringwatch_pipeline::adaptive_sampler::{SamplerListener, SeenEntry};
use ringwatch_pipeline::{Processor, SamplerControl};
use tokio::time::{Duration, Instant};

use crate::support::*;

/// A minute, and what rules have kept in it.
type Caps = (i64, Vec<(String, u64)>);

/// Hands what one sampler tells to another, as the nodes of a cluster do.
struct Wire {
    to: SamplerControl,
    calls: Mutex<Vec<(Instant, usize)>>,
    rates: Mutex<Vec<(TargetId, f64)>>,
    caps: Mutex<Vec<Caps>>,
}

impl SamplerListener for Wire {
    fn seen(&self, sampler: &str, pipeline: &str, rules: &[String], entries: &[SeenEntry]) {
        assert_eq!((sampler, pipeline), ("adaptive_sampler", "metrics"));
        self.calls.lock().unwrap().push((Instant::now(), entries.len()));
        assert_eq!(self.to.adopt_seen(pipeline, rules, entries), entries.len());
    }

    fn rates(&self, _: &str, pipeline: &str, rates: &[(TargetId, f64)]) {
        self.rates.lock().unwrap().extend_from_slice(rates);
        self.to.adopt_rates(pipeline, rates);
    }

    fn caps(&self, _: &str, _: &str, minute: i64, used: &[(String, u64)]) {
        self.caps.lock().unwrap().push((minute, used.to_vec()));
    }
}

fn wire(to: SamplerControl) -> Arc<Wire> {
    Arc::new(Wire {
        to,
        calls: Mutex::default(),
        rates: Mutex::default(),
        caps: Mutex::default(),
    })
}

fn settings() -> Settings {
    Settings {
        keep_new: true,
        cache_size: 50_000,
        default_sampling_rate: 40.0,
        ..plain(vec![
            rule("slow", "mean_exec_time > 1000", 60.0, 1),
            rule("moderate", "mean_exec_time > 100", 20.0, 2),
        ])
    }
}

/// A thousand statements that move between the rules; some have rows of several.
fn rows(tick: i64) -> Vec<Row> {
    let time = |id: i64| [1.0, 1.0, 1.0, 150.0, 1500.0][usize::try_from((id + tick * (id % 3)) % 5).unwrap()];
    let one = (0..1000).map(|id| (id, time(id)));
    let more = (0..100)
        .filter(|id| (id + tick) % 4 > 0)
        .map(|id| (id, time(id + 1)));
    one.chain(more).collect()
}

#[tokio::test(start_paused = true)]
async fn a_rate_that_the_load_made_goes_with_its_target() {
    let settings = Settings {
        max_records_per_second: 100,
        ..settings()
    };
    let ((first, _), (second, _)) = (sampler(&settings), sampler(&settings));
    let wire = wire(second.control());
    first.control().listen(wire.clone());
    let (mut a, mut b) = (first.processor("metrics"), second.processor("metrics"));
    for tick in 0..120 {
        sample_rows(&mut a, START + tick, &rows(tick));
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    a.flush(&mut Vec::new());
    let rate = first.control().status().current_rate;
    assert!(rate < 20.0, "the load made it less: {rate}");
    let heard = wire.rates.lock().unwrap().clone();
    let target = TargetId::new("postgresql", "db:5432");
    assert_eq!(heard.first(), Some(&(target.clone(), 40.0)));
    assert_eq!(heard.last(), Some(&(target, rate)));
    assert!(heard.len() <= 13, "once for each change: {heard:?}");
    assert_eq!(second.control().status().current_rate, 40.0);
    sample_rows(&mut b, START + 120, &rows(120));
    assert_eq!(second.control().status().current_rate, rate);
}

#[tokio::test(start_paused = true)]
async fn after_a_move_the_same_statements_are_kept_and_kept_back_and_none_is_new() {
    let settings = Settings {
        adaptive: ringwatch_config::settings::AdaptiveRate {
            target_records_per_second: Some(300),
            ..Default::default()
        },
        ..settings()
    };
    let ((first, _), (second, _), (third, _)) = (sampler(&settings), sampler(&settings), sampler(&settings));
    let wire = wire(second.control());
    first.control().listen(wire.clone());
    let (mut a, mut b) = (first.processor("metrics"), second.processor("metrics"));
    for tick in 0..105 {
        sample_rows(&mut a, START + tick, &rows(tick));
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    a.flush(&mut Vec::new());
    let rate = first.control().status().current_rate;
    assert!(rate < 35.0, "the load made it less: {rate}");
    let (mut kept, mut all) = (0, 0);
    for tick in 105..109 {
        let expected = sample_rows(&mut a, START + tick, &rows(tick));
        assert_eq!(
            sample_rows(&mut b, START + tick, &rows(tick)),
            expected,
            "tick {tick}"
        );
        (kept, all) = (kept + expected.len(), all + 1000);
    }
    assert!(
        kept * 10 > all && kept * 10 < all * 9,
        "some are kept and some are not: {kept} of {all}"
    );
    assert_eq!(second.control().status().current_rate, rate);
    let mut forgetful = third.processor("metrics");
    assert_eq!(
        sample_rows(&mut forgetful, START + 105, &rows(105)).len(),
        1000,
        "one that heard nothing takes all for new"
    );
}

#[tokio::test(start_paused = true)]
async fn it_is_told_seldom_and_only_what_is_new() {
    let settings = Settings {
        cache_ttl: ringwatch_config::Duration::from_secs(400),
        ..settings()
    };
    let ((first, _), (second, _)) = (sampler(&settings), sampler(&settings));
    let wire = wire(second.control());
    let mut a = first.processor("metrics");
    first.control().listen(wire.clone());
    first.control().listen(wire.clone());
    let quiet: Vec<Row> = (0..1000).map(|id| (id, 1.0)).collect();
    let begin = Instant::now();
    for step in 0..2000 {
        let (second, known) = (step / 10, if step < 500 { 500 } else { 1000 });
        sample_rows(&mut a, START + second, &quiet[..known]);
        tokio::time::advance(Duration::from_millis(100)).await;
        if let Some(deadline) = a.deadline().filter(|at| *at <= Instant::now()) {
            a.on_deadline(deadline, &mut Vec::new());
        }
    }
    let calls = wire.calls.lock().unwrap().clone();
    assert!(
        calls
            .windows(2)
            .all(|pair| pair[1].0 - pair[0].0 >= Duration::from_millis(250)),
        "{calls:?}"
    );
    let first_second: usize = calls
        .iter()
        .filter(|(at, _)| *at < begin + Duration::from_secs(1))
        .map(|call| call.1)
        .sum();
    assert!((500..520).contains(&first_second), "{first_second}");
    // All again in a hundred seconds, a quarter of the time for which they are remembered.
    let told: usize = calls.iter().map(|call| call.1).sum();
    assert!((2500..3100).contains(&told), "{told}");
    assert!(calls.iter().filter(|call| call.1 > 20).count() == 2, "{calls:?}");
}

#[tokio::test(start_paused = true)]
async fn what_limits_a_minute_were_used_for_is_told() {
    let mut settings = settings();
    settings.rules[0].max_per_minute = 7;
    settings.rules[0].sampling_rate = 100.0;
    let ((first, _), (second, _)) = (sampler(&settings), sampler(&settings));
    let wire = wire(second.control());
    first.control().listen(wire.clone());
    let mut a = first.processor("metrics");
    let slow: Vec<Row> = (0..20).map(|id| (id, 2000.0)).collect();
    sample_rows(&mut a, START, &slow);
    let caps = wire.caps.lock().unwrap().clone();
    assert_eq!(caps, [(START / 60, vec![("slow".to_owned(), 7)])]);
}

#[test]
fn what_comes_from_elsewhere_is_bounded_and_known_by_the_names_of_rules() {
    let settings = Settings {
        cache_size: 100,
        default_sampling_rate: 0.0,
        ..settings()
    };
    let (sampler, _) = sampler(&settings);
    let control = sampler.control();
    let names = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
    let entry = |fingerprint: u64, rules: u64| SeenEntry {
        fingerprint,
        rules,
        rules_before: 0,
        seen_unix_nano: START * 1_000_000_000,
    };
    let many: Vec<SeenEntry> = (0..1000).map(|n| entry(n, 0b10)).collect();
    assert_eq!(
        control.adopt_seen("metrics", &names(&["gone", "slow"]), &many),
        100
    );
    assert_eq!(
        control.adopt_seen("logs", &names(&["gone"]), &many),
        0,
        "of rules that are not there"
    );
    let mut processor = sampler.processor("metrics");
    sample_rows(&mut processor, START + 1, &[]);
    assert_eq!(control.status().cache_size, 100);
    let taken: usize = (0..1000)
        .map(|n| control.adopt_seen(&n.to_string(), &names(&["slow"]), &[entry(1, 1)]))
        .sum();
    assert!(taken < 256, "there are not so many pipelines: {taken}");
}

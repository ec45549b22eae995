//! What is remembered: over restarts, within bounds, and what can be changed while it works.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use prometheus::Registry;
use ringwatch_config::settings::{AdaptiveSampler as Settings, StateBackend};
use ringwatch_frame::{Clock, Tick};
use ringwatch_pipeline::adaptive_sampler::{SamplerError, SamplerProcessor, store};
use ringwatch_pipeline::store::KeeperHandle;
use ringwatch_pipeline::{AdaptiveSampler, Processor, SamplerMetrics};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::support::*;

fn settings(file: &Path) -> Settings {
    let mut settings = Settings {
        state_backend: StateBackend::File,
        state_file: file.to_str().unwrap().into(),
        keep_new: true,
        max_records_per_second: 200,
        default_sampling_rate: 20.0,
        ..plain(vec![
            rule("slow", "mean_exec_time > 1000", 100.0, 1),
            rule("moderate", "mean_exec_time > 100", 50.0, 2),
        ])
    };
    settings.rules[0].max_per_minute = 300;
    settings
}

/// A sampler as a node starts it.
async fn start(settings: &Settings) -> (AdaptiveSampler, Option<KeeperHandle>, Registry) {
    let registry = Registry::new();
    let metrics = SamplerMetrics::new(&registry).unwrap();
    let clock = Clock::simulated(Tick::from_unix_nanos(START * 1_000_000_000));
    let store = store("adaptive_sampler", settings, &clock);
    let (sampler, keeper) = AdaptiveSampler::start("adaptive_sampler", settings, nowhere(), &metrics, store)
        .await
        .unwrap();
    (sampler, keeper, registry)
}

async fn stop(mut processor: SamplerProcessor, keeper: Option<KeeperHandle>) {
    processor.flush(&mut Vec::new());
    assert!(
        keeper
            .unwrap()
            .stop(Instant::now() + Duration::from_secs(10))
            .await
    );
}

/// Rows that move between the rules, some new and some gone, at `tick`.
fn rows(tick: i64) -> Vec<Row> {
    let time = |id: i64| [1.0, 1.0, 150.0, 1500.0][usize::try_from((id + tick / 7) % 4).unwrap()];
    (tick * 3..tick * 3 + 150).map(|id| (id, time(id))).collect()
}

#[tokio::test(start_paused = true)]
async fn a_restart_changes_nothing() {
    let directory = TempDir::new().unwrap();
    let (steady, _, _) = start(&Settings {
        state_backend: StateBackend::Memory,
        ..settings(Path::new(""))
    })
    .await;
    let mut steady = steady.processor("metrics");
    let settings = settings(&directory.path().join("sampler.json"));
    let mut tick = 0;
    for _ in 0..5 {
        let (sampler, keeper, _) = start(&settings).await;
        let mut processor = sampler.processor("metrics");
        let mut other = sampler.processor("logs");
        for _ in 0..20 {
            tick += 1;
            let expected = sample_rows(&mut steady, START + tick * 5, &rows(tick));
            assert_eq!(
                sample_rows(&mut processor, START + tick * 5, &rows(tick)),
                expected,
                "tick {tick}"
            );
            assert_eq!(
                sample_rows(&mut other, START + tick * 5, &rows(tick)),
                expected,
                "tick {tick}"
            );
        }
        other.flush(&mut Vec::new());
        drop(other);
        stop(processor, keeper).await;
    }
    let text = std::fs::read_to_string(&settings.state_file).unwrap();
    assert!(text.starts_with("{\"version\":1,\"component\":\"adaptive_sampler\","));
    let (forgetful, _, _) = start(&Settings {
        state_backend: StateBackend::Memory,
        ..settings.clone()
    })
    .await;
    let mut forgetful = forgetful.processor("metrics");
    let all = sample_rows(&mut forgetful, START + tick * 5 + 5, &rows(tick + 1));
    assert_eq!(
        all.len(),
        150,
        "one that remembers nothing takes everything for new"
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_new_is_in_the_file_soon() {
    let directory = TempDir::new().unwrap();
    let settings = settings(&directory.path().join("sampler.json"));
    let (sampler, keeper, _) = start(&settings).await;
    let mut processor = sampler.processor("metrics");
    assert_eq!(processor.deadline(), None);
    sample_rows(&mut processor, START, &rows(0));
    let deadline = processor.deadline().unwrap();
    assert!(deadline <= Instant::now() + Duration::from_secs(10));
    tokio::time::sleep_until(deadline).await;
    processor.on_deadline(Instant::now(), &mut Vec::new());
    assert_eq!(processor.deadline(), None);
    while sampler.control().status().store.unwrap().saves < 2 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // the process dies here, without a word
    drop((processor, sampler, keeper));
    let (sampler, _keeper, _) = start(&settings).await;
    let _processor = sampler.processor("metrics");
    assert_eq!(sampler.control().status().cache_size, 150);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_cannot_be_written_is_told_and_the_work_goes_on() {
    let directory = TempDir::new().unwrap();
    std::fs::write(directory.path().join("file"), "").unwrap();
    let settings = settings(&directory.path().join("file/sampler.json"));
    let (sampler, keeper, registry) = start(&settings).await;
    let mut processor = sampler.processor("metrics");
    while sampler.control().status().store.unwrap().failures == 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(
        sampler
            .control()
            .status()
            .store
            .unwrap()
            .fault
            .unwrap()
            .contains("cannot be written")
    );
    assert!(metric(&registry, "adaptive_sampler_state_save_failures_total", &[]) >= 1.0);
    assert!(!sample_rows(&mut processor, START, &rows(0)).is_empty());
    stop(processor, keeper).await;
}

#[test]
fn the_memory_is_bounded_and_its_size_can_be_changed() {
    let (sampler, registry) = sampler(&Settings {
        cache_size: 100,
        max_memory_mb: 1,
        cache_ttl: ringwatch_config::Duration::from_secs(600),
        ..plain(Vec::new())
    });
    let mut processor = sampler.processor("metrics");
    let control = sampler.control();
    let many: Vec<Row> = (0..20_000).map(|id| (id, 1.0)).collect();
    let mut size_after = |second: i64, rows: &[Row]| {
        sample_rows(&mut processor, START + second, rows);
        let status = control.status();
        assert_eq!(
            metric(&registry, "adaptive_sampler_cache_size", &[]),
            status.cache_size as f64
        );
        (status.cache_size, status.cache_limit)
    };
    assert_eq!(size_after(0, &many), (100, 100));
    control.set_cache_size(100_000).unwrap();
    assert_eq!(size_after(10, &many), (8192, 8192), "a mebibyte holds no more");
    control.set_cache_size(50).unwrap();
    assert_eq!(size_after(20, &many[..1]), (50, 50));
    assert_eq!(size_after(605, &many[..1]), (50, 50));
    assert_eq!(
        size_after(921, &many[..1]),
        (1, 50),
        "what was not seen for ten minutes is forgotten"
    );
    assert_eq!(control.set_cache_size(0), Err(SamplerError::CacheSize));
}

#[test]
fn a_rate_can_be_set_for_all_pipelines_at_once() {
    let (sampler, _) = sampler(&plain(Vec::new()));
    let control = sampler.control();
    let mut processors = ["metrics", "logs"].map(|pipeline| sampler.processor(pipeline));
    let many: Vec<Row> = (0..1000).map(|id| (id, 1.0)).collect();
    let mut kept = |rate: f64| -> Vec<BTreeSet<i64>> {
        control.set_rate(rate).unwrap();
        let each = processors.iter_mut();
        each.map(|processor| sample_rows(processor, START, &many))
            .collect()
    };
    assert!(kept(0.0).iter().all(BTreeSet::is_empty));
    let some = kept(30.0);
    assert_eq!(some[0], some[1]);
    assert!((250..350).contains(&some[0].len()));
    assert!(kept(100.0).iter().all(|kept| kept.len() == 1000));
    for wrong in [-1.0, 100.5, f64::NAN, f64::INFINITY] {
        assert!(control.set_rate(wrong).is_err());
    }
    let status = control.status();
    assert_eq!((status.default_rate, status.current_rate), (100.0, 100.0));
    assert_eq!(
        (status.name.as_str(), status.kept + status.dropped),
        ("adaptive_sampler", 6000)
    );
}

#[test]
fn a_sampler_can_be_looked_at_from_any_thread() {
    fn anywhere<T: Send + Sync + Clone>(_: T) {}
    let (sampler, _) = sampler(&plain(Vec::new()));
    anywhere(Arc::new(sampler.control()));
    anywhere(sampler.control());
}

//! What a breaker costs a reading: the leave before it and the end after it.
#![allow(missing_docs, reason = "the macros of criterion have none")]
#![expect(clippy::unwrap_used, reason = "a benchmark may stop")]

use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use prometheus::Registry;
use ringwatch_config::settings::CircuitBreaker as Settings;
use ringwatch_frame::{Clock, StreamId, TargetId, Tick};
use ringwatch_pipeline::CoveredTarget;
use ringwatch_pipeline::circuit_breaker::{BreakerMetrics, BreakerParts, Breakers, Outcome};
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

fn breaker(criterion: &mut Criterion) {
    let mut now = Instant::now();
    let clock = Clock::simulated(Tick::from_unix_nanos(0));
    let parts = BreakerParts::new(clock, BreakerMetrics::new(&Registry::new()).unwrap());
    let breakers = Breakers::new("circuit_breaker", &Settings::default(), parts, now);
    let target = |n: usize| CoveredTarget {
        id: TargetId::new("postgresql", &format!("db{n}:5432")),
        endpoint: format!("db{n}:5432"),
        databases: vec!["shop".into()],
    };
    let targets: Vec<_> = (0..50).map(target).collect();
    breakers.cover(&targets, now);
    let streams: Vec<_> = (0..10)
        .map(|n| StreamId::of_server(&format!("postgresql.s{n}")))
        .collect();
    let mut reading = 0_usize;
    criterion.bench_function("breaker, leave and end of a reading", |bencher| {
        bencher.iter(|| {
            reading += 1;
            now += SECOND / 500;
            let at = (&targets[reading % 50].id, &streams[reading / 50 % 10]);
            let leave = breakers.admit(at.0, at.1, Tick::from_unix_nanos(0), SECOND, now);
            let took = Duration::from_millis(reading as u64 % 20);
            breakers.ended(at.0, at.1, Outcome::Answered { took, sessions: None }, now);
            black_box(leave).unwrap();
        });
    });
    criterion.bench_function("breaker, a look at 50 targets", |bencher| {
        bencher.iter(|| {
            now += SECOND;
            breakers.on_interval(now);
        });
    });
}

criterion_group!(benches, breaker);
criterion_main!(benches);

//! From the text of a plan to what is known of it.

use std::hash::{BuildHasher, RandomState};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use prometheus::{Gauge, Histogram, IntCounter, IntCounterVec, IntGauge};
use ringwatch_config::settings::{PlanExtractor as Settings, PlanInsights};
use ringwatch_parse::plan::{Limits, PlanError, Thresholds, facts, scrub_with};
use tokio::time::Instant;
use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::cache::{Known, Plans};
use super::latency::Latencies;
use super::pool::{Placed, Pool, Pools};
use super::{PlanExtractorStatus, PlanMetrics};

/// Where fewer bytes are new, more threads would cost more than they save.
const WORTH_THREADS: usize = 64 * 1024;
/// Of the memory for what is remembered, the last pools of streams may take one part in so many.
const POOLS_SHARE: u64 = 4;

/// Reads plans, and remembers them. Shared by all pipelines.
pub(super) struct Extractor {
    name: String,
    timeout: Duration,
    bytes: usize,
    depth: u32,
    nodes: usize,
    workers: usize,
    thresholds: Thresholds,
    plans: Plans,
    pools: Pools,
    /// Nobody can make two texts of one hash who does not know it.
    seed: u64,
    latencies: Mutex<Latencies>,
    series: Series,
}

/// Its own series.
struct Series {
    hit_rate: Gauge,
    p99: Gauge,
    seconds: Histogram,
    known: IntCounter,
    read: IntCounter,
    refused: IntCounter,
    cached: IntGauge,
    cached_bytes: IntGauge,
    rejected: IntCounterVec,
    insights: IntCounterVec,
}

pub(super) fn thresholds(insights: &PlanInsights) -> Thresholds {
    Thresholds {
        large_table_rows: insights.large_table_rows,
        scan_share: insights.scan_share,
        shares: insights.shares,
        estimates: insights.estimates,
        removed_share: insights.removed_share,
        removed_rows: insights.removed_rows,
        loops: insights.loops,
        loops_share: insights.loops_share,
        lossy_share: insights.lossy_share,
        heap_fetch_share: insights.heap_fetch_share,
        heap_fetches: insights.heap_fetches,
        cost: insights.cost,
        time_ms: insights.time_ms,
    }
}

impl Extractor {
    pub(super) fn new(name: &str, settings: &Settings, metrics: &PlanMetrics) -> Self {
        let outcome = |outcome| metrics.plans.with_label_values(&[name, outcome]);
        let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
        let memory = settings.plan_cache_mb.saturating_mul(1 << 20);
        let for_pools = memory / POOLS_SHARE;
        Self {
            name: name.to_owned(),
            timeout: *settings.plan_timeout,
            bytes: size(settings.max_plan_size_kb.saturating_mul(1024)),
            depth: settings.max_plan_depth,
            nodes: size(settings.max_plan_nodes),
            workers: settings.workers.max(1) as usize,
            thresholds: thresholds(&settings.insights),
            plans: Plans::new(size(settings.plan_cache_size), memory - for_pools),
            pools: Pools::new(for_pools),
            seed: RandomState::new().hash_one(0),
            latencies: Mutex::default(),
            series: Series {
                hit_rate: metrics.hit_rate.with_label_values(&[name]),
                p99: metrics.p99.with_label_values(&[name]),
                seconds: metrics.seconds.with_label_values(&[name]),
                known: outcome("known"),
                read: outcome("read"),
                refused: outcome("refused"),
                cached: metrics.cached.with_label_values(&[name]),
                cached_bytes: metrics.cached_bytes.with_label_values(&[name]),
                rejected: metrics.rejected.clone(),
                insights: metrics.insights.clone(),
            },
        }
    }

    fn hash(&self, text: &str) -> u128 {
        xxh3_128_with_seed(text.as_bytes(), self.seed)
    }

    /// A pool that has these plans of a stream, and their places in it. It is that of the stream's last frame where
    /// all of them are in it.
    pub(super) fn pool(&self, stream: u64, texts: &[&str]) -> (Arc<Pool>, Vec<Placed>) {
        let hashes: Vec<u128> = texts.iter().map(|text| self.hash(text)).collect();
        let last = self.pools.get(stream);
        if let Some(pool) = last
            && let Some(places) = pool.places(&hashes)
        {
            self.series.known.inc_by(texts.len() as u64);
            self.series.hit_rate.set(self.hit_rate());
            return (pool, places);
        }
        let pool = Arc::new(Pool::new(&hashes, &self.extract(texts, &hashes)));
        let places: Vec<_> = hashes.iter().map(|hash| pool.place(*hash)).collect();
        // What was not read in time may be the next time.
        let is_lasting = !places.contains(&Err(PlanError::TimedOut));
        if is_lasting && !texts.is_empty() {
            self.pools.put(stream, &pool);
        }
        (pool, places)
    }

    /// What is known of each of these plans, in their order; those that have not been read are, several at a time.
    fn extract(&self, texts: &[&str], hashes: &[u128]) -> Vec<Arc<Known>> {
        let mut all: Vec<_> = hashes.iter().map(|hash| self.plans.get(*hash)).collect();
        let new: Vec<usize> = (0..texts.len())
            .filter(|at| all.get(*at).is_some_and(Option::is_none))
            .collect();
        self.series.known.inc_by((texts.len() - new.len()) as u64);
        self.series.hit_rate.set(self.hit_rate());
        if new.is_empty() {
            return all.into_iter().map(Option::unwrap_or_default).collect();
        }
        let bytes: usize = new
            .iter()
            .filter_map(|at| texts.get(*at))
            .map(|text| text.len())
            .sum();
        let workers = if bytes < WORTH_THREADS {
            1
        } else {
            self.workers.min(new.len())
        };
        let read = |share: &[usize]| -> Vec<Arc<Known>> {
            let plans = share.iter().filter_map(|at| texts.get(*at).zip(hashes.get(*at)));
            plans
                .map(|(text, hash)| self.learn(*hash, |start| self.read(text, start)))
                .collect()
        };
        let learnt: Vec<_> = if workers < 2 {
            read(&new)
        } else {
            std::thread::scope(|scope| {
                let shares = new.chunks(new.len().div_ceil(workers));
                let threads: Vec<_> = shares.map(|share| scope.spawn(move || read(share))).collect();
                let joined = |thread: std::thread::ScopedJoinHandle<'_, _>| {
                    thread
                        .join()
                        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                };
                threads.into_iter().flat_map(joined).collect()
            })
        };
        for (at, known) in new.into_iter().zip(learnt) {
            if let Some(place) = all.get_mut(at) {
                *place = Some(known);
            }
        }
        self.tell();
        all.into_iter().map(Option::unwrap_or_default).collect()
    }

    /// Reads a plan that is not known, and remembers it, unless another time it may be read in time. A reader that
    /// panics refuses the plan and ends nothing else.
    pub(super) fn learn(&self, hash: u128, read: impl FnOnce(Instant) -> Known) -> Arc<Known> {
        let start = Instant::now();
        let known = catch_unwind(AssertUnwindSafe(|| read(start)));
        let known = known.unwrap_or_else(|_| self.refused(PlanError::NotAPlan, "panic"));
        let known = Arc::new(known);
        let taken = start.elapsed();
        self.series.seconds.observe(taken.as_secs_f64());
        if known.refused != Some(PlanError::TimedOut) {
            self.plans.insert(hash, &known);
        }
        self.latencies().push(taken.as_secs_f64() * 1000.0);
        known
    }

    fn latencies(&self) -> MutexGuard<'_, Latencies> {
        self.latencies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read(&self, text: &str, start: Instant) -> Known {
        let is_late = || start.elapsed() >= self.timeout;
        let limits = Limits {
            bytes: self.bytes,
            depth: self.depth,
            nodes: self.nodes,
            stop: Some(&is_late),
        };
        match self.understand(text, &limits) {
            Ok(known) => {
                self.series.read.inc();
                known
            }
            Err(error) => self.refused(error, error.reason()),
        }
    }

    /// What is known of a plan that could not be read.
    fn refused(&self, error: PlanError, reason: &str) -> Known {
        self.series.refused.inc();
        let rejected = &self.series.rejected;
        rejected.with_label_values(&[&self.name, reason]).inc();
        Known {
            refused: Some(error),
            ..Known::default()
        }
    }

    fn understand(&self, text: &str, limits: &Limits<'_>) -> Result<Known, PlanError> {
        let (clean, facts) = scrub_with(text, limits, |plan| facts(plan, &self.thresholds))?;
        for insight in &facts.insights {
            let insights = &self.series.insights;
            insights.with_label_values(&[&self.name, insight.kind]).inc();
        }
        let insights = if facts.insights.is_empty() {
            String::new()
        } else {
            // names and figures are always JSON
            serde_json::to_string(&facts.insights).unwrap_or_default()
        };
        let attributes = facts.attributes;
        Ok(Known {
            plan: Some(clean.into()),
            refused: None,
            total_cost: attributes.total_cost,
            execution_ms: attributes.execution_time,
            has_sequential_scan: attributes.has_sequential_scan,
            has_nested_loop: attributes.has_nested_loop,
            index_scans: attributes.index_scan_count.cast_signed(),
            table_accesses: attributes.table_access_count.cast_signed(),
            complexity: attributes.plan_complexity_score,
            fingerprint: format!("{:016x}", facts.fingerprint),
            insights_hash: self.hash(&insights),
            insights,
        })
    }

    fn hit_rate(&self) -> f64 {
        let known = self.series.known.get();
        let all = known + self.series.read.get() + self.series.refused.get();
        if all == 0 { 0.0 } else { known as f64 / all as f64 }
    }

    fn bytes(&self) -> u64 {
        self.plans.bytes() + self.pools.bytes()
    }

    fn tell(&self) {
        self.series.hit_rate.set(self.hit_rate());
        self.series.p99.set(self.latencies().p99());
        self.series.cached.set(self.plans.len().cast_signed());
        self.series.cached_bytes.set(self.bytes().cast_signed());
    }

    pub(super) fn status(&self, name: &str) -> PlanExtractorStatus {
        PlanExtractorStatus {
            name: name.to_owned(),
            cached: self.plans.len(),
            cached_bytes: self.bytes(),
            hit_rate: self.hit_rate(),
            p99_ms: self.latencies().p99(),
            rejected: self.series.refused.get(),
        }
    }
}

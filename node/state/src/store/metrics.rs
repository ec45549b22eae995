//! What the store shows of itself.

use prometheus::{Histogram, HistogramOpts, IntCounterVec, IntGauge, Opts, Registry};
use tokio::time::Instant;

use crate::store::error::Damage;

/// The store's metrics. Cheap to clone; a store that is opened again uses the same.
#[derive(Clone, Debug)]
pub struct StoreMetrics {
    set_aside: IntCounterVec,
    disk: IntGauge,
    sync: Histogram,
}

impl StoreMetrics {
    /// Registers them.
    ///
    /// # Errors
    /// When one of their names is taken.
    pub fn register(registry: &Registry) -> Result<Self, prometheus::Error> {
        let set_aside = Opts::new(
            "ringwatch_state_stores_set_aside_total",
            "State stores that were found damaged and set aside, by how it showed",
        );
        let sync = HistogramOpts::new(
            "ringwatch_state_sync_seconds",
            "Time to make a write of the state store durable",
        );
        let metrics = Self {
            set_aside: IntCounterVec::new(set_aside, &["reason"])?,
            disk: IntGauge::new("ringwatch_state_disk_bytes", "Size of the state store on disk")?,
            sync: Histogram::with_opts(sync.buckets(prometheus::exponential_buckets(0.000_1, 2.0, 16)?))?,
        };
        registry.register(Box::new(metrics.set_aside.clone()))?;
        registry.register(Box::new(metrics.disk.clone()))?;
        registry.register(Box::new(metrics.sync.clone()))?;
        Ok(metrics)
    }

    pub(crate) fn set_aside(&self, damage: Damage) {
        self.set_aside.with_label_values(&[damage.to_string()]).inc();
    }

    pub(crate) fn disk(&self, bytes: u64) {
        self.disk.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    }

    pub(crate) fn time_sync<T>(&self, write: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let written = write();
        self.sync.observe(start.elapsed().as_secs_f64());
        written
    }
}

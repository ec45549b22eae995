//! What limits say about themselves.

use prometheus::{GaugeVec, IntCounterVec, Opts, Registry};

const LABEL: [&str; 1] = ["database"];

/// The metrics of all limiters of a node. Made once.
#[derive(Clone, Debug)]
pub struct LimiterMetrics {
    rejection_rate: GaugeVec,
    limit: GaugeVec,
    rejections: IntCounterVec,
}

impl LimiterMetrics {
    /// Registers them.
    ///
    /// # Errors
    /// When they are in `registry` already.
    pub fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let gauge = |name: &str, help: &str| {
            let gauge = GaugeVec::new(Opts::new(name, help), &LABEL)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let rejections = Opts::new(
            "rate_limiter_rejections_total",
            "Readings that were not made because of a rate limit",
        );
        let rejections = IntCounterVec::new(rejections, &LABEL)?;
        registry.register(Box::new(rejections.clone()))?;
        Ok(Self {
            rejection_rate: gauge(
                "rate_limiter_rejection_rate",
                "The share of the readings of the last minute that were not made, from 0 to 1",
            )?,
            limit: gauge("rate_limiter_limit_rps", "Readings a second that may be made now")?,
            rejections,
        })
    }

    /// The target's series exist from the beginning.
    pub(crate) fn begin(&self, name: &str) {
        self.rejection_rate.with_label_values(&[name]);
        self.rejections.with_label_values(&[name]);
    }

    /// The limit that holds now; `None` shows nothing.
    pub(crate) fn limit(&self, name: &str, limit: Option<f64>) {
        match limit {
            Some(limit) => self.limit.with_label_values(&[name]).set(limit),
            None => gone(self.limit.remove_label_values(&[name])),
        }
    }

    /// The share of readings that were refused.
    pub(crate) fn rejection_rate(&self, name: &str, share: f64) {
        self.rejection_rate.with_label_values(&[name]).set(share);
    }

    /// A reading was refused.
    pub(crate) fn rejected(&self, name: &str) {
        self.rejections.with_label_values(&[name]).inc();
    }

    /// The target is gone.
    pub(crate) fn remove(&self, name: &str) {
        gone(self.limit.remove_label_values(&[name]));
        gone(self.rejection_rate.remove_label_values(&[name]));
        gone(self.rejections.remove_label_values(&[name]));
    }
}

/// A series that is not there need not be removed.
fn gone(_: Result<(), prometheus::Error>) {}

//! Who hears what a sampler decides, so that another node can go on deciding the same.

use ringwatch_frame::TargetId;

/// A kind of rows that a sampler remembers, as it travels between nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenEntry {
    /// The hash of target, stream and fingerprint under which it is remembered.
    pub fingerprint: u64,
    /// The rules that its rows of its last tick matched: bit n stands for the n-th of the names.
    pub rules: u64,
    /// The same of the tick before.
    pub rules_before: u64,
    /// The tick of its last row, in nanoseconds since the Unix epoch.
    pub seen_unix_nano: i64,
}

/// Hears of one sampler in all its pipelines. It is called on the pipelines' own tasks, at most every 250 ms
/// for each, and must return at once.
pub trait SamplerListener: Send + Sync {
    /// Kinds of rows that are new or have changed their rules, and now and then those that are still seen.
    /// The bits of the entries stand for `rules`. Rows that are only known as a whole are not told: they are new
    /// at every tick.
    fn seen(&self, sampler: &str, pipeline: &str, rules: &[String], entries: &[SeenEntry]);

    /// Rates in percent that the load has changed, of targets whose frames came in the last minutes.
    fn rates(&self, sampler: &str, pipeline: &str, rates: &[(TargetId, f64)]);

    /// How many rows the rules with a limit a minute have kept in the minute that ends now; `minute` counts
    /// from the Unix epoch.
    fn caps(&self, sampler: &str, pipeline: &str, minute: i64, used: &[(String, u64)]);
}

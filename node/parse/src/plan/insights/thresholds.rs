//! From where on something is said of a plan.

/// From where on something is said of a plan. Where pev2 has a figure for it, the default is pev2's: shares
/// of 10/40/90 %, estimates off by 10/100/1000.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds {
    /// A table is large from so many rows on.
    pub large_table_rows: f64,
    /// A sequential scan matters from this share of the plan's time or cost on, if the plan takes
    /// [`Self::time_ms`] or costs [`Self::cost`].
    pub scan_share: f64,
    /// Shares of the plan's time or cost that one node alone takes: note, warning, critical.
    pub shares: [f64; 3],
    /// Factors between rows expected and rows found: note, warning, critical.
    pub estimates: [f64; 3],
    /// A filter throws away too much from this share of what was read on.
    pub removed_share: f64,
    /// And only if it throws away so many rows.
    pub removed_rows: f64,
    /// The inner side of a nested loop is run too often from here on.
    pub loops: f64,
    /// And only if it takes this share of the plan's time or cost.
    pub loops_share: f64,
    /// Share of lossy pages in a bitmap that is a warning.
    pub lossy_share: f64,
    /// Visits of the table per row of an index-only scan that are worth a note.
    pub heap_fetch_share: f64,
    /// And so many visits are a warning.
    pub heap_fetches: f64,
    /// Plans that cost less, in the engine's units, have no costly nodes.
    pub cost: f64,
    /// Plans that took less, in milliseconds, have no costly nodes.
    pub time_ms: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self {
            large_table_rows: 10_000.0,
            scan_share: 0.4,
            shares: [0.1, 0.4, 0.9],
            estimates: [10.0, 100.0, 1000.0],
            removed_share: 0.9,
            removed_rows: 1000.0,
            loops: 1000.0,
            loops_share: 0.4,
            lossy_share: 0.1,
            heap_fetch_share: 0.1,
            heap_fetches: 1000.0,
            cost: 100.0,
            time_ms: 1.0,
        }
    }
}

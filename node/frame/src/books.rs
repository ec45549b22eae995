//! The books: what was collected, delivered and dropped, exactly.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

/// Why rows were lost. The names are the values of the label `reason` of `ringwatch_dropped_rows_total`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DropReason {
    /// The memory limiter refused the frame.
    MemoryLimit,
    /// The sampler kept it back.
    Sampled,
    /// It was beyond a limit of rows a second or a minute.
    RateLimited,
    /// It held what must not leave, and `verification` was told to drop such rows.
    Pii,
    /// A rule of `verification` refused it.
    Verification,
    /// The pipeline's input was full: processors or exporters were too slow.
    PipelineFull,
    /// The exporter's queue was full.
    QueueFull,
    /// The batch waited longer than the queue's age limit.
    QueueAge,
    /// The backend said that it will never take the batch, or answered with a code that must not be retried; or the
    /// attempt failed and retries are switched off.
    Permanent,
    /// The backend took the batch but rejected some of it (OTLP partial success).
    Rejected,
    /// One row alone is over the largest request that the backend takes. Larger batches and frames are split.
    TooLarge,
    /// The node was told to stop and the backend did not take the batch before the deadline.
    Shutdown,
    /// The frame's columns and the catalogue's entry do not fit together, or the batch made consumers panic.
    Invalid,
    /// The standby of the target had covered the tick before: its reading is the one that counts.
    Superseded,
    /// A frame ended without a word: a defect of Ringwatch. Zero, or a bug.
    Unaccounted,
}

impl DropReason {
    /// Every reason, in the order of the declaration.
    pub const ALL: [Self; 15] = [
        Self::MemoryLimit,
        Self::Sampled,
        Self::RateLimited,
        Self::Pii,
        Self::Verification,
        Self::PipelineFull,
        Self::QueueFull,
        Self::QueueAge,
        Self::Permanent,
        Self::Rejected,
        Self::TooLarge,
        Self::Shutdown,
        Self::Invalid,
        Self::Superseded,
        Self::Unaccounted,
    ];

    /// The value of the metric's label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::MemoryLimit => "memory_limit",
            Self::Sampled => "sampled",
            Self::RateLimited => "rate_limited",
            Self::Pii => "pii",
            Self::Verification => "verification",
            Self::PipelineFull => "pipeline_full",
            Self::QueueFull => "queue_full",
            Self::QueueAge => "queue_age",
            Self::Permanent => "permanent",
            Self::Rejected => "rejected",
            Self::TooLarge => "too_large",
            Self::Shutdown => "shutdown",
            Self::Invalid => "invalid",
            Self::Superseded => "superseded",
            Self::Unaccounted => "unaccounted",
        }
    }
}

/// The books of a node. Each row that is collected, and each copy that is made for a further way, ends as
/// delivered or as dropped for one reason; what has not ended yet is in flight. So at any moment
/// `collected + copied = delivered + dropped + in flight`.
#[derive(Debug, Default)]
pub struct Books {
    collected: Pair,
    copied: Pair,
    delivered: Pair,
    dropped: [AtomicU64; DropReason::ALL.len()],
    in_flight_rows: AtomicI64,
    in_flight_bytes: AtomicI64,
}

#[derive(Debug, Default)]
struct Pair {
    frames: AtomicU64,
    rows: AtomicU64,
}

impl Pair {
    fn add(&self, rows: u64) {
        self.frames.fetch_add(1, Relaxed);
        self.rows.fetch_add(rows, Relaxed);
    }
}

/// The books at one moment. While frames flow, the parts are read one after the other and may differ by what
/// moved meanwhile; at rest they are exact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BooksSnapshot {
    /// Rows read from databases.
    pub collected_rows: u64,
    /// Frames read from databases.
    pub collected_frames: u64,
    /// Further copies of rows, made where a frame goes to several pipelines or exporters.
    pub copied_rows: u64,
    /// Further copies of frames.
    pub copied_frames: u64,
    /// Rows that an exporter delivered.
    pub delivered_rows: u64,
    /// Frames, or parts of frames, that an exporter delivered.
    pub delivered_frames: u64,
    /// Rows lost, by reason, in the order of [`DropReason::ALL`].
    pub dropped_rows: [u64; DropReason::ALL.len()],
    /// Rows on their way.
    pub in_flight_rows: i64,
    /// Memory held by frames on their way, in bytes.
    pub in_flight_bytes: i64,
}

impl BooksSnapshot {
    /// Rows lost for any reason.
    pub fn dropped_total(&self) -> u64 {
        self.dropped_rows.iter().sum()
    }

    /// Rows lost for this reason.
    pub fn dropped(&self, reason: DropReason) -> u64 {
        self.dropped_rows.get(reason as usize).copied().unwrap_or(0)
    }

    /// Whether every row is accounted for.
    pub fn balanced(&self) -> bool {
        let into = i128::from(self.collected_rows) + i128::from(self.copied_rows);
        let out = i128::from(self.delivered_rows) + i128::from(self.dropped_total());
        into == out + i128::from(self.in_flight_rows)
    }
}

impl Books {
    /// The books as they stand.
    pub fn snapshot(&self) -> BooksSnapshot {
        BooksSnapshot {
            collected_rows: self.collected.rows.load(Relaxed),
            collected_frames: self.collected.frames.load(Relaxed),
            copied_rows: self.copied.rows.load(Relaxed),
            copied_frames: self.copied.frames.load(Relaxed),
            delivered_rows: self.delivered.rows.load(Relaxed),
            delivered_frames: self.delivered.frames.load(Relaxed),
            dropped_rows: std::array::from_fn(|i| self.dropped[i].load(Relaxed)),
            in_flight_rows: self.in_flight_rows.load(Relaxed),
            in_flight_bytes: self.in_flight_bytes.load(Relaxed),
        }
    }

    /// Memory held by frames on their way, in bytes.
    pub fn in_flight_bytes(&self) -> u64 {
        u64::try_from(self.in_flight_bytes.load(Relaxed)).unwrap_or(0)
    }

    pub(crate) fn collect(&self, rows: u64) {
        self.collected.add(rows);
        self.fly(rows);
    }

    pub(crate) fn copy(&self, rows: u64) {
        self.copied.add(rows);
        self.fly(rows);
    }

    pub(crate) fn deliver(&self, rows: u64) {
        self.delivered.add(rows);
        self.land(rows);
    }

    pub(crate) fn drop_rows(&self, reason: DropReason, rows: u64) {
        self.dropped[reason as usize].fetch_add(rows, Relaxed);
        self.land(rows);
    }

    pub(crate) fn charge(&self, bytes: u64) {
        self.in_flight_bytes.fetch_add(signed(bytes), Relaxed);
    }

    pub(crate) fn release(&self, bytes: u64) {
        self.in_flight_bytes.fetch_sub(signed(bytes), Relaxed);
    }

    fn fly(&self, rows: u64) {
        self.in_flight_rows.fetch_add(signed(rows), Relaxed);
    }

    fn land(&self, rows: u64) {
        self.in_flight_rows.fetch_sub(signed(rows), Relaxed);
    }
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

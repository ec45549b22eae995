//! What does not balance, tick by tick.

/// The most findings that are kept, and told to programs.
pub(super) const FINDINGS: usize = 1_000;
/// The most that are told to people.
pub(super) const SHOWN: usize = 50;

/// A place in time of one stream that does not balance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) target: String,
    pub(super) stream: String,
    /// Empty for a stream of a whole server.
    pub(super) database: String,
    pub(super) what: What,
    /// The first tick, in nanoseconds since the Unix epoch.
    pub(super) tick: i64,
    /// How many ticks there are of it in a row.
    pub(super) count: u64,
}

/// What is wrong with ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// They are in nobody's books.
    Unaccounted,
    /// They were delivered more than once.
    Double,
}

impl What {
    /// As it is printed.
    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Unaccounted => "unaccounted",
            Self::Double => "double",
        }
    }
}

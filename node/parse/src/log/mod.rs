//! PostgreSQL's server log: the plans that `auto_explain` wrote into it, and messages without data.
//!
//! A [`Reader`] is fed with bytes as they come and keeps no more than the entry that is not whole yet. What
//! is no plan is passed over unread.

mod csv;
mod entry;
mod json;
mod prefix;
mod reader;
mod records;
mod scrub;
mod stderr;
mod time;

#[cfg(test)]
mod tests;

pub use entry::Entry;
pub use prefix::Prefix;
pub use reader::{Reader, Skipped};
pub use records::LogFormat;
pub use scrub::{scrub_line, scrub_message};

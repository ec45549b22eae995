//! The adaptive sampler as a processor: what it keeps, what it limits, what it remembers.
#![allow(missing_docs, clippy::unwrap_used)]

mod decisions;
mod group;
mod limits;
mod memory;
mod support;

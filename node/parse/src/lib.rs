//! The languages that databases speak, as far as a watcher has to read them.
//!
//! This crate promises that it reads any text in one pass, in time linear in its length, without recursion and
//! without panics, and that what it cannot read for certain is hidden and not shown. It does no I/O and knows no other room.

pub mod expr;
pub mod log;
pub mod plan;
mod quoted;
pub mod scan;
pub mod sql;

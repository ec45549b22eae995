//! Reading databases: the only room that knows sqlx and a database.
//!
//! A target has up to three lanes: one for streams read more often than every five seconds, one for the others
//! of the whole server, one for those of single databases. A lane is one task, asks one question at a time and keeps
//! its connections open. This crate promises that
//! - every tick of every stream ends exactly once, as collected or as missed for a reason that is counted;
//! - nothing is sent to a target before [`Ownership`] said yes, nor while this node is not sure to hold it;
//! - a tick that the owner of a target does not read is read by its standby, and by nobody twice ([`Standby`]);
//! - where the server lets it, nothing is read without the target's own lock ([`FenceMode`]);
//! - a target goes on where it was left, here or on another node, with what [`Succession`] remembers;
//! - every round trip has a deadline on this side, and a connection that missed one is never used again;
//! - a target that hangs holds its places for one deadline, and then has few places that are not those of others;
//! - deltas never count twice, and what cannot be known is counted as uncertain ([`delta`]);
//! - a plan is asked for by plain EXPLAIN alone, of statements that are proven to read and change nothing;
//! - text that is SQL leaves only after it was obfuscated, and a password is never printed.
//!
//! It never writes to a database, and it never decides who owns a target.

mod barrier;
mod clean;
mod collector;
mod connections;
mod cover;
mod deadline;
pub mod delta;
mod engine_settings;
mod fault;
mod fence;
mod gate;
mod guard;
mod guarded;
mod health;
mod lane;
mod leave;
mod limit;
mod live;
mod meters;
mod mysql;
mod names;
mod outcome;
mod ownership;
mod plan;
mod plans;
mod postgres;
mod probe;
mod quoted;
mod reader;
mod reading;
#[cfg(test)]
mod real;
mod reconcile;
mod report;
mod session;
mod sessions;
#[cfg(test)]
mod simulation;
mod sqlquery;
mod supervisor;
mod target;
mod targets_file;
mod texts;
mod tick_book;
mod timeline;
mod track;
mod warm;
mod warrant;
mod watched;
mod written;

pub use collector::{Collector, CollectorParts, StartError, TargetStatus, start_collector};
pub use cover::{Cover, NoStandby, Standby, StandbyMode};
pub use engine_settings::EngineSettings;
pub use fault::{Fault, FaultKind};
pub use fence::{Arbiter, FenceMode, Holder, NoArbiter};
pub use guard::{Guard, NoGuard, ReadingEnd};
pub use names::session_node;
pub use outcome::outcomes;
pub use ownership::{Late, NoSuccession, Ownership, Reach, Refusal, Sink, SoleOwner, Succession};

pub use plan::{PlannedStream, ReceiverPlan, Wants, projections_of};
pub use probe::{Finding, probe};
pub use reader::{Reader, ReaderPlan};
pub use sqlquery::{PlannedQuery, SqlPlan};
pub use target::{TargetSpec, Targets, join_targets, targets_of};
pub use targets_file::{TargetsFileError, TargetsWatch, parse_targets_file, start_targets};
pub use tick_book::{EndedTicks, NoTickBook, TickBook};

//! The chaos rig: a cluster in networks of its own, faults by a seeded plan, and two oracles that are never faulted.
//!
//! A run has a phase of faults, a calm one with a deadline, and a verdict ([`run::Run`]). The oracles are the receiver's
//! books ([`oracle::ticks`]) and the database's own view of who asks it ([`oracle::database`]). A run in which a kind of
//! fault of its plan did not happen is invalid, not passed ([`plan::Coverage`]).

pub mod apart;
pub mod clock;
mod doors;
pub mod faults;
mod load;
pub mod network;
pub mod oracle;
pub mod plan;
pub mod relay;
pub mod rest;
pub mod rig;
pub mod run;

pub use faults::{Fault, Kind};
pub use network::{Network, Side};
pub use plan::Plan;
pub use relay::Weather;
pub use rig::{Rig, Wanted};
pub use run::{Run, Verdict};

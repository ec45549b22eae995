//! The group: its founding, its members, its leader, and the handle by which the node uses it.
//!
//! [`Core`] is what stays while a node takes part. A [`Run`] is one store with openraft on it; there is
//! another when the store had to be replaced. Each run has tasks: one that founds, one that observes, one
//! that reconciles, one that guards. What ends a run is an [`End`](run::End).

mod admission;
pub(crate) mod core;
mod desk;
mod digests;
pub(crate) mod directory;
mod found;
mod founding;
mod guard;
pub(crate) mod handle;
mod handover;
pub(crate) mod inspect;
mod metrics;
mod observe;
mod outbox;
pub(crate) mod parts;
mod promise;
pub(crate) mod propose;
mod reconcile;
mod reconciler;
pub(crate) mod run;
mod sane;
mod snapshot_file;
pub(crate) mod standing;
pub(crate) mod state;
pub mod types;

pub(crate) use self::core::Core;
pub(crate) use run::Run;

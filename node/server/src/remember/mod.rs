//! What the group remembers of targets: circuits, what samplers have decided, what reading costs.
//!
//! The owner of a target tells each change, others take it over when they hear of it, so that whoever becomes
//! the owner goes on where the last one was. What harms if it is late, an opening circuit, is done first and
//! told at once.

mod breakers;
mod carried;
mod image;
mod outbox;
mod sampler;
mod weights;
mod word;

pub(crate) use self::breakers::RememberedBreakers;
pub(crate) use self::sampler::RememberedSamplers;
pub(crate) use self::weights::{Costs, tell_costs};

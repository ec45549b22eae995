//! What is changed without a restart: targets, limits, flags and rates of samplers, as the group has them.
//!
//! [`Content`] is one version of all of it, read as a whole; [`DataSet`] follows the versions and says which
//! one this node works by. [`Roll`] joins the targets with the configured ones, [`Counter`] takes the changes
//! of people.

mod content;
mod counter;
mod follow;
mod outcome;
mod roll;
mod targets;

pub(crate) use self::content::{Content, Flag};
pub(crate) use self::counter::{Change, Counter};
pub(crate) use self::follow::{DataSet, Works};
pub(crate) use self::outcome::refused;
pub(crate) use self::roll::Roll;

//! Tick cover: a standby reads the ticks that the owner of a target does not.
//!
//! It needs no failure detector and no quorum: the owner tells the end of each tick. Where that stays out, the database
//! is asked whether the owner's sessions are there and have asked ([`decide`]). A tick is claimed before it is read, so
//! that it is never the owner's and the standby's both ([`Standby::claim`]). One connection, one reading at a time.

mod absence;
mod ask;
mod claim;
mod decide;
mod hot;
mod pace;
mod read;
mod standby;
mod streams;
mod task;
mod unread;

pub(crate) use self::decide::grace;
pub(crate) use self::hot::Hot;
pub use self::standby::{Cover, NoStandby, Standby, StandbyMode};
pub(crate) use self::task::{Covering, Post};

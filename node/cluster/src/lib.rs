//! Who is there, who owns what, and how a target changes hands.
//!
//! Nodes find each other by gossip ([`gossip`]); a pure function makes members of what the gossip saw
//! ([`roster`]). The node that leads the Raft group proposes the next view of them ([`views`]), the group
//! numbers it ([`numbering`]), and every node makes the same ring of it ([`view`]). A pure function says
//! from view, targets and what is owned what to start, to stop and to hand over ([`plan`]). Thin edges do
//! it: calls between nodes ([`peer`]), and the loop that owns all of this ([`node`]). What a successor needs
//! is kept here too, by the owner and by its standby ([`memories`]).
//!
//! This crate promises that
//! - a join moves targets only to the newcomer, a loss only what was lost, and every node computes the
//!   same;
//! - the number of a view only rises, and what comes under a lower one than ours is refused;
//! - without the group nothing is claimed, but for the seconds that an election takes;
//! - a target that is handed over has one owner at every tick: the old one until its last tick ended, then
//!   the new one;
//! - a node that was paused sends nothing to a target before its peers have said that it still is a member;
//! - no datagram is believed that was not sealed with the cluster's key, for this node, and never seen
//!   before.
//!
//! It never reads a database and never knows what is in a frame.

pub mod gossip;
pub mod member;
pub mod memories;
pub mod node;
pub mod numbering;
pub mod peer;
pub mod plan;
pub mod pulse;
pub mod replicate;
pub mod ring;
pub mod roster;
mod timekeeping;
pub mod view;
pub mod views;

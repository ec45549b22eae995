//! The Raft group: what must not be forgotten when a node dies.

pub mod command;
pub mod group;
pub mod machine;
pub mod network;
pub mod store;

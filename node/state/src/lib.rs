//! The Raft group: what must not be forgotten when a node dies.
//!
//! All nodes of a cluster are in one group: three or five vote, the others learn, so that each reads locally. It
//! keeps breakers, what samplers have decided, the numbered views, and what operators change at run time.
//! [`start_state`] starts a node's part; the [`StateHandle`] reads and proposes.
//!
//! This crate promises that
//! - what was answered as done is on the disks of a majority;
//! - the same log makes the same state on every node, and a node whose state differs is found and starts anew;
//! - a store is never believed when it is damaged, and a wiped node never votes under its old id;
//! - two groups never mix: every call names cluster, group and store.
//!
//! It knows no target, no gossip and no server: who the peers are comes in as a [`Directory`].

pub mod command;
pub mod group;
pub mod machine;
pub mod network;
pub mod store;

pub use group::directory::{Directory, Peer, PeerRaft, Role};
pub use group::handle::StateHandle;
pub use group::inspect::{ImportFailed, Inspection, TableSize};
pub use group::parts::{Credentials, Me, Place, StateError, StateParts, Storage};
pub use group::propose::ProposeError;
pub use group::standing::{Announcement, Standing};
pub use group::state::{State, start_state, start_state_on};
pub use network::{CallError, Destination, Method, RaftService, Transport};

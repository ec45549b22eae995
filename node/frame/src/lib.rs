//! Frames, identities, ticks, the clock and the books: what every other room speaks about.
//!
//! A [`Frame`] is the rows of one stream of one target at one [`Tick`]. It is the one thing that flows through a
//! node, is replicated, stored and delivered, and it is always whole: an Arrow record batch plus its identity.
//!
//! This crate promises that
//! - a tick is the same instant on every node ([`Schedule`]), whoever computes it;
//! - the books balance by construction ([`Books`]): a frame that is dropped without a word is counted too;
//! - a frame survives the way to bytes and back ([`ipc`]) with its identity.
//!
//! It never does I/O and never knows a database, a protocol or a processor.

mod batch;
mod books;
mod clock;
mod columns;
mod frame;
mod identity;
pub mod ipc;
mod memory;
mod place;
mod receipt;
mod resource;
mod tick;

pub use batch::Batch;
pub use books::{Books, BooksSnapshot, DropReason};
pub use clock::{Clock, Correction};
pub use columns::{Cell, ColumnType, Columns, ColumnsError, ROLE_KEY, Role, is_attribute, role_of};
pub use frame::{Frame, FrameMeta};
pub use identity::{Epoch, FrameId, StreamId, TargetId};
pub use memory::{PendingFrame, StreamMemory, TargetMemory};
pub use place::Place;
pub use receipt::{FrameEnd, Receipt, Withdrawal};
pub use resource::{Resource, Value};
pub use tick::{Schedule, ScheduleError, Tick};

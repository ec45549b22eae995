//! Whether this node may send what it has.

use std::fmt::Debug;

/// Asked before each request: a node that was paused may have frames that others deliver by now, and learns a moment
/// after it woke which these are.
pub trait Standing: Debug + Send + Sync {
    /// Whether what this node knows of its frames holds at this moment.
    fn is_sure(&self) -> bool;
}

/// Of a node that is alone.
#[derive(Clone, Copy, Debug, Default)]
pub struct AlwaysSure;

impl Standing for AlwaysSure {
    fn is_sure(&self) -> bool {
        true
    }
}

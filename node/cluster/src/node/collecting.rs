//! What the node asks of the collector.

use async_trait::async_trait;
use ringwatch_frame::{PendingFrame, TargetId};

/// Starts and stops the reading of targets. The node calls `start` and `stop` of one target strictly in
/// turn: nothing is started while its last stop has not ended.
#[async_trait]
pub trait Collecting: Send + Sync + 'static {
    /// Connects to a target that is not read yet, so that reading it can begin at once.
    ///
    /// # Errors
    /// Why it cannot be read from here; the text is for the operator of the node that owns it now.
    async fn warm(&self, target: &TargetId) -> Result<(), String>;

    /// Begins to read a target: its lanes recall the memory and go on after it. Returns at once.
    async fn start(&self, target: &TargetId);

    /// Ends the reading of a target: no new tick begins, what runs ends. Returns when the last lane has
    /// ended.
    async fn stop(&self, target: &TargetId);

    /// What goes along with a target that is handed over, beside its memory: at most
    /// [`MAX_COMPANION`](crate::peer::MAX_COMPANION) bytes, empty for nothing. Asked after its last lane has
    /// ended. Must not wait.
    fn released(&self, target: &TargetId) -> Vec<u8>;

    /// What came along with a target that was handed to this node, before it is started. It comes from
    /// another node: it may hold anything. Must not wait.
    fn received(&self, target: &TargetId, companion: Vec<u8>);

    /// Delivers frames that a dead owner had read. It must settle each in the memories when it has ended.
    fn deliver(&self, frames: Vec<PendingFrame>);
}

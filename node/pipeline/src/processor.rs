//! The one shape of a processor.

use ringwatch_frame::Batch;
use tokio::time::Instant;

/// A step on the way of frames. It runs on its pipeline's task, one batch at a time, and does no I/O: what has to
/// wait belongs elsewhere, and what computes long says so ([`Processor::is_heavy`]).
///
/// A row that a processor does not pass on must be dropped through the frame (`Frame::retain`, `Frame::discard`), which
/// tells the books why.
pub trait Processor: Send {
    /// The component's name as the configuration has it, such as `batch` or `resource/fleet`.
    fn name(&self) -> &str;

    /// Takes a batch; what goes on is added to `out`, in order.
    fn process(&mut self, batch: Batch, out: &mut Vec<Batch>);

    /// Whether [`Processor::process`] may compute for longer than a thread that serves others should: its pipeline then
    /// works where it holds up nobody.
    fn is_heavy(&self) -> bool {
        false
    }

    /// When it wants to be called again although nothing comes; `None` for never.
    fn deadline(&self) -> Option<Instant> {
        None
    }

    /// Called at or after its deadline.
    fn on_deadline(&mut self, _now: Instant, _out: &mut Vec<Batch>) {}

    /// Called once, when no further batch will come: gives out what it still holds.
    fn flush(&mut self, _out: &mut Vec<Batch>) {}
}

/// Where a pipeline's batches go: an exporter. It never waits; what it cannot take it drops and counts.
pub trait Outlet: Send + Sync {
    /// Takes a batch.
    fn accept(&self, batch: Batch);
}

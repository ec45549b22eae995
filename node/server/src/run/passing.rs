//! Processors that the configuration may name already and that have nothing to do in this version.

use ringwatch_frame::Batch;
use ringwatch_pipeline::Processor;

/// Passes every row on unchanged.
pub(super) struct Passing {
    name: String,
}

impl Passing {
    /// The processor `name` in `pipeline`; the log says that it does nothing.
    pub(super) fn new(name: &str, pipeline: &str) -> Self {
        tracing::warn!(
            processor = name,
            pipeline,
            "this processor comes with the next version: rows pass unchanged"
        );
        Self {
            name: name.to_owned(),
        }
    }
}

impl Processor for Passing {
    fn name(&self) -> &str {
        &self.name
    }

    fn process(&mut self, batch: Batch, out: &mut Vec<Batch>) {
        out.push(batch);
    }
}

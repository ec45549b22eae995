//! `new_step`: lets the first rows of each frame pass.

use ringwatch_frame::{Batch, DropReason};

use crate::settings::NewStep as Settings;
use crate::{PipelineError, Processor};

/// Lets the first `max_rows` rows of each frame pass, and drops the others for `rate_limited`.
pub struct NewStepProcessor {
    name: String,
    max_rows: usize,
}

impl NewStepProcessor {
    /// A processor with these settings, called as the configuration calls it.
    ///
    /// # Errors
    /// When `max_rows` is 0.
    pub fn new(name: &str, settings: &Settings) -> Result<Self, PipelineError> {
        if settings.max_rows == 0 {
            return Err(PipelineError::setting(name, "`max_rows` is 0: write at least 1"));
        }
        Ok(Self {
            name: name.to_owned(),
            max_rows: usize::try_from(settings.max_rows).unwrap_or(usize::MAX),
        })
    }
}

impl Processor for NewStepProcessor {
    fn name(&self) -> &str {
        &self.name
    }

    fn process(&mut self, batch: Batch, out: &mut Vec<Batch>) {
        let mut passed = Batch::default();
        for frame in batch.into_frames() {
            let (first, beyond) = frame.split(self.max_rows);
            // A row that does not go on is dropped through its frame, which tells the books why.
            if let Some(beyond) = beyond {
                beyond.discard(DropReason::RateLimited);
            }
            passed.push(first);
        }
        if !passed.is_empty() {
            out.push(passed);
        }
    }
}

#[cfg(test)]
mod tests;

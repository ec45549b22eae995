//! Several frames that travel together.

use crate::{DropReason, Frame};

/// Frames that one exporter request carries. Processors before `batch` see batches of one frame.
#[derive(Debug, Default)]
#[must_use = "a batch that is dropped without a word is counted as unaccounted"]
pub struct Batch {
    frames: Vec<Frame>,
}

impl Batch {
    /// Adds a frame at the end.
    pub fn push(&mut self, frame: Frame) {
        self.frames.push(frame);
    }

    /// The frames in the order in which they came.
    pub fn frames(&self) -> &[Frame] {
        &self.frames
    }

    /// The frames, to be changed in place.
    pub fn frames_mut(&mut self) -> &mut Vec<Frame> {
        &mut self.frames
    }

    /// The frames themselves.
    pub fn into_frames(self) -> Vec<Frame> {
        self.frames
    }

    /// All rows.
    pub fn rows(&self) -> u64 {
        self.frames.iter().map(Frame::rows).sum()
    }

    /// Memory of all columns in bytes.
    pub fn bytes(&self) -> u64 {
        self.frames.iter().map(Frame::bytes).sum()
    }

    /// Whether it holds no frame. A frame without rows is a frame: it says that there was nothing.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// A second batch of the same frames, for a further way.
    pub fn copy(&self) -> Self {
        Self {
            frames: self.frames.iter().map(Frame::copy).collect(),
        }
    }

    /// Whether it holds a frame that was taken back.
    pub fn has_withdrawn(&self) -> bool {
        self.frames.iter().any(Frame::is_withdrawn)
    }

    /// Drops the frames that were taken back: another node delivers them.
    pub fn drop_withdrawn(&mut self) {
        for frame in self.frames.extract_if(.., |frame| frame.is_withdrawn()) {
            frame.discard(DropReason::Superseded);
        }
    }

    /// The end: delivered.
    pub fn deliver(self) {
        self.frames.into_iter().for_each(Frame::deliver);
    }

    /// The end: delivered, but the backend rejected `rejected` rows. Which ones it does not say, so they are
    /// taken from the first frames.
    pub fn deliver_except(self, mut rejected: u64) {
        for frame in self.frames {
            let here = rejected.min(frame.rows());
            rejected -= here;
            frame.deliver_except(here);
        }
    }

    /// The end: lost, for `reason`.
    pub fn discard(self, reason: DropReason) {
        self.frames.into_iter().for_each(|frame| frame.discard(reason));
    }
}

impl From<Frame> for Batch {
    fn from(frame: Frame) -> Self {
        Self { frames: vec![frame] }
    }
}

impl FromIterator<Frame> for Batch {
    fn from_iter<I: IntoIterator<Item = Frame>>(frames: I) -> Self {
        Self {
            frames: frames.into_iter().collect(),
        }
    }
}

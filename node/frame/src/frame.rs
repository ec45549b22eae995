//! The frame: rows with an identity, and with a place in the books.

use std::sync::Arc;

use arrow_array::{BooleanArray, RecordBatch};
use arrow_schema::ArrowError;

use crate::receipt::Fate;
use crate::{Books, DropReason, FrameId, Receipt, Resource};

/// What is known of a frame besides its rows.
#[derive(Clone, Debug, PartialEq)]
pub struct FrameMeta {
    /// Target, stream, tick and epoch.
    pub id: FrameId,
    /// The receiver that asked for the reading, as the configuration names it: `postgresql/fleet`.
    pub source: Arc<str>,
    /// What is true of every row.
    pub resource: Arc<Resource>,
}

/// The rows of one stream of one target at one tick.
///
/// A frame ends by [`Frame::deliver`] or [`Frame::discard`]; one that is merely dropped is counted as
/// [`DropReason::Unaccounted`]. It has no `Clone`: a second way for the same rows is a [`Frame::copy`], and the books know it.
#[derive(Debug)]
#[must_use = "a frame that is dropped without a word is counted as unaccounted"]
pub struct Frame {
    meta: FrameMeta,
    batch: RecordBatch,
    books: Arc<Books>,
    charge: Arc<Charge>,
    receipt: Option<Arc<Receipt>>,
    /// Its share of the charge.
    bytes: u64,
    settled: bool,
}

/// The memory of a frame's columns, given back when the last copy and the last part has ended.
#[derive(Debug)]
struct Charge {
    books: Arc<Books>,
    bytes: u64,
}

impl Charge {
    fn new(books: &Arc<Books>, batch: &RecordBatch) -> Arc<Self> {
        let bytes = batch.get_array_memory_size() as u64;
        books.charge(bytes);
        Arc::new(Self {
            books: Arc::clone(books),
            bytes,
        })
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.books.release(self.bytes);
    }
}

impl Frame {
    /// A frame that has just been read from a database: its rows enter the books as collected.
    pub fn collected(books: &Arc<Books>, meta: FrameMeta, batch: RecordBatch) -> Self {
        books.collect(batch.num_rows() as u64);
        let charge = Charge::new(books, &batch);
        Self {
            meta,
            batch,
            books: Arc::clone(books),
            bytes: charge.bytes,
            charge,
            receipt: None,
            settled: false,
        }
    }

    /// Gives `receipt` to it and to all that will be made of it.
    pub fn with_receipt(mut self, receipt: Receipt) -> Self {
        self.receipt = Some(Arc::new(receipt));
        self
    }

    /// A second frame of the same rows, for a further way. Its rows enter the books as copied.
    pub fn copy(&self) -> Self {
        self.books.copy(self.rows());
        Self {
            meta: self.meta.clone(),
            batch: self.batch.clone(),
            books: Arc::clone(&self.books),
            charge: Arc::clone(&self.charge),
            receipt: self.receipt.clone(),
            bytes: self.bytes,
            settled: false,
        }
    }

    /// Whether it was taken back: nothing of it should be sent any more.
    pub fn is_withdrawn(&self) -> bool {
        self.receipt
            .as_ref()
            .is_some_and(|receipt| receipt.withdrawal().is_withdrawn())
    }

    /// Identity, receiver and resource.
    pub fn meta(&self) -> &FrameMeta {
        &self.meta
    }

    /// Target, stream, tick and epoch.
    pub fn id(&self) -> &FrameId {
        &self.meta.id
    }

    /// The rows.
    pub fn batch(&self) -> &RecordBatch {
        &self.batch
    }

    /// How many rows.
    pub fn rows(&self) -> u64 {
        self.batch.num_rows() as u64
    }

    /// The memory of its columns in bytes. Copies share it; parts of a split have a share each, by their rows.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Puts another resource in place of the present one.
    pub fn set_resource(&mut self, resource: Arc<Resource>) {
        self.meta.resource = resource;
    }

    /// Puts other columns in place of the present ones; the rows stay what they are.
    ///
    /// # Errors
    /// When `batch` has another number of rows: rows end only by [`Frame::retain`], which says why.
    pub fn set_columns(&mut self, batch: RecordBatch) -> Result<(), ArrowError> {
        if batch.num_rows() != self.batch.num_rows() {
            let (now, then) = (batch.num_rows(), self.batch.num_rows());
            return Err(ArrowError::InvalidArgumentError(format!(
                "{now} rows in place of {then}"
            )));
        }
        self.hold(batch);
        Ok(())
    }

    /// Keeps the rows whose bit is set; the others are dropped for `reason`.
    ///
    /// # Errors
    /// When the mask is not as long as the frame; the frame stays as it was.
    pub fn retain(&mut self, mask: &BooleanArray, reason: DropReason) -> Result<(), ArrowError> {
        let kept = arrow_select::filter::filter_record_batch(&self.batch, mask)?;
        if mask.len() != self.batch.num_rows() {
            return Err(ArrowError::InvalidArgumentError(
                "the mask is not as long as the frame".into(),
            ));
        }
        let gone = self.rows() - kept.num_rows() as u64;
        if gone > 0 {
            self.books.drop_rows(reason, gone);
            self.tell(|fate| fate.dropped(reason));
            self.hold(kept);
        }
        Ok(())
    }

    fn hold(&mut self, batch: RecordBatch) {
        self.charge = Charge::new(&self.books, &batch);
        self.bytes = self.charge.bytes;
        self.batch = batch;
    }

    /// The first `rows` rows, and the rest if there is one. Nothing is copied.
    pub fn split(mut self, rows: usize) -> (Self, Option<Self>) {
        let all = self.batch.num_rows();
        if rows >= all {
            return (self, None);
        }
        let first = share(self.bytes, rows, all);
        let part = |offset, length, bytes| Self {
            meta: self.meta.clone(),
            batch: self.batch.slice(offset, length),
            books: Arc::clone(&self.books),
            charge: Arc::clone(&self.charge),
            receipt: self.receipt.clone(),
            bytes,
            settled: false,
        };
        let parts = (
            part(0, rows, first),
            Some(part(rows, all - rows, self.bytes - first)),
        );
        self.settled = true;
        parts
    }

    /// The end: its rows have been delivered.
    pub fn deliver(mut self) {
        self.settled = true;
        self.delivered(self.rows());
    }

    /// The end: delivered, but the backend rejected `rejected` of its rows.
    pub fn deliver_except(mut self, rejected: u64) {
        self.settled = true;
        let rejected = rejected.min(self.rows());
        self.books.drop_rows(DropReason::Rejected, rejected);
        if rejected > 0 {
            self.tell(|fate| fate.dropped(DropReason::Rejected));
        }
        self.delivered(self.rows() - rejected);
    }

    /// The end: its rows are lost, for `reason`.
    pub fn discard(mut self, reason: DropReason) {
        self.settled = true;
        self.books.drop_rows(reason, self.rows());
        self.tell(|fate| fate.dropped(reason));
    }

    fn delivered(&self, rows: u64) {
        self.books.deliver(rows);
        if rows > 0 {
            self.tell(Fate::delivered);
        }
    }

    fn tell(&self, what: impl FnOnce(&Fate)) {
        if let Some(receipt) = &self.receipt {
            what(receipt.fate());
        }
    }
}

/// What `rows` of `all` rows have of `bytes`; at most all of it.
fn share(bytes: u64, rows: usize, all: usize) -> u64 {
    let part = u128::from(bytes) * rows as u128 / all.max(1) as u128;
    u64::try_from(part).map_or(bytes, |part| part.min(bytes))
}

impl Drop for Frame {
    fn drop(&mut self) {
        if !self.settled {
            self.books.drop_rows(DropReason::Unaccounted, self.rows());
            if self.rows() > 0 {
                self.tell(|fate| fate.dropped(DropReason::Unaccounted));
            }
        }
    }
}

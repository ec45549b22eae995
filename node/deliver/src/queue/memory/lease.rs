//! Leases of the queue in memory.

use std::time::Duration;

use ringwatch_frame::Batch;
use tokio::time::Instant;

use super::{MemoryQueue, Parcel, Place, is_older};
use crate::Signal;
use crate::queue::Lease;

/// A lease of the queue in memory.
#[derive(Debug)]
#[must_use = "a lease that is dropped puts its batch back"]
pub struct MemoryLease {
    pub(super) queue: MemoryQueue,
    pub(super) place: Place,
    pub(super) parcel: Parcel,
    pub(super) ended: bool,
}

impl Lease for MemoryLease {
    fn signal(&self) -> Signal {
        self.parcel.signal
    }

    fn batch(&self) -> &Batch {
        &self.parcel.batch
    }

    fn drop_withdrawn(&mut self) {
        self.parcel.batch.drop_withdrawn();
    }

    fn tried(&self) -> u32 {
        self.parcel.tried
    }

    fn is_expired(&self) -> bool {
        is_older(self.parcel.since, self.queue.0.max_age, Instant::now())
    }

    fn time_left(&self) -> Option<Duration> {
        // An age is over the limit only when it is longer.
        let end = self.queue.0.max_age + Duration::from_millis(1);
        let age = Instant::now().saturating_duration_since(self.parcel.since);
        (!self.queue.0.max_age.is_zero()).then(|| end.saturating_sub(age))
    }

    fn acknowledge(mut self) -> Batch {
        self.ended = true;
        self.queue.lock().leased.remove(&self.place);
        std::mem::take(&mut self.parcel.batch)
    }

    fn split(mut self) -> Result<(), Self> {
        let width = self.place.width / 2;
        if width == 0 || (self.batch().frames().len() < 2 && self.batch().rows() < 2) {
            return Err(self);
        }
        self.ended = true;
        let (first, second) = halves(std::mem::take(&mut self.parcel.batch));
        let half = |batch| Parcel {
            batch,
            tried: 0,
            ..self.parcel
        };
        let start = self.place.start;
        let places = [start, start + width].map(|start| Place { start, width });
        let parcels = [half(first), half(second)];
        self.queue.put_back(self.place, places.into_iter().zip(parcels));
        Ok(())
    }
}

/// About half of the frames each; of a single frame half of the rows.
fn halves(batch: Batch) -> (Batch, Batch) {
    let mut first = batch.into_frames();
    let second = if first.len() > 1 {
        first.split_off(first.len() / 2)
    } else {
        let whole = first.into_iter().map(|frame| {
            let rows = frame.batch().num_rows();
            frame.split(rows / 2)
        });
        let (parts, rest): (Vec<_>, Vec<_>) = whole.unzip();
        first = parts;
        rest.into_iter().flatten().collect()
    };
    (first.into_iter().collect(), second.into_iter().collect())
}

impl Drop for MemoryLease {
    fn drop(&mut self) {
        if self.ended {
            return;
        }
        let batch = std::mem::take(&mut self.parcel.batch);
        let parcel = Parcel {
            batch,
            tried: self.parcel.tried + 1,
            ..self.parcel
        };
        self.queue.put_back(self.place, [(self.place, parcel)]);
    }
}

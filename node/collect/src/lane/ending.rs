//! What becomes of a reading, or of a fault.

use std::sync::Arc;

use ringwatch_frame::{Epoch, Frame, FrameId, FrameMeta, Tick};
use tokio::time::Instant;

use super::Lane;
use crate::fault::{Fault, Scene, advice};
use crate::meters::Outcome;
use crate::ownership::Reach;
use crate::reading::{Kept, Reading};
use crate::session::Connector;

impl<C: Connector> Lane<C> {
    /// Hands on a reading.
    pub(super) fn fine(&mut self, at: usize, reading: Reading, version: u32, tick: Tick, epoch: Epoch) {
        self.health.answered();
        let resource = self.reader.resource_at(version, &mut self.versioned);
        let track = &mut self.tracks[at];
        self.health.meters().uncertain(&track.id, reading.uncertain);
        let id = FrameId {
            target: self.spec.id.clone(),
            stream: track.id.clone(),
            tick,
            epoch,
        };
        let meta = FrameMeta {
            id,
            source: Arc::clone(&self.reader.source),
            resource,
        };
        let baseline = reading.baseline.as_ref().and_then(Kept::to_batch);
        track.collected(tick, reading.baseline);
        // Before the frame goes: whoever is told of its end must know it.
        let receipt = self.env.succession.collected(&meta, &reading.rows, baseline);
        let mut frame = Frame::collected(&self.env.books, meta, reading.rows);
        if let Some(receipt) = receipt {
            frame = frame.with_receipt(receipt);
        }
        self.env.sink.offer(frame);
        match reading.fault {
            Some(fault) => self.tell(at, &fault, tick),
            None if track.reporter.fine() => {
                self.health.note(&track.id, None);
                tracing::info!(target = %self.spec.id, stream = %track.id, %tick, "the stream can be read again");
            }
            None => {}
        }
    }

    pub(super) fn fault(&mut self, at: usize, fault: &Fault, tick: Tick) -> Outcome {
        let track = &mut self.tracks[at];
        let scene = Scene {
            driver: self.reader.plan.driver(),
            role: self.reader.plan.username(),
            database: &track.database,
            extension: None,
        };
        // What one receiver's login is refused says nothing of the others'.
        let first = self
            .spec
            .readers
            .first()
            .is_some_and(|first| Arc::ptr_eq(first, &self.reader));
        let home = first && *track.database == *self.reader.plan.database();
        if fault.kind.is_of_target(home, self.health.has_connections()) {
            self.health.failed(fault, scene, Instant::now());
        } else {
            self.health.answered();
            track.hold(fault.kind, Instant::now());
            self.tell(at, fault, tick);
        }
        fault.kind.outcome()
    }

    /// Whether another node may have more luck than this one had.
    pub(super) fn reach(&self, fault: &Fault) -> Reach {
        fault.kind.reach(self.health.has_connections())
    }

    /// Says what is wrong with one stream, if that is news.
    fn tell(&mut self, at: usize, fault: &Fault, tick: Tick) {
        let track = &mut self.tracks[at];
        if let Some(times) = track.reporter.fault(fault.kind, Instant::now()) {
            let role = self.reader.plan.username();
            let scene = Scene {
                driver: self.reader.plan.driver(),
                role,
                database: &track.database,
                extension: track.planned.extension(),
            };
            let advice = advice(fault.kind, scene);
            tracing::warn!(
                target = %self.spec.id, stream = %track.id, %tick, error = %fault, advice, times,
                "the stream cannot be read"
            );
        }
        self.health.note(&self.tracks[at].id, Some(fault.to_string()));
    }
}

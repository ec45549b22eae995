//! One tick that is read in the owner's place.

use std::sync::Arc;
use std::time::Duration;

use ringwatch_frame::{DropReason, Frame, FrameId, FrameMeta, StreamId, Tick};
use tokio::time::Instant;

use super::ask::place;
use super::claim::Claim;
use super::task::Covering;
use crate::fault::{Fault, FaultKind};
use crate::gate::Place;
use crate::guard::ReadingEnd;
use crate::guarded::{GuardedSession, not_held};
use crate::leave::Leave;
use crate::meters::{Ended, Outcome};
use crate::reading::{Aids, Kept, Reading};
use crate::session::{Connector, Session};
use crate::sessions::Open;
use crate::track::Track;

/// A reading that was made.
struct Made {
    reading: Reading,
    /// The server's version.
    version: u32,
    took: Duration,
}

impl<C: Connector> Covering<C> {
    /// Claims the tick and reads it, if it can be had and read. Says whether it was read.
    pub(super) async fn cover(&mut self, id: &StreamId, tick: Tick) -> bool {
        let (env, target) = (Arc::clone(&self.env), self.post.spec.id.clone());
        let Some(stream) = self.streams.get_mut(id) else {
            return false;
        };
        let interval = stream.planned.interval();
        let Ok(leave) = Leave::ask(&env.guard, &target, id, tick, interval) else {
            stream.bar();
            tracing::debug!(%target, stream = %id, %tick, "no leave to cover a tick");
            return false;
        };
        let _place = env.gate.enter(Place::Healthy).await;
        let Some(claim) = Claim::of(&env.standby, &target, id, tick) else {
            tracing::debug!(%target, stream = %id, %tick, "a tick is not to be covered any more");
            return false;
        };
        let lateness = tick.lateness(env.clock.now());
        let read = self.read(id, tick).await;
        tell(leave, &read);
        match read {
            Ok(made) => {
                self.fine(claim, id, tick, made, lateness);
                true
            }
            Err(fault) => {
                self.failed(id, tick, &fault);
                false
            }
        }
    }

    /// Hands on a reading.
    fn fine(&mut self, claim: Claim, id: &StreamId, tick: Tick, made: Made, lateness: Duration) {
        let Some(stream) = self.streams.get_mut(id) else {
            return;
        };
        self.health.answered();
        let (meters, epoch) = (self.health.meters(), claim.epoch);
        meters.took(id, made.took);
        let meta = FrameMeta {
            id: FrameId {
                target: self.post.spec.id.clone(),
                stream: id.clone(),
                tick,
                epoch,
            },
            source: Arc::clone(&stream.reader.source),
            resource: stream.reader.resource_at(made.version, &mut stream.versioned),
        };
        let Reading {
            rows,
            uncertain,
            baseline,
            fault,
        } = made.reading;
        let told = baseline.as_ref().and_then(Kept::to_batch);
        // Before the frame goes: whoever is told of its end must know it.
        let receipt = claim.covered(&meta, &rows, told);
        let frame = Frame::collected(&self.env.books, meta, rows);
        let ended = |outcome| Ended {
            stream: id,
            outcome,
            last: (tick, 1),
            interval: stream.planned.interval(),
            epoch: Some(epoch),
        };
        let Some(receipt) = receipt else {
            meters.ended(&ended(Outcome::Superseded));
            tracing::debug!(target = %self.post.spec.id, stream = %id, %tick, "what was covered does not count");
            frame.discard(DropReason::Superseded);
            return;
        };
        meters.ended(&ended(Outcome::Covered));
        meters.began(id, Outcome::Covered, lateness);
        if let Some(track) = &mut stream.track {
            track.collected(tick, baseline);
        }
        meters.uncertain(id, uncertain);
        self.env.sink.offer(frame.with_receipt(receipt));
        if let Some(fault) = fault {
            tracing::debug!(target = %self.post.spec.id, stream = %id, %tick, error = %fault, "covered without its texts");
        }
    }

    /// It could not be read: the claim has been given back, and the stream is left alone for a while.
    fn failed(&mut self, id: &StreamId, tick: Tick, fault: &Fault) {
        let Some(stream) = self.streams.get_mut(id) else {
            return;
        };
        if let Some(track) = &mut stream.track {
            track.hold(fault.kind, Instant::now());
        }
        if !fault.kind.is_of_ownership() {
            // The owner may have left the tick to us.
            self.health.meters().noted(&Ended {
                stream: id,
                outcome: fault.kind.outcome(),
                last: (tick, 1),
                interval: stream.planned.interval(),
                epoch: None,
            });
        }
        stream.bar();
        let (reader, database) = (Arc::clone(&stream.reader), Arc::clone(&stream.database));
        if fault.kind.is_of_target(true, self.health.has_connections()) {
            self.tell(fault, &reader, &database);
        }
        tracing::debug!(target = %self.post.spec.id, stream = %id, %tick, error = %fault, "a tick cannot be covered");
    }

    /// Reads the tick, from where the owner or this node has got to.
    async fn read(&mut self, id: &StreamId, tick: Tick) -> Result<Made, Fault> {
        let (env, spec) = (Arc::clone(&self.env), Arc::clone(&self.post.spec));
        let stream = self.streams.get_mut(id).ok_or_else(not_held)?;
        let (reader, database) = (Arc::clone(&stream.reader), Arc::clone(&stream.database));
        let mut track = match stream.track.take() {
            Some(track) => track,
            None => Track::new(&spec.id, &stream.planned, id.clone(), &database, env.clock.now())
                .map_err(|e| Fault::new(FaultKind::Shape, &e.to_string()))?,
        };
        let memory = env.standby.memory(&spec.id).remove(id).unwrap_or_default();
        track.rebase(&spec.id, &memory, env.clock.now());
        let key = place(&reader, &database);
        let mut result = Err(not_held());
        let mut fresh = false;
        while !fresh {
            let open = match self.sessions.take(&key) {
                Some(open) => Ok(open),
                None => {
                    fresh = true;
                    self.sessions.make_room().await;
                    self.connect(&reader, &database).await
                }
            };
            result = match open {
                Ok(open) => self.read_with(&mut track, tick, (open, &key)).await,
                Err(fault) => Err(fault),
            };
            if !result
                .as_ref()
                .is_err_and(|fault: &Fault| fault.kind.is_of_old_connection())
            {
                break;
            }
        }
        if let Some(stream) = self.streams.get_mut(id) {
            stream.track = Some(track);
        }
        result
    }

    async fn read_with(
        &mut self,
        track: &mut Track,
        tick: Tick,
        (mut open, key): (Open<GuardedSession<C::Session>>, &Arc<str>),
    ) -> Result<Made, Fault> {
        let env = Arc::clone(&self.env);
        open.session
            .limit(env.guard.deadline(&self.post.spec.id, &track.id));
        // Effects need the owner: nothing is asked for that the stream can do without.
        let at_ease = || false;
        let role = self
            .post
            .spec
            .readers
            .iter()
            .find(|reader| place(reader, &track.database) == *key);
        let aids = Aids {
            cleaner: &env.cleaner,
            meters: self.health.meters(),
            at_ease: &at_ease,
            tick,
            role: role.map_or("", |reader| reader.plan.username()),
        };
        let started = Instant::now();
        let result = track.read(&mut open.session, &aids).await;
        let took = started.elapsed();
        let version = open.session.version();
        self.used = Instant::now();
        let lost = result.as_ref().is_err_and(|fault| fault.kind.loses_connection());
        let lost = lost
            || matches!(&result, Ok(Reading { fault: Some(fault), .. }) if fault.kind.loses_connection());
        if open.session.is_whole() && !lost {
            self.sessions.put(key, open);
        }
        Ok(Made {
            reading: result?,
            version,
            took,
        })
    }
}

/// Tells the guard what became of the reading.
fn tell(leave: Leave, read: &Result<Made, Fault>) {
    match read {
        Ok(made) => leave.end(&ReadingEnd::Read {
            took: made.took,
            rows: &made.reading.rows,
        }),
        Err(fault) if fault.kind.is_of_ownership() || fault.kind == FaultKind::Version => drop(leave),
        Err(fault) => leave.end(&ReadingEnd::Failed {
            took: Duration::ZERO,
            kind: fault.kind,
        }),
    }
}

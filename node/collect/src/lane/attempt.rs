//! One tick: from the question whether it may be read to its frame.

use std::sync::Arc;
use std::time::Duration;

use ringwatch_frame::{Epoch, Tick};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Lane;
use super::entry::enter;
use crate::fault::{Fault, FaultKind};
use crate::guard::ReadingEnd;
use crate::guarded::{ASK_AGAIN, GuardedSession, not_held};
use crate::leave::Leave;
use crate::meters::Outcome;
use crate::names::Station;
use crate::ownership::{Reach, Refusal};
use crate::reading::{Aids, Reading};
use crate::session::{Connector, Session};
use crate::sessions::Open;
use crate::warrant::Warrant;

/// Why a tick is not collected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Passed {
    /// It is missed.
    Missed(Outcome, Reach),
    /// The standby has read it, or reads it.
    Superseded,
    /// Another node has read it, whose session had the target's lock until now.
    ReadElsewhere,
    /// The target is being left: the tick is that of whoever goes on with it.
    Left,
}

/// A reading that was made.
struct Made {
    reading: Reading,
    /// The server's version.
    version: u32,
    /// From the first question to the last answer.
    took: Duration,
}

impl<C: Connector> Lane<C> {
    /// Reads the tick, and says under which epoch, or why not.
    pub(super) async fn attempt(&mut self, at: usize, tick: Tick) -> Result<Epoch, Passed> {
        loop {
            let successor = self.tracks[at].timeline.after(tick);
            let epoch = self.permission(at, tick, successor).await?;
            let track = &self.tracks[at];
            if track.held.is_some_and(|until| Instant::now() < until) {
                return Err(missed(Outcome::Error));
            }
            self.unclaimed(at, tick).await?;
            let mut leave = self.leave(at, tick).await?;
            let (env, health) = (Arc::clone(&self.env), Arc::clone(&self.health));
            let asked = Instant::now();
            let open = self.sessions.has(&self.tracks[at].database);
            let late = || Passed::Missed(health.down().unwrap_or(Outcome::Late), health.reach());
            let down = |outcome| Passed::Missed(outcome, health.reach());
            let entry = tokio::select! {
                biased;
                entry = enter(&env.gate, &health, open) => entry.map_err(down),
                () = env.clock.sleep_until(successor) => Err(late()),
                () = self.cancel.cancelled() => Err(Passed::Left),
            }?;
            if asked.elapsed() > Duration::ZERO {
                // While it waited for its place, a breaker may have opened, or the standby taken the tick.
                drop(leave);
                self.unclaimed(at, tick).await?;
                leave = self.leave(at, tick).await?;
            }
            let lateness = tick.lateness(env.clock.now());
            let asked = Instant::now();
            let secured = self.secure().await;
            let elsewhere = self.read_elsewhere(at);
            let (id, succession) = (&self.tracks[at].id, &env.succession);
            if secured.is_ok()
                && elsewhere.is_some_and(|until| tick <= until)
                && succession.leaves(&self.spec.id, id, tick)
            {
                return Err(Passed::ReadElsewhere);
            }
            if let Some(until) = elsewhere {
                self.tracks[at].was_read_elsewhere(until);
            }
            let read = match secured {
                Ok(()) => self.read(at, tick).await,
                Err(fault) => Err(fault),
            };
            drop(entry);
            tell(leave, &read, asked.elapsed());
            match read {
                Ok(Made { reading, version, .. }) => {
                    let epoch = self.confirmation(at, tick, epoch).await?;
                    let id = &self.tracks[at].id;
                    health.meters().began(id, Outcome::Collected, lateness);
                    self.fine(at, reading, version, tick, epoch);
                    return Ok(epoch);
                }
                Err(fault) if fault.kind == FaultKind::NotHeld => self.linger(Some(successor)).await?,
                Err(fault) if fault.kind == FaultKind::Fenced => self.wait_for_lock(successor).await?,
                Err(fault) => {
                    let reach = self.reach(&fault);
                    return Err(Passed::Missed(self.fault(at, &fault, tick), reach));
                }
            }
        }
    }

    /// Leave of breakers and limits to read the tick.
    async fn leave(&mut self, at: usize, tick: Tick) -> Result<Leave, Passed> {
        let track = &self.tracks[at];
        let interval = track.planned.interval();
        match Leave::ask(&self.env.guard, &self.spec.id, &track.id, tick, interval) {
            Ok(leave) => Ok(leave),
            Err(refusal) => Err(self.refused(refusal).await),
        }
    }

    /// Whether the tick may be read, as soon as that is known for sure, until its successor is due.
    async fn permission(&mut self, at: usize, tick: Tick, successor: Tick) -> Result<Epoch, Passed> {
        loop {
            match self.ask(at, tick) {
                Ok(epoch) => return Ok(epoch),
                Err(Refusal::Unsure) => self.linger(Some(successor)).await?,
                Err(refusal) => return Err(self.refused(refusal).await),
            }
        }
    }

    /// Whether the target is still ours after the tick was read under `epoch`: what was read while another
    /// member took the target is thrown away. As long as that is not sure nothing else can be read, so it is
    /// waited for.
    async fn confirmation(&mut self, at: usize, tick: Tick, epoch: Epoch) -> Result<Epoch, Passed> {
        loop {
            match self.ask(at, tick) {
                Ok(epoch) => return Ok(epoch),
                Err(Refusal::BreakerOpen | Refusal::Budget | Refusal::SwitchedOff) => return Ok(epoch),
                Err(Refusal::Unsure) => self.linger(None).await?,
                // It is being handed over, and waits for this reading: its tick is still ours.
                Err(Refusal::NotOwned) if self.env.ownership.holds(&self.spec.id) => return Ok(epoch),
                Err(Refusal::NotOwned) => return Err(self.refused(Refusal::NotOwned).await),
            }
        }
    }

    pub(super) fn ask(&self, at: usize, tick: Tick) -> Result<Epoch, Refusal> {
        let stream = &self.tracks[at].id;
        self.env.ownership.ask(&self.spec.id, stream, tick)
    }

    async fn refused(&mut self, refusal: Refusal) -> Passed {
        // What nobody may ask over need not stay open, least of all at a server that suffers. A breaker that only
        // leaves ticks out keeps it: to connect anew for each of the others would burden the server more.
        let for_long = match refusal {
            Refusal::NotOwned => true,
            Refusal::BreakerOpen => !self.env.guard.at_ease(&self.spec.id),
            Refusal::Budget | Refusal::SwitchedOff | Refusal::Unsure => false,
        };
        if for_long && self.env.ownership.holds(&self.spec.id) {
            // Readings of other lanes may still need the lock.
            self.sessions.close_free().await;
        } else if for_long {
            self.sessions.close().await;
        }
        missed(refusal.into())
    }

    /// Waits a moment before it is asked again, unless `until` has come.
    pub(super) async fn linger(&mut self, until: Option<Tick>) -> Result<(), Passed> {
        tokio::select! {
            biased;
            () = self.cancel.cancelled() => return Err(Passed::Left),
            () = tokio::time::sleep(ASK_AGAIN) => {}
        }
        let now = self.env.clock.now();
        self.unsure = Some(now);
        if until.is_some_and(|until| until <= now) {
            return Err(missed(Outcome::Paused));
        }
        Ok(())
    }

    /// Reads the stream. A connection that was open already may have died unseen, or hold a plan that
    /// is no longer valid, so one that proves broken is replaced once.
    async fn read(&mut self, at: usize, tick: Tick) -> Result<Made, Fault> {
        let database = Arc::clone(&self.tracks[at].database);
        if let Some(open) = self.sessions.take(&database) {
            match self.read_with((at, tick), open, &database).await {
                Err(fault) if fault.kind.is_of_old_connection() => {}
                result => return result,
            }
        }
        let open = self.connect(&database).await?;
        self.read_with((at, tick), open, &database).await
    }

    async fn read_with(
        &mut self,
        (at, tick): (usize, Tick),
        mut open: Open<GuardedSession<C::Session>>,
        database: &Arc<str>,
    ) -> Result<Made, Fault> {
        let started = Instant::now();
        let prover = self.prover(database);
        let track = &mut self.tracks[at];
        open.session
            .limit(self.env.guard.deadline(&self.spec.id, &track.id));
        let at_ease = || self.env.guard.at_ease(&self.spec.id);
        let aids = Aids {
            cleaner: &self.env.cleaner,
            meters: self.health.meters(),
            at_ease: &at_ease,
            tick,
            role: self.reader.plan.username(),
        };
        let read = async {
            prover.prove(&mut open.session).await?;
            open.session.restamp().await?;
            track.read(&mut open.session, &aids).await
        };
        let result = tokio::select! {
            biased;
            result = read => result,
            // It rests in the middle, and nobody will say any more that it may go on.
            () = given_up(&self.cancel, &*self.warrant) => Err(not_held()),
        };
        let took = started.elapsed();
        let fault = match &result {
            Ok(reading) => reading.fault.as_ref(),
            Err(fault) => Some(fault),
        };
        if fault.is_none_or(|fault| !fault.kind.is_of_ownership()) {
            self.health.meters().took(&track.id, took);
        }
        let version = open.session.version();
        if open.session.is_whole() && !fault.is_some_and(|fault| fault.kind.loses_connection()) {
            self.sessions.put(database, open);
        }
        Ok(Made {
            reading: result?,
            version,
            took,
        })
    }

    /// Opens a connection to `database`, unless the target is being left.
    pub(super) async fn connect(
        &mut self,
        database: &Arc<str>,
    ) -> Result<Open<GuardedSession<C::Session>>, Fault> {
        self.sessions.make_room().await;
        let login = (&*self.reader, &**database);
        let session = tokio::select! {
            biased;
            session = self.env.connector.connect(&self.spec, login, Station::Lane, &self.warrant) => session?,
            () = self.cancel.cancelled() => return Err(not_held()),
        };
        Ok(Open::new(session, &self.health))
    }
}

/// A tick that is missed, though not because the server was out of reach.
const fn missed(outcome: Outcome) -> Passed {
    Passed::Missed(outcome, Reach::Reached)
}

/// Tells what became of a reading that had leave.
fn tell(leave: Leave, read: &Result<Made, Fault>, elapsed: Duration) {
    let fault = match read {
        Ok(made) => made
            .reading
            .fault
            .as_ref()
            .filter(|fault| fault.kind.is_of_load()),
        Err(fault) => Some(fault),
    };
    match (read, fault.map(|fault| fault.kind)) {
        // Nothing was asked, or nothing but what this stream cannot be read without.
        (_, Some(FaultKind::NotHeld | FaultKind::Fenced | FaultKind::Version)) => drop(leave),
        (_, Some(kind)) => leave.end(&ReadingEnd::Failed { took: elapsed, kind }),
        (Ok(made), None) => leave.end(&ReadingEnd::Read {
            took: made.took,
            rows: &made.reading.rows,
        }),
        (Err(_), None) => drop(leave),
    }
}

/// Waits until the target is being left while it is not held, or its lock is lost, which nobody takes any more.
async fn given_up(cancel: &CancellationToken, warrant: &dyn Warrant) {
    cancel.cancelled().await;
    while warrant.holds() {
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

#[cfg(test)]
#[path = "attempt_tests.rs"]
mod tests;

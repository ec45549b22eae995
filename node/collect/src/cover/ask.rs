//! The session that waits, and what the database is asked about the owner.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ringwatch_frame::{StreamId, Tick};
use tokio::time::Instant;

use super::decide::{Line, OwnerIs, claims, doubt_in, judge, sign_of, stuck_in};
use super::task::Covering;
use crate::fault::{Fault, Scene};
use crate::gate::Place;
use crate::guarded::{GuardedSession, not_held};
use crate::meters::{Ended, Outcome};
use crate::names::Station;
use crate::reader::Reader;
use crate::session::{Activity, Connector, Session, Whose};
use crate::sessions::Open;

/// How long one waits to connect again after that failed, at first and at most.
const AGAIN: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(10));
/// How long a session may be silent: servers and what stands between close those that are.
const SILENCE: Duration = Duration::from_secs(30);
/// How long the database's word on the owner counts.
const WORD: Duration = Duration::from_secs(1);

impl<C: Connector> Covering<C> {
    /// The place of the session that waits: of the first receiver, in the database that it connects to.
    pub(super) fn home(&self) -> Option<Arc<str>> {
        let reader = self.post.spec.readers.first()?;
        Some(place(reader, reader.plan.database()))
    }

    /// Sees to it that the session that waits is open, and alive.
    pub(super) async fn keep_open(&mut self) {
        let Some(home) = self.home() else { return };
        if !self.may_ask() {
            return;
        }
        if !self.sessions.has(&home) {
            self.sessions.close().await;
            if let Some(reader) = self.post.spec.readers.first().cloned()
                && let Ok(open) = self.connect(&reader, reader.plan.database()).await
            {
                self.sessions.put(&home, open);
            }
        } else if self.used.elapsed() >= SILENCE {
            // What it says is not needed: that it is said keeps the session.
            let _ = self.ask().await;
        }
        let open = self.sessions.has(&home);
        self.env.hot.set(&self.post.spec.id, open);
    }

    /// Connects, unless that has failed just before.
    pub(super) async fn connect(
        &mut self,
        reader: &Arc<Reader>,
        database: &str,
    ) -> Result<Open<GuardedSession<C::Session>>, Fault> {
        let now = Instant::now();
        if self.again.is_some_and(|(again, _)| now < again) {
            return Err(not_held());
        }
        let (env, spec) = (Arc::clone(&self.env), Arc::clone(&self.post.spec));
        let (warrant, cancel) = (Arc::clone(&self.warrant), self.post.cancel.clone());
        let connect = async {
            let _place = env.gate.enter(Place::Connecting).await;
            let (login, station) = ((&**reader, database), Station::Standby);
            env.connector.connect(&spec, login, station, &warrant).await
        };
        let session = tokio::select! {
            biased;
            session = connect => session,
            () = cancel.cancelled() => Err(not_held()),
        };
        match session {
            Ok(session) => {
                self.again = None;
                self.used = Instant::now();
                self.health.answered();
                Ok(Open::new(session, &self.health))
            }
            Err(fault) => {
                let wait = self.again.map_or(AGAIN.0, |(_, wait)| (wait * 2).min(AGAIN.1));
                self.again = Some((Instant::now() + wait, wait));
                self.tell(&fault, reader, database);
                Err(fault)
            }
        }
    }

    /// Says what is wrong with the target, if that is news.
    pub(super) fn tell(&self, fault: &Fault, reader: &Reader, database: &str) {
        let scene = Scene {
            driver: reader.plan.driver(),
            role: reader.plan.username(),
            database,
            extension: None,
        };
        if !fault.kind.is_of_ownership() {
            self.health.failed(fault, scene, Instant::now());
        }
    }

    /// Asks the database what the owner is at, and reads what it should have read.
    pub(super) async fn look(&mut self, ids: &[StreamId], lines: &[Line]) {
        let Ok(activity) = self.ask().await else { return };
        let (word, now) = (Instant::now(), self.env.clock.now());
        let owner = judge(lines, now, &activity);
        let silent = lines.iter().map(|line| line.silent).min();
        let absent = self.absence.wait(owner, silent.unwrap_or_default(), word);
        if owner == OwnerIs::Alive {
            if let Some(wait) = stuck_in(lines, now, &activity) {
                self.pace.waits(wait);
            }
            self.excuse(ids, lines, &activity, now);
            return;
        }
        if let Some(wait) = absent {
            self.pace.waits(wait);
            return;
        }
        if let Some(wait) = doubt_in(lines, now, owner) {
            self.pace.waits(wait);
        }
        self.pass_over(ids, lines, now);
        let claims = claims(lines, now, owner);
        tracing::debug!(target = %self.post.spec.id, node = self.owner, ?owner, ticks = claims.len(), "ticks are covered");
        // A tick that is not read now may be read later, or is the owner's: what comes after it waits.
        let mut left = BTreeSet::new();
        for (at, tick) in claims {
            if self.post.cancel.is_cancelled() || word.elapsed() > WORD {
                return;
            }
            if let Some(id) = ids.get(at).filter(|_| !left.contains(&at))
                && !Box::pin(self.cover(id, tick)).await
            {
                left.insert(at);
            }
        }
    }

    /// Tries the ticks that the owner could not read because the server was out of its reach, or did not answer it. Not
    /// while the server is at the owner's question: then it is slow, and what is slow is not asked twice.
    pub(super) async fn try_unreachable(&mut self) {
        let told = self.env.standby.unreachable(&self.post.spec.id);
        let now = Instant::now();
        self.unread.hear(told, now);
        let due = self.unread.due(now).is_some_and(|due| due <= now);
        if !due {
            return;
        }
        // Where it does not answer, it may in a moment.
        let idle = |activity: Activity| !activity.active;
        if !self.may_ask() || !self.ask().await.is_ok_and(idle) {
            self.unread.put_off(now);
            return;
        }
        let word = Instant::now();
        while word.elapsed() <= WORD
            && self.may_ask()
            && !self.post.cancel.is_cancelled()
            && let Some((id, tick)) = self.unread.take()
        {
            tracing::debug!(target = %self.post.spec.id, node = self.owner, stream = %id, %tick, "the owner could not read this");
            Box::pin(self.cover(&id, tick)).await;
        }
    }

    /// Asks what the owner's sessions are at. A session that proves broken is replaced once.
    async fn ask(&mut self) -> Result<Activity, Fault> {
        let reader = self.post.spec.readers.first().cloned().ok_or_else(not_held)?;
        let home = place(&reader, reader.plan.database());
        let mut fresh = false;
        loop {
            let mut open = match self.sessions.take(&home) {
                Some(open) => open,
                None => {
                    self.sessions.make_room().await;
                    fresh = true;
                    self.connect(&reader, reader.plan.database()).await?
                }
            };
            let whose = Whose {
                lock: self.env.names.lock(&self.post.spec.id),
                node: &self.owner,
                roles: &self.roles,
            };
            self.used = Instant::now();
            let asked = open.session.activity(&whose).await;
            let lost = asked.as_ref().is_err_and(|fault| fault.kind.loses_connection());
            if open.session.is_whole() && !lost {
                self.sessions.put(&home, open);
            }
            match asked {
                Err(fault) if !fresh && fault.kind.is_of_old_connection() => {}
                asked => {
                    if let Err(fault) = &asked {
                        self.tell(fault, &reader, reader.plan.database());
                    }
                    return asked;
                }
            }
        }
    }

    /// Remembers which ticks are the owner's, though it has not told their end.
    fn excuse(&mut self, ids: &[StreamId], lines: &[Line], activity: &Activity, now: Tick) {
        let Some(sign) = sign_of(activity, now).filter(|_| !activity.active) else {
            return;
        };
        for (id, line) in ids.iter().zip(lines) {
            let Some(stream) = self.streams.get_mut(id) else {
                continue;
            };
            let until = line.excuse(sign);
            if let Some(until) = until.filter(|_| until > stream.excused) {
                self.env.standby.excused(&self.post.spec.id, id, until);
            }
            stream.excused = until;
        }
    }

    /// Counts the ticks that nobody has read and that are too old.
    fn pass_over(&mut self, ids: &[StreamId], lines: &[Line], now: Tick) {
        for (id, line) in ids.iter().zip(lines) {
            let Some((count, last)) = line.passed_over(now) else {
                continue;
            };
            if let Some(stream) = self.streams.get_mut(id) {
                stream.excused = Some(last);
                self.health.meters().ended(&Ended {
                    stream: id,
                    outcome: Outcome::Late,
                    last: (last, count),
                    interval: stream.planned.interval(),
                    epoch: None,
                });
            }
        }
    }
}

/// The name under which a session of `reader` in `database` is kept.
pub(super) fn place(reader: &Reader, database: &str) -> Arc<str> {
    format!("{}\0{database}", reader.source).into()
}

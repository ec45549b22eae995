//! A lane: some streams of one target, read one after the other.

mod discovery;
mod entry;

use std::sync::Arc;
use std::time::Duration;

use ringwatch_frame::{Books, Clock, Epoch, Frame, FrameId, FrameMeta, Resource, StreamId, Tick, Value};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use self::discovery::Discovery;
use self::entry::enter;
use crate::clean::Cleaner;
use crate::fault::{Fault, FaultKind, Scene, advice};
use crate::gate::Gate;
use crate::health::Health;
use crate::meters::Outcome;
use crate::ownership::{Ownership, Refusal, Sink};
use crate::plan::PlannedStream;
use crate::reading::{Reading, Track};
use crate::session::{Connector, Session};
use crate::sessions::{Open, Sessions};
use crate::target::TargetSpec;

/// The longest rest, after which the clock is looked at again, as it may have been set back.
const REST: Duration = Duration::from_secs(5);

/// What all lanes of a node share.
pub(crate) struct Env<C> {
    pub(crate) clock: Clock,
    pub(crate) books: Arc<Books>,
    pub(crate) ownership: Arc<dyn Ownership>,
    pub(crate) sink: Arc<dyn Sink>,
    pub(crate) gate: Gate,
    pub(crate) cleaner: Arc<Cleaner>,
    pub(crate) connector: C,
}

/// One lane.
pub(crate) struct Lane<C: Connector> {
    env: Arc<Env<C>>,
    spec: Arc<TargetSpec>,
    health: Arc<Health>,
    cancel: CancellationToken,
    tracks: Vec<Track>,
    sessions: Sessions<C::Session>,
    /// In a lane of single databases.
    discovery: Option<Discovery>,
    /// The resource with the server's version, where it is wanted.
    versioned: Option<(u32, Arc<Resource>)>,
}

impl<C: Connector> Lane<C> {
    /// A lane without streams that keeps up to `connections` open.
    pub(crate) fn new(
        env: &Arc<Env<C>>,
        spec: &Arc<TargetSpec>,
        health: &Arc<Health>,
        cancel: &CancellationToken,
        connections: usize,
    ) -> Self {
        Self {
            env: Arc::clone(env),
            spec: Arc::clone(spec),
            health: Arc::clone(health),
            cancel: cancel.clone(),
            tracks: Vec::new(),
            sessions: Sessions::new(connections),
            discovery: None,
            versioned: None,
        }
    }

    /// Reads these streams of the whole server.
    pub(crate) fn of_server(mut self, streams: &[Arc<PlannedStream>]) -> Self {
        let database = self.home();
        for planned in streams {
            let id = StreamId::of_server(&planned.stream.name);
            self.add(planned, id, &database);
        }
        self
    }

    /// Reads these streams in every database that it finds.
    pub(crate) fn of_databases(mut self, streams: Vec<Arc<PlannedStream>>) -> Self {
        self.discovery = Some(Discovery::new(streams));
        self
    }

    /// Reads until it is cancelled; a reading that has begun is finished.
    pub(crate) async fn run(mut self) {
        while !self.cancel.is_cancelled() {
            let now = self.env.clock.now();
            if self
                .discovery
                .as_ref()
                .is_some_and(|discovery| discovery.at() <= Instant::now())
            {
                Box::pin(self.discover()).await;
            } else if let Some((at, tick)) = self.due(now) {
                Box::pin(self.tick(at, tick)).await;
            } else {
                self.rest(now).await;
            }
        }
        self.sessions.keep(|_| false).await;
    }

    /// The database that the receiver connects to.
    fn home(&self) -> Arc<str> {
        self.spec.plan.settings().connect_database.as_str().into()
    }

    fn add(&mut self, planned: &Arc<PlannedStream>, id: StreamId, database: &Arc<str>) {
        match Track::new(&self.spec.id, planned, id, database, self.env.clock.now()) {
            Ok(track) => {
                self.health.meters().ticks(&track.id, Outcome::Collected, 0);
                self.tracks.push(track);
            }
            Err(error) => {
                tracing::error!(target = %self.spec.id, stream = planned.stream.name, %error, "the stream is not read");
            }
        }
    }

    /// The stream whose due tick is the earliest.
    fn due(&mut self, now: Tick) -> Option<(usize, Tick)> {
        let due = |(at, track): (usize, &mut Track)| Some((at, track.timeline.due(now)?));
        self.tracks
            .iter_mut()
            .enumerate()
            .filter_map(due)
            .min_by_key(|(_, tick)| *tick)
    }

    /// Waits for the next tick or discovery, or for the end.
    async fn rest(&mut self, now: Tick) {
        let next = self.tracks.iter().map(|track| track.timeline.next()).min();
        let wake = Instant::now() + REST;
        let wake = self
            .discovery
            .as_ref()
            .map_or(wake, |discovery| wake.min(discovery.at()));
        tokio::select! {
            () = self.cancel.cancelled() => {}
            () = tokio::time::sleep_until(wake) => {}
            () = self.env.clock.sleep_until(next.unwrap_or(now)), if next.is_some() => {}
        }
    }

    /// Accounts for one tick, and for those that passed before it.
    async fn tick(&mut self, at: usize, tick: Tick) {
        let track = &mut self.tracks[at];
        let skipped = track.timeline.take(tick);
        if skipped > 0 {
            self.health
                .meters()
                .ticks(&track.id, self.health.down().unwrap_or(Outcome::Late), skipped);
        }
        let span = tracing::info_span!("tick", target = %self.spec.id, stream = %track.id, tick = %tick);
        let outcome = self.attempt(at, tick).instrument(span).await;
        self.health.meters().ticks(&self.tracks[at].id, outcome, 1);
    }

    async fn attempt(&mut self, at: usize, tick: Tick) -> Outcome {
        let track = &self.tracks[at];
        let epoch = match self.env.ownership.ask(&self.spec.id, &track.id, tick) {
            Ok(epoch) => epoch,
            Err(refusal) => {
                if refusal == Refusal::NotOwned {
                    self.sessions.keep(|_| false).await;
                }
                return refusal.into();
            }
        };
        if track.held.is_some_and(|until| Instant::now() < until) {
            return Outcome::Error;
        }
        let (env, health) = (Arc::clone(&self.env), Arc::clone(&self.health));
        let open = self.sessions.has(&track.database);
        let entry = tokio::select! {
            biased;
            entry = enter(&env.gate, &health, open) => entry,
            () = env.clock.sleep_until(track.timeline.after(tick)) => Err(health.down().unwrap_or(Outcome::Late)),
            () = self.cancel.cancelled() => Err(health.down().unwrap_or(Outcome::Late)),
        };
        let _entry = match entry {
            Ok(entry) => entry,
            Err(outcome) => return outcome,
        };
        let lateness = tick.lateness(env.clock.now());
        match self.read(at).await {
            Ok((reading, version)) => {
                health.meters().began(&self.tracks[at].id, lateness);
                self.fine(at, reading, version, tick, epoch);
                Outcome::Collected
            }
            Err(fault) => self.fault(at, &fault, tick),
        }
    }

    /// Reads the stream. A connection that was open already may have died unseen, or hold a plan that
    /// is no longer valid, so one that proves broken is replaced once.
    async fn read(&mut self, at: usize) -> Result<(Reading, u32), Fault> {
        let database = Arc::clone(&self.tracks[at].database);
        if let Some(open) = self.sessions.take(&database) {
            match self.read_with(at, open, &database).await {
                Err(fault)
                    if matches!(
                        fault.kind,
                        FaultKind::Connection | FaultKind::Unavailable | FaultKind::Stale
                    ) => {}
                result => return result,
            }
        }
        let open = self.connect(&database).await?;
        self.read_with(at, open, &database).await
    }

    async fn read_with(
        &mut self,
        at: usize,
        mut open: Open<C::Session>,
        database: &Arc<str>,
    ) -> Result<(Reading, u32), Fault> {
        let started = Instant::now();
        let track = &mut self.tracks[at];
        let result = track.read(&mut open.session, &self.env.cleaner).await;
        self.health.meters().took(&track.id, started.elapsed());
        let fault = match &result {
            Ok(reading) => reading.fault.as_ref(),
            Err(fault) => Some(fault),
        };
        let version = open.session.version();
        if !fault.is_some_and(|fault| fault.kind.loses_connection()) {
            self.sessions.put(database, open);
        }
        Ok((result?, version))
    }

    async fn connect(&mut self, database: &Arc<str>) -> Result<Open<C::Session>, Fault> {
        self.sessions.make_room().await;
        let session = self.env.connector.connect(&self.spec, database).await?;
        Ok(Open::new(session, &self.health))
    }

    /// Hands on a reading.
    fn fine(&mut self, at: usize, reading: Reading, version: u32, tick: Tick, epoch: Epoch) {
        self.health.answered();
        let resource = self.resource(version);
        let track = &mut self.tracks[at];
        track.release();
        self.health.meters().uncertain(&track.id, reading.uncertain);
        let id = FrameId {
            target: self.spec.id.clone(),
            stream: track.id.clone(),
            tick,
            epoch,
        };
        let meta = FrameMeta {
            id,
            source: Arc::clone(&self.spec.source),
            resource,
        };
        self.env
            .sink
            .offer(Frame::collected(&self.env.books, meta, reading.rows));
        match reading.fault {
            Some(fault) => self.tell(at, &fault, tick),
            None if track.reporter.fine() => {
                self.health.note(&track.id, None);
                tracing::info!(target = %self.spec.id, stream = %track.id, %tick, "the stream can be read again");
            }
            None => {}
        }
    }

    fn fault(&mut self, at: usize, fault: &Fault, tick: Tick) -> Outcome {
        let track = &mut self.tracks[at];
        let scene = Scene {
            role: &self.spec.plan.settings().username,
            database: &track.database,
            extension: None,
        };
        let home = *track.database == *self.spec.plan.settings().connect_database;
        if fault.kind.is_of_target(home, self.health.has_connections()) {
            self.health.failed(fault, scene, Instant::now());
        } else {
            self.health.answered();
            track.hold(fault.kind, Instant::now());
            self.tell(at, fault, tick);
        }
        fault.kind.outcome()
    }

    /// Says what is wrong with one stream, if that is news.
    fn tell(&mut self, at: usize, fault: &Fault, tick: Tick) {
        let track = &mut self.tracks[at];
        if let Some(times) = track.reporter.fault(fault.kind, Instant::now()) {
            let role = &self.spec.plan.settings().username;
            let scene = Scene {
                role,
                database: &track.database,
                extension: track.planned.stream.extension(),
            };
            let advice = advice(fault.kind, scene);
            tracing::warn!(
                target = %self.spec.id, stream = %track.id, %tick, error = %fault, advice, times,
                "the stream cannot be read"
            );
        }
        self.health.note(&self.tracks[at].id, Some(fault.to_string()));
    }

    /// The target's resource, with the server's version where it is wanted.
    fn resource(&mut self, version: u32) -> Arc<Resource> {
        if !self.spec.plan.attribute_on("db.system.version", false) {
            return Arc::clone(&self.spec.resource);
        }
        if let Some((known, resource)) = &self.versioned
            && *known == version
        {
            return Arc::clone(resource);
        }
        let mut resource = Resource::clone(&self.spec.resource);
        resource.set(
            "db.system.version",
            Value::from(format!("{}.{}", version / 10_000, version % 10_000)),
        );
        let resource = Arc::new(resource);
        self.versioned = Some((version, Arc::clone(&resource)));
        resource
    }
}

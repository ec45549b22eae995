//! A lane: some streams of one target, read one after the other.

mod account;
mod attempt;
mod discovery;
mod ending;
mod entry;
mod rebase;
mod securing;
mod taking;

use std::sync::Arc;
use std::time::Duration;

use ringwatch_frame::{Books, Clock, Resource, StreamId, StreamMemory, TargetMemory, Tick};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::discovery::Discovery;
use crate::clean::Cleaner;
use crate::cover::{Hot, Standby};
use crate::fence::{AGAIN, Arbiter, FenceMeters, FenceMode, TargetFence};
use crate::gate::Gate;
use crate::guard::Guard;
use crate::guarded::{Guarded, GuardedSession};
use crate::health::Health;
use crate::names::Names;
use crate::ownership::{Ownership, Reach, Sink, Succession};
use crate::plan::Planned;
use crate::plans::Budget;
use crate::reader::Reader;
use crate::session::Connector;
use crate::sessions::{Open, Sessions};
use crate::target::TargetSpec;
use crate::track::Track;
use crate::warm::Warm;
use crate::warrant::Warrant;

/// The longest rest, after which the clock is looked at again, as it may have been set back.
const REST: Duration = Duration::from_secs(5);

/// What all lanes of a node share.
pub(crate) struct Env<C: Connector> {
    pub(crate) clock: Clock,
    pub(crate) books: Arc<Books>,
    pub(crate) ownership: Arc<dyn Ownership>,
    pub(crate) guard: Arc<dyn Guard>,
    pub(crate) succession: Arc<dyn Succession>,
    pub(crate) sink: Arc<dyn Sink>,
    pub(crate) gate: Gate,
    pub(crate) cleaner: Arc<Cleaner>,
    pub(crate) connector: Guarded<C>,
    pub(crate) warm: Warm<GuardedSession<C::Session>>,
    /// Targets to which a standby here has an open session.
    pub(crate) hot: Hot,
    pub(crate) names: Names,
    pub(crate) standby: Arc<dyn Standby>,
    pub(crate) fence_mode: FenceMode,
    pub(crate) fences: Arc<FenceMeters>,
    pub(crate) arbiter: Arc<dyn Arbiter>,
}

/// Whose lane it is.
pub(crate) struct Place {
    /// The target.
    pub(crate) spec: Arc<TargetSpec>,
    /// Which of its readers.
    pub(crate) reader: Arc<Reader>,
    /// What allows to ask it.
    pub(crate) warrant: Arc<dyn Warrant>,
    /// Its fence.
    pub(crate) fence: Arc<TargetFence>,
}

/// One lane.
pub(crate) struct Lane<C: Connector> {
    env: Arc<Env<C>>,
    spec: Arc<TargetSpec>,
    reader: Arc<Reader>,
    warrant: Arc<dyn Warrant>,
    fence: Arc<TargetFence>,
    /// Whether it is one of those that take the target's lock.
    takes_lock: bool,
    health: Arc<Health>,
    cancel: CancellationToken,
    tracks: Vec<Track>,
    sessions: Sessions<GuardedSession<C::Session>>,
    /// In a lane of single databases.
    discovery: Option<Discovery>,
    /// The resource with the server's version, where it is wanted.
    versioned: Option<(u32, Arc<Resource>)>,
    /// What is remembered of streams that have no track yet.
    remembered: TargetMemory,
    /// When it was last not sure whether the target is ours.
    unsure: Option<Tick>,
    /// What may be asked of plans, by all streams together.
    budget: Option<Arc<Budget>>,
}

impl<C: Connector> Lane<C> {
    /// A lane without streams that keeps up to `connections` open.
    pub(crate) fn new(
        env: &Arc<Env<C>>,
        place: Place,
        health: &Arc<Health>,
        cancel: &CancellationToken,
        connections: usize,
    ) -> Self {
        Self {
            env: Arc::clone(env),
            spec: place.spec,
            reader: place.reader,
            warrant: place.warrant,
            fence: place.fence,
            takes_lock: false,
            health: Arc::clone(health),
            cancel: cancel.clone(),
            tracks: Vec::new(),
            sessions: Sessions::new(connections),
            discovery: None,
            versioned: None,
            remembered: TargetMemory::new(),
            unsure: None,
            budget: None,
        }
    }

    /// Reads these streams of the whole server, and goes on with those that are remembered.
    pub(crate) fn of_server(mut self, streams: &[Planned], memory: &TargetMemory) -> Self {
        let database = self.home();
        for planned in streams {
            let id = StreamId::of_server(planned.name());
            let memory = memory.get(&id).cloned();
            self.add(planned, id, &database, memory);
        }
        self
    }

    /// Reads these streams in every database that it finds. Those that are remembered begin at once.
    pub(crate) fn of_databases(mut self, streams: Vec<Planned>, memory: &TargetMemory) -> Self {
        let of_database = memory.iter().filter(|(id, _)| id.database().is_some());
        self.remembered = of_database
            .map(|(id, memory)| (id.clone(), memory.clone()))
            .collect();
        let names = self.remembered_databases(&streams);
        for name in &names {
            self.add_database(&streams, name);
        }
        self.discovery = Some(if names.is_empty() {
            Discovery::new(streams)
        } else {
            Discovery::later(streams)
        });
        self
    }

    /// Whether it is a lane of this reader.
    pub(crate) fn is_of(&self, reader: &Arc<Reader>) -> bool {
        Arc::ptr_eq(&self.reader, reader)
    }

    /// Takes the target's lock.
    pub(crate) fn take_lock(&mut self) {
        self.takes_lock = true;
    }

    /// Begins with a connection to the database that the receiver connects to.
    pub(crate) fn start_with(&mut self, session: GuardedSession<C::Session>) {
        let open = Open::new(session, &self.health);
        self.sessions.put(&self.home(), open);
    }

    /// Its first tick that is read in the database that the receiver connects to.
    pub(crate) fn first_at_home(&self) -> Option<Tick> {
        let home = self.home();
        let tracks = self.tracks.iter().filter(|track| track.database == home);
        tracks.map(|track| track.timeline.next()).min()
    }

    /// Reads until it is cancelled; a reading that has begun is finished. Gives the connections, to be closed when the
    /// other lanes have ended too: one of them has the lock without which nothing may be asked.
    pub(crate) async fn run(mut self) -> Sessions<GuardedSession<C::Session>> {
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
            } else if self.wants_lock() {
                Box::pin(self.secure_ahead()).await;
            } else {
                self.rest(now).await;
            }
        }
        self.sessions
    }

    /// The database that the receiver connects to.
    fn home(&self) -> Arc<str> {
        self.reader.plan.database().into()
    }

    fn add(&mut self, planned: &Planned, id: StreamId, database: &Arc<str>, memory: Option<StreamMemory>) {
        let (target, now) = (&self.spec.id, self.env.clock.now());
        let mut track = match Track::new(target, planned, id, database, now) {
            Ok(track) => track,
            Err(error) => {
                tracing::error!(%target, stream = planned.name(), %error, "the stream is not read");
                return;
            }
        };
        if let Some(plans) = &mut track.memory.plans {
            match &self.budget {
                Some(budget) => plans.share(budget),
                None => self.budget = Some(plans.budget()),
            }
        }
        if !memory.is_some_and(|memory| track.resume(target, &memory, now)) {
            let before_the_first = track.timeline.last();
            let succession = &self.env.succession;
            succession.missed(target, &track.id, before_the_first, Reach::Reached);
        }
        self.health.meters().begun(&track.id);
        self.tracks.push(track);
    }

    /// Begins the streams of one database.
    fn add_database(&mut self, streams: &[Planned], database: &str) {
        let name: Arc<str> = database.into();
        for planned in streams {
            let id = StreamId::of_database(planned.name(), database);
            let memory = self.remembered.remove(&id);
            self.add(planned, id, &name, memory);
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
        let soon = Instant::now() + AGAIN;
        let locking = self.fence.again().filter(|_| self.takes_lock);
        let wake = locking.map_or_else(|| Instant::now() + REST, |again| again.max(soon));
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
}

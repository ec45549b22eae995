//! The streams of a target that its owner has told of, as the standby would read them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use ringwatch_catalogue::model::Scope;
use ringwatch_frame::{Resource, Schedule, StreamId, Tick};
use tokio::time::Instant;

use super::decide::{Line, is_of_our_time};
use crate::plan::Planned;
use crate::reader::Reader;
use crate::target::TargetSpec;
use crate::track::{Track, schedule_of};

/// How long a stream is left alone after its reading failed.
const BARRED: Duration = Duration::from_secs(1);

/// One stream.
pub(super) struct Stream {
    pub(super) planned: Planned,
    pub(super) reader: Arc<Reader>,
    /// The database that it is read from.
    pub(super) database: Arc<str>,
    schedule: Schedule,
    pub(super) excused: Option<Tick>,
    heard: Heard,
    /// It is not read before.
    pub(super) barred: Option<Instant>,
    /// What readings remember, once there was one.
    pub(super) track: Option<Track>,
    /// The resource with the server's version.
    pub(super) versioned: Option<(u32, Arc<Resource>)>,
}

/// What was heard of a stream.
struct Heard {
    last: Option<Tick>,
    at: Instant,
    /// Whether the owner's clock shows the same time as ours.
    of_our_time: bool,
}

impl Stream {
    fn new(spec: &TargetSpec, id: &StreamId) -> Option<Self> {
        let scope = if id.database().is_some() {
            Scope::Database
        } else {
            Scope::Server
        };
        for reader in &spec.readers {
            let all = reader.plan.planned().into_iter();
            let mut fitting = all.filter(|planned| planned.name() == id.name() && planned.scope() == scope);
            if let Some(planned) = fitting.next() {
                let database = id.database().unwrap_or_else(|| reader.plan.database());
                return Some(Self {
                    schedule: schedule_of(&spec.id, &planned, id).ok()?,
                    planned,
                    reader: Arc::clone(reader),
                    database: database.into(),
                    excused: None,
                    heard: Heard {
                        last: None,
                        at: Instant::now(),
                        of_our_time: true,
                    },
                    barred: None,
                    track: None,
                    versioned: None,
                });
            }
        }
        None
    }

    /// The last tick that ended is this one. What we have read ourselves, or left to the owner, says nothing of it. It was
    /// told after the last look at `looked`, and not before it was due.
    fn hear(&mut self, last: Tick, now: Tick, looked: Instant) {
        let own = self.track.as_ref().is_some_and(|track| track.has_read(last));
        let left = self.excused.is_some_and(|until| last <= until);
        if self.heard.last != Some(last) && !own && !left {
            let due = Instant::now().checked_sub(last.lateness(now));
            self.heard = Heard {
                last: Some(last),
                at: due.map_or(looked, |due| due.max(looked)),
                of_our_time: is_of_our_time(&self.schedule, last, now),
            };
        }
    }

    fn line(&self, last: Tick) -> Line {
        let now = Instant::now();
        let barred = self.barred.is_some_and(|until| now < until);
        Line {
            schedule: self.schedule,
            last: self.schedule.at_or_before(last),
            excused: self.excused,
            barred: barred || !self.heard.of_our_time,
            silent: self.heard.at.elapsed(),
        }
    }

    /// It failed, and is left alone for a while.
    pub(super) fn bar(&mut self) {
        let now = Instant::now();
        let held = self.track.as_ref().and_then(|track| track.held);
        self.barred = Some(held.unwrap_or(now).max(now + BARRED));
    }
}

/// All streams of one target that its owner has told of.
pub(super) struct Streams {
    /// `None`: no receiver here reads it.
    by_id: BTreeMap<StreamId, Option<Stream>>,
    /// When it was looked last how they stand.
    looked: Instant,
}

impl Streams {
    /// None yet.
    pub(super) fn new() -> Self {
        Self {
            by_id: BTreeMap::new(),
            looked: Instant::now(),
        }
    }

    /// One of them.
    pub(super) fn get_mut(&mut self, id: &StreamId) -> Option<&mut Stream> {
        self.by_id.get_mut(id)?.as_mut()
    }

    /// How each of those stands now whose last ticks are `lasts`. Others are gone.
    pub(super) fn lines(
        &mut self,
        spec: &TargetSpec,
        lasts: &BTreeMap<StreamId, Tick>,
        now: Tick,
    ) -> (Vec<StreamId>, Vec<Line>) {
        let looked = std::mem::replace(&mut self.looked, Instant::now());
        self.by_id.retain(|id, _| lasts.contains_key(id));
        let line = |(id, last): (&StreamId, &Tick)| {
            let known = self.by_id.entry(id.clone());
            let stream = known.or_insert_with(|| Stream::new(spec, id)).as_mut()?;
            stream.hear(*last, now, looked);
            Some((id.clone(), stream.line(*last)))
        };
        lasts.iter().filter_map(line).unzip()
    }
}

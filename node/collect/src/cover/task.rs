//! One target that this node stands by for, from the beginning to the end of that.

use std::sync::Arc;
use std::time::Duration;

use ringwatch_frame::Tick;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::StandbyMode;
use super::absence::Absence;
use super::decide::Line;
use super::pace::Pace;
use super::streams::Streams;
use super::unread::Unread;
use crate::guarded::GuardedSession;
use crate::health::Health;
use crate::lane::Env;
use crate::meters::{Meters, TargetMeters};
use crate::session::{Connector, Session};
use crate::sessions::Sessions;
use crate::target::TargetSpec;
use crate::warrant::{StandbysWarrant, Warrant};

/// The longest rest: what the owner cannot reach, and streams that are new, are heard of that late.
const REST: Duration = Duration::from_secs(1);
/// The shortest rest.
const SOON: Duration = Duration::from_millis(20);
/// How long a session that was opened to cover stays open with nothing to do.
const IDLE: Duration = Duration::from_secs(3);
/// How long a reading may go on when the standby's time is over.
const LAST_READING: Duration = Duration::from_millis(200);
/// How long the open session waits for the target to become ours.
const HANDED: Duration = Duration::from_secs(1);

/// What is stood by for, and how.
pub(crate) struct Post {
    pub(crate) spec: Arc<TargetSpec>,
    /// The owner's id.
    pub(crate) owner: String,
    pub(crate) mode: StandbyMode,
    /// Cancelled when it ends.
    pub(crate) cancel: CancellationToken,
    /// Cancelled when all ends.
    pub(crate) stopping: CancellationToken,
}

/// A standby at work.
pub(crate) struct Covering<C: Connector> {
    pub(super) env: Arc<Env<C>>,
    pub(super) post: Post,
    /// The owner as its sessions call themselves.
    pub(super) owner: String,
    /// As whom its sessions log in.
    pub(super) roles: Vec<String>,
    pub(super) health: Arc<Health>,
    pub(super) warrant: Arc<dyn Warrant>,
    pub(super) sessions: Sessions<GuardedSession<C::Session>>,
    pub(super) streams: Streams,
    pub(super) pace: Pace,
    pub(super) absence: Absence,
    pub(super) unread: Unread,
    /// When something was asked last.
    pub(super) used: Instant,
    /// When one may connect again after that failed, and how long that was waited for.
    pub(super) again: Option<(Instant, Duration)>,
}

impl<C: Connector> Covering<C> {
    /// Stands by from now on.
    pub(crate) fn new(env: &Arc<Env<C>>, post: Post, meters: &Arc<Meters>) -> Self {
        let target = &post.spec.id;
        let warrant = StandbysWarrant {
            standby: Arc::clone(&env.standby),
            ownership: Arc::clone(&env.ownership),
            target: target.clone(),
        };
        let roles = post
            .spec
            .readers
            .iter()
            .map(|reader| reader.plan.username().to_owned());
        Self {
            owner: env.names.of_other(&post.owner),
            roles: roles.collect(),
            health: Arc::new(Health::new(target, TargetMeters::of_standby(target, meters))),
            warrant: Arc::new(warrant),
            sessions: Sessions::new(1),
            streams: Streams::new(),
            pace: Pace::new(),
            absence: Absence::default(),
            unread: Unread::default(),
            used: Instant::now(),
            again: None,
            env: Arc::clone(env),
            post,
        }
    }

    /// Stands by until it is cancelled, after what ran `before` at the same target has ended.
    pub(crate) async fn run(mut self, before: Option<AbortOnDropHandle<()>>) {
        if let Some(before) = before {
            // One that panicked has ended too.
            let _ = before.await;
        }
        let cancel = self.post.cancel.clone();
        let over = async {
            cancel.cancelled().await;
            tokio::time::sleep(LAST_READING).await;
        };
        tokio::select! {
            biased;
            () = self.stand_by() => {}
            () = over => {}
        }
        self.finish().await;
    }

    async fn stand_by(&mut self) {
        while !self.post.cancel.is_cancelled() {
            Box::pin(self.tend()).await;
            Box::pin(self.try_unreachable()).await;
            let now = self.env.clock.now();
            let lasts = self.env.standby.lasts(&self.post.spec.id);
            let (ids, lines) = self.streams.lines(&self.post.spec, &lasts, now);
            let newest = newest(&lines, now);
            let due = self.pace.due(newest, Instant::now());
            if newest.is_some() && due <= Instant::now() && self.may_ask() {
                self.pace.asks(newest, Instant::now());
                Box::pin(self.look(&ids, &lines)).await;
            } else {
                self.rest(&lines, newest.map(|_| due)).await;
            }
        }
    }

    /// Whether anything may be asked now.
    pub(super) fn may_ask(&self) -> bool {
        self.warrant.holds() && self.env.guard.at_ease(&self.post.spec.id)
    }

    /// Keeps what is to be kept open, and closes what is not.
    async fn tend(&mut self) {
        match self.post.mode {
            StandbyMode::Hot => self.keep_open().await,
            _ if self.used.elapsed() >= IDLE => self.sessions.close().await,
            _ => {}
        }
    }

    /// Waits until the grace of the next tick is over, or it may be asked again at `due`.
    async fn rest(&mut self, lines: &[Line], due: Option<Instant>) {
        let now = self.env.clock.now();
        let next = lines.iter().map(|line| line.next_look(now)).min();
        let quiet = lines.iter().filter_map(|line| line.quiet_in(now)).min();
        let wake = Instant::now() + quiet.unwrap_or(REST).min(REST);
        // Where it may not be asked now, one looks again soon.
        let due = due.into_iter().chain(self.unread.due(Instant::now())).min();
        let due = due.map(|due| due.max(Instant::now() + SOON));
        tokio::select! {
            () = self.post.cancel.cancelled() => {}
            () = tokio::time::sleep_until(due.map_or(wake, |due| due.min(wake))) => {}
            () = self.env.clock.sleep_until(next.unwrap_or(now)), if next.is_some() => {}
        }
    }

    /// Hands the open session on to the lanes of this node, if they begin in a moment.
    async fn finish(&mut self) {
        let (env, spec) = (Arc::clone(&self.env), Arc::clone(&self.post.spec));
        env.hot.set(&spec.id, false);
        let open = self.home().and_then(|key| self.sessions.take(&key));
        if let Some(open) = open {
            if self.post.stopping.is_cancelled() || !open.session.is_whole() {
                open.close().await;
            } else if let Some(session) = env.warm.give(&spec, open.into_session(), HANDED) {
                session.close().await;
            }
        }
        self.sessions.close().await;
    }
}

/// The newest tick that is open and may be read.
fn newest(lines: &[Line], now: Tick) -> Option<Tick> {
    let open = lines.iter().filter(|line| line.is_open(now));
    open.filter_map(|line| line.open(now).last()).max()
}

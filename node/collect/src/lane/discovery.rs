//! Which databases there are.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ringwatch_frame::StreamId;
use tokio::time::Instant;

use super::Lane;
use super::entry::enter;
use crate::fault::{Fault, Scene, advice};
use crate::guarded::GuardedSession;
use crate::plan::Planned;
use crate::reader::ReaderPlan;
use crate::report::Reporter;
use crate::session::{Connector, Session};
use crate::sessions::Open;

/// How often the list of databases is read anew.
const REDISCOVER: Duration = Duration::from_secs(60);
/// How soon it is tried again when that failed.
const AGAIN: Duration = Duration::from_secs(1);
/// How long it waits where the databases are remembered: what is due is read first.
const LEISURE: Duration = Duration::from_secs(5);
/// The most remembered databases that begin at once; others wait until they are found.
const MOST_REMEMBERED: usize = 1000;
/// The name under which ownership is asked whether databases may be listed.
const DISCOVERY: &str = "discovery";

/// What is read in each database, and when databases are looked for next.
pub(super) struct Discovery {
    streams: Vec<Planned>,
    at: Instant,
    reporter: Reporter,
}

impl Discovery {
    /// Looks at once.
    pub(super) fn new(streams: Vec<Planned>) -> Self {
        Self {
            streams,
            at: Instant::now(),
            reporter: Reporter::default(),
        }
    }

    /// Looks in a while.
    pub(super) fn later(streams: Vec<Planned>) -> Self {
        Self {
            at: Instant::now() + LEISURE,
            ..Self::new(streams)
        }
    }

    /// When databases are looked for next.
    pub(super) fn at(&self) -> Instant {
        self.at
    }
}

impl<C: Connector> Lane<C> {
    /// Looks which databases there are, and begins and ends their streams.
    pub(super) async fn discover(&mut self) {
        let found = self.databases().await;
        let Some(discovery) = &mut self.discovery else {
            return;
        };
        discovery.at = Instant::now() + if found.is_some() { REDISCOVER } else { AGAIN };
        let Some(found) = found else { return };
        discovery.reporter.fine();
        let streams = discovery.streams.clone();
        for gone in self
            .tracks
            .extract_if(.., |track| !found.contains(&*track.database))
        {
            self.health.note(&gone.id, None);
            self.env.succession.forget(&self.spec.id, &gone.id);
        }
        self.sessions.leave(|database| found.contains(database)).await;
        let known: BTreeSet<Arc<str>> = self
            .tracks
            .iter()
            .map(|track| Arc::clone(&track.database))
            .collect();
        for database in found.iter().filter(|database| !known.contains(database.as_str())) {
            self.add_database(&streams, database);
        }
        for (id, _) in std::mem::take(&mut self.remembered) {
            if id.database().is_none_or(|database| !found.contains(database)) {
                self.env.succession.forget(&self.spec.id, &id);
            }
        }
    }

    /// The databases that are remembered of these streams and that the receiver's lists still let in.
    pub(super) fn remembered_databases(&self, streams: &[Planned]) -> BTreeSet<String> {
        let ReaderPlan::Engine(plan) = &self.reader.plan else {
            return BTreeSet::new();
        };
        let settings = plan.settings();
        let (only, except) = (&settings.databases, &settings.exclude_databases);
        let read = |id: &StreamId| streams.iter().any(|planned| planned.name() == id.name());
        let named = self.remembered.keys().filter(|id| read(id));
        let names: BTreeSet<&str> = named.filter_map(StreamId::database).collect();
        let wanted = |name: &&str| {
            let is = |other: &String| other == name;
            (only.is_empty() || only.iter().any(is)) && !except.iter().any(is)
        };
        let wanted = names.into_iter().filter(wanted);
        wanted.take(MOST_REMEMBERED).map(str::to_owned).collect()
    }

    async fn databases(&mut self) -> Option<BTreeSet<String>> {
        let (env, health) = (Arc::clone(&self.env), Arc::clone(&self.health));
        let id = StreamId::of_server(DISCOVERY);
        env.ownership.ask(&self.spec.id, &id, env.clock.now()).ok()?;
        if !env.guard.at_ease(&self.spec.id) {
            return None;
        }
        let open = !self.sessions.is_empty();
        let _entry = tokio::select! {
            entry = enter(&env.gate, &health, open) => entry.ok()?,
            () = self.cancel.cancelled() => return None,
        };
        // While it waited for its place, a breaker may have opened.
        if !env.guard.at_ease(&self.spec.id) {
            return None;
        }
        match self.list().await {
            Ok(names) => {
                health.answered();
                Some(names.into_iter().collect())
            }
            Err(fault) => {
                self.not_listed(&fault);
                None
            }
        }
    }

    /// The databases, as any of them knows: the connection that was used last is asked, so that none is
    /// opened for it.
    async fn list(&mut self) -> Result<Vec<String>, Fault> {
        self.secure_soon().await?;
        if let Some((database, open)) = self.sessions.take_last() {
            match self.list_with(open, &database).await {
                Err(fault) if fault.kind.is_of_old_connection() => {}
                result => return result,
            }
        }
        let home = self.home();
        let open = self.connect(&home).await?;
        self.list_with(open, &home).await
    }

    async fn list_with(
        &mut self,
        mut open: Open<GuardedSession<C::Session>>,
        database: &Arc<str>,
    ) -> Result<Vec<String>, Fault> {
        let names = match self.prover(database).prove(&mut open.session).await {
            Ok(()) => open.session.databases().await,
            Err(fault) => Err(fault),
        };
        let lost = |fault: &Fault| fault.kind.loses_connection();
        if open.session.is_whole() && !names.as_ref().is_err_and(lost) {
            self.sessions.put(database, open);
        }
        names
    }

    pub(super) fn not_listed(&mut self, fault: &Fault) {
        if fault.kind.is_of_ownership() {
            return;
        }
        let (now, home) = (Instant::now(), self.home());
        let scene = Scene {
            driver: self.reader.plan.driver(),
            role: self.reader.plan.username(),
            database: &home,
            extension: None,
        };
        if fault.kind.is_of_target(true, self.health.has_connections()) {
            self.health.failed(fault, scene, now);
        } else if let Some(discovery) = &mut self.discovery {
            self.health.answered();
            if let Some(times) = discovery.reporter.fault(fault.kind, now) {
                let advice = advice(fault.kind, scene);
                tracing::warn!(target = %self.spec.id, error = %fault, advice, times, "databases cannot be listed");
            }
        }
    }
}

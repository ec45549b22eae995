//! Which databases there are.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ringwatch_frame::StreamId;
use tokio::time::Instant;

use super::Lane;
use super::entry::enter;
use crate::fault::{Fault, Scene, advice};
use crate::plan::PlannedStream;
use crate::report::Reporter;
use crate::session::{Connector, Session};

/// How often the list of databases is read anew.
const REDISCOVER: Duration = Duration::from_secs(60);
/// How soon it is tried again when that failed.
const AGAIN: Duration = Duration::from_secs(1);
/// The name under which ownership is asked whether databases may be listed.
const DISCOVERY: &str = "discovery";

/// What is read in each database, and when databases are looked for next.
pub(super) struct Discovery {
    streams: Vec<Arc<PlannedStream>>,
    at: Instant,
    reporter: Reporter,
}

impl Discovery {
    /// Looks at once.
    pub(super) fn new(streams: Vec<Arc<PlannedStream>>) -> Self {
        Self {
            streams,
            at: Instant::now(),
            reporter: Reporter::default(),
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
        }
        self.sessions.keep(|database| found.contains(database)).await;
        let known: BTreeSet<Arc<str>> = self
            .tracks
            .iter()
            .map(|track| Arc::clone(&track.database))
            .collect();
        for database in found.iter().filter(|database| !known.contains(database.as_str())) {
            let database: Arc<str> = database.as_str().into();
            for planned in &streams {
                self.add(
                    planned,
                    StreamId::of_database(&planned.stream.name, &database),
                    &database,
                );
            }
        }
    }

    async fn databases(&mut self) -> Option<BTreeSet<String>> {
        let (env, health) = (Arc::clone(&self.env), Arc::clone(&self.health));
        let id = StreamId::of_server(DISCOVERY);
        env.ownership.ask(&self.spec.id, &id, env.clock.now()).ok()?;
        let open = self.sessions.has(&self.home());
        let _entry = tokio::select! {
            entry = enter(&env.gate, &health, open) => entry.ok()?,
            () = self.cancel.cancelled() => return None,
        };
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

    async fn list(&mut self) -> Result<Vec<String>, Fault> {
        let home = self.home();
        let mut open = match self.sessions.take(&home) {
            Some(open) => open,
            None => self.connect(&home).await?,
        };
        let names = open.session.databases().await?;
        self.sessions.put(&home, open);
        Ok(names)
    }

    fn not_listed(&mut self, fault: &Fault) {
        let (now, home) = (Instant::now(), self.home());
        let scene = Scene {
            role: &self.spec.plan.settings().username,
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

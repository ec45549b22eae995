//! The connections that a lane keeps open, by database.

use std::sync::Arc;

use futures::future::join_all;

use crate::health::Health;
use crate::session::Session;

/// An open connection, counted as long as it lives.
pub(crate) struct Open<S> {
    /// The connection.
    pub(crate) session: S,
    counted: Counted,
}

struct Counted(Arc<Health>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.closed();
    }
}

impl<S: Session> Open<S> {
    /// Counts `session` as open.
    pub(crate) fn new(session: S, health: &Arc<Health>) -> Self {
        health.opened();
        Self {
            session,
            counted: Counted(Arc::clone(health)),
        }
    }

    /// The connection, which others count from here on.
    pub(crate) fn into_session(self) -> S {
        self.session
    }

    /// Says goodbye.
    pub(crate) async fn close(self) {
        self.session.close().await;
        drop(self.counted);
    }
}

/// Connections that wait for their next question, the one that was used last at the end.
pub(crate) struct Sessions<S> {
    idle: Vec<(Arc<str>, Open<S>)>,
    limit: usize,
}

impl<S: Session> Sessions<S> {
    /// Keeps up to `limit` connections.
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            idle: Vec::new(),
            limit,
        }
    }

    /// Whether a connection to `database` is open.
    pub(crate) fn has(&self, database: &str) -> bool {
        self.idle.iter().any(|(name, _)| &**name == database)
    }

    /// Whether none is open.
    pub(crate) fn is_empty(&self) -> bool {
        self.idle.is_empty()
    }

    /// Takes out the connection that was used last, with its database.
    pub(crate) fn take_last(&mut self) -> Option<(Arc<str>, Open<S>)> {
        self.idle.pop()
    }

    /// Takes out the connection to `database`, if one is open.
    pub(crate) fn take(&mut self, database: &str) -> Option<Open<S>> {
        let at = self.idle.iter().position(|(name, _)| &**name == database)?;
        Some(self.idle.remove(at).1)
    }

    /// Closes the one that was used least recently and need not stay, if one more would be too many.
    pub(crate) async fn make_room(&mut self) {
        while self.idle.len() >= self.limit {
            let free = self.idle.iter().position(|(_, open)| !open.session.is_pinned());
            self.idle.remove(free.unwrap_or(0)).1.close().await;
        }
    }

    /// Puts a connection back.
    pub(crate) fn put(&mut self, database: &Arc<str>, open: Open<S>) {
        self.idle.push((Arc::clone(database), open));
    }

    /// Closes the connections whose database is not wanted and that need not stay.
    pub(crate) async fn leave(&mut self, wanted: impl Fn(&str) -> bool) {
        let gone = |name: &str, open: &Open<S>| !wanted(name) && !open.session.is_pinned();
        let gone = self.idle.extract_if(.., |(name, open)| gone(name, open));
        join_all(gone.map(|(_, open)| open.close()).collect::<Vec<_>>()).await;
    }

    /// Closes all connections but the one with the target's lock.
    pub(crate) async fn close_free(&mut self) {
        let free = |(_, open): &mut (Arc<str>, Open<S>)| !open.session.is_pinned();
        join_all(self.idle.extract_if(.., free).map(|(_, open)| open.close())).await;
    }

    /// Closes all connections.
    pub(crate) async fn close(&mut self) {
        join_all(self.idle.drain(..).map(|(_, open)| open.close())).await;
    }
}

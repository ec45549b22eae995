//! Connections over which nothing is sent while this node is not sure to own the target.
//!
//! A node may be paused between any two of its instructions, and wake when another one owns the target. So
//! the owner is asked before each question, and again whenever a question under way could go on: the driver
//! answers an answer with a further message, as when a statement was prepared and is now executed. A question
//! under way rests meanwhile.

use std::sync::Arc;
use std::time::Duration;

use arrow_array::RecordBatch;

use crate::barrier::{Allows, Barrier};
use crate::fault::{Fault, FaultKind};
use crate::fence::{Held, Lock, Locked};
use crate::limit::{Ended, within};
use crate::names::Station;
use crate::reader::Reader;
use crate::session::{
    Activity, Connector, Described, Explain, Explained, Extension, LastQuestion, NoPlan, Query, Question,
    Refused, Session, Whose,
};
use crate::sqlquery::Answered;
use crate::target::TargetSpec;
use crate::warrant::Warrant;

/// How often it is asked again whether the target is held.
pub(crate) const ASK_AGAIN: Duration = Duration::from_millis(20);

/// Opens connections, and guards them.
pub(crate) struct Guarded<C> {
    connector: C,
}

impl<C: Connector> Guarded<C> {
    /// Guards what `connector` opens.
    pub(crate) fn new(connector: C) -> Self {
        Self { connector }
    }

    /// Connects to `database` of `target`, within the receiver's timeout.
    pub(crate) async fn connect(
        &self,
        target: &TargetSpec,
        (reader, database): (&Reader, &str),
        station: Station,
        warrant: &Arc<dyn Warrant>,
    ) -> Result<GuardedSession<C::Session>, Fault> {
        let barrier = Barrier::new(warrant, reader);
        barrier.check(Warrant::owns)?;
        let connect = Box::pin(self.connector.connect(target, (reader, database), station));
        let session = barrier.around(Warrant::owns, connect).await;
        let session = session.unwrap_or_else(|| Err(not_held()))?;
        Ok(GuardedSession::new(session, barrier, station))
    }

    /// Connects before the target is ours: a connection that is ready when it becomes so. Nothing else is
    /// sent over it before.
    pub(crate) async fn connect_ahead(
        &self,
        target: &TargetSpec,
        (reader, database): (&Reader, &str),
        warrant: &Arc<dyn Warrant>,
    ) -> Result<GuardedSession<C::Session>, Fault> {
        let station = Station::Standby;
        let session = Box::pin(self.connector.connect(target, (reader, database), station)).await?;
        Ok(GuardedSession::new(
            session,
            Barrier::new(warrant, reader),
            station,
        ))
    }
}

/// The fault of what was not sent.
pub(crate) fn not_held() -> Fault {
    Fault::new(
        FaultKind::NotHeld,
        "this node is not sure to own the target, so that nothing is sent",
    )
}

/// A connection behind a barrier.
pub(crate) struct GuardedSession<S> {
    session: S,
    barrier: Barrier,
    /// It was opened for a standby, and the lane that has it now has not asked yet.
    unlisted: bool,
    station: Station,
    /// It was there when the target's lock was ours: whoever takes it away ends this session first.
    proven: bool,
    /// The target's lock, where this session has it.
    held: Option<Held>,
    /// A question was begun and its end was not seen.
    under_way: bool,
    /// The longest that one question may take, where it is less than the reader says.
    limit: Option<Duration>,
}

impl<S: Session> GuardedSession<S> {
    fn new(session: S, barrier: Barrier, station: Station) -> Self {
        Self {
            session,
            barrier,
            unlisted: false,
            station,
            proven: false,
            held: None,
            under_way: false,
            limit: None,
        }
    }

    /// It passes from a standby to a lane of the owner, which has another warrant.
    pub(crate) fn adopt(&mut self, warrant: &Arc<dyn Warrant>) {
        self.barrier.warrant = Arc::clone(warrant);
        self.unlisted |= self.station == Station::Standby;
        self.station = Station::Lane;
        self.proven = false;
    }

    /// Whether it need not ask whose the target's lock is.
    pub(crate) const fn is_proven(&self) -> bool {
        self.proven
    }

    /// The lock was ours when it asked.
    pub(crate) fn prove(&mut self) {
        self.proven = true;
    }

    /// Tries the lock of a target that is ours as far as nodes know.
    pub(crate) async fn try_lock(&mut self, lock: &Lock) -> Result<Locked, Fault> {
        self.begin(Warrant::owns).await?;
        let answer = self
            .barrier
            .around(Warrant::owns, self.session.lock(lock))
            .await
            .map(Ended::InTime);
        self.end(answer)
    }

    /// Who has the lock of a target that is ours as far as nodes know.
    pub(crate) async fn locks_holder(&mut self, lock: &Lock) -> Result<Locked, Fault> {
        self.begin(Warrant::owns).await?;
        let work = self.session.holder(lock);
        let answer = self.barrier.around(Warrant::owns, work).await;
        self.end(answer.map(Ended::InTime))
    }

    /// Ends the sessions of the lanes of a node that holds the lock of a target that is ours.
    pub(crate) async fn end_others(&mut self, whose: &Whose<'_>) -> Result<Vec<LastQuestion>, Fault> {
        self.begin(Warrant::owns).await?;
        let work = self.session.end_lanes(whose);
        let answer = self.barrier.around(Warrant::owns, work).await;
        self.end(answer.map(Ended::InTime))
    }

    /// Ends the session of another node, which holds the lock of a target that is ours.
    pub(crate) async fn end_other(&mut self, session: i64) -> Result<(), Fault> {
        self.begin(Warrant::owns).await?;
        let work = self.session.end_session(session);
        let answer = self.barrier.around(Warrant::owns, work).await;
        self.end(answer.map(Ended::InTime))
    }

    /// The lock is this session's from here on.
    pub(crate) fn hold(&mut self, held: Held) {
        self.held = Some(held);
        self.proven = true;
    }

    /// Says anew under which epoch it holds the lock, where that has changed.
    pub(crate) async fn restamp(&mut self) -> Result<(), Fault> {
        let Some(lock) = self.held.as_ref().and_then(Held::restamp) else {
            return Ok(());
        };
        self.begin(Warrant::holds).await?;
        let answer = self
            .barrier
            .around(Warrant::holds, self.session.stamp(&lock))
            .await;
        self.end(answer.map(Ended::InTime))?;
        if let Some(held) = &mut self.held {
            held.stamped(lock.epoch);
        }
        Ok(())
    }

    /// Sets the longest that one question may take, where it is less than the reader says.
    pub(crate) fn limit(&mut self, limit: Option<Duration>) {
        self.limit = limit;
    }

    /// Whether it may be used again: no question over it was broken off, of which the driver might still send
    /// the rest.
    pub(crate) fn is_whole(&self) -> bool {
        !self.under_way
    }

    /// `query` with what the server is told of its limit: a little more, so that this side gives up first, and what it
    /// gave up does not go on at the server.
    fn limited<'a>(&self, query: &Query<'a>) -> Query<'a> {
        let most = self.limit.map(|limit| limit.saturating_mul(5) / 4);
        Query {
            timeout: most.map_or(query.timeout, |most| most.min(query.timeout)),
            ..*query
        }
    }

    async fn begin(&mut self, allows: Allows) -> Result<(), Fault> {
        self.barrier.check(allows)?;
        self.under_way = true;
        if self.unlisted {
            let answer = self.barrier.around(allows, self.session.enlist()).await;
            self.end(answer.map(Ended::InTime))?;
            self.unlisted = false;
            self.under_way = true;
        }
        Ok(())
    }

    fn end<T, E: From<Fault>>(&mut self, answer: Option<Ended<T, E>>) -> Result<T, E> {
        match answer {
            Some(Ended::InTime(answer)) => {
                self.under_way = false;
                answer
            }
            Some(Ended::Late(limit)) => {
                let message = format!("no answer within {limit:?}");
                Err(Fault::new(FaultKind::Deadline, &message).into())
            }
            None => Err(not_held().into()),
        }
    }
}

impl<S: Session> Session for GuardedSession<S> {
    fn version(&self) -> u32 {
        self.session.version()
    }

    async fn read(&mut self, question: &Question<'_>) -> Result<RecordBatch, Fault> {
        self.begin(Warrant::holds).await?;
        let work = within(self.limit, self.session.read(question));
        let answer = self.barrier.around(Warrant::finishes, work).await;
        self.end(answer)
    }

    async fn extension(&mut self, name: &str) -> Result<Option<Extension>, Fault> {
        self.begin(Warrant::holds).await?;
        let work = within(self.limit, self.session.extension(name));
        let answer = self.barrier.around(Warrant::finishes, work).await;
        self.end(answer)
    }

    async fn has_role(&mut self, name: &str) -> Result<bool, Fault> {
        self.begin(Warrant::holds).await?;
        let work = within(self.limit, self.session.has_role(name));
        let answer = self.barrier.around(Warrant::finishes, work).await;
        self.end(answer)
    }

    async fn databases(&mut self) -> Result<Vec<String>, Fault> {
        self.begin(Warrant::holds).await?;
        let work = within(self.limit, self.session.databases());
        let answer = self.barrier.around(Warrant::finishes, work).await;
        self.end(answer)
    }

    async fn query(&mut self, query: &Query<'_>) -> Result<Answered, Refused> {
        self.begin(Warrant::holds).await?;
        let query = self.limited(query);
        let work = within(self.limit, self.session.query(&query));
        let answer = self.barrier.around(Warrant::finishes, work).await;
        self.end(answer)
    }

    async fn describe(&mut self, query: &Query<'_>) -> Result<Described, Refused> {
        self.begin(Warrant::holds).await?;
        let query = self.limited(query);
        let work = within(self.limit, self.session.describe(&query));
        let answer = self.barrier.around(Warrant::finishes, work).await;
        self.end(answer)
    }

    async fn explain(&mut self, explain: &Explain<'_>) -> Result<Explained, NoPlan> {
        self.begin(Warrant::holds).await?;
        let work = within(self.limit, self.session.explain(explain));
        let answer = self.barrier.around(Warrant::finishes, work).await;
        self.end(answer)
    }

    async fn started(&mut self) -> Result<Option<i64>, Fault> {
        self.begin(Warrant::holds).await?;
        let work = within(self.limit, self.session.started());
        let answer = self.barrier.around(Warrant::finishes, work).await;
        self.end(answer)
    }

    async fn activity(&mut self, whose: &Whose<'_>) -> Result<Activity, Fault> {
        self.begin(Warrant::owns).await?;
        let work = within(self.limit, self.session.activity(whose));
        let answer = self.barrier.around(Warrant::owns, work).await;
        self.end(answer)
    }

    fn is_pinned(&self) -> bool {
        self.held.is_some()
    }

    async fn close(mut self) {
        // Before the server lets go of the lock: nothing may be sent any more.
        self.held = None;
        // A goodbye would first send the rest of what was broken off.
        if self.is_whole() {
            self.session.close().await;
        }
    }
}

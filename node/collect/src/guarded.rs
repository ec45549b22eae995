//! Connections over which nothing is sent while this node is not sure to own the target.
//!
//! A node may be paused between any two of its instructions, and wake when another one owns the target. So
//! the owner is asked before each question, and again whenever a question under way could go on: the driver
//! answers an answer with a further message, as when a statement was prepared and is now executed. A question
//! under way rests meanwhile.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use arrow_array::RecordBatch;
use ringwatch_frame::TargetId;
use tokio::time::Instant;

use crate::fault::{Fault, FaultKind};
use crate::ownership::Ownership;
use crate::reader::Reader;
use crate::session::{
    Connector, Described, Explain, Explained, Extension, NoPlan, Query, Question, Refused, Session,
};
use crate::sqlquery::Answered;
use crate::target::TargetSpec;

/// How often it is asked again whether the target is held.
pub(crate) const ASK_AGAIN: Duration = Duration::from_millis(20);

/// Opens connections, and guards them.
pub(crate) struct Guarded<C> {
    connector: C,
    ownership: Arc<dyn Ownership>,
}

impl<C: Connector> Guarded<C> {
    /// Guards what `connector` opens.
    pub(crate) fn new(connector: C, ownership: Arc<dyn Ownership>) -> Self {
        Self { connector, ownership }
    }

    /// Connects to `database` of `target`, within the receiver's timeout.
    pub(crate) async fn connect(
        &self,
        target: &TargetSpec,
        reader: &Reader,
        database: &str,
    ) -> Result<GuardedSession<C::Session>, Fault> {
        let fence = self.fence(target, reader);
        fence.check()?;
        let connect = Box::pin(self.connector.connect(target, reader, database));
        let session = fence.around(connect).await;
        let session = session.unwrap_or_else(|| Err(not_held()))?;
        Ok(GuardedSession::new(session, fence))
    }

    /// Connects before the target is ours: a connection that is ready when it becomes so. Nothing else is
    /// sent over it before.
    pub(crate) async fn connect_ahead(
        &self,
        target: &TargetSpec,
        reader: &Reader,
        database: &str,
    ) -> Result<GuardedSession<C::Session>, Fault> {
        let session = Box::pin(self.connector.connect(target, reader, database)).await?;
        Ok(GuardedSession::new(session, self.fence(target, reader)))
    }

    fn fence(&self, target: &TargetSpec, reader: &Reader) -> Fence {
        Fence {
            ownership: Arc::clone(&self.ownership),
            target: target.id.clone(),
            patience: reader.plan.timeout(),
        }
    }
}

/// The fault of what was not sent.
pub(crate) fn not_held() -> Fault {
    Fault::new(
        FaultKind::NotHeld,
        "this node is not sure to own the target, so that nothing is sent",
    )
}

/// Lets nothing pass while the target is not held.
struct Fence {
    ownership: Arc<dyn Ownership>,
    target: TargetId,
    /// How long something under way may rest.
    patience: Duration,
}

impl Fence {
    fn holds(&self) -> bool {
        self.ownership.holds(&self.target)
    }

    fn check(&self) -> Result<(), Fault> {
        if self.holds() { Ok(()) } else { Err(not_held()) }
    }

    /// What comes of `work`, which rests while the target is not held. `None` when it rested too long: then
    /// it is broken off in the middle.
    async fn around<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        let mut work = pin!(work);
        loop {
            let held = poll_fn(|context| {
                if self.holds() {
                    work.as_mut().poll(context).map(Some)
                } else {
                    Poll::Ready(None)
                }
            });
            if let Some(done) = held.await {
                return Some(done);
            }
            let end = Instant::now() + self.patience;
            while !self.holds() {
                if Instant::now() >= end {
                    return None;
                }
                tokio::time::sleep(ASK_AGAIN).await;
            }
        }
    }
}

/// A connection behind a fence.
pub(crate) struct GuardedSession<S> {
    session: S,
    fence: Fence,
    /// A question was begun and its end was not seen.
    under_way: bool,
    /// The longest that one question may take, where it is less than the reader says.
    limit: Option<Duration>,
}

impl<S: Session> GuardedSession<S> {
    fn new(session: S, fence: Fence) -> Self {
        Self {
            session,
            fence,
            under_way: false,
            limit: None,
        }
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

    fn begin(&mut self) -> Result<(), Fault> {
        self.fence.check()?;
        self.under_way = true;
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

/// How a question ended.
enum Ended<T, E> {
    /// The server answered.
    InTime(Result<T, E>),
    /// It did not within this time, and the question was broken off.
    Late(Duration),
}

/// What comes of `work` within `limit`.
async fn within<T, E>(limit: Option<Duration>, work: impl Future<Output = Result<T, E>>) -> Ended<T, E> {
    let Some(limit) = limit else {
        return Ended::InTime(work.await);
    };
    tokio::time::timeout(limit, work)
        .await
        .map_or(Ended::Late(limit), Ended::InTime)
}

impl<S: Session> Session for GuardedSession<S> {
    fn version(&self) -> u32 {
        self.session.version()
    }

    async fn read(&mut self, question: &Question<'_>) -> Result<RecordBatch, Fault> {
        self.begin()?;
        let work = within(self.limit, self.session.read(question));
        let answer = self.fence.around(work).await;
        self.end(answer)
    }

    async fn extension(&mut self, name: &str) -> Result<Option<Extension>, Fault> {
        self.begin()?;
        let work = within(self.limit, self.session.extension(name));
        let answer = self.fence.around(work).await;
        self.end(answer)
    }

    async fn has_role(&mut self, name: &str) -> Result<bool, Fault> {
        self.begin()?;
        let work = within(self.limit, self.session.has_role(name));
        let answer = self.fence.around(work).await;
        self.end(answer)
    }

    async fn databases(&mut self) -> Result<Vec<String>, Fault> {
        self.begin()?;
        let work = within(self.limit, self.session.databases());
        let answer = self.fence.around(work).await;
        self.end(answer)
    }

    async fn query(&mut self, query: &Query<'_>) -> Result<Answered, Refused> {
        self.begin()?;
        let query = self.limited(query);
        let work = within(self.limit, self.session.query(&query));
        let answer = self.fence.around(work).await;
        self.end(answer)
    }

    async fn describe(&mut self, query: &Query<'_>) -> Result<Described, Refused> {
        self.begin()?;
        let query = self.limited(query);
        let work = within(self.limit, self.session.describe(&query));
        let answer = self.fence.around(work).await;
        self.end(answer)
    }

    async fn explain(&mut self, explain: &Explain<'_>) -> Result<Explained, NoPlan> {
        self.begin()?;
        let work = within(self.limit, self.session.explain(explain));
        let answer = self.fence.around(work).await;
        self.end(answer)
    }

    async fn started(&mut self) -> Result<Option<i64>, Fault> {
        self.begin()?;
        let work = within(self.limit, self.session.started());
        let answer = self.fence.around(work).await;
        self.end(answer)
    }

    async fn close(self) {
        // A goodbye would first send the rest of what was broken off.
        if self.is_whole() {
            self.session.close().await;
        }
    }
}

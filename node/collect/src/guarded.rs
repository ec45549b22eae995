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
use crate::session::{Connector, Extension, Question, Session};
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
        database: &str,
    ) -> Result<GuardedSession<C::Session>, Fault> {
        let fence = self.fence(target);
        fence.check()?;
        let session = fence.around(self.connector.connect(target, database)).await;
        let session = session.unwrap_or_else(|| Err(not_held()))?;
        Ok(GuardedSession::new(session, fence))
    }

    /// Connects before the target is ours: a connection that is ready when it becomes so. Nothing else is
    /// sent over it before.
    pub(crate) async fn connect_ahead(
        &self,
        target: &TargetSpec,
        database: &str,
    ) -> Result<GuardedSession<C::Session>, Fault> {
        let session = self.connector.connect(target, database).await?;
        Ok(GuardedSession::new(session, self.fence(target)))
    }

    fn fence(&self, target: &TargetSpec) -> Fence {
        Fence {
            ownership: Arc::clone(&self.ownership),
            target: target.id.clone(),
            patience: *target.plan.settings().timeout,
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
}

impl<S: Session> GuardedSession<S> {
    fn new(session: S, fence: Fence) -> Self {
        Self {
            session,
            fence,
            under_way: false,
        }
    }

    /// Whether it may be used again: no question over it was broken off, of which the driver might still send
    /// the rest.
    pub(crate) fn is_whole(&self) -> bool {
        !self.under_way
    }

    fn begin(&mut self) -> Result<(), Fault> {
        self.fence.check()?;
        self.under_way = true;
        Ok(())
    }

    fn end<T>(&mut self, answer: Option<Result<T, Fault>>) -> Result<T, Fault> {
        self.under_way = answer.is_none();
        answer.unwrap_or_else(|| Err(not_held()))
    }
}

impl<S: Session> Session for GuardedSession<S> {
    fn version(&self) -> u32 {
        self.session.version()
    }

    async fn read(&mut self, question: &Question<'_>) -> Result<RecordBatch, Fault> {
        self.begin()?;
        let answer = self.fence.around(self.session.read(question)).await;
        self.end(answer)
    }

    async fn extension(&mut self, name: &str) -> Result<Option<Extension>, Fault> {
        self.begin()?;
        let answer = self.fence.around(self.session.extension(name)).await;
        self.end(answer)
    }

    async fn has_role(&mut self, name: &str) -> Result<bool, Fault> {
        self.begin()?;
        let answer = self.fence.around(self.session.has_role(name)).await;
        self.end(answer)
    }

    async fn databases(&mut self) -> Result<Vec<String>, Fault> {
        self.begin()?;
        let answer = self.fence.around(self.session.databases()).await;
        self.end(answer)
    }

    async fn close(self) {
        // A goodbye would first send the rest of what was broken off.
        if self.is_whole() {
            self.session.close().await;
        }
    }
}

//! One consumer: leases a batch, sends it until the backend has an answer, ends it in the books.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use ringwatch_config::settings::RetryOnFailure;
use ringwatch_frame::{Batch, DropReason};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tonic::{Code, Status};

use super::circuit::Outcome;
use super::client::{Client, Reply};
use super::connect::chain;
use super::encode::{Encoded, encode};
use super::gate::{Gate, Pass};
use super::rate_limit;
use super::verdict::{Verdict, judge};
use crate::Signal;
use crate::admit::Admission;
use crate::metrics::SendMetrics;
use crate::queue::{Lease, Queue};
use crate::retry::Backoff;
use crate::standing::Standing;
use crate::status::Activity;
use crate::throttle::{Throttle, clean};

/// A larger request is halved before it is sent: 4 MiB is what gRPC servers take unless they are told otherwise, and
/// so what most receivers take. A single row is sent however large it is.
const LARGEST: usize = 4 << 20;
/// A batch that was leased so often and went back without an answer has ended its consumers, and would end the next.
const MOST_TRIES: u32 = 3;
/// How often a node that was paused is asked whether it knows again what is its own.
const LOOK: Duration = Duration::from_millis(20);
/// So long a node that was paused is waited for.
const DOUBT: Duration = Duration::from_secs(30);
/// The wait between attempts while the node stops.
const HURRIED: Duration = Duration::from_millis(500);

/// What the consumers of an exporter share.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) name: String,
    pub(super) client: Client,
    pub(super) retry: RetryOnFailure,
    pub(super) admission: Arc<Admission>,
    pub(super) version: String,
    pub(super) metrics: SendMetrics,
    pub(super) gate: Gate,
    /// Whether words of the backend count as a limit, besides the codes of the protocol.
    pub(super) detect_rate_limits: bool,
    pub(super) activity: Arc<Activity>,
    pub(super) standing: Arc<dyn Standing>,
    /// Cancelled when the node stops: nobody waits long any more.
    pub(super) stopping: CancellationToken,
    pub(super) log: Logs,
}

/// What a backend can provoke, each at most once a minute.
#[derive(Debug, Default)]
pub(super) struct Logs {
    retry: Throttle,
    panics: Throttle,
    lost: Throttle,
    partial: Throttle,
}

/// What this node does not know will not be known in time.
struct TooLong;

/// How a batch ended, or what is to be done with it.
enum End {
    Taken(Reply),
    /// Frames of it were taken back meanwhile.
    Withdrawn,
    Halve,
    Lost(DropReason),
}

impl Sender {
    /// Delivers what the queue gives until it is closed and empty.
    pub(super) async fn run<Q: Queue>(self: Arc<Self>, queue: Q) {
        while let Some(lease) = queue.lease().await {
            self.deliver(lease).await;
        }
    }

    /// Runs until the queue is closed and empty, or `give_up` is cancelled. A consumer that panics is replaced.
    pub(super) async fn supervise<Q: Queue + Clone>(self: Arc<Self>, queue: Q, give_up: CancellationToken) {
        loop {
            let run = Arc::clone(&self).run(queue.clone());
            let run = give_up.clone().run_until_cancelled_owned(run);
            match tokio::spawn(run).await {
                Err(error) if error.is_panic() => self.tell_panic(),
                _ => return,
            }
            // A panic that has nothing to do with a batch must not become a loop without a pause.
            let _ = give_up.run_until_cancelled(tokio::time::sleep(HURRIED)).await;
        }
    }

    async fn deliver<L: Lease>(self: &Arc<Self>, lease: L) {
        let mut next = Some(lease);
        while let Some(lease) = next.take() {
            next = self.try_to_deliver(lease).await;
        }
    }

    /// Gives the lease back where it is to be encoded anew.
    async fn try_to_deliver<L: Lease>(self: &Arc<Self>, mut lease: L) -> Option<L> {
        if lease.tried() >= MOST_TRIES {
            self.discard_poison(lease);
            return None;
        }
        lease.drop_withdrawn();
        let (lease, encoded, bytes) = self.encoded(lease).await?;
        let signal = lease.signal();
        let Some(encoded) = encoded else {
            self.halve(signal, lease, 0);
            return None;
        };
        if encoded.items == 0 {
            lease.acknowledge().deliver();
            return None;
        }
        let end = if bytes.len() > LARGEST && encoded.rows > 1 {
            End::Halve
        } else {
            self.send_until_answered(signal, bytes.into(), &lease).await
        };
        match end {
            End::Taken(reply) => self.settle(signal, encoded, &reply, lease.acknowledge()),
            End::Lost(reason) => self.lose(signal, encoded.items, reason, lease),
            End::Halve => self.halve(signal, lease, encoded.items),
            End::Withdrawn => return Some(lease),
        }
        None
    }

    /// Waits until an attempt may be made: this node knows what is its own, none of the batch was taken back, and the
    /// circuit lets it pass.
    async fn may_send<L: Lease>(&self, lease: &L) -> Result<Pass<'_>, End> {
        loop {
            let waited_long = self.be_sure().await.is_err();
            if lease.batch().has_withdrawn() {
                return Err(End::Withdrawn);
            }
            let too_old = || End::Lost(DropReason::QueueAge);
            if lease.is_expired() {
                return Err(too_old());
            }
            let pass = self.gate.pass(lease.time_left()).await.ok_or_else(too_old)?;
            // A pass that is dropped was not made use of.
            if waited_long || (self.standing.is_sure() && !lease.batch().has_withdrawn()) {
                return Ok(pass);
            }
        }
    }

    /// Waits while this node was paused and does not know yet which frames others deliver by now.
    ///
    /// # Errors
    /// When that takes longer than anybody can wait.
    async fn be_sure(&self) -> Result<(), TooLong> {
        let until = Instant::now() + DOUBT;
        while !self.standing.is_sure() {
            if self.stopping.is_cancelled() || Instant::now() >= until {
                return Err(TooLong);
            }
            tokio::time::sleep(LOOK).await;
        }
        Ok(())
    }

    /// Puts two halves in place of the batch. What cannot be halved is lost.
    fn halve<L: Lease>(&self, signal: Signal, lease: L, items: u64) {
        if let Err(whole) = lease.split() {
            self.lose(signal, items, DropReason::TooLarge, whole);
        }
    }

    /// Encodes the batch of `lease`, which takes a while when it is large, on a thread that has time. `None` when that
    /// went wrong: then the lease went back. Without an `Encoded` the request is too large to be sent.
    async fn encoded<L: Lease>(self: &Arc<Self>, lease: L) -> Option<(L, Option<Encoded>, Vec<u8>)> {
        let sender = Arc::clone(self);
        let work = move || {
            let mut bytes = Vec::new();
            let batch = lease.batch();
            let most = if batch.rows() > 1 { LARGEST } else { usize::MAX };
            let projections = &sender.admission.projections;
            let encoded = encode(
                lease.signal(),
                batch,
                projections,
                &sender.version,
                most,
                &mut bytes,
            );
            (lease, encoded, bytes)
        };
        match tokio::task::spawn_blocking(work).await {
            Ok(encoded) => Some(encoded),
            Err(error) if error.is_panic() => {
                self.tell_panic();
                None
            }
            // The runtime ends, and this task with it.
            Err(_) => std::future::pending().await,
        }
    }

    async fn send_until_answered<L: Lease>(&self, signal: Signal, body: Bytes, lease: &L) -> End {
        let mut backoff = Backoff::new(&self.retry, Instant::now());
        loop {
            let pass = match self.may_send(lease).await {
                Ok(pass) => pass,
                Err(end) => return end,
            };
            let status = match self.attempt(signal, body.clone()).await {
                Ok(reply) => {
                    pass.ended(Outcome::Alive);
                    return End::Taken(reply);
                }
                Err(status) => status,
            };
            let verdict = judge(&status);
            pass.ended(rate_limit::outcome(&status, verdict, self.detect_rate_limits));
            let pause = match verdict {
                Verdict::TooLarge => return End::Halve,
                Verdict::Permanent => {
                    self.tell_lost(&status);
                    return End::Lost(DropReason::Permanent);
                }
                Verdict::Retry(_) if !self.retry.enabled => {
                    self.tell_lost(&status);
                    return End::Lost(DropReason::Permanent);
                }
                Verdict::Retry(pause) => pause,
            };
            let pause = pause.unwrap_or_else(|| backoff.next(Instant::now(), fastrand::f64()));
            let pause = lease.time_left().map_or(pause, |left| pause.min(left));
            self.tell_retry(&status, pause);
            self.pause(pause).await;
            if lease.is_expired() {
                return End::Lost(DropReason::QueueAge);
            }
        }
    }

    async fn attempt(&self, signal: Signal, body: Bytes) -> Result<Reply, Status> {
        let start = Instant::now();
        let answer = self.client.send(signal, body).await;
        self.metrics.seconds.observe(start.elapsed().as_secs_f64());
        let code = answer.as_ref().map_or_else(Status::code, |_| Code::Ok);
        self.metrics.attempts.with_label_values(&[code_name(code)]).inc();
        self.activity.attempted(answer.is_ok());
        answer
    }

    /// Waits; when the node stops, no longer than it takes to try again soon.
    async fn pause(&self, pause: Duration) {
        if self.stopping.is_cancelled() {
            tokio::time::sleep(HURRIED.min(pause)).await;
        } else {
            let _ = self.stopping.run_until_cancelled(tokio::time::sleep(pause)).await;
        }
    }

    fn settle(&self, signal: Signal, encoded: Encoded, reply: &Reply, batch: Batch) {
        let rejected = reply.rejected.min(encoded.items);
        self.metrics.sent(signal, encoded.items - rejected);
        self.metrics.failed(signal, rejected);
        if (rejected > 0 || !reply.message.is_empty())
            && let Some(held_back) = self.log.partial.pass()
        {
            let (exporter, message) = (&self.name, clean(&reply.message));
            tracing::warn!(
                exporter,
                rejected,
                held_back,
                message,
                "the backend took a request only in part or with a warning"
            );
        }
        batch.deliver_except(rejected.min(encoded.rows));
    }

    fn lose<L: Lease>(&self, signal: Signal, items: u64, reason: DropReason, lease: L) {
        self.metrics.failed(signal, items);
        if reason == DropReason::TooLarge
            && let Some(held_back) = self.log.lost.pass()
        {
            let (exporter, rows) = (&self.name, lease.batch().rows());
            tracing::error!(
                exporter,
                rows,
                held_back,
                "one row alone is larger than the backend takes and was dropped: raise the backend's limit"
            );
        }
        lease.acknowledge().discard(reason);
    }

    /// Ends a batch that nobody can handle.
    fn discard_poison<L: Lease>(&self, lease: L) {
        let batch = lease.acknowledge();
        let (exporter, rows) = (&self.name, batch.rows());
        tracing::error!(
            exporter,
            rows,
            tries = MOST_TRIES,
            "a batch made every consumer that had it panic, and was dropped; this is a defect of Ringwatch: report it"
        );
        batch.discard(DropReason::Invalid);
    }

    fn tell_panic(&self) {
        if let Some(held_back) = self.log.panics.pass() {
            let exporter = &self.name;
            tracing::error!(
                exporter,
                held_back,
                "a consumer panicked; its batch went back to the queue and will be tried again"
            );
        }
    }

    fn tell_lost(&self, status: &Status) {
        if let Some(held_back) = self.log.lost.pass() {
            let (exporter, code, message) = (&self.name, code_name(status.code()), clean(&chain(status)));
            tracing::error!(
                exporter,
                code,
                message,
                held_back,
                "the backend will not take a batch, which was dropped"
            );
        }
    }

    fn tell_retry(&self, status: &Status, pause: Duration) {
        if let Some(held_back) = self.log.retry.pass() {
            let (exporter, code, message) = (&self.name, code_name(status.code()), clean(&chain(status)));
            tracing::warn!(
                exporter,
                code,
                message,
                ?pause,
                held_back,
                "an attempt failed and will be repeated"
            );
        }
    }
}

/// The name of a code as the gRPC documentation has it.
fn code_name(code: Code) -> &'static str {
    match code {
        Code::Ok => "OK",
        Code::Cancelled => "CANCELLED",
        Code::Unknown => "UNKNOWN",
        Code::InvalidArgument => "INVALID_ARGUMENT",
        Code::DeadlineExceeded => "DEADLINE_EXCEEDED",
        Code::NotFound => "NOT_FOUND",
        Code::AlreadyExists => "ALREADY_EXISTS",
        Code::PermissionDenied => "PERMISSION_DENIED",
        Code::ResourceExhausted => "RESOURCE_EXHAUSTED",
        Code::FailedPrecondition => "FAILED_PRECONDITION",
        Code::Aborted => "ABORTED",
        Code::OutOfRange => "OUT_OF_RANGE",
        Code::Unimplemented => "UNIMPLEMENTED",
        Code::Internal => "INTERNAL",
        Code::Unavailable => "UNAVAILABLE",
        Code::DataLoss => "DATA_LOSS",
        Code::Unauthenticated => "UNAUTHENTICATED",
    }
}

#[cfg(test)]
#[path = "consumer_tests.rs"]
mod tests;

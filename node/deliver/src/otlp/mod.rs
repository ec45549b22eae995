//! Exporter `otlp`: OTLP over gRPC, by the book.

mod circuit;
mod client;
mod connect;
mod consumer;
mod encode;
mod gate;
mod rate_limit;
mod unverified;
mod verdict;

use std::sync::Arc;

use prometheus::Registry;
use ringwatch_catalogue::Projections;
use ringwatch_config::settings::{OtlpExporter, SendingQueue};
use ringwatch_frame::Batch;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

pub use encode::{Encoded, encode_logs, encode_metrics};

use crate::admit::Admission;
use crate::metrics::{CircuitMetrics, SendMetrics, register_queue};
use crate::queue::{MemoryQueue, Queue, Room};
use crate::standing::Standing;
use crate::status::{Activity, ExporterStatus};
use crate::throttle::Throttle;
use crate::{DeliverError, Signal};
use consumer::{Logs, Sender};
use gate::Gate;

/// A started `otlp` exporter. Its two signals share one queue and its consumers.
#[derive(Debug)]
pub struct OtlpHandle {
    name: Arc<str>,
    refused: Arc<Throttle>,
    queue: MemoryQueue,
    sender: Arc<Sender>,
    stopping: CancellationToken,
    /// Ends the consumers at once.
    give_up: CancellationToken,
    /// Does so when the handle is dropped.
    _guard: DropGuard,
    consumers: TaskTracker,
}

/// Where batches of one signal go in.
#[derive(Clone, Debug)]
pub struct OtlpOutlet {
    name: Arc<str>,
    signal: Signal,
    queue: MemoryQueue,
    admission: Arc<Admission>,
    activity: Arc<Activity>,
    refused: Arc<Throttle>,
}

/// What an `otlp` exporter is made of.
#[derive(Clone, Debug)]
pub struct OtlpParts<'a> {
    /// Its name in the configuration.
    pub name: &'a str,
    /// Its settings.
    pub settings: &'a OtlpExporter,
    /// What frames become.
    pub projections: Arc<Projections>,
    /// The version of the instrumentation scope.
    pub version: &'a str,
    /// Where its own metrics go.
    pub registry: &'a Registry,
    /// Whether this node may send what it has.
    pub standing: Arc<dyn Standing>,
    /// Whether words of the backend such as `429` or `rate limit` count as a wish for rest, besides the codes that the
    /// protocol has for it.
    pub detect_rate_limits: bool,
}

/// Starts an exporter. It does not wait for the backend; the connection is made with the first request. Must be called
/// within a tokio runtime.
///
/// # Errors
/// When the endpoint, a header or a file of `tls` cannot be used.
pub fn start_otlp(parts: OtlpParts<'_>) -> Result<OtlpHandle, DeliverError> {
    let OtlpParts {
        name,
        settings,
        registry,
        ..
    } = parts;
    let client = connect::client(name, settings)?;
    let metrics = SendMetrics::register(name, registry)?;
    let queue = queue(&settings.sending_queue);
    register_queue(name, queue.clone(), registry)?;
    let circuit = CircuitMetrics::register(name, registry)?;
    let retry = &settings.retry_on_failure;
    let stopping = CancellationToken::new();
    let sender = Arc::new(Sender {
        name: name.to_owned(),
        client,
        retry: retry.clone(),
        admission: Arc::new(Admission::new(parts.projections)),
        version: parts.version.to_owned(),
        metrics,
        gate: Gate::new(name, retry, circuit, stopping.clone()),
        detect_rate_limits: parts.detect_rate_limits,
        activity: Arc::default(),
        standing: parts.standing,
        stopping: stopping.clone(),
        log: Logs::default(),
    });
    let give_up = CancellationToken::new();
    let consumers = TaskTracker::new();
    for _ in 0..settings.sending_queue.num_consumers.max(1) {
        consumers.spawn(Arc::clone(&sender).supervise(queue.clone(), give_up.clone()));
    }
    consumers.close();
    Ok(OtlpHandle {
        name: name.into(),
        refused: Arc::default(),
        queue,
        sender,
        stopping,
        _guard: give_up.clone().drop_guard(),
        give_up,
        consumers,
    })
}

fn queue(settings: &SendingQueue) -> MemoryQueue {
    let room = if settings.enabled {
        Room::Waiting(settings.queue_size)
    } else {
        Room::Consumers(settings.num_consumers.max(1).into())
    };
    MemoryQueue::new(room, settings.max_age.0)
}

impl OtlpHandle {
    /// Where the batches of a pipeline of this signal go in.
    pub fn outlet(&self, signal: Signal) -> OtlpOutlet {
        OtlpOutlet {
            name: Arc::clone(&self.name),
            signal,
            queue: self.queue.clone(),
            admission: Arc::clone(&self.sender.admission),
            activity: Arc::clone(&self.sender.activity),
            refused: Arc::clone(&self.refused),
        }
    }

    /// Whether the queue would take a batch now.
    pub fn accepts(&self) -> bool {
        self.queue.state().accepts
    }

    /// How it stands.
    pub fn status(&self) -> ExporterStatus {
        let sender = &self.sender;
        sender.activity.status(self.queue.state(), sender.gate.state())
    }

    /// Takes no further batches, delivers until `deadline` what is there, and drops the rest for `shutdown`. No
    /// wait between attempts is long any more.
    pub async fn stop(&self, deadline: Instant) {
        self.queue.close();
        self.stopping.cancel();
        let _ = tokio::time::timeout_at(deadline, self.consumers.wait()).await;
        self.give_up.cancel();
        self.consumers.wait().await;
        let rows = self.queue.discard_rest();
        if rows > 0 {
            tracing::warn!(
                exporter = &*self.name,
                rows,
                "the backend did not take everything before the node stopped"
            );
        }
    }
}

impl OtlpOutlet {
    /// Takes a batch. Never waits; what the queue cannot take is dropped and counted.
    pub fn accept(&self, batch: Batch) {
        let batch = self.admission.admit(batch);
        if batch.is_empty() {
            return;
        }
        self.activity.accepted();
        if let Some(reason) = self.queue.push(self.signal, batch)
            && let Some(held_back) = self.refused.pass()
        {
            let (exporter, reason) = (&*self.name, reason.as_str());
            tracing::warn!(
                exporter,
                reason,
                held_back,
                "the queue did not take a batch, which was dropped"
            );
        }
    }
}

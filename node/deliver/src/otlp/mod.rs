//! Exporter `otlp`: OTLP over gRPC, by the book.

mod client;
mod connect;
mod consumer;
mod encode;
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
use crate::metrics::{SendMetrics, register_queue};
use crate::queue::{MemoryQueue, Queue, Room};
use crate::throttle::Throttle;
use crate::{DeliverError, Signal};
use consumer::{Logs, Sender};

/// A started `otlp` exporter. Its two signals share one queue and its consumers.
#[derive(Debug)]
pub struct OtlpHandle {
    name: Arc<str>,
    refused: Arc<Throttle>,
    queue: MemoryQueue,
    admission: Arc<Admission>,
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
    refused: Arc<Throttle>,
}

/// Starts the exporter `name`. It does not wait for the backend; the connection is made with the first request.
/// `version` is that of the instrumentation scope. Must be called within a tokio runtime.
///
/// # Errors
/// When the endpoint, a header or a file of `tls` cannot be used.
pub fn start_otlp(
    name: &str,
    settings: &OtlpExporter,
    projections: Arc<Projections>,
    version: &str,
    registry: &Registry,
) -> Result<OtlpHandle, DeliverError> {
    let client = connect::client(name, settings)?;
    let metrics = SendMetrics::register(name, registry)?;
    let queue = queue(&settings.sending_queue);
    register_queue(name, queue.clone(), registry)?;
    let admission = Arc::new(Admission::new(projections));
    let stopping = CancellationToken::new();
    let sender = Arc::new(Sender {
        name: name.to_owned(),
        client,
        retry: settings.retry_on_failure.clone(),
        admission: Arc::clone(&admission),
        version: version.to_owned(),
        metrics,
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
        admission,
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
            admission: Arc::clone(&self.admission),
            refused: Arc::clone(&self.refused),
        }
    }

    /// Whether the queue would take a batch now.
    pub fn accepts(&self) -> bool {
        self.queue.state().accepts
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

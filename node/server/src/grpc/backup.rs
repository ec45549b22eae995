//! Service `Backup`: what the group remembers, as a whole.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use futures::{Stream, stream};
use ringwatch_proto::v1;
use ringwatch_proto::v1::backup_server::Backup;
use ringwatch_state::{ImportFailed, Inspection, StateHandle};
use tokio::sync::Mutex;
use tokio::time::Instant;
use tonic::{Code, Request, Response, Status, Streaming};

use super::words::{asked, refusal};
use crate::runtime::{Counter, refused};

/// The largest text that is taken or given: more than a full group makes.
pub(crate) const LARGEST: usize = 256 * 1024 * 1024;
/// The size of its parts.
pub(crate) const PART: usize = 32 * 1024;
/// A text must have arrived by then.
const ARRIVED: Duration = Duration::from_secs(60);

/// Answers clients. One text at a time is held in memory.
pub(super) struct BackupService {
    handle: StateHandle,
    counter: Counter,
    node: String,
    busy: Arc<Mutex<()>>,
}

impl BackupService {
    /// For the node `node`.
    pub(super) fn new(counter: Counter, node: &str) -> Self {
        Self {
            handle: counter.handle().clone(),
            counter,
            node: node.to_owned(),
            busy: Arc::default(),
        }
    }
}

type Parts = Pin<Box<dyn Stream<Item = Result<v1::ExportResponse, Status>> + Send>>;

#[tonic::async_trait]
impl Backup for BackupService {
    type ExportStream = Parts;

    async fn export(&self, _: Request<v1::ExportRequest>) -> Result<Response<Parts>, Status> {
        let one = Arc::clone(&self.busy).try_lock_owned().map_err(|_| busy())?;
        let all = self.handle.export().await;
        // A hundred thousand records take a moment to be written.
        let text = tokio::task::spawn_blocking(move || {
            let mut text = serde_json::to_vec_pretty(&all)?;
            text.push(b'\n');
            Ok::<_, serde_json::Error>(text)
        });
        let text = text
            .await
            .map_err(|_| Status::aborted("the export was broken off"))?
            .map_err(|error| Status::aborted(format!("the export cannot be written: {error}")))?;
        // Whoever reads slowly holds up the next export, but not for ever.
        let end = Instant::now() + ARRIVED;
        let parts = stream::unfold((text, 0, one), move |(text, from, one)| async move {
            let part = text.get(from..)?.chunks(PART).next()?.to_vec();
            if Instant::now() > end {
                let late = Status::deadline_exceeded("the text was not taken in time");
                return Some((Err(late), (Vec::new(), 0, one)));
            }
            let next = from + part.len();
            Some((Ok(v1::ExportResponse { part }), (text, next, one)))
        });
        Ok(Response::new(Box::pin(parts)))
    }

    async fn import(
        &self,
        request: Request<Streaming<v1::ImportRequest>>,
    ) -> Result<Response<v1::ImportResponse>, Status> {
        let _one = self.busy.try_lock().map_err(|_| busy())?;
        let change = asked(&request, 0);
        let text = tokio::time::timeout(ARRIVED, arrived(request.into_inner()));
        let text = text
            .await
            .map_err(|_| Status::deadline_exceeded("the text did not arrive in time"))??;
        let read = tokio::task::spawn_blocking(move || serde_json::from_slice(&text));
        let backup = read
            .await
            .map_err(|_| Status::aborted("the import was broken off"))?
            .map_err(|_| Status::invalid_argument("this is no export: it is not JSON"))?;
        let commands = self.handle.import(backup).await.map_err(|error| failed(&error))?;
        self.counter.note(&change, "a back-up was imported");
        tracing::info!(
            who = change.who,
            from = change.from,
            commands,
            "a back-up was imported"
        );
        let commands = u64::try_from(commands).unwrap_or(u64::MAX);
        Ok(Response::new(v1::ImportResponse { commands }))
    }

    async fn inspect(&self, _: Request<v1::InspectRequest>) -> Result<Response<v1::InspectResponse>, Status> {
        let standing = self.handle.standing().borrow().clone();
        let mut answer = inspected(self.handle.inspect());
        answer.node_id.clone_from(&self.node);
        answer.role = standing.role.name().to_uppercase();
        answer.leader = standing.leader.unwrap_or_default();
        answer.term = standing.term;
        Ok(Response::new(answer))
    }
}

async fn arrived(mut parts: Streaming<v1::ImportRequest>) -> Result<Vec<u8>, Status> {
    let mut text = Vec::new();
    while let Some(part) = parts.message().await? {
        if text.len() + part.part.len() > LARGEST {
            return Err(Status::resource_exhausted("this is larger than any export"));
        }
        text.extend_from_slice(&part.part);
    }
    Ok(text)
}

fn busy() -> Status {
    let text = "this node exports or imports already; try again when it is done, or ask another node";
    Status::resource_exhausted(text)
}

fn failed(error: &ImportFailed) -> Status {
    match error {
        ImportFailed::NotEmpty => refusal(Code::FailedPrecondition, &error.to_string()),
        ImportFailed::Malformed(_) => Status::invalid_argument(error.to_string()),
        ImportFailed::Proposal { error: why, .. } => refusal(refused(why).code(), &error.to_string()),
        ImportFailed::Refused { .. } => Status::failed_precondition(error.to_string()),
    }
}

fn inspected(copy: Inspection) -> v1::InspectResponse {
    let tables = copy.tables.into_iter().map(|table| v1::Table {
        name: table.table,
        records: table.records,
        bytes: table.bytes,
    });
    let set_aside = copy.set_aside.map(|(path, why)| format!("{path}: {why}"));
    v1::InspectResponse {
        raft_id: copy.raft_id,
        group: copy.group,
        applied: copy.applied,
        log_first: copy.log_first,
        log_last: copy.log_last,
        snapshot: copy.snapshot,
        disk_bytes: copy.disk_bytes,
        digest: copy.digest,
        voters: copy.voters,
        learners: copy.learners,
        tables: tables.collect(),
        set_aside: set_aside.unwrap_or_default(),
        ..v1::InspectResponse::default()
    }
}

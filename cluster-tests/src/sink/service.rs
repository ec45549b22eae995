//! The OTLP services: they ask the script for an answer and enter into the books only what is accepted.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::LogsService;
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::MetricsService;
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use tokio::time::sleep;
use tonic::{Request, Response, Status};

use super::ledger::Ledger;
use super::point::{points_of, records_of};

/// What the receiver answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Answer {
    /// Takes it.
    #[default]
    Accept,
    /// Says that it cannot now: `UNAVAILABLE`.
    Unavailable,
    /// Takes it, but only after this time.
    Slow(Duration),
    /// Says that it never will: `INVALID_ARGUMENT`.
    Refuse,
    /// Takes it but for so many points or records of each request.
    Partial(u32),
    /// Never answers.
    Hang,
}

/// How often each answer was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Given {
    /// Requests taken whole, slow ones included.
    pub accepted: u64,
    /// Requests answered `UNAVAILABLE`.
    pub unavailable: u64,
    /// Requests refused for good.
    pub refused: u64,
    /// Requests taken in part.
    pub partial: u64,
    /// Points and records rejected in requests that were taken in part.
    pub rejected: u64,
    /// Requests that came while the script said `Slow`.
    pub slow: u64,
    /// Requests that got no answer.
    pub hung: u64,
}

/// What the services share with the test.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) script: Mutex<Answer>,
    pub(super) given: Mutex<Given>,
    pub(super) ledger: Mutex<Ledger>,
}

/// The services. Clones share everything.
#[derive(Clone, Debug)]
pub(super) struct Service(pub(super) Arc<Shared>);

impl Service {
    /// Answers a request of `count` items, of which the last `rejected` are not entered.
    async fn answer(&self, count: usize) -> Result<usize, Status> {
        let answer = *lock(&self.0.script);
        match answer {
            Answer::Slow(delay) => {
                self.note(|g| g.slow += 1);
                sleep(delay).await;
            }
            Answer::Hang => {
                self.note(|g| g.hung += 1);
                std::future::pending::<()>().await;
            }
            _ => {}
        }
        match answer {
            Answer::Unavailable => {
                self.note(|g| g.unavailable += 1);
                Err(Status::unavailable("the script says: not now"))
            }
            Answer::Refuse => {
                self.note(|g| g.refused += 1);
                Err(Status::invalid_argument("the script says: never"))
            }
            Answer::Partial(k) => {
                let rejected = count.min(k as usize);
                self.note(|g| {
                    g.partial += 1;
                    g.rejected += rejected as u64;
                });
                Ok(rejected)
            }
            Answer::Accept | Answer::Slow(_) | Answer::Hang => {
                self.note(|g| g.accepted += 1);
                Ok(0)
            }
        }
    }

    fn note(&self, change: impl FnOnce(&mut Given)) {
        change(&mut lock(&self.0.given));
    }
}

#[tonic::async_trait]
impl MetricsService for Service {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let mut points = points_of(request.into_inner().resource_metrics);
        let rejected = self.answer(points.len()).await?;
        points.truncate(points.len() - rejected);
        let mut ledger = lock(&self.0.ledger);
        ledger.begin_request();
        points.into_iter().for_each(|point| ledger.enter_point(point));
        let partial_success = (rejected > 0).then(|| ExportMetricsPartialSuccess {
            rejected_data_points: i64::try_from(rejected).unwrap_or(i64::MAX),
            error_message: "the script says: not these".into(),
        });
        Ok(Response::new(ExportMetricsServiceResponse { partial_success }))
    }
}

#[tonic::async_trait]
impl LogsService for Service {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let mut records = records_of(request.into_inner().resource_logs);
        let rejected = self.answer(records.len()).await?;
        records.truncate(records.len() - rejected);
        let mut ledger = lock(&self.0.ledger);
        ledger.begin_request();
        records.into_iter().for_each(|record| ledger.enter_record(record));
        let partial_success = (rejected > 0).then(|| ExportLogsPartialSuccess {
            rejected_log_records: i64::try_from(rejected).unwrap_or(i64::MAX),
            error_message: "the script says: not these".into(),
        });
        Ok(Response::new(ExportLogsServiceResponse { partial_success }))
    }
}

/// The books stay readable also after a test's thread has ended in the middle of a look.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

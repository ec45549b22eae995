//! An OTLP receiver in this process that answers as it is told.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::logs::v1::logs_service_server::{LogsService, LogsServiceServer};
use opentelemetry_proto::tonic::collector::logs::v1::{
    ExportLogsPartialSuccess, ExportLogsServiceRequest, ExportLogsServiceResponse,
};
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsPartialSuccess, ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use tokio::net::{TcpListener, TcpStream};
use tokio_stream::wrappers::TcpListenerStream;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::codec::CompressionEncoding::{Gzip, Zstd};
use tonic::transport::{Server, ServerTlsConfig};
use tonic::{Code, Request, Response, Status};

/// What the backend says to a request.
#[derive(Clone, Debug)]
pub(crate) enum Answer {
    Ok,
    /// Taken, and said so after this time.
    After(Duration),
    Partial(i64, &'static str),
    Fail(Status),
    Hang,
}

/// A running backend. When it is dropped, it closes its connections and ends.
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    seen: Seen,
    _running: DropGuard,
}

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    script: VecDeque<Answer>,
    always: Option<Answer>,
    requests: u64,
    points: u64,
    records: u64,
    headers: Vec<tonic::metadata::MetadataMap>,
}

impl Backend {
    /// A plain backend that gives these answers and then takes everything.
    pub(crate) async fn start(script: impl IntoIterator<Item = Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(listener, script, 4 << 20, None)
    }

    pub(crate) fn on(
        listener: TcpListener,
        script: impl IntoIterator<Item = Answer>,
        largest: usize,
        tls: Option<ServerTlsConfig>,
    ) -> Self {
        let address = listener.local_addr().unwrap();
        let seen = Seen::default();
        seen.0.lock().unwrap().script = script.into_iter().collect();
        let stop = CancellationToken::new();
        let mut server = Server::builder();
        if let Some(tls) = tls {
            server = server.tls_config(tls).unwrap();
        }
        let metrics = MetricsServiceServer::new(seen.clone())
            .accept_compressed(Gzip)
            .accept_compressed(Zstd);
        let logs = LogsServiceServer::new(seen.clone())
            .accept_compressed(Gzip)
            .accept_compressed(Zstd);
        let running = server
            .add_service(metrics.max_decoding_message_size(largest))
            .add_service(logs.max_decoding_message_size(largest))
            .serve_with_incoming_shutdown(TcpListenerStream::new(listener), stop.clone().cancelled_owned());
        tokio::spawn(running);
        Self {
            address,
            seen,
            _running: stop.drop_guard(),
        }
    }

    /// Closes its connections and waits until nobody can reach it.
    pub(crate) async fn stop(self) {
        let address = self.address;
        drop(self);
        while TcpStream::connect(address).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }

    /// From now on, after the script, this is the answer.
    pub(crate) fn always(&self, answer: Answer) {
        self.seen.0.lock().unwrap().always = Some(answer);
    }

    /// Requests that came, whatever the answer was.
    pub(crate) fn requests(&self) -> u64 {
        self.seen.0.lock().unwrap().requests
    }

    /// Points and records of requests that were taken, also in part.
    pub(crate) fn taken(&self) -> (u64, u64) {
        let state = self.seen.0.lock().unwrap();
        (state.points, state.records)
    }

    /// A header of the last request.
    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let state = self.seen.0.lock().unwrap();
        Some(state.headers.last()?.get(name)?.to_str().unwrap().to_owned())
    }
}

impl Seen {
    async fn answer(
        &self,
        headers: &tonic::metadata::MetadataMap,
        points: u64,
        records: u64,
    ) -> Result<(i64, String), Status> {
        let answer = {
            let mut state = self.0.lock().unwrap();
            state.requests += 1;
            state.headers.push(headers.clone());
            let answer = state
                .script
                .pop_front()
                .or_else(|| state.always.clone())
                .unwrap_or(Answer::Ok);
            if matches!(answer, Answer::Ok | Answer::After(_) | Answer::Partial(..)) {
                state.points += points;
                state.records += records;
            }
            answer
        };
        match answer {
            Answer::Ok => Ok((0, String::new())),
            Answer::After(time) => {
                tokio::time::sleep(time).await;
                Ok((0, String::new()))
            }
            Answer::Partial(rejected, message) => Ok((rejected, message.into())),
            Answer::Fail(status) => Err(status),
            Answer::Hang => {
                tokio::time::sleep(Duration::from_secs(3600)).await;
                Err(Status::internal("nobody waits so long"))
            }
        }
    }
}

#[tonic::async_trait]
impl MetricsService for Seen {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let scopes = request
            .get_ref()
            .resource_metrics
            .iter()
            .flat_map(|resource| &resource.scope_metrics);
        let points = scopes
            .flat_map(|scope| &scope.metrics)
            .map(|metric| match &metric.data {
                Some(Data::Gauge(gauge)) => gauge.data_points.len(),
                Some(Data::Sum(sum)) => sum.data_points.len(),
                _ => 0,
            });
        let points = points.sum::<usize>() as u64;
        let (rejected_data_points, error_message) = self.answer(request.metadata(), points, 0).await?;
        let partial_success = Some(ExportMetricsPartialSuccess {
            rejected_data_points,
            error_message,
        });
        Ok(Response::new(ExportMetricsServiceResponse { partial_success }))
    }
}

#[tonic::async_trait]
impl LogsService for Seen {
    async fn export(
        &self,
        request: Request<ExportLogsServiceRequest>,
    ) -> Result<Response<ExportLogsServiceResponse>, Status> {
        let scopes = request
            .get_ref()
            .resource_logs
            .iter()
            .flat_map(|resource| &resource.scope_logs);
        let records = scopes.map(|scope| scope.log_records.len()).sum::<usize>() as u64;
        let (rejected_log_records, error_message) = self.answer(request.metadata(), 0, records).await?;
        let partial_success = Some(ExportLogsPartialSuccess {
            rejected_log_records,
            error_message,
        });
        Ok(Response::new(ExportLogsServiceResponse { partial_success }))
    }
}

/// `google.rpc.Status` with a `RetryInfo` of so many milliseconds, by hand.
pub(crate) fn retry_info(code: Code, millis: u32) -> Answer {
    use prost::encoding::{bytes, int32, string};
    let mut delay = Vec::new();
    int32::encode(2, &i32::try_from(millis * 1_000_000).unwrap(), &mut delay);
    let mut info = Vec::new();
    bytes::encode(1, &delay, &mut info);
    let mut any = Vec::new();
    string::encode(
        1,
        &"type.googleapis.com/google.rpc.RetryInfo".to_owned(),
        &mut any,
    );
    bytes::encode(2, &info, &mut any);
    let mut details = Vec::new();
    bytes::encode(3, &any, &mut details);
    Answer::Fail(Status::with_details(code, "slower", details.into()))
}

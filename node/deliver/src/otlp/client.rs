//! The connection: requests as bytes, answers as what was rejected.

use std::marker::PhantomData;
use std::pin::pin;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use bytes::{BufMut, Bytes};
use http::uri::PathAndQuery;
use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceResponse;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceResponse;
use prost::Message;
use tonic::client::Grpc;
use tonic::codec::{BufferSettings, Codec, CompressionEncoding, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::metadata::MetadataMap;
use tonic::transport::{Channel, Endpoint};
use tonic::{Extensions, Request, Status};

use crate::Signal;

const METRICS: PathAndQuery =
    PathAndQuery::from_static("/opentelemetry.proto.collector.metrics.v1.MetricsService/Export");
const LOGS: PathAndQuery =
    PathAndQuery::from_static("/opentelemetry.proto.collector.logs.v1.LogsService/Export");
/// After so many attempts in a row without an answer a new connection is made: the old one may lead nowhere, as
/// after a failover that took the address along, and TCP alone would notice in a quarter of an hour.
const SILENT: u32 = 3;
/// When the time is over, so long an answer is waited for that has come and was not read, because this process stood still:
/// what was taken would be sent again.
const UNREAD: Duration = Duration::from_millis(100);

/// What the backend said to a request that it took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Reply {
    /// Points or records that it rejected all the same.
    pub(super) rejected: u64,
    /// Why, or a warning.
    pub(super) message: String,
}

/// A client of one backend. The connection is made when it is needed and made again when it breaks.
#[derive(Debug)]
pub(super) struct Client {
    endpoint: Endpoint,
    channel: RwLock<Channel>,
    silent: AtomicU32,
    headers: MetadataMap,
    compression: Option<CompressionEncoding>,
    timeout: Duration,
}

impl Client {
    pub(super) fn new(
        endpoint: Endpoint,
        headers: MetadataMap,
        compression: Option<CompressionEncoding>,
        timeout: Duration,
    ) -> Self {
        let channel = RwLock::new(endpoint.connect_lazy());
        Self {
            endpoint,
            channel,
            silent: AtomicU32::new(0),
            headers,
            compression,
            timeout,
        }
    }

    /// Makes one attempt. An attempt that takes too long ends as `DEADLINE_EXCEEDED`.
    pub(super) async fn send(&self, signal: Signal, body: Bytes) -> Result<Reply, Status> {
        let attempt = async {
            match signal {
                Signal::Metrics => self.call::<ExportMetricsServiceResponse>(METRICS, body).await,
                Signal::Logs => self.call::<ExportLogsServiceResponse>(LOGS, body).await,
            }
        };
        let mut attempt = pin!(attempt);
        let mut answer = tokio::time::timeout(self.timeout, &mut attempt).await;
        if answer.is_err() {
            answer = tokio::time::timeout(UNREAD, attempt).await;
        }
        match answer {
            Ok(answer) => {
                self.silent.store(0, Relaxed);
                answer
            }
            Err(_) => {
                self.note_silence();
                Err(Status::deadline_exceeded(format!(
                    "no answer within {:?}",
                    self.timeout
                )))
            }
        }
    }

    async fn call<R: Answer>(&self, path: PathAndQuery, body: Bytes) -> Result<Reply, Status> {
        let channel = self
            .channel
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let mut grpc = Grpc::new(channel).accept_compressed(CompressionEncoding::Gzip);
        if let Some(compression) = self.compression {
            grpc = grpc.send_compressed(compression);
        }
        grpc.ready()
            .await
            .map_err(|error| Status::from_error(Box::new(error)))?;
        let codec = Raw {
            size: body.len(),
            answer: PhantomData::<R>,
        };
        let request = Request::from_parts(self.headers.clone(), Extensions::default(), body);
        let answer = grpc.unary(request, path, codec).await?;
        Ok(answer.into_inner().reply())
    }

    fn note_silence(&self) {
        if self.silent.fetch_add(1, Relaxed) + 1 >= SILENT {
            self.silent.store(0, Relaxed);
            *self.channel.write().unwrap_or_else(PoisonError::into_inner) = self.endpoint.connect_lazy();
        }
    }
}

/// An answer of either service.
trait Answer: Message + Default + 'static {
    fn reply(self) -> Reply;
}

impl Answer for ExportMetricsServiceResponse {
    fn reply(self) -> Reply {
        let part = self.partial_success.unwrap_or_default();
        Reply {
            rejected: u64::try_from(part.rejected_data_points).unwrap_or(0),
            message: part.error_message,
        }
    }
}

impl Answer for ExportLogsServiceResponse {
    fn reply(self) -> Reply {
        let part = self.partial_success.unwrap_or_default();
        Reply {
            rejected: u64::try_from(part.rejected_log_records).unwrap_or(0),
            message: part.error_message,
        }
    }
}

/// Requests are bytes already; answers are messages.
struct Raw<R> {
    size: usize,
    answer: PhantomData<R>,
}

impl<R: Answer> Codec for Raw<R> {
    type Encode = Bytes;
    type Decode = R;
    type Encoder = RawEncoder;
    type Decoder = AnswerDecoder<R>;

    fn encoder(&mut self) -> RawEncoder {
        RawEncoder { size: self.size }
    }

    fn decoder(&mut self) -> AnswerDecoder<R> {
        AnswerDecoder(PhantomData)
    }
}

struct RawEncoder {
    size: usize,
}

impl Encoder for RawEncoder {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, dst: &mut EncodeBuf<'_>) -> Result<(), Status> {
        dst.put(item);
        Ok(())
    }

    fn buffer_settings(&self) -> BufferSettings {
        const FRAMING: usize = 64;
        BufferSettings::new(self.size + FRAMING, self.size + FRAMING)
    }
}

struct AnswerDecoder<R>(PhantomData<R>);

impl<R: Answer> Decoder for AnswerDecoder<R> {
    type Item = R;
    type Error = Status;

    fn decode(&mut self, src: &mut DecodeBuf<'_>) -> Result<Option<R>, Status> {
        // The backend took the request; an answer that cannot be read says no more than that.
        Ok(Some(R::decode(src).unwrap_or_default()))
    }
}

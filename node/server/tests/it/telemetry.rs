use std::sync::{Arc, Mutex};

use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_server::{
    MetricsService, MetricsServiceServer,
};
use opentelemetry_proto::tonic::collector::metrics::v1::{
    ExportMetricsServiceRequest, ExportMetricsServiceResponse,
};
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use crate::node::Node;

/// The name of a metric or span, and the header that came with it.
type Item = (String, Option<String>);

/// What came.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Item>>>);

impl Seen {
    fn put(&self, names: impl Iterator<Item = String>, header: Option<&String>) {
        self.0
            .lock()
            .unwrap()
            .extend(names.map(|name| (name, header.cloned())));
    }

    fn header_of(&self, name: &str) -> Option<String> {
        let seen = self.0.lock().unwrap();
        seen.iter()
            .find(|(seen, _)| seen == name)
            .and_then(|(_, header)| header.clone())
    }
}

fn header<T>(request: &Request<T>) -> Option<String> {
    request
        .metadata()
        .get("api-key")
        .map(|value| value.to_str().unwrap().to_owned())
}

#[tonic::async_trait]
impl MetricsService for Seen {
    async fn export(
        &self,
        request: Request<ExportMetricsServiceRequest>,
    ) -> Result<Response<ExportMetricsServiceResponse>, Status> {
        let header = header(&request);
        let scopes = request
            .into_inner()
            .resource_metrics
            .into_iter()
            .flat_map(|resource| resource.scope_metrics);
        self.put(
            scopes.flat_map(|scope| scope.metrics).map(|metric| metric.name),
            header.as_ref(),
        );
        Ok(Response::new(ExportMetricsServiceResponse::default()))
    }
}

#[tonic::async_trait]
impl TraceService for Seen {
    async fn export(
        &self,
        request: Request<ExportTraceServiceRequest>,
    ) -> Result<Response<ExportTraceServiceResponse>, Status> {
        let header = header(&request);
        let scopes = request
            .into_inner()
            .resource_spans
            .into_iter()
            .flat_map(|resource| resource.scope_spans);
        self.put(
            scopes
                .flat_map(|scope| scope.spans)
                .map(|span| format!("span {}", span.name)),
            header.as_ref(),
        );
        Ok(Response::new(ExportTraceServiceResponse::default()))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn traces_and_metrics_of_the_node_go_where_the_configuration_says() {
    let seen = Seen::default();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = Server::builder()
        .add_service(MetricsServiceServer::new(seen.clone()))
        .add_service(TraceServiceServer::new(seen.clone()))
        .serve_with_incoming(TcpIncoming::from(listener));
    tokio::spawn(server);
    let exporter = format!(
        "exporter: {{ otlp: {{ endpoint: 'http://127.0.0.1:{port}', headers: {{ api-key: k1 }} }} }}"
    );
    let telemetry = format!(
        ", readers: [{{ periodic: {{ interval: 200, {exporter} }} }}] }}, \
         traces: {{ processors: [{{ batch: {{ timeout: 100ms, {exporter} }} }}] }}"
    );
    tokio::task::spawn_blocking(move || {
        let node = Node::start(&telemetry);
        for name in [
            "ringwatch_rows_total",
            "otelcol_process_memory_rss",
            "ringwatch_target_up",
            "ringwatch_ticks_total",
            "span tick",
        ] {
            node.wait(name, || seen.header_of(name).is_some());
            assert_eq!(seen.header_of(name).as_deref(), Some("k1"), "{name}");
        }
        assert_eq!(node.stop(), Some(0));
    })
    .await
    .unwrap();
}

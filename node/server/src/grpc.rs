//! The gRPC port: cluster, health and reflection. Every answer comes from local knowledge, at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use ringwatch_config::settings::Cluster as ClusterSettings;
use ringwatch_proto::v1::cluster_server::{Cluster, ClusterServer};
use ringwatch_proto::v1::{
    ListMembersRequest, ListMembersResponse, ListTargetsRequest, ListTargetsResponse, LocateTargetRequest,
    Member, RaftRole, State, Target,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

use crate::own_metrics::listen;

/// The longest request that is read; none of ours comes near it.
const LARGEST_REQUEST: usize = 64 * 1024;
/// How long any call may take. Answers come from memory.
const DEADLINE: Duration = Duration::from_secs(5);

/// A target as the port shows it.
pub(crate) struct TargetView {
    /// `postgresql://db1:5432`.
    pub(crate) target_id: String,
    /// The labels of the configuration.
    pub(crate) labels: HashMap<String, String>,
}

/// What this node knows: itself, and the targets that its receivers name.
pub(crate) struct Knowledge {
    /// The cluster's name.
    pub(crate) cluster: String,
    /// This node's name.
    pub(crate) node_id: String,
    /// Where this port listens, as clients reach it.
    pub(crate) grpc_address: String,
    /// When the process started, in nanoseconds since the Unix epoch. A later one of the same name is newer.
    pub(crate) generation: u64,
    /// The targets of now.
    pub(crate) targets: Box<dyn Fn() -> Vec<TargetView> + Send + Sync>,
}

struct ClusterOfOne(Arc<Knowledge>);

impl ClusterOfOne {
    fn targets(&self) -> impl Iterator<Item = Target> {
        (self.0.targets)().into_iter().map(|view| Target {
            engine: view
                .target_id
                .split_once("://")
                .map_or_else(String::new, |(engine, _)| engine.to_owned()),
            target_id: view.target_id,
            owner: self.0.node_id.clone(),
            standby: String::new(),
            epoch: 1,
            weight: 1.0,
            labels: view.labels,
            breaker: String::new(),
        })
    }
}

#[tonic::async_trait]
impl Cluster for ClusterOfOne {
    async fn list_members(
        &self,
        _: Request<ListMembersRequest>,
    ) -> Result<Response<ListMembersResponse>, Status> {
        let known = &self.0;
        let nanos = i64::try_from(known.generation).unwrap_or(i64::MAX);
        let me = Member {
            node_id: known.node_id.clone(),
            state: State::Ready.into(),
            grpc_address: known.grpc_address.clone(),
            gossip_address: String::new(),
            version: env!("CARGO_PKG_VERSION").into(),
            generation: known.generation,
            owned_targets: u32::try_from((known.targets)().len()).unwrap_or(u32::MAX),
            standby_targets: 0,
            raft_role: RaftRole::None.into(),
            since: Some(prost_types::Timestamp {
                seconds: nanos / 1_000_000_000,
                nanos: i32::try_from(nanos % 1_000_000_000).unwrap_or(0),
            }),
        };
        Ok(Response::new(ListMembersResponse {
            cluster: known.cluster.clone(),
            view: 1,
            answered_by: known.node_id.clone(),
            members: vec![me],
        }))
    }

    async fn list_targets(
        &self,
        _: Request<ListTargetsRequest>,
    ) -> Result<Response<ListTargetsResponse>, Status> {
        Ok(Response::new(ListTargetsResponse {
            targets: self.targets().collect(),
        }))
    }

    async fn locate_target(&self, request: Request<LocateTargetRequest>) -> Result<Response<Target>, Status> {
        let wanted = request.into_inner().target_id;
        let found = self.targets().find(|target| target.target_id == wanted);
        found
            .map(Response::new)
            .ok_or_else(|| Status::not_found("no receiver names this target"))
    }
}

/// The gRPC server, until it is stopped.
pub(crate) struct GrpcServer {
    health: HealthReporter,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl GrpcServer {
    /// Tells health clients whether the node serves.
    pub(crate) async fn set_serving(&self, serving: bool) {
        let status = if serving {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        };
        self.health.set_service_status("", status).await;
        self.health
            .set_service_status("ringwatch.v1.Cluster", status)
            .await;
    }

    /// Takes no new call and waits shortly for those under way.
    pub(crate) async fn stop(self) {
        self.stop.cancel();
        let abort = self.task.abort_handle();
        if tokio::time::timeout(Duration::from_millis(500), self.task)
            .await
            .is_err()
        {
            abort.abort();
        }
    }
}

/// Starts the gRPC port; health says "not serving" until it is told otherwise.
pub(crate) async fn start_grpc(
    settings: &ClusterSettings,
    knowledge: impl FnOnce(String) -> Knowledge,
) -> anyhow::Result<GrpcServer> {
    let listener = listen(&settings.grpc.listen, "cluster.grpc.listen").await?;
    let listens = listener.local_addr().context("the gRPC port has no address")?;
    let address = settings
        .grpc
        .advertise
        .as_ref()
        .map_or_else(|| listens.to_string(), ToString::to_string);
    let knowledge = Arc::new(knowledge(address));
    let (health, health_service) = tonic_health::server::health_reporter();
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(ringwatch_proto::DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .context("gRPC reflection could not be made")?;
    let cluster = ClusterServer::new(ClusterOfOne(knowledge)).max_decoding_message_size(LARGEST_REQUEST);
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let server = Server::builder()
        .timeout(DEADLINE)
        .concurrency_limit_per_connection(64)
        .add_service(health_service)
        .add_service(reflection)
        .add_service(cluster)
        .serve_with_incoming_shutdown(
            TcpIncoming::from(listener).with_nodelay(Some(true)),
            stopped.cancelled_owned(),
        );
    let task = tokio::spawn(async move {
        if let Err(error) = server.await {
            tracing::error!(%error, "the gRPC server ended");
        }
    });
    let server = GrpcServer { health, stop, task };
    server.set_serving(false).await;
    Ok(server)
}

//! The gRPC port: cluster, breakers, samplers, verification, changes at run time, back-up, calls between nodes,
//! health and reflection.

mod audit;
mod backup;
mod breakers;
mod cluster;
mod convert;
mod deadline;
pub(crate) mod forward;
mod moving;
mod runtime;
mod sampler;
mod verification;
mod watching;
pub(crate) mod words;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use ringwatch_cluster::node::ClusterControl;
use ringwatch_cluster::peer::PeerService;
use ringwatch_collect::Targets;
use ringwatch_config::settings::Grpc;
use ringwatch_pipeline::SamplerControl;
use ringwatch_pipeline::verification::VerificationControl;
use ringwatch_proto::v1::backup_server::BackupServer;
use ringwatch_proto::v1::breakers_server::BreakersServer;
use ringwatch_proto::v1::cluster_server::ClusterServer;
use ringwatch_proto::v1::runtime_server::RuntimeServer;
use ringwatch_proto::v1::sampler_server::SamplerServer;
use ringwatch_proto::v1::verification_server::VerificationServer;
use ringwatch_state::RaftService;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

pub(crate) use self::audit::nanos;
use self::backup::BackupService;
pub(crate) use self::backup::{LARGEST as LARGEST_BACKUP, PART};
use self::breakers::BreakersService;
use self::cluster::ClusterService;
pub(crate) use self::convert::timestamp;
use self::deadline::Deadline;
use self::runtime::RuntimeService;
use self::sampler::SamplerService;
use self::verification::VerificationService;
pub(crate) use self::words::refusal;
use crate::audit::TickBooks;
use crate::circuits::Desk;
use crate::own_metrics::listen;
use crate::runtime::Counter;

/// The longest request of a client that is read; none of ours comes near it.
const LARGEST_REQUEST: usize = 64 * 1024;
/// The most calls at a time on one connection.
const STREAMS: u32 = 128;
/// The most bytes of a call's headers.
const LARGEST_HEADERS: u32 = 16 * 1024;
/// A connection that says nothing is asked whether it lives, so that whoever watches and is gone gives back
/// its place.
const KEEPALIVE: Duration = Duration::from_secs(20);
/// What health clients may ask for; the first is the node as a whole.
const SERVICES: [&str; 7] = [
    "",
    "ringwatch.v1.Cluster",
    "ringwatch.v1.Breakers",
    "ringwatch.v1.Sampler",
    "ringwatch.v1.Verification",
    "ringwatch.v1.Runtime",
    "ringwatch.v1.Backup",
];

/// The port, taken and not served yet: others must be told its address before they can call.
pub(crate) struct GrpcPort {
    listener: TcpListener,
    /// Where clients and other nodes reach it.
    pub(crate) address: String,
}

impl GrpcPort {
    /// Takes the port.
    pub(crate) async fn take(settings: &Grpc) -> anyhow::Result<Self> {
        let listener = listen(&settings.listen, "cluster.grpc.listen").await?;
        let listens: SocketAddr = listener.local_addr().context("the gRPC port has no address")?;
        let address = settings
            .advertise
            .as_ref()
            .map_or_else(|| listens.to_string(), ToString::to_string);
        Ok(Self { listener, address })
    }
}

/// What the port answers from.
pub(crate) struct GrpcParts {
    /// The node of the cluster.
    pub(crate) control: ClusterControl,
    /// What became of ticks.
    pub(crate) ticks: Arc<TickBooks>,
    /// The targets with their labels.
    pub(crate) targets: watch::Receiver<Targets>,
    /// The circuits of the databases.
    pub(crate) desk: Desk,
    /// The samplers of this node.
    pub(crate) samplers: Vec<SamplerControl>,
    /// What the verification of this node found.
    pub(crate) verifications: Vec<VerificationControl>,
    /// Takes changes at run time.
    pub(crate) counter: Counter,
    /// Answers other nodes, where there may be any.
    pub(crate) peers: Option<PeerService>,
    /// Answers other nodes of the group.
    pub(crate) group: Option<RaftService>,
}

/// Tells health clients whether the node serves.
#[derive(Clone)]
pub(crate) struct GrpcHealth(HealthReporter);

impl GrpcHealth {
    /// From now on it does, or does not.
    pub(crate) async fn set_serving(&self, serving: bool) {
        let status = if serving {
            ServingStatus::Serving
        } else {
            ServingStatus::NotServing
        };
        for service in SERVICES {
            self.0.set_service_status(service, status).await;
        }
    }
}

/// The gRPC server, until it is stopped.
pub(crate) struct GrpcServer {
    health: GrpcHealth,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl GrpcServer {
    /// What health clients are told.
    pub(crate) fn health(&self) -> GrpcHealth {
        self.health.clone()
    }

    /// Takes no new call, ends streams and waits shortly for the calls under way.
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

/// Serves the port; health says "not serving" until it is told otherwise.
pub(crate) async fn start_grpc(port: GrpcPort, parts: GrpcParts) -> anyhow::Result<GrpcServer> {
    let (health, health_service) = tonic_health::server::health_reporter();
    let health = GrpcHealth(health);
    // before anybody can ask, because the library begins with "serving"
    health.set_serving(false).await;
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(ringwatch_proto::DESCRIPTOR_SET)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1()
        .context("gRPC reflection could not be made")?;
    let stop = CancellationToken::new();
    let knowledge = parts.control.knowledge();
    let node = knowledge.borrow().me.to_string();
    let (desk, counter) = (parts.desk, parts.counter);
    let verification = VerificationService::new(parts.verifications, knowledge);
    let verification = VerificationServer::new(verification).max_decoding_message_size(LARGEST_REQUEST);
    let cluster = ClusterService::new(
        (parts.control, parts.ticks),
        parts.targets,
        desk.clone(),
        counter.clone(),
        stop.clone(),
    );
    let cluster = ClusterServer::new(cluster).max_decoding_message_size(LARGEST_REQUEST);
    let breakers = BreakersService {
        desk,
        counter: counter.clone(),
    };
    let breakers = BreakersServer::new(breakers).max_decoding_message_size(LARGEST_REQUEST);
    let samplers = SamplerService {
        samplers: parts.samplers,
        counter: counter.clone(),
    };
    let samplers = SamplerServer::new(samplers).max_decoding_message_size(LARGEST_REQUEST);
    let backup = BackupService::new(counter.clone(), &node);
    let backup = BackupServer::new(backup).max_decoding_message_size(LARGEST_REQUEST);
    let runtime = RuntimeServer::new(RuntimeService(counter)).max_decoding_message_size(LARGEST_REQUEST);
    // Calls between nodes have deadlines of their own: a handoff may take longer, and replication goes on
    // for ever. So has a back-up.
    let server = Server::builder()
        .max_concurrent_streams(STREAMS)
        .http2_max_header_list_size(LARGEST_HEADERS)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .add_service(Deadline(health_service))
        .add_service(Deadline(reflection))
        .add_service(Deadline(cluster))
        .add_service(Deadline(breakers))
        .add_service(Deadline(samplers))
        .add_service(Deadline(verification))
        .add_service(Deadline(runtime))
        .add_service(backup)
        .add_optional_service(parts.peers)
        .add_optional_service(parts.group)
        .serve_with_incoming_shutdown(
            TcpIncoming::from(port.listener).with_nodelay(Some(true)),
            stop.clone().cancelled_owned(),
        );
    let task = tokio::spawn(async move {
        if let Err(error) = server.await {
            tracing::error!(%error, "the gRPC server ended");
        }
    });
    Ok(GrpcServer { health, stop, task })
}

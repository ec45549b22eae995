//! The parts of a node.

use std::sync::Arc;

use anyhow::Context as _;
use opentelemetry_sdk::metrics::SdkMeterProvider;
use prometheus::Registry;
use ringwatch_catalogue::Catalogue;
use ringwatch_collect::{Collector, SoleOwner};
use ringwatch_config::Settings;
use ringwatch_config::settings::{Extension, HealthCheck, MetricLevel, Processor, Receiver};
use ringwatch_frame::{Books, Clock};
use tokio::time::Instant;

use super::exporters::{Exporters, start_exporters};
use super::pipelines::{Pipelines, start_pipelines};
use crate::grpc::{GrpcServer, Knowledge, TargetView, start_grpc};
use crate::health::{Condition, Health};
use crate::own_metrics::{BooksMetrics, ProcessMetrics, Served, register, start_metrics_server};
use crate::telemetry::start_metric_readers;

/// A running node.
pub(super) struct Node {
    health: Health,
    health_server: Served,
    metrics_server: Option<Served>,
    metric_readers: Option<SdkMeterProvider>,
    exporters: Exporters,
    pipelines: Pipelines,
    grpc: GrpcServer,
    collector: Collector,
}

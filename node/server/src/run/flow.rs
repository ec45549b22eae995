//! The way of frames through the node: exporters, the processors that pipelines share, and the pipelines.

use std::collections::HashMap;
use std::sync::Arc;

use ringwatch_catalogue::Projections;
use ringwatch_pipeline::circuit_breaker::CircuitListener;

use super::exporters::{Exporters, start_exporters};
use super::own::Ground;
use super::pipelines::{Pipelines, start_pipelines};
use super::processors::{Processors, start_processors};
use super::router::Ways;
use super::watching::Watching;
use crate::extensions::Pipe;

/// Everything behind the collector.
pub(super) struct Flow {
    pub(super) processors: Processors,
    pub(super) exporters: Exporters,
    pub(super) pipelines: Pipelines,
    /// The ways that frames may take, by receiver.
    pub(super) ways: HashMap<String, Ways>,
    /// The pipelines as pages show them.
    pub(super) pipes: Arc<[Pipe]>,
}

/// Starts it from its end.
pub(super) async fn start_flow(
    ground: Ground<'_>,
    projections: &Arc<Projections>,
    watching: &mut Watching,
    listener: &Arc<dyn CircuitListener>,
) -> anyhow::Result<Flow> {
    let Ground {
        settings,
        clock,
        books,
        registry,
        ..
    } = ground;
    let exporters = start_exporters(ground, projections, watching).await?;
    let processors = start_processors(settings, projections, books, clock, registry, Some(listener)).await?;
    let (pipelines, ways, pipes) = start_pipelines(settings, &exporters, &processors, watching)?;
    Ok(Flow {
        processors,
        exporters,
        pipelines,
        ways,
        pipes: pipes.into(),
    })
}

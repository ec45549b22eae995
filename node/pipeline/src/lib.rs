//! The way of frames from receivers to exporters: processors, one folder each, and the runner that connects them.
//!
//! A pipeline is one task with a bounded input. This crate promises that
//! - nobody who offers a frame ever waits: what does not fit is dropped and counted;
//! - every row that enters goes to every outlet or is dropped for a reason, also when the pipeline stops;
//! - a processor that wants to be called at a time is called then, however many frames come.
//!
//! It does no I/O but looking at the memory of its own process, and knows no receiver, exporter or database.

mod actions;
pub mod adaptive_sampler;
pub mod attributes;
pub mod batch;
pub mod circuit_breaker;
mod covered;
mod error;
pub mod memory_limiter;
mod metrics;
pub mod plan_extractor;
mod processor;
pub mod rate_limiter;
pub mod resource;
mod runner;
pub mod store;
#[cfg(test)]
mod testing;
mod throttle;
pub mod transform;
mod usual;
pub mod verification;

pub use adaptive_sampler::{AdaptiveSampler, SamplerControl, SamplerMetrics, SamplerStatus};
pub use attributes::{AttributesProcessor, Resolver};
pub use batch::BatchProcessor;
pub use circuit_breaker::CircuitBreakerProcessor;
pub use covered::CoveredTarget;
pub use error::PipelineError;
pub use memory_limiter::MemoryLimiter;
pub use metrics::PipelineMetrics;
pub use plan_extractor::{PlanExtractor, PlanExtractorProcessor, PlanExtractorStatus, PlanMetrics};
pub use processor::{Outlet, Processor};
pub use rate_limiter::RateLimiterProcessor;
pub use resource::ResourceProcessor;
pub use runner::{PipelineHandle, PipelineInput, start_pipeline};
pub use transform::TransformProcessor;
pub use verification::{
    Verification, VerificationControl, VerificationMetrics, VerificationProcessor, VerificationStatus,
};

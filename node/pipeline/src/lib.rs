//! The pipeline: processors in a row, each taking batches of frames and giving batches of frames.
//!
//! Every processor is a folder of the same shape and implements [`Processor`]. A pipeline is one task that takes frames
//! from a bounded input, leads them through its processors in order and hands what comes out to its outlets.
//! It promises that a row which goes in comes out, or is dropped for a reason that the books know; that an input
//! which is full never makes the collector wait; and that a stop leads everything inside to the outlets first.
//! It never does I/O and never knows a database or a protocol.

mod attributes;
mod batch;
mod error;
pub mod memory_limiter;
mod metrics;
mod processor;
mod resource;
mod runner;
#[cfg(test)]
mod testing;

pub use attributes::AttributesProcessor;
pub use batch::BatchProcessor;
pub use error::PipelineError;
pub use memory_limiter::MemoryLimiter;
pub use processor::{Outlet, Processor};
pub use resource::ResourceProcessor;
pub use runner::{PipelineHandle, PipelineInput, start_pipeline};

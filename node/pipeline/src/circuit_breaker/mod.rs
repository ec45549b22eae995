//! `circuit_breaker`: stops asking a database that suffers.
//!
//! The gate is not in the pipeline: [`Breakers`] is asked before each reading is made, and told how it ended.
//! What has been read is never dropped here, so the processor itself passes every row on; that a pipeline
//! names it says which targets have a circuit. Exporters never speak to it: a backend that is down opens no
//! circuit.
//!
//! From the inside out: `Circuit` is the state machine, a pure step from state, event and time; beside it are
//! the timeouts that are learnt and the outlook of the load. `Breaker` joins them for one target, `Slot` adds
//! what is shown and remembered, [`Breakers`] the locks.

mod breaker;
mod breakers;
mod circuit;
mod cover;
mod forecast;
mod healing;
mod image;
mod judge;
mod listener;
mod metrics;
mod parts;
mod people;
mod phase;
mod process;
mod record;
mod rules;
mod signal;
mod slot;
mod status;
mod timeouts;
pub(crate) mod window;

#[cfg(test)]
mod simulation;

use ringwatch_frame::Batch;

use crate::Processor;

pub use breakers::{BreakerParts, Breakers, LOOK};
pub use image::{CircuitImage, MOST_STREAMS, StreamLearnt};
pub use listener::{Adopted, CircuitListener};
pub use metrics::BreakerMetrics;
pub use phase::{Outcome, Reason, Refused, State};
pub use process::{ProcessUse, process_use};
pub use record::Remembered;
pub use status::{BreakerHealth, CircuitStatus, UnknownCircuit};

/// Passes every row on: see above.
pub struct CircuitBreakerProcessor {
    name: String,
}

impl CircuitBreakerProcessor {
    /// The processor `name`.
    pub fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
        }
    }
}

impl Processor for CircuitBreakerProcessor {
    fn name(&self) -> &str {
        &self.name
    }

    fn process(&mut self, batch: Batch, out: &mut Vec<Batch>) {
        out.push(batch);
    }
}

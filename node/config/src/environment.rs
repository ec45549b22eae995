//! Which environment a node stands in, where the file does not say.

use crate::Settings;
use crate::settings::Processor;
use crate::substitute::Sources;

/// The variable that names it.
const VARIABLE: &str = "ENVIRONMENT";

/// Gives a sampler that has values for several environments the environment of the node.
pub(crate) fn settle(settings: &mut Settings, sources: &Sources<'_>) {
    for processor in settings.processors.values_mut() {
        let Processor::AdaptiveSampler(sampler) = processor else {
            continue;
        };
        if sampler.environment.is_empty() && !sampler.environment_overrides.is_empty() {
            sampler.environment = sources.variable(VARIABLE).unwrap_or_default();
        }
    }
}

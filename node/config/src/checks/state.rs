//! The files in which components keep what they remember.

use std::collections::HashMap;

use super::{at, component};
use crate::Settings;
use crate::fault::Complaint;
use crate::settings::{Processor, StateBackend};

/// Each component has a file of its own: it replaces the file as a whole.
pub(super) fn check(settings: &Settings, found: &mut Vec<Complaint>) {
    let mut files: HashMap<&str, String> = HashMap::new();
    for (id, processor) in &settings.processors {
        let (backend, file) = match processor {
            Processor::AdaptiveSampler(sampler) => (sampler.state_backend, &sampler.state_file),
            Processor::CircuitBreaker(breaker) => (breaker.state_backend, &breaker.state_file),
            Processor::Verification(settings) => (settings.state_backend, &settings.state_file),
            _ => continue,
        };
        if backend != StateBackend::File {
            continue;
        }
        let path = component("processors", id);
        let key = at(&path, "state_file");
        if file.is_empty() {
            let message = "`state_file` is empty; name a file, or write `state_backend: memory`";
            found.push(Complaint::new(key, message).within(&path));
        } else if let Some(first) = files.get(file.as_str()) {
            let message = format!("the same file as `{first}`; give each component a file of its own");
            found.push(Complaint::new(key, message).within(&path));
        } else {
            files.insert(file, key.join("."));
        }
    }
}

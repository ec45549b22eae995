//! Which targets a processor that protects databases is for: those of the receivers whose pipelines name it.

use std::collections::BTreeSet;

use ringwatch_collect::{TargetSpec, Targets};
use ringwatch_config::Settings;
use ringwatch_pipeline::CoveredTarget;

/// The receivers whose pipelines name a processor.
pub(super) type Sources = BTreeSet<String>;

/// Those of a processor.
pub(super) fn sources(settings: &Settings, processor: &str) -> Sources {
    let pipelines = settings.service.pipelines.values();
    let naming =
        pipelines.filter(|pipeline| pipeline.processors.iter().any(|id| id.to_string() == processor));
    naming
        .flat_map(|pipeline| &pipeline.receivers)
        .map(ToString::to_string)
        .collect()
}

/// For each of the processors with these receivers, the targets that are its own.
pub(super) fn shares(processors: &[Sources], targets: &Targets) -> Vec<Vec<CoveredTarget>> {
    let mut shares = vec![Vec::new(); processors.len()];
    for target in targets.iter() {
        let reads = |sources: &Sources| {
            target
                .readers
                .iter()
                .any(|reader| sources.contains(&*reader.source))
        };
        let first = processors.iter().position(reads);
        if let Some(share) = first.and_then(|at| shares.get_mut(at)) {
            share.push(covered(target));
        }
    }
    shares
}

fn covered(target: &TargetSpec) -> CoveredTarget {
    let mut databases: Vec<String> = Vec::new();
    for reader in &target.readers {
        let database = reader.plan.database();
        if !databases.iter().any(|known| known == database) {
            databases.push(database.to_owned());
        }
    }
    CoveredTarget {
        id: target.id.clone(),
        endpoint: target.endpoint.to_string(),
        databases,
    }
}

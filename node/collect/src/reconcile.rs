//! What to start and what to stop when the list of targets changes: pure.

use std::collections::BTreeMap;
use std::sync::Arc;

use ringwatch_frame::TargetId;

use crate::target::TargetSpec;

/// A target as one receiver reads it.
pub(crate) type Key = (Arc<str>, TargetId);

/// The key of `spec`.
pub(crate) fn key(spec: &TargetSpec) -> Key {
    (Arc::clone(&spec.source), spec.id.clone())
}

/// What changes.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// To be stopped. One that is in `start` too has changed.
    pub(crate) stop: Vec<Key>,
    /// To be started, after what runs under the same key has ended.
    pub(crate) start: Vec<Arc<TargetSpec>>,
}

/// The way from what runs to what is wanted. Of a target that is wanted twice, the first counts.
pub(crate) fn reconcile(running: &BTreeMap<Key, Arc<TargetSpec>>, wanted: &[Arc<TargetSpec>]) -> Changes {
    let mut first: BTreeMap<Key, &Arc<TargetSpec>> = BTreeMap::new();
    for spec in wanted {
        first.entry(key(spec)).or_insert(spec);
    }
    let mut changes = Changes::default();
    for (key, spec) in running {
        if first.get(key).is_none_or(|wanted| !wanted.same(spec)) {
            changes.stop.push(key.clone());
        }
    }
    for (key, spec) in first {
        if running.get(&key).is_none_or(|old| !old.same(spec)) {
            changes.start.push(Arc::clone(spec));
        }
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::target::tests::spec;

    fn names(specs: &[Arc<TargetSpec>]) -> Vec<String> {
        specs.iter().map(|spec| spec.endpoint.to_string()).collect()
    }

    #[test]
    fn only_what_differs_is_stopped_and_started() {
        let (a, b, c) = (spec("a:1", &[]), spec("b:1", &[]), spec("c:1", &[]));
        let b_changed = spec("b:1", &[("env", "prod")]);
        let running: BTreeMap<_, _> = [&a, &b].map(|s| (key(s), Arc::clone(s))).into();

        let changes = reconcile(&running, &[Arc::clone(&a), Arc::clone(&b)]);
        assert!(changes.stop.is_empty() && changes.start.is_empty());

        let changes = reconcile(
            &running,
            &[Arc::clone(&a), b_changed, Arc::clone(&c), Arc::clone(&c)],
        );
        assert_eq!(changes.stop, [key(&b)]);
        assert_eq!(
            names(&changes.start),
            ["b:1", "c:1"],
            "a changed one is stopped and started; a double one once"
        );

        let changes = reconcile(&running, &[]);
        assert_eq!(changes.stop.len(), 2);
        assert!(changes.start.is_empty());
    }
}

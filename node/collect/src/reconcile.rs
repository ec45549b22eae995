//! What to start and what to stop when the list of targets changes: pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use ringwatch_frame::TargetId;

use crate::target::TargetSpec;

/// What changes.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    /// To be stopped. One that is in `start` too has changed.
    pub(crate) stop: Vec<TargetId>,
    /// To be started, after what runs under the same name has ended.
    pub(crate) start: Vec<Arc<TargetSpec>>,
    /// Receivers that do not read a target, because another one reads the same of it and comes first.
    pub(crate) doubles: BTreeSet<(TargetId, Arc<str>)>,
}

/// The way from what runs to what is wanted. A target that stands there twice counts once: its readers are
/// [put together](crate::join_targets) before.
pub(crate) fn reconcile(
    running: &BTreeMap<TargetId, Arc<TargetSpec>>,
    wanted: &[Arc<TargetSpec>],
) -> Changes {
    let mut first: BTreeMap<TargetId, &Arc<TargetSpec>> = BTreeMap::new();
    let mut changes = Changes::default();
    for spec in wanted {
        first.entry(spec.id.clone()).or_insert(spec);
        let doubles = spec.doubles.iter();
        changes
            .doubles
            .extend(doubles.map(|source| (spec.id.clone(), Arc::clone(source))));
    }
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
    use crate::reader::Reader;
    use crate::target::join_targets;
    use crate::target::tests::{spec, sql_spec};

    fn names(specs: &[Arc<TargetSpec>]) -> Vec<String> {
        specs.iter().map(|spec| spec.endpoint.to_string()).collect()
    }

    #[test]
    fn only_what_differs_is_stopped_and_started() {
        let (a, b, c) = (spec("a:1", &[]), spec("b:1", &[]), spec("c:1", &[]));
        let b_changed = spec("b:1", &[("env", "prod")]);
        let running: BTreeMap<_, _> = [&a, &b].map(|s| (s.id.clone(), Arc::clone(s))).into();

        let changes = reconcile(&running, &[Arc::clone(&a), Arc::clone(&b)]);
        assert!(changes.stop.is_empty() && changes.start.is_empty());

        let changes = reconcile(
            &running,
            &[Arc::clone(&a), b_changed, Arc::clone(&c), Arc::clone(&c)],
        );
        assert_eq!(changes.stop, std::slice::from_ref(&b.id));
        assert_eq!(
            names(&changes.start),
            ["b:1", "c:1"],
            "a changed one is stopped and started; a double one once"
        );

        let other = Reader {
            source: "postgresql/other".into(),
            ..Reader::clone(&a.readers[0])
        };
        let of_other = Arc::new(TargetSpec {
            readers: vec![Arc::new(other)],
            ..TargetSpec::clone(&a)
        });
        let wanted = [Arc::clone(&a), Arc::clone(&b), Arc::clone(&of_other)];
        let changes = reconcile(&running, &join_targets(&wanted));
        assert!(
            changes.stop.is_empty() && changes.start.is_empty(),
            "the first wins"
        );
        let source = "postgresql/other".into();
        assert_eq!(changes.doubles, BTreeSet::from([(a.id.clone(), source)]));
        let changes = reconcile(&running, &join_targets(&wanted[1..]));
        assert_eq!(
            (changes.stop.len(), changes.start.len()),
            (1, 1),
            "the other takes over"
        );

        let asked_more = join_targets(&[Arc::clone(&a), sql_spec("sqlquery/x", "a:1"), Arc::clone(&b)]);
        let changes = reconcile(&running, &asked_more);
        assert_eq!(changes.stop, std::slice::from_ref(&a.id));
        assert_eq!(
            changes.start[0].readers.len(),
            2,
            "a further reader restarts the target"
        );

        let changes = reconcile(&running, &[]);
        assert_eq!(changes.stop.len(), 2);
        assert!(changes.start.is_empty());
    }
}

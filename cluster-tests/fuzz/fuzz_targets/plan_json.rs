//! Any text as a plan, read as one of any format by what it begins with: nothing panics, limits hold, and
//! what is scrubbed of a whole plan has the same nodes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringwatch_parse::plan::{Limits, Thresholds, draw, facts, fingerprint, json, parse, scrub};

fuzz_target!(|text: &str| {
    let limits = Limits {
        bytes: 1 << 16,
        depth: 64,
        nodes: 500,
        stop: None,
    };
    if let Ok(plan) = parse(text, &limits) {
        assert!(!plan.nodes.is_empty() && plan.nodes.len() <= limits.nodes);
        for (place, node) in plan.nodes.iter().enumerate() {
            assert_eq!(node.parent.is_none(), place == 0);
            assert!(node.parent.is_none_or(|parent| (parent as usize) < place));
            assert!(node.depth <= limits.depth);
        }
        let facts = facts(&plan, &Thresholds::default());
        assert_eq!(facts.nodes, plan.nodes.len());
        assert_eq!(facts.fingerprint, fingerprint(&plan));
        let _ = (draw(&plan, &facts), json(&plan, &facts));
    }
    // What is damaged is hidden as far as it can be told, and may not be a plan any more.
    let whole = |text: &str| {
        parse(text, &limits)
            .ok()
            .filter(|plan| plan.degraded.is_none())
            .map(|plan| plan.nodes.len())
    };
    if let (Ok(scrubbed), Some(nodes)) = (scrub(text, &limits), whole(text)) {
        assert_eq!(parse(&scrubbed, &limits).map(|plan| plan.nodes.len()), Ok(nodes));
        let _ = scrub(&scrubbed, &limits);
    }
});

//! Any text as a plan, read as one of any format by what it begins with: nothing panics, limits hold, and
//! what is scrubbed is the same plan and needs no scrubbing again.
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
    if let Ok(scrubbed) = scrub(text, &limits) {
        assert_eq!(scrub(&scrubbed, &limits).as_deref(), Ok(scrubbed.as_str()));
        let nodes = |text: &str| parse(text, &limits).map(|plan| plan.nodes.len());
        assert_eq!(nodes(&scrubbed), nodes(text));
    }
});

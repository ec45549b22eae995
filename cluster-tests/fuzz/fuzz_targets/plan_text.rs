//! The same for plans as text and as trees: lines with figures in brackets, made of what the bytes choose, so
//! that most inputs are plans. To scrub a plan again changes nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringwatch_parse::plan::{Limits, Thresholds, draw, facts, json, parse, scrub};

/// What lines of plans are made of.
const PIECES: [&str; 32] = [
    "\n",
    "  ",
    "      ",
    "->  ",
    "Seq Scan on t",
    "Index Scan using t_pkey on public.t a",
    "Nested Loop",
    "Hash Join",
    "  (cost=0.00..35.50 rows=2550 width=4)",
    " (actual time=0.012..3.4 rows=10.00 loops=3)",
    " (never executed)",
    "Filter: (a = 'x'::text)",
    "Index Cond: (b > 5)",
    "Rows Removed by Filter: 7",
    "Sort Key: a DESC, 'y'",
    "Workers Planned: 2",
    "InitPlan 1 (returns $0)",
    "CTE w",
    "Buffers: shared hit=5 read=3",
    "Planning Time: 0.1 ms",
    "Execution Time: 9.9 ms",
    "QUERY PLAN",
    "-----",
    "(3 rows)",
    " | ",
    "+",
    "-> Table scan on t  (cost=1.1 rows=3)",
    "-> Filter: (t.a = 'z')  (cost=0.35 rows=1) (actual time=0.1..0.2 rows=1 loops=1)",
    "'",
    "\"",
    "(",
    ")",
];

fuzz_target!(|bytes: &[u8]| {
    let mut text = String::from("Sort  (cost=1.00..2.00 rows=3 width=4)");
    for byte in bytes.iter().take(2048) {
        match PIECES.get(usize::from(*byte)) {
            Some(piece) => text.push_str(piece),
            None => text.push(char::from(*byte)),
        }
    }
    let limits = Limits {
        bytes: 1 << 18,
        depth: 64,
        nodes: 500,
        stop: None,
    };
    if let Ok(plan) = parse(&text, &limits) {
        assert!(!plan.nodes.is_empty() && plan.nodes.len() <= limits.nodes);
        let facts = facts(&plan, &Thresholds::default());
        let _ = (draw(&plan, &facts), json(&plan, &facts));
    }
    // What is damaged is hidden as far as it can be told, and may not be a plan any more.
    let whole = |text: &str| {
        parse(text, &limits)
            .ok()
            .filter(|plan| plan.degraded.is_none())
            .map(|plan| plan.nodes.len())
    };
    if let (Ok(scrubbed), Some(nodes)) = (scrub(&text, &limits), whole(&text)) {
        assert_eq!(parse(&scrubbed, &limits).map(|plan| plan.nodes.len()), Ok(nodes));
        assert_eq!(scrub(&scrubbed, &limits).as_deref(), Ok(scrubbed.as_str()));
    }
});

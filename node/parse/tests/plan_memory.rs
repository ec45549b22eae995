//! What reading plans may take of memory, as the system counts it. Alone in its program, so that nothing else
//! is counted.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout
)]

use std::fs;
use std::time::{Duration, Instant};

use ringwatch_parse::plan::{Limits, PlanError, parse, scrub};

/// What a plan of as many nodes and levels as are allowed may take, in KiB. What is larger is refused before.
const CAP: u64 = 48 * 1024;

/// What the process holds at most since [`forget`], in KiB; `None` where the system does not tell.
fn peak() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// Lets [`peak`] begin anew.
fn forget() -> Option<u64> {
    fs::write("/proc/self/clear_refs", "5").ok()?;
    peak()
}

#[test]
fn memory_is_bounded_whatever_the_text() {
    let limits = Limits {
        bytes: 100 << 20,
        ..Limits::default()
    };
    let node = r#"{"Node Type":"Limit","Plans":["#;
    let deep = Err(PlanError::TooDeep { limit: 512 });
    let many = Err(PlanError::TooManyNodes { limit: 20_000 });
    let cases = [
        (
            "levels",
            format!("{{\"Plan\":{}{}", node.repeat(100_000), "]}".repeat(100_000)),
            deep,
        ),
        (
            "nodes",
            format!("{{\"Plan\":{{\"Plans\":[{}", "{},".repeat(4_000_000)),
            many,
        ),
        (
            "nodes that say something",
            format!(
                "{{\"Plan\":{{\"Plans\":[{}",
                "{\"Filter\":\"(a = 5)\"},".repeat(4_000_000 / 8)
            ),
            many,
        ),
        (
            "tables",
            format!(
                "{{\"query_block\":{{\"nested_loop\":[{}",
                r#"{"table":{}},"#.repeat(1_000_000)
            ),
            many,
        ),
        (
            "lines of a tree",
            format!("-> Append\n{}", "    -> Hash\n".repeat(4_000_000)),
            many,
        ),
        (
            "lines of a text",
            format!(
                "Append  (cost=0.00..1.00 rows=1 width=4)\n{}",
                "  ->  Result  (cost=0.00..1.00 rows=1 width=4)\n".repeat(1_000_000)
            ),
            many,
        ),
        (
            "one long value",
            format!(
                "{{\"Plan\":{{\"Node Type\":\"Result\",\"Filter\":\"{}\"}}}}",
                "x".repeat(50 << 20)
            ),
            Ok(1),
        ),
    ];
    for (name, text, expected) in cases {
        let Some(before) = forget() else {
            println!("skipped: this system does not tell what a process holds");
            return;
        };
        let read = parse(&text, &limits).map(|plan| plan.nodes.len());
        let after = peak().unwrap();
        assert_eq!(read, expected, "{name}");
        let taken = after.saturating_sub(before);
        println!("{name}: {taken} KiB");
        assert!(taken < CAP, "{name}: {taken} KiB");
    }
}

#[test]
fn what_is_too_long_takes_nothing() {
    let text = "{\"Plan\":".repeat(50 << 17);
    assert!(text.len() >= 50 << 20);
    let begin = Instant::now();
    assert!(matches!(
        parse(&text, &Limits::default()),
        Err(PlanError::TooLarge { .. })
    ));
    assert!(matches!(
        scrub(&text, &Limits::default()),
        Err(PlanError::TooLarge { .. })
    ));
    let took = begin.elapsed();
    assert!(took < Duration::from_millis(1), "{took:?}");
}

//! What reading plans may take of memory, as the system counts it. Alone in its program, so that nothing else
//! is counted.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::print_stdout
)]

use std::fs;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ringwatch_parse::plan::{Limits, PlanError, parse, scrub};

/// What a plan of as many nodes and levels as are allowed may take, in KiB. What is larger is refused before.
const CAP: u64 = 48 * 1024;

/// Held by the test that runs, as the others would be counted too.
static ALONE: Mutex<()> = Mutex::new(());

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
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
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

/// Texts of 500 KB that would be written as many times as much: with a blank for each level that is open, or
/// several for a tab.
#[test]
fn memory_of_what_is_written_is_bounded_too() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let limits = Limits::default();
    let (deep, tabs) = (2_000, 8_000);
    let left = |text: &str| limits.bytes - text.len() - 100;
    let around = format!(
        "<explain><Query><Plan><Node-Type>Result</Node-Type>{}{}</Plan></Query></explain>",
        "<a>".repeat(deep),
        "</a>".repeat(deep)
    );
    let lines = "<b/>".repeat(left(&around) / 4);
    let (before, behind) = around.split_at(around.find("</a>").unwrap());
    let xml = format!("{before}{lines}{behind}");
    let yaml = format!(
        "- Plan: \n    Node Type: \"Result\"\n{}",
        (1..900)
            .map(|level| format!("{}a:\n", " ".repeat(level + 3)))
            .collect::<String>()
    );
    let line = format!("{}Filter: (a = 1)\n", "\t".repeat(tabs));
    let text = "Result  (cost=0.00..1.00 rows=1 width=4)\n".to_owned();
    let text = format!("{text}{}", line.repeat(left(&text) / line.len()));
    for (name, text) in [("elements", xml), ("levels", yaml), ("tabs", text)] {
        assert!(text.len() <= limits.bytes, "{name}");
        let Some(before) = forget() else {
            println!("skipped: this system does not tell what a process holds");
            return;
        };
        let begin = Instant::now();
        let written = scrub(&text, &limits);
        let took = begin.elapsed();
        let taken = peak().unwrap().saturating_sub(before);
        println!(
            "{name}: {taken} KiB, {took:?}, {:?}",
            written.as_ref().map(String::len)
        );
        assert!(taken < CAP, "{name}: {taken} KiB");
        let is_bounded = match written {
            Ok(plan) => plan.len() <= limits.bytes,
            Err(error) => matches!(error, PlanError::TooLarge { .. }),
        };
        assert!(is_bounded, "{name}");
    }
}

#[test]
fn what_is_too_long_takes_nothing() {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let text = "{\"Plan\":".repeat(50 << 17);
    assert!(text.len() >= 50 << 20);
    let limits = Limits::default();
    // The least of several, as a busy machine may halt any of them.
    let took = (0..20).map(|_| {
        let begin = Instant::now();
        let refused = [parse(&text, &limits).map(drop), scrub(&text, &limits).map(drop)];
        let took = begin.elapsed();
        assert!(
            refused
                .iter()
                .all(|read| matches!(read, Err(PlanError::TooLarge { .. })))
        );
        took
    });
    let took = took.min();
    assert!(took < Some(Duration::from_millis(1)), "{took:?}");
}

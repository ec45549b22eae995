//! Plans that somebody made to hurt, and plans that something damaged.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, clippy::disallowed_methods)]

use std::path::Path;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use proptest::prelude::*;
use ringwatch_parse::plan::{Limits, Plan, PlanError, parse, scrub};

/// What reading may take. A test build on a busy machine is many times slower than the 200 ms that are asked
/// for.
const PATIENCE: Duration = if cfg!(debug_assertions) {
    Duration::from_secs(5)
} else {
    Duration::from_millis(200)
};

/// How much of the same a text has. What takes time by its square does not pass with either.
const MANY: usize = if cfg!(debug_assertions) { 1 << 17 } else { 1 << 20 };

fn limits() -> Limits<'static> {
    Limits {
        bytes: 100 << 20,
        ..Limits::default()
    }
}

/// What is read, and how long reading or scrubbing takes, whichever takes longer.
fn timed<'a>(text: &'a str, limits: &Limits<'_>) -> (Result<Plan<'a>, PlanError>, Duration) {
    let reading = least(3, PATIENCE, || parse(text, limits).map(drop));
    let scrubbing = least(3, PATIENCE, || scrub(text, limits).map(drop));
    (parse(text, limits), reading.max(scrubbing))
}

/// The least time of so many, until one is within `enough`: a busy machine may halt any of them.
fn least<T>(times: u32, enough: Duration, mut what: impl FnMut() -> T) -> Duration {
    let mut least = Duration::MAX;
    for _ in 0..times {
        let begin = Instant::now();
        let _ = what();
        least = least.min(begin.elapsed());
        if least < enough {
            break;
        }
    }
    least
}

/// A plan with `depth` levels below its root, written by `level` and `end`.
fn nested(begin: &str, level: &str, end: &str, depth: usize) -> String {
    format!("{begin}{}{}", level.repeat(depth), end.repeat(depth))
}

#[test]
fn size_is_refused_unread() {
    let text = "[".repeat(50 << 20);
    let limits = Limits::default();
    let refused = PlanError::TooLarge {
        bytes: 50 << 20,
        limit: 500 * 1024,
    };
    assert_eq!(parse(&text, &limits), Err(refused));
    assert_eq!(scrub(&text, &limits), Err(refused));
    let soon = Duration::from_millis(1);
    let took = least(20, soon, || {
        (parse(&text, &limits).map(drop), scrub(&text, &limits).map(drop))
    });
    assert!(took < soon, "{took:?}");
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn depth_and_nodes_are_refused_early() {
    let deep = PlanError::TooDeep { limit: 512 };
    let many = PlanError::TooManyNodes { limit: 20_000 };
    let node = r#"{"Node Type":"Limit","Plans":["#;
    let list = |begin: &str, element: &str, count: usize| format!("{begin}{}", element.repeat(count));
    let tree: String = (0..100_000)
        .map(|depth| format!("{}-> Hash\n", " ".repeat(depth % 700)))
        .collect();
    let yaml: String = (0..3_000)
        .map(|depth| format!("{}Plan:\n", " ".repeat(depth)))
        .collect();
    let cases = [
        (
            "levels",
            nested(r#"{"Plan":{"Node Type":"Limit","Plans":["#, node, "]}", 100_000),
            deep,
        ),
        (
            "arrays",
            nested(r#"{"Plan":{"Node Type":"Limit","Output":"#, "[", "]", 100_000),
            deep,
        ),
        (
            "objects",
            nested(r#"{"Plan":{"Node Type":"Limit","x":"#, r#"{"x":"#, "}", 100_000),
            deep,
        ),
        ("nothing but arrays", "[".repeat(100_000), deep),
        (
            "blocks",
            nested(r#"{"query_block":"#, r#"{"query_block":"#, "}", 100_000),
            deep,
        ),
        (
            "iterators",
            nested("", r#"{"operation":"Hash","inputs":["#, "]}", 100_000),
            deep,
        ),
        (
            "elements",
            nested(
                "<explain><Plan><Plans>",
                "<Plan><Plans>",
                "</Plans></Plan>",
                100_000,
            ),
            deep,
        ),
        ("indentation", format!("{yaml}Node Type: "), deep),
        ("arrows", tree, deep),
        (
            "nodes",
            list(r#"{"Plan":{"Node Type":"Append","Plans":["#, "{},", 4_000_000),
            many,
        ),
        (
            "tables",
            list(
                r#"{"query_block":{"nested_loop":["#,
                r#"{"table":{}},"#,
                1_000_000,
            ),
            many,
        ),
        (
            "inputs",
            list(
                r#"{"operation":"Append","inputs":["#,
                r#"{"operation":"Hash"},"#,
                1_000_000,
            ),
            many,
        ),
        (
            "lines",
            format!("-> Append\n{}", "    -> Hash\n".repeat(1_000_000)),
            many,
        ),
        (
            "elements side by side",
            list("<explain><Plan><Plans>", "<Plan><Alias>", 1),
            deep,
        ),
    ];
    for (name, text, expected) in cases {
        let (read, took) = timed(&text, &limits());
        if name != "elements side by side" {
            assert_eq!(read, Err(expected), "{name}");
        }
        assert!(took < PATIENCE, "{name}: {took:?}");
    }
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table of cases")]
fn values_without_end_are_read_or_refused_in_time() {
    let plan =
        |value: &str, count: usize| format!("{{\"Plan\":{{\"Node Type\":\"Result\",{}", value.repeat(count));
    let cases = [
        (
            "one long text",
            plan(&format!("\"Filter\":\"{}", "x".repeat(8 * MANY)), 1),
        ),
        (
            "escapes",
            plan(&format!("\"Filter\":\"{}\"", "\\u00e9\\".repeat(MANY / 2)), 1),
        ),
        (
            "quotes that are none",
            plan(&format!("\"Filter\":\"{}", "\" ".repeat(MANY)), 1),
        ),
        (
            "backslashes",
            plan(&format!("\"Filter\":\"{}", "\\".repeat(MANY)), 1),
        ),
        ("the same key", plan("\"Filter\":1,", MANY / 4)),
        ("empty keys", plan("\"\":0,", MANY / 2)),
        ("numbers", plan(&format!("\"Output\":[{}", "1,".repeat(MANY)), 1)),
        (
            "not finite",
            plan("\"Total Cost\":1e999,\"Plan Rows\":-1e999,", 1 << 15),
        ),
        (
            "a number of a million digits",
            plan(&format!("\"Total Cost\":{}", "9".repeat(MANY)), 1),
        ),
        (
            "closing",
            format!("{{\"Plan\":{{\"Node Type\":\"Result\",{}", "]".repeat(MANY)),
        ),
        (
            "garbage",
            format!("{{\"Plan\":{{\"Node Type\":\"Result\",{}", "%:".repeat(MANY / 2)),
        ),
        (
            "parts with long keys",
            plan(&format!("\"{}\":{{\"a\":1}},", "k".repeat(190)), 1 << 12),
        ),
        (
            "blank lines of a tree",
            format!("-> Hash\n{}x", "\n".repeat(MANY)),
        ),
        ("blanks of a tree", format!("-> Hash\n{}", " ".repeat(MANY))),
        ("a tree's tail", format!("-> Hash\n{}", "x\n".repeat(MANY / 2))),
        ("borders", format!("QUERY PLAN\n{}", "------\n".repeat(1 << 17))),
        ("headers", "QUERY PLAN\n".repeat(1 << 16)),
        (
            "open quotes of YAML",
            format!(
                "Plan:\n  Node Type: \"x\n{}{}",
                "  a: \"\n".repeat(1 << 16),
                " ".repeat(MANY / 2)
            ),
        ),
        (
            "brackets of YAML",
            format!(
                "Plan:\n  Node Type: \"x\"\n  Output: [{}",
                "\"a\", ".repeat(MANY / 4)
            ),
        ),
        (
            "entities",
            format!(
                "<explain><Plan><Node-Type>{}</Node-Type>",
                "&#x;".repeat(MANY / 4)
            ),
        ),
        (
            "escaped breaks in an open literal",
            format!("-> '{}", "\\n-> ".repeat(MANY)),
        ),
        ("loose quotes on one line", plan("\"Filter\":\"a\"b\",", MANY / 4)),
        ("tags without end", "<explain".to_owned() + &"<a".repeat(MANY / 4)),
        (
            "closing tags",
            format!(
                "<explain><Plan><Node-Type>x</Node-Type>{}",
                "</x>".repeat(MANY / 4)
            ),
        ),
        (
            "keys that tell nothing",
            format!("[{}", r#"{"a":{"b":[1]}},"#.repeat(1 << 16)),
        ),
        ("braces before a key", format!("{}\"Plan\"", "{".repeat(MANY))),
        ("wrappers", {
            let keys: String = (0..40).map(|at| format!("\"k{at}\":1,")).collect();
            nested("", &format!("{{{keys}\"query_block\":"), "}", 900)
        }),
        (
            "wrappers of the same block",
            nested("", r#"{"query_block":{"subqueries":[{}],"x":"#, "}}", 200),
        ),
    ];
    for (name, text) in cases {
        let (read, took) = timed(&text, &limits());
        assert!(
            took < PATIENCE,
            "{name}: {took:?}, {:?}",
            read.map(|plan| plan.nodes.len())
        );
    }
}

#[test]
fn a_real_depth_is_read() {
    let padding = format!(r#""Filter":"{}","#, "x".repeat(3_000));
    let level = format!(r#"{{"Node Type":"Nested Loop",{padding}"Plans":["#);
    let text = nested(r#"{"Plan":{"Node Type":"Limit","Plans":["#, &level, "]}", 145);
    assert!(text.len() > 430 * 1024);
    let plan = parse(&text, &Limits::default()).unwrap();
    assert_eq!((plan.nodes.len(), plan.nodes.last().unwrap().depth), (146, 145));
}

#[test]
fn reading_can_be_stopped() {
    let asked = AtomicUsize::new(0);
    let stop = || asked.fetch_add(1, Ordering::Relaxed) >= 3;
    let json = format!(
        "{{\"Plan\":{{\"Node Type\":\"Result\",{}",
        "\"a\":1,".repeat(10_000)
    );
    let xml = format!("<explain><Plan>{}", "<Alias>1</Alias>".repeat(10_000));
    let yaml = format!("Plan:\n  Node Type: \"x\"\n{}", "  a: 1\n".repeat(10_000));
    let tree = "-> Append\n".to_owned() + &"    -> Hash\n".repeat(10_000);
    let blocks = format!("{{\"query_block\":{{{}", "\"a\":1,".repeat(10_000));
    let framed = format!("QUERY PLAN\n{}", "x\n".repeat(10_000));
    for text in [json, xml, yaml, tree, blocks, framed] {
        asked.store(0, Ordering::Relaxed);
        let limits = Limits {
            stop: Some(&stop),
            ..Limits::default()
        };
        assert_eq!(parse(&text, &limits), Err(PlanError::TimedOut));
        assert_eq!(asked.load(Ordering::Relaxed), 4, "it ends when it is told to");
        asked.store(0, Ordering::Relaxed);
        assert_eq!(scrub(&text, &limits), Err(PlanError::TimedOut));
        assert_eq!(asked.load(Ordering::Relaxed), 4, "so does this");
    }
}

#[test]
fn scrubbing_can_be_stopped_while_it_writes() {
    let json = format!(
        "{{\"Plan\":{{\"Node Type\":\"Result\",{}",
        "\"a\":1,".repeat(10_000)
    );
    let xml = "<explain><Plan><Node-Type>x</Node-Type>".to_owned() + &"<Alias>1</Alias>".repeat(10_000);
    let yaml = format!("Plan:\n  Node Type: \"x\"\n{}", "  a: 1\n".repeat(10_000));
    let tree = "-> Append\n".to_owned() + &"    -> Hash\n".repeat(10_000);
    let lines = "  Filter: (a = 1)\n".repeat(10_000);
    let text = format!("Result  (cost=0.00..1.00 rows=1 width=4)\n{lines}");
    for text in [json, xml, yaml, tree, text] {
        let (asked, most) = (AtomicUsize::new(0), AtomicUsize::new(usize::MAX));
        let stop = || asked.fetch_add(1, Ordering::Relaxed) >= most.load(Ordering::Relaxed);
        let limits = Limits {
            stop: Some(&stop),
            ..Limits::default()
        };
        assert_eq!(parse(&text, &limits).map(drop), Ok(()), "{}", &text[..40]);
        // It is read first, as it was here.
        let read = asked.swap(0, Ordering::Relaxed);
        most.store(read + 3, Ordering::Relaxed);
        assert_eq!(scrub(&text, &limits), Err(PlanError::TimedOut));
        assert_eq!(asked.load(Ordering::Relaxed), read + 4);
    }
}

/// How many of the [`seeds`] are ours.
const OWN: usize = 5;

/// Plans of the corpus and one of each format, none longer than 20 KB.
fn seeds() -> Vec<String> {
    let mut seeds = vec![
        r#"{"query_block":{"select_id":1,"nested_loop":[
           {"table":{"table_name":"a","access_type":"ALL","r_rows":1}},
           {"block-nl-join":{"table":{"table_name":"b","key":"i"}}}],
           "subqueries":[{"query_block":{"message":"x"}}]}}"#
            .to_owned(),
        r#"{"query":"select 1","query_plan":{"inputs":[{"operation":"Filter: (x = 1)","inputs":[{"operation":
           "Table scan on \"t\""}]},{"heading":"Select #2","operation":"Hash"}],
           "operation":"Inner hash join (a = b)"}}"#
            .to_owned(),
        "-> Limit: 1 row(s)  (cost=1..2 rows=3) (actual time=0.1..0.2 rows=1 loops=1)\n    \
         -> Filter: (a = 'x\ny')\n        \
         -> Index lookup on t using i (a=1)  (cost=1 rows=1) (never executed)\n    \
         -> Select #2 (x)\n        -> Hash\n"
            .to_owned(),
        "<?xml version=\"1.0\"?><!-- x --><explain><Query><Plan><Node-Type>A</Node-Type>\
         <Output><Item>&lt;</Item></Output>\
         <Plans><Plan><Node-Type>B</Node-Type></Plan></Plans></Plan></Query></explain>"
            .to_owned(),
        "- Plan: \n    Node Type: \"A\"\n    Keys: \n      - [\"a\", \
         \"b\"]\n    Plans: \n      - Node Type: \"B\"\n        \
         Output: \n          - \"x\\\"\"\n  Triggers: \n"
            .to_owned(),
    ];
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora/plans");
    for folder in [
        "mysql/json",
        "postgres/json",
        "postgres/json_framed",
        "postgres/text_framed",
        "postgres/text",
    ] {
        let Ok(entries) = std::fs::read_dir(corpus.join(folder)) else {
            continue;
        };
        let texts = entries.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
        seeds.extend(texts.filter(|text| text.len() < 20_000));
    }
    seeds
}

/// Pieces that mean something somewhere.
const PIECES: [&str; 24] = [
    "\"",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\n",
    "\t",
    "-> ",
    "    ",
    "<",
    ">",
    "</",
    "&",
    "\"Plan\":",
    "\"Plans\":[",
    "\"table\":{",
    "\"query_block\":",
    "QUERY PLAN\n",
    "+\n",
    "1e999",
    "\u{fffd}\u{21b5}",
];

fn check(text: &str) {
    let limits = Limits {
        bytes: 1 << 20,
        depth: 64,
        nodes: 500,
        stop: None,
    };
    let took = least(3, PATIENCE, || scrub(text, &limits).map(drop));
    assert!(took < PATIENCE, "{took:?}");
    let took = least(3, PATIENCE, || parse(text, &limits).map(drop));
    assert!(took < PATIENCE, "{took:?}");
    let Ok(plan) = parse(text, &limits) else { return };
    assert!(!plan.nodes.is_empty() && plan.nodes.len() <= limits.nodes);
    for (at, node) in plan.nodes.iter().enumerate() {
        let depth = node
            .parent
            .map_or(0, |parent| plan.nodes[parent as usize].depth + 1);
        assert_eq!(node.depth, depth);
        assert!(node.depth < limits.depth && !node.node_type.is_empty());
        assert!(node.parent.map_or(at == 0, |parent| (parent as usize) < at));
    }
    let other = plan.clone().into_owned();
    assert_eq!(other, plan);
}

#[test]
fn every_cut_is_survived() {
    for (at, seed) in seeds().iter().take(8).enumerate() {
        // Those of the corpus are long, and the others have the same formats.
        let step = if at < OWN { 1 } else { 11 };
        for end in (0..seed.len().min(1_500))
            .step_by(step)
            .filter(|end| seed.is_char_boundary(*end))
        {
            check(&seed[..end]);
            check(&seed[end..]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn every_change_is_survived(
        seed in any::<prop::sample::Index>(),
        changes in prop::collection::vec(
            (any::<prop::sample::Index>(), 0_usize..40, 0_usize..PIECES.len()),
            1..6,
        ),
    ) {
        static SEEDS: LazyLock<Vec<String>> = LazyLock::new(seeds);
        let mut text = seed.get(&SEEDS).clone();
        for (at, length, piece) in changes {
            let boundary = |mut at: usize| { while !text.is_char_boundary(at) { at += 1; } at };
            let begin = boundary(at.index(text.len() + 1));
            let end = boundary((begin + length).min(text.len()));
            text.replace_range(begin..end, PIECES[piece]);
        }
        check(&text);
    }

    #[test]
    fn any_text_is_survived(pieces in prop::collection::vec(0_usize..PIECES.len(), 0..200)) {
        check(&pieces.into_iter().map(|piece| PIECES[piece]).collect::<String>());
    }
}

/// An extension's node may stand in a part of another node, whose path must be there again after it.
#[test]
fn a_node_within_a_part_leaves_the_part_as_it_was() {
    let text = "{\"Plan\": {\"Node Type\": \"Outer\", \"Gr\u{f6}\u{df}e\": {\"Plan\": {\"Node Type\": \"Inner\", \"a\": {\"b\": 1}}, \
        \"After\": 2}}}";
    let plan = parse(text, &Limits::default()).unwrap();
    let keys = |at: usize| {
        let properties = plan.nodes[at].properties.iter();
        properties.map(|(key, _)| key.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(
        (keys(0), keys(1)),
        (vec!["Gr\u{f6}\u{df}e After".to_owned()], vec!["a b".to_owned()])
    );
}

use std::sync::atomic::{AtomicUsize, Ordering};

use super::super::{Degraded, Limits, Node, Plan, PlanError, Property};
use super::parse_text;

fn plan(text: &str) -> Plan<'_> {
    parse_text(text, &Limits::default()).unwrap()
}

fn root(text: &str) -> Node<'_> {
    plan(text).nodes.swap_remove(0)
}

#[test]
fn first_lines_are_taken_apart() {
    for (text, expected) in [
        ("Parallel Seq Scan on public.t1 x", "Seq Scan|t1|public|x||||"),
        (
            "Index Scan Backward using \"i.\"\"1\" on s.\"T 1\"",
            "Index Scan|T 1|s|T 1|i.\"1|||",
        ),
        (
            "Index Scan using <13350>btree_t_a on t",
            "Index Scan|t||t|<13350>btree_t_a|||",
        ),
        ("Bitmap Index Scan on \"a b\"", "Bitmap Index Scan||||a b|||"),
        ("Values Scan on \"*VALUES*\"", "Values Scan|||*VALUES*||||"),
        (
            "Function Scan on pg_catalog.f g",
            "Function Scan||pg_catalog|g||||",
        ),
        ("CTE Scan on w", "CTE Scan|||w||||"),
        (
            "Subquery Scan on \"on (cost=1)\"",
            "Subquery Scan|||on (cost=1)||||",
        ),
        ("Hash Right Anti Join", "Hash Join|||||Right Anti||"),
        ("Parallel Hash Join", "Hash Join|||||Inner||"),
        ("Merge Full Join", "Merge Join|||||Full||"),
        ("Nested Loop", "Nested Loop|||||Inner||"),
        ("Nested Loop Semi Join", "Nested Loop|||||Semi||"),
        ("Merge Append", "Merge Append|||||||"),
        ("Merge on m t", "ModifyTable|m||t||||Merge"),
        ("Foreign Update on r", "Foreign Scan|r||r||||Update"),
        ("Async Foreign Scan on r", "Foreign Scan|r||r||||Select"),
        ("Partial GroupAggregate", "Aggregate||||||Sorted|"),
        ("MixedAggregate", "Aggregate||||||Mixed|"),
        ("HashSetOp Except All", "SetOp||||||Hashed|"),
        ("Custom Scan (Chunk) on h c", "Custom Scan|h||c||||"),
        (
            "Gather Motion 3:1  (slice1; segments: 3)",
            "Gather Motion 3:1|||||||",
        ),
        ("XN Seq Scan on t", "XN Seq Scan|t||t||||"),
    ] {
        let line = format!("{text}  (cost=0.10..2.30 rows=4 width=5)");
        let node = root(&line);
        let texts = [
            node.relation,
            node.schema,
            node.alias,
            node.index,
            node.join_type,
            node.strategy,
            node.operation,
        ];
        let texts = texts.map(Option::unwrap_or_default).join("|");
        assert_eq!(format!("{}|{texts}", node.node_type), expected);
        let figures = [
            node.startup_cost,
            node.total_cost,
            node.plan_rows,
            node.plan_width,
        ];
        assert_eq!(figures, [0.1, 2.3, 4.0, 5.0].map(Some), "{text}");
        assert_eq!(node.parallel_aware, text.starts_with("Parallel"), "{text}");
    }
}

#[test]
fn figures_of_all_options_are_read() {
    let node = root("Sort (actual rows=70.00 loops=2)");
    assert_eq!(
        (node.actual_rows, node.actual_loops, node.actual_total_ms),
        (Some(70.0), Some(2.0), None)
    );
    let text = "Limit  (cost=0..1 rows=1 width=0) (actual time=0.1..0.2 rows=0 loops=1)\n  ->  \
                Result  (cost=0..1 rows=1 \
                width=0) (never executed)";
    let never = &plan(text).nodes[1];
    assert_eq!(
        (never.actual_loops, never.actual_total_ms),
        (Some(0.0), Some(0.0))
    );
    let masked = root("Seq Scan on t  (cost=N.N..N.N rows=N width=N)");
    assert_eq!((masked.node_type.as_ref(), masked.total_cost), ("Seq Scan", None));
}

const ANALYZED: &str = "Gather  (cost=0..1 rows=1 width=0) (actual time=0.1..0.2 rows=1.50 loops=1)
  Output: a, (b || ', '::text), ROW(c, d)
  Workers Planned: 2
  Single Copy: true
  Filter: (a = 'x
  ->  y: 1
'::text)
  Rows Removed by Filter: 7
  Worker 0:  actual time=0.1..0.2 rows=1 loops=1
    Buffers: shared hit=99
  Buffers: shared hit=3 read=2, local dirtied=4, temp read=5 written=6
  I/O Timings: shared read=1.5, temp write=2.5
  WAL: records=3 fpi=1 bytes=200 buffers full=4
  Buckets: 2048 (originally 1024)  Batches: 2 (originally 1)  Memory Usage: 9kB
  Storage: Memory  Maximum Storage: 17kB
  Sort Method: external merge  Disk: 24kB
  Full-sort Groups: 3  Sort Methods: quicksort, top-N heapsort  Average Memory: 26kB  Peak Memory: 27kB
  Sampling: system ('50'::real) REPEATABLE ('0'::double precision)
  Heap Blocks: exact=3 lossy=4
  Disabled: false
Planning:
  Buffers: shared hit=77
  Memory: used=1kB  allocated=2kB
Planning Time: 0.475 ms
JIT:
  Functions: 9
  Options: Inlining false, Deforming true
  Timing: Generation 1.5 ms (Deform 0.5 ms), Total 2.5 ms
Settings: work_mem = '64kB', search_path = '\"$user\", public'
Trigger RI on t: time=1.0 calls=1
Serialization: time=1.0 ms  output=1kB  format=text
Execution Time: 12.088 ms
(9 rows)
";

#[test]
fn lines_become_the_properties_of_the_json() {
    let plan = plan(ANALYZED);
    assert_eq!(
        (plan.planning_ms, plan.execution_ms, plan.degraded),
        (Some(0.475), Some(12.088), None)
    );
    let node = &plan.nodes[0];
    let number = |key: &str| node.number(key);
    for (key, expected) in [
        ("Workers Planned", 2.0),
        ("Rows Removed by Filter", 7.0),
        ("Shared Hit Blocks", 3.0),
        ("Shared Read Blocks", 2.0),
        ("Local Dirtied Blocks", 4.0),
        ("Temp Written Blocks", 6.0),
        ("Shared I/O Read Time", 1.5),
        ("Temp I/O Write Time", 2.5),
        ("WAL FPI", 1.0),
        ("WAL Buffers Full", 4.0),
        ("Hash Buckets", 2048.0),
        ("Original Hash Buckets", 1024.0),
        ("Hash Batches", 2.0),
        ("Peak Memory Usage", 9.0),
        ("Maximum Storage", 17.0),
        ("Sort Space Used", 24.0),
        ("Full-sort Groups Group Count", 3.0),
        ("Full-sort Groups Sort Space Memory Peak Sort Space Used", 27.0),
        ("Lossy Heap Blocks", 4.0),
        ("Planning Shared Hit Blocks", 77.0),
        ("Planning Memory Allocated", 2.0),
        ("JIT Functions", 9.0),
        ("JIT Timing Generation Deform", 0.5),
        ("JIT Timing Total", 2.5),
        ("Serialization Output Volume", 1.0),
    ] {
        assert_eq!(number(key), Some(expected), "{key}");
    }
    assert_eq!(node.text("Filter"), Some("(a = 'x\n  ->  y: 1\n'::text)"));
    assert_eq!(
        (node.text("Storage"), node.text("Sort Space Type")),
        (Some("Memory"), Some("Disk"))
    );
    assert_eq!(node.text("Repeatable Seed"), Some("'0'::double precision"));
    assert_eq!(node.property("Single Copy"), Some(&Property::Flag(true)));
    assert_eq!(
        node.property("JIT Options Deforming"),
        Some(&Property::Flag(true))
    );
    assert_eq!(node.text("Settings search_path"), Some("\"$user\", public"));
    let Some(Property::Texts(output)) = node.property("Output") else {
        panic!("no list: {node:?}");
    };
    assert_eq!(output, &["a", "(b || ', '::text)", "ROW(c, d)"]);
    let hits = node
        .properties
        .iter()
        .filter(|(key, _)| key == "Shared Hit Blocks")
        .count();
    assert_eq!(hits, 1, "neither those of a worker nor of planning");
}

#[test]
fn children_know_what_they_are() {
    let text = "Update on t  (cost=0..1 rows=1 width=0)
  Update on public.t_1 x
  Update on t_2
  CTE w
    ->  Result  (cost=0..1 rows=1 width=0)
  InitPlan 2 (returns $1)
    ->  Result  (cost=0..1 rows=1 width=0)
  ->  Hash Join  (cost=0..1 rows=1 width=0)
        ->  Append  (cost=0..1 rows=1 width=0)
              ->  Subquery Scan on s  (cost=0..1 rows=1 width=0)
                    ->  Limit  (cost=0..1 rows=1 width=0)
              SubPlan 3
                ->  Result  (cost=0..1 rows=1 width=0)
        ->  Hash  (cost=0..1 rows=1 width=0)
";
    let plan = plan(text);
    let found: Vec<_> = plan
        .nodes
        .iter()
        .map(|node| {
            let texts =
                [node.relationship.as_deref(), node.subplan.as_deref()].map(Option::unwrap_or_default);
            (node.parent, node.depth, texts[0], texts[1])
        })
        .collect();
    let expected = [
        (None, 0, "", ""),
        (Some(0), 1, "InitPlan", "CTE w"),
        (Some(0), 1, "InitPlan", "InitPlan 2 (returns $1)"),
        (Some(0), 1, "Outer", ""),
        (Some(3), 2, "Outer", ""),
        (Some(4), 3, "Member", ""),
        (Some(5), 4, "Subquery", ""),
        (Some(4), 3, "SubPlan", "SubPlan 3"),
        (Some(3), 2, "Inner", ""),
    ];
    assert_eq!(found, expected);
    let tables = Property::Texts(["t_1", "public", "x", "t_2", "t_2"].map(Into::into).to_vec());
    assert_eq!(plan.nodes[0].property("Target Tables"), Some(&tables));
}

#[test]
fn what_a_statement_holds_is_no_plan() {
    let text = "duration: 1.5 ms  plan:\n\tQuery Text: select 'it''s\n\t\
                Seq Scan on secret  (cost=0..1 rows=1 width=0)' \
                -- don't\n\tfrom t\n\tQuery Parameters: $1 = 'x'\n\t\
                Result  (cost=0.00..0.01 rows=1 width=4)\n";
    let plan = plan(text);
    assert_eq!(
        (plan.nodes.len(), plan.nodes[0].node_type.as_ref()),
        (1, "Result")
    );
    assert_eq!(plan.degraded, None);
    let query = plan.query.unwrap();
    assert!(
        query.starts_with("select 'it''s") && query.ends_with("from t"),
        "{query}"
    );
}

#[test]
fn what_is_cut_off_or_around_is_told() {
    let whole = "Limit  (cost=0.00..1.00 rows=1 width=0)\n  ->  \
                 Seq Scan on t  (cost=0.00..8.27 rows=12 width=4)\n        \
                 Filter: (a = 'secret'::text)\n";
    let cut = |end: &str| format!("{}{end}", whole.split(end).next().unwrap());
    for (text, nodes, degraded) in [
        (whole.to_owned(), 2, None),
        (cut("8."), 2, Some(Degraded::Truncated)),
        (cut("  ->  Seq Scan o"), 1, Some(Degraded::Truncated)),
        (cut("'secr"), 2, Some(Degraded::Truncated)),
        (
            format!("{whole}\n[Your log message was truncated]"),
            2,
            Some(Degraded::Truncated),
        ),
        (
            format!("# explain select 1;\n{whole}"),
            2,
            Some(Degraded::Invalid),
        ),
        (format!("{whole}\nhello"), 2, Some(Degraded::Invalid)),
        (format!("{whole}\n{whole}"), 2, Some(Degraded::Invalid)),
    ] {
        let plan = plan(&text);
        assert_eq!((plan.nodes.len(), plan.degraded), (nodes, degraded), "{text}");
    }
    let half = cut("8.2");
    assert_eq!(
        plan(&half).nodes[1].total_cost,
        None,
        "half of a number is another number"
    );
    for text in [
        "",
        "hello",
        "SELECT 1",
        "Query rewrites to nothing",
        "{\"Plan\": 1}",
        "\u{a0}",
    ] {
        assert_eq!(
            parse_text(text, &Limits::default()),
            Err(PlanError::NotAPlan),
            "{text}"
        );
    }
}

#[test]
fn limits_hold_and_hostile_texts_are_read_once() {
    let deep: String = (0..600)
        .map(|at| format!("{}->  Sort  (cost=0..1 rows=1 width=0)\n", " ".repeat(at)))
        .collect();
    let limit = Limits::default().depth;
    assert_eq!(
        parse_text(&deep, &Limits::default()),
        Err(PlanError::TooDeep { limit })
    );
    let wide = format!(
        "Append  (cost=0..1 rows=1 width=0)\n{}",
        "  ->  Limit  (cost=0..1 rows=1 width=0)\n".repeat(30)
    );
    let limits = Limits {
        nodes: 30,
        ..Limits::default()
    };
    assert_eq!(
        parse_text(&wide, &limits),
        Err(PlanError::TooManyNodes { limit: 30 })
    );
    let limits = Limits {
        bytes: 10,
        ..Limits::default()
    };
    assert_eq!(
        parse_text(&wide, &limits),
        Err(PlanError::TooLarge {
            bytes: wide.len(),
            limit: 10
        })
    );
    let stop = || true;
    let long = format!("{wide}{}", "  Filter: a\n".repeat(300));
    let limits = Limits {
        stop: Some(&stop),
        ..Limits::default()
    };
    assert_eq!(parse_text(&long, &limits), Err(PlanError::TimedOut));
    let root = "Result  (cost=0..1 rows=1 width=0)\n";
    for piece in [
        "  Filter: '\n",
        "  Filter: \"'\n",
        "x\n",
        "(",
        "  CTE x\n",
        " ",
        "\n",
        "Query Text: '\n",
        "a  b: c  ",
    ] {
        let text = format!("{root}{}", piece.repeat(400_000 / piece.len()));
        let looks = AtomicUsize::new(0);
        let stop = || {
            looks.fetch_add(1, Ordering::Relaxed);
            false
        };
        let limits = Limits {
            stop: Some(&stop),
            ..Limits::default()
        };
        assert!(parse_text(&text, &limits).is_ok(), "{piece:?}");
        let lines = text.lines().count();
        assert!(looks.into_inner() <= 4 * lines / 256 + 1, "{piece:?}");
    }
}

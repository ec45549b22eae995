use super::Severity::{Critical, Info, Warning};
use super::*;
use crate::plan::{Limits, facts, parse};

/// The insights of a plan: what they are, how bad, and about which node.
fn found(text: &str) -> Vec<(&'static str, Severity, u32)> {
    let plan = parse(text, &Limits::default()).unwrap();
    let all = facts(&plan, &Thresholds::default()).insights;
    assert!(all.iter().all(|insight| !insight.message.contains("secret")));
    let mut all: Vec<_> = all
        .iter()
        .map(|insight| (insight.kind, insight.severity, insight.node))
        .collect();
    all.retain(|(kind, ..)| *kind != "costly_node");
    all
}

fn message(text: &str, kind: &str) -> String {
    let plan = parse(text, &Limits::default()).unwrap();
    let all = facts(&plan, &Thresholds::default()).insights;
    all.into_iter()
        .find(|insight| insight.kind == kind)
        .unwrap()
        .message
}

#[test]
fn a_sequential_scan_of_a_large_table() {
    let planned = "Seq Scan on a  (cost=0.00..1000.00 rows=50000 width=4)\n  Filter: (x = 'secret'::text)\n";
    assert_eq!(found(planned), [("sequential_scan", Warning, 0)]);
    let executed = concat!(
        "Seq Scan on a  (cost=0.00..1000.00 rows=5 width=4) (actual time=0.010..50.000 rows=5 loops=1)\n",
        "  Filter: (x = 'secret'::text)\n",
        "  Rows Removed by Filter: 49995\n",
    );
    assert_eq!(found(executed), [("sequential_scan", Critical, 0)]);
    assert_eq!(
        message(executed, "sequential_scan"),
        "Seq Scan on a read 50,000 rows (100 % of the plan's time) and threw 99.99 % of them away; an \
        index on the columns \
         of its filter would read less"
    );
    assert_eq!(found("Seq Scan on a  (cost=0.00..20.00 rows=500 width=4)\n"), []);
    assert_eq!(
        found("Index Scan using i on a  (cost=0.00..1000.00 rows=50000 width=4)\n"),
        []
    );
}

#[test]
fn rows_that_were_not_expected() {
    let scan = |planned: u32, actual: u32| {
        format!(
            "Index Scan using i on a  (cost=0.00..9.00 rows={planned} width=4) (actual time=0.01..0.02 \
            rows={actual} loops=1)\n"
        )
    };
    assert_eq!(found(&scan(10, 99)), []);
    assert_eq!(found(&scan(10, 100)), [("row_estimate", Info, 0)]);
    assert_eq!(found(&scan(1000, 10)), [("row_estimate", Warning, 0)]);
    assert_eq!(found(&scan(1, 1000)), [("row_estimate", Critical, 0)]);
    let plan = parse(&scan(1, 1000), &Limits::default()).unwrap().into_owned();
    assert_eq!(
        facts(&plan, &Thresholds::default()).insights[0].value,
        Some(1000.0)
    );
}

#[test]
fn a_scan_that_a_limit_has_stopped_was_not_estimated_wrong() {
    let limited = concat!(
        "Limit  (cost=0.00..9.00 rows=1 width=4) (actual time=0.01..0.02 rows=1 loops=1)\n",
        "  ->  Index Scan using i on a  (cost=0.00..9.00 rows=9000 width=4) (actual time=0.01..0.02 rows=1 \
        loops=1)\n",
    );
    assert_eq!(found(limited), []);
    let sorted = concat!(
        "Limit  (cost=0.00..9.00 rows=1 width=4) (actual time=0.01..0.02 rows=1 loops=1)\n",
        "  ->  Sort  (cost=0.00..9.00 rows=9000 width=4) (actual time=0.01..0.02 rows=1 loops=1)\n",
        "        ->  Index Scan using i on a  (cost=0.00..9.00 rows=9000 width=4) (actual time=0.01..0.02 \
        rows=1 loops=1)\n",
    );
    assert_eq!(found(sorted), [("row_estimate", Critical, 2)]);
}

#[test]
fn what_did_not_fit_into_memory() {
    let sort = concat!(
        "Sort  (cost=0.00..9.00 rows=9 width=4) (actual time=0.01..0.02 rows=9 loops=1)\n",
        "  Sort Method: external merge  Disk: 20480kB\n",
        "  Buffers: temp read=2560 written=2560\n",
        "  ->  Hash  (cost=0.00..9.00 rows=9 width=4) (actual time=0.01..0.02 rows=9 loops=1)\n",
        "        Buckets: 1024  Batches: 8  Memory Usage: 40kB\n",
        "        ->  HashAggregate  (cost=0.00..9.00 rows=9 width=4) (actual time=0.01..0.02 rows=9 \
        loops=1)\n",
        "              Batches: 5  Memory Usage: 40kB  Disk Usage: 2097152kB\n",
        "              ->  Materialize  (cost=0.00..9.00 rows=9 width=4) (actual time=0.01..0.02 rows=9 \
        loops=1)\n",
        "                    Buffers: temp read=10 written=10\n",
        "                    ->  Sort  (cost=0.00..9.00 rows=9 width=4) (actual time=0.01..0.02 rows=9 \
        loops=1)\n",
        "                          Sort Method: quicksort  Memory: 25kB\n",
    );
    assert_eq!(
        found(sort),
        [
            ("spill", Warning, 0),
            ("spill", Warning, 1),
            ("spill", Critical, 2),
            ("spill", Warning, 3)
        ]
    );
    assert!(message(sort, "spill").starts_with("Sort sorted on disk (20 MB)"));
}

#[test]
fn an_inner_side_that_is_run_too_often() {
    let join = |scan: &str, loops: u32| {
        format!(
            concat!(
                "Nested Loop  (cost=0.00..90.00 rows=9 width=4) (actual time=0.01..1000.0 rows=9 loops=1)\n",
                "  ->  Index Scan using i on a  (cost=0.00..9.00 rows={loops} width=4) ",
                "(actual time=0.01..1.0 rows={loops} loops=1)\n",
                "  ->  {scan} on b  (cost=0.00..9.00 rows=20 width=4) ",
                "(actual time=0.01..0.9 rows=20 loops={loops})\n",
            ),
            scan = scan,
            loops = loops
        )
    };
    assert_eq!(
        found(&join("Seq Scan", 1001)),
        [("nested_loop", Critical, 0), ("sequential_scan", Warning, 2)]
    );
    assert_eq!(
        found(&join("Index Scan using j", 1001)),
        [("nested_loop", Warning, 0)]
    );
    assert_eq!(found(&join("Index Scan using j", 10)), []);
    assert!(
        message(&join("Seq Scan", 1001), "nested_loop")
            .contains("ran 1,001 times and takes 90 % of the plan's time")
    );
    let planned = join("Seq Scan", 1001).replace(" (actual", "\n  (");
    let planned: String = planned
        .lines()
        .filter(|line| !line.starts_with("  ("))
        .map(|line| format!("{line}\n"))
        .collect();
    assert_eq!(found(&planned), [("nested_loop", Critical, 0)]);
}

#[test]
fn bitmaps_visits_and_workers() {
    let text = concat!(
        "Gather  (cost=0.00..90.00 rows=9 width=4) (actual time=0.01..10.0 rows=9 loops=1)\n",
        "  Workers Planned: 4\n",
        "  Workers Launched: 1\n",
        "  ->  Nested Loop  (cost=0.00..90.00 rows=9 width=4) (actual time=0.01..10.0 rows=9 loops=2)\n",
        "        ->  Bitmap Heap Scan on a  (cost=0.00..90.00 rows=9 width=4) (actual time=0.01..9.0 \
        rows=9 loops=2)\n",
        "              Rows Removed by Index Recheck: 5000\n",
        "              Heap Blocks: exact=100 lossy=900\n",
        "        ->  Index Only Scan using i on b  (cost=0.00..9.00 rows=100 width=4) (actual \
        time=0.01..0.1 rows=100 loops=18)\n",
        "              Heap Fetches: 1700\n",
    );
    assert_eq!(
        found(text),
        [
            ("unused_workers", Info, 0),
            ("lossy_bitmap", Warning, 2),
            ("rows_removed", Warning, 2),
            ("heap_fetches", Warning, 3)
        ]
    );
}

#[test]
fn what_mysql_and_mariadb_say_of_themselves() {
    let mysql = r#"{"query_block": {"select_id": 1, "cost_info": {"query_cost": "9000.0"}, 
        "ordering_operation": {
        "using_filesort": true, "cost_info": {"sort_cost": "100.0"}, "grouping_operation": {
        "using_temporary_table": true,
        "using_filesort": false, "nested_loop": [
        {"table": {"table_name": "a", "access_type": "ALL", "rows_examined_per_scan": 70000, "filtered":
         "10.00",
         "rows_produced_per_join": 7000, "cost_info": {"read_cost": "5000.0", "eval_cost": "100.0",
         "prefix_cost": "5100.0"},
         "attached_condition": "(`d`.`a`.`x` = 'secret')"}},
        {"table": {"table_name": "b", "access_type": "ALL", "rows_examined_per_scan": 3, "filtered": "100.00",
         "using_join_buffer": "Block Nested Loop",
         "cost_info": {"read_cost": "10.0", "eval_cost": "10.0", "prefix_cost": "5120.0"}}}]}}}}"#;
    let kinds: Vec<_> = found(mysql).iter().map(|(kind, ..)| *kind).collect();
    for kind in ["filesort", "temporary_table", "sequential_scan", "join_buffer"] {
        assert!(kinds.contains(&kind), "{kinds:?}");
    }
}

#[test]
fn costly_nodes_by_what_they_alone_take() {
    let text = concat!(
        "Sort  (cost=990.00..1000.00 rows=9 width=4)\n",
        "  ->  Index Scan using i on a  (cost=0.00..950.00 rows=9 width=4)\n",
    );
    let plan = parse(text, &Limits::default()).unwrap();
    let all = facts(&plan, &Thresholds::default()).insights;
    let costly: Vec<_> = all
        .iter()
        .map(|insight| (insight.kind, insight.severity, insight.node))
        .collect();
    assert_eq!(costly, [("costly_node", Critical, 1)]);
    let cheap = text.replace("1000.00", "99.00");
    let plan = parse(&cheap, &Limits::default()).unwrap();
    assert_eq!(facts(&plan, &Thresholds::default()).insights, []);
}

#[test]
fn thresholds_are_the_operators() {
    let thresholds = Thresholds {
        large_table_rows: 10.0,
        ..Thresholds::default()
    };
    let plan = parse(
        "Seq Scan on a  (cost=0.00..20.00 rows=500 width=4)\n",
        &Limits::default(),
    )
    .unwrap();
    assert_eq!(facts(&plan, &thresholds).insights.len(), 1);
}

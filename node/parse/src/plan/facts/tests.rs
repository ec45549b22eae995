use crate::plan::{Attributes, Engine, Format, Limits, Node, Plan, Thresholds, facts, parse};

fn attributes(text: &str) -> Attributes {
    let plan = parse(text, &Limits::default()).unwrap();
    facts(&plan, &Thresholds::default()).attributes
}

#[test]
fn a_plan_of_postgresql_in_figures() {
    let all = attributes(concat!(
        "Hash Join  (cost=1.00..35.50 rows=10 width=4) (actual time=0.010..2.500 rows=10 loops=1)\n",
        "  Hash Cond: (a.id = b.id)\n",
        "  ->  Bitmap Heap Scan on s.a  (cost=0.00..10.00 rows=10 width=4) (actual time=0.010..1.000 \
        rows=10 loops=1)\n",
        "        ->  Bitmap Index Scan on i  (cost=0.00..1.00 rows=9 width=4) (actual time=0.01..0.02 \
        rows=9 loops=1)\n",
        "  ->  Hash  (cost=0.00..2.00 rows=1 width=4) (actual time=0.010..1.000 rows=10 loops=1)\n",
        "        ->  Nested Loop Left Join  (cost=0.00..2.00 rows=1 width=4) (actual time=0.01..1.00 \
        rows=9 loops=1)\n",
        "              ->  Seq Scan on b  (cost=0.00..2.00 rows=1 width=4) (actual time=0.01..1.00 rows=9 \
        loops=1)\n",
        "              ->  Index Only Scan using j on c  (cost=0.00..2.00 rows=1 width=4) (never executed)\n",
    ));
    assert_eq!((all.total_cost, all.execution_time), (Some(35.5), Some(2.5)));
    assert!(all.has_sequential_scan && all.has_nested_loop);
    assert_eq!((all.index_scan_count, all.table_access_count), (2, 3));
    assert_eq!(
        (all.joins.hash, all.joins.nested_loop, all.joins.merge),
        (1, 1, 0)
    );
    assert_eq!(
        (all.scans.sequential, all.scans.index_only, all.scans.index),
        (1, 1, 0)
    );
    assert_eq!((all.scans.bitmap_heap, all.scans.bitmap_index), (1, 1));
    assert_eq!(all.relations, ["b", "c", "s.a"]);
}

#[test]
fn the_server_says_how_long_it_took_where_it_does() {
    let all = attributes(concat!(
        "Seq Scan on a  (cost=0.00..10.00 rows=10 width=4) (actual time=0.010..1.000 rows=10 loops=1)\n",
        "Planning Time: 0.100 ms\n",
        "Execution Time: 1.250 ms\n"
    ));
    assert_eq!(all.execution_time, Some(1.25));
    assert_eq!(
        attributes("Seq Scan on a  (cost=0.00..10.00 rows=10 width=4)").execution_time,
        None
    );
}

#[test]
fn a_plan_of_mysql_in_figures() {
    let all = attributes(
        r#"{"query_block": {"select_id": 1, "cost_info": {"query_cost": "12.50"}, "nested_loop": [
            {"table": {"table_name": "a", "access_type": "ALL", 
             "rows_examined_per_scan": 9, "filtered": "100.00"}},
            {"table": {"table_name": "b", "access_type": "eq_ref", "key": "PRIMARY",
             "rows_examined_per_scan": 1}}]}}"#,
    );
    assert_eq!(all.total_cost, Some(12.5));
    assert!(all.has_sequential_scan && all.has_nested_loop);
    assert_eq!((all.index_scan_count, all.table_access_count), (1, 2));
    assert_eq!(all.relations, ["a", "b"]);
}

#[test]
fn complexity_grows_with_every_step_and_stays_below_a_hundred() {
    let mut plan = Plan {
        engine: Engine::PostgreSql,
        format: Format::Json,
        nodes: Vec::new(),
        query: None,
        planning_ms: None,
        execution_ms: None,
        degraded: None,
    };
    let mut last = 0.0;
    for at in 0..400_u32 {
        let kinds = ["Result", "Nested Loop", "Sort", "Seq Scan", "Hash Join"];
        plan.nodes.push(Node {
            parent: at.checked_sub(1),
            depth: at,
            node_type: kinds[at as usize % kinds.len()].into(),
            ..Node::default()
        });
        let score = facts(&plan, &Thresholds::default())
            .attributes
            .plan_complexity_score;
        assert!(score > last && score < 100.0, "{score} after {last}");
        last = score;
    }
}

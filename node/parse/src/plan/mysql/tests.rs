//! Plans of MySQL and MariaDB in their formats.
#![allow(clippy::unwrap_used)]

use crate::plan::{Degraded, Engine, Format, Limits, Plan, Property, parse};

fn plan(text: &str) -> Plan<'_> {
    parse(text, &Limits::default()).unwrap()
}

/// The tree: a line a node, with what it is to its parent and what it reads.
fn tree(plan: &Plan<'_>) -> Vec<String> {
    let line = |node: &crate::plan::Node<'_>| {
        let mut line = "  ".repeat(node.depth as usize);
        for word in [
            &node.relationship,
            &node.join_type,
            &node.strategy,
            &node.operation,
        ]
        .into_iter()
        .flatten()
        {
            line.push_str(word);
            line.push(' ');
        }
        line.push_str(&node.node_type);
        for (sign, name) in [
            (" on ", &node.relation),
            (" using ", &node.index),
            (" = ", &node.subplan),
        ] {
            if let Some(name) = name {
                line.push_str(sign);
                line.push_str(name);
            }
        }
        line
    };
    plan.nodes.iter().map(line).collect()
}

#[test]
fn blocks_become_joins_of_two() {
    let text = r#"{"query_block": {"select_id": 1, "cost_info": {"query_cost": "30.50"},
        "ordering_operation": {"using_filesort": true, "cost_info": {"sort_cost": "5.00"},
        "nested_loop": [
          {"table": {"table_name": "a", "access_type": "ALL", "rows_examined_per_scan": 100,
            "filtered": "10.00",
            "rows_produced_per_join": 10, "cost_info": {"read_cost": "9.00", "eval_cost": "1.00",
            "prefix_cost": "10.00", "data_read_per_join": "1K"}, "attached_condition": "(`a`.`x` = 5)"}},
          {"table": {"table_name": "b", "access_type": "eq_ref", "key": "PRIMARY",
            "rows_examined_per_scan": 1,
            "filtered": "100.00", "rows_produced_per_join": 10, "using_index": true,
            "cost_info": {"read_cost": "4.00", "eval_cost": "1.00", "prefix_cost": "15.00"}}},
          {"table": {"table_name": "c", "access_type": "ALL", "using_join_buffer": "hash join",
            "rows_produced_per_join": 50, "cost_info": {"prefix_cost": "25.50"}}}]},
        "select_list_subqueries": [{"dependent": true, "query_block": {"select_id": 2,
          "table": {"table_name": "d", "access_type": "range", "key": "i"}}}]}}"#;
    let plan = plan(text);
    let expected = [
        "Sort",
        "  Outer Hash Join",
        "    Outer Nested Loop",
        "      Outer Seq Scan on a",
        "      Inner Index Only Scan on b using PRIMARY",
        "    Inner Seq Scan on c",
        "  SubPlan Index Scan on d using i",
    ];
    assert_eq!(tree(&plan), expected);
    assert_eq!(
        (plan.engine, plan.format, plan.degraded),
        (Engine::MySql, Format::Json, None)
    );
    let costs: Vec<Option<f64>> = plan.nodes.iter().map(|node| node.total_cost).collect();
    assert_eq!(
        costs,
        [
            Some(30.5),
            Some(25.5),
            Some(15.0),
            Some(10.0),
            Some(5.0),
            Some(25.5),
            None
        ]
    );
    let rows: Vec<Option<f64>> = plan.nodes.iter().map(|node| node.plan_rows).collect();
    assert_eq!(
        rows,
        [
            Some(50.0),
            Some(50.0),
            Some(10.0),
            Some(10.0),
            Some(1.0),
            None,
            None
        ]
    );
    assert_eq!(plan.nodes[3].text("Filter"), Some("(`a`.`x` = 5)"));
    assert_eq!(plan.nodes[3].text("Access Type"), Some("ALL"));
}

#[test]
fn what_is_no_table_of_its_own_is_no_node() {
    let cases = [
        (
            r#"{"query_block": {"select_id": 1, "message": "No tables used"}}"#,
            vec!["Result"],
        ),
        (
            r#"{"query_block": {"union_result": {"using_temporary_table": true, "table_name": "<union1,2>",
              "access_type": "ALL", "query_specifications": [
                {"dependent": false, "query_block": {"select_id": 1, "table": {"table_name": "a",
                  "access_type": "ALL"}}},
                {"query_block": {"select_id": 2, "table": {"table_name": "b", "access_type": "index",
                  "key": "i"}}}]}}}"#,
            vec![
                "Append",
                "  Member Seq Scan on a",
                "  Member Index Scan on b using i",
            ],
        ),
        (
            r#"{"query_block": {"select_id": 1, "table": {"table_name": "q", "access_type": "ref",
              "key": "<auto_key0>",
              "materialized_from_subquery": {"using_temporary_table": true, "query_block": {"select_id": 2,
              "grouping_operation": {"using_temporary_table": true, "table": {"table_name": "a",
                "access_type": "ALL"}}}}}}}"#,
            vec![
                "Subquery Scan on q using <auto_key0>",
                "  Subquery Hashed Aggregate",
                "    Outer Seq Scan on a",
            ],
        ),
        (
            r#"{"query_block": {"select_id": 1, "table": {"insert": true, "table_name": "t",
              "access_type": "ALL"},
              "insert_from": {"table": {"table_name": "a", "access_type": "const", "key": "PRIMARY"}}}}"#,
            vec!["Insert ModifyTable on t", "  Outer Index Scan on a using PRIMARY"],
        ),
        // MariaDB before 10.8 wrote joined tables as values of one key.
        (
            r#"{"query_block": {"select_id": 1, "table": {"table_name": "a", "access_type": "ALL", "rows": 2},
              "block-nl-join": {"table": {"table_name": "b", "access_type": "ALL", "rows": 3},
                "join_type": "BNLH"}}}"#,
            vec!["Hash Join", "  Outer Seq Scan on a", "  Inner Seq Scan on b"],
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(tree(&plan(text)), expected, "{text}");
    }
}

#[test]
fn mariadb_tells_what_happened() {
    let text = r#"{"query_optimization": {"r_total_time_ms": 0.5}, "query_block": {"select_id": 1,
      "r_loops": 1,
      "r_total_time_ms": 12.5, "nested_loop": [
        {"table": {"table_name": "e", "access_type": "ALL", "r_loops": 1, "rows": 300, "r_rows": 200,
          "r_table_time_ms": 1, "r_other_time_ms": 0.5, "filtered": 50, "r_filtered": 25,
          "attached_condition": "e.x > 3"}},
        {"table": {"table_name": "a", "access_type": "eq_ref", "key": "PRIMARY", "r_loops": 50,
          "rows": 1, "r_rows": 0.5,
          "r_table_time_ms": 5, "r_other_time_ms": 5, "filtered": 100, "r_filtered": 100}}]}}"#;
    let plan = plan(text);
    assert_eq!(plan.engine, Engine::MariaDb);
    assert_eq!((plan.planning_ms, plan.execution_ms), (Some(0.5), Some(12.5)));
    assert_eq!(
        tree(&plan),
        [
            "Nested Loop",
            "  Outer Seq Scan on e",
            "  Inner Index Scan on a using PRIMARY"
        ]
    );
    let [join, outer, inner] = &plan.nodes[..] else {
        unreachable!()
    };
    assert_eq!(
        (outer.plan_rows, outer.actual_rows, outer.actual_total_ms),
        (Some(150.0), Some(50.0), Some(1.5))
    );
    assert_eq!(outer.number("Rows Removed by Filter"), Some(150.0));
    assert_eq!(
        (inner.actual_rows, inner.actual_loops, inner.actual_total_ms),
        (Some(0.5), Some(50.0), Some(0.2))
    );
    assert_eq!(
        (join.plan_rows, join.actual_rows, join.actual_total_ms),
        (Some(150.0), Some(25.0), Some(11.5))
    );
}

const TREE: &str = "\
-> Limit: 10 row(s)  (cost=12.5 rows=10) (actual time=0.1..0.2 rows=10 loops=1)
    -> Sort: n DESC, limit input to 10 row(s) per chunk  (actual time=0.1..0.2 rows=10 loops=1)
        -> Table scan on <temporary>  (actual time=0.05..0.06 rows=40 loops=1)
            -> Aggregate using temporary table  (actual time=0.05..0.05 rows=40 loops=1)
                -> Nested loop left join  (cost=10.1..11.2 rows=50) (actual time=0.01..0.04 rows=50 loops=1)
                    -> Filter: (a.x = 'it is
 (cost=1 rows=2)')  (cost=1.25 rows=5) (actual time=0.01..0.02 rows=4 loops=1)
                        -> Table scan on a  (cost=1.25 rows=1.5e+3) (actual time=0.01..0.02 rows=9 loops=1)
                    -> Covering index lookup on b using i (y=a.y)  (cost=0.35 rows=2) (never executed)
    -> Select #2 (subquery in projection; dependent)
        -> Inner hash join (c.z = d.z)  (cost=2 rows=3)
            -> Index range scan on c using j over (7 < z), with index condition: (c.z > 7)  (cost=1 rows=3)
            -> Hash
                -> Single-row index lookup on d using PRIMARY (id=c.id)  (cost=0.1 rows=1)
";

#[test]
fn lines_become_a_tree() {
    let plan = plan(TREE);
    let expected = [
        "Limit",
        "  Outer Sort",
        "    Outer Subquery Scan on <temporary>",
        "      Subquery Hashed Aggregate",
        "        Outer Left Nested Loop",
        "          Outer Seq Scan on a",
        "          Inner Index Only Scan on b using i",
        "  SubPlan Inner Hash Join = Select #2 (subquery in projection; dependent)",
        "    Outer Index Scan on c using j",
        "    Inner Hash",
        "      Outer Index Scan on d using PRIMARY",
    ];
    assert_eq!(tree(&plan), expected);
    assert_eq!(
        (plan.engine, plan.format, plan.degraded),
        (Engine::MySql, Format::Tree, None)
    );
    let scan = &plan.nodes[5];
    assert_eq!(scan.text("Filter"), Some("(a.x = 'it is\n (cost=1 rows=2)')"));
    assert_eq!(
        (scan.plan_rows, scan.actual_rows, scan.actual_loops),
        (Some(5.0), Some(4.0), Some(1.0))
    );
    assert_eq!(scan.number("Rows Removed by Filter"), Some(5.0));
    let join = &plan.nodes[4];
    assert_eq!((join.startup_cost, join.total_cost), (Some(10.1), Some(11.2)));
    let lookup = &plan.nodes[6];
    assert_eq!(
        (lookup.actual_loops, lookup.text("Index Cond")),
        (Some(0.0), Some("(y=a.y)"))
    );
    assert_eq!(plan.nodes[7].text("Hash Cond"), Some("(c.z = d.z)"));
    let key = Some(&Property::Texts(vec!["n DESC".into()]));
    assert_eq!(plan.nodes[1].property("Sort Key"), key);
}

#[test]
fn clients_frames_come_off() {
    let bare = tree(&plan(TREE));
    let lines: String = TREE.lines().map(|line| format!("{line}\n")).collect();
    let batch = format!("EXPLAIN\n{}\n", TREE.trim_end().replace('\n', "\\n"));
    let table = format!("+------+\n| EXPLAIN |\n+------+\n| {lines} |\n+------+\n1 row in set (0.00 sec)\n");
    let vertical = format!(
        "*************************** 1. row ***************************\nEXPLAIN: {lines}\n1 row in set\n"
    );
    for framed in [batch, table, vertical] {
        let plan = plan(&framed);
        assert_eq!(tree(&plan), bare, "{framed}");
        assert_eq!(plan.degraded, None, "{framed}");
    }
    let cut = plan(TREE.split_at(TREE.len() - 10).0);
    assert_eq!(cut.degraded, Some(Degraded::Truncated));
    assert_eq!(cut.nodes.len(), bare.len());
}

#[test]
fn iterators_become_a_tree_wherever_their_inputs_stand() {
    let text = r#"{"query": "/* select#1 */ select 1", "query_type": "select", "json_schema_version": "2.0",
      "query_plan": {"inputs": [
        {"inputs": [
          {"alias": "a", "operation": "Table scan on a", "table_name": "t1", "schema_name": "s",
            "access_type": "table",
           "estimated_rows": 100.0, "estimated_total_cost": 10.25, "used_columns": ["x"], "actual_rows": 90.0,
           "actual_loops": 1, "actual_last_row_ms": 2.5, "actual_first_row_ms": 0.5}],
         "condition": "(a.x = \"y\")", "operation": "Filter: (a.x = \"y\")", "access_type": "filter",
         "estimated_rows": 10.0, "actual_rows": 9.0, "estimated_total_cost": 10.25},
        {"covering": true, "operation": "Covering index lookup on b using i (y=a.y)", "index_name": "i",
         "table_name": "b", "access_type": "index", "index_access_type": "index_lookup",
           "lookup_condition": "y=a.y"},
        {"heading": "Select #2 (subquery in condition; run only once)", "subquery": true,
         "operation": "Aggregate: max(c.z)", "inputs": [{"operation": "Index scan on c using k (reverse)"}]}],
      "join_type": "inner join", "operation": "Nested loop inner join", "access_type": "join",
      "join_algorithm": "nested_loop", "estimated_rows": 20.0, "estimated_total_cost": 15.5}}"#;
    let plan = plan(text);
    let expected = [
        "Inner Nested Loop",
        "  Outer Seq Scan on t1",
        "  Inner Index Only Scan on b using i",
        "  SubPlan Plain Aggregate = Select #2 (subquery in condition; run only once)",
        "    Outer Index Scan on c using k",
    ];
    assert_eq!(tree(&plan), expected);
    assert_eq!(
        (plan.engine, plan.format, plan.degraded),
        (Engine::MySql, Format::Json, None)
    );
    assert_eq!(plan.query.as_deref(), Some("/* select#1 */ select 1"));
    let scan = &plan.nodes[1];
    assert_eq!(
        (scan.alias.as_deref(), scan.schema.as_deref()),
        (Some("a"), Some("s"))
    );
    assert_eq!(
        (scan.plan_rows, scan.actual_rows, scan.actual_total_ms),
        (Some(10.0), Some(9.0), Some(2.5))
    );
    assert_eq!(scan.text("Filter"), Some("(a.x = \"y\")"));
    assert_eq!(plan.nodes[0].total_cost, Some(15.5));
}

//! What real servers said of statements with a secret in them: PostgreSQL 17, MySQL 9.7, MariaDB 10.11.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic)]

use ringwatch_parse::plan::{Limits, Node, Plan, Thresholds, facts, fingerprint, parse, scrub, scrub_with};

/// The plan, which is read whole, and what is left of it without its literals: the same tree, for good.
fn scrubbed(text: &str) -> String {
    let limits = Limits::default();
    let plan = parse(text, &limits).unwrap();
    assert_eq!(plan.degraded, None, "{text}");
    let hidden = scrub(text, &limits).unwrap();
    for secret in ["Plant3d", "47110815"] {
        assert!(!hidden.contains(secret), "{hidden}");
    }
    assert_eq!(scrub(&hidden, &limits).as_deref(), Ok(&*hidden));
    let again = parse(&hidden, &limits).unwrap();
    let tree = |plan: &Plan<'_>| plan.nodes.iter().map(node).collect::<Vec<_>>();
    assert_eq!(tree(&plan), tree(&again), "{hidden}");
    assert_eq!(fingerprint(&plan), fingerprint(&again), "{hidden}");
    let other = text.replace("Plant3d", "Other0").replace("47110815", "58221926");
    assert_eq!(
        fingerprint(&plan),
        fingerprint(&parse(&other, &limits).unwrap()),
        "{text}"
    );
    hidden
}

/// What of a node must not change.
fn node(node: &Node<'_>) -> String {
    let names = [
        &node.relation,
        &node.alias,
        &node.index,
        &node.join_type,
        &node.operation,
        &node.relationship,
    ];
    let keys: Vec<&str> = node.properties.iter().map(|(key, _)| &**key).collect();
    let (cost, rows) = (node.total_cost, node.actual_rows);
    format!(
        "{} {} {cost:?} {rows:?} {names:?} {keys:?}",
        node.depth, node.node_type
    )
}

fn types(text: &str) -> Vec<String> {
    let plan = parse(text, &Limits::default()).unwrap();
    let said = |node: &Node<'_>| format!("{} {}", node.depth, node.node_type);
    plan.nodes.iter().map(said).collect()
}

#[test]
fn names_of_columns_stay_and_names_that_are_expressions_lose_their_literals() {
    let hidden = scrubbed(concat!(
        r#"{"query": "/* select#1 */ select concat(`s`.`o`.`note`,'Plant3d') AS `concat(note, 'Plant3d')`,"#,
        r#"'Plant3dK' AS `Plant3dK` from `s`.`orders` `o` where (`s`.`o`.`customer` = 47110815)","#,
        "\n",
        r#" "query_plan": {"covering": false, "operation": "Index lookup on o using 2fast (customer = 47110815)","#,
        r#" "index_name": "2fast", "table_name": "orders", "schema_name": "s", "alias": "o", "access_type": "index","#,
        r#" "key_columns": ["customer"], "used_columns": ["2fa", "Plant3dK", "note", "concat(note, 'Plant3d')"],"#,
        r#" "filter_columns": ["s.o.note", "s.o.`status`"], "lookup_references": ["const"],"#,
        r#" "lookup_condition": "customer = 47110815", "estimated_rows": 9.0, "estimated_total_cost": 1.5,"#,
        r#" "index_access_type": "index_lookup"}, "query_type": "select", "json_schema_version": "2.0"}"#,
    ));
    for kept in [
        r#""key_columns":["customer"]"#,
        r#""used_columns":["2fa","?","note","concat(note, ?)"]"#,
        r#""filter_columns":["s.o.note","s.o.`status`"]"#,
        r#""lookup_references":["const"]"#,
        r#""operation":"Index lookup on o using 2fast (customer = ?)""#,
        "AS `concat(note, ?)`,? AS `?` from `s`.`orders` `o`",
    ] {
        assert!(hidden.contains(kept), "{kept}\n{hidden}");
    }
}

#[test]
fn subqueries_of_what_is_selected_belong_to_the_tree_before_them() {
    let text = concat!(
        "-> Sort: (select #3)  (cost=182 rows=1800)\n",
        "    -> Table scan on o  (cost=182 rows=1800)\n",
        "-> Select #2 (subquery in projection; dependent)\n",
        "    -> Aggregate: count(0)  (cost=0.58 rows=1)\n",
        "        -> Filter: ((c.`name` = o.note) and (c.`name` > 'Plant3d'))  (cost=0.35 rows=1)\n",
        "            -> Covering index lookup on c using kn (name = o.note)  (cost=0.35 rows=1)\n",
        "-> Select #3 (subquery in projection; run only once)\n",
        "    -> Aggregate: max(t.id)  (cost=36.8 rows=1)\n",
        "        -> Table scan on t  (cost=18.1 rows=900)\n",
    );
    let hidden = scrubbed(text);
    let expected = [
        "0 Sort",
        "1 Seq Scan",
        "1 Aggregate",
        "2 Index Only Scan",
        "1 Aggregate",
        "2 Seq Scan",
    ];
    assert_eq!(types(text), expected);
    assert!(
        hidden.contains("-> Select #2 (subquery in projection; dependent)\n"),
        "{hidden}"
    );
    let plan = parse(text, &Limits::default()).unwrap();
    assert_eq!(plan.nodes[4].relationship.as_deref(), Some("SubPlan"));
    assert_eq!(
        plan.nodes[4].subplan.as_deref(),
        Some("Select #3 (subquery in projection; run only once)")
    );
}

#[test]
fn line_breaks_in_literals_of_a_tree_are_none_of_a_client() {
    let tree = concat!(
        "-> Filter: (orders.note = 'Plant3d\\nsecond line\\n    -> Table scan on secret')  (cost=0.26 rows=0.1)\n",
        "    -> Index lookup on orders using ks (status = 'it\\'s Plant3d')  (cost=0.26 rows=1)\n",
    );
    scrubbed(tree);
    assert_eq!(types(tree), ["0 Index Scan"]);
    let single =
        "-> Index lookup on Odd Name using 47 (7 = 'Plant3d\\n    -> Table scan on x')  (cost=0.3 rows=1)\n";
    assert!(scrubbed(single).starts_with("-> Index lookup on Odd Name using 47 (? = ?)"));
    assert_eq!(types(single), ["0 Index Scan"]);
    let escaped = "-> Limit: 5 row(s)  (cost=1 rows=5)\\n    -> Table scan on t  (cost=1 rows=9)\\n";
    assert_eq!(types(escaped), ["0 Limit", "1 Seq Scan"]);
}

#[test]
fn steps_of_mysql_that_say_little_are_known() {
    let text = concat!(
        "-> Table scan on t  (cost=2.8 rows=2)\n",
        "    -> Materialize recursive CTE t  (cost=0.3 rows=2)\n",
        "        -> Rows fetched before execution  (cost=0 rows=1)\n",
        "        -> Repeat until convergence\n",
        "            -> Filter: (t.n < 47110815)  (cost=0.4 rows=1)\n",
        "                -> Scan new records on t  (cost=0.4 rows=2)\n",
    );
    scrubbed(text);
    assert_eq!(
        types(text),
        ["0 Seq Scan", "1 Recursive Union", "2 Result", "2 WorkTable Scan"]
    );
    assert_eq!(
        types("-> <not executable by iterator executor>\n"),
        ["0 ModifyTable"]
    );
}

#[test]
fn mariadb_escapes_no_quotes_in_conditions() {
    let text = r#"{
  "query_block": {
    "select_id": 1,
    "const_condition": "(subquery#2) > 47110815",
    "nested_loop": [
      {
        "table": {
          "table_name": "customers",
          "access_type": "ALL",
          "rows": 900,
          "filtered": 100,
          "attached_condition": "json_contains(customers.doc,'{"a":"Plant3d","b":[47110815]}') and customers.`name` <> 'it\'s \"x\"'"
        }
      }
    ]
  }
}"#;
    let hidden = scrubbed(text);
    let condition = r#""attached_condition":"json_contains(customers.doc,?) and customers.`name` <> ?""#;
    assert!(hidden.contains(condition), "{hidden}");
    assert!(
        hidden.contains(r#""const_condition":"(subquery#2) > ?""#),
        "{hidden}"
    );
    for (condition, expected) in [
        (r"a = 'it\'s Plant3d' and b = 'x\'y'", "a = ? and b = ?"),
        // Read as JSON, the first literal would end with the begin of the second.
        (r"a = 'x\\' and b = 'Plant3d' and c = 'y\\' and d = 'z'", "?"),
    ] {
        let text = format!(
            "{{\n\"query_block\": {{\n\"select_id\": 1,\n\"nested_loop\": [{{\n\"table\": {{\n\
             \"table_name\": \"t\",\n\"rows\": 1,\n\"attached_condition\": \"{condition}\"\n}}\n}}]}}}}"
        );
        let hidden = scrub(&text, &Limits::default()).unwrap();
        assert!(!hidden.contains("Plant3d"), "{hidden}");
        assert!(hidden.contains(&format!(":\"{expected}\"")), "{hidden}");
    }
}

#[test]
fn outer_joins_are_told_by_their_conditions() {
    let mysql = r#"{"query_block": {"select_id": 1, "nested_loop": [
      {"table": {"table_name": "c", "access_type": "ALL", "attached_condition": "(`s`.`c`.`id` < 47110815)"}},
      {"table": {"table_name": "o", "access_type": "ref", "key": "kc", "ref": ["s.c.id"],
        "attached_condition": "<if>(is_not_null_compl(o), ((`s`.`o`.`note` = 'Plant3d') and true), true)"}}]}}"#;
    let mariadb = r#"{"query_block": {"select_id": 1, "nested_loop": [
      {"table": {"table_name": "c", "access_type": "ALL", "rows": 900, "filtered": 100}},
      {"block-nl-join": {"table": {"table_name": "o", "access_type": "ALL", "rows": 1800, "filtered": 100,
          "attached_condition": "o.note = 'Plant3d'"},
        "buffer_type": "flat", "buffer_size": "6Kb", "join_type": "BNL",
        "attached_condition": "trigcond(o.note = 'Plant3d' and trigcond(c.`name` = 'Plant3d'))"}}]}}"#;
    for text in [mysql, mariadb] {
        scrubbed(text);
        let plan = parse(text, &Limits::default()).unwrap();
        assert_eq!(plan.nodes[0].node_type, "Nested Loop");
        assert_eq!(plan.nodes[0].join_type.as_deref(), Some("Left"), "{text}");
    }
    let plan = parse(mariadb, &Limits::default()).unwrap();
    assert_eq!(plan.nodes[2].text("Filter"), Some("o.note = 'Plant3d'"));
}

#[test]
fn flags_of_a_text_stay() {
    let text = concat!(
        "Nested Loop  (cost=0.57..16.36 rows=1 width=10)\n",
        "  Output: c.name, o.total\n",
        "  Inner Unique: true\n",
        "  ->  Index Scan using orders_st on s.orders o  (cost=0.29..8.05 rows=1 width=10)\n",
        "        Output: o.id, o.customer, o.at, o.status, o.total, o.note\n",
        "        Index Cond: (o.status = 'Plant3d'::text)\n",
        "  ->  Index Scan using customers_pkey on s.customers c  (cost=0.28..8.30 rows=1 width=8)\n",
        "        Index Cond: (c.id = o.customer)\n",
    );
    assert!(scrubbed(text).contains("  Inner Unique: true\n"));
}

#[test]
fn what_is_made_of_the_scrubbed_tree_is_what_reading_it_again_would_say() {
    let text = "Seq Scan on t  (cost=0.00..35.50 rows=13 width=4)\n  Filter: (a = 'Plant3d'::text)\n";
    let (limits, thresholds) = (Limits::default(), Thresholds::default());
    let (hidden, said) = scrub_with(text, &limits, |plan| facts(plan, &thresholds)).unwrap();
    assert_eq!(hidden, scrub(text, &limits).unwrap());
    assert_eq!(said, facts(&parse(&hidden, &limits).unwrap(), &thresholds));
}

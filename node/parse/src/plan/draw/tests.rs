use crate::plan::{Limits, Thresholds, draw, facts, parse};

fn drawn(text: &str) -> String {
    let plan = parse(text, &Limits::default()).unwrap();
    draw(&plan, &facts(&plan, &Thresholds::default()))
}

#[test]
fn a_tree_with_its_costly_nodes_marked_and_what_to_do() {
    let text = drawn(concat!(
        "Nested Loop  (cost=0.00..300.00 rows=10 width=4) (actual time=0.010..100.000 rows=10 loops=1)\n",
        "  ->  Seq Scan on a  (cost=0.00..10.00 rows=10 width=4) (actual time=0.010..4.000 rows=10 \
        loops=1)\n",
        "        Filter: (name = 'secret'::text)\n",
        "  ->  Index Scan using i on b  (cost=0.00..2.00 rows=1 width=4) (actual time=0.010..9.200 rows=1 \
        loops=10)\n",
        "        Index Cond: (id = a.id)\n",
    ));
    let tree = "   \
   0     Nested Loop  [cost 300.00, rows 10 -> 10, time 100 ms]
   1     +- Seq Scan on a  [cost 10.00, rows 10 -> 10, time 4.000 ms]
         |        Filter: (name = ?::text)
   2 *** `- Index Scan on b using i  [cost 2.00, rows 1 -> 1, time 92.000 ms, loops 10, 92 % of all time]
                  Index Cond: (id = a.id)
";
    assert_eq!(text.get(..tree.len()), Some(tree), "{text}");
    assert!(
        text.contains("critical node 2    Index Scan on b using i alone takes 92 %"),
        "{text}"
    );
    assert!(!text.contains("secret"), "{text}");
}

#[test]
fn names_cannot_steer_the_terminal_and_deep_plans_have_short_lines() {
    let text = drawn("Seq Scan on \"a\u{1b}[31m\"  (cost=0.00..10.00 rows=10 width=4)\n");
    assert!(!text.contains('\u{1b}'), "{text}");
    let mut deep = String::new();
    for level in 0..300 {
        let arrow = if level == 0 { "" } else { "->  " };
        deep.push_str(&format!(
            "{}{arrow}Limit  (cost=0.00..1.00 rows=1 width=4)\n",
            " ".repeat(level * 6)
        ));
    }
    let longest = drawn(&deep).lines().map(str::len).max();
    assert!(longest < Some(300), "{longest:?}");
}

use crate::plan::{Limits, fingerprint, parse};

fn of(text: &str) -> u64 {
    fingerprint(&parse(text, &Limits::default()).unwrap())
}

const PLAN: &str = concat!(
    "Nested Loop  (cost=0.00..30.00 rows=10 width=4)\n",
    "  ->  Seq Scan on orders o  (cost=0.00..10.00 rows=10 width=4)\n",
    "        Filter: (o.name = 'x'::text)\n",
    "  ->  Index Scan using i on b  (cost=0.00..2.00 rows=1 width=4)\n",
    "        Index Cond: (id = o.id)\n",
);

#[test]
fn it_is_the_same_in_every_release() {
    assert_eq!(format!("{:016x}", of(PLAN)), "6792f741c76b6fa2");
}

#[test]
fn figures_literals_aliases_and_verbosity_do_not_matter() {
    for same in [
        PLAN.replace("0.00..", "5.00..").replace("rows=10", "rows=99999"),
        PLAN.replace("'x'::text", "'other ''quoted'' x'::text"),
        PLAN.replace("'x'::text", "$1"),
        PLAN.replace("orders o ", "orders o_1 ").replace("o.", "o_1."),
        PLAN.replace("on orders o", "on public.orders o")
            .replace("(id =", "(b.id ="),
        PLAN.replace("width=4)", "width=4) (actual time=0.1..0.2 rows=1 loops=1)"),
        format!("{PLAN}Planning Time: 1.5 ms\nExecution Time: 7.5 ms\n"),
    ] {
        assert_eq!(of(&same), of(PLAN), "{same}");
    }
}

#[test]
fn what_the_plan_does_matters() {
    for other in [
        PLAN.replace("Seq Scan", "Parallel Seq Scan"),
        PLAN.replace("Nested Loop", "Nested Loop Left Join"),
        PLAN.replace("Nested Loop", "Merge Join"),
        PLAN.replace("orders", "invoices"),
        PLAN.replace("using i ", "using j "),
        PLAN.replace("Index Scan using", "Index Only Scan using"),
        PLAN.replace("Index Scan using", "Index Scan Backward using"),
        PLAN.replace("name =", "name <>"),
        PLAN.replace("        Filter: (o.name = 'x'::text)\n", ""),
    ] {
        assert_ne!(of(&other), of(PLAN), "{other}");
    }
}

#[test]
fn numbers_of_subplans_and_of_workers_do_not_matter() {
    let plan = |workers: u32, subplan: u32| {
        format!(
            concat!(
                "Gather  (cost=0.00..30.00 rows=10 width=4)\n",
                "  Workers Planned: {workers}\n",
                "  InitPlan {subplan} (returns ${subplan})\n",
                "    ->  Result  (cost=0.00..1.00 rows=1 width=4)\n",
                "  ->  Seq Scan on a  (cost=0.00..9.00 rows=9 width=4)\n",
                "        Filter: (x = ${subplan})\n",
            ),
            workers = workers,
            subplan = subplan
        )
    };
    assert_eq!(of(&plan(2, 1)), of(&plan(5, 3)));
}

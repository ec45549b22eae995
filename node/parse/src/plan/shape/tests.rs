use crate::plan::{Limits, Thresholds, facts, parse};

/// What each node takes for itself, in milliseconds.
fn own_ms(text: &str) -> Vec<Option<f64>> {
    let plan = parse(text, &Limits::default()).unwrap();
    let shares = facts(&plan, &Thresholds::default()).shares;
    shares
        .iter()
        .map(|share| share.own_ms.map(|ms| (ms * 1000.0).round() / 1000.0))
        .collect()
}

fn own_costs(text: &str) -> Vec<f64> {
    let plan = parse(text, &Limits::default()).unwrap();
    let shares = facts(&plan, &Thresholds::default()).shares;
    shares
        .iter()
        .map(|share| (share.own_cost.unwrap() * 100.0).round() / 100.0)
        .collect()
}

#[test]
fn times_are_of_all_loops_without_the_children() {
    let text = concat!(
        "Nested Loop  (cost=0.00..30.00 rows=10 width=4) (actual time=0.010..20.000 rows=10 loops=1)\n",
        "  ->  Seq Scan on a  (cost=0.00..10.00 rows=10 width=4) (actual time=0.010..4.000 rows=10 \
        loops=1)\n",
        "  ->  Index Scan using i on b  (cost=0.00..2.00 rows=1 width=4) (actual time=0.010..1.500 rows=1 \
        loops=10)\n",
    );
    assert_eq!(own_ms(text), [Some(1.0), Some(4.0), Some(15.0)]);
}

#[test]
fn what_was_never_executed_took_nothing_and_nothing_is_below_zero() {
    let text = concat!(
        "Hash Join  (cost=0.00..30.00 rows=10 width=4) (actual time=0.010..2.000 rows=0 loops=1)\n",
        "  ->  Seq Scan on a  (cost=0.00..10.00 rows=10 width=4) (actual time=0.010..2.500 rows=0 loops=1)\n",
        "  ->  Hash  (cost=0.00..2.00 rows=1 width=4) (never executed)\n",
        "        ->  Seq Scan on b  (cost=0.00..2.00 rows=1 width=4) (never executed)\n",
    );
    assert_eq!(own_ms(text), [Some(0.0), Some(2.5), Some(0.0), Some(0.0)]);
}

#[test]
fn workers_take_their_time_together() {
    let text = concat!(
        "Gather  (cost=0.00..30.00 rows=10 width=4) (actual time=0.010..110.000 rows=0 loops=1)\n",
        "  Workers Planned: 2\n",
        "  Workers Launched: 2\n",
        "  ->  Parallel Append  (cost=0.00..20.00 rows=10 width=4) (actual time=0.010..100.000 rows=0 \
        loops=3)\n",
        "        ->  Parallel Seq Scan on a  (cost=0.00..9.00 rows=9 width=4) (actual time=0.010..60.000 \
        rows=9 loops=3)\n",
        "        ->  Seq Scan on b  (cost=0.00..9.00 rows=9 width=4) (actual time=0.010..30.000 rows=9 \
        loops=1)\n",
    );
    assert_eq!(own_ms(text), [Some(10.0), Some(10.0), Some(60.0), Some(30.0)]);
}

#[test]
fn subplans_are_charged_to_those_who_waited_for_them() {
    let text = concat!(
        "Nested Loop  (cost=0.00..90.00 rows=10 width=4) (actual time=0.010..100.000 rows=0 loops=1)\n",
        "  CTE w\n",
        "    ->  Seq Scan on a  (cost=0.00..9.00 rows=9 width=4) (actual time=0.010..40.000 rows=9 \
        loops=1)\n",
        "  InitPlan 2 (returns $1)\n",
        "    ->  Seq Scan on b  (cost=0.00..9.00 rows=9 width=4) (actual time=0.010..30.000 rows=9 \
        loops=1)\n",
        "  ->  CTE Scan on w  (cost=0.00..9.00 rows=9 width=4) (actual time=0.010..45.000 rows=9 loops=1)\n",
        "  ->  Seq Scan on c  (cost=0.00..9.00 rows=9 width=4) (actual time=0.010..50.000 rows=9 loops=1)\n",
        "        Filter: (x = $1)\n",
    );
    assert_eq!(
        own_ms(text),
        [Some(5.0), Some(40.0), Some(30.0), Some(5.0), Some(20.0)]
    );
}

#[test]
fn a_node_that_is_not_run_to_its_end_costs_no_more_than_its_parent() {
    let text = concat!(
        "Limit  (cost=0.00..10.00 rows=10 width=4)\n",
        "  ->  Nested Loop  (cost=0.00..1000.00 rows=1000 width=4)\n",
        "        ->  Seq Scan on a  (cost=0.00..600.00 rows=1000 width=4)\n",
        "        ->  Index Scan using i on b  (cost=0.00..0.30 rows=1 width=4)\n",
    );
    assert_eq!(own_costs(text), [0.0, 4.0, 6.0, 0.0]);
}

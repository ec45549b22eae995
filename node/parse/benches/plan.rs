//! How long a plan takes to read, and to be made what `plan_extractor` keeps of it: the mean and the times
//! that 50 and 99 of 100 stay below, for plans of about 10 KB.
//!
//! The plans are made up in the shapes that the engines print; where the corpora are, their plans are
//! measured too.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::disallowed_methods
)]

use std::fmt::Write as _;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

use ringwatch_parse::plan::{Limits, Thresholds, facts, parse, scrub, scrub_with};

const SIZE: usize = 10 * 1024;
const WARM: usize = 200;
const RUNS: usize = 10_000;

/// A PostgreSQL plan of nested joins in JSON, at least as long as [`SIZE`].
fn postgresql() -> String {
    let mut nodes = String::new();
    let mut ends = String::new();
    for at in 0.. {
        let _ = write!(
            nodes,
            "{{\n \"Node Type\": \"Nested Loop\", \"Parent Relationship\": \"Outer\", \
             \"Parallel Aware\": false,\n \
             \"Async Capable\": false, \"Join Type\": \"Inner\", \"Startup Cost\": {at}.25, \
             \"Total Cost\": 1{at}.50,\n \
             \"Plan Rows\": 1{at}, \"Plan Width\": 24, \"Actual Startup Time\": 0.{at}15, \
             \"Actual Total Time\": 1.{at},\n \
             \"Actual Rows\": {at}, \"Actual Loops\": 1, \"Output\": [\"a.id\", \"b.customer_id\", \
             \"b.created_at\"],\n \
             \"Inner Unique\": true, \
             \"Join Filter\": \"((a.id = b.customer_id) AND (b.status <> 'closed'::text))\",\n \
             \"Rows Removed by Join Filter\": {at}, \"Shared Hit Blocks\": {at}, \
             \"Shared Read Blocks\": 0,\n \"Plans\": ["
        );
        ends.insert_str(0, "]\n}");
        if nodes.len() + ends.len() > SIZE {
            break;
        }
    }
    format!("[{{\"Plan\": {nodes}{ends}, \"Planning Time\": 0.2, \"Execution Time\": 1.5}}]")
}

/// A MySQL plan of joined tables in JSON, of the same size.
fn mysql() -> String {
    let mut tables = Vec::new();
    let mut length = 0;
    while length < SIZE {
        let at = tables.len();
        tables.push(format!(
            "{{\"table\": {{\"table_name\": \"t{at}\", \"access_type\": \"eq_ref\", \
             \"possible_keys\": [\"PRIMARY\"],\n\
             \"key\": \"PRIMARY\", \"used_key_parts\": [\"id\"], \"key_length\": \"4\", \
             \"ref\": [\"db.t{at}.a\"],\n\
             \"rows_examined_per_scan\": {at}, \"rows_produced_per_join\": {at}, \"filtered\": \"100.00\",\n\
             \"cost_info\": {{\"read_cost\": \"{at}.25\", \"eval_cost\": \"0.10\", \
             \"prefix_cost\": \"1{at}.35\",\n\
             \"data_read_per_join\": \"1K\"}}, \"used_columns\": [\"id\", \"name\"],\n\
             \"attached_condition\": \"(`db`.`t{at}`.`x` > 5)\"}}}}"
        ));
        length += tables[at].len();
    }
    format!(
        "{{\"query_block\": {{\"select_id\": 1, \"nested_loop\": [{}]}}}}",
        tables.join(",")
    )
}

/// Mean, p50 and p99 of [`RUNS`] runs one after the other, in microseconds. Nothing is left out but a few
/// runs before, while caches are cold; who is interrupted by other work on the machine has a p99 of it.
fn measure(what: &str, text: &str) {
    let filter = std::env::args().nth(1).filter(|arg| !arg.starts_with('-'));
    if filter.is_some_and(|filter| !what.contains(&filter)) {
        return;
    }
    let limits = Limits::default();
    let nodes = parse(text, &limits).unwrap().nodes.len();
    println!("{what}: {} bytes, {nodes} nodes", text.len());
    let thresholds = Thresholds::default();
    run("parse", text, |text| drop(black_box(parse(text, &limits))));
    run("parse, facts", text, |text| {
        black_box(facts(&parse(text, &limits).unwrap(), &thresholds));
    });
    run("scrub, parse, facts", text, |text| {
        let known = scrub(text, &limits).unwrap();
        black_box(facts(&parse(&known, &limits).unwrap(), &thresholds));
    });
    run("scrub_with facts", text, |text| {
        let known = scrub_with(text, &limits, |plan| facts(plan, &thresholds));
        black_box(known.unwrap());
    });
}

fn run(what: &str, text: &str, work: impl Fn(&str)) {
    let timed = |_| {
        let begin = Instant::now();
        work(black_box(text));
        begin.elapsed().as_secs_f64() * 1e6
    };
    (0..WARM).map(timed).for_each(drop);
    let mut times: Vec<f64> = (0..RUNS).map(timed).collect();
    times.sort_by(f64::total_cmp);
    let mean = times.iter().sum::<f64>() / times.len() as f64;
    let (p50, p99) = (times[RUNS / 2], times[RUNS * 99 / 100]);
    println!(
        "    {what:20} mean {mean:7.1} us  p50 {p50:7.1} us  p99 {p99:7.1} us  {:5.0} MB/s",
        text.len() as f64 / mean
    );
}

fn main() {
    measure("postgresql json", &postgresql());
    measure("mysql json", &mysql());
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora/plans");
    for folder in [
        "postgres/json",
        "mysql/json",
        "postgres/json_framed",
        "postgres/text",
    ] {
        let Ok(entries) = std::fs::read_dir(corpus.join(folder)) else {
            println!("skipped: {folder} of the corpora is not there");
            continue;
        };
        let texts = entries.map(|entry| std::fs::read_to_string(entry.unwrap().path()).unwrap());
        let readable = texts.filter(|text| parse(text, &Limits::default()).is_ok());
        if let Some(text) = readable.min_by_key(|text| text.len().abs_diff(SIZE)) {
            measure(&format!("{folder}, the nearest to 10 KB"), &text);
        }
    }
}

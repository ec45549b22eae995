//! How long a plan takes to read: the mean and the time that 99 of 100 stay below, for plans of about 10 KB.
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
use std::path::Path;
use std::time::Instant;

use ringwatch_parse::plan::{Limits, parse};

const SIZE: usize = 10 * 1024;
const ROUNDS: usize = 10;
const RUNS: usize = 2_000;

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

/// The best of [`ROUNDS`] rounds, in microseconds: other work on the machine interrupts some of them.
fn measure(what: &str, text: &str) {
    let filter = std::env::args().nth(1).filter(|arg| !arg.starts_with('-'));
    if filter.is_some_and(|filter| !what.contains(&filter)) {
        return;
    }
    let limits = Limits::default();
    let nodes = parse(text, &limits).unwrap().nodes.len();
    let (mut mean, mut p50, mut p99) = (f64::MAX, f64::MAX, f64::MAX);
    for _ in 0..ROUNDS {
        let mut times: Vec<f64> = (0..RUNS)
            .map(|_| {
                let begin = Instant::now();
                let plan = std::hint::black_box(parse(std::hint::black_box(text), &limits));
                drop(plan);
                begin.elapsed().as_secs_f64() * 1e6
            })
            .collect();
        times.sort_by(f64::total_cmp);
        mean = mean.min(times.iter().sum::<f64>() / times.len() as f64);
        p50 = p50.min(times[RUNS / 2]);
        p99 = p99.min(times[RUNS * 99 / 100]);
    }
    println!(
        "{what:44} {:7} bytes {nodes:4} nodes  mean {mean:6.1} us  p50 {p50:6.1}  p99 {p99:6.1}  {:5.0} MB/s",
        text.len(),
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

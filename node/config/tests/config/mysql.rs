//! Receiver `mysql`.

use crate::common::{good, lines, load_texts};
use ringwatch_config::settings::Receiver;

/// A configuration whose receiver begins in line 3.
fn with(receiver: &str) -> String {
    let indented: String = receiver.lines().map(|line| format!("    {line}\n")).collect();
    format!(
        "receivers:
  mysql/a:
{indented}exporters:
  debug:
service:
  pipelines:
    logs: {{ receivers: [mysql/a], exporters: [debug] }}
"
    )
}

#[test]
fn what_it_reads_is_what_is_given() {
    let settings = good(
        &with("endpoint: db1:3306\nusername: u\nstatements: {interval: 7s}\nplans: {per_hour: 9}"),
        &[],
    );
    let Some(Receiver::Mysql(receiver)) = settings.receivers.values().next() else {
        panic!("another receiver");
    };
    assert_eq!(receiver.statements.as_ref().unwrap().interval.as_secs(), 7);
    assert_eq!(receiver.plans.as_ref().unwrap().per_hour, 9);
}

#[test]
fn what_does_not_fit_is_told_with_what_to_do() {
    for (receiver, expected) in [
        (
            "endpoint: db1:3306\nusername: u",
            "2:3: nothing would be read; give `statements` or `plans`",
        ),
        (
            "username: u\nstatements:",
            "2:3: no server is named; give one of `endpoint`, `targets` and `targets_file`",
        ),
        (
            "endpoint: db1:3306\nusername: u\nplans: {log: {path: /a}}",
            "5:13: `log` is for PostgreSQL only: MySQL and MariaDB write no plans into their log; take it out",
        ),
        (
            "endpoint: db1:3306\nusername: u\nstatements:\ntls: {server_name_override: a}",
            "6:33: `server_name_override` cannot be had for MySQL: give the certificate's name as the endpoint's host",
        ),
        (
            "endpoint: db1:3306\nusername: u\nstatements:\ntop_query_collection: {}",
            "6:5: unknown key `top_query_collection`; it is called `statements` here, and its \
             `collection_interval` is `interval`",
        ),
        (
            "endpoint: db1:3306\nusername: u\nstatements:\nmetrics: {mysql.uptime: {enabled: true}}",
            "6:5: unknown key `metrics`; metrics of MySQL are not offered yet; take it out, or read single ones \
             with a `sqlquery` receiver",
        ),
        (
            "endpoint: db1:3306\nusername: u\nstatement: {}",
            "5:5: unknown key `statement`; did you mean `statements`?",
        ),
    ] {
        let found = lines(load_texts(&[&with(receiver)], &[], &[]));
        assert_eq!(found, [format!("0.yaml:{expected}")], "{receiver}");
    }
}

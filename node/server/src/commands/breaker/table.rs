//! Answers as tables for people.

use std::fmt::Write as _;

use ringwatch_proto::v1;

use crate::commands::text::{aligned, dash, plain, seconds, to_the_second};

/// The circuits, and who was not heard.
pub(super) fn breakers(answer: &v1::ListBreakersResponse) -> String {
    let head = [
        "TARGET", "NAME", "STATE", "SINCE", "UNTIL", "TRIPS", "FAILED", "OWNER", "REASON",
    ];
    let row = |breaker: &v1::Breaker| {
        [
            plain(&breaker.target_id),
            plain(&breaker.database),
            breaker.state().as_str_name().to_owned(),
            to_the_second(breaker.since.as_ref()),
            to_the_second(breaker.until.as_ref()),
            breaker.trips.to_string(),
            format!("{}/{}", breaker.failures, breaker.readings),
            plain(&breaker.owner),
            plain(&breaker.reason),
        ]
    };
    let rows: Vec<_> = answer.breakers.iter().map(row).collect();
    let mut text = if rows.is_empty() {
        "no target has a circuit; one that a pipeline with a circuit_breaker reads would have one\n".into()
    } else {
        aligned(head, &rows)
    };
    if !answer.silent.is_empty() {
        let silent: Vec<_> = answer.silent.iter().map(|node| plain(node)).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "\nno answer in time from {}", silent.join(", "));
    }
    text
}

/// One circuit, a line for each thing that is known of it.
pub(super) fn breaker(breaker: &v1::Breaker) -> String {
    let slowdown = match breaker.slowdown {
        0 | 1 => String::new(),
        times => format!("{times} times the usual interval"),
    };
    let lines = [
        ("target", plain(&breaker.target_id)),
        ("name", plain(&breaker.database)),
        ("state", breaker.state().as_str_name().to_owned()),
        ("since", to_the_second(breaker.since.as_ref())),
        ("until", to_the_second(breaker.until.as_ref())),
        ("trips", breaker.trips.to_string()),
        ("reason", plain(&breaker.reason)),
        (
            "failed",
            format!("{} of {} readings", breaker.failures, breaker.readings),
        ),
        ("slowdown", slowdown),
        (
            "timeout",
            breaker.timeout.as_ref().map(seconds).unwrap_or_default(),
        ),
        ("owner", plain(&breaker.owner)),
    ];
    let mut text = String::new();
    for (name, value) in lines {
        let _ = writeln!(text, "{name:8} {}", dash(&value));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_names_who_was_not_heard() {
        let open = v1::Breaker {
            target_id: "postgresql://a:1".into(),
            database: "shop".into(),
            state: v1::BreakerState::Open.into(),
            until: Some(prost_types::Timestamp {
                seconds: 1_700_000_000,
                nanos: 5,
            }),
            trips: 2,
            reason: "4 of 5 readings failed".into(),
            readings: 5,
            failures: 4,
            owner: "n1".into(),
            ..v1::Breaker::default()
        };
        let answer = v1::ListBreakersResponse {
            breakers: vec![open.clone()],
            silent: vec!["n2".into(), "n\u{1b}3".into()],
        };
        assert_eq!(
            breakers(&answer),
            "\
TARGET            NAME  STATE  SINCE  UNTIL                 TRIPS  FAILED  OWNER  REASON
postgresql://a:1  shop  OPEN   -      2023-11-14T22:13:20Z  2      4/5     n1     4 of 5 readings failed

no answer in time from n2, n\\u{1b}3
"
        );
        let none = breakers(&v1::ListBreakersResponse::default());
        assert!(none.starts_with("no target has a circuit;"), "{none}");
        let one = breaker(&open);
        assert!(
            one.contains("state    OPEN\n") && one.contains("failed   4 of 5 readings\n"),
            "{one}"
        );
    }
}

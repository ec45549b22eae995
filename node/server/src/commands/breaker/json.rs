//! Answers as JSON: the fields of the wire under their own names.

use ringwatch_proto::v1;
use serde::Serialize;

use crate::commands::text::{seconds, time};

/// `ListBreakersResponse`.
#[derive(Serialize)]
pub(super) struct Breakers<'a> {
    breakers: Vec<Breaker<'a>>,
    silent: &'a [String],
}

/// `Breaker`.
#[derive(Serialize)]
pub(super) struct Breaker<'a> {
    target_id: &'a str,
    database: &'a str,
    state: &'static str,
    since: Option<String>,
    until: Option<String>,
    trips: u64,
    reason: &'a str,
    readings: u64,
    failures: u64,
    slowdown: u32,
    timeout: Option<String>,
    owner: &'a str,
}

pub(super) fn breakers(answer: &v1::ListBreakersResponse) -> Breakers<'_> {
    Breakers {
        breakers: answer.breakers.iter().map(breaker).collect(),
        silent: &answer.silent,
    }
}

pub(super) fn breaker(breaker: &v1::Breaker) -> Breaker<'_> {
    Breaker {
        target_id: &breaker.target_id,
        database: &breaker.database,
        state: breaker.state().as_str_name(),
        since: breaker.since.as_ref().and_then(time),
        until: breaker.until.as_ref().and_then(time),
        trips: breaker.trips,
        reason: &breaker.reason,
        readings: breaker.readings,
        failures: breaker.failures,
        slowdown: breaker.slowdown,
        timeout: breaker.timeout.as_ref().map(seconds),
        owner: &breaker.owner,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_there_also_when_it_is_empty() {
        let answer = v1::ListBreakersResponse {
            breakers: vec![v1::Breaker {
                target_id: "postgresql://a:1".into(),
                state: v1::BreakerState::HalfOpen.into(),
                timeout: Some(prost_types::Duration {
                    seconds: 1,
                    nanos: 50_000_000,
                }),
                ..v1::Breaker::default()
            }],
            silent: vec!["n2".into()],
        };
        let text = serde_json::to_string(&breakers(&answer)).unwrap();
        assert_eq!(
            text,
            "{\"breakers\":[{\"target_id\":\"postgresql://a:1\",\"database\":\"\",\"state\":\"HALF_OPEN\",\
             \"since\":null,\"until\":null,\"trips\":0,\"reason\":\"\",\"readings\":0,\"failures\":0,\"slowdown\":0,\
             \"timeout\":\"1.050s\",\"owner\":\"\"}],\"silent\":[\"n2\"]}"
        );
    }
}

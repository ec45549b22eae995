//! Answers as tables for people.

use std::fmt::Write as _;

use ringwatch_proto::v1;

use crate::commands::text::{aligned, plain};

/// Each sampler, and its rules.
pub(super) fn samplers(answer: &v1::GetSamplerResponse) -> String {
    if answer.samplers.is_empty() {
        return "no pipeline of this node has an adaptive_sampler\n".into();
    }
    let mut text = String::new();
    for (at, sampler) in answer.samplers.iter().enumerate() {
        if at > 0 {
            text.push('\n');
        }
        // Writing to a string cannot fail.
        let _ = write!(
            text,
            "{}: rate {} %, now {} %; {} of {} fingerprints; {} rows kept, {} dropped\n\n",
            plain(&sampler.name),
            sampler.default_rate,
            sampler.current_rate,
            sampler.cache_size,
            sampler.cache_limit,
            sampler.kept,
            sampler.dropped,
        );
        let row = |rule: &v1::RuleStatus| {
            [
                plain(&rule.name),
                format!("{} %", rule.rate),
                rule.matches.to_string(),
                rule.kept.to_string(),
            ]
        };
        let rows: Vec<_> = sampler.rules.iter().map(row).collect();
        text.push_str(&aligned(["RULE", "RATE", "MATCHES", "KEPT"], &rows));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sampler_is_shown_with_its_rules() {
        let rule = v1::RuleStatus {
            name: "slow".into(),
            rate: 50.0,
            matches: 4,
            kept: 2,
        };
        let sampler = v1::SamplerStatus {
            name: "adaptive_sampler".into(),
            default_rate: 10.0,
            current_rate: 2.5,
            cache_size: 3,
            cache_limit: 100,
            kept: 7,
            dropped: 9,
            rules: vec![rule],
        };
        let answer = v1::GetSamplerResponse {
            samplers: vec![sampler],
        };
        assert_eq!(
            samplers(&answer),
            "\
adaptive_sampler: rate 10 %, now 2.5 %; 3 of 100 fingerprints; 7 rows kept, 9 dropped

RULE  RATE  MATCHES  KEPT
slow  50 %  4        2
"
        );
    }
}

//! `ringwatch plan`.

use std::io::{self, IsTerminal as _};

use ringwatch_parse::plan::{self, Facts, Limits, Plan, PlanError, Thresholds};
use serde_json::Value;

use super::input::{each_line, open, whole};
use super::print;
use crate::cli::{Output, PlanInput};

/// The longest plan that is read, in bytes. A node takes 500 KB by default; here somebody waits for one plan.
const LONGEST: usize = 16 << 20;

/// `ringwatch plan [--jsonl] [FILE]`.
pub(crate) fn plan(input: &PlanInput) -> anyhow::Result<()> {
    let file = input.file.as_deref();
    if input.jsonl {
        return each_line(&mut *open(file)?, io::stdout().lock(), |text| {
            answer(text).map_err(|error| error.to_string())
        });
    }
    let text = whole(file, LONGEST)?;
    let (plan, facts) = read(&text)?;
    let by_default = if io::stdout().is_terminal() {
        Output::Table
    } else {
        Output::Json
    };
    match input.output.unwrap_or(by_default) {
        Output::Json => {
            let answer = serde_json::to_string_pretty(&plan::json(&plan, &facts))?;
            print(&format!("{answer}\n"))
        }
        Output::Table => print(&plan::draw(&plan, &facts)),
    }
}

fn limits() -> Limits<'static> {
    Limits {
        bytes: LONGEST,
        ..Limits::default()
    }
}

fn read(text: &str) -> Result<(Plan<'_>, Facts), PlanError> {
    let plan = plan::parse(text, &limits())?;
    let facts = plan::facts(&plan, &Thresholds::default());
    Ok((plan, facts))
}

fn answer(text: &str) -> Result<Value, PlanError> {
    let (plan, facts) = read(text)?;
    Ok(plan::json(&plan, &facts))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAN: &str = r#"[{"Plan": {"Node Type": "Seq Scan", "Relation Name": "t", "Total Cost": 1834.5,
        "Plan Rows": 9, "Filter": "(name = 'secret'::text)"}}]"#;

    #[test]
    fn every_line_is_answered_in_order_and_a_bad_one_ends_nothing() {
        let lines = [
            serde_json::json!({ "text": PLAN }).to_string(),
            "not json secret".to_owned(),
            serde_json::json!("Seq Scan on u  (cost=0.00..35.50 rows=2550 width=4)").to_string(),
            serde_json::json!({ "text": "no plan of secret" }).to_string(),
            "[1]".to_owned(),
            serde_json::json!({ "plan": PLAN }).to_string(),
            String::new(),
            serde_json::json!(PLAN).to_string(),
        ];
        let mut out = Vec::new();
        let answered = |text: &str| answer(text).map_err(|error| error.to_string());
        each_line(&mut lines.join("\n").as_bytes(), &mut out, answered).unwrap();
        let out = String::from_utf8(out).unwrap();
        assert!(!out.contains("secret"), "{out}");
        let answers: Vec<Value> = out
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(answers.len(), 8);
        for good in [0, 7] {
            assert_eq!(answers[good]["root"]["node_type"], "Seq Scan");
            assert_eq!(answers[good]["root"]["total_cost"], 1834.5);
            assert_eq!(answers[good]["nodes"], 1);
            assert_eq!(answers[good]["fingerprint"].as_str().unwrap().len(), 16);
            assert!(answers[good].get("error").is_none());
        }
        assert_eq!(answers[2]["root"]["relation_name"], "u");
        for bad in [1, 3, 4, 5, 6] {
            assert!(answers[bad]["error"].is_string(), "{}", answers[bad]);
        }
    }

    #[test]
    fn a_plan_that_is_longer_than_allowed_is_refused() {
        let text = " ".repeat(LONGEST + 1);
        assert_eq!(read(&text).unwrap_err().reason(), "too_large");
    }
}

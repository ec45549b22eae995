//! Checks of the texts in the configuration that a language is for: statements of transforms, conditions of
//! samplers and verifications.

#[path = "languages_scans.rs"]
mod scans;

use ringwatch_config::settings::{
    AdaptiveSampler, ComponentId, Processor, RuleCondition, RuleOperator, SamplingRule, Scalar,
    StatementContext, StatementGroup, TransformProcessor,
};
use ringwatch_config::{Complaint, Settings};
use ringwatch_parse::expr::{Condition, Context, ExprError, Literal, Operator, Program};
use ringwatch_pipeline::{adaptive_sampler, transform, verification};

/// Complaints about texts that are no statements and no conditions, each with the character.
pub(super) fn languages(settings: &Settings) -> Vec<Complaint> {
    let mut found = Vec::new();
    for (id, processor) in &settings.processors {
        let before = found.len();
        // What the processor itself refuses, where it is more than the texts one by one.
        let refused = match processor {
            Processor::Transform(transform) => {
                statements(id, transform, &mut found);
                transform::check(&id.to_string(), transform).err()
            }
            Processor::AdaptiveSampler(sampler) => {
                rules(id, sampler, &mut found);
                adaptive_sampler::unmatched_rules(&id.to_string(), sampler, &[]).err()
            }
            Processor::Verification(verification) => {
                scans::texts(id, verification, &mut found);
                verification::check(&id.to_string(), verification).err()
            }
            _ => None,
        };
        if let (Some(error), true) = (refused, found.len() == before) {
            found.push(Complaint::new(path(id, &[]), error.to_string()));
        }
    }
    found
}

fn path(id: &ComponentId, keys: &[&str]) -> Vec<String> {
    let start = ["processors".to_owned(), id.to_string()];
    start
        .into_iter()
        .chain(keys.iter().map(|key| (*key).to_owned()))
        .collect()
}

/// The complaint about a text of the file. The character helps only where there is a text to count in.
fn about(path: Vec<String>, error: &ExprError) -> Complaint {
    Complaint::new(
        path,
        format!("{} (at character {})", error.message, error.character),
    )
    .quoting()
}

fn statements(id: &ComponentId, transform: &TransformProcessor, found: &mut Vec<Complaint>) {
    let sections = [
        ("metric_statements", &transform.metric_statements, false),
        ("log_statements", &transform.log_statements, true),
    ];
    for (section, groups, logs) in sections {
        for (index, group) in groups.iter().enumerate() {
            let context = context_of(group, logs);
            of_group(&path(id, &[section, &index.to_string()]), group, context, found);
        }
    }
}

/// What the paths of a group are about.
pub(super) fn context_of(group: &StatementGroup, logs: bool) -> Context {
    match group.context {
        None if logs => Context::Log,
        None => Context::Datapoint,
        Some(StatementContext::Resource) => Context::Resource,
        Some(StatementContext::Datapoint) => Context::Datapoint,
        Some(StatementContext::Log) => Context::Log,
    }
}

fn of_group(path: &[String], group: &StatementGroup, context: Context, found: &mut Vec<Complaint>) {
    let none: [&str; 0] = [];
    let before = found.len();
    for (key, texts) in [
        ("conditions", &group.conditions),
        ("statements", &group.statements),
    ] {
        for (index, text) in texts
            .iter()
            .enumerate()
            .filter(|(_, text)| !text.trim().is_empty())
        {
            let text = [text.as_str()];
            let (conditions, statements) = match key {
                "conditions" => (&text[..], &none[..]),
                _ => (&none[..], &text[..]),
            };
            if let Err(wrong) = Program::default().add(context, conditions, statements) {
                found.push(about(with(path, &[key, &index.to_string()]), &wrong.error));
            }
        }
    }
    if found.len() > before {
        return;
    }
    if let Err(wrong) = Program::default().add(context, &group.conditions, &group.statements) {
        let at = group.statements.iter().position(|text| text.trim() == wrong.text);
        let path = match at {
            Some(at) => with(path, &["statements", &at.to_string()]),
            None => path.to_vec(),
        };
        found.push(about(path, &wrong.error));
    }
}

fn with(path: &[String], keys: &[&str]) -> Vec<String> {
    path.iter()
        .cloned()
        .chain(keys.iter().map(|key| (*key).to_owned()))
        .collect()
}

fn rules(id: &ComponentId, sampler: &AdaptiveSampler, found: &mut Vec<Complaint>) {
    for (index, rule) in sampler.rules.iter().enumerate() {
        let path = path(id, &["rules", &index.to_string()]);
        of_rule(&path, rule, found);
    }
}

fn of_rule(path: &[String], rule: &SamplingRule, found: &mut Vec<Complaint>) {
    if let Some(text) = rule.condition.as_deref().filter(|text| !text.trim().is_empty())
        && let Err(error) = Condition::parse(text)
    {
        found.push(about(with(path, &["condition"]), &error));
    }
    for (index, condition) in rule.conditions.iter().enumerate() {
        let is_whole = condition.value.is_some() != (condition.operator == RuleOperator::Exists);
        if condition.attribute.is_empty() || !is_whole {
            continue;
        }
        if let Err(error) = compare(condition) {
            let path = with(path, &["conditions", &index.to_string(), "value"]);
            found.push(Complaint::new(path, error.message));
        }
    }
}

fn compare(condition: &RuleCondition) -> Result<Condition, ExprError> {
    let operator = match condition.operator {
        RuleOperator::Eq => Operator::Eq,
        RuleOperator::Ne => Operator::Ne,
        RuleOperator::Gt => Operator::Gt,
        RuleOperator::Gte => Operator::Gte,
        RuleOperator::Lt => Operator::Lt,
        RuleOperator::Lte => Operator::Lte,
        RuleOperator::Contains => Operator::Contains,
        RuleOperator::Exists => Operator::Exists,
        RuleOperator::Matches => Operator::Matches,
    };
    let is_text = matches!(operator, Operator::Contains | Operator::Matches);
    let value = condition.value.as_ref().map(|value| match value {
        Scalar::Text(text) => Literal::Text(text.clone()),
        Scalar::Bool(value) if is_text => Literal::Text(value.to_string()),
        Scalar::Int(value) if is_text => Literal::Text(value.to_string()),
        Scalar::Double(value) if is_text => Literal::Text(value.to_string()),
        Scalar::Bool(value) => Literal::Bool(*value),
        Scalar::Int(value) => Literal::Int(*value),
        Scalar::Double(value) => Literal::Double(*value),
    });
    Condition::compare(&condition.attribute, operator, value)
}

#[cfg(test)]
mod tests {
    use ringwatch_config::{Request, load};

    use super::languages;

    const SMALL: &str = "\
receivers: { postgresql: { endpoint: \"db1:5432\", username: u } }
exporters: { debug: }
service: { pipelines: { metrics: { receivers: [postgresql], exporters: [debug] } } }
processors:
";

    /// The faults of processors that begin in line 5.
    fn faults(processors: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("0.yaml");
        std::fs::write(&file, format!("{SMALL}{processors}")).unwrap();
        let request = Request {
            files: &[file],
            sets: &[],
            env: &|name| (name == "SECRET").then(|| "canary(".to_owned()),
        };
        let found = load(&request, &languages).err().map(|faults| faults.to_string());
        let found = found.unwrap_or_default();
        found
            .lines()
            .map(|line| line.rsplit_once(".yaml:").unwrap().1.to_owned())
            .collect()
    }

    #[test]
    fn a_statement_that_is_none_is_told_with_its_place_its_text_and_the_character() {
        let found = faults(
            "  transform:
    metric_statements:
      - context: datapoint
        conditions: ['calls >']
        statements:
          - set(attributes[\"a\"], 1)
          - sett(attributes[\"a\"], 1)
          - set(attributes[\"a\"] 1)
    log_statements:
      - statements: ['set(severity_number, 9) where severity_text = \"active\"']
",
        );
        let starts = [
            "8:22: `calls >`: ",
            "11:13: `sett(attributes[\"a\"], 1)`: ",
            "12:13: `set(attributes[\"a\"] 1)`: ",
            "14:22: `set(severity_number, 9) where severity_text = \"active\"`: ",
        ];
        assert_eq!(found.len(), starts.len(), "{found:?}");
        for ((fault, start), character) in found.iter().zip(starts).zip([8, 1, 21, 45]) {
            assert!(fault.starts_with(start), "{fault}");
            assert!(fault.ends_with(&format!("(at character {character})")), "{fault}");
        }
    }

    #[test]
    fn a_group_that_makes_no_sense_as_a_whole_is_told_at_the_statement() {
        let found = faults(
            "  transform:
    metric_statements:
      - conditions: ['calls > 1']
        statements: ['set(attributes[\"a\"], 1)', 'set(resource.attributes[\"a\"], 1)']
",
        );
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].starts_with("8:49: `set(resource.attributes[\"a\"], 1)`: "),
            "{found:?}"
        );
    }

    #[test]
    fn a_condition_that_is_none_is_told_in_both_shapes() {
        let found = faults(
            "  adaptive_sampler:
    rules:
      - { name: a, condition: 'mean_exec_time >> 1' }
      - { name: b, conditions: [{ attribute: state, operator: matches, value: '[' }] }
      - { name: c, condition: '(blk_read_time + blk_write_time) > 100' }
      - { name: d, conditions: [{ attribute: rows, operator: matches, value: 7 }] }
",
        );
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with("7:31: `mean_exec_time >> 1`: "), "{found:?}");
        assert!(found[1].starts_with("8:79: "), "{found:?}");
    }

    #[test]
    fn what_a_verification_cannot_use_is_told_with_its_place() {
        let found = faults(
            "  verification:
    quality_validation:
      rules: [{ name: a, condition: 'calls > 1' }, { name: b, condition: 'calls >' }]
    pii_detection:
      classes: [email, e_mail]
      patterns:
        - { name: fine, pattern: 'a+' }
        - { name: broken, pattern: '(${SECRET}' }
        - { name: all, pattern: 'a*' }
        - { name: email, pattern: 'b' }
",
        );
        let starts = [
            "7:74: `calls >`: ",
            "9:24: `e_mail`: ",
            "12:36: ",
            "13:33: ",
            "14:19: ",
        ];
        assert_eq!(found.len(), starts.len(), "{found:?}");
        for (fault, start) in found.iter().zip(starts) {
            assert!(fault.starts_with(start), "{found:?}");
        }
        assert!(!found.join("\n").contains("canary"), "{found:?}");
    }

    #[test]
    fn what_came_by_substitution_is_not_quoted() {
        let found = faults(
            "  transform:
    metric_statements: [{ statements: ['set(attributes[\"a\"], ${SECRET}', '${SECRET}'] }]
  adaptive_sampler: { rules: [{ name: a, condition: \"${SECRET}\" }] }
",
        );
        assert_eq!(found.len(), 3, "{found:?}");
        assert!(!found.join("\n").contains("canary"), "{found:?}");
    }

    #[test]
    fn a_fault_that_has_its_place_is_not_told_of_the_processor_too() {
        for (processor, place) in [
            ("adaptive_sampler: { rules: [{ name: a }] }", "5:31: "),
            (
                "adaptive_sampler: { rules: [{ name: a, conditions: [{ attribute: x, operator: gt }] }] }",
                "5:81: ",
            ),
            (
                "transform: { metric_statements: [{ context: log, statements: ['set(body, 1)'] }] }",
                "5:47: ",
            ),
        ] {
            let found = faults(&format!("  {processor}\n"));
            assert!(found.len() == 1 && found[0].starts_with(place), "{found:?}");
        }
    }

    #[test]
    fn what_only_the_processor_refuses_is_told_at_the_processor() {
        let found = faults("  adaptive_sampler: { rules: [{ name: default, condition: x > 1 }] }\n");
        assert_eq!(found.len(), 1, "{found:?}");
        assert!(
            found[0].starts_with("5:3: ") && found[0].contains("`default`"),
            "{found:?}"
        );
    }
}

use ringwatch_config::settings::{RuleCondition, RuleOperator, SamplerOverride, SamplingRule, Scalar};

use super::*;

fn rule(name: &str, priority: Option<u32>) -> SamplingRule {
    SamplingRule {
        name: name.into(),
        condition: Some("mean_exec_time > 1".into()),
        conditions: Vec::new(),
        sampling_rate: 50.0,
        priority,
        max_per_minute: 0,
    }
}

fn plan(change: impl FnOnce(&mut Settings)) -> Result<Plan, String> {
    let mut settings = Settings::default();
    change(&mut settings);
    Plan::new("adaptive_sampler", &settings).map_err(|error| error.to_string())
}

#[test]
fn rules_are_asked_by_priority_and_those_that_keep_everything_pass_first() {
    let plan = plan(|settings| {
        settings.rules = vec![
            rule("last", None),
            rule("third", Some(7)),
            rule("first", Some(1)),
            SamplingRule {
                sampling_rate: 100.0,
                ..rule("also third", Some(7))
            },
            rule("after", None),
        ];
        settings.slow_query_threshold_ms = Some(2000.0);
    })
    .unwrap();
    let names: Vec<&str> = plan.names().collect();
    let expected = [
        "slow_queries",
        "first",
        "third",
        "also third",
        "last",
        "after",
        "default",
    ];
    assert_eq!(names, expected);
    assert_eq!(plan.precedence(), [0, 3, 1, 2, 4, 5, 6]);
    assert_eq!(plan.rules[0].condition.text(), "mean_exec_time > 2000");
}

fn assert_refused(change: impl FnOnce(&mut Settings), expected: &str) {
    let error = plan(change).unwrap_err();
    let expected = format!("processor `adaptive_sampler`: {expected}");
    assert!(
        error.starts_with(&expected),
        "{error}\ndoes not begin with\n{expected}"
    );
}

#[test]
fn numbers_that_cannot_be_are_refused_with_what_to_write() {
    type Change = fn(&mut Settings);
    let cases: [(Change, &str); 8] = [
        (
            |s| s.default_sampling_rate = 101.0,
            "`default_sampling_rate` is 101: write a percentage from 0 to 100",
        ),
        (
            |s| s.default_sampling_rate = f64::NAN,
            "`default_sampling_rate` is NaN",
        ),
        (
            |s| s.adaptive.max_rate = Some(0.01),
            "`adaptive.max_rate` is less than `adaptive.min_rate`",
        ),
        (
            |s| s.adaptive.target_records_per_second = Some(0),
            "`adaptive.target_records_per_second` is 0",
        ),
        (|s| s.cache_size = 0, "`cache_size` is 0: write at least 1"),
        (|s| s.max_memory_mb = 0, "`max_memory_mb` is 0"),
        (
            |s| s.window = ringwatch_config::Duration::from_secs(0),
            "`window` is 0: write a duration",
        ),
        (
            |s| s.slow_query_threshold_ms = Some(f64::INFINITY),
            "`slow_query_threshold_ms` is no number",
        ),
    ];
    for (change, expected) in cases {
        assert_refused(change, expected);
    }
}

#[test]
fn rules_that_cannot_be_are_refused_with_what_to_write() {
    let (plain, twice) = (|| rule("a", None), || vec![rule("a", None), rule("a", Some(1))]);
    let cases = [
        (vec![rule("", None)], "a rule has no name"),
        (twice(), "the rule `a` needs another name: it is there twice"),
        (
            vec![rule("default", None)],
            "the rule `default` needs another name: this is what rows without a rule are called",
        ),
        (
            vec![rule("slow_queries", None)],
            "the rule `slow_queries` needs another name: `slow_query_threshold_ms` makes one",
        ),
        (
            vec![SamplingRule {
                sampling_rate: -1.0,
                ..plain()
            }],
            "`sampling_rate` of the rule `a` is -1: write a percentage from 0 to 100",
        ),
        (
            vec![SamplingRule {
                condition: None,
                ..plain()
            }],
            "the rule `a` takes either `condition` or `conditions`",
        ),
        (
            vec![SamplingRule {
                condition: Some("x >".into()),
                ..plain()
            }],
            "the condition of the rule `a`: ",
        ),
        (
            (0..62).map(|n| rule(&n.to_string(), None)).collect(),
            "there are more than 62 rules",
        ),
    ];
    for (rules, expected) in cases {
        assert_refused(
            |settings| {
                settings.rules = rules;
                settings.slow_query_threshold_ms = Some(1.0);
            },
            expected,
        );
    }
    let most =
        |settings: &mut Settings| settings.rules = (0..62).map(|n| rule(&n.to_string(), None)).collect();
    assert!(plan(most).is_ok());
}

#[test]
fn the_environment_has_the_last_word() {
    let with = |environment: &str| {
        plan(|settings| {
            settings.environment = environment.into();
            settings.environment_overrides.insert(
                "production".into(),
                SamplerOverride {
                    slow_query_threshold_ms: Some(2000.0),
                    max_records_per_second: Some(500),
                    max_decisions_per_second: Some(7),
                    default_sampling_rate: Some(5.0),
                    cache_size: Some(99),
                },
            );
        })
        .unwrap()
    };
    let (production, other) = (with("production"), with("staging"));
    assert_eq!((production.rules.len(), other.rules.len()), (1, 0));
    assert_eq!(
        (production.records_per_second, other.records_per_second),
        (500, 0)
    );
    assert_eq!(
        (production.decisions_per_second, other.decisions_per_second),
        (7, 1000)
    );
    assert_eq!((production.cache_limit, other.cache_limit), (99, 10_000));
    assert_eq!((production.default_rate, other.default_rate), (5.0, 10.0));
    assert_eq!(
        production.bounds(5.0),
        Some(Bounds {
            min: 0.1,
            max: 5.0,
            target: 450.0
        })
    );
    assert_eq!(other.bounds(10.0), None, "without a limit there is no target");
}

#[test]
fn the_memory_bounds_the_cache_and_a_rate_of_nothing_stays_nothing() {
    let plan = plan(|settings| {
        settings.max_memory_mb = 1;
        settings.adaptive.target_records_per_second = Some(10);
    })
    .unwrap();
    assert_eq!(plan.cache_limit, 8192);
    let nothing = plan.bounds(0.0).unwrap();
    assert_eq!((nothing.min, nothing.max), (0.0, 0.0));
}

#[test]
fn values_of_conditions_are_what_their_operators_need() {
    use RuleOperator as O;
    let text = |text: &str| Some(Scalar::Text(text.into()));
    for (operator, value, expected) in [
        (O::Gt, text(" 1000 "), "(x > 1000)"),
        (O::Eq, text("1000"), "(x == \"1000\")"),
        (O::Lte, Some(Scalar::Int(3)), "(x <= 3)"),
        (O::Ne, Some(Scalar::Bool(true)), "(x != true)"),
        (O::Contains, Some(Scalar::Int(42)), "(x contains \"42\")"),
        (O::Exists, None, "(x exists)"),
    ] {
        let condition = RuleCondition {
            attribute: "x".into(),
            operator,
            value,
        };
        let listed = SamplingRule {
            condition: None,
            conditions: vec![condition],
            ..rule("a", None)
        };
        let plan = plan(|settings| settings.rules = vec![listed]).unwrap();
        assert_eq!(plan.rules[0].condition.text(), expected);
    }
}

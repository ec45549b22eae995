use super::*;
use crate::Settings;
use crate::settings::{AdaptiveSampler, Processor};

fn settings(environment: &str) -> Settings {
    let text = generate(environment).unwrap().unwrap().text;
    let sample = |wanted: &str| {
        let found = SAMPLES.iter().find(|(name, _)| *name == wanted);
        found.map(|(_, value)| (*value).to_owned())
    };
    let loaded = load_text("generated.yaml", &text, &sample).unwrap();
    assert_eq!(loaded.notes, [], "{environment}");
    loaded.settings
}

fn sampler(settings: &Settings) -> &AdaptiveSampler {
    let Some(Processor::AdaptiveSampler(sampler)) =
        settings.processors.get(&"adaptive_sampler".parse().unwrap())
    else {
        panic!()
    };
    sampler
}

#[test]
fn each_environment_has_the_thresholds_of_its_preset() {
    for (environment, threshold, records) in [
        ("production", 2000.0, 500),
        ("staging", 500.0, 2000),
        ("development", 1000.0, 0),
    ] {
        let settings = settings(environment);
        let sampler = sampler(&settings);
        assert_eq!(sampler.slow_query_threshold_ms, Some(threshold), "{environment}");
        assert_eq!(sampler.max_records_per_second, records, "{environment}");
        assert_eq!(settings.cluster.name, environment);
    }
}

#[test]
fn no_place_is_left_and_the_variables_that_are_named_are_those_that_are_needed() {
    for (environment, preset) in PRESETS {
        let text = generate(environment).unwrap().unwrap().text;
        assert!(!text.contains('@'), "{environment}: {text}");
        assert!(text.contains(&format!("config generate {environment}")), "{text}");
        for line in text.lines() {
            assert!(
                line == line.trim_end() && line.chars().count() <= 120,
                "{environment}: {line:?}"
            );
        }
        let faults = load_text("generated.yaml", &text, &|_| None)
            .unwrap_err()
            .to_string();
        let mut missing: Vec<&str> = faults.lines().filter_map(|line| line.split('`').nth(1)).collect();
        missing.sort_unstable();
        missing.dedup();
        let values = values(environment, preset).unwrap();
        let (_, named) = values.iter().find(|(name, _)| name == "variables").unwrap();
        let mut named: Vec<&str> = named.split(", ").collect();
        named.sort_unstable();
        assert_eq!(missing, named, "{environment}");
    }
}

#[test]
fn each_value_of_a_preset_has_a_place() {
    for (environment, preset) in PRESETS {
        for (name, _) in values(environment, preset).unwrap() {
            assert!(BASE.contains(&format!("@{name}@")), "{environment}: {name}");
        }
    }
}

#[test]
fn an_unknown_environment_has_none() {
    assert!(generate("prodution").is_none());
}

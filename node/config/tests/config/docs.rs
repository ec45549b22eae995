//! The page about the configuration is what the types say.

use std::path::Path;

#[test]
fn docs_configuration_is_made_from_the_types() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let made = ringwatch_config::reference();
    if std::env::var_os("RINGWATCH_WRITE_DOCS").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let advice =
        "docs/configuration.md is out of date: run RINGWATCH_WRITE_DOCS=1 cargo test -p ringwatch-config";
    assert!(written == made, "{advice}");
}

#[test]
fn the_reference_has_a_row_for_keys_at_every_depth() {
    let page = ringwatch_config::reference();
    for row in [
        "| `grpc.listen` | host:port | `127.0.0.1:7947` | Where to listen. |",
        "| `username` | text | required | The role to log in as. |",
        "| `targets[].endpoint` | host:port | required | Where it listens. |",
        "| `metrics.NAME.enabled` | boolean | required | On or off. |",
        "| `compression` | `none`, `gzip`, `zstd` | `gzip` | How requests are compressed. |",
        "| `pipelines.NAME.receivers` | list of component | required | Where its frames come from. |",
        "### `memory_limiter`",
    ] {
        assert!(page.contains(row), "{row}\n{page}");
    }
}

/// Whoever copies the example must not lose records without having asked for it.
#[test]
fn the_example_of_a_node_for_production_keeps_every_record() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/ringwatch.yaml");
    let text = std::fs::read_to_string(path).unwrap();
    let names = ["PGPASSWORD", "OTLP_ENDPOINT", "OTLP_API_KEY"];
    let settings = crate::common::good(&text, &names.map(|name| (name, "otlp.example:4317")));
    let samplers = settings
        .processors
        .values()
        .filter_map(|processor| match processor {
            ringwatch_config::settings::Processor::AdaptiveSampler(sampler) => Some(sampler),
            _ => None,
        });
    for sampler in samplers {
        assert_eq!(sampler.default_sampling_rate, 100.0);
        assert_eq!(sampler.max_records_per_second, 0);
        assert!(sampler.environment_overrides.is_empty());
        let keeps = |rule: &ringwatch_config::settings::SamplingRule| {
            rule.sampling_rate == 100.0 && rule.max_per_minute == 0
        };
        assert!(sampler.rules.iter().all(keeps));
    }
}

#[test]
fn the_examples_on_the_page_are_valid() {
    let page = ringwatch_config::reference();
    let example = |nth: usize| {
        let blocks = page.split("```yaml\n").nth(nth).unwrap();
        blocks.split("```").next().unwrap().to_owned()
    };
    crate::common::good(&example(1), &[("PG_PASSWORD", "secret")]);
    let whole = format!("{}{}", crate::common::SMALL, example(2));
    let settings = crate::common::good(&whole, &[("HOSTNAME", "ringwatch-0"), ("POD_IP", "10.0.0.7")]);
    assert_eq!(settings.cluster.gossip.unwrap().seeds.len(), 2);
    let env = [
        ("POSTGRES_DSN", "host=db1 user=u dbname=app"),
        ("ENVIRONMENT", "staging"),
    ];
    let loaded = ringwatch_config::load_text("page.yaml", &example(3), &|name| {
        let found = env.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    });
    assert_eq!(loaded.unwrap_or_else(|faults| panic!("{faults}")).notes, []);
}

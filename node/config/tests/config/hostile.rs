//! Any text ends quickly, in settings or in faults.

use std::fmt::Write as _;
use std::time::Duration;

use ringwatch_config::load_text;

const MIB: usize = 1024 * 1024;

/// Loads the text, and gives the faults. It must not take long, also not without optimisation.
#[expect(
    clippy::disallowed_methods,
    reason = "it is the machine's time that this test is about"
)]
fn faults(name: &str, text: &str) -> Vec<String> {
    let begin = std::time::Instant::now();
    let found = load_text("0.yaml", text, &|_| None);
    let took = begin.elapsed();
    assert!(took < Duration::from_secs(20), "{name}: {took:?}");
    match found {
        Ok(_) => Vec::new(),
        Err(faults) => faults.as_slice().iter().map(ToString::to_string).collect(),
    }
}

#[test]
fn large_texts_of_one_kind_end_quickly_in_a_fault() {
    for piece in [
        "[", "{", "- ", "? ", "a: ", "&a ", "*a ", "!", "!!str ", "${", "${}", "${A:", "$", "\"", "'", "|\n",
        ">\n", "#", "<<: ", "\t", "\n", " ", "\u{e9}", "%", "0", "a", "a\n", "---\n", "[[[]]]", "{a: b}, ",
        "${A:b}", ",", ":", "\r", "\0",
    ] {
        let text = piece.repeat(MIB / 4 / piece.len());
        let found = faults(piece, &text);
        assert!(
            !found.is_empty() && found.len() <= 1001,
            "{piece:?}: {}",
            found.len()
        );
        assert!(found.iter().all(|fault| fault.len() < 1000), "{piece:?}");
    }
}

#[test]
fn ten_megabytes_of_targets_are_too_many_and_soon_known_to_be() {
    let mut text = String::from("receivers: { postgresql: { username: u, targets: [\n");
    while text.len() < 10 * MIB {
        text.push_str("  { endpoint: \"db1.internal:5432\", labels: { team: billing, tier: gold } },\n");
    }
    let found = faults("targets", &text);
    assert_eq!(found, ["0.yaml:1:1: too large, or nested too deeply"]);
}

#[test]
fn a_text_that_is_too_large_is_not_read() {
    let found = faults("spaces", &" ".repeat(17 * MIB));
    assert_eq!(found, ["0.yaml:1:1: too large: a file holds at most 16 MiB"]);
}

#[test]
fn many_keys_with_faults_end_quickly() {
    let of = |line: &dyn Fn(usize) -> String, count: usize| {
        let mut text = String::from("receivers:\n");
        for n in 0..count {
            let _ = writeln!(text, "{}", line(n));
        }
        text
    };
    let unknown = of(
        &|n| format!("  postgresqll/n{n}: {{ endpoint: x, usrname: y }}"),
        5_000,
    );
    let faulty = of(
        &|n| format!("  postgresql/n{n}: {{ timeout: 0s, username: \"\" }}"),
        5_000,
    );
    let named = of(
        &|n| format!("  postgresql/${{A:{n}}}: {{ username: \"\" }}"),
        5_000,
    );
    let same = of(&|_| "  postgresql: { username: u }".into(), 5_000);
    let mut lists = of(
        &|n| format!("  postgresql/n{n}: {{ username: u, endpoint: \"h:{}\" }}", n + 1),
        5_000,
    );
    lists.push_str("exporters: { debug: }\nservice: { pipelines: {\n");
    for n in 0..5_000 {
        let _ = writeln!(
            lists,
            "  metrics/n{n}: {{ receivers: [postgresql/m{n}], exporters: [debug] }},"
        );
    }
    lists.push_str("} }\n");
    let mut ports = of(&|_| "  postgresql: { username: u, endpoint: h:1 }".into(), 1);
    ports.push_str("exporters:\n");
    for n in 0..5_000 {
        let _ = writeln!(ports, "  prometheus/n{n}: {{ endpoint: \"h{n}:9000\" }}");
    }
    let names: Vec<String> = (0..5_000).map(|n| format!("prometheus/n{n}")).collect();
    let _ = writeln!(
        ports,
        "service: {{ pipelines: {{ metrics: {{ receivers: [postgresql], exporters: [{}] }} }} }}",
        names.join(", ")
    );
    for (name, text) in [
        ("unknown", unknown),
        ("faulty", faulty),
        ("named", named),
        ("same", same),
        ("lists", lists),
    ] {
        let found = faults(name, &text);
        assert!(
            !found.is_empty() && found.len() <= 10_000,
            "{name}: {}",
            found.len()
        );
    }
    assert_eq!(faults("ports", &ports), Vec::<String>::new());
}

#[test]
fn one_long_key_or_value_ends_quickly_in_a_short_fault() {
    let long = "x".repeat(MIB);
    for text in [
        format!("{long}: 1\n"),
        format!("receivers: {{ {long}: }}\n"),
        format!("receivers: {{ postgresql: {{ {long}: 1, timeout: {long}, endpoint: {long} }} }}\n"),
        format!("cluster: {{ weight: {} }}\n", "9".repeat(MIB)),
        format!("cluster: {{ weight: 0x{} }}\n", "f".repeat(MIB)),
        format!("cluster: {{ hold_down: {}s }}\n", "9".repeat(MIB)),
        format!("cluster: {{ name: \"${{{long}}}\", node_id: ${{file:/dev/zero}} }}\n"),
    ] {
        let found = faults(text.get(..20).unwrap_or_default(), &text);
        assert!(!found.is_empty(), "{}", text.get(..60).unwrap_or_default());
        assert!(
            found.iter().all(|fault| fault.len() < 1000),
            "{}",
            text.get(..60).unwrap_or_default()
        );
    }
}

#[test]
fn numbers_that_no_type_holds_are_faults() {
    for (text, expected) in [
        (
            "weight: 1e999",
            "20: `weight` needs a number from 0.1 to 16, not `1e999`",
        ),
        (
            "weight: .nan",
            "20: `weight` needs a number from 0.1 to 16, not `.nan`",
        ),
        (
            "weight: .inf",
            "20: `weight` needs a number from 0.1 to 16, not `.inf`",
        ),
        (
            "hold_down: 1e30s",
            "23: `hold_down` needs a duration, such as 500ms, 10s, 5m or 1h30m, not `1e30s`",
        ),
        (
            "hold_down: 99999999999999999999h",
            "23: `hold_down` needs a duration, such as 500ms, 10s, 5m or 1h30m, not `99999999999999999999h`",
        ),
    ] {
        let found = faults(text, &format!("{}cluster: {{ {text} }}\n", crate::common::SMALL));
        assert_eq!(found, [format!("0.yaml:12:{expected}")]);
    }
    let size = "18446744073709551616";
    let text = format!(
        "{}processors: {{ batch: {{ send_batch_size: {size} }} }}\n",
        crate::common::SMALL
    );
    assert_eq!(
        faults(size, &text),
        [format!(
            "0.yaml:12:41: `send_batch_size` needs a whole number from 1, not `{size}`"
        )]
    );
}

#[test]
fn a_device_that_never_ends_is_no_file_to_put_in() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("0.yaml");
    std::fs::write(
        &file,
        crate::common::SMALL.replace("monitor", "${file:/dev/zero}"),
    )
    .unwrap();
    let request = ringwatch_config::Request {
        files: &[file],
        sets: &[],
        env: &|_| None,
    };
    let found = crate::common::lines(ringwatch_config::load(&request, &|_| Vec::new()));
    assert_eq!(
        found,
        ["0.yaml:4:15: the file `/dev/zero` cannot be read: it is larger than 1 MiB"]
    );
}

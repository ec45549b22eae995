//! Any text as a plan, read as one of any format by what it begins with: nothing panics, limits hold, and
//! what is scrubbed of a whole plan has the same nodes and is scrubbed once and for all. The same for plans that have the
//! text as a name and in a condition. A message of a log may be anything too.
#![no_main]

use libfuzzer_sys::fuzz_target;
use ringwatch_parse::log::scrub_message;
use ringwatch_parse::plan::{Limits, Thresholds, draw, facts, fingerprint, json, parse, scrub};

const LIMITS: Limits<'static> = Limits {
    bytes: 1 << 16,
    depth: 64,
    nodes: 500,
    stop: None,
};

/// A plan of each format with the text as a name and in a condition, escaped as the servers do: MariaDB escapes nothing.
fn holding(text: &str) -> [String; 5] {
    let quoted: String = text.chars().map(quoted).collect();
    let element = text
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let literal = text.replace('\'', "''");
    [
        format!(r#"[{{"Plan": {{"Node Type": "Seq Scan", "Alias": "{quoted}", "Filter": "{quoted}"}}}}]"#),
        format!(
            r#"{{"query_block":{{"select_id":1,"table":{{"table_name":"{text}","access_type":"ALL","rows":1,"attached_condition":"{text}"}}}}}}"#
        ),
        format!(
            "<explain><Query><Plan><Node-Type>Seq Scan</Node-Type><Alias>{element}</Alias><Filter>{element}</Filter>\
             </Plan></Query></explain>"
        ),
        format!("- Plan: \n    Node Type: \"Seq Scan\"\n    Alias: \"{quoted}\"\n    Filter: \"{quoted}\"\n"),
        format!(
            "Query Text: select '{literal}'\nSeq Scan on t  (cost=0.00..1.00 rows=1 width=4)\n  \
             Filter: (a = '{literal}'::text)\n"
        ),
    ]
}

/// A character as a text of JSON has it.
fn quoted(c: char) -> String {
    match c {
        '"' | '\\' => format!("\\{c}"),
        c if c.is_control() => format!("\\u{:04x}", u32::from(c)),
        c => c.into(),
    }
}

fn scrubbed_again(plan: &str) {
    if let Ok(scrubbed) = scrub(plan, &LIMITS) {
        assert_eq!(
            scrub(&scrubbed, &LIMITS).as_deref(),
            Ok(scrubbed.as_str()),
            "{plan}"
        );
    }
}

fuzz_target!(|text: &str| {
    if let Ok(plan) = parse(text, &LIMITS) {
        assert!(!plan.nodes.is_empty() && plan.nodes.len() <= LIMITS.nodes);
        for (place, node) in plan.nodes.iter().enumerate() {
            assert_eq!(node.parent.is_none(), place == 0);
            assert!(node.parent.is_none_or(|parent| (parent as usize) < place));
            assert!(node.depth <= LIMITS.depth);
        }
        let facts = facts(&plan, &Thresholds::default());
        assert_eq!(facts.nodes, plan.nodes.len());
        assert_eq!(facts.fingerprint, fingerprint(&plan));
        let _ = (draw(&plan, &facts), json(&plan, &facts));
    }
    // What is damaged is hidden as far as it can be told, and may not be a plan any more.
    let whole = |text: &str| {
        parse(text, &LIMITS)
            .ok()
            .filter(|plan| plan.degraded.is_none())
            .map(|plan| plan.nodes.len())
    };
    if let (Ok(scrubbed), Some(nodes)) = (scrub(text, &LIMITS), whole(text)) {
        assert_eq!(parse(&scrubbed, &LIMITS).map(|plan| plan.nodes.len()), Ok(nodes));
        scrubbed_again(text);
    }
    for plan in holding(text) {
        scrubbed_again(&plan);
    }
    let _ = scrub_message(text);
});

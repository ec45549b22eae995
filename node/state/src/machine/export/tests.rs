use super::*;
use crate::machine::samples::command_of;

fn with(commands: Vec<Kind>) -> Machine {
    let mut machine = Machine::new();
    let entry = v1::StateEntry {
        time_unix_nano: 1_800_000_000_123_456_789,
        node: "n1".to_owned(),
        generation: 5,
        commands: commands.into_iter().map(command_of).collect(),
        ..v1::StateEntry::default()
    };
    machine.apply(&entry).unwrap();
    machine
}

#[test]
fn people_can_read_it() {
    let seen = v1::SamplerSeen {
        sampler: "sampling".to_owned(),
        pipeline: "default".to_owned(),
        rules: vec!["slow".to_owned(), "new".to_owned()],
        entries: vec![v1::SeenStatement {
            fingerprint: 0xab,
            seen_unix_nano: 1_800_000_000_000_000_000,
            rules: 0b10,
            rules_before: 0b10,
        }],
    };
    let machine = with(vec![Kind::SamplerSeen(seen)]);
    let exported = export(&machine);
    assert_eq!(exported["time"], "2027-01-15T08:00:00.123456789Z");
    let statement = &exported["samplers"][0]["statements"][0];
    let wanted = serde_json::json!({
        "fingerprint": "00000000000000ab", "seen": "2027-01-15T08:00:00Z", "rules": ["new"],
    });
    assert_eq!(*statement, wanted);
}

#[test]
fn what_is_no_back_up_is_refused_with_the_reason() {
    let good = export(&with(Vec::new()));
    assert_eq!(import(good.clone()), Ok(Vec::new()));
    let later = serde_json::json!({ "format": 2 });
    assert_eq!(import(later), Err(ImportError::Format { found: 2 }));
    let mut unknown = good.clone();
    unknown["extra"] = Value::Null;
    let mut wrong = good;
    wrong["weights"] =
        serde_json::json!([{ "target": "t", "weight": "heavy", "node": "n", "received": "now" }]);
    for malformed in [Value::Null, serde_json::json!([]), unknown, wrong] {
        assert!(matches!(import(malformed), Err(ImportError::Malformed(_))));
    }
}

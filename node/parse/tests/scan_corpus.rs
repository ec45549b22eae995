//! The scanner on cases that somebody else collected: how much of what is there it finds, and how much of
//! what it finds is there.
#![allow(missing_docs, clippy::unwrap_used, clippy::print_stdout)]

use std::collections::BTreeMap;
use std::path::Path;

use ringwatch_parse::scan::{Class, Classes, Found, Scanner};
use serde_json::Value;

/// What the collection calls the classes. Its kinds `URL` and `DATE_TIME` are none of ours.
const ENTITIES: [(&str, Class); 18] = [
    ("ABA_ROUTING_NUMBER", Class::AbaRouting),
    ("CREDIT_CARD", Class::CreditCard),
    ("CRYPTO", Class::Crypto),
    ("EMAIL_ADDRESS", Class::Email),
    ("IBAN_CODE", Class::Iban),
    ("IP_ADDRESS", Class::IpAddress),
    ("MAC_ADDRESS", Class::MacAddress),
    ("MEDICAL_LICENSE", Class::MedicalLicense),
    ("PHONE_NUMBER", Class::Phone),
    ("PH_MOBILE_NUMBER", Class::Phone),
    ("TR_PHONE_NUMBER", Class::Phone),
    ("UK_NHS", Class::UkNhs),
    ("UK_NINO", Class::UkNino),
    ("US_BANK_NUMBER", Class::UsBankNumber),
    ("US_DRIVER_LICENSE", Class::UsDriverLicense),
    ("US_ITIN", Class::UsItin),
    ("US_PASSPORT", Class::UsPassport),
    ("US_SSN", Class::UsSsn),
];

/// Of one class: cases found and missed, cases in which nothing is and something was found, and places found
/// exactly.
#[derive(Default)]
struct Score {
    found: usize,
    missed: usize,
    wrong: usize,
    right_silence: usize,
    places: usize,
    exact: usize,
}

impl Score {
    fn recall(&self) -> f64 {
        self.found as f64 / (self.found + self.missed).max(1) as f64
    }

    fn precision(&self) -> f64 {
        self.found as f64 / (self.found + self.wrong).max(1) as f64
    }
}

fn cases() -> Option<Vec<Value>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora/pii/core.jsonl");
    let Ok(lines) = std::fs::read_to_string(&path) else {
        println!("skipped: {} is not there", path.display());
        return None;
    };
    Some(
        lines
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect(),
    )
}

/// The places that a case names, in characters.
fn places(case: &Value) -> Vec<(usize, usize)> {
    let pairs = case["positions"].as_array().into_iter().flatten();
    pairs
        .map(|pair| {
            (
                pair[0].as_u64().unwrap() as usize,
                pair[1].as_u64().unwrap() as usize,
            )
        })
        .collect()
}

fn score(scanner: &Scanner, cases: &[Value]) -> BTreeMap<Class, Score> {
    let mut scores: BTreeMap<Class, Score> = BTreeMap::new();
    let mut found = Vec::new();
    for case in cases {
        let Some((_, class)) = ENTITIES.iter().find(|(name, _)| case["entity"] == *name) else {
            continue;
        };
        let text = case["text"].as_str().unwrap();
        scanner.find(text, &mut found);
        let char_at = |byte: usize| text[..byte].chars().count();
        let ours: Vec<_> = found
            .iter()
            .filter(|one| one.class == *class)
            .map(|one| (char_at(one.start), char_at(one.end)))
            .collect();
        let score = scores.entry(*class).or_default();
        match (case["is_pii"].as_bool().unwrap(), ours.is_empty()) {
            (true, false) => score.found += 1,
            (true, true) => score.missed += 1,
            (false, false) => score.wrong += 1,
            (false, true) => score.right_silence += 1,
        }
        let expected = places(case);
        score.places += expected.len();
        score.exact += expected.iter().filter(|place| ours.contains(place)).count();
        let is_exact = expected.iter().all(|place| ours.contains(place));
        if !is_exact || ours.is_empty() == case["is_pii"].as_bool().unwrap() {
            println!(
                "  {class}: {text:?}: expected {expected:?}, found {ours:?} ({})",
                case["entity"]
            );
        }
    }
    scores
}

fn table(scores: &BTreeMap<Class, Score>) {
    for (class, score) in scores {
        println!(
            "{:20} recall {:5.3} ({} of {})  precision {:5.3} ({} of {} without)  exact {} of {}",
            class.name(),
            score.recall(),
            score.found,
            score.found + score.missed,
            score.precision(),
            score.wrong,
            score.wrong + score.right_silence,
            score.exact,
            score.places
        );
    }
}

#[test]
fn what_is_offered_is_found_and_little_else() {
    let Some(cases) = cases() else { return };
    let scores = score(&Scanner::default(), &cases);
    table(&scores);
    for (class, score) in scores.iter().filter(|(class, _)| class.by_default()) {
        if score.found + score.missed > 0 {
            assert!(score.recall() >= 0.95, "{class}: recall");
        }
        assert!(
            score.precision() >= 0.95 || score.wrong == 0,
            "{class}: precision"
        );
    }
}

#[test]
fn a_class_that_has_to_be_asked_for_is_found_where_it_is_said() {
    let Some(cases) = cases() else { return };
    for class in Class::ALL.into_iter().filter(|class| !class.by_default()) {
        let scanner = Scanner::new(Classes::NONE.with(class), &[]).unwrap();
        let scores = score(&scanner, &cases);
        let own: BTreeMap<_, _> = scores.into_iter().filter(|(other, _)| *other == class).collect();
        table(&own);
        for (class, score) in &own {
            assert_eq!(score.wrong, 0, "{class}");
        }
    }
}

/// Documents with people's data in them do not lose their figures: what plans are made of is no data of
/// theirs.
#[test]
fn plans_of_others_hold_no_personal_numbers() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora/plans");
    let Ok(pairs) = std::fs::read_to_string(folder.join("pg15_pairs.jsonl")) else {
        println!("skipped: {} is not there", folder.display());
        return;
    };
    let scanner = Scanner::default();
    let mut found = Vec::new();
    let mut all: Vec<(Class, String)> = Vec::new();
    for line in pairs.lines() {
        scanner.find(line, &mut found);
        all.extend(
            found
                .iter()
                .map(|Found { class, start, end }| (*class, line[*start..*end].to_owned())),
        );
    }
    for (class, value) in &all {
        println!("{class} {value}");
    }
    assert!(
        all.is_empty(),
        "{} found in {} plans",
        all.len(),
        pairs.lines().count()
    );
}

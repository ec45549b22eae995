//! What the scanner promises, on texts that nobody thought of.
#![allow(missing_docs, clippy::unwrap_used)]

use std::sync::LazyLock;

use proptest::prelude::*;
use ringwatch_parse::scan::{Action, Class, Classes, Custom, Found, HashKey, Scanner};

/// Pieces that are values, or parts of them, or what stands around them. The values are made up for these
/// tests.
const PIECES: [&str; 92] = [
    "4000000000000002",
    "4000 0000 0000 0002",
    "3400-000000-00009",
    "GB33BUKB20201555555555",
    "GB33 BUKB 2020 1555 5555 55",
    "jane.doe@example.org",
    "o'neil@mail.example.co.uk",
    "jane@",
    "@example.org",
    "+1 212 555 0147",
    "(212) 555-0147",
    "212-555-0147",
    "030/1234567",
    "0049 30 1234567",
    "192.0.2.17",
    "192.0.2.0/24",
    "2001:db8::17",
    "fe80::17%eth0",
    "::",
    "::1",
    "::ffff:192.0.2.17",
    "00:00:5e:00:53:af",
    "00-00-5E-00-53-AF",
    "0000.5e00.53af",
    "219-09-8765",
    "219098765",
    "900-70-1234",
    "JG 10 37 59 A",
    "JG103759A",
    "987 654 3210",
    "011000015",
    "AB1234563",
    "A12345678",
    "AKIAQ2ZLMN7PX3RTYB5D",
    "ghp_",
    "q8r7w2z5t1m9k3x6v4b0n2c8q8r7w2z5t1m9",
    "sk-",
    "glpat-",
    "eyJhbGciOiJIUzI1NiJ9",
    ".eyJhIjoxfQ",
    ".c2lnbmF0dXJl",
    "-----BEGIN PRIVATE KEY-----",
    "-----END PRIVATE KEY-----",
    "MIIEvQIBADAN",
    "password=",
    "password: ",
    "PASSWORD 'x9!'",
    "IDENTIFIED BY 'x9!'",
    "pwd=",
    "hunter22",
    "\"password\": \"x9\"",
    "\\\"password\\\": \\\"x9\\\"",
    "token=",
    "secret: ",
    "api_key",
    "Bearer ",
    "9f86d081884c7d659a2feaa0c55ad015",
    "key",
    "postgres://",
    "app:s3cr3t@",
    "db.example.org:5432/x",
    "phone ",
    "tel: ",
    "ssn ",
    "card ",
    "passport ",
    "account ",
    "driver license ",
    "H12345678",
    "born ",
    "1985-06-07",
    "[REDACTED:email]",
    "[email:0123456789abcdef]",
    "[REDACTED:",
    "[card:4000000000000002]",
    "bc1q2k9cry3y3u7ejm28qv7rrjthevwhp0yzlfuvrw",
    "1",
    "0",
    "5",
    "a",
    "f",
    "-",
    ".",
    ":",
    " ",
    "\n",
    "\"",
    "'",
    "(",
    "\u{e9}",
    "\u{4e2d}",
    "\0",
];

fn texts() -> impl Strategy<Value = String> {
    let pieces = proptest::collection::vec(proptest::sample::select(PIECES.to_vec()), 0..12);
    let made = pieces.prop_map(|pieces| pieces.concat());
    let spaced = proptest::collection::vec(proptest::sample::select(PIECES.to_vec()), 0..8);
    let spaced = spaced.prop_map(|pieces| pieces.join(" "));
    prop_oneof![6 => made, 3 => spaced, 1 => any::<String>(), 1 => "[0-9 .:/()+-]{0,40}", 1 => "[0-9a-f:.%/-]{0,50}"]
}

static SCANNERS: LazyLock<[Scanner; 3]> = LazyLock::new(scanners);

fn scanners() -> [Scanner; 3] {
    let custom = [
        Custom::new("order_number", r"\bORD-\d{4}\b").unwrap(),
        Custom::new("hex_word", r"[a-f]{3,}").unwrap(),
    ];
    [
        Scanner::default(),
        Scanner::new(Classes::ALL, &[]).unwrap().whole_values(false),
        Scanner::new(Classes::ALL, &custom).unwrap(),
    ]
}

fn found(scanner: &Scanner, text: &str) -> Vec<Found> {
    let mut found = vec![Found {
        class: Class::Email,
        start: 0,
        end: 9,
    }];
    scanner.find(text, &mut found);
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn places_are_sorted_and_characters_whole(text in texts()) {
        for scanner in SCANNERS.iter() {
            let mut last = 0;
            for one in found(scanner, &text) {
                prop_assert!(one.start >= last && one.start < one.end);
                prop_assert!(text.get(one.start..one.end).is_some());
                last = one.end;
            }
        }
    }

    #[test]
    fn what_is_hidden_has_nothing_to_be_found(text in texts()) {
        let key = HashKey::new(b"a key of this test");
        for scanner in SCANNERS.iter() {
            let all = found(scanner, &text);
            for action in [Action::Redact, Action::Hash(key.clone())] {
                let hidden = scanner.redact(&text, &all, &action);
                let again = found(scanner, &hidden);
                prop_assert!(again.is_empty(), "{:?} in {:?} of {:?}", again, hidden, text);
                prop_assert_eq!(scanner.redact(&hidden, &again, &action), hidden);
            }
        }
    }
}

/// Numbers side by side of which each is plain only when the one beside it is gone.
#[test]
fn what_one_value_lays_bare_is_hidden_too() {
    for piece in [
        "129-09-879-09 +29-09-8765 9007-0-555 55 ",
        "0049 30 1234567 219 09 8765 ",
        "(212) 555 0147 219 09 8765-",
    ] {
        for count in [2, 5, 40] {
            let text = piece.repeat(count);
            for scanner in SCANNERS.iter() {
                let hidden = scanner.redact(&text, &found(scanner, &text), &Action::Redact);
                assert_eq!(found(scanner, &hidden), [], "{hidden}");
            }
        }
    }
}

#[test]
fn the_same_value_has_the_same_hash_and_another_key_another() {
    let scanner = Scanner::default();
    let hash = |text: &str, key: &[u8]| {
        let hidden = scanner.redact(text, &found(&scanner, text), &Action::Hash(HashKey::new(key)));
        assert!(
            hidden.starts_with("[credit_card:") && hidden.len() == "[credit_card:]".len() + 16,
            "{hidden}"
        );
        hidden
    };
    assert_eq!(
        hash("4000 0000 0000 0002", b"one"),
        hash("4000000000000002", b"one")
    );
    assert_ne!(hash("4000000000000002", b"one"), hash("4000000000000002", b"two"));
    assert_ne!(hash("4000000000000002", b"one"), hash("4000000000000010", b"one"));
}

#[test]
fn patterns_of_ones_own_are_found_and_bad_ones_refused() {
    let order = Custom::new("order_number", r"\bORD-\d{4}\b").unwrap();
    let scanner = Scanner::new(Classes::NONE, std::slice::from_ref(&order)).unwrap();
    let text = "see ORD-1234, jane@example.org";
    let all = found(&scanner, text);
    assert_eq!(
        scanner.redact(text, &all, &Action::Redact),
        "see [REDACTED:order_number], jane@example.org"
    );
    assert!(Scanner::new(Classes::NONE, &[order.clone(), order]).is_err());
    for (name, pattern) in [
        ("Bad", "a"),
        ("", "a"),
        ("email", "a"),
        ("x", "("),
        ("x", "a*"),
        ("x", r"\w{1000}{1000}"),
    ] {
        assert!(Custom::new(name, pattern).is_err(), "{name} {pattern}");
    }
}

/// Long texts that are made to cost as much as they can, and one of 16 MB. That they end is the test: what is not linear
/// takes hours.
#[test]
fn the_largest_and_worst_texts_are_gone_through() {
    let scanner = Scanner::new(Classes::ALL, &[]).unwrap();
    for piece in [
        "1",
        "@",
        "a@",
        "a.b@c.d@",
        "::",
        "1:",
        "a:",
        "-----BEGIN PRIVATE KEY-----",
        "eyJa.",
        "eyJ-",
        "password=",
        "1 2 3 4 ",
        "(415) ",
        "+1 ",
        "00-",
        "[a:",
        "\0",
        "\u{1f600}",
        "key=",
        "://a:",
        "1.2.3.4.",
        "tel 1234567890 ",
        "3kVbq7RtXw2NfZp9LsGmYd4HcJuE6AaTnS ",
        "sk-",
        "'password': '",
        "born ",
    ] {
        let text = piece.repeat((1 << 19) / piece.len());
        let _ = found(&scanner, &text);
    }
    let whole = "0123456789 ".repeat((16 << 20) / 11);
    let _ = found(&Scanner::default(), &whole);
}

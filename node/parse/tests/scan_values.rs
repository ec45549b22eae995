//! The scanner class by class: what is one, what looks like one and is none, and what takes its place.
#![allow(missing_docs, clippy::unwrap_used)]

use ringwatch_parse::scan::{Action, Class, Classes, Scanner};

/// The text with what all classes find in it.
fn all(text: &str) -> String {
    hidden(&Scanner::new(Classes::ALL, &[]).unwrap(), text)
}

fn hidden(scanner: &Scanner, text: &str) -> String {
    let mut found = Vec::new();
    scanner.find(text, &mut found);
    scanner.redact(text, &found, &Action::Redact)
}

fn assert_all(class: Class, values: &[&str]) {
    let scanner = Scanner::default();
    let scanner = if class.by_default() {
        scanner
    } else {
        Scanner::new(Classes::NONE.with(class), &[]).unwrap()
    };
    for value in values {
        let expected = format!("see [REDACTED:{class}], thanks");
        assert_eq!(
            hidden(&scanner, &format!("see {value}, thanks")),
            expected,
            "{value}"
        );
    }
}

fn assert_none(class: Class, texts: &[&str]) {
    let scanner = Scanner::new(Classes::NONE.with(class), &[]).unwrap();
    for text in texts {
        assert_eq!(hidden(&scanner, text), *text);
    }
}

#[test]
fn cards() {
    assert_all(
        Class::CreditCard,
        &[
            "4000000000000002",
            "4000 0000 0000 0002",
            "4000-0000-0000-0002",
            "340000000000009",
            "3400 000000 00009",
        ],
    );
    assert_none(
        Class::CreditCard,
        &[
            "4000000000000003",
            "9000000000000001",
            "x4000000000000002",
            "0.4000000000000002",
            "1714979289123",
            "queryid 4000000000000000006",
            "1 4000 0000 0000 0002",
        ],
    );
    assert_eq!(all("card 4000000000000000006"), "card [REDACTED:credit_card]");
}

#[test]
fn accounts() {
    assert_all(
        Class::Iban,
        &[
            "GB33BUKB20201555555555",
            "GB33 BUKB 2020 1555 5555 55",
            "gb33bukb20201555555555",
        ],
    );
    assert_none(
        Class::Iban,
        &[
            "GB34BUKB20201555555555",
            "GB33BUKB2020155555555",
            "US33BUKB20201555555555",
            "Gb33BUKB20201555555555",
        ],
    );
}

#[test]
fn addresses_of_people() {
    assert_all(
        Class::Email,
        &[
            "jane@example.org",
            "o'neil@mail.example.co.uk",
            "j+tag@xn--bcher-kva.example",
            "a@b.xn--p1ai",
            "J_D@EXAMPLE.COM",
        ],
    );
    assert_none(
        Class::Email,
        &[
            "icon@2x.png",
            "react@18.2.0",
            "user@localhost",
            "git@github.com:a/b",
            "@example.org",
            "a@b.zz",
            "a@.com",
            "a.@b.com",
        ],
    );
    assert_eq!(all("x='jane@example.org'"), "x='[REDACTED:email]'");
    assert_eq!(all("jane@example.org."), "[REDACTED:email].");
    assert_eq!(
        all("\u{5199}jane@example.org\u{5199}"),
        "\u{5199}[REDACTED:email]\u{5199}"
    );
}

#[test]
fn addresses_of_machines() {
    assert_all(
        Class::IpAddress,
        &[
            "192.0.2.17",
            "192.0.2.0/24",
            "2001:db8::17",
            "2001:DB8:0:0:8:800:200C:417A",
            "fe80::17%eth0",
            "::1",
            "::ffff:192.0.2.17",
            "2001:db8::/32",
        ],
    );
    assert_none(
        Class::IpAddress,
        &[
            "1.2.3",
            "1.2.3.4.5",
            "256.1.1.1",
            "01.2.3.4",
            "version 10.4.32.1",
            "Name/118.0.0.0",
            "12:34:56",
            "2024-05-06 07:08:09.123",
            "a::text",
            "x::dec",
            "'1'::\"bit\"",
            "2024::dec",
            "std::dead",
            "? :: face",
            "00:00:5e:00:53:af",
        ],
    );
    assert_all(
        Class::MacAddress,
        &[
            "00:00:5e:00:53:af",
            "00-00-5E-00-53-AF",
            "0000.5e00.53af",
            "ac-de-48-00-11-22",
        ],
    );
    assert_none(
        Class::MacAddress,
        &[
            "00:00:00:00:00:00",
            "ff:ff:ff:ff:ff:ff",
            "00:00-5e:00:53:af",
            "00:00:5e:00:53",
            "00:00:5e:00:53:af:17",
        ],
    );
}

#[test]
fn telephones() {
    assert_all(
        Class::Phone,
        &[
            "+12125550147",
            "+1 (212) 555-0147",
            "+44 20 7946 0018",
            "+49 (0)30 1234567",
            "+33 1 70 18 99 17",
            "212-555-0147",
            "(212) 555-0147",
            "212.555.0147",
            "1-212-555-0147",
            "030/1234567",
            "01 70 18 99 17",
            "020 7946 0018",
            "0532 000 00 17",
            "(11) 98000-0017",
            "0049 30 1234567",
        ],
    );
    assert_none(
        Class::Phone,
        &[
            "2024-05-06 07:08:09",
            "1714979289",
            "1714979289123",
            "id 2125550147",
            "9125550147",
            "112-555-0147",
            "212-155-0147",
            "+1 112 555 0147",
            "550e8400-e29b-41d4-a716-446655440000",
            "cost=212.55..0147.22",
            "01-02-2024",
            "+0200",
            "lsn 0/16B3748",
            "212 555 0147 23",
        ],
    );
    assert_eq!(all("tel 2125550147"), "tel [REDACTED:phone]");
    assert_eq!(
        all("\"user_phone\": \"2125550147\""),
        "\"user_phone\": \"[REDACTED:phone]\""
    );
}

#[test]
fn numbers_of_authorities() {
    assert_all(Class::UsSsn, &["219-09-8765", "219 09 8765"]);
    assert_none(
        Class::UsSsn,
        &[
            "000-12-3456",
            "666-12-3456",
            "219-00-8765",
            "219-09-0000",
            "219-09.8765",
            "id 219098765",
        ],
    );
    assert_eq!(all("ssn 219098765"), "ssn [REDACTED:us_ssn]");
    assert_eq!(hidden(&Scanner::default(), "219098765"), "[REDACTED:us_ssn]");
    assert_eq!(
        hidden(&Scanner::default().whole_values(false), "219098765"),
        "219098765"
    );
    assert_all(Class::UsItin, &["900-70-1234"]);
    assert_none(Class::UsItin, &["900-66-1234", "800-70-1234"]);
    assert_all(
        Class::UkNino,
        &[
            "JG103759A",
            "JG 10 37 59 A",
            "jg 10 37 59 a",
            "JG 103759 A",
            "JG103759 A",
        ],
    );
    assert_none(Class::UkNino, &["GB103759A", "JG103759E", "QQ 10 37 59 A"]);
    assert_all(Class::UkNhs, &["987 654 3210", "987-654-3210"]);
    assert_none(Class::UkNhs, &["987 654 3211", "id 9876543210"]);
    assert_eq!(
        all("routing number 011000015"),
        "routing number [REDACTED:aba_routing]"
    );
    assert_eq!(
        all("passport no. A12345678"),
        "passport no. [REDACTED:us_passport]"
    );
    assert_eq!(
        all("driver's license: H12345678"),
        "driver's license: [REDACTED:us_driver_license]"
    );
    assert_eq!(
        all("bank account 12345678901"),
        "bank account [REDACTED:us_bank_number]"
    );
    assert_eq!(all("DEA AB1234563"), "DEA [REDACTED:medical_license]");
    assert_eq!(
        all("date of birth: 07/06/1985"),
        "date of birth: [REDACTED:date_of_birth]"
    );
    assert_eq!(all("paid 07/06/1985"), "paid 07/06/1985");
}

#[test]
fn keys_and_tokens() {
    let random = "q8r7w2z5t1m9k3x6v4b0n2c8q8r7w2z5t1m9";
    assert_all(
        Class::ApiKey,
        &[
            "AKIAQ2ZLMN7PX3RTYB5D",
            &format!("ghp_{random}"),
            &format!("npm_{random}"),
            &format!("glpat-{}", &random[..20]),
            &format!("sk_live_{}", &random[..24]),
            &format!("sk-proj-{random}"),
            &format!("xoxb-{}", &random[..24]),
        ],
    );
    assert_none(
        Class::ApiKey,
        &[
            "AKIAQ2ZLMN7PX3RTYB5DX",
            "ghp_short",
            "9f86d081884c7d659a2feaa0c55ad015",
            "\"Sort Key\": [\"a.b\"]",
            "primary key (order_id_of_the_customer_in_2024_and_later)",
            "sk-some-long-name-of-a-style-class-2",
            "token = ?",
        ],
    );
    for (text, expected) in [
        (
            "api_key=9f86d081884c7d659a2feaa0c55ad015",
            "api_key=[REDACTED:api_key]",
        ),
        (
            "Authorization: Bearer q8r7w2z5t1m9k3x6v4b0n2c8q8r7w2z5",
            "Authorization: Bearer [REDACTED:api_key]",
        ),
        (
            "aws_secret_access_key = c1B7/xQe09LmZt4uYw+Rk2sVhPd8oNaJfGiT5b3E",
            "aws_secret_access_key = [REDACTED:api_key]",
        ),
        ("eyJhbGciOiJIUzI1NiJ9.eyJhIjoxfQ.c2ln", "[REDACTED:jwt]"),
        ("eyJhIjoxfQ.eyJhIjoxfQ.c2ln", "eyJhIjoxfQ.eyJhIjoxfQ.c2ln"),
        (
            "k: -----BEGIN RSA PRIVATE KEY-----\\nMIIE+/=\\n-----END RSA PRIVATE KEY----- x",
            "k: [REDACTED:private_key] x",
        ),
        ("-----BEGIN PRIVATE KEY-----\nMIIEvQ", "[REDACTED:private_key]"),
        (
            "-----BEGIN CERTIFICATE-----\nMIIEvQ",
            "-----BEGIN CERTIFICATE-----\nMIIEvQ",
        ),
        (
            "postgres://app:s3cr3t@db.example.org:5432/x",
            "postgres://[REDACTED:url_with_credentials]@db.example.org:5432/x",
        ),
        ("https://example.org:8080/a@b", "https://example.org:8080/a@b"),
    ] {
        assert_eq!(hidden(&Scanner::default(), text), expected);
    }
}

#[test]
fn wallets() {
    assert_all(
        Class::Crypto,
        &[
            "18oKZMzJJgh4BQgmVGJWV5DNkkTRbCLLZs",
            "39VLUuUjrb1SGaPCcMy6uhaJuGk9AWVJgY",
            "bc1q2k9cry3y3u7ejm28qv7rrjthevwhp0yzlfuvrw",
            "bc1p2k9cry3y3u7ejm28qv7rrjthevwhp0yzmz3q4h26glrczgru72qqa0pp5y",
        ],
    );
    assert_none(
        Class::Crypto,
        &[
            "18oKZMzJJgh4BQgmVGJWV5DNkkTRbCLLZz",
            "bc1q2k9cry3y3u7ejm28qv7rrjthevwhp0yzlfuvrq",
            "3kVbq7RtXw2NfZp9LsGmYd4HcJuE6AaTnS",
        ],
    );
}

#[test]
fn passwords() {
    for (text, expected) in [
        (
            "host=db password=hunter2 user=a",
            "host=db password=[REDACTED:password_assignment] user=a",
        ),
        (
            "ALTER ROLE a PASSWORD 'it''s'",
            "ALTER ROLE a PASSWORD '[REDACTED:password_assignment]'",
        ),
        (
            "CREATE USER a IDENTIFIED BY 'x9!'",
            "CREATE USER a IDENTIFIED BY '[REDACTED:password_assignment]'",
        ),
        (
            "{\"db_password\": \"x y\"}",
            "{\"db_password\": \"[REDACTED:password_assignment]\"}",
        ),
        (
            "{\\\"password\\\": \\\"xy\\\"}",
            "{\\\"password\\\": \\\"[REDACTED:password_assignment]\\\"}",
        ),
        ("pwd=hunter2;", "pwd=[REDACTED:password_assignment];"),
    ] {
        assert_eq!(hidden(&Scanner::default(), text), expected);
    }
    assert_none(
        Class::PasswordAssignment,
        &[
            "WHERE password = ?",
            "WHERE u.password = $1",
            "SET password=:new_password",
            "SET password=excluded.password",
            "password = crypt(?, ?)",
            "FATAL: password authentication failed for user \"a\"",
            "ORDER BY 'x'",
            "\"password\": null",
            "password=***",
            "PWD=/home/a",
            "SELECT password, name FROM users",
        ],
    );
}

//! The texts of statements: how faults are told, and that the documentation's examples can be read.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ringwatch_parse::expr::{Context, Statement, function_table, functions};

#[test]
fn faults_name_the_character_and_what_to_write() {
    for (statement, character, part) in [
        ("", 1, "begins with an editor"),
        ("body", 1, "no editor"),
        ("sett(body, 1)", 1, "is `set` meant?"),
        ("Len(body)", 1, "changes nothing"),
        ("set(body)", 1, "lacks its `value`"),
        ("set(1, 2)", 5, "can be written"),
        ("set(attributes, {})", 5, "needs a key"),
        ("set(resource.attributes, {})", 5, "merge_maps"),
        ("set(time_unix_nano, 1)", 5, "cannot be set"),
        ("set(body, nil)", 11, "delete_key"),
        ("set(body, [1])", 11, "no column holds a list"),
        ("set(body, Split(body, ','))", 11, "no column holds a list"),
        ("set(metric.name, 'x')", 5, "only when they are exported"),
        (
            "set(datapoint.attributes['x'], 1)",
            5,
            "not there in the context `log`",
        ),
        ("set(resource.attributes['x'], body)", 1, "one for all rows"),
        (
            "set(resource.attributes['x'], 1) where body == 'x'",
            1,
            "one for all rows",
        ),
        ("replace_pattern(body, '(', 'x')", 23, "regular expression"),
        ("replace_pattern(body, 'a', body)", 28, "a literal text"),
        ("replace_pattern(body, 'a', 'b', Len)", 33, "a text of a text"),
        ("replace_pattern(body, 'a', 'b', SHA256, 'x')", 41, "one `%s`"),
        ("replace_all_patterns(attributes, 'keys', 'a', 'b')", 34, "one of"),
        (
            "replace_all_patterns(attributes, 'key', 'a', 'b') where pid == 1",
            1,
            "takes no `where`",
        ),
        ("keep_keys(body, ['a'])", 11, "`attributes` or"),
        ("limit(attributes, 1, ['a', 'b'])", 1, "more priority keys"),
        ("truncate_all(attributes, -1)", 26, "not negative"),
        (
            "merge_maps(attributes, attributes, 'insert')",
            24,
            "merged into another",
        ),
        ("set(body, 'x') where", 21, "a value was expected"),
        ("set(body, 'x') when pid == 1", 16, "the end was expected"),
    ] {
        let error = Statement::parse(statement, Context::Log).expect_err(statement);
        assert!(error.message.contains(part), "{statement}: {error}");
        assert_eq!(error.character, character, "{statement}: {error}");
    }
}

#[test]
fn every_example_of_an_editor_can_be_read() {
    for doc in functions().filter(|doc| doc.is_editor() || doc.example.contains("Now()")) {
        let text = if doc.example.starts_with(doc.name) && !doc.is_editor() {
            format!("set(attributes[\"x\"], {})", doc.example)
        } else {
            doc.example.to_owned()
        };
        let read = Statement::parse(&text, Context::Log);
        assert!(read.is_ok(), "{}: {read:?}", doc.name);
    }
}

#[test]
fn every_function_has_its_line_in_the_reference() {
    let table = function_table();
    for doc in functions() {
        assert!(
            table.contains(&format!("| `{}` |", doc.signature())),
            "{}",
            doc.name
        );
    }
    let lines = table.lines().filter(|line| line.starts_with("| `"));
    assert_eq!(lines.count(), functions().count());
}

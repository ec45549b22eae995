//! Statements on rows: what the editors do, and how faults in their text are told.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use arrow_array::RecordBatch;
use ringwatch_frame::{Cell, ColumnType, Columns, Resource, Role, Tick, Value, role_of};
use ringwatch_parse::expr::{Applied, Context, Faults, MAX_TEXT, NoPlaces, Place, Places, Program};

use Cell::{Int, Null, Text};

/// Says that body and severity are columns, and what the attributes are.
struct Projection;

impl Places for Projection {
    fn column(&self, place: Place<'_>) -> Option<Arc<str>> {
        match place {
            Place::Body => Some("query".into()),
            Place::SeverityText => Some("state".into()),
            Place::Attribute("db.user") => Some("usename".into()),
            Place::Attribute("pid") => Some("pid".into()),
            _ => None,
        }
    }

    fn attributes(&self) -> Vec<(Arc<str>, Arc<str>)> {
        [("db.user", "usename"), ("pid", "pid"), ("gone", "gone")]
            .map(|(a, b)| (a.into(), b.into()))
            .into()
    }
}

fn rows() -> RecordBatch {
    let mut columns = Columns::new([
        ("query", ColumnType::Text),
        ("state", ColumnType::Text),
        ("usename", ColumnType::Text),
        ("pid", ColumnType::Int),
    ]);
    for row in [
        [
            Text("SELECT 'x' FROM t WHERE a IN (1, 22)"),
            Text("active"),
            Text("alice"),
            Int(100),
        ],
        [Text("UPDATE t SET n = 12345"), Text("idle"), Text("bob"), Int(2)],
        [Null, Null, Null, Null],
    ] {
        columns.push(&row).unwrap();
    }
    columns.finish().unwrap()
}

fn resource() -> Arc<Resource> {
    let mut resource = Resource::default();
    resource.set("host", Value::from("db-17"));
    resource.set("port", Value::Int(5432));
    Arc::new(resource)
}

fn run(context: Context, statements: &[&str]) -> (Applied, Faults) {
    let mut program = Program::default();
    program
        .add(context, &[], statements)
        .unwrap_or_else(|error| panic!("{error}"));
    let mut faults = Faults::default();
    let now = Tick::from_unix_nanos(7_000_000_000);
    // twice, so that what is remembered is used
    for _ in 0..2 {
        faults = Faults::default();
        program
            .apply(&rows(), &resource(), &Projection, now, &mut faults)
            .unwrap();
    }
    let applied = program
        .apply(&rows(), &resource(), &Projection, now, &mut Faults::default())
        .unwrap();
    (applied, faults)
}

/// A column of the rows after one statement, as text.
fn column(batch: &RecordBatch, name: &str) -> Vec<Option<String>> {
    let Some(column) = batch.column_by_name(name) else {
        return Vec::new();
    };
    let texts = ringwatch_parse::expr::texts_of(column).unwrap();
    let texts = arrow_array::cast::AsArray::as_dictionary::<arrow_array::types::Int32Type>(&texts)
        .downcast_dict::<arrow_array::StringArray>()
        .unwrap();
    texts.into_iter().map(|text| text.map(str::to_owned)).collect()
}

fn check(statement: &str, name: &str, expected: &[Option<&str>]) {
    let (applied, faults) = run(Context::Log, &[statement]);
    let expected: Vec<_> = expected.iter().map(|text| text.map(str::to_owned)).collect();
    assert_eq!(column(&applied.rows, name), expected, "{statement}");
    assert!(faults.is_empty(), "{statement}: {faults:?}");
}

#[test]
fn severity_of_the_reference_configuration() {
    let (applied, faults) = run(
        Context::Log,
        &[
            r#"set(severity_number, 1) where severity_text == "idle""#,
            r#"set(severity_number, 9) where severity_text == "active""#,
            r#"set(severity_number, 17) where severity_text == "idle in transaction""#,
        ],
    );
    assert!(faults.is_empty());
    assert_eq!(
        column(&applied.rows, "severity_number"),
        [Some("9".into()), Some("1".into()), None]
    );
    let schema = applied.rows.schema();
    let field = schema.field_with_name("severity_number").unwrap();
    assert_eq!(role_of(field), Some(Role::SeverityNumber));
    assert_eq!(*field.data_type(), ColumnType::Int.data_type());
}

#[test]
fn texts_of_the_reference_configuration() {
    let statements = [
        r#"replace_pattern(attributes["db.query.normalized"], "('[^']*')", "'?'")"#,
        r#"replace_pattern(attributes["db.query.normalized"], "(\\d{3,})", "?")"#,
        r#"replace_pattern(attributes["db.query.normalized"], "IN\\s*\\([^)]+\\)", "IN (?)")"#,
    ];
    let mut all = vec![r#"set(attributes["db.query.normalized"], query)"#];
    all.extend(statements);
    let (applied, faults) = run(Context::Datapoint, &all);
    assert!(faults.is_empty());
    let expected = [
        Some("SELECT '?' FROM t WHERE a IN (?)".into()),
        Some("UPDATE t SET n = ?".into()),
        None,
    ];
    assert_eq!(column(&applied.rows, "db.query.normalized"), expected);
    assert_eq!(
        column(&applied.rows, "query"),
        column(&rows(), "query"),
        "the source stays"
    );
}

#[test]
fn values_are_set() {
    let bob = Some("bob");
    for (statement, name, expected) in [
        (r#"set(attributes["db.user"], "x")"#, "usename", [Some("x"); 3]),
        (
            r#"set(attributes["db.user"], "x") where pid > 5"#,
            "usename",
            [Some("x"), bob, None],
        ),
        (
            r#"set(attributes["db.user"], pid) where pid > 5"#,
            "usename",
            [Some("100"), bob, None],
        ),
        (
            r#"set(attributes["pid"], pid * 2)"#,
            "pid",
            [Some("200"), Some("4"), None],
        ),
        (
            r#"set(attributes["new"], Concat([usename, pid], ":")) where pid != nil"#,
            "new",
            [Some("alice:100"), Some("bob:2"), None],
        ),
        (
            r#"set(attributes["new"], resource.attributes["host"])"#,
            "new",
            [Some("db-17"); 3],
        ),
        (
            r#"set(attributes["new"], UnixSeconds(Now()))"#,
            "new",
            [Some("7"); 3],
        ),
        (
            r#"set(attributes["new"], ParseJSON("{\"a\": [1, 2]}")["a"][1])"#,
            "new",
            [Some("2"); 3],
        ),
        (
            r#"set(log.body, "gone") where severity_text == "idle""#,
            "body",
            [Some("SELECT 'x' FROM t WHERE a IN (1, 22)"), Some("gone"), None],
        ),
    ] {
        check(statement, name, &expected);
    }
}

#[test]
fn rewrites_of_one_path() {
    let (alice, bob) = (Some("alice"), Some("bob"));
    for (statement, name, expected) in [
        (
            r#"replace_pattern(usename, "ali(.)", "$1", Hex, "<%s>")"#,
            "usename",
            [Some("<63>e"), bob, None],
        ),
        (
            r#"replace_pattern(usename, "l(.)c", "<$1>$$")"#,
            "usename",
            [Some("a<i>$e"), bob, None],
        ),
        (
            r#"replace_pattern(usename, "b(?P<mid>.)b", "${mid}") where pid == 2"#,
            "usename",
            [alice, Some("o"), None],
        ),
        (
            r#"replace_match(usename, "a*e", "A")"#,
            "usename",
            [Some("A"), bob, None],
        ),
        (
            r#"replace_match(usename, "[a-b]ob", "B$1")"#,
            "usename",
            [alice, Some("B$1"), None],
        ),
        (
            r#"replace_pattern(pid, "1", "x")"#,
            "pid",
            [Some("100"), Some("2"), None],
        ),
    ] {
        check(statement, name, &expected);
    }
}

#[test]
fn editors_of_all_attributes() {
    let (alice, bob) = (Some("alice"), Some("bob"));
    for (statement, name, expected) in [
        (r#"delete_key(attributes, "db.user")"#, "usename", &[][..]),
        (
            r#"delete_key(attributes, "db.user") where pid == 2"#,
            "usename",
            &[alice, None, None],
        ),
        (r#"delete_matching_keys(attributes, "^db")"#, "usename", &[]),
        (r#"keep_matching_keys(attributes, "^db")"#, "pid", &[]),
        (r#"keep_keys(attributes, ["pid"])"#, "usename", &[]),
        (
            r#"keep_keys(attributes, ["pid"])"#,
            "query",
            &[
                Some("SELECT 'x' FROM t WHERE a IN (1, 22)"),
                Some("UPDATE t SET n = 12345"),
                None,
            ],
        ),
        (
            r#"truncate_all(attributes, 2)"#,
            "usename",
            &[Some("al"), Some("bo"), None],
        ),
        (
            r#"replace_all_patterns(attributes, "value", "o", "0")"#,
            "usename",
            &[alice, Some("b0b"), None],
        ),
        (
            r#"replace_all_patterns(attributes, "key", "^db[.]", "")"#,
            "user",
            &[alice, bob, None],
        ),
        (
            r#"replace_all_matches(attributes, "b*", "x")"#,
            "usename",
            &[alice, Some("x"), None],
        ),
        (
            r#"limit(attributes, 1, ["pid"])"#,
            "pid",
            &[Some("100"), Some("2"), None],
        ),
        (r#"limit(attributes, 1, ["pid"])"#, "usename", &[None, None, None]),
        (
            r#"merge_maps(attributes, {"db.user": "x", "n": pid}, "insert")"#,
            "usename",
            &[alice, bob, Some("x")],
        ),
        (
            r#"merge_maps(attributes, {"db.user": "x", "n": pid}, "update")"#,
            "usename",
            &[Some("x"), Some("x"), None],
        ),
        (
            r#"merge_maps(attributes, {"db.user": "x", "n": pid}, "upsert")"#,
            "n",
            &[Some("100"), Some("2"), None],
        ),
        (
            r#"merge_maps(attributes, resource.attributes, "insert")"#,
            "port",
            &[Some("5432"); 3],
        ),
    ] {
        check(statement, name, expected);
    }
}

#[test]
fn editors_of_the_resource() {
    let value = |text: &str| Some(Value::from(text));
    for (statement, key, expected) in [
        (r#"set(resource.attributes["env"], "prod")"#, "env", value("prod")),
        (
            r#"set(resource.attributes["env"], "prod") where resource.attributes["port"] == 1"#,
            "env",
            None,
        ),
        (
            r#"replace_pattern(resource.attributes["host"], "\\d+", "N")"#,
            "host",
            value("db-N"),
        ),
        (r#"delete_key(resource.attributes, "host")"#, "host", None),
        (r#"keep_keys(resource.attributes, ["port"])"#, "host", None),
        (r#"truncate_all(resource.attributes, 2)"#, "host", value("db")),
        (r#"limit(resource.attributes, 1, ["port"])"#, "host", None),
        (
            r#"merge_maps(resource.attributes, {"host": "x", "zone": "a"}, "insert")"#,
            "zone",
            value("a"),
        ),
        (
            r#"replace_all_patterns(resource.attributes, "key", "^h", "H")"#,
            "Host",
            value("db-17"),
        ),
    ] {
        for context in [Context::Log, Context::Datapoint, Context::Resource] {
            let (applied, faults) = run(context, &[statement]);
            let resource = applied.resource.unwrap_or_else(|| (*resource()).clone());
            assert_eq!(resource.get(key), expected.as_ref(), "{statement}");
            assert!(faults.is_empty() && !applied.is_changed, "{statement}");
        }
    }
    let (applied, _) = run(
        Context::Resource,
        &[r#"set(attributes["x"], Len(attributes["host"]))"#],
    );
    assert_eq!(applied.resource.unwrap().get("x"), Some(&Value::Int(5)));
}

#[test]
fn conditions_of_a_group_choose_rows() {
    let mut program = Program::default();
    let conditions = [r#"severity_text == "idle""#, "pid == nil"];
    program
        .add(Context::Log, &conditions, &[r#"set(attributes["x"], 1)"#])
        .unwrap();
    let applied = program
        .apply(
            &rows(),
            &resource(),
            &Projection,
            Tick::from_unix_nanos(0),
            &mut Faults::default(),
        )
        .unwrap();
    assert_eq!(
        column(&applied.rows, "x"),
        [None, Some("1".into()), Some("1".into())]
    );
    let error = program
        .add(
            Context::Log,
            &conditions,
            &[r#"set(resource.attributes["x"], 1)"#],
        )
        .unwrap_err();
    assert!(error.to_string().contains("a group of its own"), "{error}");
}

#[test]
fn what_cannot_be_carried_out_leaves_the_row_and_is_told_with_its_statement() {
    for (statement, part) in [
        (
            r#"set(attributes["x"], query - 1)"#,
            "a text cannot be calculated with a whole number",
        ),
        (
            r#"set(attributes["x"], ParseJSON(query))"#,
            "`ParseJSON`: the text is no JSON",
        ),
        (
            r#"set(attributes["x"], ParseJSON("[1]"))"#,
            "no column holds a list or map",
        ),
        (
            r#"merge_maps(attributes, ParseJSON("[1]"), "insert")"#,
            "a list is no map",
        ),
        (
            r#"set(attributes["x"], 1) where query == 2"#,
            "a text cannot be compared",
        ),
    ] {
        let (applied, faults) = run(Context::Log, &[statement]);
        assert_eq!(applied.rows.num_columns(), rows().num_columns(), "{statement}");
        let first = faults.first().unwrap_or_default();
        assert!(
            first.starts_with(&format!("`{statement}`: ")) && first.contains(part),
            "{first}"
        );
    }
}

#[test]
fn statements_without_effect_leave_the_rows_untouched() {
    for statement in [
        r#"set(attributes["x"], absent)"#,
        r#"set(attributes["x"], 1) where pid == 77"#,
        r#"replace_pattern(absent, "a", "b")"#,
        r#"replace_pattern(query, "zzz", "b")"#,
        r#"delete_key(attributes, "absent")"#,
    ] {
        let (applied, faults) = run(Context::Log, &[statement]);
        assert!(
            !applied.is_changed && applied.resource.is_none() && faults.is_empty(),
            "{statement}"
        );
        assert_eq!(applied.rows, rows());
    }
}

#[test]
fn a_slice_of_a_large_dictionary_is_rewritten() {
    let mut columns = Columns::new([("q", ColumnType::Text)]);
    for n in 0..50 {
        columns.push(&[Text(&format!("q{n}"))]).unwrap();
    }
    let rows = columns.finish().unwrap().slice(40, 3);
    let mut program = Program::default();
    program
        .add(Context::Log, &[], &[r#"replace_pattern(q, "q", "r")"#])
        .unwrap();
    let none = Resource::default();
    let applied = program
        .apply(
            &rows,
            &none,
            &NoPlaces,
            Tick::from_unix_nanos(0),
            &mut Faults::default(),
        )
        .unwrap();
    assert_eq!(
        column(&applied.rows, "q"),
        ["r40", "r41", "r42"].map(|text| Some(text.to_owned()))
    );
}

#[test]
fn texts_do_not_grow_without_end() {
    let mut program = Program::default();
    let mut statements = vec![r#"set(attributes["x"], "0123456789abcdef")"#];
    statements.resize(
        40,
        r#"set(attributes["x"], Concat([attributes["x"], attributes["x"]], ""))"#,
    );
    statements.resize(80, r#"replace_pattern(attributes["x"], "", "0123456789abcdef")"#);
    program.add(Context::Log, &[], &statements).unwrap();
    let mut faults = Faults::default();
    let now = Tick::from_unix_nanos(0);
    let applied = program
        .apply(&rows(), &resource(), &Projection, now, &mut faults)
        .unwrap();
    let longest = column(&applied.rows, "x")
        .into_iter()
        .flatten()
        .map(|text| text.len())
        .max();
    assert_eq!(longest, Some(MAX_TEXT));
    assert!(
        faults
            .first()
            .unwrap()
            .ends_with("`Concat`: the text would be too long"),
        "{faults:?}"
    );
}

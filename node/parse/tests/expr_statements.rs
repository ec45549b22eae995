//! Statements on rows: what the editors do, and how faults in their text are told.

use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_buffer::BooleanBuffer;
use ringwatch_frame::{Cell, ColumnType, Columns, Resource, Role, Tick, Value, role_of};
use ringwatch_parse::expr::{
    Applied, Context, Faults, NoPlaces, PathRef, Place, Places, Program, Statement, Table, blend, functions,
};

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
fn editors_of_one_path() {
    let (alice, bob) = (Some("alice"), Some("bob"));
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
            r#"replace_pattern(usename, "ali", "$0", XXH3, "<%s>")"#,
            "usename",
            [Some("<3f24ef4a7d8f7c51>ce"), bob, None],
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
        if statement.contains("XXH3") {
            let (applied, _) = run(Context::Log, &[statement]);
            let text = column(&applied.rows, name)[0].clone().unwrap();
            assert!(
                text.starts_with('<') && text.ends_with(">ce") && text.len() == 20,
                "{text}"
            );
            continue;
        }
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
fn columns_of_two_types_become_text() {
    let ints = column_of(ColumnType::Int, &[Int(1), Null, Int(3)]);
    let texts = column_of(ColumnType::Text, &[Text("a"), Text("b"), Null]);
    let take = BooleanBuffer::from(vec![false, true, true]);
    let mixed = blend(&take, &texts, &ints).unwrap();
    assert_eq!(
        &*mixed,
        &*column_of(ColumnType::Text, &[Text("1"), Text("b"), Null])
    );
    let same = blend(&take, &texts, &texts).unwrap();
    assert_eq!(&*same, &*texts);
    assert!(blend(&BooleanBuffer::new_set(2), &texts, &ints).is_err());
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
fn an_empty_frame_and_one_without_columns_are_left_in_peace() {
    let table = Table::new(&rows().slice(0, 0), &NoPlaces)
        .finish(&rows().slice(0, 0))
        .unwrap();
    assert_eq!(table.num_rows(), 0);
    let mut program = Program::default();
    program
        .add(
            Context::Log,
            &[],
            &["set(body, 'x')", "keep_keys(attributes, [])"],
        )
        .unwrap();
    let none = rows().slice(0, 0).project(&[]).unwrap();
    let applied = program
        .apply(
            &none,
            &resource(),
            &Projection,
            Tick::from_unix_nanos(0),
            &mut Faults::default(),
        )
        .unwrap();
    assert_eq!(applied.rows.num_rows(), 0);
    let names = Statement::parse("set(body, usename)", Context::Log).unwrap();
    assert_eq!(names.names(), [&PathRef::Body, &PathRef::Name("usename".into())]);
}

fn column_of(kind: ColumnType, cells: &[Cell<'_>]) -> arrow_array::ArrayRef {
    let mut columns = Columns::new([("c", kind)]);
    cells.iter().for_each(|cell| columns.push(&[*cell]).unwrap());
    Arc::clone(columns.finish().unwrap().column(0))
}

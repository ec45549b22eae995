//! Conditions on rows: what they mean, and how faults in their text are told.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::sync::Arc;

use arrow_array::{Array, RecordBatch};
use ringwatch_frame::{Cell, ColumnType, Columns, Resource, Value};
use ringwatch_parse::expr::{
    Condition, Faults, Literal, MAX_DEPTH, MAX_LENGTH, NoPlaces, Operator, PathRef, Place, Places, functions,
};

/// Four rows of statements.
fn rows() -> RecordBatch {
    use Cell::{Bool, Double, Int, Null, Text, Time};
    let mut columns = Columns::new([
        ("query", ColumnType::Text),
        ("calls", ColumnType::Int),
        ("mean_exec_time", ColumnType::Double),
        ("toplevel", ColumnType::Bool),
        ("started", ColumnType::Time),
        ("state", ColumnType::Text),
    ]);
    for row in [
        [
            Text("SELECT 1"),
            Int(10),
            Double(1500.0),
            Bool(true),
            Time(1_000_000_000),
            Text("active"),
        ],
        [
            Text("UPDATE t"),
            Int(0),
            Double(5.0),
            Bool(false),
            Time(2_000_000_000),
            Text("idle"),
        ],
        [Null, Null, Null, Null, Null, Null],
        [
            Text("SELECT 1"),
            Int(-3),
            Double(150.0),
            Bool(true),
            Time(3_000_000_000),
            Text("{\"a\": {\"b\": 7}}"),
        ],
    ] {
        columns.push(&row).unwrap();
    }
    columns.finish().unwrap()
}

fn resource() -> Resource {
    let mut resource = Resource::default();
    resource.set("db.system", Value::from("postgresql"));
    resource.set("replicas", Value::Int(2));
    resource
}

/// Says that severity and attribute `db.query.text` are columns.
struct Projection;

impl Places for Projection {
    fn column(&self, place: Place<'_>) -> Option<Arc<str>> {
        match place {
            Place::SeverityText => Some("state".into()),
            Place::Attribute("db.query.text") => Some("query".into()),
            Place::Timestamp => Some("started".into()),
            _ => None,
        }
    }
}

/// The numbers of the rows for which `text` holds, and the number of faults.
fn holds(text: &str) -> (Vec<usize>, u64) {
    let condition = Condition::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
    let rows = rows();
    let bound = condition.bind(&rows.schema(), &Projection);
    let mut faults = Faults::default();
    let mask = bound.mask_noting(&rows, &resource(), &mut faults).unwrap();
    assert_eq!(mask.null_count(), 0, "{text}");
    (
        (0..rows.num_rows()).filter(|row| mask.value(*row)).collect(),
        faults.count(),
    )
}

#[test]
fn conditions_of_the_reference_configuration() {
    for (text, expected) in [
        ("severity_number >= 13", vec![]),
        ("mean_exec_time > 1000", vec![0]),
        ("mean_exec_time > 100", vec![0, 3]),
        ("cpu_time > 500", vec![]),
        ("(blk_read_time + blk_write_time) > 100", vec![]),
        ("severity == 'active'", vec![0]),
        ("mean_exec_time < 10", vec![1]),
    ] {
        assert_eq!(holds(text), (expected, 0), "{text}");
    }
}

#[test]
fn values_are_compared_and_calculated_with() {
    for (text, expected) in [
        ("calls == 10.0", vec![0]),
        ("calls != 10", vec![1, 3]),
        ("10 > calls", vec![1, 3]),
        ("calls <= -3", vec![3]),
        ("calls / 4 == 2", vec![0]),
        ("calls / 4.0 == 2.5", vec![0]),
        ("10 / calls == 1", vec![0]),
        ("1.0 / calls >= 0 or 1.0 / calls < 0", vec![0, 3]),
        ("calls * 9223372036854775807 > 0", vec![]),
        ("calls + 2 * 3 - 1 == 15", vec![0]),
        ("-calls == 3", vec![3]),
        ("mean_exec_time * calls > 1e4", vec![0]),
        ("query < 'T'", vec![0, 3]),
        ("query == state", vec![]),
        ("toplevel", vec![0, 3]),
        ("not toplevel", vec![1, 2]),
        ("toplevel == false", vec![1]),
        ("time_unix_nano == 2000000000", vec![1]),
        ("started > Unix(1)", vec![1, 3]),
        ("started - Unix(1) == 1000000000", vec![1]),
        ("UnixSeconds(started) == 3", vec![3]),
        ("calls > 0 == true", vec![0]),
    ] {
        assert_eq!(holds(text), (expected, 0), "{text}");
    }
}

#[test]
fn null_compares_with_nothing_and_is_found_by_nil() {
    for (text, expected) in [
        ("calls == nil", vec![2]),
        ("nil != calls", vec![0, 1, 3]),
        ("absent == nil", vec![0, 1, 2, 3]),
        ("absent == 1 or absent != 1 or absent > 1", vec![]),
        ("not (absent == 1)", vec![0, 1, 2, 3]),
        ("calls != calls", vec![]),
        ("attributes[\"calls\"] > 0", vec![0]),
        ("attributes[\"db.query.text\"] contains \"SELECT\"", vec![0, 3]),
        (
            "resource.attributes[\"replicas\"] == 2 and db_system == nil",
            vec![0, 1, 2, 3],
        ),
        ("replicas + calls == 12", vec![0]),
    ] {
        assert_eq!(holds(text), (expected, 0), "{text}");
    }
}

#[test]
fn precedence_is_that_of_the_language() {
    for (text, same) in [
        ("not toplevel and calls == 0", "(not toplevel) and (calls == 0)"),
        ("not calls == 0", "not (calls == 0)"),
        (
            "toplevel or calls == 0 and calls == 1",
            "toplevel or (calls == 0 and calls == 1)",
        ),
        ("calls - 1 - 1 == 8", "(calls - 1) - 1 == 8"),
        ("calls not in [0, 10]", "not (calls == 0 or calls == 10)"),
        (
            "query matches \"^SEL\" and calls > 1",
            "IsMatch(query, '^SEL') and (calls > 1)",
        ),
    ] {
        assert_eq!(holds(text), holds(same), "{text}");
    }
    assert_eq!(holds("calls - 1 - 1 == 8").0, [0]);
    assert_eq!(holds("state in ['idle', 'active']").0, [0, 1]);
}

#[test]
fn functions_give_values() {
    for (text, expected) in [
        ("Len(query) == 8", vec![0, 1, 3]),
        ("Len('\u{e4}\u{f6}') == 2", vec![0, 1, 2, 3]),
        ("Split(query, ' ')[1] == 't'", vec![1]),
        ("Split(query, ' ')[9] == nil", vec![0, 1, 2, 3]),
        ("Concat([state, calls], '/') == 'idle/0'", vec![1]),
        ("Concat([state, nil], '-') == '-'", vec![2]),
        (
            "ConvertCase('WalSenderMain', 'snake') == 'wal_sender_main'",
            vec![0, 1, 2, 3],
        ),
        (
            "ConvertCase('wal_sender-main', 'camel') == 'WalSenderMain'",
            vec![0, 1, 2, 3],
        ),
        ("Substring(query, 7, 100) == '1'", vec![0, 3]),
        ("Substring(query, 0, 2) == 'UP'", vec![1]),
        (
            "Trim('  a ') == 'a' and Trim('--a-', '-') == 'a'",
            vec![0, 1, 2, 3],
        ),
        ("TrimPrefix(query, 'SELECT ') == '1'", vec![0, 3]),
        ("HasSuffix(query, 't') and HasPrefix(query, 'U')", vec![1]),
        ("Index(query, '1') == 7", vec![0, 3]),
        ("Index('abc', 'x') == -1", vec![0, 1, 2, 3]),
        (
            "Int('12') == 12 and Int(3.9) == 3 and Int('x') == nil",
            vec![0, 1, 2, 3],
        ),
        (
            "Double('2.5') == 2.5 and Bool('t') and not Bool(0)",
            vec![0, 1, 2, 3],
        ),
        ("String(calls) == '10'", vec![0]),
        (
            "IsInt(calls) and IsDouble(mean_exec_time) and IsString(query) and IsBool(toplevel)",
            vec![0, 1, 3],
        ),
        ("Coalesce(calls, 77) == 77", vec![2]),
        ("Coalesce(absent, nil, replicas) == 2", vec![0, 1, 2, 3]),
        (
            "Abs(calls) == 3 and Round(1.5) == 2 and Floor(1.9) == 1 and Ceil(1.1) == 2",
            vec![3],
        ),
        (
            "SHA256('abc') == 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad'",
            vec![0, 1, 2, 3],
        ),
        (
            "XXH3('') == '2d06800538d394c2' and FNV('a') == -5808590958014384194",
            vec![0, 1, 2, 3],
        ),
        (
            "Hex(255) == '00000000000000ff' and Hex('AB') == '4142'",
            vec![0, 1, 2, 3],
        ),
        (
            "SEVERITY_NUMBER_INFO == 9 and SEVERITY_NUMBER_FATAL4 == 24",
            vec![0, 1, 2, 3],
        ),
        ("Trim(target = query, cutset = 'SELCT ') == '1'", vec![0, 3]),
    ] {
        assert_eq!(holds(text), (expected, 0), "{text}");
    }
}

#[test]
fn functions_take_and_give_lists_and_maps() {
    for (text, expected) in [
        ("{'a': calls}['a'] == 10", vec![0]),
        (
            "Len(resource.attributes) == 2 and IsMap(resource.attributes)",
            vec![0, 1, 2, 3],
        ),
        ("ContainsValue(Split('a,b', ','), 'b')", vec![0, 1, 2, 3]),
    ] {
        assert_eq!(holds(text), (expected, 0), "{text}");
    }
    // two texts are no JSON: each is a fault once
    assert_eq!(holds("ParseJSON(state)['a']['b'] == 7"), (vec![3], 2));
}

#[test]
fn what_cannot_be_compared_is_false_and_noted_once() {
    for text in [
        "query == 5",
        "query > calls",
        "toplevel < 'x'",
        "query != 5",
        "state",
        "query + 1 == 2",
    ] {
        let (rows, faults) = holds(text);
        assert_eq!((rows.len(), faults), (0, 1), "{text}");
    }
}

#[test]
fn conditions_in_parts() {
    let rows = rows();
    for (attribute, operator, value, expected) in [
        ("calls", Operator::Eq, Some(Literal::Int(10)), vec![0]),
        ("calls", Operator::Ne, Some(Literal::Double(10.0)), vec![1, 3]),
        ("calls", Operator::Gt, Some(Literal::Int(0)), vec![0]),
        ("calls", Operator::Gte, Some(Literal::Int(0)), vec![0, 1]),
        ("calls", Operator::Lt, Some(Literal::Int(0)), vec![3]),
        ("calls", Operator::Lte, Some(Literal::Int(0)), vec![1, 3]),
        (
            "query",
            Operator::Contains,
            Some(Literal::Text("LECT".into())),
            vec![0, 3],
        ),
        (
            "query",
            Operator::Matches,
            Some(Literal::Text("^U".into())),
            vec![1],
        ),
        ("query", Operator::Exists, None, vec![0, 1, 3]),
        (
            "db.system",
            Operator::Eq,
            Some(Literal::Text("postgresql".into())),
            vec![0, 1, 2, 3],
        ),
        ("toplevel", Operator::Eq, Some(Literal::Bool(true)), vec![0, 3]),
    ] {
        let condition = Condition::compare(attribute, operator, value).unwrap();
        let mask = condition
            .bind(&rows.schema(), &NoPlaces)
            .mask(&rows, &resource())
            .unwrap();
        let found: Vec<_> = (0..4).filter(|row| mask.value(*row)).collect();
        assert_eq!(found, expected, "{condition:?}");
    }
    for (operator, value) in [
        (Operator::Exists, Some(Literal::Int(1))),
        (Operator::Eq, None),
        (Operator::Contains, Some(Literal::Int(1))),
        (Operator::Matches, Some(Literal::Text("(".into()))),
    ] {
        assert!(Condition::compare("a", operator, value).is_err(), "{operator}");
    }
}

#[test]
fn conditions_are_joined() {
    let both = Condition::and(vec![
        Condition::parse("calls > -10").unwrap(),
        Condition::parse("query == 'SELECT 1' and mean_exec_time < 1000").unwrap(),
    ]);
    let rows = rows();
    let mask = both
        .bind(&rows.schema(), &NoPlaces)
        .mask(&rows, &resource())
        .unwrap();
    assert_eq!((0..4).filter(|row| mask.value(*row)).collect::<Vec<_>>(), [3]);
    let names: Vec<_> = both.names().into_iter().map(PathRef::to_string).collect();
    assert_eq!(names, ["calls", "query", "mean_exec_time"]);
    let none = Condition::and(Vec::new());
    assert_eq!(
        none.bind(&rows.schema(), &NoPlaces)
            .mask(&rows, &resource())
            .unwrap()
            .true_count(),
        4
    );
}

#[test]
fn faults_name_the_character_and_what_to_write() {
    let deep = format!("{}1 == 1{}", "(".repeat(MAX_DEPTH), ")".repeat(MAX_DEPTH));
    let chain = format!("{}1 == 1", "1 + ".repeat(MAX_DEPTH + 1));
    let long = " ".repeat(MAX_LENGTH + 1);
    for (text, character, part) in [
        ("", 1, "a value was expected"),
        ("a = 1", 3, "compare by `==`"),
        ("a == ", 6, "the end came"),
        ("a > nil", 5, "`==` or `!=`"),
        ("1", 1, "no condition"),
        ("a and 'b'", 7, "no condition"),
        ("'a' == 1", 1, "never equal"),
        ("a == 1 b", 8, "`b` came"),
        ("Lne(a) == 1", 1, "is `Len` meant?"),
        ("Len(a, b) == 1", 8, "takes no more arguments"),
        ("Substring(a) == 'x'", 1, "lacks its `start`"),
        ("Trim(a, cutse = 'x') == 'y'", 9, "is `cutset` meant?"),
        ("Trim(5) == 'y'", 6, "`target` takes a text"),
        ("ConvertCase(a, 'title') == 'x'", 16, "one of `\"lower\"`"),
        ("IsMatch(a, '(')", 12, "regular expression"),
        ("IsMatch(a, b)", 12, "a literal text"),
        ("set(a, 1)", 1, "changes rows"),
        (
            "metric.name == 'x'",
            1,
            "rows become metrics and points only when they are exported",
        ),
        ("datapoint.value_double > 1", 1, "name the column"),
        ("db.system == 'x'", 1, "write `attributes[\"db.system\"]`"),
        ("resource.atributes == nil", 1, "`resource.attributes`"),
        ("atributes['x'] == 1", 10, "is `attributes` meant?"),
        ("body['x'] == 1", 5, "ParseJSON"),
        ("attributes == nil", 1, "needs a key"),
        ("Now() > Unix(0)", 1, "every node"),
        ("1 in 2", 6, "a list was expected"),
        ("'a' + 1 == 2", 1, "calculated with"),
        (&deep, 65, "deep"),
        (&chain, 1, "deep"),
        (&long, 1, "longer than"),
    ] {
        let error = Condition::parse(text).expect_err(text);
        assert!(error.message.contains(part), "{text}: {error}");
        assert_eq!(error.character, character, "{text}: {error}");
    }
}

#[test]
fn long_chains_are_not_deep() {
    let text = vec!["calls == 10"; 500].join(" or ");
    assert_eq!(holds(&text).0, [0]);
}

#[test]
fn every_example_of_a_converter_can_be_read() {
    for doc in functions().filter(|doc| !doc.is_editor()) {
        let text = format!("{} != nil", doc.example);
        // the time is not there in conditions: the tests of statements read these
        if doc.example.contains("Now()") {
            continue;
        }
        let read = Condition::parse(&text);
        assert!(read.is_ok(), "{}: {read:?}", doc.name);
        assert!(doc.example.contains(doc.name), "{}", doc.name);
    }
}

#[test]
fn what_a_condition_needs_is_what_it_never_holds_without() {
    for (text, needed) in [
        ("a > 1", &["a"][..]),
        ("(a + b) > 100 and c", &["a", "b", "c"]),
        ("a > 1 or b > 1", &[]),
        ("(a > 1 and b > 1) or (a < 0 and c)", &["a"]),
        ("a == nil", &[]),
        ("a != nil", &["a"]),
        ("not (a > 1)", &[]),
        ("Coalesce([a, 5]) > 1", &[]),
        ("true or a > 1", &[]),
        ("severity_number >= 13", &["severity_number"]),
    ] {
        let condition = Condition::parse(text).unwrap();
        let mut names: Vec<_> = condition.needs().into_iter().map(ToString::to_string).collect();
        names.sort();
        names.dedup();
        assert_eq!(names, needed, "{text}");
    }
}

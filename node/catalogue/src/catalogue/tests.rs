//! What a broken catalogue file is answered with.

mod outputs;

use outputs::OUTPUT_BREAKS;

use super::*;

const SOUND: &str = "
engine: postgresql
streams:
  - name: postgresql.things
    summary: Things.
    scope: server
    cadence: collection
    requires: [extension: ext]
    sql:
      - { from: 14, to: 18, extension_from: '1.10', params: [databases], text: '/* ringwatch postgresql.things */ select $1' }
      - { from: 14, to: 18, extension_from: '1.9', text: '/* ringwatch postgresql.things */ select 1' }
    columns:
      - { name: kind, type: text, summary: The kind. }
      - { name: things, type: int, summary: Things. }
      - { name: weight, type: double, summary: Weight. }
      - { name: since, type: time, summary: Since when. }
    metrics:
      - name: postgresql.things
        description: Things.
        unit: '1'
        kind: sum
        monotonic: true
        value_type: int
        enabled: true
        start: since
        points:
          - { column: things, attributes: { state: seen } }
        attributes: { kind: kind }
      - name: postgresql.weight
        description: Weight.
        unit: g
        kind: gauge
        value_type: double
        enabled: false
        points: [{ column: weight, scale: 0.001 }]
  - name: postgresql.doings
    summary: Doings.
    scope: server
    cadence: statements
    sql:
      - { from: 14, to: 17, text: '/* ringwatch postgresql.doings */ select 1' }
      - { from: 18, text: '/* ringwatch postgresql.doings */ select 2' }
    columns:
      - { name: id, type: int, summary: The id. }
      - { name: label, type: text, summary: A label. }
      - { name: calls, type: int, summary: Calls. }
      - { name: begun, type: time, summary: When it began. }
    delta: { key: [id], counters: [calls], changed: calls, since: begun }
    texts: { column: doing, key: [id], sql: '/* ringwatch postgresql.doings */ select $1' }
    event:
      name: doing
      description: A doing.
      constants: { system: postgresql }
      attributes:
        - { key: id, column: id, text: true }
        - { key: calls, column: calls, scale: 0.5 }
        - { key: begun, column: begun, text: true, 'null': none }
        - { key: doing, column: doing }
      trace_parent: label
";

#[test]
fn the_sound_file_is_accepted() {
    assert_eq!(
        parse("sound.yaml", SOUND).map(|engine| engine.streams.len()),
        Ok(2)
    );
}

#[test]
fn what_only_some_streams_need_is_accepted_too() {
    for (from, to) in [
        (
            "        start: since\n",
            "        aggregation: delta\n        timestamp: since\n",
        ),
        (
            "{ column: weight, scale: 0.001 }",
            "{ column: weight, only: { column: kind, equals: a } }, { column: things, only: { column: kind, equals: b } }",
        ),
        (
            "trace_parent: label",
            "body: doing\n      severity_text: label\n      severity_number: calls\n      timestamp: begun",
        ),
    ] {
        let changed = SOUND.replacen(from, to, 1);
        assert_ne!(changed, SOUND, "`{from}` is not in the sound file");
        parse("sound.yaml", &changed).expect(to);
    }
}

/// What is replaced in the sound file, by what, the entry that is blamed, and what is said.
type Break = (&'static str, &'static str, &'static str, &'static str);

const STREAM_BREAKS: &[Break] = &[
    (
        "engine: postgresql",
        "engine: oracle",
        "oracle",
        "an engine that the program knows, such as `postgresql`, is missing",
    ),
    (
        "name: postgresql.doings",
        "name: doings",
        "doings",
        "the name does not begin with `postgresql.`",
    ),
    (
        "name: postgresql.doings",
        "name: postgresql.things",
        "postgresql.things",
        "stream `postgresql.things` is there twice",
    ),
    (
        "summary: Doings.",
        "summary: ''",
        "postgresql.doings",
        "the summary is missing",
    ),
    (
        "name: label",
        "name: id",
        "postgresql.doings",
        "column `id` is there twice",
    ),
    (
        "name: label",
        "name: doing",
        "postgresql.doings",
        "column `doing` is there twice",
    ),
    (
        "type: int, summary: The id.",
        "type: int, sql: true, summary: The id.",
        "postgresql.doings",
        "a column is `sql` that is not text",
    ),
    (
        "cadence: statements",
        "cadence: collection",
        "postgresql.doings",
        "a metric is missing",
    ),
    (
        "cadence: collection",
        "cadence: activity",
        "postgresql.things",
        "the event is missing",
    ),
    (
        "from: 18",
        "from: 19",
        "postgresql.doings",
        "no statement fits server version 18",
    ),
    (
        "from: 18",
        "from: 17",
        "postgresql.doings",
        "statements 1 and 2 both fit server version 17; the second would never be used",
    ),
    (
        "'1.9'",
        "'1.11'",
        "postgresql.things",
        "statements 1 and 2 both fit server version 14; the second would never be used",
    ),
    (
        "'1.9'",
        "'one'",
        "postgresql.things",
        "statement 2 has an `extension_from` that is not made of numbers and dots",
    ),
    (
        "requires: [extension: ext]",
        "requires: []",
        "postgresql.things",
        "statement 1 is for a version of an extension that the stream does not require",
    ),
    (
        "params: [databases]",
        "params: []",
        "postgresql.things",
        "statement 1 does not use `$1`, `$2`, ... as `params` lists them",
    ),
    (
        "params: [databases]",
        "params: [databases, max_rows]",
        "postgresql.things",
        "statement 1 does not use `$1`, `$2`, ... as `params` lists them",
    ),
    (
        "'/* ringwatch postgresql.doings */ select 2'",
        "'select 2'",
        "postgresql.doings",
        "statement 2 does not begin with the comment `/* ringwatch STREAM */` that names its stream",
    ),
    (
        "select 2",
        "select 2; select 3",
        "postgresql.doings",
        "statement 2 holds a `;`, and has to be one statement",
    ),
    (
        "select 2",
        "select @extension@.two()",
        "postgresql.doings",
        "statement 2 names the schema of an extension, and the stream requires none",
    ),
    (
        "doings */ select $1",
        "doings */ select @extension@.one($1)",
        "postgresql.doings",
        "statement 0 names the schema of an extension, and the stream requires none",
    ),
    (
        "key: [id], counters",
        "key: [ident], counters",
        "postgresql.doings",
        "the delta's key names column `ident`, which the stream does not have",
    ),
    (
        "counters: [calls]",
        "counters: [calls, label]",
        "postgresql.doings",
        "the delta's counters names column `label`, which is Text and must be int or double",
    ),
    (
        "counters: [calls]",
        "counters: [calls, id]",
        "postgresql.doings",
        "column in the delta's key and counters `id` is there twice",
    ),
    (
        "changed: calls",
        "changed: id",
        "postgresql.doings",
        "the delta's `changed` is not one of its counters",
    ),
    (
        "since: begun",
        "since: calls",
        "postgresql.doings",
        "the delta's since or reset names column `calls`, which is Int and must be time",
    ),
    (
        "since: begun",
        "never_falls: [label]",
        "postgresql.doings",
        "the delta's never_falls or never_rises names column `label`, which is Text and must be int or double",
    ),
    (
        "since: begun",
        "evictions: label",
        "postgresql.doings",
        "the delta's evictions names column `label`, which is Text and must be int",
    ),
    (
        "key: [id], sql",
        "key: [label], sql",
        "postgresql.doings",
        "the first key of the texts names column `label`, which is Text and must be int",
    ),
    (
        "key: [id], sql",
        "key: [], sql",
        "postgresql.doings",
        "the key of the texts is missing",
    ),
    (
        "'/* ringwatch postgresql.doings */ select $1' }\n    event",
        "'/* ringwatch postgresql.doings */ select $2' }\n    event",
        "postgresql.doings",
        "the statement of the texts has to use `$1` and no other",
    ),
    (
        "    delta: { key: [id], counters: [calls], changed: calls, since: begun }\n",
        "",
        "postgresql.doings",
        "texts are read for rows of a delta or of plans only",
    ),
];

#[test]
fn a_broken_entry_is_named_with_what_is_wrong() {
    for (from, to, entry, said) in STREAM_BREAKS.iter().chain(OUTPUT_BREAKS) {
        let broken = SOUND.replacen(from, to, 1);
        assert_ne!(broken, SOUND, "`{from}` is not in the sound file");
        let error = parse("broken.yaml", &broken)
            .map(|_| ())
            .expect_err(to)
            .to_string();
        assert_eq!(
            error,
            format!("catalogue entry `{entry}`: {said}; correct the entry and build again")
        );
    }
}

#[test]
fn a_file_of_another_shape_is_refused_with_its_place() {
    for (from, to, said) in [
        ("scope: server", "scope: moon", "moon"),
        ("summary: Things.", "summarry: Things.", "summarry"),
        ("type: time", "type: date", "date"),
        ("params: [databases]", "params: [tables]", "tables"),
    ] {
        let error = parse("broken.yaml", &SOUND.replacen(from, to, 1))
            .map(|_| ())
            .expect_err(to)
            .to_string();
        assert!(
            error.starts_with("catalogue file `broken.yaml`: ") && error.contains(said),
            "{error}"
        );
        assert!(error.contains("line "), "{error}");
    }
}

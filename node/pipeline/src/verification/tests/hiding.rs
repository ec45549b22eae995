use ringwatch_config::settings::{PiiAction, PiiDetection, PiiPattern};
use ringwatch_frame::DropReason;

use super::super::{Check, Verdict, VerificationState};
use super::*;

const CARD: &str = "4111 1111 1111 1111";

fn settings(change: impl FnOnce(&mut PiiDetection)) -> Settings {
    let mut settings = Settings {
        pii_detection: PiiDetection {
            enabled: true,
            scan_query_text: true,
            scan_attributes: true,
            ..PiiDetection::default()
        },
        ..Settings::default()
    };
    change(&mut settings.pii_detection);
    settings
}

fn statements(texts: &[(&str, &str)]) -> RecordBatch {
    let columns = [
        ("queryid", ColumnType::Text),
        ("query_text", ColumnType::Text),
        ("application_name", ColumnType::Text),
    ];
    let cells: Vec<[Cell<'_>; 3]> = texts
        .iter()
        .map(|(query, name)| {
            [
                Cell::Text("4111111111111111"),
                Cell::Text(query),
                Cell::Text(name),
            ]
        })
        .collect();
    let cells: Vec<&[Cell<'_>]> = cells.iter().map(|row| &row[..]).collect();
    rows(&columns, &cells)
}

#[test]
fn what_is_found_is_hidden_wherever_it_stands_and_identifiers_stay() {
    let mut world = World::new(&settings(|_| ()));
    let query = format!("select * from t where card = '{CARD}'");
    let came = statements(&[
        (&query, "billing"),
        ("select 1", "anna@example.com"),
        ("select 1", "billing"),
    ]);
    for second in [0, 30] {
        let left = world.pass("postgresql.statements", second, came.clone());
        assert_eq!(left.schema(), came.schema());
        let queries = texts(&left, "query_text");
        assert_eq!(
            queries[0].as_deref(),
            Some("select * from t where card = '[REDACTED:credit_card]'")
        );
        assert_eq!(queries[1].as_deref(), Some("select 1"));
        let names = texts(&left, "application_name");
        assert_eq!(names[1].as_deref(), Some("[REDACTED:email]"));
        assert_eq!(names[0].as_deref(), Some("billing"));
        assert_eq!(texts(&left, "queryid")[0].as_deref(), Some("4111111111111111"));
        assert!(!format!("{left:?}").contains("anna"));
    }
    let count = |class| world.metric("verification_pii_detections_total", &[("class", class)]);
    assert_eq!((count("credit_card"), count("email")), (2.0, 2.0));
    let result = |result| world.metric("verification_texts_total", &[("result", result)]);
    assert_eq!(
        (result("miss"), result("hit")),
        (4.0, 4.0),
        "each text was scanned once"
    );
    assert_eq!(world.control.findings(9).len(), 2);
    let told = format!("{:?}", world.control.findings(9));
    assert!(!told.contains("anna") && !told.contains("1111 1111"), "{told}");
}

#[test]
fn plans_of_one_dictionary_are_scanned_once_and_hidden_always() {
    let mut world = World::new(&settings(|pii| pii.scan_plans = true));
    let plan = |text| rows(&[("query_plan", ColumnType::Text)], &[&[Cell::Text(text)]]);
    let (clean, other) = (plan("Seq Scan on t"), plan("Seq Scan on anna@example.com"));
    for second in [0, 30, 60] {
        let left = world.pass("sqlquery.clean", second, clean.clone());
        assert_eq!(texts(&left, "query_plan")[0].as_deref(), Some("Seq Scan on t"));
        let left = world.pass("sqlquery.other", second, other.clone());
        assert!(!format!("{left:?}").contains("anna"));
    }
    let result = |result| world.metric("verification_texts_total", &[("result", result)]);
    assert_eq!((result("miss"), result("hit")), (2.0, 4.0));
}

#[test]
fn only_what_is_switched_on_is_scanned() {
    let mail = "anna@example.com";
    let came = || {
        let columns =
            ["query_text", "query_plan", "application_name", "line"].map(|name| (name, ColumnType::Text));
        rows(&columns, &[&[Cell::Text(mail); 4]])
    };
    let hidden = |settings: &Settings, stream: &str| {
        let left = World::new(settings).pass(stream, 0, came());
        ["query_text", "query_plan", "application_name", "line"]
            .map(|column| texts(&left, column)[0].as_deref() != Some(mail))
    };
    let only = |query, plans, attributes, bodies| {
        settings(|pii| {
            (pii.scan_query_text, pii.scan_plans) = (query, plans);
            (pii.scan_attributes, pii.scan_log_bodies) = (attributes, bodies);
        })
    };
    for (settings, expected) in [
        (only(true, false, false, false), [true, false, false, false]),
        (only(false, true, false, false), [false, true, false, false]),
        (only(false, false, true, false), [false, false, true, false]),
        (only(false, false, false, true), [false, false, false, true]),
        (only(true, true, true, true), [true; 4]),
        (settings(|pii| pii.enabled = false), [false; 4]),
        (settings(|pii| pii.classes = vec!["iban".into()]), [false; 4]),
        (
            settings(|pii| pii.skip_columns = vec!["line".into(), "query_plan".into()]),
            [true, false, true, false],
        ),
    ] {
        assert_eq!(
            hidden(&settings, "sqlquery.log"),
            expected,
            "{:?}",
            settings.pii_detection
        );
    }
}

#[test]
fn what_is_too_long_to_be_scanned_is_hidden() {
    let mut world = World::new(&settings(|pii| pii.max_text_kb = 1));
    let (fits, long) = ("x".repeat(1024), "y".repeat(1025));
    let left = world.pass(
        "postgresql.statements",
        0,
        statements(&[(&fits, "a"), (&long, "a")]),
    );
    assert_eq!(
        texts(&left, "query_text"),
        [Some(fits), Some("[UNSCANNED]".to_owned())]
    );
    assert_eq!(world.metric("verification_unscanned_texts_total", &[]), 1.0);
    assert_eq!(world.control.findings(1)[0].check, Check::Unscanned);
}

#[test]
fn rows_are_dropped_or_values_hashed_where_that_is_asked_for() {
    let came = || {
        statements(&[
            ("select 1", "anna@example.com"),
            ("select 2", "a"),
            ("select 3", "anna@example.com"),
        ])
    };
    let mut world = World::new(&settings(|pii| pii.action = PiiAction::Drop));
    let left = world.pass("postgresql.statements", 0, came());
    assert_eq!(texts(&left, "query_text"), [Some("select 2".to_owned())]);
    assert_eq!(crate::testing::dropped(&world.books, DropReason::Pii), 2);
    assert!(
        !format!("{left:?}").contains("anna"),
        "nor is it among the texts that no row has"
    );
    let key = serde_json::from_str("\"0123456789abcdef\"").unwrap();
    let hashing = settings(|pii| (pii.action, pii.hash_key) = (PiiAction::Hash, Some(key)));
    let of = |_: u32| {
        texts(
            &World::new(&hashing).pass("postgresql.statements", 0, came()),
            "application_name",
        )
    };
    let (one, other) = (of(1), of(2));
    assert_eq!(one, other, "the same key gives the same hash on every node");
    assert!(one[0].as_deref().unwrap().starts_with("[email:") && one[0] == one[2]);
}

#[test]
fn patterns_of_one_s_own_are_found_and_counted_by_their_name() {
    let pattern = PiiPattern {
        name: "patient".into(),
        pattern: "PAT-[0-9]{6}".into(),
    };
    let mut world = World::new(&settings(|pii| pii.patterns = vec![pattern]));
    let left = world.pass(
        "postgresql.statements",
        0,
        statements(&[("select 1", "for PAT-123456")]),
    );
    assert_eq!(
        texts(&left, "application_name")[0].as_deref(),
        Some("for [REDACTED:patient]")
    );
    assert_eq!(
        world.metric("verification_pii_detections_total", &[("class", "patient")]),
        1.0
    );
}

#[test]
fn a_value_that_was_taken_wrongly_is_allowed_from_then_on_also_after_a_restart() {
    let settings = settings(|_| ());
    let mut world = World::new(&settings);
    let came = || {
        statements(&[
            ("select 1", "noreply@example.com"),
            ("select 1", "anna@example.com"),
        ])
    };
    let before = world.pass("postgresql.statements", 0, came());
    assert!(
        texts(&before, "application_name")[0]
            .as_deref()
            .unwrap()
            .contains("REDACTED")
    );
    let finding = world.control.findings(9).pop().unwrap();
    let judged = world
        .control
        .feedback(finding.id, Verdict::Wrong, "tester")
        .unwrap();
    assert_eq!(judged.verdict, Some(Verdict::Wrong));
    let after = world.pass("postgresql.statements", 30, came());
    let expected = [
        Some("noreply@example.com".to_owned()),
        Some("[REDACTED:email]".to_owned()),
    ];
    assert_eq!(texts(&after, "application_name"), expected);
    assert_eq!(world.control.status().allowed_values, 1);
    assert_eq!(
        world.metric("verification_feedback_total", &[("verdict", "wrong")]),
        1.0
    );
    let written = serde_json::to_string(&world.verification.shared.state_for_tests()).unwrap();
    assert!(!written.contains("noreply"), "{written}");
    let remembered: VerificationState = serde_json::from_str(&written).unwrap();
    let metrics = VerificationMetrics::new(&Registry::new()).unwrap();
    let clock = Clock::simulated(Tick::from_unix_nanos(START * SECOND));
    let state = (None, Some(remembered));
    world.verification =
        Verification::new("verification", &settings, resolver(), &metrics, &clock, state).unwrap();
    world.processor = world.verification.processor("metrics");
    let again = world.pass("postgresql.statements", 60, came());
    assert_eq!(texts(&again, "application_name"), expected);
    world
        .control
        .feedback(finding.id, Verdict::Right, "tester")
        .unwrap();
    assert_eq!(world.control.status().allowed_values, 0, "it was taken back");
}

#[test]
fn what_was_hidden_stays_hidden_where_values_become_other() {
    let mut settings = settings(|_| ());
    settings.quality_validation.enabled = true;
    settings.quality_validation.cardinality.max_distinct_per_attribute = 2;
    settings.quality_validation.cardinality.attributes = vec!["application_name".into()];
    let came = statements(&[
        ("select 1", "anna@example.com"),
        ("select 1", "billing"),
        ("select 1", "shop"),
        ("select 1", "store"),
    ]);
    let left = World::new(&settings).pass("postgresql.statements", 0, came);
    let names = texts(&left, "application_name");
    let names: Vec<_> = names.iter().flatten().map(String::as_str).collect();
    assert_eq!(names, ["[REDACTED:email]", "billing", "other", "other"]);
}

#[test]
fn attributes_of_resources_are_scanned_once_and_addresses_of_servers_stay() {
    let mut world = World::new(&settings(|_| ()));
    let resource: ringwatch_frame::Resource = [
        ("owner", "anna@example.com"),
        ("team", "billing"),
        ("service.instance.id", "10.0.0.7:5432"),
    ]
    .into_iter()
    .map(|(key, value)| (Arc::from(key), value.into()))
    .collect();
    let resource = Arc::new(resource);
    for (second, rows) in [(0, statements(&[])), (30, statements(&[("select 1", "a")]))] {
        let mut frame = frame(&world.books, "postgresql.statements", second, rows);
        frame.set_resource(Arc::clone(&resource));
        let mut out = Vec::new();
        world.processor.process(Batch::from(frame), &mut out);
        let left = out[0].frames()[0].meta().resource.clone();
        let get = |key| left.get(key).unwrap().to_string();
        assert_eq!(
            [get("owner"), get("team"), get("service.instance.id")],
            ["[REDACTED:email]", "billing", "10.0.0.7:5432"]
        );
        out.into_iter().for_each(Batch::deliver);
    }
    let findings = world.control.findings(9);
    assert_eq!(findings.len(), 1, "{findings:?}");
    assert!(!format!("{findings:?}").contains("anna"));
    world
        .control
        .feedback(findings[0].id, Verdict::Wrong, "tester")
        .unwrap();
    let mut frame = frame(&world.books, "postgresql.statements", 60, statements(&[]));
    frame.set_resource(Arc::clone(&resource));
    let mut out = Vec::new();
    world.processor.process(Batch::from(frame), &mut out);
    assert_eq!(out[0].frames()[0].meta().resource, resource);
    out.into_iter().for_each(Batch::deliver);
}

#[test]
fn a_card_in_a_column_of_numbers_that_is_an_attribute_becomes_nothing() {
    let came = || {
        let columns = ["card_number", "queryid", "rows", "amount"].map(|name| (name, ColumnType::Int));
        let card = Cell::Int(4_111_111_111_111_111);
        let other = Cell::Int(4_111_111_111_111_112);
        rows(&columns, &[&[card; 4], &[other; 4], &[Cell::Null; 4]])
    };
    let left = World::new(&settings(|_| ())).pass("sqlquery.numbers", 0, came());
    let nulls: Vec<usize> = left.columns().iter().map(|column| column.null_count()).collect();
    assert_eq!(nulls, [2, 1, 1, 1], "`amount` is no attribute");
    let without = settings(|pii| pii.scan_attributes = false);
    let left = World::new(&without).pass("sqlquery.numbers", 0, came());
    assert_eq!(left.column(0).null_count(), 1);
    let dropping = settings(|pii| pii.action = PiiAction::Drop);
    let mut world = World::new(&dropping);
    let frame = frame(&world.books, "sqlquery.numbers", 0, came());
    let mut out = Vec::new();
    world.processor.process(Batch::from(frame), &mut out);
    assert_eq!(out[0].rows(), 2);
    out.into_iter().for_each(Batch::deliver);
    assert_eq!(crate::testing::dropped(&world.books, DropReason::Pii), 1);
}

use ringwatch_catalogue::Catalogue;
use ringwatch_collect::{join_targets, targets_of};
use ringwatch_config::{Request, load};
use ringwatch_frame::{Books, Clock};
use ringwatch_pipeline::circuit_breaker::State;

use super::*;
use crate::run::processors::start_processors;
use crate::run::receivers::plan_receivers;

const CONFIG: &str = "
receivers:
  postgresql/fleet: { username: u, targets: [{ endpoint: \"a:1\" }, { endpoint: \"b:1\" }] }
  postgresql/free: { username: u, endpoint: \"c:1\", plans: { interval: 60s } }
  sqlquery/shop:
    driver: postgres
    datasource: postgresql://u@a:1/shop
    queries: [{ sql: SELECT 1 AS n, metrics: [{ metric_name: n, value_column: n }] }]
processors:
  circuit_breaker: { databases: { shop: { minimum_volume: 1, error_threshold_percent: 1 } } }
  circuit_breaker/second:
  rate_limiter: { defaults: { rps: 0.001, burst: 1 } }
exporters: { debug: }
service:
  pipelines:
    metrics/a: { receivers: [postgresql/fleet], processors: [circuit_breaker], exporters: [debug] }
    metrics/b:
      receivers: [sqlquery/shop, postgresql/fleet]
      processors: [circuit_breaker/second, rate_limiter]
      exporters: [debug]
    metrics/c: { receivers: [postgresql/free], exporters: [debug] }
    logs: { receivers: [postgresql/free], exporters: [debug] }
";

struct Scene {
    protection: Protection,
    circuits: Arc<Circuits>,
    activity: Arc<Activity>,
}

async fn scene() -> Scene {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("ringwatch.yaml");
    std::fs::write(&file, CONFIG).unwrap();
    let request = Request {
        files: &[file],
        sets: &[],
        env: &|_| None,
    };
    let settings = load(&request, &|_| Vec::new()).unwrap();
    let receivers = plan_receivers(&settings, &Catalogue::embedded().unwrap()).unwrap();
    let clock = Clock::simulated(Tick::from_unix_nanos(0));
    let (projections, books) = (Arc::new(receivers.projections), Arc::new(Books::default()));
    let registry = prometheus::Registry::new();
    let processors = start_processors(&settings, &projections, &books, &clock, &registry, None)
        .await
        .unwrap();
    let circuits = Arc::new(Circuits::new(processors.breakers().values().cloned().collect()));
    let activity = Arc::new(Activity::of(&receivers.plans));
    let protection = Protection::new(&settings, &processors, &circuits, &activity);
    let targets: Vec<_> = receivers.plans.iter().flat_map(targets_of).collect();
    protection.cover(&join_targets(&targets));
    Scene {
        protection,
        circuits,
        activity,
    }
}

fn target(endpoint: &str) -> TargetId {
    TargetId::new("postgresql", endpoint)
}

fn admit(protection: &Protection, target: &TargetId, stream: &str) -> Result<(), Refusal> {
    let (stream, tick) = (StreamId::of_server(stream), Tick::from_unix_nanos(1_000_000_000));
    protection.admit(target, &stream, tick, Duration::from_secs(10))
}

#[tokio::test(start_paused = true)]
async fn targets_of_pipelines_that_name_a_breaker_have_one_circuit_each() {
    let scene = scene().await;
    let listed = scene.circuits.list();
    let listed: Vec<_> = listed
        .iter()
        .map(|circuit| {
            (
                circuit.target.as_str(),
                circuit.processor.as_str(),
                circuit.name.as_str(),
            )
        })
        .collect();
    let (a, b) = ("postgresql://a:1", "postgresql://b:1");
    assert_eq!(
        listed,
        [(a, "circuit_breaker", "shop"), (b, "circuit_breaker", b)]
    );
    for (name, expected) in [
        ("shop", &[a][..]),
        (a, &[a]),
        ("a:1", &[a]),
        ("postgres", &[a, b]),
        ("postgresql://c:1", &[]),
        ("nobody", &[]),
    ] {
        let found = scene.circuits.find(name);
        assert_eq!(
            found.iter().map(TargetId::as_str).collect::<Vec<_>>(),
            expected,
            "{name}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn an_open_circuit_refuses_every_receiver_of_its_target_and_no_other_target() {
    let Scene {
        protection, circuits, ..
    } = scene().await;
    let (a, b, c) = (target("a:1"), target("b:1"), target("c:1"));
    circuits.open(&a, None).unwrap();
    for stream in ["postgresql.databases", "sqlquery/shop.0"] {
        assert_eq!(
            admit(&protection, &a, stream),
            Err(Refusal::BreakerOpen),
            "{stream}"
        );
    }
    assert!(!protection.at_ease(&a) && protection.at_ease(&b) && protection.at_ease(&c));
    assert_eq!(admit(&protection, &b, "postgresql.databases"), Ok(()));
    assert_eq!(admit(&protection, &c, "postgresql.databases"), Ok(()));
    // The limit was not asked while the circuit was open, so its only place is still there.
    assert_eq!(circuits.reset(&a).unwrap().state, State::Closed);
    assert_eq!(admit(&protection, &a, "postgresql.databases"), Ok(()));
    assert_eq!(
        admit(&protection, &a, "postgresql.databases"),
        Err(Refusal::Budget)
    );
    assert_eq!(
        admit(&protection, &c, "postgresql.databases"),
        Ok(()),
        "it has no limit"
    );
}

#[tokio::test(start_paused = true)]
async fn what_the_database_answers_opens_its_circuit_and_what_is_not_set_up_does_not() {
    let Scene {
        protection,
        circuits,
        activity,
    } = scene().await;
    let (a, stream) = (target("a:1"), StreamId::of_server("sqlquery/shop.0"));
    let took = Duration::from_millis(3);
    assert_eq!(admit(&protection, &a, "sqlquery/shop.0"), Ok(()));
    protection.ended(
        &a,
        &stream,
        &ReadingEnd::Failed {
            took,
            kind: FaultKind::Absent,
        },
    );
    assert_eq!(circuits.list()[0].state, State::Closed);
    assert_eq!(activity.readings("sqlquery/shop"), (0, 1));
    protection.ended(&a, &stream, &ReadingEnd::NotMade);
    assert_eq!(
        admit(&protection, &a, "sqlquery/shop.0"),
        Ok(()),
        "the leave was given back"
    );
    protection.ended(
        &a,
        &stream,
        &ReadingEnd::Failed {
            took,
            kind: FaultKind::Deadline,
        },
    );
    assert_eq!(circuits.list()[0].state, State::Open);
    assert_eq!(circuits.list()[1].state, State::Closed);
    assert_eq!(activity.readings("sqlquery/shop"), (0, 2));
}

#[test]
fn faults_that_mean_suffering_count() {
    let took = Duration::from_secs(1);
    let failed = Outcome::Failed { took };
    for (kind, expected) in [
        (FaultKind::Connection, failed),
        (FaultKind::Deadline, failed),
        (FaultKind::StatementTimeout, failed),
        (FaultKind::Tls, failed),
        (FaultKind::Login, failed),
        (FaultKind::TooManyConnections, failed),
        (FaultKind::Unavailable, failed),
        (FaultKind::Statement, failed),
        (FaultKind::NoDatabase, Outcome::Ignored),
        (FaultKind::Absent, Outcome::Ignored),
        (FaultKind::NotLoaded, Outcome::Ignored),
        (FaultKind::Grant, Outcome::Ignored),
        (FaultKind::Lock, Outcome::Ignored),
        (FaultKind::Version, Outcome::Ignored),
        (FaultKind::Shape, Outcome::Ignored),
        (FaultKind::TooManyRows, Outcome::Ignored),
        (FaultKind::Stale, Outcome::Ignored),
        (FaultKind::Pooled, Outcome::Ignored),
        (FaultKind::NotHeld, Outcome::NotMade),
    ] {
        assert_eq!(outcome_of(kind, took), expected, "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn active_sessions_are_counted_from_the_rows() {
    let Scene { protection, .. } = scene().await;
    let rows = |name: &str, values: &[Option<i64>]| {
        let column: Int64Array = values.iter().copied().collect();
        RecordBatch::try_from_iter([(name, Arc::new(column) as _)]).unwrap()
    };
    let (a, backends) = (target("a:1"), rows("backends", &[Some(3), None, Some(4)]));
    let sessions =
        |stream: &str, rows: &RecordBatch| protection.sessions(&a, &StreamId::of_server(stream), rows);
    assert_eq!(sessions("postgresql.databases", &backends), Some(7));
    assert_eq!(sessions("postgresql.databases", &rows("other", &[Some(1)])), None);
    assert_eq!(
        sessions("postgresql.activity", &rows("pid", &[Some(1), Some(2)])),
        Some(2)
    );
    assert_eq!(sessions("sqlquery/shop.0", &backends), None);
}

#[test]
fn streams_of_queries_tell_their_receiver() {
    for (stream, receiver) in [
        ("sqlquery/performance.0", Some("sqlquery/performance")),
        ("sqlquery.12", Some("sqlquery")),
        ("sqlquery/a.b.3", Some("sqlquery/a.b")),
        ("postgresql.databases", None),
        ("nothing", None),
    ] {
        assert_eq!(of_query(stream), receiver, "{stream}");
    }
}

#[tokio::test(start_paused = true)]
async fn plans_that_are_switched_off_are_not_asked_for() {
    let scene = scene().await;
    let ask = |stream| admit(&scene.protection, &target("c:1"), stream);
    assert_eq!(ask("postgresql.plans"), Ok(()));
    scene.protection.plans().store(false, Ordering::Release);
    assert_eq!(ask("postgresql.plans"), Err(Refusal::SwitchedOff));
    assert_eq!(ask("postgresql.databases"), Ok(()));
    scene.protection.plans().store(true, Ordering::Release);
    assert_eq!(ask("postgresql.plans"), Ok(()));
}

//! The `otlp` exporter against a backend that has its moods: every row must end where it belongs.

use std::sync::Arc;
use std::time::Duration;

use prometheus::Registry;
use ringwatch_config::settings::{Compression, OtlpExporter, Tls};
use ringwatch_config::{Duration as Setting, Secret};
use ringwatch_deliver::{AlwaysSure, DeliverError, OtlpParts, Signal, start_otlp};
use ringwatch_frame::{BooksSnapshot, DropReason};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::time::Instant;
use tonic::{Code, Status};

use crate::backend::{Answer, Backend, retry_info};
use crate::node::{Node, settings};
use crate::testing::{batch, projections};

fn patient(settings: &mut OtlpExporter) {
    settings.retry_on_failure.initial_interval = Setting::from_secs(3600);
    settings.retry_on_failure.max_interval = Setting::from_secs(3600);
}

fn dropped(books: &BooksSnapshot, reason: DropReason) -> u64 {
    books.dropped_rows[reason as usize]
}

fn fail(code: Code) -> Answer {
    Answer::Fail(Status::new(code, "not\nnow"))
}

#[tokio::test]
async fn both_signals_arrive_with_headers_under_every_compression() {
    for (compression, encoding) in [
        (Compression::None, None),
        (Compression::Gzip, Some("gzip")),
        (Compression::Zstd, Some("zstd")),
    ] {
        let backend = Backend::start([]).await;
        let node = Node::start(&backend.address, |settings| {
            settings.compression = compression;
            settings.headers.insert("X-Api-Key".into(), Secret::new("s3cret"));
        });
        node.push(Signal::Metrics, 2, 5);
        node.push(Signal::Logs, 1, 7);
        assert_eq!(node.settled().await.delivered_rows, 17);
        assert_eq!(backend.taken(), (30, 7));
        assert_eq!(backend.header("x-api-key").as_deref(), Some("s3cret"));
        assert_eq!(backend.header("grpc-encoding").as_deref(), encoding);
        assert!((node.metric("otelcol_exporter_sent_metric_points") - 30.0).abs() < 0.1);
        assert!((node.metric("otelcol_exporter_sent_log_records") - 7.0).abs() < 0.1);
        assert!((node.metric("ringwatch_export_seconds_count") - 2.0).abs() < 0.1);
        assert!((node.attempts("OK") - 2.0).abs() < 0.1);
        assert!((node.metric("ringwatch_queue_frames")).abs() < 0.1);
        assert_eq!(node.stop(Duration::from_secs(5)).await.dropped_total(), 0);
    }
}

#[tokio::test]
async fn what_may_be_repeated_is_repeated_until_it_is_taken() {
    let backend = Backend::start([fail(Code::Unavailable), fail(Code::Aborted), fail(Code::DataLoss)]).await;
    let node = Node::start(&backend.address, |_| {});
    node.push(Signal::Metrics, 1, 4);
    let books = node.settled().await;
    assert_eq!((books.delivered_rows, books.dropped_total()), (4, 0));
    assert_eq!((backend.requests(), backend.taken().0), (4, 12));
    assert!((node.attempts("UNAVAILABLE") - 1.0).abs() < 0.1);
}

#[tokio::test]
async fn an_answer_that_came_while_the_process_stood_still_is_read() {
    // It does not stand still with us.
    let elsewhere = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let late = Answer::After(Duration::from_millis(200));
    let backend = elsewhere.spawn(Backend::start([late])).await.unwrap();
    let node = Node::start(&backend.address, |settings| {
        settings.timeout = Setting::from_millis(500);
    });
    node.push(Signal::Metrics, 1, 4);
    node.until("the request is on its way", |_| backend.requests() == 1)
        .await;
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(node.settled().await.delivered_rows, 4);
    assert_eq!(backend.requests(), 1);
    assert!((node.attempts("OK") - 1.0).abs() < 0.1);
    elsewhere.shutdown_background();
}

#[tokio::test]
async fn the_backend_says_when_to_come_again() {
    let script = [
        retry_info(Code::ResourceExhausted, 50),
        retry_info(Code::Unavailable, 50),
    ];
    let backend = Backend::start(script).await;
    let node = Node::start(&backend.address, patient);
    let start = Instant::now();
    node.push(Signal::Logs, 1, 4);
    assert_eq!(node.settled().await.delivered_rows, 4);
    assert!(
        start.elapsed() >= Duration::from_millis(100),
        "both pauses were kept"
    );
}

#[tokio::test]
async fn what_the_backend_rejects_is_counted_and_not_repeated() {
    let backend = Backend::start([Answer::Partial(2, "bad\nrecords")]).await;
    let node = Node::start(&backend.address, |_| {});
    node.push(Signal::Logs, 1, 5);
    let books = node.settled().await;
    assert_eq!(
        (books.delivered_rows, dropped(&books, DropReason::Rejected)),
        (3, 2)
    );
    assert!((node.metric("otelcol_exporter_sent_log_records") - 3.0).abs() < 0.1);
    assert!((node.metric("otelcol_exporter_send_failed_log_records") - 2.0).abs() < 0.1);

    backend.always(Answer::Partial(7, ""));
    node.push(Signal::Metrics, 2, 3);
    let books = node.settled().await;
    assert_eq!(
        (books.delivered_rows, dropped(&books, DropReason::Rejected)),
        (3, 8),
        "seven points, at most six rows"
    );
    assert!((node.metric("otelcol_exporter_sent_metric_points") - 11.0).abs() < 0.1);

    backend.always(Answer::Partial(i64::MIN, "only a warning"));
    node.push(Signal::Metrics, 1, 1);
    let books = node.settled().await;
    assert_eq!(
        (books.delivered_rows, dropped(&books, DropReason::Rejected)),
        (4, 8)
    );
    assert_eq!(backend.requests(), 3);
}

#[tokio::test]
async fn what_will_never_be_taken_is_dropped_at_once() {
    let backend = Backend::start([fail(Code::InvalidArgument), fail(Code::ResourceExhausted)]).await;
    let node = Node::start(&backend.address, patient);
    node.push(Signal::Metrics, 1, 3);
    node.push(Signal::Logs, 1, 4);
    let books = node.settled().await;
    assert_eq!(
        (books.delivered_rows, dropped(&books, DropReason::Permanent)),
        (0, 7)
    );
    assert_eq!(backend.requests(), 2);
    assert!((node.metric("otelcol_exporter_send_failed_metric_points") - 9.0).abs() < 0.1);
}

#[tokio::test]
async fn without_retry_one_attempt_is_made() {
    let backend = Backend::start([fail(Code::Unavailable)]).await;
    let node = Node::start(&backend.address, |settings| {
        settings.retry_on_failure.enabled = false;
    });
    node.push(Signal::Metrics, 1, 3);
    let books = node.settled().await;
    assert_eq!(
        (dropped(&books, DropReason::Permanent), backend.requests()),
        (3, 1)
    );
}

#[tokio::test]
async fn a_backend_that_hangs_is_asked_again() {
    let backend = Backend::start([Answer::Hang, Answer::Hang, Answer::Hang, Answer::Hang]).await;
    let node = Node::start(&backend.address, |settings| {
        settings.timeout = Setting::from_millis(60);
    });
    node.push(Signal::Metrics, 1, 3);
    assert_eq!(node.settled().await.delivered_rows, 3);
    assert!(
        node.attempts("DEADLINE_EXCEEDED") >= 4.0,
        "also over the new connection that was made on the way"
    );
}

#[tokio::test]
async fn a_request_that_is_too_large_is_halved_until_it_fits() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let backend = Backend::on(listener, [], 4000, None);
    let node = Node::start(&backend.address, patient);
    node.push(Signal::Logs, 8, 20);
    let books = node.settled().await;
    assert_eq!((books.delivered_rows, backend.taken().1), (160, 160));
    assert!(node.attempts("OUT_OF_RANGE") >= 1.0, "{}", node.metrics());

    node.push(Signal::Logs, 1, 2000);
    let books = node.settled().await;
    assert_eq!(
        (books.delivered_rows, dropped(&books, DropReason::TooLarge)),
        (2160, 0),
        "a single frame is split by its rows"
    );
}

#[tokio::test]
async fn what_receivers_refuse_by_default_is_not_even_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let backend = Backend::on(listener, [], 4 << 20, None);
    let node = Node::start(&backend.address, patient);
    node.push(Signal::Logs, 1, 60_000);
    let books = node.settled().await;
    assert_eq!((books.delivered_rows, backend.taken().1), (60_000, 60_000));
    assert!(backend.requests() > 1, "it was more than one request may hold");
    assert!(!node.metrics().contains("OUT_OF_RANGE"), "{}", node.metrics());
}

#[tokio::test]
async fn only_one_row_that_is_too_large_alone_is_dropped() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let backend = Backend::on(listener, [], 10, None);
    let node = Node::start(&backend.address, patient);
    node.push(Signal::Logs, 1, 3);
    let books = node.settled().await;
    assert_eq!(
        (books.delivered_rows, dropped(&books, DropReason::TooLarge)),
        (0, 3)
    );
    assert_eq!(backend.taken(), (0, 0));
}

#[tokio::test]
async fn no_pause_is_longer_than_what_is_left_of_the_age() {
    let backend = Backend::start([]).await;
    backend.always(fail(Code::Unavailable));
    let node = Node::start(&backend.address, |settings| {
        patient(settings);
        settings.sending_queue.max_age = Setting::from_millis(300);
    });
    node.push(Signal::Metrics, 1, 3);
    let books = node.settled().await;
    assert_eq!(
        (dropped(&books, DropReason::QueueAge), backend.requests()),
        (3, 1)
    );
}

#[tokio::test]
async fn while_one_batch_waits_the_others_go_on() {
    let backend = Backend::start([fail(Code::Unavailable)]).await;
    let node = Node::start(&backend.address, patient);
    node.push(Signal::Metrics, 1, 3);
    node.wait("the first attempt was made", |_| backend.requests() == 1)
        .await;
    for _ in 0..10 {
        node.push(Signal::Logs, 1, 1);
    }
    let books = node
        .wait("the others arrived", |books| books.delivered_rows == 10)
        .await;
    assert_eq!(books.in_flight_rows, 3);
    let books = node.stop(Duration::from_secs(10)).await;
    assert_eq!(
        books.delivered_rows, 13,
        "when the node stops, nothing waits for its turn"
    );
}

#[tokio::test]
async fn when_the_deadline_passes_the_rest_is_dropped_for_shutdown() {
    let backend = Backend::start([]).await;
    backend.always(fail(Code::Unavailable));
    let node = Node::start(&backend.address, patient);
    let outlet = node.exporter.outlet(Signal::Metrics);
    for _ in 0..5 {
        node.push(Signal::Metrics, 1, 2);
    }
    node.wait("both consumers have tried", |_| backend.requests() == 2)
        .await;
    let books = Arc::clone(&node.books);
    let start = Instant::now();
    let after = node.stop(Duration::from_millis(800)).await;
    assert!(start.elapsed() < Duration::from_secs(5));
    assert_eq!(
        (after.delivered_rows, dropped(&after, DropReason::Shutdown)),
        (0, 10)
    );
    assert!(backend.requests() >= 4, "both consumers tried again at once");
    outlet.accept(batch(&books, 1, 7));
    assert_eq!(
        dropped(&books.snapshot(), DropReason::Shutdown),
        17,
        "who comes too late is told so"
    );
}

#[tokio::test]
async fn a_backend_that_comes_later_gets_everything() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let node = Node::start(&format!("http://{address}"), |settings| {
        settings.tls.insecure = false;
    });
    node.push(Signal::Metrics, 3, 3);
    for _ in 0..500 {
        tokio::time::sleep(Duration::from_millis(10)).await;
        if node.metrics().contains(r#"attempts_total{code="UNAVAILABLE""#) {
            break;
        }
    }
    assert!(node.attempts("UNAVAILABLE") >= 1.0);
    let backend = Backend::on(TcpListener::bind(address).await.unwrap(), [], 4 << 20, None);
    assert_eq!(node.settled().await.delivered_rows, 9);
    let requests = backend.requests();
    backend.stop().await;
    node.push(Signal::Logs, 1, 1);
    let backend = Backend::on(TcpListener::bind(address).await.unwrap(), [], 4 << 20, None);
    assert_eq!(node.settled().await.delivered_rows, 10);
    assert_eq!((requests, backend.requests()), (1, 1));
}

#[tokio::test]
async fn a_connection_that_breaks_is_made_again() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let node = Node::start(&listener.local_addr().unwrap(), |_| {});
    node.push(Signal::Metrics, 1, 3);
    for size in [1, 24, 200] {
        let (mut connection, _) = listener.accept().await.unwrap();
        connection.read_exact(&mut vec![0; size]).await.unwrap();
    }
    let backend = Backend::on(listener, [], 4 << 20, None);
    let books = node.settled().await;
    assert_eq!(
        (books.delivered_rows, books.dropped_total(), backend.requests()),
        (3, 0, 1)
    );
}

#[tokio::test]
async fn a_full_queue_drops_the_newcomer_and_an_old_batch_goes() {
    let backend = Backend::start([]).await;
    backend.always(fail(Code::Unavailable));
    let node = Node::start(&backend.address, |settings| {
        settings.sending_queue.num_consumers = 1;
        settings.sending_queue.queue_size = 2;
        settings.sending_queue.max_age = Setting::from_millis(400);
    });
    node.push(Signal::Metrics, 1, 1);
    node.wait("the consumer has the first", |_| backend.requests() > 0)
        .await;
    assert!(node.exporter.accepts());
    for rows in [2, 4, 8] {
        node.push(Signal::Metrics, 1, rows);
    }
    assert!(!node.exporter.accepts());
    assert!((node.metric("otelcol_exporter_queue_size") - 2.0).abs() < 0.1);
    assert!((node.metric("otelcol_exporter_queue_capacity") - 2.0).abs() < 0.1);
    assert!((node.metric("ringwatch_queue_refused_rows_total") - 8.0).abs() < 0.1);
    assert!(
        node.metrics()
            .contains("# TYPE ringwatch_queue_refused_rows_total counter")
    );
    let books = node.settled().await;
    assert_eq!(
        (
            dropped(&books, DropReason::QueueFull),
            dropped(&books, DropReason::QueueAge)
        ),
        (8, 7)
    );
}

#[tokio::test]
async fn nothing_is_sent_for_rows_that_give_nothing() {
    let backend = Backend::start([]).await;
    let node = Node::start(&backend.address, |_| {});
    node.push(Signal::Metrics, 2, 0);
    node.wait("the empty frames ended", |books| books.delivered_frames == 2)
        .await;
    assert_eq!(backend.requests(), 0);
}

#[tokio::test]
async fn faults_of_the_settings_show_at_the_start() {
    let start_as = |name: &str, settings: &OtlpExporter, registry: &Registry| {
        start_otlp(OtlpParts {
            name,
            settings,
            projections: projections(),
            version: "1",
            registry,
            standing: Arc::new(AlwaysSure),
            detect_rate_limits: true,
        })
    };
    let start = |change: &dyn Fn(&mut OtlpExporter)| {
        let mut settings = settings("collector:4317");
        change(&mut settings);
        start_as("otlp", &settings, &Registry::new())
            .map(|_| ())
            .unwrap_err()
    };
    let error = start(&|settings| settings.endpoint = "collector".into());
    assert!(matches!(&error, DeliverError::Endpoint { .. }), "{error}");
    let error = start(&|settings| {
        settings.tls = Tls {
            ca_file: Some("no/such/file.pem".into()),
            ..Tls::default()
        };
    });
    assert!(
        matches!(&error, DeliverError::File { key: "ca_file", .. }),
        "{error}"
    );
    let error = start(&|settings| {
        settings.tls = Tls {
            cert_file: Some("x".into()),
            ..Tls::default()
        }
    });
    assert!(matches!(&error, DeliverError::Tls { .. }), "{error}");
    let registry = Registry::new();
    let settings = settings("collector:4317");
    let _first = start_as("otlp", &settings, &registry).unwrap();
    let error = start_as("otlp", &settings, &registry).unwrap_err();
    assert!(matches!(&error, DeliverError::Metrics { .. }), "{error}");
    assert!(
        start_as("otlp/b", &settings, &registry).is_ok(),
        "each has series of its own"
    );
}

#[tokio::test]
async fn points_beyond_what_receivers_refuse_are_sent_in_halves_that_fit() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let backend = Backend::on(listener, [], 4 << 20, None);
    let node = Node::start(&backend.address, patient);
    node.push(Signal::Metrics, 1, 50_000);
    let books = node.settled().await;
    assert_eq!((books.delivered_rows, backend.taken().0), (50_000, 150_000));
    assert_eq!(backend.requests(), 2, "each is as large as it may be");
    assert!(!node.metrics().contains("OUT_OF_RANGE"), "{}", node.metrics());
}

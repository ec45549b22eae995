//! The circuit of an exporter against a real server: a backend that wants rest has it, and nothing is lost.

use std::time::Duration;

use ringwatch_config::Duration as Setting;
use ringwatch_config::settings::OtlpExporter;
use ringwatch_deliver::{CircuitState, Signal};
use ringwatch_frame::DropReason;
use tokio::net::TcpListener;
use tokio::time::Instant;
use tonic::{Code, Status};

use crate::backend::{Answer, Backend, retry_info};
use crate::node::Node;

/// Twenty consumers whose own back-off is longer than a test.
fn many(settings: &mut OtlpExporter) {
    settings.sending_queue.num_consumers = 20;
    settings.retry_on_failure.initial_interval = Setting::from_secs(3600);
    settings.retry_on_failure.max_interval = Setting::from_secs(3600);
}

fn rate_limited(node: &Node) -> f64 {
    node.metric(r#"ringwatch_exporter_rate_limited_total{exporter="otlp/test"}"#)
}

#[tokio::test]
async fn the_told_rest_is_kept_by_all_consumers_and_everything_arrives() {
    let backend = Backend::start([
        retry_info(Code::Unavailable, 400),
        retry_info(Code::Unavailable, 400),
    ])
    .await;
    let node = Node::start(&backend.address, many);
    let start = Instant::now();
    node.push(Signal::Metrics, 1, 2);
    node.until("it holds back", |node| {
        node.exporter.status().circuit == CircuitState::Open
    })
    .await;
    assert!((node.metric(r#"ringwatch_exporter_circuit_state{exporter="otlp/test"}"#) - 1.0).abs() < 0.1);
    for _ in 0..40 {
        node.push(Signal::Logs, 1, 1);
    }
    node.until("the probe was told the same", |_| backend.requests() >= 2)
        .await;
    let books = node.settled().await;
    assert!(
        start.elapsed() >= Duration::from_millis(800),
        "both rests were kept"
    );
    assert_eq!((books.delivered_rows, books.dropped_total()), (42, 0));
    assert_eq!(backend.requests(), 2 + 41, "nobody asked in between");
    assert!((rate_limited(&node) - 2.0).abs() < 0.1);
    let status = node.exporter.status();
    assert_eq!(
        (status.circuit, status.attempts, status.failures),
        (CircuitState::Closed, 43, 2)
    );
    assert!(status.last_success >= Some(start) && status.last_activity >= status.last_success);
    assert!(status.pending_share().abs() < f64::EPSILON);
}

#[tokio::test]
async fn a_limit_that_cannot_be_waited_for_by_its_batch_holds_the_others_back() {
    let backend = Backend::start([Answer::Fail(Status::new(Code::ResourceExhausted, "quota"))]).await;
    let node = Node::start(&backend.address, many);
    node.push(Signal::Metrics, 1, 3);
    let lost = |books: &ringwatch_frame::BooksSnapshot| books.dropped_rows[DropReason::Permanent as usize];
    node.wait("the batch is lost as before", |books| lost(books) == 3)
        .await;
    for _ in 0..30 {
        node.push(Signal::Logs, 1, 1);
    }
    node.until("all consumers have one", |node| {
        node.metric("otelcol_exporter_queue_size") < 10.5
    })
    .await;
    let status = node.exporter.status();
    assert_eq!((status.circuit, backend.requests()), (CircuitState::Open, 1));
    assert!(status.error_rate() > 0.9 && status.last_success.is_none());
    let books = node.stop(Duration::from_secs(10)).await;
    assert_eq!(books.delivered_rows, 30, "who stops asks all the same");
}

#[tokio::test]
async fn words_of_a_gateway_count_where_they_are_wanted() {
    for (detect, state) in [(true, CircuitState::Open), (false, CircuitState::Closed)] {
        let busy = Status::new(Code::Unavailable, "429 Too Many Requests");
        let backend = Backend::start([Answer::Fail(busy)]).await;
        let node = Node::start_with(&backend.address, detect, many);
        node.push(Signal::Metrics, 1, 3);
        node.until("the attempt ended", |node| node.exporter.status().failures == 1)
            .await;
        node.until("the circuit knows", |node| {
            node.exporter.status().circuit == state
        })
        .await;
        assert!((rate_limited(&node) - f64::from(u8::from(detect))).abs() < 0.1);
        let books = node.stop(Duration::from_secs(10)).await;
        assert_eq!((books.delivered_rows, books.dropped_total()), (3, 0));
    }
}

#[tokio::test]
async fn a_dead_backend_is_asked_by_one_at_a_time() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let node = Node::start(&address, many);
    for _ in 0..30 {
        node.push(Signal::Metrics, 1, 1);
    }
    node.until("it holds back", |node| {
        node.exporter.status().circuit == CircuitState::Open
    })
    .await;
    let backend = Backend::on(TcpListener::bind(address).await.unwrap(), [], 4 << 20, None);
    let books = node.stop(Duration::from_secs(30)).await;
    assert_eq!((books.delivered_rows, books.dropped_total()), (30, 0));
    assert_eq!(backend.requests(), 30, "none was sent twice");
}

//! The `prometheus` exporter over HTTP.

use std::sync::Arc;
use std::time::Duration;

use ringwatch_config::settings::PrometheusExporter;
use ringwatch_deliver::{DeliverError, start_prometheus};
use ringwatch_frame::{Books, Clock, Tick};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::testing::{batch, projections};

fn settings(endpoint: &str) -> PrometheusExporter {
    PrometheusExporter {
        endpoint: endpoint.parse().unwrap(),
        namespace: "rw".into(),
        const_labels: Default::default(),
        send_timestamps: false,
        metric_expiration: ringwatch_config::Duration::from_secs(300),
    }
}

#[tokio::test]
async fn a_prometheus_server_gets_the_page() {
    let clock = Clock::simulated(Tick::from_unix_nanos(0));
    let exporter = start_prometheus(
        "prometheus",
        &settings("127.0.0.1:0"),
        projections(),
        clock.clone(),
    )
    .await
    .unwrap();
    let books = Arc::new(Books::default());
    exporter.outlet().accept(batch(&books, 1, 2));
    assert_eq!(
        (books.snapshot().delivered_rows, books.snapshot().in_flight_bytes),
        (2, 0)
    );

    let taken = exporter.address().to_string();
    let error = start_prometheus("prometheus/b", &settings(&taken), projections(), clock)
        .await
        .unwrap_err();
    assert!(
        matches!(&error, DeliverError::Listen { address, .. } if *address == taken),
        "{error}"
    );

    let mut connection = TcpStream::connect(exporter.address()).await.unwrap();
    connection
        .write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    assert!(
        answer.contains("content-type: text/plain; version=0.0.4; charset=utf-8"),
        "{answer}"
    );
    assert!(
        answer.contains("# TYPE rw_people_calls_total counter\n"),
        "{answer}"
    );

    let address = exporter.address();
    exporter.stop(Instant::now() + Duration::from_secs(5)).await;
    assert!(
        TcpStream::connect(address).await.is_err(),
        "nobody listens any more"
    );
}

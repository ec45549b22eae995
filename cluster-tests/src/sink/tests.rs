//! The receiver asked by a real client.

use std::time::Duration;

use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use tonic::Code;
use tonic::transport::Channel;

use super::*;
use crate::wait;

fn attribute(key: &str, value: any_value::Value) -> KeyValue {
    KeyValue {
        key: key.into(),
        value: Some(AnyValue { value: Some(value) }),
        ..KeyValue::default()
    }
}

fn request(times: &[u64]) -> ExportMetricsServiceRequest {
    let point = |time: &u64| NumberDataPoint {
        time_unix_nano: *time,
        value: Some(number_data_point::Value::AsInt(7)),
        ..NumberDataPoint::default()
    };
    let gauge = Gauge {
        data_points: times.iter().map(point).collect(),
    };
    let metric = Metric {
        name: "m".into(),
        data: Some(metric::Data::Gauge(gauge)),
        ..Metric::default()
    };
    let resource = Resource {
        attributes: vec![
            attribute("server.address", any_value::Value::StringValue("db".into())),
            attribute("server.port", any_value::Value::IntValue(5432)),
        ],
        ..Resource::default()
    };
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(resource),
            scope_metrics: vec![ScopeMetrics {
                metrics: vec![metric],
                ..ScopeMetrics::default()
            }],
            ..ResourceMetrics::default()
        }],
    }
}

async fn client(sink: &Sink) -> MetricsServiceClient<Channel> {
    let client = MetricsServiceClient::connect(format!("http://{}", sink.endpoint()))
        .await
        .unwrap();
    client.send_compressed(CompressionEncoding::Zstd)
}

#[tokio::test]
async fn answers_by_the_script_and_enters_what_it_takes() {
    let sink = Sink::start(Memory::OF_A_TEST).await.unwrap();
    let mut client = client(&sink).await;
    client.export(request(&[10, 20])).await.unwrap();
    assert_eq!(
        sink.look(|l| l.targets.clone()),
        [("db:5432".to_owned(), 20)].into()
    );

    sink.script(Answer::Unavailable);
    assert_eq!(
        client.export(request(&[30])).await.unwrap_err().code(),
        Code::Unavailable
    );
    sink.script(Answer::Refuse);
    assert_eq!(
        client.export(request(&[30])).await.unwrap_err().code(),
        Code::InvalidArgument
    );
    sink.script(Answer::Partial(1));
    let partial = client
        .export(request(&[30, 40]))
        .await
        .unwrap()
        .into_inner()
        .partial_success
        .unwrap();
    assert_eq!(partial.rejected_data_points, 1);
    sink.script(Answer::Slow(Duration::from_millis(20)));
    client.export(request(&[40, 40])).await.unwrap();
    sink.script(Answer::Hang);
    let hung = tokio::time::timeout(Duration::from_millis(80), client.export(request(&[50]))).await;
    assert!(hung.is_err());

    let expected = Given {
        accepted: 2,
        unavailable: 1,
        refused: 1,
        partial: 1,
        rejected: 1,
        slow: 1,
        hung: 1,
    };
    assert_eq!(sink.given(), expected);
    assert_eq!(sink.look(|l| (l.points, l.doubles(), l.gap_count())), (5, 1, 0));
}

#[tokio::test]
async fn down_cuts_connections_and_up_is_the_same_address() {
    let mut sink = Sink::start(Memory::OF_A_TEST).await.unwrap();
    let mut old = client(&sink).await;
    old.export(request(&[10])).await.unwrap();
    let endpoint = sink.endpoint();
    sink.down();
    // The runtime that listens ends in the background.
    wait::until("a closed listener", Duration::from_secs(10), async || {
        let connected = MetricsServiceClient::connect(format!("http://{endpoint}")).await;
        wait::when(connected.is_err(), || "it still listens".into())
    })
    .await
    .unwrap();
    assert!(old.export(request(&[20])).await.is_err());
    sink.up().await.unwrap();
    assert_eq!(sink.endpoint(), endpoint);
    client(&sink).await.export(request(&[30])).await.unwrap();
    assert_eq!(sink.look(|l| (l.points, l.doubles())), (2, 0));
}

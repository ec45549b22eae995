//! The `otlp` exporter over TLS.

use ringwatch_config::settings::Tls;
use ringwatch_deliver::Signal;
use tokio::net::TcpListener;
use tonic::transport::{Certificate, Identity, ServerTlsConfig};

use crate::backend::Backend;
use crate::node::Node;

/// A certificate for `name` that signs itself, and its key, in PEM.
fn certificate(name: &str) -> (String, String) {
    let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

async fn backend(server: &(String, String), client: &str) -> Backend {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let tls = ServerTlsConfig::new()
        .identity(Identity::from_pem(&server.0, &server.1))
        .client_ca_root(Certificate::from_pem(client))
        .client_auth_optional(true);
    Backend::on(listener, [], 4 << 20, Some(tls))
}

/// How many of ten rows arrive with these settings.
async fn delivered(backend: &Backend, tls: Tls) -> u64 {
    let node = Node::start(&backend.address, |settings| {
        settings.tls = tls;
        settings.retry_on_failure.enabled = false;
    });
    node.push(Signal::Metrics, 1, 10);
    node.wait("every row has ended", |books| books.in_flight_rows == 0)
        .await
        .delivered_rows
}

#[tokio::test]
async fn the_backend_is_verified_unless_the_settings_say_otherwise() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        Some(path.to_str().unwrap().to_owned())
    };
    let (server, client, stranger) = (
        certificate("backend.test"),
        certificate("node.test"),
        certificate("backend.test"),
    );
    let backend = backend(&server, &client.0).await;
    let ca_file = file("ca.pem", &server.0);
    let server_name_override = Some("backend.test".to_owned());

    let good = Tls {
        ca_file: ca_file.clone(),
        server_name_override: server_name_override.clone(),
        ..Tls::default()
    };
    assert_eq!(delivered(&backend, good.clone()).await, 10);
    let mutual = Tls {
        cert_file: file("c.pem", &client.0),
        key_file: file("k.pem", &client.1),
        ..good.clone()
    };
    assert_eq!(delivered(&backend, mutual).await, 10);
    let other_name = Tls {
        server_name_override: None,
        ..good.clone()
    };
    assert_eq!(
        delivered(&backend, other_name).await,
        0,
        "the certificate is not for 127.0.0.1"
    );
    let other_authority = Tls {
        ca_file: file("other.pem", &stranger.0),
        ..good
    };
    assert_eq!(delivered(&backend, other_authority).await, 0);
    assert_eq!(
        delivered(&backend, Tls::default()).await,
        0,
        "the system does not know the authority"
    );
    let unverified = Tls {
        insecure_skip_verify: true,
        ..Tls::default()
    };
    assert_eq!(delivered(&backend, unverified).await, 10);
}

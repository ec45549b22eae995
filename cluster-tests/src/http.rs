//! The smallest HTTP client: one GET, one answer.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body, as text.
    pub body: String,
}

/// Asks `GET path` of 127.0.0.1:`port`. HTTP/1.0, so that the body is plain and ends with the connection.
///
/// # Errors
/// Nothing listens, it does not answer within five seconds, or the answer is not HTTP.
pub async fn get(port: u16, path: &str) -> Result<Answer> {
    let exchange = async {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
        stream
            .write_all(format!("GET {path} HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n").as_bytes())
            .await?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).await?;
        anyhow::Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    let text = timeout(Duration::from_secs(5), exchange)
        .await
        .with_context(|| format!("no answer from 127.0.0.1:{port}{path} within 5 s"))?
        .with_context(|| format!("ask 127.0.0.1:{port}{path}"))?;
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        bail!("127.0.0.1:{port}{path} does not speak HTTP");
    };
    let status = head
        .split_whitespace()
        .nth(1)
        .and_then(|s| s.parse().ok())
        .context("no status code")?;
    Ok(Answer {
        status,
        body: body.to_owned(),
    })
}

//! Connections to peers: one per address, opened when it is needed, given up when nobody uses it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tonic::codegen::http::Uri;
use tonic::transport::{Channel, Endpoint};

use super::CallError;
use super::throttle::clean;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_millis(500);
/// A peer that does not answer a ping for so long is gone.
const PING: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(2));
/// How long a connection is kept that nobody uses.
const UNUSED: Duration = Duration::from_secs(60);
/// How many are kept.
const MOST: usize = 1024;

/// The connections by address.
#[derive(Debug, Default)]
pub(super) struct Channels(Mutex<HashMap<String, Used>>);

#[derive(Debug)]
struct Used {
    channel: Channel,
    last: Instant,
}

impl Channels {
    /// The connection to `address`, `host:port`. It is opened by the first call on it, and again when it has
    /// broken.
    pub(super) fn to(&self, address: &str) -> Result<Channel, CallError> {
        let now = Instant::now();
        let mut channels = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        channels.retain(|name, used| name == address || now.duration_since(used.last) < UNUSED);
        if let Some(used) = channels.get_mut(address) {
            used.last = now;
            return Ok(used.channel.clone());
        }
        let channel = endpoint(address)?.connect_lazy();
        if channels.len() >= MOST {
            let oldest = channels.iter().min_by_key(|(_, used)| used.last);
            let oldest = oldest.map(|(name, _)| name.clone());
            oldest.and_then(|oldest| channels.remove(&oldest));
        }
        let used = Used {
            channel: channel.clone(),
            last: now,
        };
        channels.insert(address.to_owned(), used);
        Ok(channel)
    }
}

/// Addresses come from the gossip: they may hold anything.
fn endpoint(address: &str) -> Result<Endpoint, CallError> {
    let wrong = || CallError::Unreachable(format!("`{}` is not host:port", clean(address)));
    let uri: Uri = format!("http://{address}/").parse().map_err(|_| wrong())?;
    let plain = uri.authority().is_some_and(|authority| {
        authority.as_str() == address && !address.contains('@') && authority.port().is_some()
    });
    if !plain {
        return Err(wrong());
    }
    let endpoint = Endpoint::from(uri)
        .connect_timeout(CONNECT)
        .tcp_nodelay(true)
        .http2_keep_alive_interval(PING.0)
        .keep_alive_timeout(PING.1)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(1024 * 1024)
        .initial_connection_window_size(4 * 1024 * 1024);
    Ok(endpoint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_host_and_port_are_an_address() {
        for good in ["127.0.0.1:7947", "node-1.ringwatch:7947", "[::1]:7947"] {
            assert!(endpoint(good).is_ok(), "{good}");
        }
        for bad in ["", "host", "user@host:1", "host:1/path", "a b:1", ":", "\n:1"] {
            assert!(endpoint(bad).is_err(), "{bad}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn unused_and_surplus_connections_are_given_up() {
        let channels = Channels::default();
        for port in 1..=MOST + 1 {
            channels.to(&format!("127.0.0.1:{port}")).unwrap();
        }
        assert_eq!(channels.0.lock().unwrap().len(), MOST);
        tokio::time::advance(UNUSED).await;
        channels.to("127.0.0.1:1").unwrap();
        assert_eq!(channels.0.lock().unwrap().len(), 1);
    }
}

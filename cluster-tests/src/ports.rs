//! Free ports.

use std::net::{TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use anyhow::{Context, Result};

/// Below the range from which the system takes ports for outgoing connections: a client that tries a closed port
/// in that range again and again may end up connected to itself.
const FIRST: u32 = 20_000;
const COUNT: u32 = 12_000;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A port of 127.0.0.1 on which nothing listens, over TCP or UDP. Processes start their search at different places.
pub fn free_port() -> Result<u16> {
    let start = std::process::id().wrapping_mul(61);
    (0..COUNT)
        .find_map(|_| {
            let place = start.wrapping_add(NEXT.fetch_add(1, Relaxed)) % COUNT;
            let port = u16::try_from(FIRST + place).ok()?;
            let tcp = TcpListener::bind(("127.0.0.1", port)).ok()?;
            let udp = UdpSocket::bind(("127.0.0.1", port)).ok()?;
            drop((tcp, udp));
            Some(port)
        })
        .context("no free port between 20000 and 32000")
}

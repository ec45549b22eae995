//! Cuts lose what they are to lose, one way or both, and nothing else; healed, all is as before.

use std::net::UdpSocket;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use ringwatch_cluster_tests::chaos::network::{databases, place};
use ringwatch_cluster_tests::chaos::{Network, Side};

use super::apart;

/// Sends a datagram from a node's network; gives whether it arrived.
fn arrives(from: usize, at: &UdpSocket) -> Result<bool> {
    let script = format!(
        "echo x > /dev/udp/{}",
        at.local_addr()?.to_string().replace(':', "/")
    );
    let network = place(from).network.unwrap_or_default();
    let status = Command::new("nsenter")
        .arg(format!("--net={}", network.display()))
        .args(["bash", "-c", &script])
        .status()?;
    ensure!(status.success(), "the sender sees an error: {status}");
    let mut buffer = [0; 16];
    Ok(at.recv(&mut buffer).is_ok())
}

/// Connects from a node's network; gives whether it succeeds.
fn connects(from: usize, to: &std::net::TcpListener) -> Result<bool> {
    let script = format!(
        "exec 3<>/dev/tcp/{}",
        to.local_addr()?.to_string().replace(':', "/")
    );
    let network = place(from).network.unwrap_or_default();
    let status = Command::new("nsenter")
        .arg(format!("--net={}", network.display()))
        .args(["timeout", "0.5", "bash", "-c", &script])
        .status()?;
    Ok(status.success())
}

#[test]
fn cuts_lose_what_they_are_to_lose() -> Result<()> {
    let test = "chaos::network::cuts_lose_what_they_are_to_lose";
    apart("chaos_network", test, async |_| {
        let network = Network::new(2, 1)?;
        let address = databases(1).concat();
        let socket = UdpSocket::bind((address.as_str(), 0))?;
        socket.set_read_timeout(Some(Duration::from_millis(300)))?;
        let listener = std::net::TcpListener::bind((address.as_str(), 0))?;
        let all = |n| anyhow::Ok((arrives(n, &socket)?, connects(n, &listener)?));
        ensure!(
            all(0)? == (true, true) && all(1)? == (true, true),
            "there is no network"
        );

        let there = network.cut(Side::Node(0), Side::Database)?;
        ensure!(all(0)? == (false, false), "a cut lets through");
        ensure!(all(1)? == (true, true), "the cut of one is the other's too");
        let back = network.cut(Side::Database, Side::Node(0))?;
        drop(there);
        ensure!(all(0)? == (true, false), "a cut of one way is not of that way");
        drop(back);
        ensure!(all(0)? == (true, true), "a healed cut still cuts");

        let strait = network.narrow(0, 1_000)?;
        ensure!(all(0)? == (true, true), "a narrow way is closed");
        drop(strait);
        ensure!(network.narrow(0, 1_000).is_ok(), "a way that was narrow is still");
        Ok(())
    })
}

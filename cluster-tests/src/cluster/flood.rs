//! A flood of garbage at a gossip port, and what it costs the node.

use std::fmt;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::process::Process;

/// A flood.
#[derive(Clone, Copy, Debug)]
pub struct Flood {
    /// Datagrams a second.
    pub rate: u32,
    /// For how long.
    pub time: Duration,
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// Datagrams sent.
    pub sent: u64,
    /// In this time.
    pub time: Duration,
    /// Processor time of the node meanwhile, in percent of one core, with all that it did besides.
    pub cpu_percent: f64,
}

impl Flood {
    /// Sends it to `to` and looks at `process`. Each datagram is 0 to 1 400 random bytes.
    ///
    /// # Errors
    /// No port is free, or the process has ended.
    pub async fn at(&self, to: SocketAddr, process: &Process) -> Result<Figures> {
        const STEP: Duration = Duration::from_millis(2);
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        let garbage: Vec<Vec<u8>> = (0..256).map(|_| datagram()).collect();
        let (begun, cpu) = (Instant::now(), process.cpu_time()?);
        let mut steps = interval(STEP);
        steps.set_missed_tick_behavior(MissedTickBehavior::Burst);
        let mut sent = 0;
        while begun.elapsed() < self.time {
            steps.tick().await;
            let due = begun.elapsed().as_micros() * u128::from(self.rate) / 1_000_000;
            while u128::from(sent) < due {
                // A full buffer at the receiver is the receiver's matter; here it is not even seen.
                let _ = socket.send_to(&garbage[fastrand::usize(..garbage.len())], to);
                sent += 1;
            }
        }
        let time = begun.elapsed();
        let used = process.cpu_time()?.saturating_sub(cpu);
        Ok(Figures {
            sent,
            time,
            cpu_percent: used.as_secs_f64() / time.as_secs_f64() * 100.0,
        })
    }
}

fn datagram() -> Vec<u8> {
    let length = fastrand::usize(..=1_400);
    std::iter::repeat_with(|| fastrand::u8(..)).take(length).collect()
}

impl Figures {
    /// Datagrams a second.
    #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
    pub fn per_second(&self) -> f64 {
        self.sent as f64 / self.time.as_secs_f64()
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} datagrams, {:.0} a second; the node used {:.1} % of a core",
            self.sent,
            self.per_second(),
            self.cpu_percent
        )
    }
}

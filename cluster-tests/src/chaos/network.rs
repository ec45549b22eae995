//! A network of networks: every node in a namespace of its own, joined by a router in another one.
//!
//! ```text
//! node-0 10.77.0.2 --- 10.77.0.1 \
//! node-1 10.77.1.2 --- 10.77.1.1 - router --- the harness: databases 10.77.201.1 and on, receiver 10.77.202.1,
//! node-2 10.77.2.2 --- 10.77.2.1 /            relays 10.77.203.1 and on
//! ```
//! Cuts are rules of the router, so that what is cut is lost without a word, one way or both; the sender sees no error.
//! It works in a [`super::apart`] only.

use std::collections::BTreeSet;
use std::fmt;
use std::net::Ipv4Addr;
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result, ensure};

use super::apart;
use crate::node::Place;

const ROUTER: &str = "router";
const NETWORK: &str = "10.77.0.0/16";
const DATABASES: &str = "10.77.201.0/24";
/// The receiver's address.
pub const SINK: Ipv4Addr = Ipv4Addr::new(10, 77, 202, 1);

/// A side of a cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// The node in this seat.
    Node(usize),
    /// All databases.
    Database,
    /// The receiver.
    Sink,
}

impl Side {
    fn prefix(self) -> String {
        match self {
            Self::Node(n) => format!("{}/32", address(n)),
            Self::Database => DATABASES.into(),
            Self::Sink => format!("{SINK}/32"),
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Node(n) => write!(f, "node-{n}"),
            Self::Database => f.write_str("the database"),
            Self::Sink => f.write_str("the receiver"),
        }
    }
}

/// The address of the node in this seat.
pub fn address(n: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, octet(n), 2)
}

/// The address of the relay before the node in this seat.
pub fn front(n: usize) -> Ipv4Addr {
    Ipv4Addr::new(10, 77, 203, octet(n).saturating_add(1))
}

/// The addresses of a database under so many names.
pub fn databases(count: usize) -> Vec<String> {
    (1..=count)
        .map(|n| Ipv4Addr::new(10, 77, 201, octet(n)).to_string())
        .collect()
}

/// Where the node in this seat lives.
pub fn place(n: usize) -> Place {
    Place {
        address: address(n),
        front: None,
        network: Some(format!("/run/netns/{}", namespace(n)).into()),
        environment: Vec::new(),
    }
}

/// The same where others reach it by a relay.
pub fn place_behind_relay(n: usize) -> Place {
    Place {
        front: Some(front(n)),
        ..place(n)
    }
}

fn namespace(n: usize) -> String {
    format!("node-{n}")
}

fn octet(n: usize) -> u8 {
    u8::try_from(n).unwrap_or(u8::MAX)
}

/// The networks. They are taken away when this is dropped, and in any case when the machine apart ends.
#[derive(Debug)]
pub struct Network {
    seats: usize,
    own: Vec<String>,
    rules: Arc<Mutex<BTreeSet<u32>>>,
}

impl Network {
    /// Makes the networks of so many seats, and addresses for a database under so many names.
    ///
    /// # Errors
    /// This is no machine apart, or the system refuses; there can be one of them.
    pub fn new(seats: usize, names: usize) -> Result<Self> {
        ensure!(apart::inside(), "networks are made in a machine apart only");
        ensure!(seats <= 100 && names <= 60, "too many seats or names");
        ip(&format!("netns add {ROUTER}"))?;
        ip(&format!("-n {ROUTER} link set lo up"))?;
        run(
            "nsenter",
            &format!("--net=/run/netns/{ROUTER} sysctl -qw net.ipv4.ip_forward=1"),
        )?;
        ip(&format!("link add door type veth peer name hub netns {ROUTER}"))?;
        ip("addr add 10.77.200.2/24 dev door")?;
        ip("link set door up")?;
        ip(&format!("-n {ROUTER} addr add 10.77.200.1/24 dev hub"))?;
        ip(&format!("-n {ROUTER} link set hub up"))?;
        ip(&format!("route add {NETWORK} via 10.77.200.1"))?;
        for of_harness in [DATABASES, "10.77.202.0/24", "10.77.203.0/24"] {
            ip(&format!("-n {ROUTER} route add {of_harness} via 10.77.200.2"))?;
        }
        let fronts = (0..seats).map(|n| front(n).to_string());
        let own: Vec<String> = databases(names)
            .into_iter()
            .chain([SINK.to_string()])
            .chain(fronts)
            .collect();
        for own in &own {
            ip(&format!("addr add {own}/32 dev lo"))?;
        }
        for n in 0..seats {
            join(n)?;
        }
        Ok(Self {
            seats,
            own,
            rules: Arc::default(),
        })
    }

    /// For how many nodes there are networks.
    pub fn seats(&self) -> usize {
        self.seats
    }

    /// Loses whatever goes from one side to another, until the cut is dropped.
    ///
    /// # Errors
    /// The router refuses.
    pub fn cut(&self, from: Side, to: Side) -> Result<Cut> {
        let number = {
            let mut rules = self.rules.lock().unwrap_or_else(PoisonError::into_inner);
            let number = (100..).find(|n| !rules.contains(n)).unwrap_or(100);
            rules.insert(number);
            number
        };
        let cut = Cut {
            number,
            rules: Arc::clone(&self.rules),
        };
        let (a, b) = (from.prefix(), to.prefix());
        ip(&format!(
            "-n {ROUTER} rule add pref {number} from {a} to {b} blackhole"
        ))?;
        // Routes that were looked up before the rule are not looked up again.
        ip(&format!("-n {ROUTER} route flush cache"))?;
        Ok(cut)
    }

    /// Loses whatever goes between them, either way.
    ///
    /// # Errors
    /// The router refuses.
    pub fn part(&self, one: Side, other: Side) -> Result<Vec<Cut>> {
        Ok(vec![self.cut(one, other)?, self.cut(other, one)?])
    }

    /// Parts each of one group of nodes from each of another.
    ///
    /// # Errors
    /// The router refuses.
    pub fn divide(&self, some: &[usize], others: &[usize]) -> Result<Vec<Cut>> {
        let mut cuts = Vec::new();
        for one in some {
            for other in others {
                cuts.extend(self.part(Side::Node(*one), Side::Node(*other))?);
            }
        }
        Ok(cuts)
    }

    /// Lets only so many kilobits a second through to a node and from it, until the strait is dropped.
    ///
    /// # Errors
    /// The system has no such queue.
    pub fn narrow(&self, n: usize, kilobits: u32) -> Result<Strait> {
        let strait = Strait(n);
        let queue = format!("root tbf rate {kilobits}kbit burst 16kb latency 500ms");
        tc(&format!("-n {ROUTER} qdisc add dev to-{n} {queue}"))?;
        tc(&format!("-n {} qdisc add dev uplink {queue}", namespace(n)))?;
        Ok(strait)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        let nodes = (0..self.seats).map(namespace);
        let gone = ["link del door".to_owned()]
            .into_iter()
            .chain(self.own.iter().map(|own| format!("addr del {own}/32 dev lo")))
            .chain(
                nodes
                    .chain([ROUTER.into()])
                    .map(|name| format!("netns del {name}")),
            );
        for arguments in gone {
            if let Err(fault) = ip(&arguments) {
                eprintln!("a network is not taken away: {fault:#}");
            }
        }
    }
}

/// The network of a seat.
fn join(n: usize) -> Result<()> {
    let (name, own, gate) = (namespace(n), address(n), format!("10.77.{n}.1"));
    ip(&format!("netns add {name}"))?;
    ip(&format!(
        "link add to-{n} netns {ROUTER} type veth peer name uplink netns {name}"
    ))?;
    ip(&format!("-n {ROUTER} addr add {gate}/24 dev to-{n}"))?;
    ip(&format!("-n {ROUTER} link set to-{n} up"))?;
    ip(&format!("-n {name} link set lo up"))?;
    ip(&format!("-n {name} addr add {own}/24 dev uplink"))?;
    ip(&format!("-n {name} link set uplink up"))?;
    ip(&format!("-n {name} route add default via {gate}"))
}

/// A one-way cut. Dropping it heals it.
#[derive(Debug)]
pub struct Cut {
    number: u32,
    rules: Arc<Mutex<BTreeSet<u32>>>,
}

impl Drop for Cut {
    fn drop(&mut self) {
        let gone = ip(&format!("-n {ROUTER} rule del pref {}", self.number))
            .and_then(|()| ip(&format!("-n {ROUTER} route flush cache")));
        if let Err(fault) = gone {
            eprintln!("a cut is not healed: {fault:#}");
        }
        self.rules
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.number);
    }
}

/// A node behind a narrow way. Dropping it widens the way.
#[derive(Debug)]
pub struct Strait(usize);

impl Drop for Strait {
    fn drop(&mut self) {
        let n = self.0;
        // Where making it failed, there may be none.
        let _ = tc(&format!("-n {ROUTER} qdisc del dev to-{n} root"));
        let _ = tc(&format!("-n {} qdisc del dev uplink root", namespace(n)));
    }
}

fn ip(arguments: &str) -> Result<()> {
    run("ip", arguments)
}

fn tc(arguments: &str) -> Result<()> {
    run("tc", arguments)
}

fn run(program: &str, arguments: &str) -> Result<()> {
    let output = Command::new(program)
        .args(arguments.split_whitespace())
        .output()
        .with_context(|| format!("run {program}"))?;
    ensure!(
        output.status.success(),
        "{program} {arguments}: {}: {}",
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    Ok(())
}

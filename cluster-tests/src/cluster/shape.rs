//! What a cluster is to be like.

use std::path::Path;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use super::Seat;
use crate::node::{Every, NodeConfig, Place};
use crate::postgres::{MONITOR, MONITOR_PASSWORD, Server};

/// Which gossip addresses a node has as its seeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seeds {
    /// Those of the first three seats, its own perhaps among them: every node has the same list.
    FirstThree,
    /// That of the first seat alone.
    First,
}

/// What a cluster is to be like.
#[derive(Clone, Debug)]
pub struct Shape {
    /// The cluster's name.
    pub name: String,
    /// How long a node that came back waits for its targets.
    pub hold_down: &'static str,
    /// Which seeds the nodes have.
    pub seeds: Seeds,
    /// The servers that are watched.
    pub endpoints: Vec<String>,
    /// How often.
    pub every: Every,
    /// Where the frames go.
    pub sink: String,
    /// Whether every node logs in at the servers under a role of its own ([`Shape::role`]), so that their logs tell who
    /// asked. The roles are made by [`Shape::make_roles`].
    pub roles: bool,
    /// Whether every node has a disk ([`Seat::disk`]). Without, all that it knew goes with its process.
    pub disks: bool,
    /// What is changed in each node's configuration besides.
    pub adapt: fn(&mut NodeConfig),
    /// Where the node of a seat lives.
    pub place: fn(usize) -> Place,
}

impl Shape {
    /// A cluster that watches `endpoints` and sends to the receiver at `sink`. A node that returns waits three seconds.
    pub fn new(endpoints: &[String], sink: &str, every: Every) -> Self {
        Self {
            name: "scene".into(),
            hold_down: "3s",
            seeds: Seeds::FirstThree,
            endpoints: endpoints.to_vec(),
            every,
            sink: sink.into(),
            roles: false,
            disks: true,
            adapt: |_| {},
            place: |_| Place::HERE,
        }
    }

    /// The role of the node in seat `n`.
    pub fn role(n: usize) -> String {
        format!("{MONITOR}_{n}")
    }

    /// Makes the roles of the first `count` seats at a server.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn make_roles(server: &Server, count: usize) -> Result<()> {
        let of = |n| {
            let role = Self::role(n);
            format!("create role {role} login password '{MONITOR_PASSWORD}'; grant pg_monitor to {role};")
        };
        let sql: String = (0..count).map(of).collect();
        server.execute("postgres", &sql).await
    }

    /// The configuration of seat `n` of these.
    pub(super) fn config(&self, seats: &[Seat], n: usize, key_file: &Path) -> Result<NodeConfig> {
        let seeds = match self.seeds {
            Seeds::FirstThree => seats.iter().take(3),
            Seeds::First => seats.iter().take(1),
        };
        let seeds: Vec<String> = seeds.map(Seat::gossip_address).collect();
        let mut config = NodeConfig::new(&self.endpoints, &self.sink, self.every);
        if self.roles {
            config = config.receiver("username", json!(Self::role(n)));
        }
        config.cluster = serde_json::from_value(json!({
            "name": self.name,
            "node_id": seats[n].id(),
            "hold_down": self.hold_down,
            "gossip": { "seeds": seeds, "key_file": key_file },
        }))?;
        if self.disks {
            config
                .cluster
                .insert("data_dir".into(), json!(seats[n].disk().folder()));
        }
        (self.adapt)(&mut config);
        Ok(config)
    }
}

/// The text of a key file with one new key. It keeps strangers out of a test, nothing more.
pub fn new_key() -> String {
    let key: [u8; 32] = std::array::from_fn(|_| fastrand::u8(..));
    STANDARD.encode(key)
}

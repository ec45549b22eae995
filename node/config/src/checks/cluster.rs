//! Section `cluster`: names that every node can send, and addresses that every node can call.

use std::collections::HashMap;

use super::at;
use crate::fault::Complaint;
use crate::scalar::{Duration, Endpoint};
use crate::settings::{Cluster, Gossip, Raft};

const LONGEST_NAME: usize = 128;
const REPLACE_AFTER: std::ops::RangeInclusive<Duration> =
    Duration::from_secs(1)..=Duration::from_secs(86_400);
const LONGEST_HOLD_DOWN: Duration = Duration::from_secs(3600);

pub(super) fn check(cluster: &Cluster, found: &mut Vec<Complaint>) {
    let path = ["cluster".to_owned()];
    names(&path, cluster, found);
    if cluster.hold_down > LONGEST_HOLD_DOWN {
        found.push(Complaint::new(
            at(&path, "hold_down"),
            "`hold_down` must be at most 1h",
        ));
    }
    if cluster.data_dir.as_deref() == Some("") {
        let message = "`data_dir` is empty; name a folder, or leave the key out";
        found.push(Complaint::new(at(&path, "data_dir"), message));
    }
    raft(&at(&path, "raft"), &cluster.raft, found);
    let grpc = at(&path, "grpc");
    if let Some(advertise) = &cluster.grpc.advertise {
        callable(&at(&grpc, "advertise"), "advertise", advertise, found);
    }
    if let Some(gossip) = &cluster.gossip {
        check_gossip(&at(&path, "gossip"), gossip, found);
        let listen = at(&grpc, "listen");
        advertised(
            &listen,
            &cluster.grpc.listen,
            cluster.grpc.advertise.as_ref(),
            found,
        );
        within_reach(&listen, cluster, gossip, found);
    }
}

fn names(path: &[String], cluster: &Cluster, found: &mut Vec<Complaint>) {
    let fits =
        |text: &str, good: fn(u8) -> bool| (1..=LONGEST_NAME).contains(&text.len()) && text.bytes().all(good);
    if !fits(&cluster.name, |byte| byte == b' ' || byte.is_ascii_graphic()) {
        let message = "`name` needs 1 to 128 printable ASCII characters";
        found.push(Complaint::new(at(path, "name"), message));
    }
    let node_id = cluster.node_id.as_deref();
    if node_id.is_some_and(|id| !fits(id, |byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))) {
        let message = "`node_id` needs 1 to 128 letters, digits, dots, dashes and underscores";
        found.push(Complaint::new(at(path, "node_id"), message));
    }
}

/// An even number of voters bears no more losses than one less.
fn raft(path: &[String], raft: &Raft, found: &mut Vec<Complaint>) {
    if raft.voters != 3 && raft.voters != 5 {
        let message = "`voters` must be 3 or 5: of an even number no more may be away than of one less";
        found.push(Complaint::new(at(path, "voters"), message));
    }
    if !REPLACE_AFTER.contains(&raft.replace_after) {
        let message = "`replace_after` must be from 1s to 24h";
        found.push(Complaint::new(at(path, "replace_after"), message));
    }
}

fn check_gossip(path: &[String], gossip: &Gossip, found: &mut Vec<Complaint>) {
    if let Some(advertise) = &gossip.advertise {
        callable(&at(path, "advertise"), "advertise", advertise, found);
    }
    advertised(
        &at(path, "listen"),
        &gossip.listen,
        gossip.advertise.as_ref(),
        found,
    );
    let mut seen: HashMap<(String, u16), usize> = HashMap::new();
    for (index, seed) in gossip.seeds.iter().enumerate() {
        let path = at(&at(path, "seeds"), &index.to_string());
        callable(&path, &format!("seeds[{index}]"), seed, found);
        let first = *seen.entry((seed.host.to_lowercase(), seed.port)).or_insert(index);
        if first != index {
            let message = format!("the same address as `seeds[{first}]`; name each seed once");
            found.push(Complaint::new(path, message));
        }
    }
    if gossip.key_file.as_deref() == Some("") {
        let message = "`key_file` is empty; name a file, or leave the key out";
        found.push(Complaint::new(at(path, "key_file"), message));
    }
}

/// What listens on every address of the machine has none that could be told to others.
fn advertised(path: &[String], listen: &Endpoint, advertise: Option<&Endpoint>, found: &mut Vec<Complaint>) {
    if advertise.is_none() && listen.is_unspecified() {
        let message = "`listen` names every address of this machine, and other nodes need one of them; add \
                       `advertise` beside it, with the host:port at which they reach this node";
        found.push(Complaint::new(path.to_vec(), message));
    }
}

/// An address that others call names a machine and a port.
fn callable(path: &[String], name: &str, address: &Endpoint, found: &mut Vec<Complaint>) {
    if address.is_unspecified() {
        let message = format!("`{name}` names every address of a machine; name the one that others call");
        found.push(Complaint::new(path.to_vec(), message));
    }
    if address.port == 0 {
        let message = format!("`{name}` needs a port from 1 to 65535");
        found.push(Complaint::new(path.to_vec(), message));
    }
}

/// Nodes that are met by gossip are called over gRPC too.
fn within_reach(path: &[String], cluster: &Cluster, gossip: &Gossip, found: &mut Vec<Complaint>) {
    let called = |listen: &Endpoint, advertise: Option<&Endpoint>| advertise.unwrap_or(listen).clone();
    let gossip = called(&gossip.listen, gossip.advertise.as_ref());
    let grpc = called(&cluster.grpc.listen, cluster.grpc.advertise.as_ref());
    if grpc.is_loopback() && !gossip.is_loopback() && !gossip.is_unspecified() {
        let message = "other machines reach the gossip of this node and not its gRPC port; give \
                       `cluster.grpc.listen` an address that they reach, or set `cluster.grpc.advertise`";
        found.push(Complaint::new(path.to_vec(), message));
    }
}

//! Section `cluster`.

use std::time::Duration;

use ringwatch_config::settings::{Fence, Standby};

use crate::common::{SMALL, good, lines, load_texts};

fn with(cluster: &str) -> String {
    format!("{SMALL}{cluster}")
}

/// The faults of a section `cluster`, which begins in line 12.
fn faults(cluster: &str) -> Vec<String> {
    lines(load_texts(&[&with(cluster)], &[], &[]))
}

#[test]
fn without_gossip_the_node_is_a_cluster_of_one() {
    let cluster = good(SMALL, &[]).cluster;
    assert_eq!(cluster.gossip, None);
    assert_eq!(
        (cluster.weight, *cluster.hold_down),
        (1.0, Duration::from_secs(30))
    );
    assert_eq!(cluster.data_dir, None);
    assert_eq!((cluster.standby, cluster.fence), (Standby::Hot, Fence::Auto));
    assert_eq!(
        (cluster.raft.voters, *cluster.raft.replace_after),
        (3, Duration::from_secs(300))
    );
}

#[test]
fn an_empty_gossip_section_has_its_defaults() {
    let gossip = good(&with("cluster:\n  gossip:\n"), &[]).cluster.gossip.unwrap();
    assert_eq!(gossip.listen.to_string(), "127.0.0.1:7946");
    assert!(gossip.advertise.is_none() && gossip.seeds.is_empty() && gossip.key_file.is_none());
}

#[test]
fn a_member_of_a_real_cluster_is_valid() {
    let text = "
cluster:
  name: prod
  node_id: ringwatch-0.a_b
  gossip: { listen: 0.0.0.0:7946, advertise: \"${POD_IP}:7946\", seeds: [a:7946, b:7946, \"[::2]:7946\"], key_file: k }
  grpc: { listen: \"[::]:7947\", advertise: \"${POD_IP}:7947\" }
  weight: 0.5
  hold_down: 1h
  standby: warm
  fence: epoch
  raft: { voters: 5, replace_after: 30m }
  data_dir: /var/lib/ringwatch
";
    let cluster = good(&with(text), &[("POD_IP", "10.0.0.7")]).cluster;
    let gossip = cluster.gossip.unwrap();
    assert_eq!(gossip.advertise.unwrap().to_string(), "10.0.0.7:7946");
    assert_eq!(gossip.seeds.len(), 3);
    assert_eq!((cluster.weight, cluster.raft.voters), (0.5, 5));
    assert_eq!((cluster.standby, cluster.fence), (Standby::Warm, Fence::Epoch));
    let alone = good(&with("cluster: { standby: none }\n"), &[]);
    assert_eq!(alone.cluster.standby, Standby::None);
}

#[test]
fn names_that_cannot_be_sent_are_refused() {
    for (cluster, fault) in [
        (
            "name: \"\"",
            "18: `name` needs 1 to 128 printable ASCII characters",
        ),
        (
            "name: \"a\\tb\"",
            "18: `name` needs 1 to 128 printable ASCII characters",
        ),
        (
            "node_id: a b",
            "21: `node_id` needs 1 to 128 letters, digits, dots, dashes and underscores",
        ),
        (
            "weight: 0.05",
            "20: `weight` needs a number from 0.1 to 16, not `0.05`",
        ),
        (
            "weight: 17",
            "20: `weight` needs a number from 0.1 to 16, not `17`",
        ),
        (
            "standby: cold",
            "21: `standby` needs one of hot, warm, none, not `cold`",
        ),
        ("fence: lock", "19: `fence` needs one of auto, epoch, not `lock`"),
        ("hold_down: 61m", "23: `hold_down` must be at most 1h"),
        (
            "data_dir: \"\"",
            "22: `data_dir` is empty; name a folder, or leave the key out",
        ),
    ] {
        let found = faults(&format!("cluster: {{ {cluster} }}\n"));
        assert_eq!(found, [format!("0.yaml:12:{fault}")], "{cluster}");
    }
    let long = format!("cluster: {{ node_id: {} }}\n", "x".repeat(129));
    assert_eq!(faults(&long).len(), 1);
}

#[test]
fn a_group_has_three_or_five_voters() {
    for (raft, fault) in [
        (
            "voters: 4",
            "`voters` must be 3 or 5: of an even number no more may be away than of one less",
        ),
        ("voters: 1", "`voters` needs a whole number from 3 to 5, not `1`"),
        ("voters: 7", "`voters` needs a whole number from 3 to 5, not `7`"),
        ("replace_after: 0s", "`replace_after` must be from 1s to 24h"),
        ("replace_after: 25h", "`replace_after` must be from 1s to 24h"),
    ] {
        let found = faults(&format!("cluster: {{ raft: {{ {raft} }} }}\n"));
        assert_eq!(found.len(), 1, "{raft}: {found:?}");
        assert!(found[0].contains(fault), "{found:?}");
    }
}

#[test]
fn addresses_that_others_cannot_call_are_refused() {
    let text = "\
cluster:
  gossip:
    listen: 0.0.0.0:7946
    seeds: [a:7946, b:7946, A:7946, c:0, 0.0.0.0:7946]
    key_file: \"\"
  grpc:
    listen: \"[::]:7947\"
";
    let every = "`listen` names every address of this machine, and other nodes need one of them; add `advertise` \
                 beside it, with the host:port at which they reach this node";
    assert_eq!(
        faults(text),
        [
            format!("0.yaml:14:13: {every}"),
            "0.yaml:15:29: the same address as `seeds[0]`; name each seed once".into(),
            "0.yaml:15:37: `seeds[3]` needs a port from 1 to 65535".into(),
            "0.yaml:15:42: `seeds[4]` names every address of a machine; name the one that others call".into(),
            "0.yaml:16:15: `key_file` is empty; name a file, or leave the key out".into(),
            format!("0.yaml:18:13: {every}"),
        ]
    );
    let advertise = "cluster:\n  gossip: { advertise: 0.0.0.0:1 }\n  grpc: { advertise: \"h:0\" }\n";
    assert_eq!(
        faults(advertise),
        [
            "0.yaml:13:24: `advertise` names every address of a machine; name the one that others call",
            "0.yaml:14:22: `advertise` needs a port from 1 to 65535",
        ]
    );
}

#[test]
fn who_is_met_by_gossip_must_be_within_reach_of_grpc() {
    let far = "cluster:\n  gossip:\n    listen: 10.0.0.7:7946\n";
    let fault = "other machines reach the gossip of this node and not its gRPC port; give `cluster.grpc.listen` an \
                 address that they reach, or set `cluster.grpc.advertise`";
    assert_eq!(faults(far), [format!("0.yaml:12:1: {fault}")]);
    assert!(faults(&format!("{far}  grpc: {{ listen: \"10.0.0.7:7947\" }}\n")).is_empty());
    assert!(faults(&format!("{far}  grpc: {{ advertise: \"node1:7947\" }}\n")).is_empty());
}

#[test]
fn a_cluster_of_one_may_listen_everywhere() {
    assert!(faults("cluster: { grpc: { listen: 0.0.0.0:7947 } }\n").is_empty());
}

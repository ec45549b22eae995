//! Several nodes that find each other over loopback. Their targets are down, which moves them all the same.

use ringwatch_proto::v1::cluster_client::ClusterClient;
use ringwatch_proto::v1::peer_client::PeerClient;
use ringwatch_proto::v1::{ConfirmRequest, DrainRequest};
use serde_json::Value;
use tonic::transport::Endpoint;
use tonic::{Code, Request};

use crate::client::{ask, json};
use crate::node::{Node, Plan, free_ports, get, text};

/// Nobody listens there.
const TARGETS: [u16; 12] = [1, 2, 3, 4, 5, 6, 8, 10, 12, 14, 16, 18];

/// A node that takes gossip at `gossip` and looks for others at `seeds`.
pub fn launch(id: &str, gossip: u16, seeds: &[u16]) -> Node {
    launch_with(id, gossip, seeds, "")
}

/// As [`launch`], with more of the section `cluster`: `, name: value`.
pub fn launch_with(id: &str, gossip: u16, seeds: &[u16], more: &str) -> Node {
    let seeds: Vec<String> = seeds.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    let seeds = seeds.join(", ");
    Node::launch(&Plan {
        id,
        cluster: format!(", hold_down: 1s, gossip: {{ listen: 127.0.0.1:{gossip}, seeds: [{seeds}] }}{more}"),
        targets: &TARGETS,
        telemetry: "}",
        ..Plan::default()
    })
}

/// What the node says of the members, without what each sees in its own way.
fn members(node: &Node) -> Vec<(String, String, u64)> {
    let answer = json(node.grpc, &["members"]).unwrap_or_default();
    let members = answer["members"].as_array().cloned().unwrap_or_default();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    members
        .iter()
        .map(|member| {
            let owned = member["owned_targets"].as_u64().unwrap();
            (text(&member["node_id"]), text(&member["state"]), owned)
        })
        .collect()
}

/// How many targets the node says that it owns.
fn owned(node: &Node) -> Option<u64> {
    let (_, metrics) = get(node.metrics, "/metrics")?;
    let line = metrics
        .lines()
        .find_map(|line| line.strip_prefix("ringwatch_owned_targets "))?;
    line.parse().ok()
}

/// Waits until all say that exactly these are members, in these states, and own all targets together, each as
/// many as the others say. Gives how many each of the members owns.
pub fn wait_agreed(nodes: &[&Node], expected: &[(&str, &str)]) -> Vec<u64> {
    let mut counts = Vec::new();
    for node in nodes {
        node.wait(&format!("{expected:?}"), || {
            let seen = members(node);
            counts = seen.iter().map(|(_, _, owned)| *owned).collect();
            let states = seen.iter().map(|(id, state, _)| (id.as_str(), state.as_str()));
            let alive = seen.iter().filter(|(_, state, _)| state != "DEAD");
            let told: Vec<u64> = alive.map(|(_, _, owned)| *owned).collect();
            let own: Option<Vec<u64>> = nodes.iter().map(|node| owned(node)).collect();
            let all = own.as_ref().map(|own| own.iter().sum::<u64>());
            states.eq(expected.iter().copied()) && all == Some(TARGETS.len() as u64) && own == Some(told)
        });
    }
    counts
}

fn ready_all<'a>(ids: &[&'a str]) -> Vec<(&'a str, &'static str)> {
    ids.iter().map(|id| (*id, "READY")).collect()
}

#[test]
fn three_nodes_meet_share_the_targets_and_say_the_same() {
    let nodes = launch_three();
    let all: Vec<&Node> = nodes.iter().collect();
    nodes.iter().for_each(Node::wait_ready);
    let counts = wait_agreed(&all, &ready_all(&["n1", "n2", "n3"]));
    nodes[0].wait("one leader", || leader(&all).is_some());
    assert!(
        counts.iter().all(|owned| *owned > 0),
        "everybody has some: {counts:?}"
    );

    nodes[0].wait("one view of owners and standbys", || {
        let told: Vec<Value> = all
            .iter()
            .filter_map(|node| json(node.grpc, &["targets"]))
            .collect();
        told.len() == 3 && told.iter().all(|targets| *targets == told[0])
    });
    let targets = json(nodes[1].grpc, &["targets"]).unwrap();
    for target in targets["targets"].as_array().unwrap() {
        let (owner, standby) = (&target["owner"], &target["standby"]);
        assert!(owner != "" && standby != "" && owner != standby, "{target}");
        let id = target["target_id"].as_str().unwrap();
        assert_eq!(&json(nodes[2].grpc, &["locate", id]).unwrap(), target);
    }
    let rings: Vec<Value> = all
        .iter()
        .map(|node| json(node.grpc, &["ring"]).unwrap())
        .collect();
    assert!(rings.iter().all(|ring| *ring == rings[0]), "{rings:?}");
    let given: u64 = rings[0]["members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|m| m["owner_of"].as_u64().unwrap())
        .sum();
    assert_eq!(given, TARGETS.len() as u64);

    let (_, metrics) = get(nodes[0].metrics, "/metrics").unwrap();
    for (state, count) in [
        ("joining", 0),
        ("ready", 3),
        ("draining", 0),
        ("suspect", 0),
        ("dead", 0),
    ] {
        let line = format!("ringwatch_members{{state=\"{state}\"}} {count}");
        assert!(metrics.contains(&line), "no {line} in {metrics}");
    }
    for name in [
        "ringwatch_view ",
        "ringwatch_owned_targets ",
        "ringwatch_handoffs_total{",
    ] {
        assert!(metrics.contains(name), "no {name} in {metrics}");
    }
}

/// The fewest nodes that make a cluster.
pub fn launch_three() -> [Node; 3] {
    let [a, b, c] = free_ports();
    [("n1", a), ("n2", b), ("n3", c)].map(|(id, port)| launch(id, port, &[a, b, c]))
}

/// The name of the member that leads, if all nodes name the same.
fn leader(nodes: &[&Node]) -> Option<String> {
    let mut leaders = nodes.iter().map(|node| {
        let answer = json(node.grpc, &["members"])?;
        let members = answer["members"].as_array()?;
        let mut leads = members.iter().filter(|member| member["raft_role"] == "LEADER");
        let leader = leads.next()?["node_id"].as_str()?.to_owned();
        leads.next().is_none().then_some(leader)
    });
    let first = leaders.next()??;
    leaders
        .all(|leader| leader.as_ref() == Some(&first))
        .then_some(first)
}

#[test]
fn a_drained_node_hands_everything_over_and_takes_its_share_again() {
    let [first, second, third] = launch_three();
    let all = [&first, &second, &third];
    let before = wait_agreed(&all, &ready_all(&["n1", "n2", "n3"]));
    assert!(before[1] > 0, "{before:?}");

    // The one that is asked is not the one that is drained.
    let done = ask(first.grpc, &["drain", "n2"]);
    let shown = text(&done.stdout);
    assert!(done.status.success(), "{}{}", shown, text(&done.stderr));
    assert!(
        shown.ends_with("n2 is DRAINING and has handed over all its targets\n"),
        "{shown}"
    );
    let states = [("n1", "READY"), ("n2", "DRAINING"), ("n3", "READY")];
    assert_eq!(wait_agreed(&all, &states)[1], 0);

    let done = ask(second.grpc, &["drain", "n2", "--undo"]);
    assert!(done.status.success(), "{}", text(&done.stderr));
    second.wait("its share", || owned(&second) == Some(before[1]));
    assert_eq!(wait_agreed(&all, &ready_all(&["n1", "n2", "n3"])), before);
}

#[test]
fn a_drain_that_is_undone_at_once_leaves_no_target_alone() {
    let [first, second, third] = launch_three();
    let all = [&first, &second, &third];
    let before = wait_agreed(&all, &ready_all(&["n1", "n2", "n3"]));
    for args in [
        &["drain", "n2", "--no-wait"][..],
        &["drain", "n2", "--undo", "--no-wait"],
    ] {
        let done = ask(second.grpc, args);
        assert!(done.status.success(), "{}", text(&done.stderr));
    }
    let after = wait_agreed(&all, &ready_all(&["n1", "n2", "n3"]));
    assert_eq!(after, before);
}

#[test]
fn a_node_that_is_told_to_stop_leaves_and_one_that_is_killed_is_replaced() {
    let [first, second, third] = launch_three();
    wait_agreed(&[&first, &second, &third], &ready_all(&["n1", "n2", "n3"]));
    third.kill();
    wait_agreed(
        &[&first, &second],
        &[("n1", "READY"), ("n2", "READY"), ("n3", "DEAD")],
    );
    assert_eq!(second.stop(), Some(0));
    // Two of three have gone, one of them with a word: what is left is no majority of the two that count.
    first.wait("n2 to leave", || {
        members(&first).iter().all(|(node, _, _)| node != "n2")
    });
    first.wait("its targets", || owned(&first) == Some(TARGETS.len() as u64));
    let (status, body) = get(first.health, "/health/ready").unwrap();
    let document: Value = serde_json::from_str(&body).unwrap();
    let cluster = &document["components"]["cluster"];
    assert_eq!(
        (status, &cluster["metrics"]["status"]),
        (200, &"degraded".into()),
        "{body}"
    );
    assert_eq!(first.stop(), Some(0));
}

#[test]
fn a_node_whose_seeds_are_dead_waits_and_says_for_what() {
    let [mine, dead] = free_ports();
    let node = launch("n1", mine, &[dead]);
    node.wait("the reason", || {
        get(node.health, "/health/ready").is_some_and(|(status, body)| {
            status == 503 && body.contains(&format!("waiting for seeds: 127.0.0.1:{dead}"))
        })
    });
    assert_eq!(get(node.health, "/health/live").unwrap().0, 200);
    assert_eq!(get(node.health, "/health").unwrap().0, 200);
    assert_eq!(members(&node), [("n1".into(), "JOINING".into(), 0)]);
    // The seed comes after all. Two are no group yet, which needs three voters.
    let seed = launch("n2", dead, &[dead]);
    node.wait("the reason", || {
        get(node.health, "/health/ready")
            .is_some_and(|(status, body)| status == 503 && body.contains("2 of 3"))
    });
    let third = launch("n3", free_ports::<1>()[0], &[dead]);
    node.wait_ready();
    wait_agreed(&[&node, &seed, &third], &ready_all(&["n1", "n2", "n3"]));
}

#[test]
fn a_second_node_of_the_same_name_is_refused_with_one_clear_line() {
    let [a, b] = free_ports();
    let first = launch("n1", a, &[a]);
    first.wait("itself", || members(&first).len() == 1);
    let second = launch("n1", b, &[a]);
    let log = second.log_file();
    assert_eq!(second.ended(), Some(1));
    let words = std::fs::read_to_string(log.path()).unwrap();
    let last = words.lines().last().unwrap();
    let expected = format!("ringwatch: node id `n1` is in use by 127.0.0.1:{}", first.grpc);
    assert!(last.starts_with(&expected), "{words}");
    assert_eq!(members(&first).len(), 1);
}

#[tokio::test]
async fn a_drain_is_handed_on_once_and_strangers_have_no_say() {
    let [first, second, third] = launch_three();
    wait_agreed(&[&first, &second, &third], &ready_all(&["n1", "n2", "n3"]));
    let endpoint = Endpoint::from_shared(format!("http://127.0.0.1:{}", first.grpc)).unwrap();
    let channel = endpoint.connect().await.unwrap();
    let mut handed_on = Request::new(DrainRequest {
        node_id: "n2".into(),
        undo: false,
    });
    handed_on
        .metadata_mut()
        .insert("ringwatch-forwarded", "1".parse().unwrap());
    let refused = ClusterClient::new(channel.clone())
        .drain(handed_on)
        .await
        .unwrap_err();
    assert_eq!(refused.code(), Code::FailedPrecondition, "{refused}");
    let stranger = PeerClient::new(channel)
        .confirm(ConfirmRequest {})
        .await
        .unwrap_err();
    assert_eq!(stranger.code(), Code::Unauthenticated, "{stranger}");
    assert_eq!(members(&first), members(&second));
}

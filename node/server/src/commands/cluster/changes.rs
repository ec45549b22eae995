//! What changed between two answers about the members, a line for each member.

use ringwatch_proto::v1;

use crate::commands::text::plain;

/// The changes from `before` to `after`, in the order of the nodes; the view's comes last.
pub(super) fn changes(before: &v1::ListMembersResponse, after: &v1::ListMembersResponse) -> Vec<String> {
    let find = |members: &v1::ListMembersResponse, node: &str| {
        members
            .members
            .iter()
            .find(|member| member.node_id == node)
            .cloned()
    };
    let mut lines: Vec<(String, String)> = Vec::new();
    for member in &after.members {
        let what = match find(before, &member.node_id) {
            None => format!("came, {}", member.state().as_str_name()),
            Some(known) => differences(&known, member).join(", "),
        };
        lines.push((plain(&member.node_id), what));
    }
    let gone = before
        .members
        .iter()
        .filter(|member| find(after, &member.node_id).is_none());
    lines.extend(gone.map(|member| (plain(&member.node_id), "left".to_owned())));
    lines.sort();
    if before.view != after.view {
        lines.push(("view".into(), format!("{} -> {}", before.view, after.view)));
    }
    let told = lines.into_iter().filter(|(_, what)| !what.is_empty());
    told.map(|(who, what)| format!("{who} {what}")).collect()
}

fn differences(before: &v1::Member, after: &v1::Member) -> Vec<String> {
    let mut all = Vec::new();
    if before.generation != after.generation {
        all.push("restarted".to_owned());
    }
    let changed =
        |name: &str, before: &str, after: &str| format!("{name}{} -> {}", plain(before), plain(after));
    if before.state != after.state {
        all.push(changed(
            "",
            before.state().as_str_name(),
            after.state().as_str_name(),
        ));
    }
    if before.raft_role != after.raft_role {
        let (before, after) = (before.raft_role(), after.raft_role());
        all.push(changed("", before.as_str_name(), after.as_str_name()));
    }
    let numbers = [
        ("owns ", before.owned_targets, after.owned_targets),
        ("stands by for ", before.standby_targets, after.standby_targets),
    ];
    for (name, before, after) in numbers.into_iter().filter(|(_, before, after)| before != after) {
        all.push(changed(name, &before.to_string(), &after.to_string()));
    }
    let texts = [
        ("version ", &before.version, &after.version),
        ("gRPC at ", &before.grpc_address, &after.grpc_address),
        ("gossip at ", &before.gossip_address, &after.gossip_address),
    ];
    for (name, before, after) in texts.into_iter().filter(|(_, before, after)| before != after) {
        all.push(changed(name, before, after));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(node: &str, state: v1::State, owned_targets: u32) -> v1::Member {
        v1::Member {
            node_id: node.into(),
            state: state.into(),
            owned_targets,
            ..v1::Member::default()
        }
    }

    fn answer(view: u64, members: Vec<v1::Member>) -> v1::ListMembersResponse {
        v1::ListMembersResponse {
            view,
            members,
            ..v1::ListMembersResponse::default()
        }
    }

    #[test]
    fn each_change_names_who_and_what() {
        let before = answer(
            7,
            vec![
                member("a", v1::State::Ready, 2),
                member("b", v1::State::Ready, 1),
                member("c", v1::State::Dead, 0),
            ],
        );
        let mut restarted = member("b", v1::State::Joining, 1);
        restarted.generation = 9;
        restarted.raft_role = v1::RaftRole::Leader.into();
        let after = answer(
            8,
            vec![
                member("a", v1::State::Ready, 3),
                restarted,
                member("d", v1::State::Joining, 0),
            ],
        );
        assert_eq!(
            changes(&before, &after),
            [
                "a owns 2 -> 3",
                "b restarted, READY -> JOINING, RAFT_ROLE_UNSPECIFIED -> LEADER",
                "c left",
                "d came, JOINING",
                "view 7 -> 8",
            ]
        );
        assert!(changes(&after, &after).is_empty());
    }
}

//! `ringwatch cluster move|rebalance`: which member has which target.

use std::fmt::Write as _;
use std::time::Duration;

use anyhow::bail;
use ringwatch_proto::v1;
use tokio::time::Instant;

use super::progress::Progress;
use super::{Node, json};
use crate::cli::{Client, Output};
use crate::commands::client::signed;
use crate::commands::text::{aligned, plain, show};

/// How often it is asked where the targets are.
const LOOK: Duration = Duration::from_millis(300);
/// When so long nothing has moved, nobody waits any more: a handoff that fails is tried again after 30 s at most.
const STANDSTILL: Duration = Duration::from_secs(90);
/// So many of the targets that have not moved are named.
const NAMED: usize = 5;

/// Keeps a target on a member; `auto`: where the ring says.
pub(super) async fn move_target(client: &Client, target: &str, node: &str) -> anyhow::Result<()> {
    let wanted = v1::MoveTargetRequest {
        target_id: target.to_owned(),
        node_id: if node == "auto" {
            String::new()
        } else {
            node.to_owned()
        },
    };
    let mut asked = Node::connect(&client.address).await?;
    let answer = asked
        .ask(async |node| node.move_target(signed(wanted)).await)
        .await?;
    show(client, &json::moved(&answer), || moved(&answer))
}

/// Makes the loads of the members alike, or shows how. Waits until the targets have moved if `wait`.
pub(super) async fn rebalance(client: &Client, dry_run: bool, wait: bool) -> anyhow::Result<()> {
    let wanted = v1::RebalanceRequest { dry_run };
    let mut asked = Node::connect(&client.address).await?;
    let answer = asked
        .ask(async |node| node.rebalance(signed(wanted)).await)
        .await?;
    let done = if wait && !dry_run {
        follow(&mut asked, client.output, &answer.moves).await
    } else {
        Ok(())
    };
    show(client, &json::rebalanced(&answer), || rebalanced(&answer))?;
    done
}

/// Waits until every target is where it goes; the error says how many are not.
async fn follow(node: &mut Node, output: Output, moves: &[v1::Move]) -> anyhow::Result<()> {
    let mut progress = Progress::new(output);
    let all = moves.len() as u64;
    let (mut left, mut since) = (moves.iter().collect::<Vec<_>>(), Instant::now());
    while !left.is_empty() {
        tokio::time::sleep(LOOK).await;
        let targets = node
            .ask(async |node| node.list_targets(v1::ListTargetsRequest {}).await)
            .await?;
        let now = away(&targets, moves);
        if now.len() < left.len() {
            since = Instant::now();
        }
        left = now;
        progress.show("moved", all - left.len() as u64, all);
        if !left.is_empty() && since.elapsed() >= STANDSTILL {
            progress.end();
            bail!(
                "{} of {all} targets have not moved: {}; `ringwatch cluster watch` shows why a handoff fails, and a target \
                 that has changed its owner too often stays for some minutes",
                left.len(),
                names(&left)
            );
        }
    }
    progress.end();
    Ok(())
}

/// The moves that have not come to their end. A target that is not configured any more goes nowhere.
fn away<'a>(targets: &v1::ListTargetsResponse, moves: &'a [v1::Move]) -> Vec<&'a v1::Move> {
    let owner = |id: &str| targets.targets.iter().find(|target| target.target_id == id);
    let away = |one: &&v1::Move| owner(&one.target_id).is_some_and(|target| target.owner != one.to);
    moves.iter().filter(away).collect()
}

/// The first few of the targets.
fn names(moves: &[&v1::Move]) -> String {
    let mut names: Vec<_> = moves
        .iter()
        .take(NAMED)
        .map(|one| plain(&one.target_id))
        .collect();
    if moves.len() > NAMED {
        names.push(format!("and {} more", moves.len() - NAMED));
    }
    names.join(", ")
}

fn moved(answer: &v1::MoveTargetResponse) -> String {
    let (target, node) = (plain(&answer.target_id), plain(&answer.node_id));
    if answer.from == answer.node_id || answer.from.is_empty() {
        format!("{target} is with {node}\n")
    } else {
        format!("{target} goes from {} to {node}\n", plain(&answer.from))
    }
}

/// The moves, and the loads before and after them.
fn rebalanced(answer: &v1::RebalanceResponse) -> String {
    let mut text = String::new();
    if answer.moves.is_empty() {
        text.push_str("no move would make the loads of the members more alike\n\n");
    } else {
        let rows: Vec<_> = answer
            .moves
            .iter()
            .map(|one| {
                [
                    plain(&one.target_id),
                    plain(&one.from),
                    plain(&one.to),
                    load(one.weight),
                ]
            })
            .collect();
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{}", aligned(["TARGET", "FROM", "TO", "LOAD"], &rows));
    }
    let row = |before: &v1::Load| {
        let after = answer.after.iter().find(|after| after.node_id == before.node_id);
        [
            plain(&before.node_id),
            load(before.load),
            before.targets.to_string(),
            after.map_or_else(String::new, |after| load(after.load)),
            after.map_or_else(String::new, |after| after.targets.to_string()),
        ]
    };
    let rows: Vec<_> = answer.before.iter().map(row).collect();
    let head = ["NODE", "LOAD BEFORE", "TARGETS", "LOAD AFTER", "TARGETS"];
    text.push_str(&aligned(head, &rows));
    if answer.dry_run && !answer.moves.is_empty() {
        text.push_str("\nnothing was moved: this was a dry run\n");
    }
    text
}

/// Milliseconds of query time per second.
fn load(weight: f64) -> String {
    format!("{:.1} ms/s", weight * 1000.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_away_until_its_new_owner_has_it() {
        let one = |target: &str| v1::Move {
            target_id: target.into(),
            from: "n1".into(),
            to: "n2".into(),
            weight: 0.0,
        };
        let owned = |target: &str, owner: &str| v1::Target {
            target_id: target.into(),
            owner: owner.into(),
            ..v1::Target::default()
        };
        let targets = v1::ListTargetsResponse {
            targets: vec![owned("a", "n1"), owned("b", "n2"), owned("d", "n1")],
        };
        let moves = [one("a"), one("b"), one("c")];
        assert_eq!(names(&away(&targets, &moves)), "a");
        let many: Vec<_> = ["a", "b", "c", "d", "e", "f", "g"].map(one).into();
        let many: Vec<_> = many.iter().collect();
        assert_eq!(names(&many), "a, b, c, d, e, and 2 more");
    }

    #[test]
    fn moves_are_shown_with_the_loads_before_and_after() {
        let load = |node: &str, load: f64, targets| v1::Load {
            node_id: node.into(),
            load,
            targets,
        };
        let mut answer = v1::RebalanceResponse {
            dry_run: true,
            moves: vec![v1::Move {
                target_id: "postgresql://a:1".into(),
                from: "n1".into(),
                to: "n2".into(),
                weight: 0.02,
            }],
            before: vec![load("n1", 0.05, 3), load("n2", 0.01, 1)],
            after: vec![load("n1", 0.03, 2), load("n2", 0.03, 2)],
        };
        assert_eq!(
            rebalanced(&answer),
            "\
TARGET            FROM  TO  LOAD
postgresql://a:1  n1    n2  20.0 ms/s

NODE  LOAD BEFORE  TARGETS  LOAD AFTER  TARGETS
n1    50.0 ms/s    3        30.0 ms/s   2
n2    10.0 ms/s    1        30.0 ms/s   2

nothing was moved: this was a dry run
"
        );
        answer.moves.clear();
        assert!(rebalanced(&answer).starts_with("no move would"));
        let answer = v1::MoveTargetResponse {
            target_id: "t".into(),
            node_id: "n2".into(),
            from: "n1".into(),
        };
        assert_eq!(moved(&answer), "t goes from n1 to n2\n");
    }
}

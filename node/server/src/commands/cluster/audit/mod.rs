//! `ringwatch cluster audit`: asks all nodes what became of ticks, and whether all of them are accounted for.

mod account;
mod findings;
mod json;
mod table;

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::bail;
use futures::future::join_all;
use ringwatch_config::Endpoint;
use ringwatch_frame::{Clock, Tick};
use ringwatch_proto::v1;

use self::account::{Account, settle};
use super::Node;
use crate::cli::{Client, Output};
use crate::commands::print;
use crate::commands::text::plain;
use crate::grpc::{nanos, timestamp};

/// The range of time, each as an age.
#[derive(Clone, Copy)]
pub(super) struct Range {
    pub(super) from: Duration,
    pub(super) to: Duration,
}

/// What was found out.
struct Report {
    /// In nanoseconds since the Unix epoch.
    from: i64,
    to: i64,
    nodes: Vec<Asked>,
    account: Account,
}

/// A node that was to be asked.
struct Asked {
    node: String,
    /// From when on its books are whole; or why there are none.
    since: Result<i64, String>,
}

/// Prints the account; the error says what does not balance.
pub(super) async fn audit(client: &Client, range: Range, targets: bool) -> anyhow::Result<()> {
    if range.from <= range.to {
        bail!("--from must be longer ago than --to");
    }
    let report = report(client, range).await?;
    let text = match client.output {
        Output::Json => format!("{}\n", serde_json::to_string_pretty(&json::report(&report))?),
        Output::Table => table::report(&report, targets),
    };
    print(&text)?;
    let totals = &report.account.totals;
    if totals.balance() {
        return Ok(());
    }
    bail!(
        "the books do not balance: of {} due ticks {} are not accounted for, and {} were delivered more than once; \
         `--targets` shows of which targets, and the findings which ticks",
        totals.due,
        totals.unknown,
        totals.double
    )
}

async fn report(client: &Client, range: Range) -> anyhow::Result<Report> {
    let now = Clock::system().now().unix_nanos();
    let ago = |age: Duration| now.saturating_sub(i64::try_from(age.as_nanos()).unwrap_or(i64::MAX));
    let (from, to) = (ago(range.from), ago(range.to));
    let wanted = v1::AuditRequest {
        from: Some(timestamp(Tick::from_unix_nanos(from))),
        to: Some(timestamp(Tick::from_unix_nanos(to))),
    };
    let mut first = Node::connect(&client.address).await?;
    let members = first
        .ask(async |node| node.list_members(v1::ListMembersRequest {}).await)
        .await?;
    let targets = first
        .ask(async |node| node.list_targets(v1::ListTargetsRequest {}).await)
        .await?;
    let configured: BTreeSet<String> = targets
        .targets
        .into_iter()
        .map(|target| target.target_id)
        .collect();
    let others = members
        .members
        .iter()
        .filter(|member| member.node_id != members.answered_by);
    let others: Vec<_> = others.map(|member| of_member(member, wanted)).collect();
    let (mine, others) = tokio::join!(first.ask(async |node| node.audit(wanted).await), join_all(others));
    let mut nodes = Vec::new();
    let mut books = Vec::new();
    for (node, answer) in std::iter::once((members.answered_by.clone(), Ok(mine?))).chain(others) {
        let since = match &answer {
            Ok(book) => Ok(book.since.as_ref().and_then(nanos).unwrap_or(i64::MAX)),
            Err(why) => Err(why.clone()),
        };
        nodes.push(Asked { node, since });
        books.extend(answer.ok());
    }
    nodes.sort_by(|a, b| a.node.cmp(&b.node));
    Ok(Report {
        from,
        to,
        nodes,
        account: settle(&books, to, &configured),
    })
}

/// The books of another member, or why there are none.
async fn of_member(
    member: &v1::Member,
    wanted: v1::AuditRequest,
) -> (String, Result<v1::AuditResponse, String>) {
    let ask = async {
        if member.state() == v1::State::Dead {
            return Err("it is dead, and its books are gone".to_owned());
        }
        let address: Endpoint = member
            .grpc_address
            .parse()
            .map_err(|_| "its gRPC address is none".to_owned())?;
        let words = |error: anyhow::Error| plain(&error.to_string());
        let mut node = Node::connect(&address).await.map_err(words)?;
        let answer = node.ask(async |node| node.audit(wanted).await).await;
        answer.map_err(words)
    };
    (member.node_id.clone(), ask.await)
}

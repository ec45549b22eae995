//! The live view: redrawn each second on a terminal, else one line a second.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use anyhow::Result;
use ringwatch_cluster_tests::cluster::agreement::endpoint;
use ringwatch_cluster_tests::cluster::ask;
use ringwatch_cluster_tests::cluster::life::LifeBooks;
use ringwatch_cluster_tests::sink::status::{Status, TopStatement};
use ringwatch_proto::v1::{ListMembersResponse, State, Target};
use tokio::time::Instant;

use crate::stage::Stage;

/// Statements shown.
const SHOWN: usize = 6;
/// As many are asked for: every target has them.
pub(crate) const STATEMENTS: usize = SHOWN * 50;
const TEXT: usize = 90;

/// What was seen at the last look, to tell speeds.
struct Look {
    at: Instant,
    ticks: u64,
    rows: u64,
}

/// The view.
pub(crate) struct View {
    terminal: bool,
    begun: Instant,
    last: Option<Look>,
    told: Vec<String>,
}

impl View {
    /// A view for a terminal or for a file.
    pub(crate) fn new(terminal: bool) -> Self {
        if terminal {
            print!("\x1b[2J");
        }
        Self {
            terminal,
            begun: Instant::now(),
            last: None,
            told: Vec::new(),
        }
    }

    /// Keeps in view what has happened.
    pub(crate) fn tell(&mut self, lines: Vec<String>) {
        if !self.terminal {
            for line in &lines {
                println!("      {line}");
            }
        }
        self.told.extend(lines);
    }

    /// Looks and draws.
    pub(crate) async fn draw(&mut self, stage: &Stage) -> Result<()> {
        let books = LifeBooks::of(&stage.cluster).await?;
        let members = ask::members(stage.witness()?).await?;
        let targets = ask::targets(stage.witness()?).await?;
        let mut queued = 0.0;
        for metrics in stage.cluster.metrics().await? {
            queued += metrics.sum("ringwatch_queue_frames", &[]);
        }
        let status = stage.sink.look(|ledger| Status::of(ledger, STATEMENTS));
        let look = Look {
            at: Instant::now(),
            ticks: books.outcomes.get("collected").copied().unwrap_or(0),
            rows: books.collected,
        };
        let (tick_rate, row_rate) = self.last.as_ref().map_or((0.0, 0.0), |last| rates(last, &look));
        let ready = members
            .members
            .iter()
            .filter(|m| m.state() == State::Ready)
            .count();
        let line = format!(
            "{:>4}s  nodes {ready}  targets {}/{}  ticks/s {tick_rate:.1}  rows/s {row_rate:.0}  missed {}  doubled {}  \
             gaps {}  queue {queued:.0}  delivered {}  dropped {}",
            self.begun.elapsed().as_secs(),
            targets.iter().filter(|t| !t.owner.is_empty()).count(),
            targets.len(),
            books.missed(),
            status.doubles,
            status.gaps,
            books.delivered,
            books.dropped,
        );
        self.last = Some(look);
        if self.terminal {
            let page = self.page(&line, &members, &targets, &status);
            // Home, each line cleared to its end, then all below: no flicker.
            print!("\x1b[H{}\x1b[J", page.replace('\n', "\x1b[K\n"));
            std::io::Write::flush(&mut std::io::stdout())?;
        } else {
            println!("{line}");
        }
        Ok(())
    }

    fn page(&self, line: &str, members: &ListMembersResponse, targets: &[Target], status: &Status) -> String {
        let mut page = format!(
            "Ringwatch: a cluster watches a PostgreSQL under load (Ctrl-C ends it)\n\n{line}\n\n{:<10} {:<10} {:>6} {:>8}\n",
            "node", "state", "owned", "standby"
        );
        for member in &members.members {
            let state = member.state().as_str_name().to_lowercase();
            let (owned, standby) = (member.owned_targets, member.standby_targets);
            let _ = writeln!(page, "{:<10} {state:<10} {owned:>6} {standby:>8}", member.node_id);
        }
        let _ = writeln!(page, "\n{:<18} {:<10} {:<10}", "target", "owner", "standby");
        for target in targets {
            let _ = writeln!(
                page,
                "{:<18} {:<10} {:<10}",
                endpoint(target),
                target.owner,
                target.standby
            );
        }
        for line in &self.told {
            let _ = write!(page, "\n{line}");
        }
        let _ = write!(page, "\n\n{}", statements(status));
        page
    }
}

#[expect(clippy::cast_precision_loss, reason = "a speed for people")]
fn rates(last: &Look, now: &Look) -> (f64, f64) {
    let seconds = now.at.duration_since(last.at).as_secs_f64().max(0.001);
    (
        // Less than before: a node and its books are gone.
        now.ticks.saturating_sub(last.ticks) as f64 / seconds,
        now.rows.saturating_sub(last.rows) as f64 / seconds,
    )
}

/// The table of statements. The targets are one server, so each of its statements is shown once.
pub(crate) fn statements(status: &Status) -> String {
    let mut table = format!(
        "statements that used most time\n{:>10} {:>10}  text\n",
        "calls", "seconds"
    );
    let mut shown = BTreeSet::new();
    let once = |s: &&TopStatement| shown.insert(s.query_id.clone());
    for statement in status.top_statements.iter().filter(once).take(SHOWN) {
        // What comes from a database is not to move the cursor.
        let text: String = statement
            .text
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(TEXT)
            .collect();
        let _ = writeln!(
            table,
            "{:>10} {:>10.3}  {text}",
            statement.calls, statement.seconds
        );
    }
    table
}

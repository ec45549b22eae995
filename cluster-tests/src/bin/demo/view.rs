//! The live view: redrawn each second on a terminal, else one line a second.

use std::fmt::Write as _;

use anyhow::Result;
use ringwatch_cluster_tests::books::NodeBooks;
use ringwatch_cluster_tests::node::Metrics;
use ringwatch_cluster_tests::sink::status::Status;
use tokio::time::Instant;

use crate::stage::Stage;

/// Statements shown.
pub(crate) const STATEMENTS: usize = 6;
const TEXT: usize = 90;

/// What was seen at the last look, to tell speeds.
struct Look {
    at: Instant,
    ticks: f64,
    rows: u64,
}

/// The view.
pub(crate) struct View {
    terminal: bool,
    begun: Instant,
    last: Option<Look>,
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
        }
    }

    /// Looks and draws.
    pub(crate) async fn draw(&mut self, stage: &mut Stage) -> Result<()> {
        let metrics = stage.node.metrics().await?;
        let books = NodeBooks::of(&metrics)?;
        let status = stage.sink.look(|ledger| Status::of(ledger, STATEMENTS));
        let ticks = Ticks::of(&metrics);
        let look = Look {
            at: Instant::now(),
            ticks: ticks.collected,
            rows: books.collected,
        };
        let (tick_rate, row_rate) = self.last.as_ref().map_or((0.0, 0.0), |last| rates(last, &look));
        let line = format!(
            "{:>4}s  targets {}/{}  ticks/s {tick_rate:.1}  rows/s {row_rate:.0}  missed {:.0}  doubled {}  gaps {}  \
             queue {:.0}  delivered {}  dropped {}",
            self.begun.elapsed().as_secs(),
            metrics.sum("ringwatch_target_up", &[]),
            metrics.values("ringwatch_target_up", &[]).count(),
            ticks.missed,
            status.doubles,
            status.gaps,
            metrics.sum("ringwatch_queue_frames", &[]),
            books.delivered,
            books.dropped_total(),
        );
        self.last = Some(look);
        if self.terminal {
            // Home, each line cleared to its end, then all below: no flicker.
            print!("\x1b[H{}\x1b[J", page(&line, &status).replace('\n', "\x1b[K\n"));
            std::io::Write::flush(&mut std::io::stdout())?;
        } else {
            println!("{line}");
        }
        Ok(())
    }
}

/// Ticks since the start.
pub(crate) struct Ticks {
    /// Those that were read.
    pub(crate) collected: f64,
    /// Those that were not, for any reason.
    pub(crate) missed: f64,
}

impl Ticks {
    /// Reads them from the node's metrics.
    pub(crate) fn of(metrics: &Metrics) -> Self {
        let collected = metrics.sum("ringwatch_ticks_total", &[("outcome", "collected")]);
        Self {
            collected,
            missed: metrics.sum("ringwatch_ticks_total", &[]) - collected,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "a speed for people")]
fn rates(last: &Look, now: &Look) -> (f64, f64) {
    let seconds = now.at.duration_since(last.at).as_secs_f64().max(0.001);
    (
        (now.ticks - last.ticks) / seconds,
        now.rows.saturating_sub(last.rows) as f64 / seconds,
    )
}

fn page(line: &str, status: &Status) -> String {
    format!(
        "Ringwatch watches a PostgreSQL under load (Ctrl-C ends it)\n\n{line}\n\n{}",
        statements(status)
    )
}

/// The table of statements.
pub(crate) fn statements(status: &Status) -> String {
    let mut table = format!(
        "statements that used most time\n{:>10} {:>10}  text\n",
        "calls", "seconds"
    );
    for statement in &status.top_statements {
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

//! The plans that `auto_explain` wrote into a server's log: the log is read from a file of this machine or through the
//! server, from where it was read last, and never more than some megabytes at a time.

mod cursor;
mod files;
mod harvest;
mod through;

use std::time::Duration;

use arrow_array::cast::AsArray;
use arrow_array::types::Int64Type;
use arrow_array::{Array, RecordBatch, StringArray};
use ringwatch_config::settings::Plans;
use ringwatch_frame::ColumnType;
use ringwatch_parse::log::{LogFormat, Prefix};
use tokio::time::Instant;

use self::cursor::Cursors;
use self::harvest::{Harvest, Sizes, harvest};
use super::answer::{shape, text_at};
use super::rows::{PlanRows, Shown, Whose};
use crate::delta::Uncertain;
use crate::fault::{Fault, FaultKind};
use crate::plan::PlannedStream;
use crate::reading::{Aids, Kept, Reading};
use crate::session::{Expected, Question, Session};
use crate::track::Track;

/// The most bytes of files that one reading takes.
const MOST_OF_FILES: usize = 10 * 1024 * 1024;
/// An entry of so many bytes that is not whole is not waited for.
const ENDLESS: usize = 4 * 1024 * 1024;

/// How long the plans of one reading may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the server says of its log.
const ABOUT: [Expected<'_>; 4] = [
    Expected {
        name: "file",
        kind: ColumnType::Text,
    },
    Expected {
        name: "size",
        kind: ColumnType::Int,
    },
    Expected {
        name: "readable",
        kind: ColumnType::Bool,
    },
    Expected {
        name: "prefix",
        kind: ColumnType::Text,
    },
];

/// What the reading of a log remembers.
#[derive(Default)]
pub(crate) struct LogMemory {
    cursors: Option<Cursors>,
    sizes: Sizes,
}

/// What a reading of a log leaves to the next one.
#[derive(Debug)]
pub(crate) struct KeptLog {
    cursors: Cursors,
    sizes: Sizes,
}

impl KeptLog {
    /// As others keep it.
    pub(crate) fn to_batch(&self) -> Option<RecordBatch> {
        self.cursors.to_batch()
    }
}

impl LogMemory {
    /// Goes on with what another one left. Says whether it can be read.
    pub(crate) fn resume(&mut self, batch: &RecordBatch) -> bool {
        self.cursors = Cursors::from_batch(batch);
        self.cursors.is_some()
    }

    /// A reading was collected: the next one goes on from here.
    pub(crate) fn collected(&mut self, kept: KeptLog) {
        self.cursors = Some(kept.cursors);
        self.sizes = kept.sizes;
    }
}

/// What the server says of its log.
pub(super) struct About {
    /// The file that it writes now.
    pub(super) file: Option<String>,
    pub(super) size: u64,
    readable: bool,
    prefix: Option<String>,
}

impl About {
    fn of(answer: &RecordBatch) -> Option<Self> {
        let size = answer.column_by_name("size")?.as_primitive_opt::<Int64Type>()?;
        let readable = answer.column_by_name("readable")?.as_boolean_opt()?;
        (answer.num_rows() == 1).then(|| Self {
            file: text_at(answer, "file", 0),
            size: size
                .iter()
                .next()
                .flatten()
                .and_then(|size| size.try_into().ok())
                .unwrap_or(0),
            readable: readable.is_valid(0) && readable.value(0),
            prefix: text_at(answer, "prefix", 0),
        })
    }
}

impl Track {
    /// Reads what was written to the log.
    pub(crate) async fn read_plan_log<S: Session>(
        &mut self,
        planned: &PlannedStream,
        session: &mut S,
        aids: &Aids<'_>,
    ) -> Result<Reading, Fault> {
        let settings = planned.plans.clone();
        let (Some(settings), Some(memory)) = (settings, &self.memory.plan_log) else {
            return Err(shape("it is a log of plans without settings"));
        };
        let (cursors, sizes) = (memory.cursors.clone(), memory.sizes.clone());
        let about = self.about(planned, session).await?;
        let path = settings.log.as_ref().and_then(|log| log.path.clone());
        let (chunks, cursors, fault) = match path {
            Some(path) => {
                let read = move || files::read(&path, cursors.as_ref(), MOST_OF_FILES);
                let read = tokio::task::spawn_blocking(read).await;
                let read = read.map_err(|e| shape(&e.to_string()))?;
                let (chunks, cursors) = read.map_err(|e| unreadable(&settings, &e))?;
                (chunks, cursors, None)
            }
            None => {
                let sql = planned
                    .texts
                    .as_ref()
                    .ok_or_else(|| shape("it has no statement to read with"))?;
                about.check(aids.role)?;
                through::read(session, sql, &about, cursors).await?
            }
        };
        let harvest = harvested(&settings, chunks, cursors, sizes, about.prefix.as_deref()).await?;
        let rows = told(planned, &harvest, aids).await?;
        Ok(Reading {
            rows,
            uncertain: Uncertain::default(),
            baseline: Some(Kept::PlanLog(KeptLog {
                cursors: harvest.cursors,
                sizes: harvest.sizes,
            })),
            fault,
        })
    }

    /// What the server says of its log.
    async fn about<S: Session>(&mut self, planned: &PlannedStream, session: &mut S) -> Result<About, Fault> {
        let (sql, args, _) = self.statement(planned, session).await?;
        let question = Question {
            sql: &sql,
            args: &args,
            columns: &ABOUT,
        };
        let answer = self.ask(planned, session, &question).await?;
        About::of(&answer).ok_or_else(|| shape("the server says nothing of its log"))
    }
}

impl About {
    /// Whether the log can be read through the server.
    fn check(&self, role: &str) -> Result<(), Fault> {
        if self.file.is_none() {
            let message = "the server writes no log file: set `logging_collector = on`";
            return Err(Fault::new(FaultKind::Absent, message));
        }
        if !self.readable {
            let role = role.replace('"', "\"\"");
            let message = format!(
                "run `GRANT EXECUTE ON FUNCTION pg_read_binary_file(text, bigint, bigint, boolean) TO \"{role}\"`"
            );
            return Err(Fault::new(FaultKind::Grant, &message));
        }
        Ok(())
    }
}

fn unreadable(settings: &Plans, error: &std::io::Error) -> Fault {
    let path = settings
        .log
        .as_ref()
        .and_then(|log| log.path.as_deref())
        .unwrap_or_default();
    Fault::new(
        FaultKind::Absent,
        &format!("the log `{path}` cannot be read: {error}"),
    )
}

/// The format of a log, by its name.
fn format_of(file: &str) -> LogFormat {
    // A file that was put aside may have a number or a date behind its ending.
    let is = |ending: &str| file.ends_with(ending) || file.contains(&format!("{ending}."));
    if is(".csv") {
        LogFormat::Csv
    } else if is(".json") {
        LogFormat::Json
    } else {
        LogFormat::Stderr
    }
}

async fn harvested(
    settings: &Plans,
    chunks: Vec<files::Chunk>,
    cursors: Cursors,
    sizes: Sizes,
    prefix: Option<&str>,
) -> Result<Harvest, Fault> {
    let bytes = super::bytes_of(settings);
    let prefix = prefix.map_or_else(Prefix::unknown, Prefix::new);
    let until = Instant::now() + PATIENCE;
    let work = move || harvest(chunks, cursors, &sizes, &prefix, bytes, until);
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|e| shape(&e.to_string()))
}

/// The rows of what was found in the databases that are read.
async fn told(planned: &PlannedStream, harvest: &Harvest, aids: &Aids<'_>) -> Result<RecordBatch, Fault> {
    for (reason, count) in &harvest.failures {
        aids.meters.plans().failures(*reason, *count);
    }
    let raw: StringArray = harvest.found.iter().map(|found| found.query.as_deref()).collect();
    let clean = aids.cleaner.texts(planned.dialect, &raw).await?;
    let mut rows = PlanRows::new();
    for (found, query) in harvest.found.iter().zip(clean) {
        if !planned.reads_database(found.database.as_deref()) {
            continue;
        }
        let queryid = found.query_id.map(|id| id.to_string());
        let whose = Whose {
            queryid: queryid.as_deref(),
            datname: found.database.as_deref(),
            rolname: found.user.as_deref(),
            query: query.as_deref(),
        };
        let shown = Shown {
            plan: Some(&found.plan),
            source: "auto_explain",
            hash: found.hash,
        };
        rows.logged(whose, shown, found.duration_ms, found.at)?;
    }
    rows.finish()
}

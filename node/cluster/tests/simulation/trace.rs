//! What happened in a run that failed, line by line: `RINGWATCH_SIM_TRACE=<folder>` has it written to a file of
//! that folder for each seed that fails.

use std::env;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Mutex;

use arrow_array::RecordBatch;
use ringwatch_cluster::memories::{Change, CoverWord, Word};
use ringwatch_frame::{Clock, StreamMemory, Tick};

use crate::collector::values;

/// The story of one run.
pub(crate) struct Trace {
    folder: Option<PathBuf>,
    clock: Clock,
    text: Mutex<String>,
}

impl Trace {
    pub(crate) fn new(clock: &Clock) -> Self {
        Self {
            folder: env::var_os("RINGWATCH_SIM_TRACE").map(PathBuf::from),
            clock: clock.clone(),
            text: Mutex::default(),
        }
    }

    /// `who` does or hears this.
    pub(crate) fn line(&self, who: &dyn std::fmt::Display, what: impl FnOnce() -> String) {
        if self.folder.is_some() {
            let (now, what) = (seconds(self.clock.now()), what());
            writeln!(self.text.lock().unwrap(), "{now:8.3} {who} {what}").unwrap();
        }
    }

    pub(crate) fn write(&self, seed: u64) {
        if let Some(folder) = &self.folder {
            let path = folder.join(format!("seed-{seed}.txt"));
            std::fs::write(path, &*self.text.lock().unwrap()).unwrap();
        }
    }
}

/// Seconds of the simulated time, short enough to be read.
#[expect(clippy::cast_precision_loss, reason = "it is only printed")]
pub(crate) fn seconds(tick: Tick) -> f64 {
    (tick.unix_nanos() / 1_000_000 - 1_800_000_000_000) as f64 / 1e3
}

fn some(tick: Option<Tick>) -> String {
    tick.map_or_else(|| "-".into(), |tick| format!("{:.3}", seconds(tick)))
}

/// The counter that a frame or a baseline shows.
fn counter(batch: Option<&RecordBatch>) -> String {
    let at = |micros: i64| format!("{:.3}", seconds(Tick::from_unix_nanos(micros * 1_000)));
    batch.map_or_else(
        || "-".into(),
        |batch| {
            let (before, now) = values(batch);
            format!("{}..{}", before.map_or_else(|| "-".into(), at), at(now))
        },
    )
}

pub(crate) fn memory(memory: &StreamMemory) -> String {
    let pending: Vec<_> = memory
        .pending
        .iter()
        .map(|frame| some(Some(frame.meta.id.tick)))
        .collect();
    let (last, base) = (some(memory.last), counter(memory.baseline.as_ref()));
    format!("last {last} base {base} pending {pending:?}")
}

pub(crate) fn change(change: &Change) -> String {
    match change {
        Change::Snapshot {
            target,
            memory: all,
            covers,
            serial,
            view,
        } => {
            let streams: Vec<_> = all
                .iter()
                .map(|(id, known)| {
                    let cover = covers.get(id).copied();
                    format!("{}: {} covers {}", id.name(), memory(known), some(cover))
                })
                .collect();
            format!("{target} snapshot {serial} view {view}: {}", streams.join("; "))
        }
        Change::Ended { target, ended } => format!(
            "{target} {} ended {} frame {} base {} based {} unreachable {}",
            ended.stream.name(),
            some(Some(ended.tick)),
            counter(ended.frame.as_ref().map(|frame| &frame.rows)),
            counter(ended.baseline.as_ref()),
            some(ended.based),
            ended.unreachable,
        ),
        Change::Settled { target, stream, tick } => {
            format!("{target} {} settled {}", stream.name(), some(Some(*tick)))
        }
        Change::Release(target) => format!("{target} release"),
        Change::Forget { target, stream } => format!("{target} {} forget", stream.name()),
    }
}

pub(crate) fn cover(cover: &CoverWord) -> String {
    format!(
        "{} covered to {} base {} answers {} taken {} reading {}",
        cover.stream.name(),
        some(Some(cover.last)),
        counter(cover.baseline.as_ref()),
        some(cover.tick),
        some(cover.taken),
        cover.reading
    )
}

pub(crate) fn word(word: &Word) -> String {
    match word {
        Word::Taken {
            target, stream, tick, ..
        } => {
            format!("{target} {} taken {}", stream.name(), some(Some(*tick)))
        }
        Word::Covered { target, cover: known } => format!("{target} {}", cover(known)),
        Word::Synced { target, serial, .. } => format!("{target} synced {serial}"),
    }
}

use ringwatch_collect::{EndedTicks, TickBook as _};
use ringwatch_frame::{Epoch, FrameId, Receipt, StreamId, TargetId, Tick};
use tempfile::TempDir;

use super::*;
use crate::audit::{End, Excerpt, Run, What};

const SECOND: i64 = 1_000_000_000;
const START: i64 = 1_000_000 * SECOND;

struct Lives {
    folder: TempDir,
    clock: Clock,
}

impl Lives {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            clock: Clock::simulated(Tick::from_unix_nanos(START)),
        }
    }

    async fn open(&self) -> KeptBooks {
        let folder = Some(self.folder.path());
        KeptBooks::open(folder, "n1", &self.clock, &Registry::new())
            .await
            .unwrap()
    }

    /// Waits until the file has what the books have.
    async fn wait_written(&self, kept: &KeptBooks) {
        let file = BookFile::new(self.folder.path(), "n1");
        loop {
            let runs = |excerpt: &Excerpt| -> Vec<Run> {
                let accounts = excerpt.accounts.iter();
                accounts.flat_map(|account| account.runs.clone()).collect()
            };
            let written = file.load().unwrap().map(|sheet| sheet.accounts);
            let written = written.unwrap_or_default().into_iter();
            let written: Vec<Run> = written.flat_map(|account| account.runs).collect();
            if written == runs(&all(kept)) {
                return;
            }
            sleep(Duration::from_millis(500)).await;
        }
    }
}

fn all(kept: &KeptBooks) -> Excerpt {
    kept.books().between(i64::MIN, i64::MAX)
}

fn ends(kept: &KeptBooks) -> Vec<(What, End)> {
    let accounts = all(kept).accounts;
    let runs = accounts.iter().flat_map(|account| &account.runs);
    runs.map(|run| (run.what, run.end)).collect()
}

/// Reads a tick, so many seconds after the start.
fn reads(kept: &KeptBooks, second: i64) -> Receipt {
    let id = FrameId {
        target: TargetId::from_name("postgresql://a:1"),
        stream: StreamId::of_database("s", "d"),
        tick: Tick::from_unix_nanos(START + second * SECOND),
        epoch: Epoch(7),
    };
    let receipt = kept.books().opened(&id, What::Collected, None);
    kept.books().ended(&EndedTicks {
        target: &id.target,
        stream: &id.stream,
        last: id.tick,
        count: 1,
        interval: Duration::from_secs(1),
        outcome: "collected",
        epoch: Some(id.epoch),
    });
    receipt
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(20)
}

#[tokio::test(start_paused = true)]
async fn a_life_that_ends_in_good_order_leaves_whole_books() {
    let lives = Lives::new();
    let first = lives.open().await;
    drop(reads(&first, 1));
    let last = reads(&first, 2);
    lives.wait_written(&first).await;
    // After the last time that it was written anyway.
    drop(last);
    first.stop(soon()).await;
    sleep(Duration::from_secs(60)).await;

    let second = lives.open().await;
    assert_eq!(ends(&second), [(What::Collected, End::Delivered)]);
    assert_eq!(all(&second).since, START, "nothing is missing since");
    drop(reads(&second, 70));
    second.stop(soon()).await;
    sleep(Duration::from_secs(3600)).await;

    let third = lives.open().await;
    assert_eq!(all(&third).accounts[0].runs[0].first, START + 70 * SECOND);
    sleep(Duration::from_secs(100)).await;
    third.stop(soon()).await;
    let fourth = lives.open().await;
    assert_eq!(ends(&fourth), [], "all is older than an hour");
}

#[tokio::test(start_paused = true)]
async fn a_life_that_was_cut_off_leaves_what_it_had_written_and_that_is_said() {
    let lives = Lives::new();
    let first = lives.open().await;
    drop(reads(&first, 1));
    first.stop(soon()).await;

    // The end of the first life is not the end of the second, however short that is.
    let second = lives.open().await;
    let pending = reads(&second, 2);
    lives.wait_written(&second).await;
    drop(second);
    drop(pending);
    sleep(Duration::from_secs(30)).await;

    let third = lives.open().await;
    let expected = [(What::Collected, End::Delivered), (What::Collected, End::Unknown)];
    assert_eq!(ends(&third), expected, "nobody is left who could settle it");
    let excerpt = all(&third);
    assert_eq!(excerpt.since, excerpt.now, "what came last was not written down");
}

#[tokio::test(start_paused = true)]
async fn a_directory_that_cannot_be_written_costs_the_memory_alone() {
    let lives = Lives::new();
    let blocked = lives.folder.path().join("books");
    std::fs::write(&blocked, "no folder").unwrap();
    let (first, registry) = (lives.folder.path(), Registry::new());
    let first = KeptBooks::open(Some(first), "n1", &lives.clock, &registry)
        .await
        .unwrap();
    drop(reads(&first, 1));
    let failures = || {
        let families = registry.gather();
        let family = families
            .iter()
            .find(|family| family.name() == "ringwatch_tick_books_save_failures_total");
        family.unwrap().get_metric()[0].get_counter().get_value()
    };
    while failures() < 2.0 {
        sleep(Duration::from_secs(1)).await;
    }
    std::fs::remove_file(&blocked).unwrap();
    lives.wait_written(&first).await;
    let memory = KeptBooks::open(None, "n1", &lives.clock, &Registry::new())
        .await
        .unwrap();
    drop(reads(&memory, 5000));
    assert_eq!(ends(&memory), [(What::Collected, End::Delivered)]);
    memory.stop(soon()).await;
}

#[tokio::test(start_paused = true)]
async fn writing_takes_a_twentieth_of_the_time_at_most() {
    let lives = Lives::new();
    let registry = Registry::new();
    let mut writer = Writer {
        books: TickBooks::new(&lives.clock, &registry).unwrap(),
        file: Arc::new(BookFile::new(lives.folder.path(), "n1")),
        failures: IntCounter::new("failures", "failures").unwrap(),
        changes: None,
        is_failing: false,
    };
    let ms = Duration::from_millis;
    assert_eq!(writer.pause(ms(3)), SOONEST);
    assert_eq!(writer.pause(ms(700)), ms(14_000));
    writer.is_failing = true;
    assert_eq!(writer.pause(ms(3)), RETRY);
}

#[test]
fn small_books_are_written_each_second_and_large_ones_less_often() {
    let table = [(0, 1), (A_SECOND, 1), (3 * A_SECOND, 3), (128 << 20, 5)];
    for (bytes, seconds) in table {
        assert_eq!(every(bytes), Duration::from_secs(seconds), "{bytes}");
    }
}

#[tokio::test(start_paused = true)]
async fn where_this_life_cannot_be_written_nobody_believes_the_end_of_the_last_one() {
    let lives = Lives::new();
    lives
        .open()
        .await
        .stop(Instant::now() + Duration::from_secs(60))
        .await;
    let file = BookFile::new(lives.folder.path(), "n1");
    assert!(file.load().unwrap().unwrap().edges.ended);
    // A folder lies where the new file is to be written.
    let beside = file.path().with_extension("tmp");
    std::fs::create_dir(&beside).unwrap();
    drop(lives.open().await);
    assert!(file.load().unwrap().is_none());
}

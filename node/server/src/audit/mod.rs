//! The books of ticks: what became of each tick that this node owned, covered or heard of, and of its frame.
//!
//! The collector tells what became of ticks, receipts tell how frames ended, and what owners tell this node as
//! their standby is written down too: when a node is lost with its books, its standby's say what it had done.
//! One hour is kept, within a bound; what is forgotten before is said. With a data directory they outlast the
//! node's process: its next life begins with what this one wrote.

mod file;
mod keeping;
mod ledger;
mod line;
mod record;
mod run;
mod words;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus::{IntCounter, IntGauge, Registry};
use ringwatch_cluster::member::Incarnation;
use ringwatch_cluster::memories::{Change, Witness};
use ringwatch_collect::{EndedTicks, TickBook};
use ringwatch_frame::{Clock, FrameEnd, FrameId, Receipt, StreamId, TargetId, Tick};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use self::file::{BookFile, BookFileError};
pub(crate) use self::keeping::KeptBooks;
pub(crate) use self::ledger::Account;
use self::ledger::Ledger;
use self::line::Entry;
use self::record::Sheet;
pub(crate) use self::run::{End, Run, What};

/// How much memory the books may take, in bytes.
const LIMIT: usize = 64 * 1024 * 1024;

/// The books of this node.
pub(crate) struct TickBooks {
    clock: Clock,
    ledger: Mutex<Ledger>,
    shown: IntGauge,
    forgot: IntCounter,
}

/// What the books say of a range of time.
#[derive(Debug)]
pub(crate) struct Excerpt {
    /// From when on the books are whole, in nanoseconds since the Unix epoch.
    pub(crate) since: i64,
    /// The time at this node.
    pub(crate) now: i64,
    pub(crate) accounts: Vec<Account>,
}

impl TickBooks {
    /// Empty books.
    pub(crate) fn new(clock: &Clock, registry: &Registry) -> prometheus::Result<Arc<Self>> {
        Self::with(Self::resumed(None, clock.now()), clock, registry)
    }

    /// What the books of this life begin with.
    fn resumed(sheet: Option<Sheet>, now: Tick) -> Ledger {
        match sheet {
            Some(sheet) => Ledger::resumed(LIMIT, now, sheet),
            None => Ledger::new(LIMIT, now),
        }
    }

    fn with(ledger: Ledger, clock: &Clock, registry: &Registry) -> prometheus::Result<Arc<Self>> {
        let shown = IntGauge::new(
            "ringwatch_tick_books_bytes",
            "Memory of the books of ticks, in bytes",
        )?;
        let forgot = IntCounter::new(
            "ringwatch_tick_books_forgotten_total",
            "How often the books of ticks forgot what is less than an hour old, because there was too much",
        )?;
        registry.register(Box::new(shown.clone()))?;
        registry.register(Box::new(forgot.clone()))?;
        let books = Self {
            clock: clock.clone(),
            ledger: Mutex::new(ledger),
            shown,
            forgot,
        };
        books.forgot.inc_by(books.lock().forgot);
        books.told(&books.lock(), false);
        Ok(Arc::new(books))
    }

    /// A frame is on its way, with a receipt that writes down how it ends and then drops `receipt`.
    pub(crate) fn opened(self: &Arc<Self>, id: &FrameId, what: What, receipt: Option<Receipt>) -> Receipt {
        let entry = Entry {
            last: id.tick.unix_nanos(),
            count: 1,
            step: 0,
            what,
            end: End::Pending,
            epoch: id.epoch.0,
        };
        self.write(&id.target, &id.stream, entry);
        let (books, id) = (Arc::clone(self), id.clone());
        let withdrawal = receipt.as_ref().map(Receipt::withdrawal).cloned();
        Receipt::telling(move |end| {
            let end = match end {
                FrameEnd::Delivered => End::Delivered,
                FrameEnd::Dropped(reason) => End::Dropped(reason),
            };
            books.lock().ended(&id.target, &id.stream, id.tick, end);
            drop(receipt);
        })
        .withdrawn_by(withdrawal.unwrap_or_default())
    }

    /// A stream is gone: nothing of it is due before it begins anew.
    pub(crate) fn closed(&self, target: &TargetId, stream: &StreamId) {
        let now = self.clock.now();
        self.lock().close(target, stream, now);
    }

    /// Closes the streams of targets that are not `configured`, now and at each change.
    pub(crate) fn follow(
        self: &Arc<Self>,
        mut configured: watch::Receiver<Arc<[TargetId]>>,
    ) -> AbortOnDropHandle<()> {
        let books = Arc::clone(self);
        AbortOnDropHandle::new(tokio::spawn(async move {
            loop {
                let ids = Arc::clone(&configured.borrow_and_update());
                let now = books.clock.now();
                books.lock().keep_open(&ids, now);
                // The list stays as it is from then on.
                if configured.changed().await.is_err() {
                    return;
                }
            }
        }))
    }

    /// What is known of the ticks from one instant up to and without another, in nanoseconds since the Unix
    /// epoch.
    pub(crate) fn between(&self, from: i64, to: i64) -> Excerpt {
        let now = self.clock.now();
        let ledger = self.lock();
        Excerpt {
            since: ledger.whole(now),
            now: now.unix_nanos(),
            accounts: ledger.between(from, to),
        }
    }

    /// How much memory they take, in bytes; about.
    fn bytes(&self) -> usize {
        self.lock().bytes()
    }

    /// How often anything was written down since the start.
    fn changes(&self) -> u64 {
        self.lock().changes()
    }

    /// Writes them to their file; `ended`: nothing will be written down any more. Blocks, and holds the lock for
    /// one target at a time.
    fn save(&self, file: &BookFile, ended: bool) -> Result<(), BookFileError> {
        let mut fresh = file.begin()?;
        let now = self.clock.now();
        let after = |target: Option<&TargetId>| self.lock().after(target, now);
        let mut next = after(None);
        while let Some((target, accounts)) = next {
            for account in accounts {
                file.written(|| fresh.stream(account))?;
            }
            next = after(Some(&target));
        }
        let edges = self.lock().edges(now, ended);
        let fresh = file.written(|| fresh.end(edges))?;
        file.replace(fresh)
    }

    fn write(&self, target: &TargetId, stream: &StreamId, entry: Entry) {
        let now = self.clock.now();
        let mut ledger = self.lock();
        let forgot = ledger.write(target, stream, entry, now);
        self.told(&ledger, forgot);
    }

    fn heard(&self, target: &TargetId, stream: &StreamId, tick: Tick, epoch: Option<u64>) {
        let read = epoch.is_some();
        let entry = Entry {
            last: tick.unix_nanos(),
            count: 1,
            step: 0,
            what: What::Heard(read),
            end: if read { End::Pending } else { End::NoFrame },
            epoch: epoch.unwrap_or(0),
        };
        let now = self.clock.now();
        let mut ledger = self.lock();
        let forgot = if read {
            ledger.write(target, stream, entry, now)
        } else {
            // One word says that it was missed, and all before it that have not ended otherwise.
            ledger.fill(target, stream, entry, now)
        };
        self.told(&ledger, forgot);
    }

    fn begun(&self, target: &TargetId, stream: &StreamId, before: Tick) {
        let now = self.clock.now();
        let mut ledger = self.lock();
        let forgot = ledger.begin(target, stream, before.unix_nanos(), now);
        self.told(&ledger, forgot);
    }

    fn told(&self, ledger: &Ledger, forgot: bool) {
        self.shown.set(i64::try_from(ledger.bytes()).unwrap_or(i64::MAX));
        if forgot {
            self.forgot.inc();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TickBook for TickBooks {
    fn ended(&self, ended: &EndedTicks<'_>) {
        let what = match ended.outcome {
            "collected" => What::Collected,
            "covered" => What::Covered,
            "superseded" => What::Superseded,
            reason => What::Missed(reason),
        };
        let entry = Entry {
            last: ended.last.unix_nanos(),
            count: u32::try_from(ended.count).unwrap_or(u32::MAX),
            step: i64::try_from(ended.interval.as_nanos()).unwrap_or(0),
            what,
            end: End::NoFrame,
            epoch: ended.epoch.map_or(0, |epoch| epoch.0),
        };
        self.write(ended.target, ended.stream, entry);
    }
}

impl Witness for TickBooks {
    fn told(&self, _: &Incarnation, change: &Change, begins: bool) {
        match change {
            Change::Ended { target, ended } if begins => self.begun(target, &ended.stream, ended.tick),
            Change::Ended { target, ended } => {
                let epoch = ended.frame.as_ref().map(|frame| frame.meta.id.epoch.0);
                self.heard(target, &ended.stream, ended.tick, epoch);
            }
            Change::Settled { target, stream, tick } => {
                self.lock().ended(target, stream, *tick, End::Elsewhere);
            }
            Change::Forget { target, stream } => self.closed(target, stream),
            _ => {}
        }
    }
}

#[cfg(test)]
#[path = "mod_tests.rs"]
mod tests;

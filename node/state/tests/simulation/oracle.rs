//! What was seen from outside, over all nodes and lives.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard};

use ringwatch_proto::v1;
use ringwatch_state::store::AppliedAt;

/// The books of a run.
#[derive(Clone, Default)]
pub(crate) struct Oracle(Arc<Mutex<Books>>);

#[derive(Default)]
pub(crate) struct Books {
    /// The last number of an action.
    last: u64,
    /// Actions whose proposal was answered as done.
    pub(crate) acknowledged: BTreeSet<u64>,
    /// The digest at each index, and who said so first.
    pub(crate) digests: BTreeMap<u64, (u64, String)>,
    /// The view of each number, and who had it first.
    pub(crate) views: BTreeMap<u64, (v1::ViewRecord, String)>,
    /// The last number and index of a node's present life.
    pub(crate) lives: BTreeMap<String, (u64, u64)>,
    /// The leaders of each term, by Raft id.
    pub(crate) leaders: BTreeMap<u64, BTreeMap<u64, String>>,
    /// The groups that nodes said they belong to.
    pub(crate) groups: BTreeSet<u64>,
    /// What each node wanted to be known, and will try until it is.
    pub(crate) later: BTreeMap<String, u64>,
    /// How often what happened.
    pub(crate) counts: BTreeMap<&'static str, u64>,
    /// What broke an invariant at once.
    pub(crate) complaints: Vec<String>,
}

impl Oracle {
    pub(crate) fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap()
    }

    /// A number for an action, never given before.
    pub(crate) fn next(&self) -> u64 {
        let mut books = self.books();
        books.last += 1;
        books.last
    }

    pub(crate) fn acknowledged(&self, id: u64) {
        self.books().acknowledged.insert(id);
    }

    pub(crate) fn counted(&self, what: &'static str) {
        *self.books().counts.entry(what).or_default() += 1;
    }

    pub(crate) fn complain(&self, what: String) {
        let mut books = self.books();
        if books.complaints.len() < 10 {
            books.complaints.push(what);
        }
    }

    /// A view was acknowledged.
    pub(crate) fn numbered(&self, view: &v1::ViewRecord) {
        self.counted("views");
        self.view("its proposer", view);
    }

    pub(crate) fn view(&self, node: &str, view: &v1::ViewRecord) {
        let mut books = self.books();
        let known = books
            .views
            .entry(view.number)
            .or_insert_with(|| (view.clone(), node.to_owned()));
        if known.0 != *view {
            let what = format!(
                "view {} is one for {} and another one for {node}",
                view.number, known.1
            );
            books.complaints.push(what);
        }
    }

    pub(crate) fn later(&self, node: &str, word: u64) {
        self.books().later.insert(node.to_owned(), word);
    }

    /// A process began: what the one before had only in its memory is gone.
    pub(crate) fn life_begins(&self, node: &str) {
        let mut books = self.books();
        books.lives.remove(node);
        books.later.remove(node);
    }

    /// A store was put aside because its digest was another one, or because it was damaged.
    pub(crate) fn set_aside(&self, node: &str, reason: &str) {
        self.life_begins(node);
        self.complain(format!("{node} put its store aside: {reason}"));
    }

    /// A node has applied so far.
    pub(crate) fn applied(&self, node: &str, at: AppliedAt, view: Option<&v1::ViewRecord>) {
        if let Some(view) = view {
            self.view(node, view);
        }
        let mut books = self.books();
        let known = books
            .digests
            .entry(at.index)
            .or_insert_with(|| (at.digest, node.to_owned()));
        if known.0 != at.digest {
            let what = format!(
                "after entry {} the state of {node} is not that of {}",
                at.index, known.1
            );
            books.complaints.push(what);
        }
        let number = view.map_or(0, |view| view.number);
        let (last_number, last_index) = books
            .lives
            .insert(node.to_owned(), (number, at.index))
            .unwrap_or_default();
        if number < last_number || at.index < last_index {
            let what = format!(
                "{node} went back from entry {last_index} and view {last_number} to {} and {number}",
                at.index
            );
            books.complaints.push(what);
        }
    }
}

//! The statements whose plans are due, with their texts, which are kept no longer than they are needed.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::{Array, StringArray};
use ringwatch_parse::sql::Dialect;

use super::answer::{TEXTS, column_texts, shape};
use super::proof::proven;
use super::reason::Reason;
use super::retext::explainable;
use super::state::{Counted, Due};
use crate::fault::Fault;
use crate::reading::Aids;
use crate::session::{Arg, Question, Session};

/// A statement whose plan is due, with its text.
pub(super) struct Candidate {
    pub(super) due: Due,
    pub(super) text: Arc<str>,
    /// Where it finds its names.
    pub(super) place: Option<String>,
    /// Obfuscated.
    pub(super) query: Option<Arc<str>>,
    /// How many parameters it has, or why it is not asked for.
    pub(super) proof: Result<usize, Reason>,
}

/// What was found of the texts.
pub(super) struct Found {
    pub(super) candidates: Vec<Candidate>,
    pub(super) without_text: Vec<Counted>,
}

/// Reads the texts, and looks at each.
pub(super) async fn candidates<S: Session>(
    due: Vec<Due>,
    session: &mut S,
    texts: &Arc<str>,
    dialect: Dialect,
    aids: &Aids<'_>,
) -> Result<Found, Fault> {
    let keys = due.iter().map(|due| due.counted.key.to_string()).collect();
    let question = Question {
        sql: texts,
        args: &[Arg::Texts(keys)],
        columns: &TEXTS,
    };
    let answer = session.read(&question).await?;
    let raw: StringArray = column_texts(&answer, "query")?.into_iter().collect();
    let clean = aids.cleaner.texts(dialect, &raw).await?;
    let (keys, places) = (column_texts(&answer, "key")?, column_texts(&answer, "place")?);
    let mut rows: HashMap<&str, usize> = HashMap::new();
    for (at, key) in keys.iter().enumerate() {
        if let Some(key) = key.filter(|_| raw.is_valid(at)) {
            rows.entry(key).or_insert(at);
        }
    }
    let mut found = Found {
        candidates: Vec::new(),
        without_text: Vec::new(),
    };
    for due in due {
        match rows.get(&*due.counted.key) {
            Some(at) => found.candidates.push(Candidate {
                text: explainable(dialect, raw.value(*at)).into(),
                place: places.get(*at).copied().flatten().map(str::to_owned),
                query: clean.get(*at).cloned().flatten(),
                proof: Err(Reason::Other),
                due,
            }),
            None => found.without_text.push(due.counted),
        }
    }
    prove(&mut found.candidates, dialect, aids.role).await?;
    Ok(found)
}

/// Proves each, where it holds nobody up.
async fn prove(candidates: &mut [Candidate], dialect: Dialect, our_role: &str) -> Result<(), Fault> {
    let is_ours = |candidate: &Candidate| candidate.due.counted.rolname.as_deref() == Some(our_role);
    let text = |candidate: &Candidate| (Arc::clone(&candidate.text), is_ours(candidate));
    let texts: Vec<_> = candidates.iter().map(text).collect();
    let work = move || {
        let prove = |(text, is_ours): &(Arc<str>, bool)| proven(dialect, text, *is_ours);
        texts.iter().map(prove).collect::<Vec<_>>()
    };
    let proofs = tokio::task::spawn_blocking(work).await;
    let proofs = proofs.map_err(|e| shape(&e.to_string()))?;
    for (candidate, proof) in candidates.iter_mut().zip(proofs) {
        candidate.proof = proof;
    }
    Ok(())
}

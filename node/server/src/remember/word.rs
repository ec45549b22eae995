//! The order of what owners say of a circuit.

use serde::{Deserialize, Serialize};

/// Which word of whom.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Word {
    /// The owner's node.
    pub(super) owner: String,
    /// The view under which it was said.
    pub(super) view: u64,
    /// The owner's life.
    pub(super) generation: u64,
    /// Its number in that life.
    pub(super) seq: u64,
}

/// What to do with a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heed {
    /// It is later than what is known: it counts, whatever it says.
    Later,
    /// Which is later cannot be said: it counts if it is the stricter one.
    Beside,
    /// It is what is known, or earlier.
    Known,
}

impl Word {
    /// What to do with this word, where `known` was heeded last and this node is `me`.
    pub(super) fn against(&self, known: Option<&Self>, me: &str) -> Heed {
        let Some(known) = known else {
            // Of an earlier life of this node a file may know more. Any other owner came after it.
            return if self.owner == me {
                Heed::Beside
            } else {
                Heed::Later
            };
        };
        let order = |word: &Self| (word.view, word.generation, word.seq);
        if self.owner == known.owner {
            if order(self) > order(known) {
                Heed::Later
            } else {
                Heed::Known
            }
        } else {
            match self.view.cmp(&known.view) {
                std::cmp::Ordering::Greater => Heed::Later,
                std::cmp::Ordering::Equal => Heed::Beside,
                std::cmp::Ordering::Less => Heed::Known,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(owner: &str, view: u64, generation: u64, seq: u64) -> Word {
        Word {
            owner: owner.into(),
            view,
            generation,
            seq,
        }
    }

    #[test]
    fn of_two_words_the_later_one_counts() {
        let known = word("a", 5, 100, 7);
        for (said, expected) in [
            (word("a", 5, 100, 7), Heed::Known),
            (word("a", 5, 100, 8), Heed::Later),
            (word("a", 5, 100, 6), Heed::Known),
            (word("a", 5, 101, 1), Heed::Later),
            (word("a", 4, 200, 9), Heed::Known),
            (word("b", 6, 1, 1), Heed::Later),
            (word("b", 5, 1, 99), Heed::Beside),
            (word("b", 4, 900, 99), Heed::Known),
        ] {
            assert_eq!(said.against(Some(&known), "z"), expected, "{said:?}");
        }
        assert_eq!(known.against(None, "a"), Heed::Beside);
        assert_eq!(known.against(None, "b"), Heed::Later);
    }
}

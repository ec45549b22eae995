//! Which numbers of a sender have been seen.

const WORDS: usize = 32;
/// How far behind the highest number one may still be new.
pub(super) const WIDTH: u64 = (WORDS as u64) * 64;

/// A sliding window over a sender's numbers, after RFC 6479: every number passes once, in any order, if it is
/// not too late.
#[derive(Debug)]
pub(super) struct Window {
    highest: u64,
    /// One bit for each number of the last `WIDTH`, at the number modulo `WIDTH`.
    seen: [u64; WORDS],
}

impl Window {
    /// A window that takes everything up to `number` for seen.
    pub(super) fn after(number: u64) -> Self {
        Self {
            highest: number,
            seen: [u64::MAX; WORDS],
        }
    }

    /// Whether `number` is new; from now on it is not.
    pub(super) fn pass(&mut self, number: u64) -> bool {
        if number > self.highest {
            if number - self.highest >= WIDTH {
                self.seen = [0; WORDS];
            } else {
                for between in self.highest + 1..number {
                    self.clear(between);
                }
                self.clear(number);
            }
            self.highest = number;
        } else if self.highest - number >= WIDTH {
            return false;
        }
        let (word, bit) = place(number);
        let Some(word) = self.seen.get_mut(word) else {
            return false;
        };
        let new = *word & bit == 0;
        *word |= bit;
        new
    }

    fn clear(&mut self, number: u64) {
        let (word, bit) = place(number);
        if let Some(word) = self.seen.get_mut(word) {
            *word &= !bit;
        }
    }
}

fn place(number: u64) -> (usize, u64) {
    let at = number % WIDTH;
    // At most 31: the conversion loses nothing.
    ((at / 64) as usize, 1 << (at % 64))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use proptest::prelude::*;

    use super::*;

    /// Numbers that wander forward, with steps back and jumps.
    fn numbers() -> impl Strategy<Value = Vec<u64>> {
        let step = prop_oneof![8 => -40..60_i64, 2 => -3_000..3_000_i64, 1 => 0..100_000_i64];
        proptest::collection::vec(step, 1..400).prop_map(|steps| {
            let mut at = 5_000_i64;
            let mut next = |step: i64| {
                at = (at + step).max(0);
                at as u64
            };
            steps.into_iter().map(&mut next).collect()
        })
    }

    proptest! {
        #[test]
        fn it_passes_what_a_set_of_all_numbers_would(start in 0..6_000_u64, numbers in numbers()) {
            let mut window = Window::after(start);
            let mut highest = start;
            let mut seen = HashSet::new();
            for number in numbers {
                let new = number > start && number + WIDTH > highest && seen.insert(number);
                highest = highest.max(number);
                prop_assert_eq!(window.pass(number), new, "{}", number);
            }
        }
    }

    #[test]
    fn the_last_numbers_there_are_pass_too() {
        let mut window = Window::after(u64::MAX - 2);
        assert!(window.pass(u64::MAX));
        assert!(window.pass(u64::MAX - 1));
        assert!(!window.pass(u64::MAX));
        assert!(!window.pass(0));
    }
}

//! Fixes: no more of them are begun in a time than the settings say.

use std::collections::{HashMap, VecDeque};

use ringwatch_config::settings::SelfHealing;

/// How many fixes in force are remembered.
const REMEMBERED: usize = 4096;

/// What is done about a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Fix {
    /// A column gets the type back that it had.
    Coerce,
    /// Values that are no numbers become nothing.
    Blank,
    /// A column of which most values cannot be becomes nothing.
    Hide,
    /// The columns that a stream has now are its columns.
    ResetSchema,
    /// Values that are too many become `other`.
    Fold,
}

impl Fix {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Coerce,
        Self::Blank,
        Self::Hide,
        Self::ResetSchema,
        Self::Fold,
    ];

    /// The value of the label `fix`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Coerce => "coerce",
            Self::Blank => "blank",
            Self::Hide => "hide",
            Self::ResetSchema => "reset_schema",
            Self::Fold => "fold",
        }
    }
}

/// Whether a fix may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Permit {
    /// It is in force already.
    InForce,
    /// It begins now.
    Begins,
    /// There were enough.
    Refused,
    /// Nothing is mended.
    Off,
}

/// Counts the fixes of one processor.
pub(super) struct Healer {
    is_on: bool,
    limit: usize,
    window: i64,
    begun: VecDeque<i64>,
    in_force: HashMap<(u64, Fix), ()>,
}

impl Healer {
    pub(super) fn new(settings: &SelfHealing) -> Self {
        Self {
            is_on: settings.enabled,
            limit: usize::try_from(settings.max_auto_fixes).unwrap_or(usize::MAX),
            window: i64::try_from(settings.window.as_nanos()).unwrap_or(i64::MAX),
            begun: VecDeque::new(),
            in_force: HashMap::new(),
        }
    }

    /// Asks for a fix of `place` at `now`, in nanoseconds.
    pub(super) fn ask(&mut self, place: u64, fix: Fix, now: i64) -> Permit {
        if !self.is_on {
            return Permit::Off;
        }
        if self.in_force.contains_key(&(place, fix)) {
            return Permit::InForce;
        }
        self.forget(now);
        if self.begun.len() >= self.limit {
            return Permit::Refused;
        }
        self.begun.push_back(now);
        // The columns of a stream are reset at once: nothing of it stays in force.
        if fix != Fix::ResetSchema {
            if self.in_force.len() >= REMEMBERED {
                self.in_force.clear();
            }
            self.in_force.insert((place, fix), ());
        }
        Permit::Begins
    }

    /// Fixes that were begun in the window before `now`, and how many may be.
    pub(super) fn used(&mut self, now: i64) -> (usize, usize) {
        self.forget(now);
        (self.begun.len(), self.limit)
    }

    fn forget(&mut self, now: i64) {
        while self
            .begun
            .front()
            .is_some_and(|at| now.saturating_sub(*at) >= self.window)
        {
            self.begun.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000_000;

    #[test]
    fn so_many_fixes_are_begun_in_an_hour_and_no_more() {
        let mut healer = Healer::new(&SelfHealing {
            enabled: true,
            ..SelfHealing::default()
        });
        for place in 0..3 {
            assert_eq!(healer.ask(place, Fix::Coerce, 0), Permit::Begins);
        }
        assert_eq!(healer.ask(1, Fix::Coerce, 1), Permit::InForce);
        assert_eq!(healer.ask(3, Fix::Coerce, 1), Permit::Refused);
        assert_eq!(healer.ask(1, Fix::Hide, HOUR - 1), Permit::Refused);
        assert_eq!(healer.used(HOUR - 1), (3, 3));
        assert_eq!(healer.ask(1, Fix::ResetSchema, HOUR), Permit::Begins);
        assert_eq!(healer.ask(1, Fix::ResetSchema, HOUR), Permit::Begins);
        assert_eq!(
            Healer::new(&SelfHealing::default()).ask(1, Fix::Hide, 0),
            Permit::Off
        );
    }
}

//! One version of all that was changed at run time.

use std::collections::BTreeMap;

use ringwatch_proto::v1;
use ringwatch_state::command;

/// A switch that takes effect on all nodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Flag {
    /// Whether samplers follow the load.
    AdaptiveRates,
    /// Whether plans are asked for.
    Plans,
    /// Whether targets are moved for the sake of the load.
    Rebalance,
}

impl Flag {
    /// All of them, in the order of their names.
    pub(crate) const ALL: [Self; 3] = [Self::AdaptiveRates, Self::Plans, Self::Rebalance];

    /// What it is called.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::AdaptiveRates => "adaptive_rates",
            Self::Plans => "plans",
            Self::Rebalance => "rebalance",
        }
    }

    /// What it switches.
    pub(crate) const fn meaning(self) -> &'static str {
        match self {
            Self::AdaptiveRates => "samplers follow the load; off: they keep the rate that is set",
            Self::Plans => "plans are asked for as receivers say; off: nothing is explained on any node",
            Self::Rebalance => "targets move to make loads alike; off: only when somebody says so",
        }
    }

    /// The flag of this name.
    pub(crate) fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|flag| flag.name() == name)
    }
}

/// One version of all that was changed at run time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Content {
    /// Its number; 0: nothing was ever changed.
    pub(crate) version: u64,
    /// A hash of what it says; the same content has the same.
    pub(crate) hash: u64,
    /// The targets beside the configured ones, by id.
    pub(crate) targets: Vec<v1::RuntimeTarget>,
    /// Readings a second, by target.
    pub(crate) limits: BTreeMap<String, f64>,
    /// Rates in percent, by sampler.
    pub(crate) rates: BTreeMap<String, f64>,
    pub(super) flags: BTreeMap<String, bool>,
}

impl Content {
    /// The present version of the group.
    pub(crate) fn of(data: &command::DataSet) -> Self {
        let flags = data.flags().map(|(name, value)| (name.to_owned(), value));
        let owned = |(name, number): (&str, f64)| (name.to_owned(), number);
        Self {
            version: data.version(),
            hash: data.hash(),
            targets: data.targets().cloned().collect(),
            limits: data.limits().map(owned).collect(),
            rates: data.rates().map(owned).collect(),
            flags: flags.collect(),
        }
    }

    /// Whether a flag is on. All are, unless somebody has switched them off.
    pub(crate) fn is_on(&self, flag: Flag) -> bool {
        self.set(flag).unwrap_or(true)
    }

    /// What somebody has set a flag to.
    pub(crate) fn set(&self, flag: Flag) -> Option<bool> {
        self.flags.get(flag.name()).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_have_names_in_order_and_are_on_by_default() {
        assert!(Flag::ALL.is_sorted_by_key(|flag| flag.name()));
        for flag in Flag::ALL {
            assert_eq!(Flag::of(flag.name()), Some(flag));
            assert!(Content::default().is_on(flag));
        }
        assert_eq!(Flag::of("Plans"), None);
        let off = Content {
            flags: [("plans".to_owned(), false)].into(),
            ..Content::default()
        };
        assert!(!off.is_on(Flag::Plans) && off.is_on(Flag::Rebalance));
        assert_eq!(
            (off.set(Flag::Plans), off.set(Flag::Rebalance)),
            (Some(false), None)
        );
    }
}

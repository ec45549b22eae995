//! Why there is no plan of a statement.

/// Why there is no plan: the column `reason` of a row, and the label of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Reason {
    /// It is not proven to read and change nothing.
    NotReadOnly,
    /// The server has only the beginning of its text.
    Truncated,
    /// It has parameters, without whose values the server makes no plan.
    Parameters,
    /// The server cannot read the text as it keeps it.
    Syntax,
    /// The role may not read what the statement reads.
    Permission,
    /// What it names is not found where its role would find it.
    Undefined,
    /// The text or the plan is larger than what is taken.
    TooLarge,
    /// The plan cannot be read, so that its literals cannot be taken out.
    Unreadable,
    /// Planning took too long.
    Timeout,
    /// A table is locked. It is asked for again soon, and no row tells of it.
    Locked,
    /// Its text is not there at the moment. It is asked for again soon, and no row tells of it.
    Absent,
    /// The statement is one of ours. No row tells of it.
    Own,
    /// It is of a kind that has no plan, such as `BEGIN`. No row tells of it.
    Utility,
    /// Something else; the log has the server's words.
    Other,
}

impl Reason {
    /// Every reason.
    const ALL: [Self; 14] = [
        Self::NotReadOnly,
        Self::Truncated,
        Self::Parameters,
        Self::Syntax,
        Self::Permission,
        Self::Undefined,
        Self::TooLarge,
        Self::Unreadable,
        Self::Timeout,
        Self::Locked,
        Self::Absent,
        Self::Own,
        Self::Utility,
        Self::Other,
    ];

    /// As rows and metrics have it.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::NotReadOnly => "not_read_only",
            Self::Truncated => "truncated",
            Self::Parameters => "parameters",
            Self::Syntax => "syntax",
            Self::Permission => "permission",
            Self::Undefined => "undefined",
            Self::TooLarge => "too_large",
            Self::Unreadable => "unreadable",
            Self::Timeout => "timeout",
            Self::Locked => "locked",
            Self::Absent => "absent",
            Self::Own => "own",
            Self::Utility => "utility",
            Self::Other => "other",
        }
    }

    /// The reason of this name.
    pub(crate) fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }

    /// Whether it says nothing of the statement itself, and passes.
    pub(crate) const fn is_passing(self) -> bool {
        matches!(self, Self::Locked | Self::Absent)
    }

    /// Whether it is a failure: for a statement that is of no concern it is none.
    pub(crate) const fn is_failure(self) -> bool {
        !matches!(self, Self::Own | Self::Utility)
    }

    /// Whether a row tells of it.
    pub(crate) const fn is_told(self) -> bool {
        self.is_failure() && !self.is_passing()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for reason in Reason::ALL {
            assert_eq!(Reason::of_name(reason.as_str()), Some(reason));
        }
        assert_eq!(Reason::of_name("Other"), None);
    }
}

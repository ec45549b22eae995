//! What a plan may cost to read, and why one is refused.

/// What a plan may cost to read. Checked before memory is spent.
#[derive(Clone, Copy)]
pub struct Limits<'a> {
    /// Longer texts are refused unread.
    pub bytes: usize,
    /// Deeper trees are refused.
    pub depth: u32,
    /// Larger trees are refused.
    pub nodes: usize,
    /// Asked again and again while a plan is read; `true` ends it.
    pub stop: Option<&'a (dyn Fn() -> bool + Sync)>,
}

impl Default for Limits<'_> {
    /// Those of the reference configuration (500 KiB); a tree of 512 levels and 20 000 nodes, where the
    /// largest real ones known have 145 levels.
    fn default() -> Self {
        Self {
            bytes: 500 * 1024,
            depth: 512,
            nodes: 20_000,
            stop: None,
        }
    }
}

impl std::fmt::Debug for Limits<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limits")
            .field("bytes", &self.bytes)
            .field("depth", &self.depth)
            .field("nodes", &self.nodes)
            .finish_non_exhaustive()
    }
}

/// Why a text could not be read as a plan. No message quotes the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Longer than the limit.
    #[error(
        "the plan has {bytes} bytes and the limit is {limit}: raise max_plan_size_kb if such plans are wanted"
    )]
    TooLarge {
        /// Its length.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Deeper than the limit.
    #[error("the plan is nested more than {limit} levels deep")]
    TooDeep {
        /// The limit.
        limit: u32,
    },
    /// More nodes than the limit.
    #[error("the plan has more than {limit} nodes")]
    TooManyNodes {
        /// The limit.
        limit: usize,
    },
    /// It was not read in time.
    #[error("the plan could not be read within plan_timeout")]
    TimedOut,
    /// It looks like no plan of a known engine.
    #[error(
        "this is not a plan: give EXPLAIN's answer as JSON, text, XML, YAML (PostgreSQL), JSON or TREE (MySQL, \
         MariaDB)"
    )]
    NotAPlan,
    /// It begins like a plan and has no node that can be read.
    #[error("the plan cannot be read: {what} at byte {at}")]
    Invalid {
        /// Where.
        at: usize,
        /// What is wrong.
        what: &'static str,
    },
}

impl PlanError {
    /// A word for it, as metrics have it in `plan_rejected_total{reason}`.
    pub const fn reason(self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "too_large",
            Self::TooDeep { .. } => "too_deep",
            Self::TooManyNodes { .. } => "too_many_nodes",
            Self::TimedOut => "timeout",
            Self::NotAPlan => "not_a_plan",
            Self::Invalid { .. } => "invalid",
        }
    }
}

impl Limits<'_> {
    /// Refuses a text that is too long, without looking at it.
    pub(super) const fn check_size(&self, text: &str) -> Result<(), PlanError> {
        self.check_written(text.len())
    }

    /// The same of what is being written: to be called again and again, so that it does not grow further.
    pub(super) const fn check_written(&self, bytes: usize) -> Result<(), PlanError> {
        if bytes > self.bytes {
            let limit = self.bytes;
            return Err(PlanError::TooLarge { bytes, limit });
        }
        Ok(())
    }

    /// Whether reading may go on.
    pub(super) fn check_time(&self) -> Result<(), PlanError> {
        match self.stop {
            Some(stop) if stop() => Err(PlanError::TimedOut),
            _ => Ok(()),
        }
    }

    /// Whether there may be a node more, at this depth, where there are `nodes` already.
    pub(super) const fn check_node(&self, nodes: usize, depth: u32) -> Result<(), PlanError> {
        if nodes >= self.nodes {
            return Err(PlanError::TooManyNodes { limit: self.nodes });
        }
        if depth >= self.depth {
            return Err(PlanError::TooDeep { limit: self.depth });
        }
        Ok(())
    }
}

/// How many levels of a notation a level of the tree may take: MySQL writes up to four.
const LEVELS: usize = 4;
/// What is around a tree.
const AROUND: usize = 64;
/// How many tokens are read between two looks at [`Limits::stop`].
const PATIENCE: u32 = 256;

/// Watches over the limits while a text is read.
#[derive(Debug)]
pub(super) struct Watch<'l> {
    limits: Limits<'l>,
    until_look: u32,
}

impl<'l> Watch<'l> {
    /// A watch over the reading of this text, if it may be read at all.
    pub(super) const fn new(text: &str, limits: &Limits<'l>) -> Result<Self, PlanError> {
        if let Err(error) = limits.check_size(text) {
            return Err(error);
        }
        Ok(Self {
            limits: *limits,
            until_look: PATIENCE,
        })
    }

    /// To be called at every token: whether reading may go on.
    pub(super) fn look(&mut self) -> Result<(), PlanError> {
        self.until_look -= 1;
        if self.until_look > 0 {
            return Ok(());
        }
        self.until_look = PATIENCE;
        self.limits.check_time()
    }

    /// Whether one more object or array may be open where `open` are.
    pub(super) const fn check_open(&self, open: usize) -> Result<(), PlanError> {
        let limit = self.limits.depth;
        if open >= (limit as usize).saturating_mul(LEVELS).saturating_add(AROUND) {
            return Err(PlanError::TooDeep { limit });
        }
        Ok(())
    }
}

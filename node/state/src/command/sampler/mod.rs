//! What samplers learnt: statements they have seen, rates they adapted, caps they used.

pub(crate) mod block;
pub(crate) mod caps;
pub(crate) mod rates;
pub(crate) mod rules;
pub(crate) mod seen;
mod statements;

pub use statements::SeenStatements;

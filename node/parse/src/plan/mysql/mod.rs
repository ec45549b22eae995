//! Plans of MySQL and MariaDB.
//!
//! Their formats tell other things than PostgreSQL's do: JSON of blocks, tables and lists of joined tables,
//! JSON of iterators, and lines of iterators. Each becomes a [`draft::Draft`] first, which then becomes a
//! tree of PostgreSQL's words: joins of two inputs, conditions at the nodes they belong to, wrappers gone.

mod blocks;
mod draft;
mod fill;
mod finish;
mod iterators;
mod join;
mod lines;
mod operation;
mod table;
mod words;

#[cfg(test)]
mod tests;

pub(super) use blocks::read as read_blocks;
pub(super) use iterators::read as read_iterators;
pub(super) use lines::read as read_tree;

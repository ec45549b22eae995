//! Calls of the group between nodes.

//! The state machine: what the log makes of the state, the same on every node.

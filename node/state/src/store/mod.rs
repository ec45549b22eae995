//! Log and state on disk.

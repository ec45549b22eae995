//! The typed commands of the group, one file each.

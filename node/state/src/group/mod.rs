//! The group: its founding, its members, its leader, and the handle by which the node uses it.

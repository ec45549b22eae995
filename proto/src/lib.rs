//! The wire between nodes and their clients: package `ringwatch.v1`.
//!
//! The `.proto` files under `proto/` are the source; everything here is made from them when the crate is built.
//! This crate promises that a message of an older minor version can be read by a newer one, and never
//! holds logic: what a message means is said by the room that answers it.

/// Package `ringwatch.v1`.
pub mod v1 {
    #![allow(missing_docs, unreachable_pub, clippy::all, clippy::too_many_lines)]
    tonic::include_proto!("ringwatch.v1");
}

/// The encoded `FileDescriptorSet` of the package, for gRPC reflection.
pub const DESCRIPTOR_SET: &[u8] = tonic::include_file_descriptor_set!("ringwatch.v1");

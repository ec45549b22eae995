//! Compiles the protocol with `protox`, so that no `protoc` has to be installed.

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let rooms = [
        "audit",
        "backup",
        "breakers",
        "cluster",
        "members",
        "peer",
        "raft",
        "runtime",
        "sampler",
        "state",
        "verification",
        "watch",
    ];
    let files = rooms.map(|room| format!("ringwatch/v1/{room}.proto"));
    let set = protox::compile(files, ["proto"])?;
    let descriptor = PathBuf::from(std::env::var("OUT_DIR")?).join("ringwatch.v1.bin");
    std::fs::write(&descriptor, prost::Message::encode_to_vec(&set))?;
    tonic_prost_build::configure()
        .bytes(".ringwatch.v1.StreamMemory")
        .bytes(".ringwatch.v1.TickEnded")
        .bytes(".ringwatch.v1.Covered")
        .bytes(".ringwatch.v1.RaftRequest")
        .bytes(".ringwatch.v1.RaftResponse")
        .compile_fds(set)?;
    Ok(())
}

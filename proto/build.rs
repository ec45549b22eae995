//! Compiles the protocol with `protox`, so that no `protoc` has to be installed.

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto");
    let rooms = ["breakers", "cluster", "peer", "sampler", "verification"];
    let files = rooms.map(|room| format!("ringwatch/v1/{room}.proto"));
    let set = protox::compile(files, ["proto"])?;
    let descriptor = PathBuf::from(std::env::var("OUT_DIR")?).join("ringwatch.v1.bin");
    std::fs::write(&descriptor, prost::Message::encode_to_vec(&set))?;
    tonic_prost_build::configure()
        .bytes(".ringwatch.v1.StreamMemory")
        .bytes(".ringwatch.v1.TickEnded")
        .compile_fds(set)?;
    Ok(())
}

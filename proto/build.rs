//! Compiles the protocol with `protox`, so that no `protoc` has to be installed.

use std::path::PathBuf;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo:rerun-if-changed=proto/ringwatch/v1/cluster.proto");
    let set = protox::compile(["ringwatch/v1/cluster.proto"], ["proto"])?;
    let descriptor = PathBuf::from(std::env::var("OUT_DIR")?).join("ringwatch.v1.bin");
    std::fs::write(&descriptor, prost::Message::encode_to_vec(&set))?;
    tonic_prost_build::configure().compile_fds(set)?;
    Ok(())
}

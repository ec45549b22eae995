//! What can be said of the image without building it.

use std::collections::BTreeSet;

use super::files::{Files, Port, at, number, repository, text, words};
use super::program;

/// One instruction of a `Dockerfile` and its arguments.
type Instruction = (String, String);

pub(super) fn faults(files: &Files) -> Vec<String> {
    let mut found = Vec::new();
    let instructions = instructions(files.text("Dockerfile"));
    stages(&instructions, &mut found);
    sources(&instructions, &mut found);
    start(files, &instructions, &mut found);
    ports(files, &instructions, &mut found);
    found
}

/// The instructions, with continued lines put together and comments left out.
fn instructions(text: &str) -> Vec<Instruction> {
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| !line.trim_start().starts_with('#'))
        .collect();
    let joined = lines.join("\n").replace("\\\n", " ");
    let whole = joined.lines().filter_map(|line| line.trim().split_once(' '));
    whole
        .map(|(name, rest)| (name.to_owned(), rest.trim().to_owned()))
        .collect()
}

fn all<'a>(instructions: &'a [Instruction], name: &str) -> Vec<&'a str> {
    let named = instructions.iter().filter(|(found, _)| found == name);
    named.map(|(_, rest)| rest.as_str()).collect()
}

/// The last of its kind: the one that counts.
fn last<'a>(instructions: &'a [Instruction], name: &str) -> &'a str {
    all(instructions, name).last().copied().unwrap_or_default()
}

fn stages(instructions: &[Instruction], found: &mut Vec<String>) {
    let rust = format!("rust:{}-bookworm AS build", env!("CARGO_PKG_RUST_VERSION"));
    if all(instructions, "FROM") != [rust.as_str(), "debian:bookworm-slim"] {
        found.push(format!("FROM is not `{rust}` and then `debian:bookworm-slim`"));
    }
    let build = last(instructions, "RUN");
    let package = concat!("--package ", env!("CARGO_PKG_NAME"), " --bin ringwatch");
    for part in [
        "cargo build --locked --release",
        package,
        "target/release/ringwatch",
    ] {
        if !build.contains(part) {
            found.push(format!("RUN does not hold `{part}`"));
        }
    }
    for name in ["ENV", "ARG", "ADD"] {
        if !all(instructions, name).is_empty() {
            found.push(format!(
                "{name} is not needed, and a place for secrets to leak from"
            ));
        }
    }
}

/// What is copied is there and is sent to the builder, and every member of the workspace is among it.
fn sources(instructions: &[Instruction], found: &mut Vec<String>) {
    let ignored = std::fs::read_to_string(repository("deploy/Dockerfile.dockerignore")).unwrap();
    let mut copied = BTreeSet::new();
    for copy in all(instructions, "COPY") {
        let names: Vec<&str> = copy.split_whitespace().collect();
        let (_, sources) = names.split_last().unwrap();
        if !copy.starts_with("--from=") {
            copied.extend(sources.iter().copied());
        } else if !copy.starts_with("--from=build ") {
            found.push(format!("COPY {copy}: there is no such stage"));
        }
    }
    for source in &copied {
        if !repository(source).exists() {
            found.push(format!("COPY: there is no {source} in the repository"));
        }
        if !ignored.lines().any(|line| line == format!("!{source}")) {
            found.push(format!("COPY: {source} is not sent to the builder"));
        }
    }
    let manifest = std::fs::read_to_string(repository("Cargo.toml")).unwrap();
    let (members, _) = manifest
        .split_once("members = [")
        .and_then(|(_, rest)| rest.split_once(']'))
        .unwrap();
    for member in members.split('"').skip(1).step_by(2) {
        if !copied
            .iter()
            .any(|source| member.split('/').next() == Some(source))
        {
            found.push(format!("COPY: the workspace's member {member} is left out"));
        }
    }
}

/// The program is where it is started, as nobody in particular, in the way that the stateful set starts it.
fn start(files: &Files, instructions: &[Instruction], found: &mut Vec<String>) {
    let json = |name| serde_json::from_str(last(instructions, name)).unwrap_or_default();
    let entry = words(&json("ENTRYPOINT"), "");
    let copied = last(instructions, "COPY") == "--from=build /image/ /";
    let installed = format!("/image{}", entry.join(" "));
    if !copied || !last(instructions, "RUN").contains(&installed) || !installed.ends_with("/bin/ringwatch") {
        found.push(format!(
            "ENTRYPOINT starts {entry:?}, which is not where the program is put"
        ));
    }
    let command = words(&json("CMD"), "");
    if command.is_empty() || command != words(&files.container(), "/args") {
        found.push(format!(
            "CMD is {command:?}, and the stateful set's args are others"
        ));
    }
    let security = at(
        &files.manifest("statefulset.yaml"),
        "/spec/template/spec/securityContext",
    );
    let (user, group) = (number(&security, "/runAsUser"), number(&security, "/runAsGroup"));
    if user == 0 || group == 0 || last(instructions, "USER") != format!("{user}:{group}") {
        found.push(format!(
            "USER is not the stateful set's {user}:{group}, or that is root"
        ));
    }
    let image = text(&files.container(), "/image");
    if image != concat!("ringwatch:", env!("CARGO_PKG_VERSION")) {
        found.push(format!("the image {image} is not of this version"));
    }
}

fn ports(files: &Files, instructions: &[Instruction], found: &mut Vec<String>) {
    let exposed: BTreeSet<Port> = last(instructions, "EXPOSE")
        .split_whitespace()
        .filter_map(|port| port.split_once('/'))
        .map(|(port, protocol)| (port.parse().unwrap_or_default(), protocol.to_uppercase()))
        .collect();
    let offered = program::default_ports();
    if exposed != offered {
        found.push(format!(
            "EXPOSE is {exposed:?}, and the program offers {offered:?}"
        ));
    }
    for (name, port) in files.container_ports() {
        if !exposed.contains(&port) {
            found.push(format!(
                "the container's port {name}, {port:?}, is not one of the image"
            ));
        }
    }
}

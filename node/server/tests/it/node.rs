//! A node process with free ports, whose only target is down.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

pub const BINARY: &str = env!("CARGO_BIN_EXE_ringwatch");

/// Runs the program to its end.
pub fn ringwatch(args: &[&str]) -> Output {
    Command::new(BINARY)
        .args(args)
        .env_remove("HOSTNAME")
        .output()
        .unwrap()
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

pub struct Node {
    child: Child,
    pub grpc: u16,
    pub health: u16,
    pub metrics: u16,
    folder: TempDir,
}

/// What differs from node to node.
#[derive(Default)]
pub struct Plan<'a> {
    pub id: &'a str,
    /// The rest of the section `cluster`, in braces' form: `, gossip: { ... }`.
    pub cluster: String,
    /// Servers that do not run, by the ports of this machine at which nobody listens.
    pub targets: &'a [u16],
    /// What is put into `service.telemetry`, with the brace that closes its metrics.
    pub telemetry: &'a str,
    /// The processors of the pipeline with their settings in braces.
    pub processors: &'a [(&'a str, String)],
    /// Extensions beside the health check, with their settings in braces.
    pub extensions: &'a [(&'a str, String)],
    /// The section `admin`, in braces.
    pub admin: &'a str,
}

/// Components by name, as YAML has them between braces.
fn defined(components: &[(&str, String)]) -> String {
    let all = components
        .iter()
        .map(|(name, settings)| format!("{name}: {settings}"));
    all.collect::<Vec<_>>().join(", ")
}

/// The names alone.
fn named(components: &[(&str, String)]) -> String {
    components
        .iter()
        .map(|(name, _)| *name)
        .collect::<Vec<_>>()
        .join(", ")
}

impl Node {
    /// Starts a cluster of one and waits until it is ready. `telemetry` is put into `service.telemetry`.
    pub fn start(telemetry: &str) -> Self {
        let [database] = free_ports();
        let node = Self::launch(&Plan {
            id: "n1",
            targets: &[database],
            telemetry,
            ..Plan::default()
        });
        node.wait_ready();
        node
    }

    /// Starts a node.
    pub fn launch(plan: &Plan<'_>) -> Self {
        let [grpc, health, metrics] = free_ports();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ringwatch.yaml");
        let Plan {
            id,
            cluster,
            targets,
            telemetry,
            processors,
            extensions,
            admin,
        } = plan;
        let (stages, processors) = (named(processors), defined(processors));
        let (others, extensions) = (named(extensions), defined(extensions));
        let admin = if admin.is_empty() { "{}" } else { admin };
        let target = |port: &u16| format!("{{ endpoint: 127.0.0.1:{port}, labels: {{ team: billing }} }}");
        let targets: Vec<String> = targets.iter().map(target).collect();
        let targets = targets.join(", ");
        let config = format!(
            "cluster: {{ name: test, node_id: {id}, grpc: {{ listen: 127.0.0.1:{grpc} }}{cluster} }}
receivers:
  postgresql:
    targets: [{targets}]
    username: monitor
    password: canary-secret
    tls: {{ insecure: true }}
    collection_interval: 1s
exporters: {{ debug: {{ sampling_initial: 0, sampling_thereafter: 0 }} }}
processors: {{ {processors} }}
extensions: {{ health_check: {{ endpoint: 127.0.0.1:{health} }}, {extensions} }}
admin: {admin}
service:
  extensions: [health_check, {others}]
  pipelines: {{ metrics: {{ receivers: [postgresql], processors: [{stages}], exporters: [debug] }} }}
  telemetry: {{ metrics: {{ address: 127.0.0.1:{metrics}{telemetry} }}
"
        );
        std::fs::write(&file, config).unwrap();
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let child = Command::new(BINARY)
            .args(["run", "--config"])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self {
            child,
            grpc,
            health,
            metrics,
            folder,
        }
    }

    /// Waits until the node says that it is ready.
    pub fn wait_ready(&self) {
        self.wait("ready", || {
            get(self.health, "/health/ready").is_some_and(|(status, _)| status == 200)
        });
    }

    /// Waits for a state.
    pub fn wait(&self, what: &str, mut state: impl FnMut() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !state() {
            assert!(
                Instant::now() < deadline,
                "waited 20 s for {what}; the log: {}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// The log, for after the end of the node.
    pub fn log_file(&self) -> tempfile::NamedTempFile {
        let (file, path) = (
            tempfile::NamedTempFile::new().unwrap(),
            self.folder.path().join("log"),
        );
        std::fs::remove_file(file.path()).unwrap();
        std::fs::hard_link(path, file.path()).unwrap();
        file
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Tells the node to stop and gives its exit code.
    pub fn stop(self) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.ended()
    }

    /// Waits until the node has ended by itself and gives its exit code.
    pub fn ended(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// Ends the node without a warning.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It has ended already where a test stopped it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Ports of 127.0.0.1 on which nothing listens, each given to one test only. They lie below the range from which the
/// system takes ports for outgoing connections: one of those could be taken before the node of the test has it.
pub fn free_ports<const N: usize>() -> [u16; N] {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    const FIRST: u16 = 12_000;
    const COUNT: u16 = 8_000;
    let start = std::process::id().wrapping_mul(61) % u32::from(COUNT);
    let one = || {
        let place = (start + u32::from(NEXT.fetch_add(1, Relaxed) % COUNT)) % u32::from(COUNT);
        let port = FIRST + u16::try_from(place).unwrap();
        let tcp = TcpListener::bind(("127.0.0.1", port)).ok()?;
        let udp = UdpSocket::bind(("127.0.0.1", port)).ok()?;
        drop((tcp, udp));
        Some(port)
    };
    std::array::from_fn(|_| (0..COUNT).find_map(|_| one()).unwrap())
}

/// Status and body of a GET, if anybody answers.
pub fn get(port: u16, path: &str) -> Option<(u16, String)> {
    let (status, body) = request(port, "GET", path, "")?;
    Some((status, String::from_utf8(body).unwrap()))
}

/// Status and body of a request, if anybody answers. `headers` end with a line break each.
pub fn request(port: u16, method: &str, path: &str, headers: &str) -> Option<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(
        stream,
        "{method} {path} HTTP/1.0\r\nHost: localhost\r\nContent-Length: 0\r\n{headers}\r\n"
    )
    .ok()?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok()?;
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let status = head.split_whitespace().nth(1)?.parse().ok()?;
    Some((status, answer.split_off(end + 4)))
}

//! A node process with free ports, whose only target is down.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

pub const BINARY: &str = env!("CARGO_BIN_EXE_ringwatch");

pub struct Node {
    child: Child,
    pub grpc: u16,
    pub health: u16,
    pub metrics: u16,
    folder: TempDir,
}

impl Node {
    /// Starts a node and waits until it is ready. `telemetry` is put into `service.telemetry`.
    pub fn start(telemetry: &str) -> Self {
        let [grpc, health, metrics, database] = free_ports();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ringwatch.yaml");
        let config = format!(
            "cluster: {{ name: test, node_id: n1, grpc: {{ listen: 127.0.0.1:{grpc} }} }}
receivers:
  postgresql:
    targets: [{{ endpoint: 127.0.0.1:{database}, labels: {{ team: billing }} }}]
    username: monitor
    password: canary-secret
    tls: {{ insecure: true }}
    collection_interval: 1s
exporters: {{ debug: {{ sampling_initial: 0, sampling_thereafter: 0 }} }}
extensions: {{ health_check: {{ endpoint: 127.0.0.1:{health} }} }}
service:
  extensions: [health_check]
  pipelines: {{ metrics: {{ receivers: [postgresql], exporters: [debug] }} }}
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
        let node = Self {
            child,
            grpc,
            health,
            metrics,
            folder,
        };
        node.wait("ready", || {
            get(health, "/health/ready").is_some_and(|(status, _)| status == 200)
        });
        node
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

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }

    /// Tells the node to stop and gives its exit code.
    pub fn stop(mut self) -> Option<i32> {
        kill_process(Pid::from_child(&self.child), Signal::TERM).unwrap();
        self.child.wait().unwrap().code()
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // It has ended already where a test stopped it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_ports<const N: usize>() -> [u16; N] {
    let listeners: [TcpListener; N] = std::array::from_fn(|_| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// Status and body of a GET, if anybody answers.
pub fn get(port: u16, path: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split_whitespace().nth(1)?.parse().ok()?, body.to_owned()))
}

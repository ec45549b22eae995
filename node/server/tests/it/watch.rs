//! `ringwatch cluster watch`.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::cluster::launch;
use crate::node::{BINARY, free_ports, text};

const PATIENCE: Duration = Duration::from_secs(20);

/// The lines that a process prints, as they come.
fn lines_of(process: &mut Child) -> Receiver<String> {
    let output = BufReader::new(process.stdout.take().unwrap());
    let (sender, lines) = channel();
    std::thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    lines
}

/// Waits until each of these has been true of a line, in any order; other lines are of no interest.
fn wait_lines(lines: &Receiver<String>, wanted: &[&dyn Fn(&str) -> bool]) {
    let mut left: Vec<_> = wanted.iter().collect();
    let mut seen = Vec::new();
    let deadline = Instant::now() + PATIENCE;
    while !left.is_empty() {
        let Ok(line) = lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) else {
            panic!("{} lines have not come in {seen:#?}", left.len());
        };
        left.retain(|wanted| !wanted(&line));
        seen.push(line);
    }
}

/// Waits for a line; those before it are of no interest.
fn wait_line(lines: &Receiver<String>, wanted: impl Fn(&str) -> bool) {
    wait_lines(lines, &[&wanted]);
}

#[test]
fn watch_shows_the_members_and_then_each_change() {
    let [a, b, c, d] = free_ports();
    let first = launch("n1", a, &[a]);
    let _others = [launch("n2", b, &[a]), launch("n3", c, &[a])];
    first.wait_ready();
    let address = format!("127.0.0.1:{}", first.grpc);
    let watch = |more: &[&str]| {
        Command::new(BINARY)
            .args(["cluster", "watch", "--address", &address])
            .args(more)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let (mut table, mut lines) = (watch(&[]), watch(&["-o", "json"]));
    let (shown, told) = (lines_of(&mut table), lines_of(&mut lines));
    assert!(
        shown
            .recv_timeout(PATIENCE)
            .unwrap()
            .starts_with("cluster test, view ")
    );
    wait_line(&shown, |line| line.starts_with("n1 ") && line.contains("READY"));
    let members = |line: &str| {
        let answer: Value = serde_json::from_str(line).unwrap();
        answer["members"].as_array().map(Vec::len)
    };
    assert_eq!(members(&told.recv_timeout(PATIENCE).unwrap()), Some(3));

    let fourth = launch("n4", d, &[a]);
    // Three nodes hand targets to it, of which one was asked.
    let handed = |line: &str| line.contains(" has handed postgresql://") && line.contains(" over to n4, ");
    wait_lines(
        &shown,
        &[
            &|line| line.contains("  n4 came, "),
            &|line| line.contains("  n4 ") && line.contains(" -> READY"),
            &|line| handed(line) && line.contains("  n2 "),
            &handed,
        ],
    );
    let event = |line: &str, kind: &str| {
        let event: Value = serde_json::from_str(line).unwrap();
        event["event"] == kind && event["to"] == "n4" && event["at"].as_str().is_some()
    };
    wait_lines(
        &told,
        &[
            &|line| members(line) == Some(4),
            &|line| event(line, "handed_over"),
            &|line| event(line, "received"),
        ],
    );
    assert_eq!(fourth.stop(), Some(0));
    wait_line(&shown, |line| line.ends_with("  n4 left"));

    kill_process(Pid::from_child(&table), Signal::INT).unwrap();
    assert_eq!(table.wait().unwrap().code(), Some(0), "Ctrl-C is a good end");
    // The other one learns from the node that nothing will come any more.
    assert_eq!(first.stop(), Some(0));
    let ended = lines.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(3), "{}", text(&ended.stderr));
}

//! `tail --to URL --follow` reads the service's own stream, over its silences and restarts.

use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use serde_json::Value;
use zeitgeber_tests::{Service, dir, zeitgeber};

use crate::kit::{log, position, readings};

/// Longest wait for a line.
const LINE: Duration = Duration::from_secs(60);

fn take(lines: &Receiver<String>, count: usize, came: &mut Vec<String>) {
    for _ in 0..count {
        let line = lines.recv_timeout(LINE);
        let line = line.unwrap_or_else(|_| panic!("{} lines came, then none", came.len()));
        let row: Value = serde_json::from_str(&line).expect("a line is JSON");
        came.push(position(&row));
    }
}

#[test]
fn a_followed_service_is_followed_over_heartbeats_a_kill_and_a_restart() {
    let dir = dir();
    let arguments = ["--set", "service.heartbeat_s=1", "--set", "clock.mode=\"inputs\""];
    let mut service = Service::start_with(dir.path(), &arguments);
    readings(&service, &["ada", "bo"], 0..5);
    let before = log(dir.path());
    let mut tail = zeitgeber();
    tail.args(["tail", "--follow", "--json", "--to"]).arg(service.url(""));
    let mut tail = tail.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
    let output = BufReader::new(tail.stdout.take().expect("it is piped"));
    let (sender, lines) = channel();
    let reading = thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    let mut came = Vec::new();
    take(&lines, before.len().min(20), &mut came);
    for round in 1..4 {
        readings(&service, &["ada", "bo"], round * 10..round * 10 + 5);
        take(&lines, 10, &mut came);
        // A heartbeat or two pass by.
        thread::sleep(Duration::from_millis(1_200));
        if round < 3 {
            service = service.kill_and_restart();
        }
    }
    let rows = log(dir.path());
    let expected: Vec<String> =
        rows[before.len().saturating_sub(20)..].iter().map(position).collect();
    take(&lines, expected.len() - came.len(), &mut came);
    assert_eq!(came, expected);
    let sent = Command::new("kill").args(["-INT", &tail.id().to_string()]).status();
    assert!(sent.is_ok_and(|status| status.success()), "it can be signalled");
    let ended = tail.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{}: {said}", ended.status);
    assert!(!said.contains("panicked"), "{said}");
    reading.join().expect("it reads to the end");
}

//! Either side of an ingest over HTTP is killed in its middle: each line counts once all the same.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use zeitgeber_tests::{
    Service, command, dir, json, run, sample_dir, sample_lines, verify, write_lines,
};

use super::{configured, remote};

/// Longest time until the first outcomes are written.
const FIRST_OUTCOMES: Duration = Duration::from_secs(60);

/// Starts to send a file with the sample's profiles.
fn send(service: &Service, input: &Path, outcomes: &Path) -> Child {
    let mut sending = remote("ingest", service);
    sending.arg(input).arg("--profiles").arg(sample_dir().join("users.json"));
    sending.arg("--json").arg("--outcomes").arg(outcomes);
    sending.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command starts")
}

/// Waits until something is written.
fn wait_for(outcomes: &Path) {
    let started = Instant::now();
    while fs::metadata(outcomes).map_or(0, |about| about.len()) == 0 {
        assert!(started.elapsed() < FIRST_OUTCOMES, "no outcome is written");
        thread::sleep(Duration::from_millis(2));
    }
}

/// The lines' numbers in a file of outcomes, as they stand there.
fn numbers(outcomes: &Path) -> Vec<u64> {
    let text = fs::read_to_string(outcomes).expect("the outcomes are there");
    let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    lines.map(|line| line["line"].as_u64().expect("a line's number")).collect()
}

/// How many readings a summary counts, whatever became of them.
fn told_once(summary: &Value) -> u64 {
    let count = |key: &str| summary[key].as_u64().expect("a count");
    count("accepted") + count("refused") + count("repeats")
}

/// A log that took the file without interruption.
fn taken_whole(dir: &Path, input: &Path) -> PathBuf {
    let whole = dir.join("whole");
    configured(&whole);
    let profiles = sample_dir().join("users.json");
    run(command("ingest", &whole).arg(input).arg("--profiles").arg(profiles));
    whole
}

fn digest(log: &Path) -> Value {
    json(command("verify", log).arg("--json"))["digest"].clone()
}

#[test]
fn a_service_killed_and_started_again_during_ingest_takes_each_line_once() {
    let dir = dir();
    let log = dir.path().join("log");
    let input = dir.path().join("all.jsonl");
    let lines = sample_lines();
    write_lines(&input, lines);
    let mut service = Service::start(&log);
    let outcomes = dir.path().join("outcomes.jsonl");
    let sending = send(&service, &input, &outcomes);
    wait_for(&outcomes);
    service = service.kill_and_restart();
    let sent = sending.wait_with_output().expect("the command ends");
    let said = String::from_utf8_lossy(&sent.stderr).into_owned();
    assert!(sent.status.success(), "{said}");
    let summary: Value = serde_json::from_slice(&sent.stdout).expect("a summary");
    assert_eq!(summary["files"][0]["inputs"], lines.len(), "{summary}");
    assert_eq!(told_once(&summary), lines.len() as u64, "{summary}");
    assert_eq!(numbers(&outcomes), (1..=lines.len() as u64).collect::<Vec<_>>());
    service.stop();
    assert_eq!(digest(&log), digest(&taken_whole(dir.path(), &input)));
}

#[test]
fn a_client_killed_and_run_again_leaves_each_line_once_in_log_and_outcomes() {
    let dir = dir();
    let log = dir.path().join("log");
    let input = dir.path().join("all.jsonl");
    let lines = sample_lines();
    write_lines(&input, lines);
    let service = Service::start(&log);
    let outcomes = dir.path().join("outcomes.jsonl");
    let mut sending = send(&service, &input, &outcomes);
    wait_for(&outcomes);
    sending.kill().expect("it can be killed");
    let ended = sending.wait().expect("it ends");
    assert_eq!(ended.code(), None, "it was killed before it was done");

    let again = send(&service, &input, &outcomes).wait_with_output().expect("the command ends");
    let said = String::from_utf8_lossy(&again.stderr).into_owned();
    assert!(again.status.success(), "{said}");
    let summary: Value = serde_json::from_slice(&again.stdout).expect("a summary");
    assert!(summary["repeats"].as_u64() > Some(0), "some had arrived: {summary}");
    assert!(summary["accepted"].as_u64() > Some(0), "some had not: {summary}");
    assert_eq!(numbers(&outcomes), (1..=lines.len() as u64).collect::<Vec<_>>());
    service.stop();
    // Not the digest of one run: what was refused more than two days of the stream ago is a dead
    // letter once more when it is sent again.
    verify(&log);
}

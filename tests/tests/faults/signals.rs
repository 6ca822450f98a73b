//! A signal stops an ingest cleanly, and the same command goes on.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use zeitgeber_tests::{command, dir, json, run, sample_dir, sample_lines, verify};

use super::kit::{PERSON, Running, SOON, ingest, minute, outcomes, says, until};

/// How many times the sample's people there are, so that a signal comes in time.
const TIMES: usize = 4;

#[test]
fn a_signal_stops_an_ingest_cleanly_and_the_same_command_completes_it() {
    let scratch = dir();
    let stream = crowd(scratch.path());
    let ingest = |name: &str| -> (PathBuf, Command) {
        let data = scratch.path().join(name);
        let mut ingest = command("ingest", &data);
        ingest.arg(&stream).arg("--profiles").arg(scratch.path().join("crowd.json"));
        ingest.arg("--outcomes").arg(data.with_extension("outcomes"));
        (data, ingest)
    };
    let (calm, mut undisturbed) = ingest("calm");
    run(&mut undisturbed);
    let (digest, total) = (verify(&calm).digest, inputs(&calm));
    for (name, signal) in [("interrupted", Signal::INT), ("terminated", Signal::TERM)] {
        let (data, mut ingest) = ingest(name);
        let mut child = Running::start(&mut ingest);
        let told = data.with_extension("outcomes");
        until("the first outcomes", SOON, || {
            assert!(!child.has_ended(), "{name}: it ended before the signal");
            fs::metadata(&told).is_ok_and(|about| about.len() > 0)
        });
        send(&child, signal);
        let (status, said) = child.end(SOON);
        assert_eq!(status.code(), Some(1), "{name}: {said}");
        says(&said, &["stopped by a signal", "run the same command again"]);
        assert!(clean_stop(&data), "{name}: the stop leaves a mark and no spare space");
        let stored = inputs(&data);
        assert!((1..total).contains(&stored), "{name}: {stored} of {total} inputs");

        run(&mut ingest);
        assert_eq!(verify(&data).digest, digest, "{name}");
        let lines: Vec<u64> =
            outcomes(&told).iter().filter_map(|outcome| outcome["line"].as_u64()).collect();
        let all = (sample_lines().len() * TIMES) as u64;
        assert_eq!(lines, (1..=all).collect::<Vec<u64>>(), "{name}: each line once");
    }
}

#[test]
fn a_signal_stops_an_ingest_that_waits_for_its_input() {
    let scratch = dir();
    let mut child = Running::start(ingest(scratch.path(), "-".as_ref()).stdin(Stdio::piped()));
    let mut stdin = child.stdin();
    let data = scratch.path().join("data");
    let mut number = 0;
    // A reading that is in the log was read long ago: since then the child waits for more.
    until("a reading is in the log", SOON, || {
        number += 1;
        writeln!(stdin, "{}", minute(number)).expect("the child reads");
        let report = command("report", &data).arg("--json").output().expect("the command starts");
        let report: Value = serde_json::from_slice(&report.stdout).unwrap_or_default();
        report[PERSON]["imu_accepted"].as_i64().is_some_and(|accepted| accepted > 0)
    });
    send(&child, Signal::TERM);
    let (status, said) = child.end(SOON);
    drop(stdin);
    assert_eq!(status.code(), Some(1), "{said}");
    verify(&data);
}

fn send(child: &Running, signal: Signal) {
    let id = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    kill_process(id.expect("a child has an id"), signal).expect("the child can be signalled");
}

/// Whether the mark stands at the very end of the log.
fn clean_stop(data: &Path) -> bool {
    let mark = fs::read(data.join("journal/MARK")).expect("a mark is there");
    let segment = u32::from_le_bytes(mark[32..36].try_into().expect("four bytes"));
    let bytes = u64::from_le_bytes(mark[36..44].try_into().expect("eight bytes"));
    let last = data.join(format!("journal/{segment:08}.zj"));
    let next = data.join(format!("journal/{:08}.zj", segment + 1));
    fs::metadata(last).is_ok_and(|about| about.len() == bytes) && !next.exists()
}

fn inputs(data: &Path) -> u64 {
    let verified = json(command("verify", data).arg("--json"));
    verified["inputs"].as_u64().unwrap_or_else(|| panic!("no inputs in {verified}"))
}

/// The sample for several times as many people, and their profiles; the stream's path.
fn crowd(scratch: &Path) -> PathBuf {
    let users = fs::read(sample_dir().join("users.json")).expect("the sample has people");
    let users: serde_json::Value = serde_json::from_slice(&users).expect("profiles are JSON");
    let mut people = Vec::new();
    let path = scratch.join("crowd.jsonl.zst");
    let file = fs::File::create(&path).expect("the file can be made");
    let mut out = zstd::Encoder::new(file, 1).expect("packing works");
    for time in 0..TIMES {
        for user in users["users"].as_array().expect("a list of people") {
            let mut user = user.clone();
            let name = user["user_id"].as_str().expect("a person has an id");
            user["user_id"] = format!("{time}{name}").into();
            people.push(user);
        }
        for line in sample_lines() {
            let renamed = String::from_utf8_lossy(line).replacen(
                "\"user_id\":\"",
                &format!("\"user_id\":\"{time}"),
                1,
            );
            writeln!(out, "{renamed}").expect("packing works");
        }
    }
    out.finish().expect("packing works");
    let people = serde_json::Value::Array(people).to_string();
    fs::write(scratch.join("crowd.json"), people).expect("the file can be written");
    path
}

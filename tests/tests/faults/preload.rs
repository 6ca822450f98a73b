//! A disk that reports errors, under the real program: a library that is loaded before the C
//! library makes one sync, or all writes from some moment on, fail on the files of the log.
//!
//! After a failed sync the file holds what the sync before left, as a kernel may have it that drops
//! what it could not write. So what was told on the strength of that sync would be missing.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use zeitgeber_tests::{Dir, Verified, command, dir, json, repository, run, verify, write_lines};

use super::kit::{ingest, minute, outcomes, says};

/// Readings of a stream: five hand-overs to a core, so at least as many frames, and five segments.
const READINGS: i64 = 20_000;
/// The syncs at which the disk fails: while a log is made and opened, of its frames, where segments
/// change.
const SYNCS: [u32; 5] = [2, 6, 7, 9, 12];
/// Numbers and texts of what the disk reports: an error, no room.
const ERRORS: [(i32, &str); 2] = [(5, "Input/output error"), (28, "No space left on device")];

#[test]
fn a_sync_that_fails_is_named_and_nothing_is_told_that_it_was_to_make_durable() {
    Stream::new().fails_everywhere("sync");
}

#[test]
fn a_write_that_fails_is_named_and_what_was_told_before_is_there() {
    Stream::new().fails_everywhere("write");
}

/// A stream of readings, and what it comes to where nothing fails.
struct Stream {
    scratch: Dir,
    library: PathBuf,
    lines: PathBuf,
    /// Inputs of a log that holds the profile and nothing of the stream.
    without_stream: u64,
    calm: Verified,
    outcomes: usize,
}

impl Stream {
    fn new() -> Self {
        let scratch = dir();
        let library = scratch.path().join("fail.so");
        let source = repository("tests/tests/faults/fail.c");
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).arg(&library).arg(source);
        run(&mut cc);
        let lines = scratch.path().join("stream.jsonl");
        write_lines(&lines, &[""; 0]);
        let empty = scratch.path().join("empty");
        fs::create_dir(&empty).expect("the directory can be made");
        run(&mut frames(&empty, &lines));
        let without_stream = inputs(&empty.join("data")).expect("a log was made");

        let all: Vec<String> = (1..=READINGS).map(minute).collect();
        write_lines(&lines, &all);
        let calm = scratch.path().join("calm");
        fs::create_dir(&calm).expect("the directory can be made");
        run(&mut frames(&calm, &lines));
        let told = outcomes(&calm.join("outcomes.jsonl"));
        assert_eq!(told.len() as i64, READINGS);
        assert!(told.iter().all(|outcome| outcome["outcome"] == "accepted"), "{:?}", told[0]);
        let calm = verify(&calm.join("data"));
        Self { scratch, library, lines, without_stream, calm, outcomes: told.len() }
    }

    /// Has an ingest fail at every sync in turn.
    fn fails_everywhere(&self, call: &str) {
        let mut partly = 0;
        for (at, (error, message)) in SYNCS.into_iter().zip(ERRORS.into_iter().cycle()) {
            let stored = self.fails(call, at, error, message);
            partly += u32::from(stored > 0 && stored < READINGS as u64);
        }
        assert!(partly > 0, "none of the failures came in the midst of the stream");
    }

    /// Has an ingest meet the failure, and then go on without it. How many lines the log held
    /// before.
    fn fails(&self, call: &str, at: u32, error: i32, message: &str) -> u64 {
        let case = format!("{call} {at} {error}");
        let here = self.scratch.path().join(&case);
        fs::create_dir(&here).expect("the directory can be made");
        let mut faulty = frames(&here, &self.lines);
        faulty.env("LD_PRELOAD", &self.library).env("FAIL_PATH", "/journal/");
        faulty.env("FAIL_CALL", call).env("FAIL_AT", at.to_string());
        faulty.env("FAIL_ERRNO", error.to_string());
        let output = faulty.output().expect("the command starts");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{case}: {said}");
        says(&said, &["data/", message]);

        let out = here.join("outcomes.jsonl");
        let told = if out.exists() { outcomes(&out).len() as u64 } else { 0 };
        let stored = inputs(&here.join("data")).unwrap_or(0).saturating_sub(self.without_stream);
        assert!(told <= stored, "{case}: {told} lines were told of, and the log holds {stored}");

        run(&mut frames(&here, &self.lines));
        assert_eq!(verify(&here.join("data")).digest, self.calm.digest, "{case}");
        assert_eq!(outcomes(&out).len(), self.outcomes, "{case}");
        stored
    }
}

/// An ingest of many small frames and several segments.
fn frames(here: &Path, lines: &Path) -> Command {
    let mut ingest = ingest(here, lines);
    ingest.arg("--outcomes").arg(here.join("outcomes.jsonl"));
    ingest.args(["--threads", "1", "--set", "log.chunk_kib=16", "--set", "log.segment_mib=1"]);
    ingest
}

/// Inputs of a sound log; none where there is no log yet.
fn inputs(data: &Path) -> Option<u64> {
    if !data.join("journal/MARK").exists() {
        return None;
    }
    json(command("verify", data).arg("--json"))["inputs"].as_u64()
}

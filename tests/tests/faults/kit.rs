//! What the tests of faults share: a person, hand-made readings, children that do not outlive
//! their test.

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, Command, ExitStatus, Stdio},
    thread,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use zeitgeber_tests::{command, json_lines, write_lines};

/// When the hand-made readings begin: 2024-05-01T08:00:00Z.
pub(crate) const START_MS: i64 = 1_714_550_400_000;
pub(crate) const MINUTE_MS: i64 = 60_000;
/// The one person with a profile.
pub(crate) const PERSON: &str = "ada";
/// Longest time for what takes a moment.
pub(crate) const SOON: Duration = Duration::from_secs(60);
const POLL: Duration = Duration::from_millis(5);

/// Writes a file with [`PERSON`]'s profile.
pub(crate) fn people(dir: &Path) -> PathBuf {
    let path = dir.join("users.json");
    let users = json!({ "users": [{ "user_id": PERSON, "tz_offset_min": 0 }] });
    fs::write(&path, users.to_string()).expect("the file can be written");
    path
}

/// A reading of [`PERSON`], measured `minute` minutes after the start and received 5 s later.
pub(crate) fn reading(id: &str, kind: &str, minute: i64, values: Value) -> Value {
    let ts = START_MS + minute * MINUTE_MS;
    json!({
        "id": id, "user_id": PERSON, "device_id": "w1", "kind": kind,
        "ts": ts, "recv_ts": ts + 5_000, "values": values,
    })
}

/// A minute's movement.
pub(crate) fn minute(number: i64) -> String {
    let values = json!({ "activity_counts": number % 97, "epoch_s": 60 });
    reading(&format!("ada-imu-{number:06}"), "imu", number, values).to_string()
}

/// `zeitgeber ingest FILE --data-dir DIR` with [`PERSON`]'s profile.
pub(crate) fn ingest(scratch: &Path, file: &Path) -> Command {
    let mut ingest = command("ingest", &scratch.join("data"));
    ingest.arg(file).arg("--profiles").arg(people(scratch));
    ingest
}

/// Ingests lines; what became of each, in order.
pub(crate) fn outcomes_of<L: AsRef<[u8]>>(scratch: &Path, name: &str, lines: &[L]) -> Vec<Value> {
    let file = scratch.join(name);
    write_lines(&file, lines);
    let out = scratch.join(format!("{name}.outcomes"));
    zeitgeber_tests::run(ingest(scratch, &file).arg("--outcomes").arg(&out));
    outcomes(&out)
}

/// The objects of an outcome file, in the order of the lines.
pub(crate) fn outcomes(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).expect("the outcome file is there");
    let read = |line| serde_json::from_str(line).expect("an outcome is JSON");
    let mut outcomes: Vec<Value> = text.lines().map(read).collect();
    outcomes.sort_by_key(|outcome: &Value| outcome["line"].as_u64());
    outcomes
}

/// The dead letters of the log in `scratch/data`.
pub(crate) fn dead_letters(scratch: &Path) -> Vec<Value> {
    json_lines(command("deadletters", &scratch.join("data")).arg("--json"))
}

/// Holds a message against what it must say.
pub(crate) fn says(message: &str, parts: &[&str]) {
    for part in parts {
        assert!(message.contains(part), "nothing about `{part}` in: {message}");
    }
}

/// Waits until something is so.
pub(crate) fn until(what: &str, limit: Duration, mut is_so: impl FnMut() -> bool) {
    let started = Instant::now();
    while !is_so() {
        assert!(started.elapsed() < limit, "{what}: not within {limit:?}");
        thread::sleep(POLL);
    }
}

/// A child that does not outlive its test.
pub(crate) struct Running {
    child: Child,
    command: String,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        let child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn();
        Self { child: child.expect("the command starts"), command: format!("{command:?}") }
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(crate) fn stdin(&mut self) -> ChildStdin {
        self.child.stdin.take().expect("standard input is a pipe, taken once")
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().expect("a child can be asked").is_some()
    }

    /// Waits for the end; how it ended and what it said.
    pub(crate) fn end(mut self, limit: Duration) -> (ExitStatus, String) {
        until(&self.command.clone(), limit, || self.has_ended());
        let status = self.child.wait().expect("a child can be waited for");
        let mut said = Vec::new();
        let stderr = self.child.stderr.as_mut().expect("standard error is a pipe");
        stderr.read_to_end(&mut said).expect("a pipe can be read");
        (status, String::from_utf8_lossy(&said).into_owned())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended already, unless the test panics.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

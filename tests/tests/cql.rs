//! The same commands and the same answers on a log in a real database.

use std::{collections::BTreeSet, path::Path, process::Command};

use serde_json::Value;
use zeitgeber_test_services::{cql, unique};
use zeitgeber_tests::{
    command, dir, json, json_lines, refused, run, sample_dir, verify, zeitgeber,
};

/// A log in a keyspace of its own, and the directory that its processes share.
struct Log {
    url: String,
    cache: zeitgeber_tests::Dir,
}

impl Log {
    /// A keyspace with its tables.
    fn made() -> Self {
        let url = format!("scylla://{}/{}", cql(), unique("day"));
        let log = Self { url, cache: dir() };
        let made = log.schema("apply");
        assert_eq!(made, log.schema("check"));
        log
    }

    fn schema(&self, what: &str) -> Value {
        json(
            zeitgeber()
                .args(["schema", what, "--json", "--journal", &self.url])
                .args(["--set", "cql.replication=1"]),
        )
    }

    fn command(&self, name: &str) -> Command {
        let mut command = zeitgeber();
        command.args([name, "--journal", &self.url]);
        command.arg("--set").arg(format!("cql.cache_dir={}", self.cache.path().display()));
        command
    }
}

fn ingest(command: &mut Command) -> Value {
    let sample = sample_dir();
    command.arg(sample.join("readings.jsonl.zst")).arg("--profiles").arg(sample.join("users.json"));
    json(command.arg("--json"))
}

/// Rows as a set: logs differ in how they order partitions.
fn rows(command: &mut Command) -> BTreeSet<String> {
    json_lines(command.arg("--json")).iter().map(Value::to_string).collect()
}

#[test]
fn the_day_stream_in_a_database_gives_the_digest_and_the_answers_of_a_data_directory() {
    let (log, embedded) = (Log::made(), dir());
    let files: &Path = embedded.path();
    let there = ingest(&mut log.command("ingest"));
    let here = ingest(&mut command("ingest", files));
    for count in ["accepted", "refused", "events", "decisions"] {
        assert_eq!(there[count], here[count], "{count}");
    }
    let verified = json(log.command("verify").arg("--json"));
    assert_eq!(
        (&verified["ok"], verified["digest"].as_str()),
        (&Value::Bool(true), Some(&*verify(files).digest))
    );

    let report = |mut asked: Command| json(asked.arg("--json"));
    assert_eq!(report(log.command("report")), report(command("report", files)));
    let decisions =
        |mut asked: Command| rows(asked.args(["--type", "decision_made", "--limit", "100000"]));
    let decided = decisions(log.command("events"));
    assert_eq!(decided, decisions(command("events", files)));
    let one: Value = serde_json::from_str(decided.first().expect("decided")).expect("a row");
    let id = one["event"]["decision_id"].as_str().expect("a decision has its id");
    let explain = |mut asked: Command| json(asked.args([id, "--json"]));
    assert_eq!(explain(log.command("explain")), explain(command("explain", files)));
    let status = |mut asked: Command| json(asked.args(["u09", "--json"]));
    let stands = status(command("status", files));
    assert_eq!(status(log.command("status")), stands);
    // From the snapshots in the database, where this machine has none any more.
    std::fs::remove_dir_all(log.cache.path()).expect("removed");
    assert_eq!(status(log.command("status")), stands);
    let fetched = zeitgeber_tests::files(log.cache.path());
    assert!(fetched.iter().any(|(path, _)| path.extension().is_some_and(|e| e == "snap")));
    assert_eq!(rows(&mut log.command("deadletters")), rows(&mut command("deadletters", files)));
    let export = |mut asked: Command| {
        let output = run(asked.args(["--user", "u09", "--format", "ndjson"])).stdout;
        String::from_utf8(output).expect("JSON").lines().map(str::to_owned).collect::<BTreeSet<_>>()
    };
    assert_eq!(export(log.command("export")), export(command("export", files)));
    run(&mut log.command("replay"));
    assert!(!run(&mut log.command("tail")).stdout.is_empty());

    // Taken in again, the file causes nothing: the cursors stand in the log.
    let again = ingest(&mut log.command("ingest"));
    assert_eq!((&again["accepted"], &again["events"]), (&Value::from(0), &Value::from(0)));
    let after = json(log.command("verify").arg("--json"));
    assert_eq!((&after["ok"], &after["digest"]), (&verified["ok"], &verified["digest"]));
}

#[test]
fn a_log_without_tables_or_at_no_address_is_refused_with_what_to_do() {
    let url = format!("scylla://{}/{}", cql(), unique("none"));
    let said = refused(zeitgeber().args(["report", "--journal", &url]));
    assert!(said.contains("zeitgeber schema apply --journal"), "{said}");
    let said = refused(zeitgeber().args(["report", "--journal", "scylla://nowhere"]));
    assert!(said.contains("scylla://HOST:PORT"), "{said}");
    let said = refused(zeitgeber().args(["report", "--journal", "scylla://127.0.0.1:1/none"]));
    assert!(said.contains("127.0.0.1:1"), "{said}");
}

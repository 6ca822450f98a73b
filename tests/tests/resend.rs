//! What is sent again, sent as something else, or sent in great lumps: nothing lost, nothing stored
//! twice, nothing forgotten of how the log was set up.

use std::{fs, path::Path};

use serde_json::{Value, json as value};
use zeitgeber_tests::{
    command, dir, json, json_lines, run, sample_dir, sample_lines, verify, write_lines,
};

fn ingest(log: &Path, file: &Path, more: &[&str]) -> Value {
    let users = sample_dir().join("users.json");
    let mut ingest = command("ingest", log);
    json(ingest.arg(file).arg("--profiles").arg(users).arg("--json").args(more))
}

#[test]
fn refused_lines_of_many_megabytes_stay_within_a_chunk() {
    let dir = dir();
    let lines: Vec<String> = (0..16_000)
        .map(|n| value!({ "user_id": "a", "id": format!("q{n}"), "pad": "x".repeat(4300) }))
        .map(|line| line.to_string())
        .collect();
    let file = dir.path().join("lump.jsonl");
    write_lines(&file, &lines);
    let log = dir.path().join("log");
    assert_eq!(ingest(&log, &file, &["--threads", "1"])["refused"], 16_000);
    verify(&log);
}

#[test]
fn a_file_that_grew_is_counted_as_far_as_it_is_known() {
    let dir = dir();
    let log = dir.path().join("log");
    let (file, grown) = (dir.path().join("day.jsonl"), dir.path().join("more.jsonl"));
    let lines = &sample_lines()[..20_000];
    write_lines(&file, lines);
    let first = ingest(&log, &file, &[]);
    let mut more: Vec<Vec<u8>> = lines.to_vec();
    more.push(b"the line that makes it another file".to_vec());
    write_lines(&grown, &more);
    let second = ingest(&log, &grown, &[]);
    let known = |told: &Value, key: &str| told[key].as_u64().expect("a count");
    assert_eq!(known(&second, "accepted"), 0, "{second}");
    // Refused bytes are stored again where two days of arrivals lie between; nothing else is.
    let again = known(&second, "refused") - 1;
    assert!(again <= known(&first, "refused"), "{second}");
    let stored = known(&first, "accepted") + known(&first, "refused") + known(&first, "repeats");
    assert_eq!(known(&second, "repeats") + again, stored + 20, "the 20 profiles come again too");
    verify(&log);
}

#[test]
fn the_same_file_read_as_something_else_is_another_source() {
    let dir = dir();
    let log = dir.path().join("log");
    let file = dir.path().join("feedback.jsonl");
    let line =
        value!({ "id": "f1", "decision_id": "f".repeat(32), "ts": 1, "outcome": "accepted" });
    write_lines(&file, &[line.to_string()]);
    assert_eq!(ingest(&log, &file, &[])["refused"], 1);
    let told = ingest(&log, &file, &["--as", "feedback"]);
    assert_eq!((&told["skipped"], &told["refused"]), (&0.into(), &1.into()), "{told}");
    let mut letters = command("deadletters", &log);
    let letters = json_lines(letters.args(["--reason", "orphan", "--json"]));
    assert_eq!(letters.len(), 1, "it was read as feedback, on a decision that nobody made");
}

#[test]
fn files_of_one_name_have_their_own_outcomes_and_one_content_has_them_once() {
    let dir = dir();
    let (log, out) = (dir.path().join("log"), dir.path().join("out.jsonl"));
    let lines = sample_lines();
    let mut files = Vec::new();
    for (folder, part) in [("p", &lines[..500]), ("q", &lines[500..900]), ("r", &lines[..500])] {
        let folder = dir.path().join(folder);
        fs::create_dir(&folder).expect("a folder is made");
        files.push(folder.join("day.jsonl"));
        write_lines(files.last().expect("it was pushed"), part);
    }
    for _ in 0..2 {
        let users = sample_dir().join("users.json");
        let mut ingest = command("ingest", &log);
        ingest.args(&files).arg("--profiles").arg(users).arg("--outcomes").arg(&out);
        run(&mut ingest);
        let outcomes = fs::read_to_string(&out).expect("outcomes are text");
        assert_eq!(outcomes.lines().count(), 900);
    }
}

#[test]
fn commands_by_hand_leave_the_configuration_of_the_log_in_force() {
    let dir = dir();
    let log = dir.path().join("log");
    let set = ["--set", "decisions.version=\"mine\"", "--set", "decisions.policy.epsilon=0.25"];
    let file = dir.path().join("day.jsonl");
    write_lines(&file, &sample_lines()[..2_000]);
    ingest(&log, &file, &set);
    run(command("profile", &log).args(["ada", "--zone", "Europe/Berlin"]));
    let rest = dir.path().join("rest.jsonl");
    write_lines(&rest, &sample_lines()[2_000..4_000]);
    ingest(&log, &rest, &[]);
    let mut events = command("events", &log);
    let set = json_lines(events.args(["--type", "configuration_set", "--json"]));
    assert_eq!(set.len(), 16, "each partition was configured once");
}

#[test]
fn feedback_of_somebody_else_is_refused() {
    let dir = dir();
    let log = dir.path().join("log");
    let file = dir.path().join("day.jsonl");
    write_lines(&file, &sample_lines()[..6_000]);
    ingest(&log, &file, &[]);
    let mut events = command("events", &log);
    let decisions = json_lines(events.args(["--type", "decision_made", "--json"]));
    let last = decisions.last().expect("the sample leads to decisions");
    let other = if last["user_id"] == "u09" { "u10" } else { "u09" };
    let line = value!({
        "id": "f1", "decision_id": last["event"]["decision_id"], "ts": last["event"]["at_ms"],
        "outcome": "dismissed", "user_id": other,
    });
    let feedback = dir.path().join("feedback.jsonl");
    write_lines(&feedback, &[line.to_string()]);
    assert_eq!(ingest(&log, &feedback, &["--as", "feedback"])["refused"], 1);
    verify(&log);
}

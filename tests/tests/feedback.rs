//! Feedback through the binary: ahead of its decision, taken back, and on what was never shown.

use std::path::Path;

use serde_json::{Value, json as value};
use zeitgeber_tests::{
    command, dir, json, json_lines, refused, run, sample_dir, sample_lines, verify, write_lines,
};

/// Readings of the sample that are taken.
const LINES: usize = 8_000;

fn ingest(log: &Path, input: &Path, more: &[&str]) -> Value {
    let users = sample_dir().join("users.json");
    let mut ingest = command("ingest", log);
    json(ingest.arg(input).arg("--profiles").arg(users).arg("--json").args(more))
}

fn events(log: &Path, kind: &str) -> Vec<Value> {
    json_lines(command("events", log).args(["--type", kind, "--json"]))
}

fn explain(log: &Path, id: &str) -> Value {
    json(command("explain", log).args([id, "--json"]))
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("{key} is no text in {value}"))
}

/// Rewards that the learner holds, and their sum on the grid.
fn learnt(log: &Path) -> (i64, i64) {
    let (mut count, mut sum) = (0, 0);
    let mut add = |old: &Value, new: &Value| {
        count += i64::from(new.is_i64()) - i64::from(old.is_i64());
        sum += new.as_i64().unwrap_or(0) - old.as_i64().unwrap_or(0);
    };
    for row in events(log, "feedback_recorded") {
        let event = &row["event"];
        if ["applied", "corrected"].contains(&text(event, "status")) {
            add(&event["replaces"], &event["reward"]);
        }
    }
    for row in events(log, "feedback_noted") {
        add(&row["event"]["replaces"], &row["event"]["stands"]);
    }
    for row in events(log, "outcome_expired") {
        add(&Value::Null, &row["event"]["imputed"]);
    }
    (count, sum)
}

#[test]
fn outcomes_ahead_of_their_decisions_teach_what_they_teach_behind_them() {
    let dir = dir();
    let (behind, ahead) = (dir.path().join("behind"), dir.path().join("ahead"));
    let (readings, answers) = (dir.path().join("day.jsonl"), dir.path().join("answers.jsonl"));
    write_lines(&readings, &sample_lines()[..LINES]);
    // All decisions still wait when the last reading has come.
    let long = ["--set", "decisions.feedback.window_h=720"];
    let outcomes = [&long[..], &["--as", "feedback"]].concat();
    ingest(&behind, &readings, &long);
    let decisions = events(&behind, "decision_made");
    let answered: Vec<(String, String)> = decisions
        .iter()
        .step_by(3)
        .enumerate()
        .map(|(number, row)| {
            let (event, outcome) = (&row["event"], ["accepted", "dismissed"][number % 2]);
            let at = event["at_ms"].as_i64().expect("an instant") + 1;
            let id = text(event, "decision_id").to_owned();
            let line = value!({
                "id": format!("f-{id}"), "decision_id": &id, "ts": at, "recv_ts": at,
                "outcome": outcome, "user_id": row["user_id"],
            });
            (id, line.to_string())
        })
        .collect();
    assert!(answered.len() > 20, "the sample leads to decisions: {}", answered.len());
    let lines: Vec<&String> = answered.iter().map(|(_, line)| line).collect();
    write_lines(&answers, &lines);

    ingest(&behind, &answers, &outcomes);
    assert_eq!(ingest(&ahead, &answers, &outcomes)["refused"], 0);
    assert_eq!(events(&ahead, "feedback_parked").len(), answered.len());
    ingest(&ahead, &answers, &outcomes);
    ingest(&ahead, &readings, &long);

    let (first, _) = &answered[0];
    let told = explain(&ahead, first);
    assert_eq!(
        (&told["learnt"], text(&told["feedback"][0]["recorded"], "status")),
        (&1.0.into(), "applied")
    );
    assert_eq!(explain(&behind, first)["learnt"], 1.0);
    assert_eq!(learnt(&ahead), learnt(&behind));
    assert_eq!(events(&ahead, "feedback_recorded").len(), answered.len());
    verify(&ahead);
}

#[test]
fn feedback_whose_decision_never_comes_is_a_dead_letter_after_its_window() {
    let dir = dir();
    let log = dir.path().join("log");
    let (readings, answers) = (dir.path().join("day.jsonl"), dir.path().join("answers.jsonl"));
    let first: Value = serde_json::from_slice(&sample_lines()[0]).expect("a reading is JSON");
    let ts = first["ts"].as_i64().expect("an instant");
    let line = |id: &str, partition: u16| {
        value!({
            "id": id, "decision_id": format!("{partition:04x}{:028}", 0), "ts": ts,
            "recv_ts": ts, "outcome": "accepted", "user_id": "ada",
        })
        .to_string()
    };
    // A log has 16 partitions; whoever seals an hour gives up what waits in their own.
    let mut lines: Vec<String> = (0..16).map(|at| line(&format!("in-{at}"), at)).collect();
    lines.push(line("nowhere", 0xffff));
    write_lines(&answers, &lines);
    let soon = ["--set", "decisions.feedback.window_h=1"];
    let told = ingest(&log, &answers, &[&soon[..], &["--as", "feedback"]].concat());
    assert_eq!(told["refused"], 1, "no partition makes such a decision: {told}");
    write_lines(&readings, &sample_lines()[..LINES]);
    ingest(&log, &readings, &soon);
    let mut letters = command("deadletters", &log);
    let letters = json_lines(letters.args(["--reason", "orphan", "--json"]));
    let orphaned = events(&log, "feedback_orphaned");
    assert!(orphaned.len() > 5, "{orphaned:?}");
    assert_eq!(letters.len(), orphaned.len() + 1);
    let late = letters.iter().find(|letter| text(letter, "input_id") != "nowhere");
    let late = late.expect("one that waited");
    assert_eq!((text(late, "user_id"), &late["ts"]), ("ada", &ts.into()));
    verify(&log);
}

#[test]
fn what_was_learnt_is_taken_back_by_hand_and_what_was_never_shown_teaches_nothing() {
    let dir = dir();
    let (log, readings) = (dir.path().join("log"), dir.path().join("day.jsonl"));
    write_lines(&readings, &sample_lines()[..LINES]);
    ingest(&log, &readings, &[]);
    let decisions = events(&log, "decision_made");
    let [one, other] = [1, 2].map(|back| {
        let row = &decisions[decisions.len() - back];
        text(&row["event"], "decision_id").to_owned()
    });
    let give =
        |id: &str, args: &[&str]| json(command("feedback", &log).arg(id).args(args).arg("--json"));
    give(&one, &["--outcome", "accepted", "--id", "first"]);
    assert_eq!((explain(&log, &one)["learnt"].as_f64(), learnt(&log)), (Some(1.0), (1, 4096)));
    let told = give(&one, &["--outcome", "retracted", "--corrects", "first", "--id", "back"]);
    assert_eq!(text(&told, "outcome"), "recorded");
    let told = explain(&log, &one);
    assert_eq!(
        (&told["learnt"], &told["noted"][0]["noted"]["replaces"]),
        (&Value::Null, &4096.into())
    );
    assert_eq!(learnt(&log), (0, 0));
    let readable = run(command("explain", &log).arg(&one)).stdout;
    let readable = String::from_utf8(readable).expect("text");
    assert!(readable.contains("back: retracted, what was learnt is taken back"), "{readable}");

    give(&other, &["--outcome", "reward", "--value", "0.5", "--id", "measured"]);
    assert_eq!(learnt(&log), (1, 2048));
    give(&other, &["--outcome", "not_shown"]);
    assert_eq!(learnt(&log), (0, 0));
    give(&other, &["--outcome", "shown"]);
    assert_eq!(learnt(&log), (1, 2048));
    let said = refused(command("feedback", &log).args([&one, "--outcome", "retracted"]));
    assert!(said.contains("--corrects"), "{said}");
    verify(&log);
}

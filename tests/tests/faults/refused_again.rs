//! The same refused bytes again within two days are counted, not stored again.

use serde_json::json;
use zeitgeber_tests::{command, dir, run, write_lines};

use super::kit::{dead_letters, ingest, minute, reading, says};

const BAD: &str = "{ bad";
const THREE_DAYS_MIN: i64 = 3 * 24 * 60;

#[test]
fn the_same_refused_bytes_are_counted_and_another_refusal_is_stored() {
    let scratch = dir();
    let twice = [minute(1), BAD.into(), BAD.into(), "{ worse".into(), BAD.into(), minute(2)];
    let again = [BAD.to_owned(), minute(3)];
    for (name, lines) in [("first.jsonl", &twice[..]), ("second.jsonl", &again[..])] {
        let file = scratch.path().join(name);
        write_lines(&file, lines);
        run(ingest(scratch.path(), &file).args(["--set", "log.partitions=1"]));
    }
    let mut kept: Vec<_> = dead_letters(scratch.path())
        .iter()
        .map(|letter| (letter["source"].clone(), letter["line"].clone()))
        .collect();
    kept.sort_by_key(|(_, line)| line.as_u64());
    assert_eq!(kept, [(json!("first.jsonl"), json!(2)), (json!("first.jsonl"), json!(4))]);
    let shown = run(&mut command("deadletters", &scratch.path().join("data")));
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    says(&shown, &["2 refused inputs stored, 3 repeats of them counted"]);
}

#[test]
fn the_same_refused_bytes_after_two_days_are_stored_again() {
    let scratch = dir();
    let later = reading("ada-late-1", "imu", THREE_DAYS_MIN, json!({ "activity_counts": 1 }));
    let file = scratch.path().join("days.jsonl");
    write_lines(&file, &[minute(1), BAD.into(), BAD.into(), later.to_string(), BAD.into()]);
    run(ingest(scratch.path(), &file).args(["--set", "log.partitions=1"]));
    let lines: Vec<_> =
        dead_letters(scratch.path()).iter().map(|letter| letter["line"].as_u64()).collect();
    assert_eq!(lines, [Some(2), Some(5)]);
}

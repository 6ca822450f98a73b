//! `zeitgeber ingest --as USER --kind KIND`: recordings as readings of one person.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{fs, path::Path};

use serde_json::Value;
use zeitgeber_tests::{Dir, command, dir, json, refused, repository, run};

fn data(name: &str) -> String {
    repository("processors/tests/data/rhythm").join(name).display().to_string()
}

/// Takes a recording in for a person; the summary.
fn ingest(log: &Path, file: &str, arguments: &[&str]) -> Value {
    json(command("ingest", log).args([file, "--as", "ada", "--json"]).args(arguments))
}

/// A log that knows `ada`.
fn log() -> Dir {
    let dir = dir();
    run(command("profile", &dir.path().join("log")).args(["ada", "--zone", "UTC"]));
    dir
}

#[test]
fn a_recording_of_movement_reads_the_same_from_the_log_as_by_itself() {
    let dir = log();
    let log = dir.path().join("log");
    let file = data("actigraphy/act11.csv.gz");
    let told = ingest(&log, &file, &["--kind", "actigraphy"]);
    assert_eq!(told["refused"], 0, "{told}");
    assert!(told["accepted"].as_u64() > Some(5_000), "{told}");
    let report = json(command("report", &log).arg("--json"));
    let report = &report["ada"]["all_minutes"];
    let mut analyze = zeitgeber_tests::zeitgeber();
    let alone = json(analyze.args(["analyze", &file, "--json"]))[0].clone();
    let alone = &alone["features"]["all_minutes"];
    for (of_log, of_file) in [("IS", "is"), ("IV", "iv")] {
        let (one, other) = (report[of_log].as_f64().unwrap(), alone[of_file].as_f64().unwrap());
        assert!((one - other).abs() < 1e-9, "{of_log}: {one}, not {other}");
    }
    let again = ingest(&log, &file, &["--kind", "actigraphy"]);
    assert_eq!(again["accepted"], 0, "the log has it already: {again}");
    let days =
        run(command("events", &log).args(["--user", "ada", "--type", "day_analysed"])).stdout;
    let days = String::from_utf8(days).unwrap();
    assert!(days.contains("cycles, sleep"), "{days}");
}

#[test]
fn every_kind_with_readings_is_taken_and_a_diary_is_not() {
    let dir = log();
    let log = dir.path().join("log");
    for (file, kind) in [
        ("light/light01.csv.gz", "light"),
        ("environment/noise01.csv.gz", "noise"),
        ("imu/imu01_30hz.csv.gz", "imu"),
    ] {
        let told = ingest(&log, &data(file), &["--kind", kind]);
        assert!(told["accepted"].as_u64() > Some(0), "{kind}: {told}");
    }
    let said = refused(command("ingest", &log).args([
        &data("sleep/diary01.csv"),
        "--as",
        "ada",
        "--kind",
        "sleep-diary",
    ]));
    assert!(said.contains("zeitgeber analyze"), "{said}");
}

#[test]
fn beats_without_dates_need_a_beginning_and_wrong_rows_are_named() {
    let dir = log();
    let log = dir.path().join("log");
    let file = dir.path().join("beats.csv");
    let rows: String = (0..700).map(|i| format!("{}\n", 780 + i * 37 % 60)).collect();
    fs::write(&file, format!("rr_ms\n{rows}")).unwrap();
    let file = file.display().to_string();
    let beats = ["--as", "ada", "--kind", "rr"];
    let said = refused(command("ingest", &log).arg(&file).args(beats));
    assert!(said.contains("--start") && said.contains("line 2"), "{said}");
    let told = ingest(&log, &file, &["--kind", "rr", "--start", "2025-03-03T22:00:00Z"]);
    assert_eq!(told["accepted"], 2, "nine minutes are two readings: {told}");

    let wrong = dir.path().join("wrong.csv");
    fs::write(&wrong, "time,counts\n2025-03-03 00:00,1\n2025-03-03 00:01,2\nlater,3\n").unwrap();
    let said =
        refused(command("ingest", &log).arg(&wrong).args(["--as", "ada", "--kind", "actigraphy"]));
    assert!(said.contains("line 4"), "{said}");
    let said = refused(command("ingest", &log).arg(&wrong).args(["--as", "ada"]));
    assert!(said.contains("--kind"), "{said}");
    let said = refused(command("ingest", &log).arg(&wrong).args([
        "--as",
        "ada",
        "--kind",
        "actigraphy",
        "--zone",
        "Mars/Olympus",
    ]));
    assert!(said.contains("Mars/Olympus"), "{said}");
}

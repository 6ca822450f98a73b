//! The labelled day stream against its labels and reference values, through the binary.

use std::fs;

use zeitgeber_tests::{command, day, dir, json, run, sample_dir};

#[test]
fn the_day_stream_comes_out_as_its_labels_and_reference_values_say() {
    let dir = dir();
    let outcomes = dir.path().join("outcomes.jsonl");
    let log = dir.path().join("log");
    run(command("ingest", &log)
        .arg(sample_dir().join("readings.jsonl.zst"))
        .arg("--profiles")
        .arg(sample_dir().join("users.json"))
        .arg("--outcomes")
        .arg(&outcomes));
    let outcomes = fs::read_to_string(outcomes).expect("the outcomes are written");
    day::check(&outcomes, &json(command("report", &log).arg("--json")));
}

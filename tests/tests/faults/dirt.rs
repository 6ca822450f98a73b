//! Every label of the dirty stream, and the ones that it lacks, in lines made by hand.

use std::{collections::BTreeSet, io::Write, process::Stdio};

use serde_json::{Value, json};
use zeitgeber_tests::{dir, gunzip, repository, run, write_lines};

use super::kit::{
    MINUTE_MS, Running, SOON, START_MS, dead_letters, ingest, minute, outcomes, outcomes_of,
    reading,
};

const DAY_MIN: i64 = 24 * 60;

/// One line and what must become of it.
struct Case {
    label: &'static str,
    line: Vec<u8>,
    becomes: Becomes,
}

#[derive(Debug, Clone, Copy)]
enum Becomes {
    Accepted,
    Without(&'static str),
    WithoutIntervals(u64),
    Rejected(&'static str),
    Duplicate,
}

use Becomes::{Accepted, Duplicate, Rejected, Without, WithoutIntervals};

#[test]
fn every_label_becomes_what_the_rules_say_and_every_refusal_a_dead_letter() {
    let cases = cases();
    let lines: Vec<&[u8]> = cases.iter().map(|case| case.line.as_slice()).collect();
    let scratch = dir();
    let outcomes = outcomes_of(scratch.path(), "dirt.jsonl", &lines);
    assert_eq!(outcomes.len(), cases.len());
    let mut refused = Vec::new();
    for ((case, outcome), number) in cases.iter().zip(&outcomes).zip(1u64..) {
        let label = case.label;
        assert_eq!(outcome["line"], number, "{label}");
        let is = |key: &str, value: Value| {
            assert_eq!(outcome[key], value, "{label}, {key}: {outcome}");
        };
        match case.becomes {
            Rejected(reason) => {
                is("outcome", json!("rejected"));
                is("reason", json!(reason));
                refused.push((number, json!(reason)));
                continue;
            }
            Duplicate => {
                is("outcome", json!("duplicate"));
                continue;
            }
            Accepted => is("dropped_fields", json!([])),
            Without(field) => is("dropped_fields", json!([field])),
            WithoutIntervals(count) => is("dropped_intervals", json!(count)),
        }
        is("outcome", json!("accepted"));
        is("reason", Value::Null);
        is("flags", json!([]));
    }
    let mut kept: Vec<(u64, Value)> = Vec::new();
    for letter in dead_letters(scratch.path()) {
        assert_eq!(letter["source"], "dirt.jsonl", "{letter}");
        if letter["reason"] != "duplicate" {
            kept.push((letter["line"].as_u64().expect("a line"), letter["reason"].clone()));
        }
    }
    kept.sort_by_key(|(line, _)| *line);
    assert_eq!(kept, refused);
}

#[test]
fn no_label_of_the_sample_is_without_a_line_here() {
    let labelled = gunzip(&repository("tests/fixtures/day/dirt.csv.gz"));
    let labels = labelled.lines().skip(1).filter_map(|line| line.split(',').nth(4));
    let known: BTreeSet<&str> = cases().iter().map(|case| case.label).collect();
    let missing: BTreeSet<&str> = labels.filter(|label| !known.contains(label)).collect();
    assert_eq!(missing, BTreeSet::new());
}

#[test]
fn a_sensor_is_flagged_stuck_from_its_twelfth_unchanged_reading_on() {
    let room = |number: i64, temp_c: f64, lux: f64| {
        let values = json!({ "temp_c": temp_c, "lux": lux, "noise_db": 40 + number % 3 });
        let id = format!("ada-room-{number:04}");
        reading(&id, "environment", 5 * number, values).to_string()
    };
    let mut lines: Vec<String> = (0..15).map(|number| room(number, 21.5, 80.0)).collect();
    lines.push(room(15, 21.6, 80.0));
    lines.extend((16..27).map(|number| room(number, 21.7, 80.0)));
    // The temperature stays, the light does not: the sensor is alive.
    lines.extend((27..47).map(|number| room(number, 21.7, number as f64)));
    let scratch = dir();
    let outcomes = outcomes_of(scratch.path(), "room.jsonl", &lines);
    let flagged: Vec<u64> = outcomes
        .iter()
        .filter(|outcome| outcome["flags"] == json!(["stuck"]))
        .filter_map(|outcome| outcome["line"].as_u64())
        .collect();
    assert_eq!(flagged, [12, 13, 14, 15]);
    assert!(outcomes.iter().all(|outcome| outcome["outcome"] == "accepted"));
}

#[test]
fn a_file_of_binary_rubbish_is_refused_line_by_line_and_the_next_file_taken() {
    let mut state = 0x5eed_u64;
    let mut rubbish: Vec<u8> = Vec::new();
    while rubbish.len() < 1 << 20 {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        rubbish.extend_from_slice(&state.to_be_bytes()[..4]);
    }
    rubbish.push(b'\n');
    let scratch = dir();
    let (bad, good) = (scratch.path().join("rubbish.bin"), scratch.path().join("good.jsonl"));
    std::fs::write(&bad, &rubbish).expect("the file can be written");
    write_lines(&good, &[minute(1), minute(2)]);
    let out = scratch.path().join("outcomes");
    run(ingest(scratch.path(), &bad).arg(&good).arg("--outcomes").arg(&out));
    let of = |file: &str| -> Vec<Value> {
        outcomes(&out).into_iter().filter(|outcome| outcome["file"] == file).collect()
    };
    let refused = of("rubbish.bin");
    assert_eq!(refused.len(), rubbish.iter().filter(|byte| **byte == b'\n').count());
    for outcome in &refused {
        assert_eq!(outcome["reason"], "not_json", "{outcome}");
    }
    assert!(of("good.jsonl").iter().all(|outcome| outcome["outcome"] == "accepted"));
    assert_eq!(of("good.jsonl").len(), 2);
}

#[test]
fn what_comes_through_a_pipe_has_outcomes_as_a_file_has() {
    let scratch = dir();
    let out = scratch.path().join("outcomes");
    let mut command = ingest(scratch.path(), "-".as_ref());
    let mut child = Running::start(command.arg("--outcomes").arg(&out).stdin(Stdio::piped()));
    write!(child.stdin(), "{}\n{{ bad\n{}\n", minute(1), minute(2)).expect("the child reads");
    let (status, said) = child.end(SOON);
    assert!(status.success(), "{said}");
    let told: Vec<Value> = outcomes(&out).iter().map(|one| one["outcome"].clone()).collect();
    assert_eq!(told, ["accepted", "rejected", "accepted"]);
    assert_eq!(dead_letters(scratch.path())[0]["line"], 2);
}

/// Lines in their order. Ids are numbers, so that no two cases meet by chance.
fn cases() -> Vec<Case> {
    let mut cases = clocks();
    cases.extend(forms());
    cases.extend(values());
    cases.extend(copies());
    cases
}

fn case(label: &'static str, line: impl ToString, becomes: Becomes) -> Case {
    Case { label, line: line.to_string().into_bytes(), becomes }
}

fn movement(id: u32, at_min: i64) -> Value {
    reading(&format!("case-{id}"), "imu", at_min, json!({ "activity_counts": id, "epoch_s": 60 }))
}

fn with(mut reading: Value, key: &str, value: Value) -> Value {
    reading[key] = value;
    reading
}

fn clocks() -> Vec<Case> {
    let now = START_MS + 3 * DAY_MIN * MINUTE_MS;
    let measured =
        |id, ts: i64| with(with(movement(id, 0), "ts", json!(ts)), "recv_ts", json!(now));
    let ago = |id, minutes: i64| measured(id, now - minutes * MINUTE_MS);
    vec![
        case("out_of_order", ago(1, 1), Accepted),
        case("out_of_order", ago(2, 90), Accepted),
        case("late_batch", ago(3, 30 * 60), Accepted),
        case("late_batch", ago(4, 48 * 60), Accepted),
        case("very_late", ago(5, 48 * 60 + 1), Rejected("too_late")),
        case("clock_skew_future", ago(6, -5), Accepted),
        case("clock_skew_future", ago(7, -37), Rejected("clock_ahead")),
        case("clock_far_future", measured(8, 4_070_908_800_000), Rejected("clock_ahead")),
        case("clock_reset_1970", measured(9, 3_600_000), Rejected("too_late")),
        case("unit_ts_seconds", measured(10, now / 1_000), Rejected("too_late")),
    ]
}

fn forms() -> Vec<Case> {
    let at = 4 * DAY_MIN;
    let text = |id| movement(id, at).to_string();
    let without = |id, key: &str| {
        let mut reading = movement(id, at);
        reading.as_object_mut().expect("a reading is an object").remove(key);
        reading
    };
    let mut cases: Vec<Case> = ["id", "user_id", "kind", "ts", "values"]
        .into_iter()
        .zip(20..)
        .map(|(key, id)| case("missing_field", without(id, key), Rejected("missing_field")))
        .collect();
    let nan = text(30).replace("\"activity_counts\":30", "\"activity_counts\":NaN");
    let cut = text(31);
    let mut not_utf8 = text(32).into_bytes();
    not_utf8.splice(8..8, [0xff, 0xfe]);
    cases.extend([
        case("nan_token", nan, Rejected("not_json")),
        case("truncated_json", &cut[..cut.len() / 2], Rejected("not_json")),
        case("garbage_line", "\u{0}#!? lorem ipsum", Rejected("not_json")),
        case("garbage_line", "[1, 2, 3]", Rejected("not_json")),
        case("blank_line", "", Rejected("not_json")),
        Case { label: "invalid_utf8", line: not_utf8, becomes: Rejected("not_json") },
        case("wrong_type", with(movement(33, at), "values", json!([1])), Rejected("wrong_type")),
        case("wrong_type", with(movement(34, at), "id", json!(34)), Rejected("wrong_type")),
        case("number_as_string", with(movement(35, at), "ts", json!("1")), Rejected("wrong_type")),
        case(
            "unknown_kind",
            with(movement(36, at), "kind", json!("IMU")),
            Rejected("unknown_kind"),
        ),
        case(
            "unknown_kind",
            with(movement(37, at), "kind", json!("gps")),
            Rejected("unknown_kind"),
        ),
        case(
            "unknown_user",
            with(movement(38, at), "user_id", json!("nobody")),
            Rejected("unknown_user"),
        ),
    ]);
    cases
}

fn values() -> Vec<Case> {
    let at = 4 * DAY_MIN + 60;
    let imu = |id: u32, values: Value| reading(&format!("case-{id}"), "imu", at, values);
    let beats = |id: u32, rr_ms: Vec<f64>| {
        reading(&format!("case-{id}"), "hrv", at, json!({ "rr_ms": rr_ms }))
    };
    let room = |id: u32, key: &str, value: Value| {
        let mut values = json!({ "lux": 100 + id, "temp_c": 20, "noise_db": 40 });
        values[key] = value;
        reading(&format!("case-{id}"), "environment", at, values)
    };
    let counts = |id, value: Value| imu(id, json!({ "activity_counts": value, "epoch_s": 60 }));
    let raw = |id, samples| imu(id, json!({ "fs_hz": 50, "acc_g": vec![[0, 0, 1]; samples] }));
    let sound = vec![800.0; 20];
    let spoilt = |bad: f64| {
        let mut intervals = sound.clone();
        intervals[7] = bad;
        intervals
    };
    vec![
        case("range_counts", counts(50, json!(-1)), Rejected("out_of_range")),
        case("range_counts", counts(51, json!(200_001)), Rejected("out_of_range")),
        case("null_value", counts(52, Value::Null), Rejected("wrong_type")),
        case("number_as_string", counts(53, json!("12")), Rejected("wrong_type")),
        case("oversized", raw(54, 5_000), Rejected("oversized")),
        case("oversized", raw(55, 3_000), Accepted),
        case("oversized", beats(56, vec![800.0; 1_001]), Rejected("oversized")),
        case("oversized", beats(57, vec![800.0; 1_000]), Accepted),
        case("empty_rr", beats(58, Vec::new()), Rejected("empty")),
        case("unit_rr_seconds", beats(59, vec![0.8; 20]), Rejected("too_few_valid")),
        case("unit_rr_is_bpm", beats(60, vec![72.0; 20]), Rejected("too_few_valid")),
        case("range_rr_one", beats(61, spoilt(5_000.0)), WithoutIntervals(1)),
        case("extra_beat", beats(62, spoilt(210.0)), WithoutIntervals(1)),
        case("missed_beat", beats(63, spoilt(1_600.0)), WithoutIntervals(0)),
        case("range_lux", room(64, "lux", json!(250_000)), Without("lux")),
        case("range_temp", room(65, "temp_c", json!(95)), Without("temp_c")),
        case("unit_temp_fahrenheit", room(66, "temp_c", json!(71.6)), Without("temp_c")),
        case("range_noise", room(67, "noise_db", json!(300)), Without("noise_db")),
        case("null_value", room(68, "temp_c", Value::Null), Without("temp_c")),
        case("wrong_type", room(69, "noise_db", json!("loud")), Without("noise_db")),
    ]
}

fn copies() -> Vec<Case> {
    let at = 4 * DAY_MIN + 120;
    let first = movement(80, at);
    let other = with(first.clone(), "values", json!({ "activity_counts": 1, "epoch_s": 60 }));
    let impossible = with(movement(81, at), "values", json!({ "activity_counts": -1 }));
    vec![
        case("duplicate_exact", &first, Accepted),
        case("duplicate_exact", &first, Duplicate),
        case("duplicate_conflict", other, Duplicate),
        // A refused first copy does not block a second.
        case("range_counts", impossible, Rejected("out_of_range")),
        case("duplicate_exact", movement(81, at), Accepted),
    ]
}

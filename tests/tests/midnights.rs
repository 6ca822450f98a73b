//! Two real recordings through the binary: the exported midnight analyses against the reference.
//!
//! Each recording becomes NDJSON of one person, is loaded as history, and every midnight that is sealed
//! before it ends must equal the fixture's `rolling_7d` entry, and no other may be there.

use std::{collections::BTreeMap, fs};

use serde_json::{Value, json};
use zeitgeber_tests::{
    command, dir, gunzip, json as document, json_lines, repository, write_lines,
};

/// How long after its end a day is sealed, ms.
const SEALED_MS: i64 = 135 * 60_000;
/// Names in the fixture, names in the event, absolute and relative tolerance.
const VALUES: [(&str, &str, f64, f64); 12] = [
    ("IS", "is", 1e-9, 0.0),
    ("IV", "iv", 1e-9, 0.0),
    ("RA", "ra", 1e-9, 0.0),
    ("r2", "r2", 1e-9, 0.0),
    ("r2_two", "r2_two", 1e-9, 0.0),
    ("L5", "l5", 0.0, 1e-9),
    ("M10", "m10", 0.0, 1e-9),
    ("mesor", "mesor", 0.0, 1e-9),
    ("amplitude", "amplitude", 0.0, 1e-9),
    ("acrophase_rad", "acrophase_rad", 1e-8, 0.0),
    ("peak_h", "peak_h", 1e-8, 0.0),
    // The curve's maximum is looked for on a grid of a day's 14,400 steps.
    ("orthophase_h", "orthophase_h", 24.0 / 14_400.0 + 1e-9, 0.0),
];

#[test]
fn exported_midnights_of_counts_every_30_s_equal_the_reference() {
    assert_eq!(compare("act10"), 16);
}

#[test]
fn exported_midnights_of_enmo_every_minute_equal_the_reference() {
    assert_eq!(compare("act11"), 4);
}

/// Compares every midnight of a recording; returns how many.
fn compare(name: &str) -> usize {
    let data = repository("processors/tests/data/rhythm");
    let fixture =
        fs::read(data.join(format!("fixtures/rhythm_{name}.json"))).expect("the fixture is there");
    let fixture: Value = serde_json::from_slice(&fixture).expect("the fixture is JSON");
    let column = fixture["column"].as_str().expect("the fixture names its column");
    let epoch_s = fixture["epoch_s"].as_i64().expect("the fixture names its epoch");
    let recording = gunzip(&data.join(format!("actigraphy/{name}.csv.gz")));
    let (lines, last_ms) = readings(&recording, column, epoch_s);

    let dir = dir();
    let (log, input, profiles) =
        (dir.path().join("log"), dir.path().join("day.jsonl"), dir.path().join("users.json"));
    write_lines(&input, &lines);
    let user = json!({ "user_id": "ada", "tz_offset_min": 0 });
    write_lines(&profiles, &[json!({ "users": [user] }).to_string()]);
    let mut ingest = command("ingest", &log);
    ingest.arg(&input).arg("--profiles").arg(&profiles).args(["--backfill", "--json"]);
    let taken = document(&mut ingest);
    assert_eq!(taken["accepted"], lines.len(), "{taken}");
    assert_eq!(taken["decisions"], 0, "history decides nothing");

    let mut export = command("export", &log);
    export.args(["--format", "ndjson", "--type", "rhythm_analysed"]);
    let mut got: BTreeMap<i64, (u64, Value)> = BTreeMap::new();
    for row in json_lines(&mut export) {
        let event = row["event"].clone();
        if event["span"] == "midnight" {
            let end = event["window_end_ms"].as_i64().expect("a window ends");
            let revision = event["revision"].as_u64().expect("an analysis has a revision");
            let known = got.insert(end, (revision, event));
            assert!(known.is_none_or(|(before, _)| before < revision), "revisions count up");
        }
    }

    let midnights = fixture["rolling_7d"].as_array().expect("the fixture holds midnights");
    let end = |want: &Value| want["window_end_ms"].as_i64().expect("a window ends");
    let due: Vec<&Value> =
        midnights.iter().filter(|want| end(want) + SEALED_MS <= last_ms).collect();
    for want in &due {
        let (_, got) = got.get(&end(want)).unwrap_or_else(|| panic!("no analysis of {want}"));
        same_midnight(got, want);
    }
    assert_eq!(got.len(), due.len(), "no other midnight is analysed");
    due.len()
}

/// NDJSON of a recording, and when its last epoch ends. A missing value is a missing reading.
fn readings(csv: &str, column: &str, epoch_s: i64) -> (Vec<String>, i64) {
    let mut rows = csv.lines().filter(|line| !line.starts_with('#'));
    let header = rows.next().expect("a header row");
    let at = header.split(',').position(|name| name == column).expect("the column is there");
    let field = if column == "counts" { "activity_counts" } else { column };
    let (mut lines, mut last_ms) = (Vec::new(), i64::MIN);
    for (row, number) in rows.zip(1..) {
        let fields: Vec<&str> = row.split(',').collect();
        let start_ms: i64 = fields[0].parse().expect("an epoch begins at a time");
        let Ok(value) = fields[at].parse::<f64>() else { continue };
        let ts = start_ms + epoch_s * 1_000;
        last_ms = last_ms.max(ts);
        let line = json!({
            "kind": "imu", "user_id": "ada", "device_id": "watch", "id": format!("r-{number}"),
            "ts": ts, "recv_ts": ts + 5_000, "values": { field: value, "epoch_s": epoch_s },
        });
        lines.push(line.to_string());
    }
    (lines, last_ms)
}

fn same_midnight(got: &Value, want: &Value) {
    for key in ["window_start_ms", "window_end_ms"] {
        assert_eq!(got[key], want[key], "{key}");
    }
    let count = |of: &Value| of["valid_minutes"].as_i64().expect("minutes are counted");
    for series in ["all_minutes", "wear_minutes"] {
        let (got, want) = (&got[series], &want[series]);
        assert_eq!(got.is_null(), want.is_null(), "{series}");
        for (name, ours) in [
            ("valid_minutes", "valid_minutes"),
            ("L5_onset_min", "l5_onset_min"),
            ("M10_onset_min", "m10_onset_min"),
        ] {
            assert_eq!(got[ours], want[name], "{series} {name}");
        }
        for (name, ours, absolute, relative) in VALUES {
            match (got[ours].as_f64(), want[name].as_f64()) {
                (Some(got), Some(want)) => {
                    let near = (got - want).abs() <= absolute + relative * want.abs();
                    assert!(near, "{series} {name}: got {got}, want {want}");
                }
                (None, None) => {}
                (got, want) => panic!("{series} {name}: got {got:?}, want {want:?}"),
            }
        }
    }
    let taken_off = count(&want["all_minutes"]) - count(&want["wear_minutes"]);
    assert_eq!(got["nonwear_minutes"], taken_off, "non-wear minutes");
}

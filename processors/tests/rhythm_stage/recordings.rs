//! Real recordings, fed reading by reading, against the `rolling_7d` values of their fixtures and
//! against the batch formulas by other clocks.

use std::{fs, io::Read, path::Path};

use flate2::read::GzDecoder;
use serde_json::Value as Json;
use zeitgeber_schemas::{MinuteRhythm, OffsetChange, ProfileBody, Span};

use super::kit::{MINUTE_MS, Reading, Run, Value, profile};

fn data() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/rhythm"))
}

#[test]
fn midnight_analyses_of_counts_every_30_s_equal_the_reference() {
    assert_eq!(rolling_7d("act10"), 16);
}

#[test]
fn midnight_analyses_of_enmo_every_minute_equal_the_reference() {
    assert_eq!(rolling_7d("act11"), 4);
}

/// Batch values of people whose midnights are not those of UTC, one of whom puts their clocks
/// forward: `tests/peers/rhythm_spec_stream.py` wrote them.
#[test]
fn midnight_analyses_by_other_clocks_equal_the_batch_formulas() {
    let (mut clocks, mut compared) = (0, 0);
    for file in fs::read_dir(data().join("rolling")).unwrap() {
        let batch: Json = serde_json::from_slice(&fs::read(file.unwrap().path()).unwrap()).unwrap();
        let mut profile = profile(batch["offset_min"].as_i64().unwrap() as i32);
        if let Some(change) = batch["change"].as_array() {
            let [from_ms, offset_min] = [0, 1].map(|at| change[at].as_i64().unwrap());
            profile.offsets = vec![OffsetChange { from_ms, offset_min: offset_min as i32 }];
        }
        let name = batch["recording"].as_str().unwrap();
        compared += midnights(name, profile, &batch, &batch["midnights"]);
        clocks += 1;
    }
    assert_eq!((clocks, compared), (6, 72));
}

/// Compares every midnight that its grace of data follows; returns how many.
fn rolling_7d(name: &str) -> usize {
    let fixture = data().join(format!("fixtures/rhythm_{name}.json"));
    let fixture: Json = serde_json::from_slice(&fs::read(fixture).unwrap()).unwrap();
    midnights(name, profile(0), &fixture, &fixture["rolling_7d"])
}

fn midnights(name: &str, profile: ProfileBody, about: &Json, wanted: &Json) -> usize {
    let epoch_s = about["epoch_s"].as_i64().unwrap();
    let recording = data().join(format!("actigraphy/{name}.csv.gz"));
    let readings = readings(&recording, about["column"].as_str().unwrap(), epoch_s);
    let mut run = Run::new(profile);
    run.feed(&readings);
    let last = readings.last().unwrap().recv_ts;
    let mut compared = 0;
    for want in wanted.as_array().unwrap() {
        let end = want["window_end_ms"].as_i64().unwrap();
        if end + 135 * MINUTE_MS > last {
            continue;
        }
        let got = run.of_span(Span::Midnight).find(|event| event.window_end_ms == end).unwrap();
        assert_eq!(got.window_start_ms, want["window_start_ms"].as_i64().unwrap());
        for (got, name) in [(&got.all_minutes, "all_minutes"), (&got.wear_minutes, "wear_minutes")]
        {
            assert_eq!(got.is_none(), want[name].is_null(), "{name}");
            got.iter().for_each(|got| same(got, &want[name]));
        }
        compared += 1;
    }
    assert_eq!(run.of_span(Span::Midnight).count(), compared, "no other midnight is analysed");
    compared
}

fn readings(path: &Path, column: &str, epoch_s: i64) -> Vec<Reading> {
    let mut text = String::new();
    GzDecoder::new(fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
    let mut lines = text.lines().filter(|line| !line.starts_with('#'));
    let header: Vec<&str> = lines.next().unwrap().split(',').collect();
    let at = header.iter().position(|name| *name == column).unwrap();
    let read = |line: &str| {
        let fields: Vec<&str> = line.split(',').collect();
        let value: f64 = fields[at].parse().ok()?;
        let value = if column == "enmo_mg" { Value::Enmo(value) } else { Value::Counts(value) };
        Some(Reading::epoch(fields[0].parse().unwrap(), epoch_s, value))
    };
    lines.filter_map(read).collect()
}

fn same(got: &MinuteRhythm, want: &Json) {
    assert_eq!(Json::from(got.valid_minutes), want["valid_minutes"]);
    assert_eq!(got.l5_onset_min.map(Json::from).unwrap_or_default(), want["L5_onset_min"]);
    assert_eq!(got.m10_onset_min.map(Json::from).unwrap_or_default(), want["M10_onset_min"]);
    let (absolute, relative, angle) = ((1e-9, 0.0), (0.0, 1e-9), (1e-8, 0.0));
    for (name, got, (abs, rel)) in [
        ("IS", got.is, absolute),
        ("IV", got.iv, absolute),
        ("RA", got.ra, absolute),
        ("r2", got.r2, absolute),
        ("r2_two", got.r2_two, absolute),
        ("L5", got.l5, relative),
        ("M10", got.m10, relative),
        ("mesor", got.mesor, relative),
        ("amplitude", got.amplitude, relative),
        ("acrophase_rad", got.acrophase_rad, angle),
        ("peak_h", got.peak_h, angle),
        ("orthophase_h", got.orthophase_h, (24.0 / 14400.0 + 1e-9, 0.0)),
    ] {
        match (got, want[name].as_f64()) {
            (Some(got), Some(want)) => {
                let near = (got - want).abs() <= abs + rel * want.abs();
                assert!(near, "{name}: got {got}, want {want}");
            }
            (None, None) => {}
            (got, want) => panic!("{name}: got {got:?}, want {want:?}"),
        }
    }
}

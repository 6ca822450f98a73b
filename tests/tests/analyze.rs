//! `zeitgeber analyze` on recordings, against the values that go with them; and on files that are
//! no recordings.

use std::{fs, process::Command};

use serde_json::Value;
use zeitgeber_tests::{dir, json, refused, repository, run, zeitgeber};

fn analyze() -> Command {
    let mut command = zeitgeber();
    command.arg("analyze");
    command
}

fn data(name: &str) -> String {
    repository("processors/tests/data/rhythm").join(name).display().to_string()
}

fn fixture(name: &str) -> Value {
    let text = fs::read(data(&format!("fixtures/{name}.json"))).expect("the fixture is there");
    serde_json::from_slice(&text).expect("the fixture is JSON")
}

/// The only document of an analysis.
fn analyzed(arguments: &[&str]) -> Value {
    json(analyze().args(arguments).arg("--json"))[0].clone()
}

fn near(found: &Value, expected: &Value, within: f64) {
    let (one, other) = (found.as_f64().expect("a number"), expected.as_f64().expect("a number"));
    assert!((one - other).abs() <= within * other.abs().max(1.0), "{one}, not {other}");
}

#[test]
fn recordings_of_every_kind_come_to_their_reference_values() {
    let (told, expected) = (analyzed(&[&data("actigraphy/act11.csv.gz")]), fixture("rhythm_act11"));
    assert_eq!(told["kind"], "actigraphy");
    let all = &told["features"]["all_minutes"];
    near(&all["is"], &expected["nonparametric"]["IS"], 1e-9);
    near(&all["cosinor"][0]["mesor"]["value"], &expected["cosinor_minutes"]["k1"]["mesor"], 1e-9);

    let (told, expected) = (analyzed(&[&data("rr/rr_rest.csv")]), fixture("hrv_rr_rest"));
    assert_eq!((told["kind"].as_str(), told["rows"].as_u64()), (Some("rr"), Some(910)));
    near(&told["features"]["time"]["rmssd_ms"], &expected["clean_time"]["rmssd"], 1e-9);
    near(&told["features"]["kept"], &expected["n_clean"], 0.0);

    let (told, expected) = (analyzed(&[&data("imu/imu01_30hz.csv.gz")]), fixture("imu_imu01_30hz"));
    assert_eq!(told["kind"], "imu");
    near(&told["features"]["norm_mean_g"], &expected["norm_mean_g"], 1e-9);

    let (told, expected) = (analyzed(&[&data("light/light01.csv.gz")]), fixture("light_light01"));
    assert_eq!(told["kind"], "light");
    near(&told["features"]["hours"]["is"], &expected["light_IS"], 1e-9);

    let noise = data("environment/noise01.csv.gz");
    let (told, expected) = (analyzed(&[&noise]), fixture("noise_noise01"));
    near(&told["features"]["laeq_db"], &expected["laeq_total"], 1e-9);

    let (told, expected) = (analyzed(&[&data("sleep/diary01.csv")]), fixture("timing_diary01"));
    near(&told["features"]["msfsc_h"], &expected["msfsc_h"], 1e-9);

    let told = analyzed(&[&data("hourly/fitbit_hourly.csv.gz")]);
    let expected = fixture("hourly_fitbit_hourly");
    assert_eq!(told["kind"], "hourly");
    for (user, values) in expected["users"].as_object().expect("users") {
        near(&told["features"][user]["rhythm"]["is"], &values["IS"], 1e-9);
    }
}

#[test]
fn every_kind_is_shown_to_people_without_a_number_that_is_none() {
    for name in [
        "actigraphy/act10.csv.gz",
        "rr/rr_e4.csv",
        "imu/imu02.csv.gz",
        "light/light01.csv.gz",
        "environment/noise01.csv.gz",
        "sleep/diary01.csv",
        "hourly/fitbit_hourly.csv.gz",
    ] {
        let output = run(analyze().arg(data(name)));
        let text = String::from_utf8(output.stdout).expect("text");
        assert!(text.contains("rows"), "{name}: {text}");
        assert!(!text.contains("NaN") && !text.contains("inf"), "{name}: {text}");
    }
}

#[test]
fn the_same_recording_in_other_clothes_tells_the_same() {
    let (dir, plain) = (dir(), fs::read_to_string(data("rr/rr_rest.csv")).expect("it is text"));
    let expected = analyzed(&[&data("rr/rr_rest.csv")])["features"].clone();
    let rows: Vec<&str> = plain.lines().filter(|line| !line.starts_with('#')).collect();
    let cases = [
        ("semicolons", rows.join("\n").replace(',', ";"), vec![]),
        ("crlf", rows.join("\r\n"), vec![]),
        ("names", rows.join("\n").replace("rr_ms", "Length"), vec!["--column", "rr=length"]),
        (
            "no_header",
            rows[1..].join("\n"),
            vec!["--kind", "rr", "--column", "t_ms=1", "--column", "rr=2", "--no-header"],
        ),
    ];
    for (name, text, arguments) in cases {
        let file = dir.path().join(name);
        fs::write(&file, text).expect("there is room");
        let path = file.display().to_string();
        let all: Vec<&str> = arguments.into_iter().chain([path.as_str()]).collect();
        assert_eq!(analyzed(&all)["features"], expected, "{name}");
    }
}

#[test]
fn what_cannot_be_right_is_refused_with_its_row() {
    let dir = dir();
    let minutes = |value: &str, step: i64| -> String {
        let row = |n: i64| format!("{},{value}\n", 1_700_000_040_000 + n * step);
        std::iter::once("epoch_ms,counts\n".to_owned()).chain((0..200).map(row)).collect()
    };
    for (name, text, told) in [
        ("seconds.csv", "rr_ms\n0.8\n0.81\n".into(), "line 2: intervals look like seconds"),
        ("bpm.csv", "rr_ms\n72\n75\n".into(), "line 2: intervals look like heart rates"),
        ("ms2.csv", "t_ms,x_g,y_g,z_g\n0,0,0,9.8\n20,0,0,9.81\n".into(), "looks like m/s2"),
        ("negative.csv", minutes("-1", 60_000), "line 2: it is negative"),
        ("epoch.csv", minutes("1", 7_000), "line 3: rows of kind actigraphy"),
        ("back.csv", "epoch_ms,counts\n120000,1\n60000,1\n".into(), "line 3: it is earlier"),
        ("word.csv", "t_ms,rr_ms\n0,800\n800,soon\n".into(), "line 3: rr_ms: \"soon\""),
        ("fields.csv", "t_ms,rr_ms\n0,800\n800\n".into(), "line 3: 1 fields where 2 are due"),
        ("nothing.csv", String::new(), "there are no rows in it"),
        ("unknown.csv", "a,b\n1,2\n".into(), "tell no kind of recording"),
        ("night.csv", "sleep_ms,wake_ms\n100000,90000\n".into(), "line 2: this night ends"),
    ] {
        let file = dir.path().join(name);
        fs::write(&file, text).expect("there is room");
        let error = refused(analyze().arg(&file));
        assert!(error.contains(told) && error.contains(name), "{name}: {error}");
    }
    let error = refused(analyze().arg(dir.path().join("missing.csv")));
    assert!(error.contains("no such file"), "{error}");
}

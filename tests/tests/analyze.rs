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
fn heart_beats_of_every_recording_come_to_their_reference_values() {
    let mut compared = 0;
    for entry in fs::read_dir(data("rr")).expect("the recordings are there") {
        let name = entry.expect("it can be listed").file_name().display().to_string();
        let (told, stem) = (analyzed(&[&data(&format!("rr/{name}"))]), name.split('.').next());
        let expected = fixture(&format!("hrv_{}", stem.unwrap_or_default()));
        let heart = &told["features"];
        assert_eq!((&told["kind"], &heart["kept"]), (&"rr".into(), &expected["n_clean"]), "{name}");
        assert_eq!(heart["breaks"], expected["n_breaks"], "{name}");
        near(&heart["time"]["rmssd_ms"], &expected["clean_time"]["rmssd"], 1e-9);
        compared += 1;
    }
    assert_eq!(compared, 14);
}

/// A recording: its header and so many rows, as its writer makes them.
fn rows(header: &str, count: i64, mut row: impl FnMut(i64) -> String) -> String {
    std::iter::once(header.to_owned()).chain((0..count).map(&mut row)).collect()
}

#[test]
fn rounded_and_jittering_times_tell_the_true_rate() {
    let dir = dir();
    let file = dir.path().join("r.csv");
    let told = |text: &str| {
        fs::write(&file, text).expect("there is room");
        analyzed(&[&file.display().to_string()])
    };
    for (rate, first) in [(128.0, 0), (30.0, 7), (100.0, 3), (51.2, 0)] {
        let text = rows("t_ms,x_g,y_g,z_g\n", 4_000, |n| {
            format!("{},0,0,1\n", 1_700_000_000_000 + first + (n as f64 * 1000.0 / rate) as i64)
        });
        assert_eq!(told(&text)["features"]["rate_hz"], rate);
    }
    let text = rows("epoch_ms,lux\n", 1_440, |n| {
        format!("{},100\n", 1_700_006_400_000_i64 + n * 60_000 + (n * 7919) % 3_000)
    });
    let light = told(&text);
    assert_eq!(light["epoch_s"], 60.0);
    assert_eq!(light["features"]["days"][0]["above"][0]["tat_min"], 1_440.0);
}

#[test]
fn beats_stamped_to_the_second_have_no_gaps_of_their_own() {
    let dir = dir();
    let file = dir.path().join("rr.csv");
    let rr = |n: i64| 800 + (n * 37) % 90;
    let at = |n: i64| (0..=n).map(rr).sum::<i64>();
    let heart = |header: &str, row: &dyn Fn(i64) -> String| {
        fs::write(&file, rows(header, 600, row)).expect("there is room");
        analyzed(&[&file.display().to_string()])["features"].clone()
    };
    let plain = heart("rr_ms\n", &|n| format!("{}\n", rr(n)));
    let start = 1_700_000_000_000;
    let stamped = |n| format!("{},{}\n", start + at(n) / 1_000 * 1_000, rr(n));
    let stamped = heart("t_ms,rr_ms\n", &stamped);
    assert_eq!((&plain["breaks"], &stamped["breaks"]), (&0.into(), &0.into()));
    assert_eq!(plain["time"]["rmssd_ms"], stamped["time"]["rmssd_ms"]);
    let holes =
        heart("rr_ms\n", &|n| if n % 3 == 0 { "NA\n".into() } else { format!("{}\n", rr(n)) });
    assert_eq!((&holes["kept"], &holes["breaks"]), (&400.into(), &199.into()));
}

#[test]
fn nobody_slept_in_minutes_that_are_missing() {
    let dir = dir();
    let file = dir.path().join("gap.csv");
    let active = |minute: i64| if (480..1_380).contains(&(minute % 1_440)) { 900 } else { 0 };
    let week = |skip: std::ops::Range<i64>| {
        let text = rows("epoch_ms,counts\n", 8 * 1_440, |n| {
            if skip.contains(&(n / 1_440)) {
                return String::new();
            }
            format!("{},{}\n", 1_700_006_400_000_i64 + n * 60_000, active(n))
        });
        fs::write(&file, text).expect("there is room");
        analyzed(&["--scale", "actigraph", &file.display().to_string()])["features"].clone()
    };
    let (whole, gap) = (week(0..0), week(3..5));
    let minutes = |told: &Value| told["sleep"]["cole_kripke"]["sleep_minutes"].as_u64();
    let (whole_minutes, gap_minutes) = (minutes(&whole).unwrap_or(0), minutes(&gap).unwrap_or(0));
    assert!(gap_minutes < whole_minutes * 7 / 8, "{gap_minutes} of {whole_minutes}");
    assert_eq!(gap["sleep"]["cole_kripke"]["sri"], 100.0, "{}", gap["sleep"]);
}

/// Rows of a minute, then of half a minute.
fn changing() -> String {
    let at = |n: i64| if n < 1_500 { n * 60 } else { 1_499 * 60 + (n - 1_499) * 30 };
    rows("epoch_ms,counts\n", 2_000, |n| format!("{},1\n", 1_700_006_400_000 + at(n) * 1_000))
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
        ("fields.csv", "t_ms,rr_ms\n0,800\n800\n".into(), "line 3: it has 1 of the 2 fields"),
        ("people.csv", "epoch_ms,user,counts\n0,a,1\n60000,b,1\n".into(), "of several people"),
        ("noted.csv", format!("# epoch_s: 60\n{}", minutes("1", 30_000)), "say 60 s"),
        ("late_db.csv", "epoch_ms,db\n0,50\n1000,50\n2000,999\n".into(), "line 4: 999 dB"),
        ("micros.csv", "t_ms,rr_ms\n1700000000000000,800\n".into(), "is no time"),
        ("return.csv", "t_ms,rr_ms\n0,800\r1,800\n".into(), "carriage return"),
        ("overlap.csv", "sleep_ms,wake_ms\n0,90000\n0,80000\n".into(), "line 3: this night"),
        ("changes.csv", changing(), "line 1502: it begins 30 s after the row before it"),
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

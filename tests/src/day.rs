//! The labelled day stream against its labels and reference values.
//!
//! Every line has one outcome that its label allows, and the report holds every value that
//! `expected.json` lists. The rules are those of the stream's own checker, whatever way the lines
//! took into the log.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

use serde_json::Value;

use crate::{gunzip, repository};

/// Values that must be equal; every other number has a tolerance.
const EXACT: [&str; 11] = [
    "n_hours",
    "nonwear_minutes",
    "L5_onset_min",
    "M10_onset_min",
    "imu_accepted",
    "intervals",
    "intervals_300_2000",
    "n",
    "minutes_ge_250",
    "environment_accepted",
    "signal",
];
/// Values of `expected.json` that are remarks.
const SKIPPED: [&str; 2] = ["note", "raw_rmssd_median_of_undamaged_records"];
/// Share of clean lines that may carry a flag: one in this many.
const CLEAN_FLAG_SHARE: usize = 50;

#[derive(Debug)]
struct Label {
    dirt: String,
    policy: String,
    detail: String,
}

#[derive(Debug, Default)]
struct Verdict {
    passed: usize,
    faults: Vec<String>,
}

impl Verdict {
    fn add(&mut self, place: impl FnOnce() -> String, fault: Option<String>) {
        match fault {
            None => self.passed += 1,
            Some(fault) => self.faults.push(format!("{}: {fault}", place())),
        }
    }
}

/// Holds outcomes (one JSON object a line) and the report of the day stream against what is known
/// of it.
///
/// # Panics
///
/// If anything is otherwise, with the first faults.
pub fn check(outcomes: &str, report: &Value) {
    let fixtures = repository("tests/fixtures/day");
    let labels = labels(&gunzip(&fixtures.join("dirt.csv.gz")));
    let expected = fs::read(fixtures.join("expected.json")).expect("the fixture is there");
    let expected: Value = serde_json::from_slice(&expected).expect("the fixture is JSON");
    assert_eq!(labels.len(), 2658, "every labelled line is known");

    let lines = check_outcomes(&labels, outcomes, &expected);
    let mut values = Verdict::default();
    let people = expected["per_user"].as_object().expect("an object by person");
    for (user, want) in people {
        check_values(user, user, want, &report[user], &mut values);
    }
    let faults: Vec<String> = lines.faults.into_iter().chain(values.faults).collect();
    let passed = lines.passed + values.passed;
    println!("{passed} passed, {} failed", faults.len());
    assert!(faults.is_empty(), "{}", faults[..faults.len().min(40)].join("\n"));
    // Nothing passes for want of being asked: each line but the few clean heart records that may be
    // refused, and each value of each person.
    let slack: usize = people.keys().map(|user| slack(user)).sum();
    assert!((59_771 - slack..=59_771).contains(&lines.passed), "{} lines", lines.passed);
    assert_eq!((people.len(), values.passed), (20, 197));
}

fn labels(csv: &str) -> BTreeMap<u64, Label> {
    let label = |row: &str| {
        let fields = fields(row);
        let [line, _, _, _, dirt, policy, detail] = fields.as_slice() else {
            panic!("a label has seven columns: {row}");
        };
        let text = |field: &String| field.trim().to_owned();
        let label = Label { dirt: text(dirt), policy: text(policy), detail: text(detail) };
        (line.parse().expect("a line number"), label)
    };
    csv.lines().skip(1).map(label).collect()
}

/// The fields of a row of comma-separated values, of which any may stand in quotes.
fn fields(row: &str) -> Vec<String> {
    let (mut fields, mut quoted) = (vec![String::new()], false);
    for character in row.chars() {
        match character {
            '"' => quoted = !quoted,
            ',' if !quoted => fields.push(String::new()),
            other => fields.last_mut().expect("never empty").push(other),
        }
    }
    fields
}

fn check_outcomes(labels: &BTreeMap<u64, Label>, outcomes: &str, expected: &Value) -> Verdict {
    let mut verdict = Verdict::default();
    let mut seen = BTreeSet::new();
    let mut clean_refused: BTreeMap<String, usize> = BTreeMap::new();
    let mut flagged: BTreeMap<&str, (usize, usize)> = BTreeMap::new();
    let mut clean_flags = 0;
    for text in outcomes.lines() {
        let got: Value = serde_json::from_str(text).expect("an outcome is JSON");
        let line = got["line"].as_u64().expect("an outcome names its line");
        if !seen.insert(line) {
            verdict.faults.push(format!("line {line}: two outcomes"));
            continue;
        }
        let label = labels.get(&line);
        if label.is_none() && got["outcome"] != "accepted" && got["kind"] == "hrv" {
            let user = got["user_id"].as_str().unwrap_or_default().to_owned();
            *clean_refused.entry(user).or_default() += 1;
            continue;
        }
        let has_flag = !texts(&got["flags"]).is_empty();
        match label {
            None => clean_flags += usize::from(has_flag),
            Some(label) if label.policy == "accept_but_flag" => {
                let (marked, all) = flagged.entry(&label.dirt).or_default();
                *marked += usize::from(has_flag);
                *all += 1;
            }
            Some(_) => {}
        }
        let dirt = label.map_or("clean", |label| &label.dirt);
        verdict.add(|| format!("line {line} ({dirt})"), outcome_fault(label, &got));
    }
    let mut fail = |fault: String| verdict.faults.push(fault);
    for (dirt, (marked, all)) in flagged {
        if marked * 2 < all {
            fail(format!("{dirt}: {marked} of {all} lines carry a flag"));
        }
    }
    if clean_flags * CLEAN_FLAG_SHARE > seen.len() {
        fail(format!("{clean_flags} clean lines carry a flag"));
    }
    for (user, refused) in clean_refused {
        if refused > slack(&user) {
            fail(format!("{user}: {refused} clean heart records refused"));
        }
    }
    if expected["lines"] != seen.len() {
        fail(format!("{} outcomes for {} lines", seen.len(), expected["lines"]));
    }
    verdict
}

/// Clean heart records of a person that the half-valid rule refuses all the same.
fn slack(user: &str) -> usize {
    match user {
        "m01" => 7,
        "m02" => 1,
        _ => 0,
    }
}

fn texts(list: &Value) -> BTreeSet<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Why an outcome breaks its line's label, if it does; without a label the line is clean.
fn outcome_fault(label: Option<&Label>, got: &Value) -> Option<String> {
    let policy = label.map_or("accept", |label| &label.policy);
    let outcome = got["outcome"].as_str().unwrap_or_default();
    let reason = got["reason"].as_str().unwrap_or_default();
    let dropped = texts(&got["dropped_fields"]);
    match (policy, label) {
        ("reject" | "reject_or_quarantine" | "reject_or_side_output", Some(label)) => {
            let reasons = reasons(&label.dirt);
            let right = outcome == "rejected" && reasons.contains(&reason);
            (!right).then(|| format!("must be rejected for {reasons:?}, was {outcome} ({reason})"))
        }
        ("reject_duplicate", _) => {
            (outcome != "duplicate").then(|| format!("must be a duplicate, was {outcome}"))
        }
        _ if outcome != "accepted" => Some(format!("must be accepted, was {outcome} ({reason})")),
        ("reject_field", Some(label)) => {
            let want = fields_of(label);
            let right = !dropped.is_empty() && dropped.is_subset(&want);
            (!right).then(|| format!("must drop {want:?}, dropped {dropped:?}"))
        }
        _ if !dropped.is_empty() => Some(format!("must keep its fields, dropped {dropped:?}")),
        ("reject_interval", _) if got["dropped_intervals"].as_u64().unwrap_or(0) < 1 => {
            Some("must drop the impossible interval".into())
        }
        _ => None,
    }
}

fn reasons(dirt: &str) -> &'static [&'static str] {
    match dirt {
        "unit_rr_seconds" | "unit_rr_is_bpm" => &["too_few_valid"],
        "empty_rr" => &["empty"],
        "oversized" => &["oversized"],
        "clock_far_future" | "clock_skew_future" => &["clock_ahead"],
        "clock_reset_1970" | "unit_ts_seconds" | "very_late" => &["too_late"],
        "missing_field" => &["missing_field"],
        "nan_token" | "truncated_json" => &["not_json"],
        "garbage_line" => &["not_json", "missing_field"],
        "null_value" | "wrong_type" | "number_as_string" => &["wrong_type"],
        "unknown_kind" => &["unknown_kind"],
        "unknown_user" => &["unknown_user"],
        "range_counts" => &["out_of_range"],
        other => panic!("no reason is known for {other}"),
    }
}

fn fields_of(label: &Label) -> BTreeSet<&str> {
    match label.dirt.as_str() {
        "range_temp" | "unit_temp_fahrenheit" => ["temp_c"].into(),
        "range_lux" => ["lux", "medi_lux"].into(),
        "range_noise" => ["noise_db"].into(),
        _ => [label.detail.as_str()].into(),
    }
}

fn check_values(user: &str, path: &str, want: &Value, got: &Value, verdict: &mut Verdict) {
    for (key, want) in want.as_object().expect("an object of values") {
        let path = format!("{path}.{key}");
        if want.is_object() {
            check_values(user, &path, want, &got[key], verdict);
        } else if !SKIPPED.contains(&key.as_str()) {
            verdict.add(|| path, value_fault(user, key, want, &got[key]));
        }
    }
}

fn value_fault(user: &str, key: &str, want: &Value, got: &Value) -> Option<String> {
    if got.is_null() {
        return Some("missing".into());
    }
    let slack = slack(user) as u64;
    let counted = ["accepted_records", "intervals", "intervals_300_2000"].contains(&key);
    let right = if counted && slack > 0 {
        let most = want.as_u64().expect("a count");
        let each = if key == "accepted_records" { 1 } else { 1_000 };
        got.as_u64().is_some_and(|got| got <= most && got + slack * each >= most)
    } else if counted || EXACT.contains(&key) {
        match (want.as_f64(), got.as_f64()) {
            (Some(want), Some(got)) => want == got,
            _ => want == got,
        }
    } else if let Some(want) = want.as_f64() {
        let relative = (1e-9 * want.abs()).max(1e-9);
        let tolerance = if key == "acrophase_rad" { 1e-8 } else { relative };
        got.as_f64().is_some_and(|got| (got - want).abs() <= tolerance)
    } else {
        want == got
    };
    (!right).then(|| format!("want {want}, got {got}"))
}

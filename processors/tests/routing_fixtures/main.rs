//! The learners against fixtures from outside: recorded decisions and feedback, real data played as
//! bandits, and long soaks.
//!
//! The fixtures drive the program's own learners, choice and feedback join. Our copies are always
//! run; `ZEITGEBER_ROUTING_FIXTURES` names further directories, separated by colons, relative ones
//! from the repository's root. Each `*.json` and `*.json.gz` of a directory is run by its schema;
//! a schema that nobody knows fails, so that no value goes unread.

mod classes;
mod events;
mod json;
mod ope;
mod soak;
mod steps;

use std::{
    fs,
    io::Read,
    path::{Path, PathBuf},
};

use serde_json::Value;

const VARIABLE: &str = "ZEITGEBER_ROUTING_FIXTURES";

/// What was compared, or the first difference.
type Verdict = Result<String, String>;

#[test]
fn routing_fixtures_agree() {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = crate_dir.parent().expect("the crate lies in the repository");
    let named = std::env::var(VARIABLE).unwrap_or_default();
    let further = named.split(':').filter(|part| !part.is_empty()).map(|part| root.join(part));
    let (mut passed, mut failed) = (0, 0);
    for directory in std::iter::once(crate_dir.join("tests/data/bandit")).chain(further) {
        for file in fixtures_in(&directory) {
            match run(&file) {
                Ok(what) => {
                    passed += 1;
                    println!("passed: {}: {what}", file.display());
                }
                Err(difference) => {
                    failed += 1;
                    println!("failed: {}: {difference}", file.display());
                }
            }
        }
    }
    println!("{passed} passed, {failed} failed");
    assert_eq!(failed, 0, "some fixtures differ: see above");
}

/// The fixtures of a directory by name. A directory without any is a mistake in its name.
fn fixtures_in(directory: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut files: Vec<PathBuf> =
        entries.map(|entry| entry.expect("it can be listed").path()).collect();
    files.retain(|path| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        name.ends_with(".json") || name.ends_with(".json.gz")
    });
    files.sort();
    assert!(!files.is_empty(), "{}: no fixtures", directory.display());
    files
}

/// Runs one fixture.
fn run(file: &Path) -> Verdict {
    compare(&read(file)?)
}

fn read(file: &Path) -> Result<Value, String> {
    let mut bytes = fs::read(file).map_err(|error| error.to_string())?;
    if file.extension().is_some_and(|extension| extension == "gz") {
        let mut plain = Vec::new();
        let mut decoder = flate2::read::MultiGzDecoder::new(bytes.as_slice());
        decoder.read_to_end(&mut plain).map_err(|error| error.to_string())?;
        bytes = plain;
    }
    serde_json::from_slice(&bytes).map_err(|error| error.to_string())
}

fn compare(fixture: &Value) -> Verdict {
    match fixture["schema"].as_str() {
        Some("linucb-events/1") => events::run(fixture),
        Some("soak/1") => soak::run(fixture),
        Some("clf-bandit/1") => classes::run(fixture),
        Some("ope/1") => ope::run(fixture),
        Some("hybrid-linucb/1") => steps::hybrid(fixture),
        Some("discounted-linucb/1") => steps::discounted(fixture),
        other => Err(format!("schema {} is unknown", other.unwrap_or("not named"))),
    }
}

#[test]
fn an_unknown_schema_fails() {
    let file = std::env::temp_dir().join(format!("routing-{}.json", std::process::id()));
    fs::write(&file, r#"{"schema": "unheard-of/1"}"#).expect("a scratch file");
    let verdict = run(&file);
    fs::remove_file(&file).expect("it was just written");
    assert_eq!(verdict, Err("schema unheard-of/1 is unknown".into()));
}

#[test]
fn a_value_that_is_off_is_found() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/bandit");
    for (file, place, told) in [
        ("hybrid_dev.json.gz", "/steps/400/mean/1", "step 400: mean"),
        ("hybrid_dev.json.gz", "/min_gap", "min_gap"),
        ("discounted_dev.json.gz", "/steps/300/width/0", "step 300: width"),
        ("discounted_dev.json.gz", "/steps/300/width_simple/0", "step 300: width_simple"),
        ("linucb_dev.json.gz", "/final/arm-00/b_int/2", "final arm-00: b_int"),
        ("linucb_dev.json.gz", "/final/arm-03/A_int/5/4", "final arm-03: A_int"),
        ("linucb_dev.json.gz", "/stats/feedback/expired", "stats: feedback"),
        ("real_dev_digits.json.gz", "/online_linucb_lambda1/0.0/ties", "alpha 0.0: ties"),
        ("real_dev_digits.json.gz", "/ope/greedy_of_frozen_linucb/5", "ope: greedy"),
        ("soak_dev.json", "/cases/0/probes/3/width", "case dev10: width"),
        ("soak_dev.json", "/cases/0/b_int_0", "case dev10: b_int_0"),
    ] {
        let mut fixture = read(&directory.join(file)).expect("our own fixture");
        let value = fixture.pointer_mut(place).expect("it has this value");
        *value = match value.as_i64() {
            Some(whole) => (whole + 1).into(),
            None => (value.as_f64().expect("a number") * (1.0 + 1e-4)).into(),
        };
        let difference = compare(&fixture).expect_err("it differs");
        assert!(difference.starts_with(told), "{file} {place}: {difference}");
    }
}

//! Every feature against values from outside, on real recordings.
//!
//! A fixture is a tree of values, with tolerances, of the recording that it names. Each kind builds
//! the same tree with the stage's own code; the two must have the same keys, so that a value that
//! nobody computes is a failure. Our copies are always run; `ZEITGEBER_RHYTHM_FIXTURES` names further
//! directories, separated by colons, relative ones from the repository's root.

mod alert;
mod compare;
mod hourly;
mod hrv;
mod hrv_artefacts;
mod hrv_packages;
mod imu;
mod light;
mod noise;
mod recording;
mod rhythm;
mod timing;
mod vitality;

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

use compare::Tolerance;
use recording::Recording;

const VARIABLE: &str = "ZEITGEBER_RHYTHM_FIXTURES";

/// How fixtures of a kind are computed and compared.
struct Kind {
    name: &'static str,
    /// Keys, anywhere in the tree, that describe the fixture or other packages and are no values.
    notes: &'static [&'static str],
    /// The tolerance of the value at a path of keys, list positions left out.
    tolerance: fn(&[&str]) -> Tolerance,
    /// The tree of values; the fixture itself says what to compute where the kind has parameters.
    compute: fn(&Value, Option<&Recording>) -> Value,
}

/// Keys that every fixture has.
const COMMON: [&str; 6] = ["kind", "tolerances", "tolerance", "recording", "split", "file"];

const KINDS: [Kind; 9] = [
    alert::KIND,
    hourly::KIND,
    hrv::KIND,
    imu::KIND,
    light::KIND,
    noise::KIND,
    rhythm::KIND,
    timing::KIND,
    vitality::KIND,
];

#[test]
fn rhythm_fixtures_agree() {
    let crate_dir = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = crate_dir.parent().expect("the crate lies in the repository");
    let named = std::env::var(VARIABLE).unwrap_or_default();
    let further = named.split(':').filter(|part| !part.is_empty()).map(|part| root.join(part));
    let (mut passed, mut failed) = (0, 0);
    for directory in std::iter::once(crate_dir.join("tests/data/rhythm")).chain(further) {
        let files = fixtures_in(&directory.join("fixtures"));
        assert!(!files.is_empty(), "{}: no fixtures", directory.display());
        for file in files {
            match run(&directory, &file) {
                Ok(values) => {
                    passed += 1;
                    println!("passed: {}: {values} values", file.display());
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

/// The fixtures of a directory by name.
fn fixtures_in(directory: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
    let mut files: Vec<PathBuf> =
        entries.map(|entry| entry.expect("it can be listed").path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    files
}

/// Runs one fixture: how many values agree, or the first differences.
fn run(directory: &Path, file: &Path) -> Result<usize, String> {
    let text = fs::read_to_string(file).map_err(|error| error.to_string())?;
    let fixture: Value = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    let name = fixture["kind"].as_str().unwrap_or_default();
    let kind = KINDS.iter().find(|kind| kind.name == name);
    let kind = kind.ok_or_else(|| format!("unknown kind {name:?}"))?;
    let recording = match named_file(&fixture) {
        Some(named) => {
            let below = named.split_once('/').map_or(named, |(_, below)| below);
            Some(Recording::load(&directory.join(below))?)
        }
        None => None,
    };
    let found = (kind.compute)(&fixture, recording.as_ref());
    let notes: Vec<&str> = COMMON.iter().chain(kind.notes).copied().collect();
    compare::trees(&fixture, &found, &notes, kind.tolerance)
}

/// The recording that a fixture names: as its `file`, or before what its `input` says of it.
fn named_file(fixture: &Value) -> Option<&str> {
    let input = || fixture["input"].as_str()?.split_once(':').map(|(file, _)| file);
    fixture["file"].as_str().or_else(input)
}

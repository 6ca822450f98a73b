//! The learner against fixtures from outside: recorded decisions and feedback, and long soaks.
//!
//! The events drive the program's own learner, choice and feedback join. Our copies are always run;
//! `ZEITGEBER_ROUTING_FIXTURES` names further directories, separated by colons, relative ones from
//! the repository's root. A file of a schema that is not handled yet is named and left.

#[path = "routing_fixtures/events.rs"]
mod events;
#[path = "routing_fixtures/json.rs"]
mod json;
#[path = "routing_fixtures/soak.rs"]
mod soak;

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
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = tests.parent().expect("the tests crate lies in the repository");
    let named = std::env::var(VARIABLE).unwrap_or_default();
    let further = named.split(':').filter(|part| !part.is_empty()).map(|part| root.join(part));
    let (mut passed, mut failures) = (0, Vec::new());
    for directory in std::iter::once(tests.join("fixtures/bandit")).chain(further) {
        let files = match fixtures_in(&directory) {
            Ok(files) => files,
            Err(error) => {
                failures.push(format!("{}: {error}", directory.display()));
                println!("failed: {}: {error}", directory.display());
                continue;
            }
        };
        for file in files {
            match run(&file) {
                Ok(Some(what)) => {
                    passed += 1;
                    println!("passed: {}: {what}", file.display());
                }
                Ok(None) => {}
                Err(difference) => {
                    println!("failed: {}: {difference}", file.display());
                    failures.push(format!("{}: {difference}", file.display()));
                }
            }
        }
    }
    println!("{passed} passed, {} failed", failures.len());
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(passed >= 3, "our own fixtures are missing");
}

/// The fixtures of a directory by name. A directory that cannot be listed is an error.
fn fixtures_in(directory: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".json") || name.ends_with(".json.gz") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Runs one fixture. None: it is of a schema left for later, which is printed.
fn run(file: &Path) -> Result<Option<String>, String> {
    let mut bytes = fs::read(file).map_err(|error| error.to_string())?;
    if file.extension().is_some_and(|extension| extension == "gz") {
        let mut plain = Vec::new();
        let mut decoder = flate2::read::MultiGzDecoder::new(bytes.as_slice());
        decoder.read_to_end(&mut plain).map_err(|error| error.to_string())?;
        bytes = plain;
    }
    let fixture: Value = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    match fixture["schema"].as_str() {
        Some("linucb-events/1") => events::run(&fixture).map(Some),
        Some("soak/1") => soak::run(&fixture).map(Some),
        other => {
            println!("left: {}: schema {}", file.display(), other.unwrap_or("not named"));
            Ok(None)
        }
    }
}

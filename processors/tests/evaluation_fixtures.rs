//! Off-policy value against recorded logs and their references.

#[path = "routing_fixtures/ope.rs"]
mod ope;

use std::{fs, io::Read, path::Path};

use serde_json::Value;

fn fixture(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/bandit").join(name);
    let mut plain = Vec::new();
    let packed = fs::read(path).expect("the fixture is there");
    flate2::read::GzDecoder::new(packed.as_slice()).read_to_end(&mut plain).expect("it unpacks");
    serde_json::from_slice(&plain).expect("it is JSON")
}

#[test]
fn a_recorded_log_with_three_candidates_gives_every_reference_value() {
    let told = ope::run(&fixture("real_dev_obd_men.json.gz"));
    println!("{}", told.expect("every value agrees"));
}

#[test]
fn classes_played_as_a_bandit_give_every_reference_value() {
    let told = ope::run_classes(&fixture("real_dev_digits.json.gz"));
    println!("{}", told.expect("every value agrees"));
}

#[test]
fn a_value_that_is_off_is_found() {
    let mut fixture = fixture("real_dev_obd_men.json.gz");
    let value = &mut fixture["expected"]["bts_log->uniform"]["estimators"]["sndr"]["value"];
    *value = Value::from(value.as_f64().expect("a number") * (1.0 + 1e-7));
    let told = ope::run(&fixture).expect_err("it differs");
    assert!(told.contains("sndr"), "{told}");
}

//! A signal that a device gives by the hour, for several people in one file.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use zeitgeber_processors::rhythm::{Tables, cycles::HourlyCycles, report::Fold};

use super::{
    Kind, Recording, Tolerance,
    rhythm::{
        self,
        kit::{self, Reading, profile},
    },
};

pub(crate) const KIND: Kind = Kind { name: "hourly", notes: NOTES, tolerance, compute };

const NOTES: &[&str] = &["rule"];

fn tolerance(path: &[&str]) -> Tolerance {
    rhythm::tolerance(path)
}

fn compute(_: &Value, recording: Option<&Recording>) -> Value {
    let recording = recording.expect("the fixture names its recording");
    let mut folds = BTreeMap::<&str, Fold>::new();
    let values = std::iter::zip(recording.numbers("epoch_ms"), recording.numbers("intensity"));
    for (user, (start, value)) in std::iter::zip(recording.text("user"), values) {
        let fold = folds.entry(user).or_default();
        if let (Some(start), Some(value)) = (start, value) {
            let reading = Reading::epoch(start as i64, 3600, kit::Value::Intensity(value));
            reading.with(|input| fold.add(&profile(0), input));
        }
    }
    let tables = Tables::new();
    let mut users = json!({});
    for (user, fold) in folds {
        let cycles = fold.hourly_cycles(&profile(0), &tables).expect("there are hours");
        users[user] = tree(&cycles);
    }
    json!({ "users": users })
}

fn tree(cycles: &HourlyCycles) -> Value {
    let rhythm = &cycles.rhythm;
    let found = rhythm.extremes.expect("the day has no hole");
    let one = rhythm.cosinor[0].as_ref().expect("the hours have a rhythm");
    let two = rhythm.cosinor[1].as_ref().expect("the hours have a rhythm");
    let component = &one.components[0];
    json!({
        "n_hours": rhythm.n_hours, "IS": rhythm.is, "IV": rhythm.iv,
        "L5": found.l5, "L5_onset_h": found.l5_onset_min / 60,
        "M10": found.m10, "M10_onset_h": found.m10_onset_min / 60, "RA": found.ra,
        "mesor": one.mesor.value, "r2": one.r2, "f": one.f, "log10_p": one.log10_p,
        "amplitude": component.amplitude.value, "amplitude_se": component.amplitude.se,
        "acrophase_rad": component.acrophase_rad.value,
        "acrophase_se": component.acrophase_rad.se,
        "r2_two": two.r2, "orthophase_h": two.orthophase_h,
    })
}

//! Raw acceleration: ENMO, MAD, angle-z, ActiGraph counts and autocalibration.

use serde_json::{Map, Value, json};
use zeitgeber_processors::rhythm::acceleration::{
    Epoch, Epochs, Sample,
    calibration::{self, Calibration, StillWindow},
    counts::Counts,
};

use super::{Kind, Recording, Tolerance};

pub(super) const KIND: Kind = Kind {
    name: "imu",
    // `cross` tells how far the fixture's own values are from another package; `nhoursused` is how
    // much of the recording, which is not ours, that package read.
    notes: &["cross", "impl", "note", "nhoursused"],
    tolerance,
    compute,
};

fn tolerance(path: &[&str]) -> Tolerance {
    match path {
        ["anglez_5s_deg", ..] => Tolerance::Absolute(1e-6),
        ["enmo_5s_g" | "mad_5s_g" | "norm_mean_g", ..] => Tolerance::Absolute(1e-9),
        ["autocalibration", _, "npoints" | "iterations"] | ["autocalibration", "n"] => {
            Tolerance::Exact
        }
        ["autocalibration", ..] => Tolerance::Absolute(1e-6),
        _ => Tolerance::Exact,
    }
}

fn compute(fixture: &Value, recording: Option<&Recording>) -> Value {
    let recording = recording.expect("every fixture of this kind has a recording");
    if recording.has("mean_x_g") {
        return json!({ "autocalibration": autocalibration(recording) });
    }
    let samples = samples(recording, ["x_g", "y_g", "z_g"]);
    let rate: f64 = recording.notes["sampling_hz"].parse().expect("the rate is a number");
    let mut tree = epochs(rate, &samples);
    if let Some(expected) = fixture.get("actigraph_counts") {
        let rate = rate as u32;
        assert_eq!(expected["freq"], json!(rate));
        let counts = json!({
            "freq": rate,
            "epoch_10s": counts(rate, 10, &samples),
            "epoch_60s": counts(rate, 60, &samples),
        });
        tree.insert("actigraph_counts".into(), counts);
    }
    Value::Object(tree)
}

fn samples(recording: &Recording, axes: [&str; 3]) -> Vec<Sample> {
    let [x, y, z] = axes.map(|axis| recording.numbers(axis));
    let value = |value: &Option<f64>| value.unwrap_or(f64::NAN);
    let axes = x.iter().zip(&y).zip(&z);
    axes.map(|((x, y), z)| [value(x), value(y), value(z)]).collect()
}

fn epochs(rate: f64, samples: &[Sample]) -> Map<String, Value> {
    let mut machine = Epochs::new(rate).expect("the rate has whole epochs");
    let epochs: Vec<Epoch> = samples.iter().filter_map(|sample| machine.feed(*sample)).collect();
    let of = |value: fn(&Epoch) -> f64| json!({ "values": epochs.iter().map(value).collect::<Vec<_>>() });
    let mut tree = Map::new();
    tree.insert("samples_per_5s".into(), json!(machine.samples_per_epoch()));
    tree.insert("enmo_5s_g".into(), of(|epoch| epoch.enmo_g));
    tree.insert("mad_5s_g".into(), of(|epoch| epoch.mad_g));
    tree.insert("anglez_5s_deg".into(), of(|epoch| epoch.angle_z_deg));
    tree.insert("norm_mean_g".into(), json!(machine.norm_mean_g()));
    tree
}

fn counts(rate: u32, epoch_s: u32, samples: &[Sample]) -> Value {
    let mut machine = Counts::new(rate, epoch_s).expect("counts are defined on the rate");
    json!(samples.iter().filter_map(|sample| machine.feed(*sample)).collect::<Vec<_>>())
}

/// Of the still windows that the recording consists of.
fn autocalibration(recording: &Recording) -> Value {
    let means = samples(recording, ["mean_x_g", "mean_y_g", "mean_z_g"]);
    let windows: Vec<StillWindow> = means
        .into_iter()
        .zip(recording.numbers("temp_c"))
        .map(|(mean_g, temperature_c)| StillWindow { mean_g, temperature_c })
        .collect();
    let found: Calibration = calibration::fit(&windows).expect("every posture is there");
    let fitted = || {
        json!({
            "scale": found.scale,
            "offset": found.offset_g,
            "tempoffset": found.temperature_offset_g_per_c,
        })
    };
    let (mut own, mut ggir) = (fitted(), fitted());
    own["error_start_g"] = json!(found.error_start_g);
    own["error_end_g"] = json!(found.error_end_g);
    own["iterations"] = json!(found.iterations);
    ggir["cal.error.start"] = json!(found.error_start_g);
    ggir["cal.error.end"] = json!(found.error_end_g);
    ggir["npoints"] = json!(found.n);
    json!({ "n": found.n, "own": own, "ggir": ggir })
}

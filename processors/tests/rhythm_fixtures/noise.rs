//! Noise by the minute, from three octave bands.

use serde_json::{Value, json};
use zeitgeber_processors::rhythm::noise::{Noise, a_weighted};

use crate::{Kind, Recording, Tolerance};

const BANDS: [(u32, &str); 3] = [(500, "l500_db"), (1000, "l1000_db"), (2000, "l2000_db")];

pub(crate) const KIND: Kind = Kind { name: "noise", notes: &["rule"], tolerance, compute };

fn tolerance(path: &[&str]) -> Tolerance {
    match path {
        ["laeq_total"] | ["minutes", "laeq" | "lamax" | "l10" | "l90"] => Tolerance::Absolute(1e-6),
        _ => Tolerance::Exact,
    }
}

fn compute(_: &Value, recording: Option<&Recording>) -> Value {
    let recording = recording.expect("the recording is named");
    let bands = BANDS.map(|(centre_hz, column)| (centre_hz, recording.numbers(column)));
    let (mut noise, mut minutes) = (Noise::new(), Vec::new());
    for (row, at) in recording.numbers("epoch_ms").into_iter().enumerate() {
        let of_row = |(centre_hz, levels): &(u32, Vec<Option<f64>>)| {
            levels[row].map(|level_db| (*centre_hz, level_db))
        };
        let levels: Vec<(u32, f64)> = bands.iter().filter_map(of_row).collect();
        if let Some(level_db) = a_weighted(&levels) {
            minutes.extend(noise.feed(at.expect("every row has its time") as i64, level_db));
        }
    }
    minutes.extend(noise.close());
    json!({ "laeq_total": noise.equivalent(), "minutes": minutes })
}

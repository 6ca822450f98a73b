//! Alertness along a sleep diary: two processes and three.

use serde_json::{Map, Value, json};
use zeitgeber_processors::rhythm::alertness::{
    Alertness, PARAMETERS, ThreeProcess, TwoProcess, process_c,
};

use crate::{Kind, Recording, Tolerance};

const HALF_DAY_MS: i64 = 43_200_000;
const MINUTE_MS: i64 = 60_000;

pub(crate) const KIND: Kind = Kind {
    name: "alert",
    notes: &["input", "impl", "own_vs_fips_max_abs_diff"],
    tolerance,
    compute,
};

fn tolerance(path: &[&str]) -> Tolerance {
    match path {
        [_, "kss"] => Tolerance::Absolute(1e-7),
        [_, "s" | "c" | "u" | "w" | "h"] | ["process_c", "values"] => Tolerance::Absolute(1e-8),
        _ => Tolerance::Exact,
    }
}

fn compute(fixture: &Value, recording: Option<&Recording>) -> Value {
    let minutes = |name: &str| fixture[name].as_i64().expect("the fixture says its grid");
    let (grid_min, step_min) = (minutes("grid_min"), minutes("step_min"));
    let count = fixture["t_ms"].as_array().expect("the fixture says how long").len() as i64;
    let phase_h = fixture["process_c"]["phi_h"].as_f64().expect("the fixture says the phase");
    let sleeps = sleeps(recording.expect("the diary is named"), grid_min * MINUTE_MS);
    let start_ms = sleeps[0].0 - HALF_DAY_MS;
    let (mut three, mut two) = (ThreeProcess::default(), TwoProcess::new(0.5));
    let (mut instants, mut states, mut pressures, mut skewed) = (vec![], vec![], vec![], vec![]);
    for at_min in (0..=(count - 1) * step_min).step_by(grid_min as usize) {
        let at_ms = start_ms + at_min * MINUTE_MS;
        let asleep = sleeps.iter().any(|(onset, wake)| (*onset..*wake).contains(&at_ms));
        three.feed(at_ms, asleep);
        two.feed(at_ms, asleep);
        if at_min % step_min == 0 {
            let clock_h = at_ms.rem_euclid(2 * HALF_DAY_MS) as f64 / 3_600_000.0;
            instants.push(at_ms);
            states.push(three.value(at_ms, clock_h).expect("it was fed"));
            pressures.push(two.value(at_ms).expect("it was fed"));
            skewed.push(process_c(clock_h, phase_h));
        }
    }
    let of = |part: fn(&Alertness) -> f64| states.iter().map(part).collect::<Vec<f64>>();
    let awake: Vec<u8> = states.iter().map(|state| u8::from(!state.asleep)).collect();
    let parameters: Map<String, Value> =
        PARAMETERS.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    json!({
        "t_ms": instants,
        "awake": awake,
        "step_min": step_min,
        "grid_min": grid_min,
        "three_process": {
            "s": of(|state| state.s),
            "c": of(|state| state.c),
            "u": of(|state| state.u),
            "w": of(|state| state.w),
            "kss": of(|state| state.kss),
            "parameters": parameters,
        },
        "two_process": { "h": pressures },
        "process_c": { "values": skewed, "phi_h": phase_h },
    })
}

/// The sleeps of a diary, rounded to the grid.
fn sleeps(diary: &Recording, grid_ms: i64) -> Vec<(i64, i64)> {
    let rounded = |at: &Option<f64>| {
        let at_ms = at.expect("every night is complete");
        (at_ms / grid_ms as f64).round_ties_even() as i64 * grid_ms
    };
    let (onsets, wakes) = (diary.numbers("sleep_ms"), diary.numbers("wake_ms"));
    onsets.iter().zip(&wakes).map(|(onset, wake)| (rounded(onset), rounded(wake))).collect()
}

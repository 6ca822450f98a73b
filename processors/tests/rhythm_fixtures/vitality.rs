//! Worked cases of the composite.

use serde_json::{Map, Value, json};
use zeitgeber_processors::rhythm::vitality::{self, HeartBaseline, Inputs, RiskLevel};
use zeitgeber_schemas::EnergyState;

use crate::{Kind, Recording, Tolerance};

pub(crate) const KIND: Kind =
    Kind { name: "vitality", notes: &["input"], tolerance: |_| Tolerance::Absolute(1e-9), compute };

fn compute(fixture: &Value, _: Option<&Recording>) -> Value {
    let cases = fixture["cases"].as_array().expect("there are cases");
    let steps = fixture["energy_hysteresis"].as_array().expect("there are steps");
    let nothing = vitality::composite(&Inputs::default(), None);
    let weights: Map<String, Value> = nothing
        .parts
        .iter()
        .map(|part| (part.name.as_str().to_owned(), json!(part.weight)))
        .collect();
    json!({
        "weights": weights,
        "cases": cases.iter().map(|case| worked(&case["input"])).collect::<Vec<Value>>(),
        "energy_hysteresis": steps.iter().map(step).collect::<Vec<Value>>(),
    })
}

fn worked(input: &Value) -> Value {
    let nights = input["sleep_h_7d"].as_array();
    let sleep_h: Vec<f64> = nights.into_iter().flatten().filter_map(Value::as_f64).collect();
    let found = vitality::composite(&inputs(input, &sleep_h), None);
    let components: Map<String, Value> = found
        .parts
        .iter()
        .filter_map(|part| part.value.map(|value| (part.name.as_str().to_owned(), json!(value))))
        .collect();
    let level = match vitality::risk_level(&found) {
        RiskLevel::Normal => "normal",
        RiskLevel::Elevated => "elevated",
        RiskLevel::High => "high",
    };
    let mut tree = json!({
        "vitality": found.vitality,
        "confidence": found.confidence,
        "components": components,
        "energy_state": found.energy.map(EnergyState::as_str),
        "risk": { "level": level, "flags": found.risks },
    });
    if let Some(reason) = vitality::missing_reason(&found) {
        tree["reason"] = json!(reason);
    }
    tree
}

fn step(given: &Value) -> Value {
    let kss = given["kss"].as_f64().expect("a step has a sleepiness");
    let before = given["prev"].as_str().expect("a step has a state before");
    let state = vitality::energy(kss, EnergyState::from_symbol(before));
    json!({ "kss": kss, "prev": before, "state": state.as_str() })
}

fn inputs<'a>(input: &Value, sleep_h: &'a [f64]) -> Inputs<'a> {
    let number = |name: &str| input[name].as_f64();
    let count = |name: &str| input[name].as_u64().unwrap_or(0) as u32;
    let heart = || {
        Some(HeartBaseline {
            ln_rmssd_7d: number("ln_rmssd_7d")?,
            mean: number("base_mean")?,
            sd: number("base_sd")?,
            nights: count("base_nights"),
        })
    };
    let assumed = Inputs::default();
    Inputs {
        kss: number("kss"),
        heart: heart(),
        low_heart_days: count("hrv_z_days_below_1_5"),
        sri: number("sri"),
        is: number("IS"),
        ra: number("RA"),
        rhythm_days: count("rhythm_days"),
        sleep_h,
        need_h: number("need_h").unwrap_or(assumed.need_h),
        light: ["day_frac_ge250", "evening_frac_le10", "night_frac_le1"].map(number),
        resting_rise_bpm: number("resting_hr_rise"),
        coverage: number("coverage").unwrap_or(assumed.coverage),
    }
}

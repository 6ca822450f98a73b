//! Sleep scoring of a recording, epoch by epoch.

use serde_json::{Value, json};
use zeitgeber_processors::rhythm::sleep::{
    BIN_MIN, ColeKripke, Counts, Masda, Oakley, Regularity, Sadeh, WAKE_ABOVE, Webster,
};
use zeitgeber_schemas::Signal;

use super::{MINUTE_MS, Movement};

/// Every scorer that the recording's device and signal allow.
pub(super) fn tree(fixture: &Value, movement: &Movement<'_>) -> Value {
    let fixture = &fixture["sleepwake"];
    let (minutes, recording) = (movement.minute_values(), movement.recording);
    let long = movement.cycles.all_minutes.is_some();
    let mut tree = json!({});
    if movement.signal == Signal::ActivityCounts {
        let seen: Vec<f64> = minutes.iter().map(|value| value.unwrap_or(0.0)).collect();
        let scored = cole_kripke(&seen, Counts::Generic);
        tree["cole_kripke_mean"] = sleep(&scored);
        tree["cole_kripke_mean"]["cross"] = json!([{}]);
        let rescored = webster(&scored);
        tree["cole_kripke_mean_webster"] = sleep(&rescored);
        tree["cole_kripke_mean_webster"]["cross"] = json!([{}]);
        if long {
            let pairs = &fixture["sri_ck_webster"]["ggir_day_pairs"];
            tree["sri_ck_webster"] = minute_sri(pairs, movement, &minutes, &rescored);
        }
    }
    if recording.has("axis1") {
        let seen: Vec<f64> = missing_as_zero(&recording.numbers("axis1"));
        let vendor = |name| recording.has(name).then(|| recording.text(name));
        let scored = cole_kripke(&seen, Counts::ActiGraph);
        tree["cole_kripke_actilife"] = vendor_sleep(&scored, vendor("vendor_cole_kripke"));
        tree["sadeh_actilife"] = vendor_sleep(&sadeh(&seen), vendor("vendor_sadeh"));
    } else if movement.signal == Signal::ActivityCounts {
        tree["oakley40"] = oakley(&fixture["oakley40"]["vendor"], movement);
    }
    if long {
        masda(movement, &minutes, &mut tree);
    }
    tree
}

fn missing_as_zero(values: &[Option<f64>]) -> Vec<f64> {
    values.iter().map(|value| value.unwrap_or(0.0)).collect()
}

fn cole_kripke(minutes: &[f64], counts: Counts) -> Vec<bool> {
    let (mut machine, mut states) = (ColeKripke::new(counts), Vec::new());
    minutes.iter().for_each(|counts| machine.feed(*counts, |state| states.push(state)));
    machine.finish(|state| states.push(state));
    states
}

fn sadeh(minutes: &[f64]) -> Vec<bool> {
    let (mut machine, mut states) = (Sadeh::new(), Vec::new());
    minutes.iter().for_each(|counts| machine.feed(*counts, |state| states.push(state)));
    machine.finish(|state| states.push(state));
    states
}

fn webster(scored: &[bool]) -> Vec<bool> {
    let (mut machine, mut states) = (Webster::new(), Vec::new());
    scored.iter().for_each(|sleep| machine.feed(*sleep, |state| states.push(state)));
    machine.finish(|state| states.push(state));
    states
}

/// The runs of a series of states.
fn runs<T: PartialEq + Copy + Into<Value>>(states: &[T]) -> Value {
    states.chunk_by(PartialEq::eq).map(|run| json!([run[0].into(), run.len()])).collect()
}

fn coded(states: &[bool]) -> Vec<u8> {
    states.iter().map(|state| u8::from(*state)).collect()
}

fn count(states: &[bool]) -> usize {
    states.iter().filter(|state| **state).count()
}

fn sleep(states: &[bool]) -> Value {
    json!({ "sleep_minutes": count(states), "rle": runs(&coded(states)) })
}

fn vendor_sleep(states: &[bool], vendor: Option<&[String]>) -> Value {
    let mut tree = sleep(states);
    if let Some(vendor) = vendor {
        let pairs = std::iter::zip(states, vendor);
        let differ = pairs.filter(|(sleep, vendor)| **sleep != (vendor.as_str() == "S")).count();
        tree["vendor_mismatch_epochs"] = json!(differ);
    }
    tree
}

/// The index over scored minutes; the package that pairs days saw missing ones as wake.
fn minute_sri(
    day_pairs: &Value,
    movement: &Movement<'_>,
    minutes: &[Option<f64>],
    states: &[bool],
) -> Value {
    let first = movement.cycles.first_minute.rem_euclid(1440) as u32;
    let mut scored = Regularity::new(1440, first);
    let mut seen = Regularity::new(1440, first);
    for (state, value) in std::iter::zip(states, minutes) {
        scored.feed(value.map(|_| *state));
        seen.feed(Some(*state));
    }
    let mut tree =
        json!({ "value": scored.all().index(), "pairs": scored.all().pairs, "epoch_s": 60 });
    if day_pairs.is_object() {
        let index = seen.days().map(|day| day.index().map(|index| rounded(index, 3)));
        let valid = seen.days().map(|day| rounded(day.pairs as f64 / 1440.0, 4));
        tree["ggir_day_pairs"] = json!({
            "sri": index.collect::<Vec<_>>(), "frac_valid": valid.collect::<Vec<_>>(),
        });
    }
    tree
}

fn rounded(value: f64, decimals: i32) -> f64 {
    let scale = 10f64.powi(decimals);
    (value * scale).round_ties_even() / scale
}

fn oakley(vendor: &Value, movement: &Movement<'_>) -> Value {
    let counts = movement.recording.numbers("counts");
    let (mut scores, mut machine) = (Vec::new(), Oakley::new(movement.epoch_s).expect("an epoch"));
    missing_as_zero(&counts).iter().for_each(|counts| machine.feed(*counts, |s| scores.push(s)));
    machine.finish(|score| scores.push(score));
    let wake = |score: &Option<f64>| score.map(|score| u8::from(score > WAKE_ABOVE));
    let states: Vec<Option<u8>> = scores.iter().map(wake).collect();
    let wake_epochs = states.iter().filter(|state| **state == Some(1)).count();
    let mut tree = json!({ "wake_epochs": wake_epochs, "rle": runs(&states), "cross": [{}] });
    if vendor.is_object() {
        tree["vendor"] = actiware(vendor, movement, &counts, &scores);
    }
    tree
}

/// How often the vendor's own scoring differs, at each threshold that the fixture names.
fn actiware(
    fixture: &Value,
    movement: &Movement<'_>,
    counts: &[Option<f64>],
    scores: &[Option<f64>],
) -> Value {
    let vendor = movement.recording.numbers("vendor_sw");
    let compared: Vec<(usize, f64, bool)> = std::iter::zip(scores, &vendor)
        .enumerate()
        .filter_map(|(at, (score, vendor))| Some((at, (*score)?, (*vendor)? == 1.0)))
        .collect();
    let differ = |threshold: f64| {
        let wrong = move |(_, score, wake): &&(usize, f64, bool)| (*score > threshold) != *wake;
        compared.iter().filter(wrong)
    };
    let near_missing = |at: usize| {
        let around = counts[at.saturating_sub(8)..].iter().take(17);
        around.into_iter().any(Option::is_none)
    };
    let ties = || compared.iter().filter(|(_, score, _)| *score == WAKE_ABOVE);
    let mut tree = json!({
        "compared": compared.len(),
        "mismatch": differ(WAKE_ABOVE).count(),
        "mismatch_away_from_missing": differ(WAKE_ABOVE).filter(|e| !near_missing(e.0)).count(),
        "score_exactly_40": ties().count(),
        "of_those_vendor_wake": ties().filter(|(_, _, wake)| *wake).count(),
    });
    for key in fixture.as_object().expect("a set of counts").keys() {
        if let Some(threshold) = key.strip_prefix("mismatch_thr_") {
            tree[key] = json!(differ(threshold.parse().expect("a threshold")).count());
        }
    }
    tree
}

/// Rest bouts of ten-minute sums by the clock, and the regularity of rest.
fn masda(movement: &Movement<'_>, minutes: &[Option<f64>], tree: &mut Value) {
    let skipped = (-movement.cycles.first_minute).rem_euclid(BIN_MIN) as usize;
    let first = (movement.cycles.first_minute + skipped as i64) / BIN_MIN;
    let (mut machine, mut states) = (Masda::new(), Vec::new());
    for bin in minutes[skipped..].chunks_exact(BIN_MIN as usize) {
        machine.feed(bin.iter().flatten().sum(), |rest| states.push(rest));
    }
    machine.finish(|rest| states.push(rest));
    tree["roenneberg10"] = json!({
        "first_ms": first * BIN_MIN * MINUTE_MS,
        "rest_bins": count(&states),
        "rle": runs(&coded(&states)),
    });
    let index = |states: &[bool]| {
        let mut regularity = Regularity::new(144, first.rem_euclid(144) as u32);
        states.iter().for_each(|rest| regularity.feed(Some(*rest)));
        regularity.all()
    };
    let whole_days = index(&states[..states.len() / 144 * 144]).index();
    let all = index(&states);
    tree["sri_roenneberg10"] = json!({
        "value": all.index(), "pairs": all.pairs, "epoch_s": 600,
        "cross": [{ "value": whole_days, "spec_on_same": whole_days }],
    });
}

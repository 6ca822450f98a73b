//! Movement recordings: rhythm, non-wear, sleep and what the live stage tells each midnight.

mod cross;
#[path = "../rhythm_stage/kit.rs"]
#[expect(dead_code, reason = "the tests of the live stage feed other kinds too")]
pub(crate) mod kit;
mod sleepwake;

use std::f64::consts::TAU;

use serde_json::{Value, json};
use zeitgeber_processors::rhythm::{
    Estimate, Fit, Tables,
    cycles::{Cycles, Rhythm},
    minutes::Minutes,
    nonwear::{CHOI, Choi, periods_of},
    report::Fold,
};
use zeitgeber_schemas::{MinuteRhythm, RhythmAnalysed, Signal, Span};

use super::{Kind, Recording, Tolerance};
use kit::{DAY_MS, MINUTE_MS, Reading, Run, profile};

pub(crate) const KIND: Kind = Kind { name: "rhythm", notes: NOTES, tolerance, compute };

/// Descriptions, and values of packages that the fixtures say to differ: nparACT rounds to two
/// decimals, pyActigraphy scores edges and ties in another way, and `phi` is a feature of GGIR.
const NOTES: &[&str] = &[
    "column",
    "date",
    "definition",
    "impl",
    "input",
    "minute_rule",
    "note",
    "relation",
    "time_origin",
    "IS_rounded",
    "IV_rounded",
    "mismatch_epochs",
    "phi",
    "pyActigraphy_mismatch_vs_vendor",
];

pub(crate) fn tolerance(path: &[&str]) -> Tolerance {
    match path.last().copied().unwrap_or_default() {
        "IS" | "IV" | "RA" | "r2" | "r2_two" | "IS_samplevar" | "IS_check_rel" | "value"
        | "value_corrected" | "spec_on_same" | "sri" | "frac_valid" | "peak_rad" => {
            Tolerance::Absolute(1e-9)
        }
        "L5" | "M10" | "hourly" | "mesor" | "amplitude" | "amplitude1" | "rss" | "resid_se"
        | "curve_half_range" | "curve_mid" | "mesor_ci95" | "amplitude_ci95" | "acrophase_ci95" => {
            Tolerance::Relative(1e-9)
        }
        "mesor_se" | "amplitude_se" | "acrophase_se" | "se" => Tolerance::Relative(1e-7),
        "acrophase_rad" => Tolerance::Circular(1e-8, TAU),
        "peak_h" => Tolerance::Absolute(1e-8),
        "f" | "log10_p" => Tolerance::Relative(1e-8),
        // The logarithm of P agrees within a relative 1e-8; below 1e-307 P counts as 0.
        "p" | "p_scipy" => Tolerance::Either(7.2e-6, 1e-307),
        "orthophase_h" | "bathyphase_h" => Tolerance::Absolute(24.0 / 14_400.0 + 1e-9),
        "curve_max" | "curve_min" => Tolerance::Relative(1e-6),
        _ => Tolerance::Exact,
    }
}

/// A recording as readings.
struct Movement<'a> {
    recording: &'a Recording,
    epoch_s: i64,
    signal: Signal,
    readings: Vec<Reading>,
    fold: Fold,
    cycles: Cycles,
}

impl<'a> Movement<'a> {
    fn new(fixture: &Value, recording: &'a Recording) -> Self {
        let epoch_s = recording.notes["epoch_s"].parse().expect("an epoch is whole seconds");
        let column = fixture["column"].as_str().expect("the fixture names its column");
        let enmo = column == "enmo_mg";
        let values = recording.numbers(column);
        let readings: Vec<Reading> = std::iter::zip(recording.numbers("epoch_ms"), values)
            .filter_map(|(start, value)| {
                let value =
                    if enmo { kit::Value::Enmo(value?) } else { kit::Value::Counts(value?) };
                Some(Reading::epoch(start? as i64, epoch_s, value))
            })
            .collect();
        let (mut fold, tables) = (Fold::new(), Tables::new());
        for reading in &readings {
            reading.with(|input| fold.add(&profile(0), input));
        }
        let cycles = fold.cycles(&profile(0), &tables).expect("the recording holds minutes");
        let signal = if enmo { Signal::EnmoMg } else { Signal::ActivityCounts };
        Self { recording, epoch_s, signal, readings, fold, cycles }
    }

    fn minutes(&self) -> &Minutes {
        self.fold.minutes_of(self.signal).expect("the recording holds minutes")
    }

    /// The minutes of the recording; none for a missing one.
    fn minute_values(&self) -> Vec<Option<f64>> {
        let first = self.cycles.first_minute;
        self.minutes().values(first, first + i64::from(self.cycles.n_minutes)).collect()
    }
}

fn compute(fixture: &Value, recording: Option<&Recording>) -> Value {
    let recording = recording.expect("the fixture names its recording");
    let movement = Movement::new(fixture, recording);
    let cycles = &movement.cycles;
    assert_eq!(cycles.signal, movement.signal);
    let mut tree = json!({
        "epoch_s": movement.epoch_s,
        "n_minutes": cycles.n_minutes,
        "n_valid": cycles.n_valid,
        "first_minute_ms": cycles.first_minute * MINUTE_MS,
        "sleepwake": sleepwake::tree(fixture, &movement),
    });
    if let Some(all) = &cycles.all_minutes {
        let mut values = nonparametric(all);
        values["hourly_first_ms"] = json!(cycles.first_hour * MINUTE_MS);
        values["hourly"] = json!(cycles.hourly);
        cross::nonparametric(&fixture["nonparametric"], &movement, all, &mut values);
        tree["nonparametric"] = values;
        tree["cosinor_minutes"] = cosinor(fixture, all);
        tree["rolling_7d"] = rolling_7d(&movement);
    }
    if let Some(periods) = &cycles.nonwear {
        let found = listed(periods);
        let minutes: i64 = periods.iter().map(|(start, end)| end - start).sum();
        tree["nonwear_choi"] = json!({
            "min_period": CHOI.period_min, "min_window": CHOI.window_min,
            "tolerance": CHOI.spike_min, "periods": found, "minutes": minutes,
        });
    }
    if let Some(worn) = &cycles.wear_minutes {
        let mut values = nonparametric(worn);
        let fit = worn.cosinor[0].as_ref().expect("worn minutes have a rhythm");
        values["cosinor"] = json!({
            "mesor": fit.mesor.value, "r2": fit.r2, "n": fit.n,
            "amplitude": fit.components[0].amplitude.value,
            "acrophase_rad": fit.components[0].acrophase_rad.value,
        });
        tree["nonparametric_wear_only"] = values;
    }
    if let Some(sets) = fixture["nonwear_choi_vendor"]["sets"].as_array() {
        tree["nonwear_choi_vendor"] = vendor_nonwear(sets, &movement);
    }
    tree
}

fn nonparametric(rhythm: &Rhythm) -> Value {
    let mut tree = json!({
        "n_hours": rhythm.n_hours, "IS": rhythm.is, "IV": rhythm.iv,
        "profile_complete": rhythm.extremes.is_some(),
    });
    if let Some(found) = &rhythm.extremes {
        tree["L5"] = json!(found.l5);
        tree["L5_onset_min"] = json!(found.l5_onset_min);
        tree["M10"] = json!(found.m10);
        tree["M10_onset_min"] = json!(found.m10_onset_min);
        tree["RA"] = json!(found.ra);
    }
    tree
}

/// Periods as their start in ms and their length in minutes.
fn listed(periods: &[(i64, i64)]) -> Value {
    periods.iter().map(|(start, end)| json!([start * MINUTE_MS, end - start])).collect()
}

fn vendor_nonwear(sets: &[Value], movement: &Movement<'_>) -> Value {
    let (first, n) = (movement.cycles.first_minute, i64::from(movement.cycles.n_minutes));
    let length = |set: &Value, name: &str| set[name].as_i64().expect("a set gives its lengths");
    let found = sets.iter().map(|set| {
        let choi = Choi {
            period_min: length(set, "min_period"),
            window_min: length(set, "min_window"),
            spike_min: length(set, "tolerance"),
        };
        json!({
            "min_period": choi.period_min, "min_window": choi.window_min,
            "tolerance": choi.spike_min,
            "periods": listed(&periods_of(choi, movement.minutes(), first, first + n)),
        })
    });
    let found: Vec<Value> = found.collect();
    let own_equal = std::iter::zip(&found, sets).all(|(own, set)| own["periods"] == set["periods"]);
    json!({ "sets": found, "own_equal": own_equal })
}

fn cosinor(fixture: &Value, rhythm: &Rhythm) -> Value {
    let mut tree = json!({});
    for (name, fit) in ["k1", "k2", "k3"].into_iter().zip(&rhythm.cosinor) {
        let fit = fit.as_ref().expect("the minutes have a rhythm");
        let mut values = fitted(fit);
        values["cross"] = cross::cosinor(&fixture["cosinor_minutes"][name]["cross"], fit);
        tree[name] = values;
    }
    tree
}

fn fitted(fit: &Fit) -> Value {
    let mut tree = json!({
        "n": fit.n, "dof": fit.dof, "r2": fit.r2, "rss": fit.rss, "resid_se": fit.resid_se,
        "f": fit.f, "p": fit.p(), "log10_p": fit.log10_p, "p_scipy": fit.p(),
        "curve_max": fit.curve_max, "curve_min": fit.curve_min,
        "orthophase_h": fit.orthophase_h, "bathyphase_h": fit.bathyphase_h,
    });
    estimate(&mut tree, ["mesor", "mesor_se", "mesor_ci95"], &fit.mesor);
    let components = fit.components.iter().map(|component| {
        let mut tree = json!({
            "harmonic": component.harmonic, "period_h": component.period_h,
            "peak_h": component.peak_h,
        });
        let names = ["amplitude", "amplitude_se", "amplitude_ci95"];
        estimate(&mut tree, names, &component.amplitude);
        let names = ["acrophase_rad", "acrophase_se", "acrophase_ci95"];
        estimate(&mut tree, names, &component.acrophase_rad);
        tree
    });
    tree["components"] = components.collect();
    tree
}

fn estimate(tree: &mut Value, names: [&str; 3], estimate: &Estimate) {
    tree[names[0]] = json!(estimate.value);
    tree[names[1]] = json!(estimate.se);
    tree[names[2]] = json!(estimate.ci95);
}

/// The midnights that the live stage analyses when it is fed reading by reading.
fn rolling_7d(movement: &Movement<'_>) -> Value {
    let mut run = Run::new(profile(0));
    run.feed(&movement.readings);
    let last = movement.readings.last().expect("there are readings").ts;
    run.tick(last + 6 * 60 * MINUTE_MS);
    let within = |event: &&RhythmAnalysed| event.window_end_ms <= last;
    run.of_span(Span::Midnight).filter(within).map(midnight).collect()
}

fn midnight(event: &RhythmAnalysed) -> Value {
    json!({
        "window_start_ms": event.window_start_ms,
        "window_end_ms": event.window_end_ms,
        "days": (event.window_end_ms - event.window_start_ms) / DAY_MS,
        "all_minutes": event.all_minutes.as_ref().map(live),
        "wear_minutes": event.wear_minutes.as_ref().map(live),
    })
}

fn live(rhythm: &MinuteRhythm) -> Value {
    let mut tree = json!({
        "valid_minutes": rhythm.valid_minutes,
        "IS": rhythm.is, "IV": rhythm.iv,
        "mesor": rhythm.mesor, "amplitude": rhythm.amplitude,
        "acrophase_rad": rhythm.acrophase_rad, "peak_h": rhythm.peak_h,
        "r2": rhythm.r2, "r2_two": rhythm.r2_two, "orthophase_h": rhythm.orthophase_h,
    });
    if rhythm.l5.is_some() {
        tree["L5"] = json!(rhythm.l5);
        tree["L5_onset_min"] = json!(rhythm.l5_onset_min);
        tree["M10"] = json!(rhythm.m10);
        tree["M10_onset_min"] = json!(rhythm.m10_onset_min);
        tree["RA"] = json!(rhythm.ra);
    }
    tree
}

//! Heart rate variability: every feature of the raw intervals, the clean ones and their windows.

use serde_json::{Map, Value, json};
use zeitgeber_processors::rhythm::hrv::{
    Bands, Cleaner, Interval, Judgement, LongTerm, SampleEntropy, TEMPLATE, TimeDomain,
    TimeFeatures, WINDOW_INTERVALS_MIN, Welch, Window, WindowReport, Windows, dfa_alpha1,
    lomb_scargle, median, sample_entropy,
};

use crate::{Kind, compare::Tolerance, hrv_artefacts, hrv_packages, recording::Recording};

/// What packages or the fixture's author say of themselves or of how they differ.
const NOTES: [&str; 11] = [
    "impl",
    "input",
    "note",
    // The rule of the tolerance of sample entropy, in words.
    "r",
    // How far packages lie from the fixture's formulas, as its author found.
    "rel",
    "diff",
    "welch_vs_hrvanalysis_rel",
    "lomb_vs_hrvanalysis_rel",
    "own_reimplementation_equal",
    // Classes that systole counts differently.
    "systole_counts",
    // Compares with the next raw interval, where the rule here compares with the last kept one.
    "hrv-analysis malik removed",
];

/// Time beyond the interval between two beats that tells of missing ones, ms.
const GAP_MS: f64 = 100.0;

pub(crate) const KIND: Kind = Kind { name: "hrv", notes: &NOTES, tolerance, compute };

fn tolerance(path: &[&str]) -> Tolerance {
    if let Some(loose) = hrv_packages::tolerance(path) {
        return loose;
    }
    let key = path.last().copied().unwrap_or_default();
    match key {
        _ if path.contains(&"welch") || path.contains(&"lomb") => Tolerance::Relative(1e-6),
        _ if path.contains(&"one_pass") => Tolerance::Exact,
        "value" => Tolerance::Absolute(1e-12),
        "dfa_alpha1" => Tolerance::Absolute(1e-8),
        "mean_nn" | "median_nn" | "sdnn" | "rmssd" | "sdsd" | "sd1" | "sd2" | "sd1_sd2"
        | "pnn50" | "pnn20" | "mean_hr" | "hr_of_mean_nn" | "cvnn" | "sdann_5min"
        | "sdnni_5min" | "coverage_s" | "artifact_fraction" => Tolerance::Relative(1e-9),
        _ => Tolerance::Exact,
    }
}

fn compute(fixture: &Value, recording: Option<&Recording>) -> Value {
    let intervals = intervals(recording.expect("the fixture names a recording"));
    let raw: Vec<f64> = intervals.iter().map(|interval| interval.rr_ms).collect();
    let gaps = fixture["gap_rule_used"] == true;
    let cleaner = || if gaps { Cleaner::with_gaps(GAP_MS) } else { Cleaner::without_gaps() };
    let mut tree = object(json!({
        "n_raw": raw.len(),
        "gap_rule_used": gaps,
        "raw_time": time_of(&raw),
        "raw_full": Value::Null,
        "lipponen_tarvainen": hrv_artefacts::tree(&raw),
    }));
    tree.append(&mut cleaned(cleaner(), &intervals));
    tree.append(&mut windows(cleaner(), &intervals, &fixture["windows_300s"]));
    if !fixture["raw_full"].is_null() {
        tree.insert("raw_full".to_owned(), full_of(&raw));
    }
    if fixture.get("raw_cross").is_some() {
        tree.append(&mut hrv_packages::tree(&raw));
    }
    Value::Object(tree)
}

fn intervals(recording: &Recording) -> Vec<Interval> {
    let ends = recording.numbers("t_ms");
    let lengths = recording.numbers("rr_ms");
    let both = ends.into_iter().zip(lengths).filter_map(|(end_ms, rr_ms)| end_ms.zip(rr_ms));
    both.map(|(end_ms, rr_ms)| Interval { end_ms, rr_ms }).collect()
}

pub(crate) fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        other => panic!("{other} is no object"),
    }
}

/// Counts of the cleaning, and features of what it keeps.
fn cleaned(mut cleaner: Cleaner, intervals: &[Interval]) -> Map<String, Value> {
    let mut sums = TimeDomain::default();
    let mut kept = Vec::new();
    for interval in intervals {
        let judgement = cleaner.feed(*interval);
        sums.feed(interval.rr_ms, judgement);
        if judgement.is_kept() {
            kept.push(interval.rr_ms);
        }
    }
    let removed = cleaner.removed();
    object(json!({
        "n_clean": cleaner.kept(),
        "n_breaks": cleaner.breaks(),
        "removed": { "range": removed.range, "malik": removed.jump },
        "clean_time": time(sums.value(), median(&kept)),
    }))
}

/// The windows that hold enough, and variability over them.
fn windows(cleaner: Cleaner, intervals: &[Interval], expected: &Value) -> Map<String, Value> {
    let welch = Welch::new();
    let mut windows = Windows::from_first(cleaner);
    let mut closed: Vec<Window> =
        intervals.iter().filter_map(|interval| windows.feed(*interval)).collect();
    closed.extend(windows.finish());
    let mut long_term = LongTerm::default();
    closed.iter().for_each(|window| long_term.feed(window));
    closed.retain(|window| window.time().is_some_and(|time| time.n >= WINDOW_INTERVALS_MIN));
    let with_full = |window: &Window| {
        let expected = expected.as_array().into_iter().flatten();
        expected.clone().any(|other| other["k"] == window.index() && other.get("full").is_some())
    };
    let trees = closed.iter().map(|found| window(&welch, found, with_full(found)));
    object(json!({
        "windows_300s": trees.collect::<Vec<Value>>(),
        "sdann_5min": long_term.sdann_ms(),
        "sdnni_5min": long_term.sdnni_ms(),
    }))
}

fn window(welch: &Welch, window: &Window, with_full: bool) -> Value {
    let features = window.time().expect("it has intervals");
    let mut tree = json!({
        "k": window.index(),
        "first_clean_index": window.kept_before(),
        "n": features.n,
        "n_raw": window.raw(),
        "artifact_fraction": window.artefact_fraction(),
        "coverage_s": window.coverage_s(),
        "mean_nn": features.mean_nn_ms,
        "sdnn": features.sdnn_ms,
        "rmssd": features.rmssd_ms,
        "sdsd": features.sdsd_ms,
        "pnn50": features.pnn50,
        "pnn20": features.pnn20,
        "mean_hr": features.mean_hr,
        "sd1": features.sd1_ms,
        "sd2": features.sd2_ms,
    });
    if with_full {
        let report = WindowReport::of(window, welch);
        let time = time(report.time, report.median_nn_ms);
        let irregular = (report.sample_entropy, report.dfa_alpha1);
        tree["full"] = full(time, irregular, report.lomb, report.welch);
    }
    tree
}

/// All features of the raw intervals.
fn full_of(raw: &[f64]) -> Value {
    let irregular = (sample_entropy(raw), dfa_alpha1(raw));
    full(time_of(raw), irregular, lomb_scargle(raw), Welch::new().bands(raw))
}

/// All features, where there is a Welch spectrum with it.
fn full(
    time: Value,
    (sampen, dfa_alpha1): (Option<SampleEntropy>, Option<f64>),
    lomb: Option<Bands>,
    welch: Option<Bands>,
) -> Value {
    let mut tree = object(json!({
        "time": time,
        "dfa_alpha1": dfa_alpha1,
        "sampen": sampen.map(entropy),
        "lomb": lomb.map(bands),
    }));
    if let Some(found) = welch {
        tree.insert("welch".to_owned(), bands(found));
    }
    Value::Object(tree)
}

fn entropy(found: SampleEntropy) -> Value {
    json!({ "value": found.value, "A": found.a, "B": found.b, "m": TEMPLATE })
}

fn bands(found: Bands) -> Value {
    serde_json::to_value(found).expect("bands are plain numbers")
}

/// Time-domain features of intervals that all follow each other.
fn time_of(nn_ms: &[f64]) -> Value {
    time(adjacent(nn_ms), median(nn_ms))
}

pub(crate) fn adjacent(nn_ms: &[f64]) -> Option<TimeFeatures> {
    let mut sums = TimeDomain::default();
    nn_ms.iter().for_each(|nn| sums.feed(*nn, Judgement::Adjacent));
    sums.value()
}

fn time(features: Option<TimeFeatures>, median_ms: Option<f64>) -> Value {
    let features = features.expect("there are intervals");
    json!({
        "n": features.n,
        "n_diff": features.n_diff,
        "mean_nn": features.mean_nn_ms,
        "median_nn": median_ms,
        "sdnn": features.sdnn_ms,
        "rmssd": features.rmssd_ms,
        "sdsd": features.sdsd_ms,
        "nn50": features.nn50,
        "nn20": features.nn20,
        "pnn50": features.pnn50,
        "pnn20": features.pnn20,
        "mean_hr": features.mean_hr,
        "hr_of_mean_nn": features.hr_of_mean_nn,
        "min_nn": features.min_nn_ms,
        "max_nn": features.max_nn_ms,
        "cvnn": features.cvnn,
        "sd1": features.sd1_ms,
        "sd2": features.sd2_ms,
        "sd1_sd2": features.sd1_sd2,
    })
}

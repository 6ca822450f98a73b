//! What packages make of the raw intervals, from our features by their own definitions.

use serde_json::{Map, Value, json};
use zeitgeber_processors::rhythm::hrv::{
    Bands, TimeFeatures, Welch, dfa_alpha1, lomb_frequencies, lomb_scargle, median, sample_entropy,
};

use crate::{
    compare::Tolerance,
    hrv::{adjacent, object},
};

/// Wider tolerances where a package defines a feature otherwise or approximates it.
pub(crate) fn tolerance(path: &[&str]) -> Option<Tolerance> {
    match path {
        // Fast approximations of the periodogram.
        ["raw_cross_packages", "hrv-analysis lomb", ..] => Some(Tolerance::Relative(0.03)),
        // Boxes of 4 to 11 intervals that overlap.
        ["raw_cross", "dfa_alpha1"] => Some(Tolerance::Absolute(0.2)),
        ["raw_cross_packages", _, "dfa_4_16"] => Some(Tolerance::Absolute(1e-8)),
        ["raw_cross", "lf" | "hf" | "lf_hf"] | ["raw_cross_packages", "hrv-analysis welch", ..] => {
            Some(Tolerance::Relative(1e-6))
        }
        ["raw_cross", "n_freq"] => Some(Tolerance::Exact),
        ["raw_cross" | "raw_cross_packages", ..] => Some(Tolerance::Relative(1e-9)),
        _ => None,
    }
}

pub(crate) fn tree(raw: &[f64]) -> Map<String, Value> {
    let time = adjacent(raw).expect("there are intervals");
    let sampen = sample_entropy(raw).and_then(|entropy| entropy.value);
    let lomb = lomb_scargle(raw).expect("there are intervals");
    let share = |count: u64| 100.0 * count as f64 / time.n as f64;
    object(json!({
        "raw_cross": [
            {
                "rmssd": time.rmssd_ms,
                "sdnn": time.sdnn_ms,
                "sdsd": time.sdsd_ms,
                "pnn50": share(time.nn50),
                "pnn20": share(time.nn20),
                "mean_nn": time.mean_nn_ms,
            },
            {
                "sd1": time.sd1_ms,
                "sd2": sd2_of_sums(raw),
                "sampen": sampen,
                "dfa_alpha1": dfa_alpha1(raw),
            },
            { "sampen": sampen },
            {
                "lf_hf": lomb.lf_hf,
                "lf": lomb.lf,
                "hf": lomb.hf,
                "n_freq": lomb_frequencies(raw),
            },
        ],
        "raw_cross_packages": {
            "hrv-analysis time": hrv_analysis_time(raw, &time),
            "hrv-analysis welch": spectrum(Welch::new().bands(raw)),
            "hrv-analysis lomb": spectrum(Some(lomb)),
            "hrv-analysis poincare": {
                "sd1": time.sd1_ms,
                "sd2": time.sd2_ms,
                "ratio_sd2_sd1": time.sd1_sd2.map(|ratio| 1.0 / ratio),
            },
            "hrv-analysis sampen": { "sampen": sampen },
            "nolds": {
                "sampen_default": sampen,
                "sampen_r02": sampen,
                "dfa_4_16": dfa_alpha1(raw),
            },
            "antropy": { "sampen": sampen },
            "pyhrv": pyhrv(raw, &time),
        },
    }))
}

/// Deviations of differences are divided by their number here.
fn hrv_analysis_time(raw: &[f64], time: &TimeFeatures) -> Value {
    let rates: Vec<f64> = raw.iter().map(|rr| 60_000.0 / rr).collect();
    let rates_sd = adjacent(&rates).and_then(|rates| rates.sdnn_ms);
    json!({
        "mean_nni": time.mean_nn_ms,
        "sdnn": time.sdnn_ms,
        "sdsd": time.sdsd_ms.map(|sdsd| sdsd * of_population(time.n_diff)),
        "nni_50": time.nn50,
        "pnni_50": time.pnn50,
        "nni_20": time.nn20,
        "pnni_20": time.pnn20,
        "rmssd": time.rmssd_ms,
        "median_nni": median(raw),
        "range_nni": time.max_nn_ms - time.min_nn_ms,
        "cvsd": time.rmssd_ms.map(|rmssd| rmssd / time.mean_nn_ms),
        "cvnni": time.cvnn,
        "mean_hr": time.mean_hr,
        "max_hr": 60_000.0 / time.min_nn_ms,
        "min_hr": 60_000.0 / time.max_nn_ms,
        "std_hr": rates_sd.map(|sd| sd * of_population(time.n)),
    })
}

/// From a deviation with n - 1 to one with n.
fn of_population(n: u64) -> f64 {
    let n = n as f64;
    ((n - 1.0) / n).sqrt()
}

fn spectrum(bands: Option<Bands>) -> Value {
    let bands = bands.expect("the recording is long enough");
    json!({
        "lf": bands.lf,
        "hf": bands.hf,
        "lf_hf_ratio": bands.lf_hf,
        "lfnu": bands.lf_nu,
        "hfnu": bands.hf_nu,
        "total_power": bands.total,
        "vlf": bands.vlf,
    })
}

/// The deviation of differences is that of their magnitudes here.
fn pyhrv(raw: &[f64], time: &TimeFeatures) -> Value {
    let steps: Vec<f64> = raw.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect();
    json!({
        "rmssd": time.rmssd_ms,
        "pnn50": time.pnn50,
        "sdnn": time.sdnn_ms,
        "sdsd": adjacent(&steps).and_then(|steps| steps.sdnn_ms),
        "sd1": time.sd1_ms.map(|sd1| sd1 * of_population(time.n_diff)),
        "sd2": sd2_of_sums(raw).map(|sd2| sd2 * of_population(time.n_diff)),
    })
}

/// The plot's length as the deviation of sums of neighbours, where the identity with the other
/// deviations is used here: the two differ by what the first and last interval weigh.
fn sd2_of_sums(raw: &[f64]) -> Option<f64> {
    let sums: Vec<f64> = raw.windows(2).map(|pair| pair[0] + pair[1]).collect();
    adjacent(&sums)?.sdnn_ms.map(|sd| sd / std::f64::consts::SQRT_2)
}

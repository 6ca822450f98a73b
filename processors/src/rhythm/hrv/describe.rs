//! The features of heart rate variability, in words.

use crate::rhythm::feature::Feature;

const RECORDING: &str = "any stretch; by default 5 minutes";
const WINDOW: &str = "5 minutes, once complete";
const TASK_FORCE: &str = "Task Force of ESC and NASPE 1996";
const TIME_PACKAGES: &str = "NeuroKit2 0.2.13, hrv-analysis 1.0.5, pyhrv 0.5.0";
const CLOSE: &str = "relative 1e-9";
const SPECTRAL: &str = "relative 1e-6";
const ARTEFACTS: &str =
    "more than 5 % of the window's intervals dropped, or less than 60 % covered";
const STATIONARY: &str =
    "more than 2 % dropped, a gap of more than 5 s, or a rate that drifts through the window";
const DESCRIPTIVE: &str =
    "as for the powers; it is a ratio of powers and no balance of two nervous systems";

/// Every feature of this module.
pub const FEATURES: &[Feature] = &[
    time("mean_nn_ms", "ms", "Mean interval between normal beats.", "sum(NN) / n"),
    time("median_nn_ms", "ms", "Median interval between normal beats.", "middle of the sorted NN"),
    time("min_nn_ms", "ms", "Shortest interval between normal beats.", "min(NN)"),
    time("max_nn_ms", "ms", "Longest interval between normal beats.", "max(NN)"),
    time("sdnn_ms", "ms", "Spread of the intervals from all causes.", "SD(NN), n - 1"),
    time(
        "rmssd_ms",
        "ms",
        "Beat-to-beat variability, mostly of vagal origin.",
        "sqrt(mean(d^2)), d = differences of adjacent NN",
    ),
    time("sdsd_ms", "ms", "Spread of the differences of adjacent intervals.", "SD(d), n - 1"),
    time("nn50", "1", "Differences of more than 50 ms.", "count(|d| > 50)"),
    time("nn20", "1", "Differences of more than 20 ms.", "count(|d| > 20)"),
    time("pnn50", "%", "Share of differences of more than 50 ms.", "100 nn50 / count(d)"),
    time("pnn20", "%", "Share of differences of more than 20 ms.", "100 nn20 / count(d)"),
    time("mean_hr", "1/min", "Mean of the rates of single beats.", "mean(60000 / NN)"),
    time("hr_of_mean_nn", "1/min", "Beats per minute.", "60000 / mean(NN)"),
    time("cvnn", "1", "Spread of the intervals relative to their mean.", "SDNN / mean(NN)"),
    poincare("sd1_ms", "ms", "Width of the Poincare plot: beat-to-beat spread.", "SDSD / sqrt(2)"),
    poincare(
        "sd2_ms",
        "ms",
        "Length of the Poincare plot: slower spread.",
        "sqrt(2 SDNN^2 - SD1^2)",
    ),
    poincare("sd1_sd2", "1", "Width over length of the Poincare plot.", "SD1 / SD2"),
    long_term(
        "sdann_ms",
        "Spread between 5-minute windows: variability slower than they are.",
        "SD(window means), n - 1",
    ),
    long_term("sdnni_ms", "Mean spread within 5-minute windows.", "mean(window SDNN)"),
    welch("welch_vlf", "ms^2", "Power from 0.003 to 0.04 Hz.", STATIONARY),
    welch("welch_lf", "ms^2", "Power from 0.04 to 0.15 Hz.", STATIONARY),
    welch("welch_hf", "ms^2", "Power from 0.15 to 0.4 Hz, where breathing shows.", STATIONARY),
    welch("welch_total", "ms^2", "Power from 0.003 to 0.4 Hz.", STATIONARY),
    welch("welch_lf_hf", "1", "Low-frequency over high-frequency power.", DESCRIPTIVE),
    welch("welch_lf_nu", "%", "Low-frequency share of LF and HF.", DESCRIPTIVE),
    welch("welch_hf_nu", "%", "High-frequency share of LF and HF.", DESCRIPTIVE),
    lomb("lomb_vlf", "ms^2 Hz N/4", "Power from 0.003 to 0.04 Hz.", STATIONARY),
    lomb("lomb_lf", "ms^2 Hz N/4", "Power from 0.04 to 0.15 Hz.", STATIONARY),
    lomb("lomb_hf", "ms^2 Hz N/4", "Power from 0.15 to 0.4 Hz.", STATIONARY),
    lomb("lomb_total", "ms^2 Hz N/4", "Power from 0.003 to 0.4 Hz.", STATIONARY),
    lomb("lomb_lf_hf", "1", "Low-frequency over high-frequency power.", DESCRIPTIVE),
    lomb("lomb_lf_nu", "%", "Low-frequency share of LF and HF.", DESCRIPTIVE),
    lomb("lomb_hf_nu", "%", "High-frequency share of LF and HF.", DESCRIPTIVE),
    Feature {
        name: "sample_entropy",
        unit: "1",
        meaning: "How seldom similar stretches of two intervals go on alike.",
        formula: "-ln(A / B); templates of 2, Chebyshev distance <= 0.2 SD(NN), no self-matches",
        window: WINDOW,
        source: "Richman and Moorman 2000",
        reference: "NeuroKit2 0.2.13, hrv-analysis 1.0.5, nolds 0.6.1, antropy 0.2.3",
        tolerance: "counts exact, value absolute 1e-12",
        distrust: "fewer than 200 intervals, artefacts left in, or a trend that widens SD(NN)",
    },
    Feature {
        name: "dfa_alpha1",
        unit: "1",
        meaning: "Short-term scaling exponent: 0.5 without memory, 1.5 for a random walk.",
        formula: "slope of log10 F(n) on log10 n; boxes n = 4..16, no overlap, lines removed",
        window: "5 minutes, once complete; 64 intervals at least",
        source: "Peng 1995",
        reference: "nolds 0.6.1",
        tolerance: "absolute 1e-8",
        distrust: "ectopic beats: each pulls the exponent towards 0.5",
    },
    artefact("ectopic", "Beats that came early or late while their neighbours make up for it."),
    artefact("missed", "Beats before which one was not detected."),
    artefact("extra", "Detections that are no beats."),
    artefact("long_short", "Beats whose interval is too long or too short."),
    quality("coverage_s", "s", "Time that kept intervals cover.", "sum(NN) / 1000", CLOSE),
    quality(
        "artefact_fraction",
        "1",
        "Share of the intervals that were dropped.",
        "1 - kept / all; kept: 300 to 2000 ms, within 20 % of the last kept, 5 drops in a row",
        CLOSE,
    ),
    quality(
        "usable",
        "1",
        "Whether the window may be read for the time and for the frequency domain.",
        "60 % covered; 5 % dropped at most; for frequency 2 % and no gap above 5 s",
        "exact",
    ),
];

/// What the features of the time domain have in common.
const TIME: Feature = Feature {
    name: "",
    unit: "ms",
    meaning: "",
    formula: "",
    window: RECORDING,
    source: TASK_FORCE,
    reference: TIME_PACKAGES,
    tolerance: CLOSE,
    distrust: ARTEFACTS,
};

const fn time(
    name: &'static str,
    unit: &'static str,
    meaning: &'static str,
    formula: &'static str,
) -> Feature {
    Feature { name, unit, meaning, formula, ..TIME }
}

const fn poincare(
    name: &'static str,
    unit: &'static str,
    meaning: &'static str,
    formula: &'static str,
) -> Feature {
    let reference = "hrv-analysis 1.0.5";
    Feature { name, unit, meaning, formula, source: "Brennan 2001", reference, ..TIME }
}

const fn long_term(name: &'static str, meaning: &'static str, formula: &'static str) -> Feature {
    let window = "all 5-minute windows of a recording with 100 intervals or more";
    let reference = "the definition, in NumPy";
    let distrust = "recordings much shorter than 24 hours, or of different lengths";
    Feature { name, meaning, formula, window, reference, distrust, ..TIME }
}

const fn welch(
    name: &'static str,
    unit: &'static str,
    meaning: &'static str,
    distrust: &'static str,
) -> Feature {
    let formula = "linear at 4 Hz, Hann 256, half overlap, mean removed, padded to 4096, trapezoid";
    let source = "Welch 1967; Task Force of ESC and NASPE 1996";
    let (window, reference, tolerance) = (WINDOW, "hrv-analysis 1.0.5 (SciPy)", SPECTRAL);
    Feature { name, unit, meaning, formula, window, source, reference, tolerance, distrust }
}

const fn lomb(
    name: &'static str,
    unit: &'static str,
    meaning: &'static str,
    distrust: &'static str,
) -> Feature {
    let formula = "least squares of sine and constant at each 1/(5 T) from 0.003 Hz, trapezoid; a day \
                   tells them times 2 T / N, in ms^2";
    let source = "Lomb 1976; Scargle 1982; Zechmeister and Kuerster 2009";
    let (window, reference, tolerance) = (WINDOW, "astropy 8.0.2", SPECTRAL);
    Feature { name, unit, meaning, formula, window, source, reference, tolerance, distrust }
}

const fn artefact(name: &'static str, meaning: &'static str) -> Feature {
    Feature {
        name,
        unit: "beats",
        meaning,
        formula: "differences and deviations from an 11-beat median against 5.2 quartile \
                  deviations of 91 beats; c1 0.13, c2 0.17",
        window: "50 beats before and 51 after each",
        source: "Lipponen and Tarvainen 2019",
        reference: "NeuroKit2 0.2.13 signal_fixpeaks('Kubios')",
        tolerance: "exact; a stream may differ in the first 46 beats",
        distrust: "atrial fibrillation and frequent ectopy, which widen the limits themselves",
    }
}

const fn quality(
    name: &'static str,
    unit: &'static str,
    meaning: &'static str,
    formula: &'static str,
    tolerance: &'static str,
) -> Feature {
    let (window, source) = ("5 minutes", "Task Force of ESC and NASPE 1996; Sheridan 2020");
    let (reference, distrust) = ("the rule itself", "beat times coarser than 1 s");
    Feature { name, unit, meaning, formula, window, source, reference, tolerance, distrust }
}

//! What the documentation says of the features of a day's light.

use crate::rhythm::feature::Feature;

const LIGHT: &str = "A wrist under a sleeve sees the dark; photopic lux is not melanopic.";
const LOGGER: &str = "LightLogR 0.10.0";

const fn timing(name: &'static str, meaning: &'static str, formula: &'static str) -> Feature {
    Feature {
        name,
        unit: "h of the local day",
        meaning,
        formula,
        window: "local day",
        source: "Brown 2022; Reid 2014",
        reference: LOGGER,
        tolerance: "1e-6 h",
        distrust: LIGHT,
    }
}

const fn stability(
    name: &'static str,
    meaning: &'static str,
    formula: &'static str,
    source: &'static str,
) -> Feature {
    Feature {
        name,
        unit: "1",
        meaning,
        formula,
        window: "at most 28 days of hours, each with at least 30 minutes of light",
        source,
        reference: "batch formula; LightLogR 0.10.0, which takes hours with any sample",
        tolerance: "1e-9",
        distrust: "Fewer than five days, or light that does not vary.",
    }
}

/// The features of a day's light.
pub const FEATURES: &[Feature] = &[
    Feature {
        name: "tat_min",
        unit: "min",
        meaning: "How long it was at least as bright as the threshold: 10, 250 or 1000 lux.",
        formula: "number of samples at or above it, times the epoch",
        window: "local day",
        source: "Brown 2022",
        reference: LOGGER,
        tolerance: "1e-6 min",
        distrust: LIGHT,
    },
    timing(
        "mlit_h",
        "When it was bright, on average.",
        "mean time of day of the samples at or above the threshold",
    ),
    timing(
        "flit_h",
        "When it was first bright.",
        "time of day of the first sample at or above the threshold",
    ),
    timing(
        "llit_h",
        "When it was last bright.",
        "time of day of the last sample at or above the threshold",
    ),
    Feature {
        name: "dose_lux_h",
        unit: "lux h",
        meaning: "All the light of a day.",
        formula: "sum of the samples, times the epoch",
        window: "local day",
        source: "Hartmeyer 2022",
        reference: "batch formula",
        tolerance: "relative 1e-9",
        distrust: "Minutes are missing, or minutes in the sun outweigh the rest of the day.",
    },
    Feature {
        name: "mean_lux",
        unit: "lux",
        meaning: "Mean light of a day.",
        formula: "mean of the samples",
        window: "local day",
        source: "Hartmeyer 2022",
        reference: "batch formula",
        tolerance: "relative 1e-9",
        distrust: "Minutes in the sun outweigh the rest: prefer the logarithmic mean.",
    },
    Feature {
        name: "log10_mean_plus1",
        unit: "log10 lux",
        meaning: "Mean light of a day as the eye weighs it.",
        formula: "mean of log10(lux + 1)",
        window: "local day",
        source: "Hartmeyer 2022",
        reference: "batch formula",
        tolerance: "1e-9",
        distrust: LIGHT,
    },
    stability(
        "is",
        "How alike the light of the days is.",
        "n sum_h (xh - x)^2 / (24 sum_i (xi - x)^2) of hourly means",
        "Witting 1990; Van Someren 1999",
    ),
    stability(
        "iv",
        "How broken up the light of a day is.",
        "(sum d^2 / pairs) / (sum (xi - x)^2 / n), d between adjacent hours",
        "Witting 1990",
    ),
];

//! What the documentation says of circadian phase.

use crate::rhythm::feature::Feature;

const MODELS: &str = "Forger 1999; Jewett and Kronauer 1999; Hannay 2019";
const PACKAGE: &str = "circadian 1.0.3";
const EARLY: &str = "Before five days of light, after a day without, or in shift work, blindness \
                     and disorders of phase. The models lie up to four hours apart.";

/// The features of circadian phase.
pub const FEATURES: &[Feature] = &[
    Feature {
        name: "phase_rad",
        unit: "rad",
        meaning: "Where in its cycle the body clock is; pi is the minimum of temperature.",
        formula: "atan2(-xc, x), or the phase of the (ventral) population",
        window: "from the first local midnight",
        source: MODELS,
        reference: PACKAGE,
        tolerance: "1e-6 rad; states 1e-7",
        distrust: EARLY,
    },
    Feature {
        name: "amplitude",
        unit: "1",
        meaning: "How strong the rhythm of the body clock is.",
        formula: "hypot(x, xc), or the order of the (ventral) population",
        window: "from the first local midnight",
        source: MODELS,
        reference: PACKAGE,
        tolerance: "1e-6",
        distrust: EARLY,
    },
    Feature {
        name: "cbtmin_clock_h",
        unit: "h",
        meaning: "When core body temperature is lowest.",
        formula: "minute of the trough of x or cos(phase); 0.8 h later in Jewett's model",
        window: "a day",
        source: MODELS,
        reference: PACKAGE,
        tolerance: "1 min",
        distrust: EARLY,
    },
    Feature {
        name: "dlmo_clock_h",
        unit: "h",
        meaning: "When melatonin rises in dim light, the beginning of the body night.",
        formula: "cbtmin_clock_h - 7; half width max(1.5 h, |Hannay19 - Forger99|)",
        window: "a day, after five days of light",
        source: MODELS,
        reference: PACKAGE,
        tolerance: "1 min",
        distrust: EARLY,
    },
    Feature {
        name: "esri",
        unit: "1",
        meaning: "How far four days of light would entrain a clock without a rhythm of its own.",
        formula: "amplitude of Hannay's single population with K = gamma = 0, from 0.1, after \
                  5759 min",
        window: "4 days from each local midnight",
        source: "Moreno 2023",
        reference: PACKAGE,
        tolerance: "1e-6",
        distrust: "Light is missing: what is held over a gap is regular by construction.",
    },
];

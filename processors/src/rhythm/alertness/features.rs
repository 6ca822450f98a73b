//! What the features of alertness are, in words.

use super::super::feature::Feature;

const THREE_PROCESS: Feature = Feature {
    name: "s",
    unit: "1",
    meaning: "Homeostatic alertness: high after sleep, falling while awake.",
    formula: "awake: 2.4 + (S - 2.4) exp(-0.0353 h); asleep: linear to 12.2, then \
              14.3 - (14.3 - S) exp(-0.3814 h)",
    window: "all sleep told so far",
    source: "Ingre 2014",
    reference: "FIPS 0.2.1",
    tolerance: "1e-8",
    distrust: "the first three days of a person, whose starting value is a guess",
};

const TWO_PROCESS: Feature = Feature {
    name: "h",
    unit: "1",
    meaning: "Sleep pressure, 0 to 1: rising awake, falling asleep.",
    formula: "awake: 1 - (1 - S) exp(-h / 18.2); asleep: S exp(-h / 4.2)",
    window: "all sleep told so far",
    source: "Borbély 1982; Daan 1984",
    reference: "closed form in 64-bit floats",
    tolerance: "1e-8",
    distrust: "the first three days of a person; time constants are of young adults",
};

/// The features of this module.
pub const FEATURES: &[Feature] = &[
    THREE_PROCESS,
    Feature {
        name: "c",
        meaning: "Circadian alertness, highest at 16:48 on the local clock.",
        formula: "2.5 cos(2 pi / 24 (t - 16.8))",
        window: "an instant",
        distrust: "shift work, jet lag and strong chronotypes: it follows the clock, not the body",
        ..THREE_PROCESS
    },
    Feature {
        name: "u",
        meaning: "Twelve-hour alertness, with the dip of the early afternoon.",
        formula: "-0.5 + 0.5 cos(2 pi / 12 (t - 19.8))",
        window: "an instant",
        distrust: "shift work, jet lag and strong chronotypes: it follows the clock, not the body",
        ..THREE_PROCESS
    },
    Feature {
        name: "w",
        meaning: "Sleep inertia after waking; 0 asleep.",
        formula: "-5.72 exp(-1.51 h awake)",
        window: "since waking",
        distrust: "the first stretch of a person, which counts as a waking",
        ..THREE_PROCESS
    },
    Feature {
        name: "kss",
        unit: "KSS",
        meaning: "Predicted Karolinska sleepiness, 1 (very alert) to 9 (fighting sleep).",
        formula: "10.6 - 0.6 (S + C + U + W)",
        tolerance: "1e-7",
        distrust: "one person on one day: it holds within about 1 unit for groups",
        ..THREE_PROCESS
    },
    TWO_PROCESS,
    Feature {
        name: "process_c",
        meaning: "Circadian process of the two-process model, a skewed sine.",
        formula: "sum of a_k sin(2 pi k / 24 (t - phase)), a = 0.97, 0.22, 0.07, 0.03, 0.001",
        window: "an instant",
        source: "Daan 1984",
        distrust: "an unknown phase: it is given, not estimated",
        ..TWO_PROCESS
    },
    Feature {
        name: "next_intervention",
        unit: "ms",
        meaning: "When to reach the person next: before sleepiness, else a circadian anchor.",
        formula: "first minute awake at KSS 7 less 30 min, else light window or 2 h before sleep; \
                  outside sleep and quiet hours, 90 min after the last",
        window: "24 h ahead",
        source: "design choice on Ingre 2014; Khalsa 2003 for light",
        reference: "none",
        tolerance: "a minute",
        distrust: "sleep that does not come as predicted",
    },
];

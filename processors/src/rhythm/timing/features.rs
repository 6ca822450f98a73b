//! What the features of sleep timing are, in words.

use super::super::feature::Feature;

const MIDSLEEP: Feature = Feature {
    name: "midsleep_h",
    unit: "h",
    meaning: "Clock time halfway between falling asleep and waking.",
    formula: "(onset + wake) / 2 on the local clock",
    window: "a night",
    source: "Roenneberg 2012, 2019",
    reference: "batch formula in 64-bit floats",
    tolerance: "1e-6 h",
    distrust: "naps reported as nights; diaries are rounded, often to 5 min or more",
};

const ALL_NIGHTS: Feature = Feature { window: "the last 28 nights", ..MIDSLEEP };

/// The features of this module.
pub const FEATURES: &[Feature] = &[
    MIDSLEEP,
    Feature {
        name: "duration_h",
        meaning: "Time from falling asleep to waking, waking in between included.",
        formula: "wake - onset",
        ..MIDSLEEP
    },
    Feature {
        name: "msw_h",
        meaning: "Midsleep on work days.",
        formula: "circular mean of midsleep, nights before work days",
        distrust: "fewer than 4 such nights; unusual working hours without marked free days",
        ..ALL_NIGHTS
    },
    Feature {
        name: "msf_h",
        meaning: "Midsleep on free days.",
        formula: "circular mean of midsleep, nights before free days",
        distrust: "fewer than 4 such nights; an alarm clock on free days",
        ..ALL_NIGHTS
    },
    Feature {
        name: "sdw_h",
        meaning: "Mean sleep before work days.",
        formula: "mean duration, nights before work days",
        ..ALL_NIGHTS
    },
    Feature {
        name: "sdf_h",
        meaning: "Mean sleep before free days.",
        formula: "mean duration, nights before free days",
        ..ALL_NIGHTS
    },
    Feature {
        name: "sdweek_h",
        meaning: "Mean sleep of all nights.",
        formula: "mean duration",
        distrust: "nights missing more often on one kind of day than on the other",
        ..ALL_NIGHTS
    },
    Feature {
        name: "msfsc_h",
        meaning: "Chronotype: midsleep on free days without the sleep that is made up for.",
        formula: "MSF - 0.5 max(SDf - SDweek, 0)",
        distrust: "fewer than 4 free days; an alarm clock on free days",
        ..ALL_NIGHTS
    },
    Feature {
        name: "social_jetlag_h",
        meaning: "Distance on the clock between the midsleeps of free and of work days.",
        formula: "circular |MSF - MSW|; the signed value is positive if free days are later",
        distrust: "fewer than 4 days of either kind; shift work",
        ..ALL_NIGHTS
    },
    Feature {
        name: "midsleep_sd_min",
        unit: "min",
        meaning: "Spread of midsleep from night to night.",
        formula: "standard deviation (n - 1) of midsleep around its circular mean",
        tolerance: "1e-6 min",
        distrust: "fewer than 7 nights; midsleep all around the clock",
        ..ALL_NIGHTS
    },
    Feature {
        name: "sri",
        unit: "1",
        meaning: "Sleep regularity index: 100 the same every day, 0 by chance.",
        formula: "200 P(state(t) = state(t + 24 h)) - 100 over minutes with both known",
        source: "Phillips 2017",
        tolerance: "1e-9",
        distrust: "fewer than 5 days; never compare a diary's with a scorer's or a device's",
        ..ALL_NIGHTS
    },
];

//! What the composite and its parts are, in words.

use super::super::feature::Feature;

const VITALITY: Feature = Feature {
    name: "vitality",
    unit: "1",
    meaning: "A transparent composite of alertness, heart, regularity, sleep and light, 0 to 1.",
    formula: "sum(w c) / sum(w) over the parts that are known; none below 0.40 of the weight",
    window: "7 days before the query",
    source: "design choice: no published index exists",
    reference: "worked cases",
    tolerance: "1e-9",
    distrust: "always, as a clinical value; low confidence; comparisons between people",
};

/// The features of this module.
pub const FEATURES: &[Feature] = &[
    VITALITY,
    Feature {
        name: "confidence",
        meaning: "How much of the composite the data carry, 0 to 1.",
        formula: "available weight x coverage",
        distrust: "it counts data, not whether they are right",
        ..VITALITY
    },
    Feature {
        name: "alertness",
        meaning: "Predicted alertness at the query; weight 0.40.",
        formula: "(9 - KSS) / 8",
        window: "an instant",
        source: "Ingre 2014",
        distrust: "sleep that is not known, for which the usual one stands",
        ..VITALITY
    },
    Feature {
        name: "hrv",
        meaning: "ln RMSSD of the week against the person's own baseline; weight 0.20.",
        formula: "normal distribution function of z = (7-day mean - baseline mean) / SD, |z| <= 3",
        window: "7 days against the 14 to 60 nights before them",
        source: "Plews 2013; Buchheit 2014",
        distrust: "a change of device, illness, alcohol, or windows that failed the quality gate",
        ..VITALITY
    },
    Feature {
        name: "regularity",
        meaning: "Regularity of sleep and activity; weight 0.20.",
        formula: "0.5 SRI / 100 + 0.25 IS + 0.25 RA, over those known",
        window: "5 to 7 days of worn minutes",
        source: "Windred 2024; Lyall 2018; Van Someren 1999",
        distrust: "SRI differs between scorers by up to 38 points on one recording",
        ..VITALITY
    },
    Feature {
        name: "sleep",
        meaning: "Sleep against need; weight 0.15.",
        formula: "1 - sum of nightly deficits / (2 h x nights)",
        window: "7 nights",
        source: "Van Dongen 2003; Watson 2015",
        distrust: "a need that was assumed; diaries overstate sleep",
        ..VITALITY
    },
    Feature {
        name: "light",
        meaning: "Bright days, dim evenings, dark nights; weight 0.05.",
        formula: "mean of day share >= 250 lx (a half counts in full), evening <= 10, night <= 1",
        source: "Brown 2022",
        distrust: "photopic lux of a wrist, which is not melanopic light at the eye",
        ..VITALITY
    },
    Feature {
        name: "energy",
        meaning: "Low, moderate or high energy from predicted sleepiness.",
        formula: "low from KSS 7, high to 4; either ends half a point beyond",
        window: "an instant, and the state before",
        source: "Åkerstedt & Gillberg 1990",
        tolerance: "exact",
        distrust: "as sleepiness",
        ..VITALITY
    },
    Feature {
        name: "risks",
        meaning: "What stands out; the level counts it.",
        formula: "KSS >= 8; mean sleep < 5 h; heart z < -1.5 on 3 days; SRI < 40; resting HR +10",
        tolerance: "exact",
        distrust: "as a diagnosis: it is none",
        ..VITALITY
    },
];

//! What signs are judged by: from the first of two values on yellow, from the second on red.

/// A sign's thresholds: yellow from, red from.
pub type Thresholds = (f64, f64);

/// Chance of shares, rates or explorations as far from what is expected: yellow below, red below.
pub const CHANCE: Thresholds = (0.01, 1e-6);
/// How far from 1 a logged distribution may add up.
pub const MASS: Thresholds = (1e-6, 0.001);
/// Least propensity of a chosen arm: yellow below, red below. The greatest weight of an off-policy
/// estimate is its inverse.
pub const PROPENSITY: Thresholds = (0.002, 0.001);
/// Share of decisions in which nothing but doing nothing was eligible.
pub const FALLBACK: Thresholds = (0.9, 0.98);
/// Share of outcomes that never came.
pub const MISSING: Thresholds = (0.2, 0.5);
/// Distance between the arms' shares of missing outcomes, where it is no chance.
pub const MISSING_SPREAD: Thresholds = (0.05, 0.2);
/// The 95 % point of feedback's delay, as a share of the window in which it counts.
pub const DELAY: Thresholds = (0.5, 0.9);
/// The 95 % point of the age of the analysed hour at its decision, minutes. An hour is sealed an hour
/// after its end, and from two hours on nothing is decided.
pub const AGE_MIN: Thresholds = (75.0, 110.0);
/// Standardised mean difference of a feature.
pub const MEAN: Thresholds = (0.25, 0.5);
/// Population stability index of a feature.
pub const STABILITY: Thresholds = (0.1, 0.25);

/// Decisions below which nothing is judged.
pub const DECISIONS_MIN: u64 = 100;
/// Decisions before the newest week, and within it, below which drift is not judged.
pub const DRIFT_MIN: u64 = 200;
/// Expected decisions, or outcomes, that an arm needs in order to be in a chi-square.
pub const EXPECTED_MIN: f64 = 5.0;

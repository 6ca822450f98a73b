//! The context of a decision as numbers: a versioned transform with frozen constants.
//!
//! Scaling decides what alpha and lambda mean, so nothing here is estimated from data: a constant
//! changes only together with [`FEATURE_VERSION`]. Each feature is centred so that 0 is the
//! unremarkable value, and a missing input gives 0; it is then put on the grid 2^-12 and clipped
//! to ±8 by [`crate::exact::feature`].
//!
//! | # | feature | value |
//! |---|---|---|
//! | 0 | bias | 1 |
//! | 1 | time of day | sin(2 pi m / 1440), m the local minute |
//! | 2 | time of day | cos(2 pi m / 1440) |
//! | 3 | sleepiness | (KSS - 5) / 2 |
//! | 4 | vitality | 4 (v - 0.5) |
//! | 5 | regularity | 4 (s - 0.5) |
//! | 6 | recent movement | log2((a + 1) / (m + 1)) / 2, within ±2 |
//! | 7 | recent light | l - 2 |
//! | 8 | since last intervention | (h - 12) / 12, h within 0 to 24 hours |
//! | 9 | weekend | 1 on local Saturday and Sunday, else 0 |
//!
//! - KSS: 5 is the middle of the Karolinska scale 1 to 9, and 7, two steps above it, is "sleepy".
//! - v is vitality, 0 to 1, so that its ends map to ±2. So is s: interdaily stability of worn
//!   minutes, else of all, else of the hourly series, else relative amplitude in that order.
//! - a is the last hour's mean movement, m the window's MESOR in the same order. The 1 is one unit
//!   of the signal and keeps quiet people finite; two doublings make one step.
//! - l is the last hour's mean of log10(lux + 1); 2 is about 100 lux, a lit room.
//! - h: no intervention so far counts as 24 hours.

use core::f64::consts::TAU;

use zeitgeber_schemas::{MinuteRhythm, RhythmAnalysed};

use crate::{
    exact,
    ledger::{DAY_MIN, LocalTime},
};

/// Version of the transform, logged with every decision.
pub const FEATURE_VERSION: u32 = 1;

/// Number of features.
pub const DIMENSION: usize = 10;

const HOUR_MS: f64 = 3_600_000.0;
const KSS_CENTRE: f64 = 5.0;
const KSS_SCALE: f64 = 2.0;
const SHARE_CENTRE: f64 = 0.5;
const SHARE_SCALE: f64 = 4.0;
const MOVEMENT_SOFT: f64 = 1.0;
const MOVEMENT_DOUBLINGS: f64 = 2.0;
const MOVEMENT_BOUND: f64 = 2.0;
const LIGHT_CENTRE: f64 = 2.0;
const SINCE_CENTRE_H: f64 = 12.0;
const SINCE_MOST_H: f64 = 24.0;

/// The features of a decision at `local` time, on the grid 2^-12, in the table's order.
/// `since_last_ms`: time since the last intervention; none: there was none.
pub fn features(
    analysis: &RhythmAnalysed,
    local: LocalTime,
    since_last_ms: Option<i64>,
) -> [i32; DIMENSION] {
    let angle = TAU * f64::from(local.minute) / f64::from(DAY_MIN);
    let scaled_share = |share: f64| SHARE_SCALE * (share - SHARE_CENTRE);
    [
        1.0,
        libm::sin(angle),
        libm::cos(angle),
        (analysis.kss - KSS_CENTRE) / KSS_SCALE,
        analysis.composite.vitality.map_or(0.0, scaled_share),
        regularity(analysis).map_or(0.0, scaled_share),
        movement(analysis).unwrap_or(0.0),
        analysis.recent_light.map_or(0.0, |light| light - LIGHT_CENTRE),
        since_last(since_last_ms),
        if is_weekend(local.day) { 1.0 } else { 0.0 },
    ]
    .map(exact::feature)
}

fn regularity(analysis: &RhythmAnalysed) -> Option<f64> {
    let minutes = [&analysis.wear_minutes, &analysis.all_minutes];
    let of_minutes =
        |value: fn(&MinuteRhythm) -> Option<f64>| minutes.into_iter().flatten().find_map(value);
    of_minutes(|rhythm| rhythm.is)
        .or_else(|| analysis.hourly.as_ref().and_then(|hourly| hourly.is))
        .or_else(|| of_minutes(|rhythm| rhythm.ra))
}

fn movement(analysis: &RhythmAnalysed) -> Option<f64> {
    let minutes = [&analysis.wear_minutes, &analysis.all_minutes];
    let usual = minutes
        .into_iter()
        .flatten()
        .find_map(|rhythm| rhythm.mesor)
        .or_else(|| analysis.hourly.as_ref().and_then(|hourly| hourly.mesor))?;
    let soft = |value: f64| value.max(0.0) + MOVEMENT_SOFT;
    let doublings = libm::log2(soft(analysis.recent_activity?) / soft(usual));
    Some((doublings / MOVEMENT_DOUBLINGS).clamp(-MOVEMENT_BOUND, MOVEMENT_BOUND))
}

fn since_last(since_last_ms: Option<i64>) -> f64 {
    let hours = since_last_ms.map_or(SINCE_MOST_H, |ms| ms as f64 / HOUR_MS);
    (hours.clamp(0.0, SINCE_MOST_H) - SINCE_CENTRE_H) / SINCE_CENTRE_H
}

/// 1970-01-01 was a Thursday; Saturday is two days on.
const fn is_weekend(day: i64) -> bool {
    matches!(day.rem_euclid(7), 2 | 3)
}

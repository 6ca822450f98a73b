//! Vitality: a transparent composite of parts, weights and confidence. Not a diagnosis.
//!
//! No published index exists; the literature supports the parts, not their sum. A part that could
//! not be computed is reported missing and its weight is left out; it is never filled in.

mod features;
mod nights;

use core::f64::consts::FRAC_1_SQRT_2;

use alloc::{string::String, vec::Vec};

use zeitgeber_schemas::{Composite, EnergyState, Part, PartName};

pub use self::{features::FEATURES, nights::HeartNights};

/// Least weight that must be available for a composite.
const LEAST_WEIGHT: f64 = 0.40;
/// Room for the rounding of summed weights.
const WEIGHT_SLACK: f64 = 1e-9;
/// Nights that a heart baseline needs.
const BASELINE_NIGHTS: u32 = 14;
/// Days that regularity needs.
const RHYTHM_DAYS: u32 = 5;
/// Share of day readings at the light target that counts in full.
const DAY_LIGHT_SHARE: f64 = 0.5;
/// How far sleepiness must come back before low or high energy ends, KSS.
const HYSTERESIS: f64 = 0.5;

/// What the parts are computed from; absent where it is not known.
#[derive(Debug, Clone, PartialEq)]
pub struct Inputs<'a> {
    /// Predicted sleepiness, KSS 1 to 9.
    pub kss: Option<f64>,
    /// RMSSD against the person's own baseline.
    pub heart: Option<HeartBaseline>,
    /// Days in a row with a heart z below -1.5.
    pub low_heart_days: u32,
    /// Sleep regularity index, -100 to 100.
    pub sri: Option<f64>,
    /// Interdaily stability of worn minutes.
    pub is: Option<f64>,
    /// Relative amplitude of worn minutes.
    pub ra: Option<f64>,
    /// Whole days that SRI, IS and RA stand on.
    pub rhythm_days: u32,
    /// Sleep of up to the last 7 nights, h.
    pub sleep_h: &'a [f64],
    /// Sleep needed, h.
    pub need_h: f64,
    /// Shares of day, evening and night readings that met their light target.
    pub light: [Option<f64>; 3],
    /// Rise of resting heart rate over its baseline, beats per minute.
    pub resting_rise_bpm: Option<f64>,
    /// Share of the window with data, 0 to 1.
    pub coverage: f64,
}

/// ln RMSSD of the last 7 days against 14 to 60 nights (Plews 2013, Buchheit 2014).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HeartBaseline {
    /// Mean ln RMSSD of the last 7 days.
    pub ln_rmssd_7d: f64,
    /// Mean of the baseline.
    pub mean: f64,
    /// Standard deviation of the baseline.
    pub sd: f64,
    /// Nights of the baseline.
    pub nights: u32,
}

/// How many risks stand, in three steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RiskLevel {
    /// None.
    Normal,
    /// One.
    Elevated,
    /// Two, or predicted sleepiness of 8 or more.
    High,
}

impl Default for Inputs<'_> {
    /// Nothing known, full coverage, a need of 8 hours.
    fn default() -> Self {
        Self {
            kss: None,
            heart: None,
            low_heart_days: 0,
            sri: None,
            is: None,
            ra: None,
            rhythm_days: 0,
            sleep_h: &[],
            need_h: 8.0,
            light: [None; 3],
            resting_rise_bpm: None,
            coverage: 1.0,
        }
    }
}

/// Puts the parts together. `before` is the energy state an hour earlier.
pub fn composite(inputs: &Inputs<'_>, before: Option<EnergyState>) -> Composite {
    let parts: Vec<Part> = [
        (PartName::Alertness, 0.40, alertness(inputs)),
        (PartName::Hrv, 0.20, heart(inputs)),
        (PartName::Regularity, 0.20, regularity(inputs)),
        (PartName::Sleep, 0.15, sleep(inputs)),
        (PartName::Light, 0.05, light(inputs)),
    ]
    .into_iter()
    .map(|(name, weight, value)| Part { name, weight, value })
    .collect();
    let (mut weight, mut sum) = (0.0, 0.0);
    for part in &parts {
        if let Some(value) = part.value {
            weight += part.weight;
            sum += part.weight * value;
        }
    }
    Composite {
        vitality: (weight >= LEAST_WEIGHT - WEIGHT_SLACK).then(|| sum / weight),
        confidence: weight * inputs.coverage,
        parts,
        energy: inputs.kss.map(|kss| energy(kss, before)),
        risks: risks(inputs),
    }
}

/// Energy from sleepiness: low from KSS 7, high to KSS 4; either state holds for half a point
/// beyond (Åkerstedt & Gillberg 1990 for KSS 7).
pub fn energy(kss: f64, before: Option<EnergyState>) -> EnergyState {
    if kss >= 7.0 || (before == Some(EnergyState::Low) && kss > 7.0 - HYSTERESIS) {
        EnergyState::Low
    } else if kss <= 4.0 || (before == Some(EnergyState::High) && kss < 4.0 + HYSTERESIS) {
        EnergyState::High
    } else {
        EnergyState::Moderate
    }
}

/// The level of a composite's risks.
pub fn risk_level(composite: &Composite) -> RiskLevel {
    match composite.risks.as_slice() {
        [] => RiskLevel::Normal,
        [only] if only != VERY_SLEEPY => RiskLevel::Elevated,
        _ => RiskLevel::High,
    }
}

/// Why there is no composite; none if there is one.
pub fn missing_reason(composite: &Composite) -> Option<&'static str> {
    composite.vitality.is_none().then_some("less than 0.40 of the weight is available")
}

const VERY_SLEEPY: &str = "kss>=8";

fn risks(inputs: &Inputs<'_>) -> Vec<String> {
    let nights = inputs.sleep_h.len() as f64;
    let mean_sleep = inputs.sleep_h.iter().sum::<f64>() / nights;
    [
        (VERY_SLEEPY, inputs.kss.is_some_and(|kss| kss >= 8.0)),
        ("sleep<5h", mean_sleep < 5.0),
        ("hrv_z<-1.5 for 3 days", inputs.low_heart_days >= 3),
        ("SRI<40", inputs.sri.is_some_and(|sri| sri < 40.0)),
        ("resting_hr+10", inputs.resting_rise_bpm.is_some_and(|rise| rise >= 10.0)),
    ]
    .into_iter()
    .filter(|(_, stands)| *stands)
    .map(|(risk, _)| String::from(risk))
    .collect()
}

fn alertness(inputs: &Inputs<'_>) -> Option<f64> {
    inputs.kss.map(|kss| ((9.0 - kss) / 8.0).clamp(0.0, 1.0))
}

/// The normal distribution function of z, clipped to ±3.
fn heart(inputs: &Inputs<'_>) -> Option<f64> {
    let z = inputs.heart?.z()?;
    Some(0.5 * (1.0 + libm::erf(z * FRAC_1_SQRT_2)))
}

/// SRI at half the weight, IS and RA at a quarter each (Windred 2024, Lyall 2018).
fn regularity(inputs: &Inputs<'_>) -> Option<f64> {
    if inputs.rhythm_days < RHYTHM_DAYS {
        return None;
    }
    weighted_mean([(0.5, inputs.sri.map(|sri| sri / 100.0)), (0.25, inputs.is), (0.25, inputs.ra)])
}

/// One less the deficit of the nights against need, at 2 h a night (Van Dongen 2003).
fn sleep(inputs: &Inputs<'_>) -> Option<f64> {
    let deficit: f64 = inputs.sleep_h.iter().map(|hours| (inputs.need_h - hours).max(0.0)).sum();
    let most = 2.0 * inputs.sleep_h.len() as f64;
    (most > 0.0).then(|| (1.0 - deficit / most).clamp(0.0, 1.0))
}

/// Mean of the three shares (Brown 2022). Bright light cannot fill the day: half of the day's
/// readings at the target count in full.
fn light(inputs: &Inputs<'_>) -> Option<f64> {
    let [day, evening, night] = inputs.light;
    let day = day.map(|share| (share / DAY_LIGHT_SHARE).min(1.0));
    weighted_mean([(1.0, day), (1.0, evening), (1.0, night)])
}

/// Mean of the values that are known, clipped to 0 to 1.
fn weighted_mean(values: [(f64, Option<f64>); 3]) -> Option<f64> {
    let (mut weights, mut sum) = (0.0, 0.0);
    for (weight, value) in values {
        if let Some(value) = value {
            weights += weight;
            sum += weight * value;
        }
    }
    (weights > 0.0).then(|| (sum / weights).clamp(0.0, 1.0))
}

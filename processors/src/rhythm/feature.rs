//! What a feature is, in words: the entry that documents it wherever it is shown.
//!
//! A number without its unit, its window and its limits misleads, so each family of features lists
//! them beside the code that computes them.

use serde::Serialize;

use super::{
    acceleration, alertness, cycles, hrv, light_day, noise, phase, sleep, timing, vitality,
};

/// The description of one feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Feature {
    /// Name, as in outputs.
    pub name: &'static str,
    /// Unit; `1` for a plain number.
    pub unit: &'static str,
    /// What it tells, in one sentence.
    pub meaning: &'static str,
    /// How it is computed.
    pub formula: &'static str,
    /// What stretch of time it stands on.
    pub window: &'static str,
    /// The paper that defines it.
    pub source: &'static str,
    /// Package and version that it was compared with.
    pub reference: &'static str,
    /// How closely it agrees with the reference.
    pub tolerance: &'static str,
    /// When not to trust it.
    pub distrust: &'static str,
}

/// Every family of features, with its title.
pub const FAMILIES: [(&str, &[Feature]); 10] = [
    ("Rest and activity", cycles::FEATURES),
    ("Sleep from movement", sleep::FEATURES),
    ("Sleep timing", timing::FEATURES),
    ("Raw acceleration", acceleration::FEATURES),
    ("Heart beats", hrv::FEATURES),
    ("Light", light_day::FEATURES),
    ("Circadian phase", phase::FEATURES),
    ("Alertness", alertness::FEATURES),
    ("Noise", noise::FEATURES),
    ("Vitality", vitality::FEATURES),
];

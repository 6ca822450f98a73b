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

/// What only `zeitgeber analyze` tells, by the titles of [`FAMILIES`]: no event carries it.
const OF_RECORDINGS: [(&str, &[&str]); 3] = [
    ("Noise", &["laeq_db"]),
    ("Raw acceleration", &["angle_z_deg", "norm_mean_g"]),
    (
        "Heart beats",
        &[
            "median_nn_ms",
            "min_nn_ms",
            "max_nn_ms",
            "nn50",
            "nn20",
            "cvnn",
            "sd1_sd2",
            "welch_total",
            "welch_lf_nu",
            "welch_hf_nu",
            "lomb_total",
            "lomb_lf_nu",
            "lomb_hf_nu",
            "coverage_s",
            "usable",
        ],
    ),
];

/// The event of a person's log that carries a feature of a family; none: only `zeitgeber analyze`
/// tells it, of a recording.
pub fn carried_by(title: &str, name: &str) -> Option<&'static str> {
    let of_recordings = OF_RECORDINGS.iter().find(|(of, _)| *of == title);
    if of_recordings.is_some_and(|(_, names)| names.contains(&name)) {
        return None;
    }
    Some(if title == "Vitality" { "rhythm_analysed" } else { "day_analysed" })
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

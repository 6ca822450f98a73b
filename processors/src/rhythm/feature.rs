//! What a feature is, in words: the entry that documents it wherever it is shown.
//!
//! A number without its unit, its window and its limits misleads, so each family of features lists
//! them beside the code that computes them.

use serde::Serialize;

/// The description of one feature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Feature {
    /// Name, as in outputs.
    pub name: &'static str,
    /// Unit; `1` for a plain number.
//! What documentation says of a feature: one descriptor for each value that is given out.

use serde::Serialize;

/// A feature, described.
//! What is told of a feature where its values are shown: a reader must be able to judge a number.

use serde::Serialize;

/// A feature and how it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Feature {
    /// Its name in outputs.
    pub name: &'static str,
    /// Its unit.
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
    /// The span of time that it covers.
    pub window: &'static str,
    /// The paper it comes from.
    pub source: &'static str,
    /// The package and version that it was compared with.
    pub reference: &'static str,
    /// How far it may be from the reference.
    /// Unit of its values.
    pub unit: &'static str,
    /// What it says, in a sentence.
    pub meaning: &'static str,
    /// How it is computed.
    pub formula: &'static str,
    /// What it is computed over.
    pub window: &'static str,
    /// The paper it comes from.
    pub source: &'static str,
    /// Package and version it was compared with.
    pub reference: &'static str,
    /// How closely the two agree.
    pub tolerance: &'static str,
    /// When not to trust it.
    pub distrust: &'static str,
}

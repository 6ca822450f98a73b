//! What is told of a feature where its values are shown: a reader must be able to judge a number.

use serde::Serialize;

/// A feature and how it is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Feature {
    /// Its name in outputs.
    pub name: &'static str,
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

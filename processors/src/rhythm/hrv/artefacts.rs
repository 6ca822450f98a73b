//! Artefacts among beats: ectopic, missed, extra, or too long or short (Lipponen and Tarvainen
//! 2019).

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::classify::Classifier;

/// What is wrong with a beat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Artefact {
    /// It came early or late, and its neighbours make up for it.
    Ectopic,
    /// One before it was not detected.
    Missed,
    /// It is none.
    Extra,
    /// Its interval is too long or too short.
    LongShort,
}

/// The artefacts of a recording, each as places of beats, the first beat being 0, ascending.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Artefacts {
    /// Beats that came early or late.
    pub ectopic: Vec<usize>,
    /// Beats before which one was not detected.
    pub missed: Vec<usize>,
    /// Detections that are no beats.
    pub extra: Vec<usize>,
    /// Beats whose interval is too long or too short.
    pub long_short: Vec<usize>,
}

impl Artefacts {
    /// Classifies a whole recording of finite intervals, ms.
    pub fn of(rr_ms: &[f64]) -> Self {
        Classifier::whole(rr_ms).into_iter().collect()
    }

    /// Artefacts of all classes.
    pub fn len(&self) -> usize {
        self.ectopic.len() + self.missed.len() + self.extra.len() + self.long_short.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl FromIterator<(usize, Artefact)> for Artefacts {
    fn from_iter<I: IntoIterator<Item = (usize, Artefact)>>(decisions: I) -> Self {
        let mut artefacts = Self::default();
        for (beat, artefact) in decisions {
            match artefact {
                Artefact::Ectopic => artefacts.ectopic.push(beat),
                Artefact::Missed => artefacts.missed.push(beat),
                Artefact::Extra => artefacts.extra.push(beat),
                Artefact::LongShort => artefacts.long_short.push(beat),
            }
        }
        artefacts
    }
}

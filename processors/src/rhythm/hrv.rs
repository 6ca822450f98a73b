//! Heart rate variability from RR intervals.
//!
//! A [`Cleaner`] tells intervals between normal beats from the rest, [`TimeDomain`] sums them, and
//! [`Windows`] cuts them into stretches of 5 minutes. What needs a whole window at once is a plain
//! function over its bounded list of intervals: [`Welch`], [`lomb_scargle`], [`sample_entropy`] and
//! [`dfa_alpha1`]; a [`WindowReport`] holds them all. Apart from these, a [`Classifier`] names the
//! artefacts among raw beats, which [`correct`] then repairs. Intervals are in milliseconds
//! everywhere.

mod artefacts;
mod classify;
mod clean;
mod complexity;
mod correct;
mod describe;
mod lomb;
mod report;
mod sliding;
mod spectrum;
mod time;
mod welch;
mod windows;

pub use artefacts::{Artefact, Artefacts};
pub use classify::{Classifier, DECIDED_AFTER};
pub use clean::{Cleaner, Interval, Judgement, Removed};
pub use complexity::{SampleEntropy, TEMPLATE, dfa_alpha1, sample_entropy};
pub use correct::{correct, correct_repeatedly};
pub use describe::FEATURES;
pub use lomb::{lomb_frequencies, lomb_scargle};
pub use report::WindowReport;
pub use spectrum::{BOUNDS_HZ, Bands};
pub use time::{TimeDomain, TimeFeatures, median};
pub use welch::Welch;
pub use windows::{LongTerm, Usable, WINDOW_INTERVALS_MIN, WINDOW_MS, Window, Windows};

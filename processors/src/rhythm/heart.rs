//! RR intervals by the hour: counts, the mean interval and RMSSD. There is no artefact correction
//! here.
//!
//! Differences are taken within a record between neighbouring intervals that were both kept: what
//! a dropped interval hides is not a successive difference (Task Force 1996).

use serde::{Deserialize, Serialize};
use zeitgeber_schemas::{Doubles, HeartSummary};

use super::slots::Sums;
use crate::exact;

/// Sums over records.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Beats {
    records: u64,
    intervals: u64,
    kept: u64,
    differences: u64,
    kept_sum: i128,
    difference_squares: i128,
}

impl Sums for Beats {
    fn add(&mut self, other: &Self) {
        self.records += other.records;
        self.intervals += other.intervals;
        self.kept += other.kept;
        self.differences += other.differences;
        self.kept_sum += other.kept_sum;
        self.difference_squares += other.difference_squares;
    }

    fn subtract(&mut self, other: &Self) {
        self.records -= other.records;
        self.intervals -= other.intervals;
        self.kept -= other.kept;
        self.differences -= other.differences;
        self.kept_sum -= other.kept_sum;
        self.difference_squares -= other.difference_squares;
    }
}

impl Beats {
    /// Sums of one record.
    pub(crate) fn of(rr_ms: Doubles<'_>) -> Self {
        let mut beats = Self { records: 1, intervals: rr_ms.len() as u64, ..Self::default() };
        let mut before = None;
        for interval in rr_ms.iter() {
            let kept = (300.0..=2000.0).contains(&interval).then(|| exact::signal(interval));
            if let Some(kept) = kept {
                beats.kept += 1;
                beats.kept_sum += i128::from(kept);
            }
            if let (Some(kept), Some(before)) = (kept, before) {
                let difference = i128::from(kept - before);
                beats.differences += 1;
                beats.difference_squares += difference * difference;
            }
            before = kept;
        }
        beats
    }

    /// Rate of the mean kept interval on the signal grid, 1/min, and 1; zeros without one.
    pub(crate) fn rate(&self) -> (i64, u32) {
        let mean_ms = self.kept_sum as f64 / exact::SIGNAL_ONE / self.kept as f64;
        if self.kept == 0 { (0, 0) } else { (exact::signal(60_000.0 / mean_ms), 1) }
    }

    /// The features; none without a record.
    pub(crate) fn summary(&self) -> Option<HeartSummary> {
        let scale = exact::SIGNAL_ONE;
        let mean_square =
            self.difference_squares as f64 / (scale * scale) / self.differences as f64;
        (self.records > 0).then(|| HeartSummary {
            accepted_records: self.records,
            intervals: self.intervals,
            intervals_300_2000: self.kept,
            rmssd_ms: (self.differences > 0).then(|| libm::sqrt(mean_square)),
            mean_nn_ms: (self.kept > 0).then(|| self.kept_sum as f64 / scale / self.kept as f64),
        })
    }
}

//! All features of a window at once, as they are given out.

use serde::{Deserialize, Serialize};

use super::{
    complexity::{SampleEntropy, dfa_alpha1, sample_entropy},
    lomb::lomb_scargle,
    spectrum::Bands,
    time::{TimeFeatures, median},
    welch::Welch,
    windows::{Usable, Window},
};

/// The features of a window. `usable` tells which of them to read.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WindowReport {
    /// Place of the window, the one that starts at the origin being 0.
    pub index: i64,
    /// When it starts, ms.
    pub start_ms: f64,
    /// Intervals, kept or not.
    pub raw: u64,
    /// Sum of the kept intervals, s.
    pub coverage_s: f64,
    /// Share of the intervals that were dropped.
    pub artefact_fraction: f64,
    /// Longest time without a kept interval, ms.
    pub longest_gap_ms: f64,
    /// What the window may be read for.
    pub usable: Usable,
    /// Time-domain features.
    pub time: Option<TimeFeatures>,
    /// Median of the kept intervals, ms.
    pub median_nn_ms: Option<f64>,
    /// Powers of the resampled intervals, ms².
    pub welch: Option<Bands>,
    /// Powers of the intervals where they fall, in the unit of [`lomb_scargle`].
    pub lomb: Option<Bands>,
    /// Sample entropy.
    pub sample_entropy: Option<SampleEntropy>,
    /// Short-term scaling exponent.
    pub dfa_alpha1: Option<f64>,
}

impl WindowReport {
    /// Computes every feature of a complete window.
    pub fn of(window: &Window, welch: &Welch) -> Self {
        let nn_ms = window.nn_ms();
        Self {
            index: window.index(),
            start_ms: window.start_ms(),
            raw: window.raw(),
            coverage_s: window.coverage_s(),
            artefact_fraction: window.artefact_fraction(),
            longest_gap_ms: window.longest_gap_ms(),
            usable: window.usable(),
            time: window.time(),
            median_nn_ms: median(nn_ms),
            welch: welch.bands(nn_ms),
            lomb: lomb_scargle(nn_ms),
            sample_entropy: sample_entropy(nn_ms),
            dfa_alpha1: dfa_alpha1(nn_ms),
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::{collections::BTreeSet, format, string::String, vec::Vec};

    use serde_json::Value;

    use super::*;
    use crate::rhythm::hrv::{Cleaner, FEATURES, Interval, Windows};

    /// A report on `beats` intervals, none of which is kept if they last too long.
    fn report(beats: u32, rr_ms: f64) -> WindowReport {
        let mut windows = Windows::by_clock(Cleaner::without_gaps());
        for i in 0..beats {
            let rr_ms = rr_ms + 20.0 * libm::sin(f64::from(i) * 0.7);
            let end_ms = f64::from(i) * 900.0;
            assert_eq!(windows.feed(Interval { end_ms, rr_ms }), None);
        }
        WindowReport::of(&windows.finish().expect("a window is open"), &Welch::new())
    }

    /// Names of the values of a report, those of a group after its name.
    fn names(report: &WindowReport) -> Vec<String> {
        let Ok(Value::Object(fields)) = serde_json::to_value(report) else {
            panic!("a report is an object");
        };
        let mut names = Vec::new();
        for (name, value) in fields {
            match (name.as_str(), value) {
                ("time", Value::Object(inner)) => names.extend(inner.into_iter().map(|(k, _)| k)),
                ("welch" | "lomb", Value::Object(inner)) => {
                    names.extend(inner.into_iter().map(|(k, _)| format!("{name}_{k}")));
                }
                _ => names.push(name),
            }
        }
        names
    }

    #[test]
    fn every_feature_of_a_report_is_described_once() {
        let described: Vec<&str> = FEATURES.iter().map(|feature| feature.name).collect();
        let unique: BTreeSet<&str> = described.iter().copied().collect();
        assert_eq!(unique.len(), described.len());
        let plain = ["index", "start_ms", "raw", "longest_gap_ms", "n", "n_diff"];
        for name in names(&report(300, 900.0)) {
            let known = described.contains(&name.as_str()) || plain.contains(&name.as_str());
            assert!(known, "{name} is not described");
        }
        for feature in FEATURES {
            let Ok(Value::Object(parts)) = serde_json::to_value(feature) else {
                panic!("a description is an object");
            };
            assert!(parts.values().all(|part| part != ""), "{} leaves parts out", feature.name);
        }
    }

    #[test]
    fn a_window_without_a_kept_interval_has_no_features() {
        let report = report(20, 3000.0);
        assert_eq!((report.raw, report.artefact_fraction), (20, 1.0));
        assert_eq!((report.time, report.median_nn_ms, report.dfa_alpha1), (None, None, None));
        assert_eq!((report.welch, report.lomb, report.sample_entropy), (None, None, None));
        assert_eq!(report.usable, Usable { time_domain: false, frequency_domain: false });
    }
}

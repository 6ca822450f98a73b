//! Heart beats: variability of the whole recording and of its windows of 5 minutes.

use serde::Serialize;
use zeitgeber_processors::rhythm::hrv::{
    Classifier, Cleaner, Interval, LongTerm, Removed, TimeDomain, TimeFeatures, Welch,
    WindowReport, Windows,
};

use super::{recording::RecordingError, samples::Samples};

/// Time beyond the interval between two beats that tells of missing ones, ms.
const GAP_MS: f64 = 100.0;

/// What heart beats tell.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Heart {
    /// Intervals.
    pub intervals: u64,
    /// Intervals between normal beats.
    pub kept: u64,
    /// Those that were dropped.
    pub removed: Removed,
    /// Places before which something is missing.
    pub breaks: u64,
    /// Beats that Lipponen and Tarvainen's method calls artefacts.
    pub artefacts: u64,
    /// Time domain of the kept intervals.
    pub time: Option<TimeFeatures>,
    /// Standard deviation of the windows' means, ms.
    pub sdann_ms: Option<f64>,
    /// Mean of the windows' standard deviations, ms.
    pub sdnni_ms: Option<f64>,
    /// Windows of 5 minutes by the clock.
    pub windows: Vec<WindowReport>,
}

pub(super) fn beats(samples: &mut Samples<'_>, timed: bool) -> Result<Heart, RecordingError> {
    // Without times there is nothing that could be missing between two intervals.
    let cleaner = || if timed { Cleaner::with_gaps(GAP_MS) } else { Cleaner::without_gaps() };
    let (welch, mut intervals, mut artefacts) = (Welch::new(), 0, 0);
    let (mut judge, mut time, mut classifier) = (cleaner(), TimeDomain::new(), Classifier::new());
    let (mut cut, mut long_term, mut windows) =
        (Windows::by_clock(cleaner()), LongTerm::default(), Vec::new());
    let mut close = |window| {
        long_term.feed(&window);
        windows.push(WindowReport::of(&window, &welch));
    };
    while let Some(sample) = samples.next()? {
        let Some(rr_ms) = sample.values[0] else { continue };
        if rr_ms <= 0.0 {
            return Err(samples.fault(&sample, format!("an interval of {rr_ms} ms is none")));
        }
        let interval = Interval { end_ms: sample.at_ms, rr_ms };
        intervals += 1;
        time.feed(rr_ms, judge.feed(interval));
        artefacts += classifier.feed(rr_ms).len() as u64;
        cut.feed(interval).into_iter().for_each(&mut close);
    }
    cut.finish().into_iter().for_each(&mut close);
    artefacts += classifier.finish().len() as u64;
    let (sdann_ms, sdnni_ms) = (long_term.sdann_ms(), long_term.sdnni_ms());
    Ok(Heart {
        intervals,
        kept: judge.kept(),
        removed: judge.removed(),
        breaks: judge.breaks(),
        artefacts,
        time: time.value(),
        sdann_ms,
        sdnni_ms,
        windows,
    })
}

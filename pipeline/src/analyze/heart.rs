//! Heart beats: variability of the whole recording and of its windows of 5 minutes.

use serde::Serialize;
use zeitgeber_processors::rhythm::hrv::{
    Classifier, Cleaner, Interval, LongTerm, Removed, TimeDomain, TimeFeatures, Welch,
    WindowReport, Windows,
};

use super::{
    recording::RecordingError,
    samples::{Samples, resolution_ms},
};

/// Time beyond the interval between two beats that tells of missing ones, ms, where times are exact.
const GAP_MS: f64 = 100.0;
const SECOND_MS: f64 = 1_000.0;
/// Times before it are no dates but begin with the recording, ms: March 1973.
const CLOCK_FROM_MS: f64 = 1e11;
/// Times that run so many times faster than intervals are in another unit.
const FASTER: f64 = 100.0;

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
    /// Windows of 5 minutes: by the clock, from the first beat on where there is none.
    pub windows: Vec<WindowReport>,
}

pub(super) fn beats(samples: &mut Samples<'_>) -> Result<Heart, RecordingError> {
    // Times that are sums of intervals are as exact as these.
    let is_timed = samples.shape.time.is_some();
    let first = samples.look()?;
    let resolution_ms = if is_timed { resolution_ms(first) } else { 0.0 };
    let has_clock = first.first().is_some_and(|sample| sample.at_ms >= CLOCK_FROM_MS);
    if let (Some(from), Some(to)) = (first.first(), first.last())
        && first.len() > 1
    {
        let sum_ms: f64 = first.iter().filter_map(|sample| sample.values[0]).sum();
        if to.at_ms - from.at_ms > FASTER * sum_ms {
            return Err(samples.whole(
                "its times run more than a hundred times faster than its intervals: where they are \
                 ms, say so with --column t_ms=NAME",
            ));
        }
    }
    // Whole seconds cannot tell whether a beat is missing.
    let tells_gaps = resolution_ms < SECOND_MS;
    let cleaner = || {
        if tells_gaps {
            Cleaner::with_gaps(GAP_MS + resolution_ms)
        } else {
            Cleaner::without_gaps()
        }
    };
    let (welch, mut intervals, mut artefacts) = (Welch::new(), 0, 0);
    let (mut judge, mut time, mut classifier) = (cleaner(), TimeDomain::new(), Classifier::new());
    let cut = if has_clock { Windows::by_clock } else { Windows::from_first };
    let (mut cut, mut long_term, mut windows) = (cut(cleaner()), LongTerm::default(), Vec::new());
    let mut close = |window| {
        long_term.feed(&window);
        windows.push(WindowReport::of(&window, &welch));
    };
    while let Some(sample) = samples.next()? {
        let Some(rr_ms) = sample.values[0] else { continue };
        let interval = Interval { end_ms: sample.at_ms, rr_ms };
        intervals += 1;
        time.feed(rr_ms, judge.feed(interval));
        artefacts += classifier.feed(rr_ms).len() as u64;
        cut.feed(interval).into_iter().for_each(&mut close);
    }
    if intervals == 0 {
        return Err(samples.whole("no row has an interval"));
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

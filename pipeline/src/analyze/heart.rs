//! Heart beats: variability of the whole recording and of its windows of 5 minutes.

use serde::Serialize;
use zeitgeber_processors::rhythm::hrv::{
    Classifier, Cleaner, Interval, LongTerm, Removed, TimeDomain, TimeFeatures, Welch, Window,
    WindowReport, Windows,
};

use super::{
    recording::RecordingError,
    samples::{Samples, resolution_ms},
    trace::{Beat, Trace},
};

/// Time beyond the interval between two beats that tells of missing ones, ms, where times are exact.
const GAP_MS: f64 = 100.0;
const SECOND_MS: f64 = 1_000.0;
/// Times before it are no dates but begin with the recording, ms: March 1973.
pub(super) const CLOCK_FROM_MS: f64 = 1e11;
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

/// What the times of beats can tell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Times {
    /// What they are rounded to, ms; 0 where they are exact.
    pub resolution_ms: f64,
    /// Whether they are of a clock, and do not begin with the recording.
    pub by_clock: bool,
}

/// Beats given one after the other, in order of time.
#[derive(Debug)]
pub struct Beats {
    welch: Welch,
    judge: Cleaner,
    time: TimeDomain,
    classifier: Classifier,
    cut: Windows,
    long_term: LongTerm,
    intervals: u64,
    artefacts: u64,
    windows: Vec<WindowReport>,
}

impl Beats {
    /// None yet.
    pub fn new(times: Times) -> Self {
        // Whole seconds cannot tell whether a beat is missing.
        let cleaner = || match times.resolution_ms {
            ms if ms < SECOND_MS => Cleaner::with_gaps(GAP_MS + ms),
            _ => Cleaner::without_gaps(),
        };
        let cut = if times.by_clock { Windows::by_clock } else { Windows::from_first };
        Self {
            welch: Welch::new(),
            judge: cleaner(),
            time: TimeDomain::new(),
            classifier: Classifier::new(),
            cut: cut(cleaner()),
            long_term: LongTerm::default(),
            intervals: 0,
            artefacts: 0,
            windows: Vec::new(),
        }
    }

    /// Takes in the next interval, and says so to the trace.
    pub fn feed(&mut self, interval: Interval, trace: Option<&mut Trace>) {
        let judgement = self.judge.feed(interval);
        self.intervals += 1;
        self.time.feed(interval.rr_ms, judgement);
        self.artefacts += self.classifier.feed(interval.rr_ms).len() as u64;
        let closed = self.cut.feed(interval);
        let Some(trace) = trace else {
            closed.into_iter().for_each(|window| self.close(&window, None));
            return;
        };
        closed.into_iter().for_each(|window| self.close(&window, Some(trace)));
        trace.beats.push(Beat { interval, judgement });
    }

    /// What all of them tell; none without an interval.
    pub fn value(mut self, trace: Option<&mut Trace>) -> Option<Heart> {
        if self.intervals == 0 {
            return None;
        }
        if let Some(window) = self.cut.clone().finish() {
            self.close(&window, trace);
        }
        self.artefacts += self.classifier.finish().len() as u64;
        Some(Heart {
            intervals: self.intervals,
            kept: self.judge.kept(),
            removed: self.judge.removed(),
            breaks: self.judge.breaks(),
            artefacts: self.artefacts,
            time: self.time.value(),
            sdann_ms: self.long_term.sdann_ms(),
            sdnni_ms: self.long_term.sdnni_ms(),
            windows: self.windows,
        })
    }

    fn close(&mut self, window: &Window, trace: Option<&mut Trace>) {
        self.long_term.feed(window);
        self.windows.push(WindowReport::of(window, &self.welch));
        if let Some(trace) = trace
            && window.usable().frequency_domain
        {
            trace.spectra.extend(self.welch.density(window.nn_ms()));
        }
    }
}

pub(super) fn beats(
    samples: &mut Samples<'_>,
    mut trace: Option<&mut Trace>,
) -> Result<Heart, RecordingError> {
    // Times that are sums of intervals are as exact as these.
    let is_timed = samples.shape.time.is_some();
    let first = samples.look()?;
    let resolution_ms = if is_timed { resolution_ms(first) } else { 0.0 };
    let by_clock = first.first().is_some_and(|sample| sample.at_ms >= CLOCK_FROM_MS);
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
    let mut beats = Beats::new(Times { resolution_ms, by_clock });
    while let Some(sample) = samples.next()? {
        let Some(rr_ms) = sample.values[0] else { continue };
        beats.feed(Interval { end_ms: sample.at_ms, rr_ms }, trace.as_deref_mut());
    }
    beats.value(trace).ok_or_else(|| samples.whole("no row has an interval"))
}

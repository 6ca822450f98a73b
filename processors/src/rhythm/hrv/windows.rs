//! Windows of 5 minutes: the stretch over which short-term variability is defined (Task Force
//! 1996), with what tells whether one is worth reading.
//!
//! A window holds the intervals that end in it. Differences stay within a window. What is kept of
//! the open one is bounded: sums, and as many intervals as fit in 5 minutes.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::{
    clean::{Cleaner, Interval},
    time::{Spread, TimeDomain, TimeFeatures},
};

/// Length of a window, ms.
pub const WINDOW_MS: f64 = 300_000.0;

/// Kept intervals below which a window is too empty to tell anything.
pub const WINDOW_INTERVALS_MIN: u64 = 60;

/// Kept intervals below which a window does not count in [`LongTerm`].
const LONG_TERM_INTERVALS_MIN: u64 = 100;

/// Intervals listed of a window: more than 5 minutes hold of the shortest that is kept.
const LISTED: usize = 1024;

/// Share of a window that intervals must cover.
const COVERED: f64 = 0.6;

/// Greatest artefact fraction for the time domain.
const ARTEFACTS_TIME: f64 = 0.05;

/// Greatest artefact fraction for the frequency domain.
const ARTEFACTS_FREQUENCY: f64 = 0.02;

/// Longest gap for the frequency domain, ms.
const GAP_MS: f64 = 5_000.0;

/// Cleans intervals and cuts them into windows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Windows {
    cleaner: Cleaner,
    /// Where the window 0 starts, ms; none before the first interval says it.
    origin_ms: Option<f64>,
    open: Option<Window>,
}

/// One window.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Window {
    index: i64,
    start_ms: f64,
    kept_before: u64,
    raw: u64,
    covered_ms: f64,
    gap_ms: f64,
    last_end_ms: f64,
    sums: TimeDomain,
    nn_ms: Vec<f64>,
}

/// What a window may be read for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usable {
    /// Spread and differences of its intervals.
    pub time_domain: bool,
    /// Its spectrum.
    pub frequency_domain: bool,
}

impl Windows {
    /// Windows that start at multiples of 5 minutes of the clock that the intervals carry.
    pub const fn by_clock(cleaner: Cleaner) -> Self {
        Self { cleaner, origin_ms: Some(0.0), open: None }
    }

    /// Windows of which the first starts at the end of the first interval.
    pub const fn from_first(cleaner: Cleaner) -> Self {
        Self { cleaner, origin_ms: None, open: None }
    }

    /// Takes in the next interval; returns the window before its own when it opens a new one. An
    /// interval that ends before the open window counts as one of it: time does not go back.
    pub fn feed(&mut self, interval: Interval) -> Option<Window> {
        if !interval.end_ms.is_finite() {
            return None;
        }
        let origin_ms = *self.origin_ms.get_or_insert(interval.end_ms);
        let index = libm::floor((interval.end_ms - origin_ms) / WINDOW_MS) as i64;
        let closed = self.open.take_if(|open| open.index < index);
        let kept_before = self.cleaner.kept();
        let window = self.open.get_or_insert_with(|| {
            Window::new(index, origin_ms + index as f64 * WINDOW_MS, kept_before)
        });
        let judgement = self.cleaner.feed(interval);
        window.raw += 1;
        window.sums.feed(interval.rr_ms, judgement);
        if judgement.is_kept() {
            window.keep(interval);
        }
        closed
    }

    /// The last window, when there are no more intervals.
    pub fn finish(self) -> Option<Window> {
        self.open
    }

    /// The cleaner, with what it counted.
    pub const fn cleaner(&self) -> &Cleaner {
        &self.cleaner
    }
}

impl Window {
    const fn new(index: i64, start_ms: f64, kept_before: u64) -> Self {
        Self {
            index,
            start_ms,
            kept_before,
            raw: 0,
            covered_ms: 0.0,
            gap_ms: 0.0,
            last_end_ms: start_ms,
            sums: TimeDomain::new(),
            nn_ms: Vec::new(),
        }
    }

    fn keep(&mut self, interval: Interval) {
        let Interval { end_ms, rr_ms } = interval;
        self.covered_ms += rr_ms;
        self.gap_ms = self.gap_ms.max(end_ms - rr_ms - self.last_end_ms);
        self.last_end_ms = self.last_end_ms.max(end_ms);
        if self.nn_ms.len() <= LISTED {
            self.nn_ms.push(rr_ms);
        }
    }

    /// Its place among the windows, the one that starts at the origin being 0.
    pub const fn index(&self) -> i64 {
        self.index
    }

    /// When it starts, ms.
    pub const fn start_ms(&self) -> f64 {
        self.start_ms
    }

    /// Kept intervals before it: the place of its first one among all.
    pub const fn kept_before(&self) -> u64 {
        self.kept_before
    }

    /// Intervals, kept or not.
    pub const fn raw(&self) -> u64 {
        self.raw
    }

    /// Time-domain features; none without a kept interval.
    pub fn time(&self) -> Option<TimeFeatures> {
        self.sums.value()
    }

    /// The kept intervals, ms, for what is computed from all at once; none of them when there are
    /// more than 5 minutes can hold, for then their times are wrong.
    pub fn nn_ms(&self) -> &[f64] {
        if self.nn_ms.len() > LISTED { &[] } else { &self.nn_ms }
    }

    /// Sum of the kept intervals, s.
    pub fn coverage_s(&self) -> f64 {
        self.covered_ms / 1000.0
    }

    /// Share of the intervals that were dropped.
    pub fn artefact_fraction(&self) -> f64 {
        let kept = self.sums.count() as f64;
        1.0 - kept / self.raw as f64
    }

    /// Longest time without a kept interval, ms, counting those at both ends of the window.
    pub fn longest_gap_ms(&self) -> f64 {
        self.gap_ms.max(self.start_ms + WINDOW_MS - self.last_end_ms)
    }

    /// What the window may be read for once it is complete: intervals cover at least 60 % of it,
    /// and of them at most 5 % were dropped for the time domain, at most 2 % for the frequency
    /// domain, which also bears no gap of more than 5 s.
    pub fn usable(&self) -> Usable {
        self.usable_with(0)
    }

    /// The same where some of its beats were repaired: each is an artefact, as a dropped interval is.
    pub fn usable_with(&self, repaired: u64) -> Usable {
        // Intervals that last longer than the window they end in contradict its clock.
        let covered = (COVERED * WINDOW_MS..=WINDOW_MS + 2_000.0).contains(&self.covered_ms);
        let artefacts = self.artefact_fraction() + repaired as f64 / self.raw as f64;
        let unbroken = self.longest_gap_ms() <= GAP_MS;
        Usable {
            time_domain: covered && artefacts <= ARTEFACTS_TIME,
            frequency_domain: covered && artefacts <= ARTEFACTS_FREQUENCY && unbroken,
        }
    }
}

/// Variability over windows: between them and, on average, within them.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct LongTerm {
    means: Spread,
    deviations: Spread,
}

impl LongTerm {
    /// Takes in a complete window; one with fewer than 100 kept intervals counts for nothing.
    pub fn feed(&mut self, window: &Window) {
        let Some(time) = window.time() else { return };
        if time.n < LONG_TERM_INTERVALS_MIN {
            return;
        }
        self.means.feed(time.mean_nn_ms);
        if let Some(sdnn_ms) = time.sdnn_ms {
            self.deviations.feed(sdnn_ms);
        }
    }

    /// Standard deviation of the windows' mean intervals, ms; none below two windows.
    pub fn sdann_ms(&self) -> Option<f64> {
        self.means.deviation()
    }

    /// Mean of the windows' standard deviations, ms; none without a window.
    pub fn sdnni_ms(&self) -> Option<f64> {
        self.deviations.mean()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Intervals of `rr_ms` from `from_ms` to before `to_ms`.
    fn fill(windows: &mut Windows, rr_ms: f64, from_ms: f64, to_ms: f64) -> Vec<Window> {
        let mut closed = Vec::new();
        let mut end_ms = from_ms + rr_ms;
        while end_ms < to_ms {
            closed.extend(windows.feed(Interval { end_ms, rr_ms }));
            end_ms += rr_ms;
        }
        closed
    }

    #[test]
    fn a_full_window_is_usable_and_one_with_a_gap_only_in_time() {
        let mut windows = Windows::by_clock(Cleaner::with_gaps(100.0));
        assert!(fill(&mut windows, 1000.0, 0.0, 300_000.0).is_empty());
        let closed = fill(&mut windows, 1000.0, 300_000.0, 400_000.0);
        assert_eq!((closed.len(), closed[0].index()), (1, 0));
        assert_eq!(closed[0].usable(), Usable { time_domain: true, frequency_domain: true });
        let closed = fill(&mut windows, 1000.0, 406_000.0, 700_000.0);
        let last = windows.finish().expect("a window is open");
        assert_eq!((closed.len(), last.index()), (1, 2));
        assert_eq!(closed[0].longest_gap_ms(), 7000.0);
        assert_eq!(closed[0].usable(), Usable { time_domain: true, frequency_domain: false });
        assert_eq!(last.usable(), Usable { time_domain: false, frequency_domain: false });
    }

    #[test]
    fn dropped_intervals_count_against_a_window() {
        let mut windows = Windows::by_clock(Cleaner::without_gaps());
        for i in 0..300_u32 {
            let rr_ms = if i % 25 == 7 { 2500.0 } else { 1000.0 };
            let end_ms = f64::from(i) * 1000.0;
            assert_eq!(windows.feed(Interval { end_ms, rr_ms }), None);
        }
        let window = windows.finish().expect("a window is open");
        assert!((window.artefact_fraction() - 0.04).abs() < 1e-12);
        assert_eq!(window.usable(), Usable { time_domain: true, frequency_domain: false });
        let mut long_term = LongTerm::default();
        assert_eq!((long_term.sdann_ms(), long_term.sdnni_ms()), (None, None));
        long_term.feed(&window);
        assert_eq!((long_term.sdann_ms(), long_term.sdnni_ms()), (None, Some(0.0)));
    }

    #[test]
    fn a_window_with_more_intervals_than_fit_lists_none() {
        let mut windows = Windows::from_first(Cleaner::without_gaps());
        for _ in 0..=LISTED {
            windows.feed(Interval { end_ms: 5.0, rr_ms: 800.0 });
        }
        let window = windows.finish().expect("a window is open");
        assert!(window.nn_ms().is_empty());
        assert_eq!(window.time().map(|time| time.n), Some(1025));
    }

    proptest! {
        #[test]
        fn serialising_in_mid_stream_changes_no_bit(
            rr in prop::collection::vec(250.0..2100.0_f64, 1..900), at in 0_usize..900,
        ) {
            let mut through = Windows::from_first(Cleaner::with_gaps(100.0));
            let mut stopped = through.clone();
            let mut end_ms = 0.0;
            for (i, rr_ms) in rr.iter().enumerate() {
                if i == at {
                    let text = serde_json::to_string(&stopped).expect("it can be written");
                    stopped = serde_json::from_str(&text).expect("it can be read");
                }
                end_ms += rr_ms;
                let interval = Interval { end_ms, rr_ms: *rr_ms };
                prop_assert_eq!(through.feed(interval), stopped.feed(interval));
            }
            prop_assert_eq!(through, stopped);
        }
    }
}

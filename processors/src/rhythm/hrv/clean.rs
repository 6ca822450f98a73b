//! Which RR intervals lie between two normal beats.
//!
//! An interval out of 300 to 2000 ms is dropped, and so is one that differs by more than 20 % from
//! the last one kept (Malik's criterion, as in Task Force 1996), at most 5 in a row so that a true
//! change of rate is followed. What was dropped or never measured breaks adjacency: the next kept
//! interval is no successor of the last one, and no difference may be taken between them.

use serde::{Deserialize, Serialize};

/// Shortest interval that can be a beat, ms.
const SHORTEST_MS: f64 = 300.0;

/// Longest interval that can be a beat, ms.
const LONGEST_MS: f64 = 2000.0;

/// Greatest change from one kept interval to the next.
const CHANGE: f64 = 0.2;

/// Intervals that may be dropped for their change in a row.
const DROPPED_IN_ROW: u32 = 5;

/// An interval with the time of the beat that ends it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Interval {
    /// Time of the beat that ends it, ms.
    pub end_ms: f64,
    /// Its length, ms.
    pub rr_ms: f64,
}

/// What becomes of an interval.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Judgement {
    /// It lies between normal beats, and follows the last kept one directly.
    Adjacent,
    /// It lies between normal beats; before it, something is missing.
    AfterBreak,
    /// It is too short or too long for a beat, or no number.
    OutOfRange,
    /// It differs too much from the last kept one.
    Jump,
}

impl Judgement {
    /// Whether the interval is kept.
    pub const fn is_kept(self) -> bool {
        matches!(self, Self::Adjacent | Self::AfterBreak)
    }
}

/// How many intervals were dropped, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Removed {
    /// Too short or too long for a beat.
    pub range: u64,
    /// Too far from the last kept interval.
    pub jump: u64,
}

/// Judges intervals in order of time.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Cleaner {
    gap_ms: Option<f64>,
    /// Whether an interval may differ from the last kept one by whatever it does.
    jumps_stay: bool,
    last_kept_ms: Option<f64>,
    last_end_ms: Option<f64>,
    dropped_in_row: u32,
    broken: bool,
    kept: u64,
    breaks: u64,
    removed: Removed,
}

impl Cleaner {
    /// For times that are as good as sums of the intervals: they show no gaps.
    pub fn without_gaps() -> Self {
        Self::default()
    }

    /// For measured times: intervals are missing where the time between two beats exceeds the
    /// interval between them by more than `gap_ms`, ms.
    pub fn with_gaps(gap_ms: f64) -> Self {
        Self { gap_ms: Some(gap_ms), ..Self::default() }
    }

    /// For intervals between beats whose artefacts were repaired: what can be a beat stays, however far
    /// it is from the last.
    pub fn range_only() -> Self {
        Self { jumps_stay: true, ..Self::default() }
    }

    /// Judges the next interval.
    pub fn feed(&mut self, interval: Interval) -> Judgement {
        let Interval { end_ms, rr_ms } = interval;
        if let (Some(gap_ms), Some(before_ms)) = (self.gap_ms, self.last_end_ms) {
            self.broken |= end_ms - before_ms - rr_ms > gap_ms;
        }
        self.last_end_ms = Some(end_ms);
        if !(SHORTEST_MS..=LONGEST_MS).contains(&rr_ms) {
            self.removed.range += 1;
            self.broken = true;
            return Judgement::OutOfRange;
        }
        let far = |last: f64| (rr_ms - last).abs() > CHANGE * last;
        let jumps = !self.jumps_stay && self.last_kept_ms.is_some_and(far);
        if jumps && self.dropped_in_row < DROPPED_IN_ROW {
            self.removed.jump += 1;
            self.dropped_in_row += 1;
            self.broken = true;
            return Judgement::Jump;
        }
        let after_break = self.broken && self.kept > 0;
        self.breaks += u64::from(after_break);
        self.kept += 1;
        self.broken = false;
        self.dropped_in_row = 0;
        self.last_kept_ms = Some(rr_ms);
        if after_break { Judgement::AfterBreak } else { Judgement::Adjacent }
    }

    /// Intervals kept.
    pub const fn kept(&self) -> u64 {
        self.kept
    }

    /// Kept intervals that do not follow the one kept before them.
    pub const fn breaks(&self) -> u64 {
        self.breaks
    }

    /// Intervals dropped.
    pub const fn removed(&self) -> Removed {
        self.removed
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec::Vec;

    use super::*;

    fn judge(cleaner: &mut Cleaner, intervals: &[f64]) -> Vec<Judgement> {
        let at = |rr_ms: &f64| Interval { end_ms: 0.0, rr_ms: *rr_ms };
        intervals.iter().map(|rr_ms| cleaner.feed(at(rr_ms))).collect()
    }

    #[test]
    fn what_is_dropped_breaks_adjacency() {
        use Judgement::{Adjacent, AfterBreak, Jump, OutOfRange};
        let mut cleaner = Cleaner::without_gaps();
        let judged = judge(&mut cleaner, &[2001.0, 800.0, 810.0, 299.9, f64::NAN, 820.0, 1000.0]);
        assert_eq!(
            judged,
            [OutOfRange, Adjacent, Adjacent, OutOfRange, OutOfRange, AfterBreak, Jump]
        );
        assert_eq!((cleaner.kept(), cleaner.breaks()), (3, 1));
        assert_eq!(cleaner.removed(), Removed { range: 3, jump: 1 });
    }

    #[test]
    fn a_change_that_lasts_is_followed_after_five() {
        let mut cleaner = Cleaner::without_gaps();
        let judged = judge(&mut cleaner, &[800.0, 500.0, 500.0, 500.0, 500.0, 500.0, 500.0, 505.0]);
        assert!(judged[1..6].iter().all(|judgement| *judgement == Judgement::Jump));
        assert_eq!(judged[6..], [Judgement::AfterBreak, Judgement::Adjacent]);
    }

    #[test]
    fn a_gap_in_time_breaks_adjacency_only_where_times_are_measured() {
        let before = Interval { end_ms: 1000.0, rr_ms: 800.0 };
        let after = Interval { end_ms: 2700.0, rr_ms: 800.0 };
        for (mut cleaner, expected) in [
            (Cleaner::with_gaps(100.0), Judgement::AfterBreak),
            (Cleaner::without_gaps(), Judgement::Adjacent),
        ] {
            cleaner.feed(before);
            assert_eq!(cleaner.feed(after), expected);
        }
    }
}

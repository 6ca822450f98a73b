//! Choi non-wear (Choi 2011, as ActiLife 6 computes it): 90 minutes of zero counts, with spikes of
//! at most 2 minutes between at least 30 zero minutes on either side.
//!
//! A period is made of zero runs of 30 minutes or more that lie at most 2 minutes apart: a shorter
//! run can neither be a period nor stand beside a spike that is absorbed. So only long runs are
//! looked for, a word of 60 minutes at a time, and no flag needs to be stored: whether a minute
//! is worn follows from the data around it. Other lengths are allowed as long as the run beside a
//! spike is no shorter than a spike and no longer than a period.

use alloc::vec::Vec;

use super::minutes::{Minutes, ones};

/// The lengths that make a period, minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Choi {
    /// Least length of a period.
    pub period_min: i64,
    /// Zero minutes that must lie on either side of a spike, at most 60.
    pub window_min: i64,
    /// Longest spike.
    pub spike_min: i64,
}

/// The lengths of Choi 2011.
pub const CHOI: Choi = Choi { period_min: 90, window_min: 30, spike_min: 2 };

/// Longest gap that takes the flag of the minute before it, minutes.
const GAP_MIN: i64 = 10;

/// The non-wear periods `(start, end)` of the recording `[from, until)`, in minutes since 1970.
///
/// A gap of at most 10 minutes counts as the minute before it, a longer one as worn. The
/// recording begins and ends with a value, whatever its bounds.
pub fn periods(minutes: &Minutes, from: i64, until: i64) -> Vec<(i64, i64)> {
    periods_of(CHOI, minutes, from, until)
}

/// The same with other lengths.
pub fn periods_of(choi: Choi, minutes: &Minutes, from: i64, until: i64) -> Vec<(i64, i64)> {
    let mut scan = Scan::new(choi);
    for (block, valid) in minutes.range(from, until) {
        let (low, high) = ((from - block.first()).max(0), (until - block.first()).min(60));
        scan.missing_until(block.first() + low);
        let zero = block.zero() & valid;
        if valid == ones(0, 60) && !has_run(zero, choi.window_min) {
            let head = i64::from(zero.trailing_ones());
            let tail = i64::from((zero << 4).leading_ones());
            scan.zero(head);
            if head < 60 {
                scan.other(60 - head - tail);
                scan.zero(tail);
            }
        } else {
            scan.word(valid, zero, low, high);
        }
    }
    scan.finish()
}

/// Whether so many bits in a row are set.
const fn has_run(mut mask: u64, length: i64) -> bool {
    let mut have = 1;
    while have < length {
        let more = if have < length - have { have } else { length - have };
        mask &= mask >> more;
        have += more;
    }
    mask != 0
}

struct Scan {
    choi: Choi,
    /// The minute reached; none before the first value.
    at: Option<i64>,
    /// Length of the zero run that ends before the missing minutes.
    run: i64,
    /// Missing minutes just before `at`.
    missing: i64,
    /// The last long zero run, with those it joined.
    period: Option<(i64, i64)>,
    found: Vec<(i64, i64)>,
}

impl Scan {
    const fn new(choi: Choi) -> Self {
        Self { choi, at: None, run: 0, missing: 0, period: None, found: Vec::new() }
    }

    /// Goes through one hour minute run by minute run.
    fn word(&mut self, valid: u64, zero: u64, mut low: i64, high: i64) {
        while low < high {
            let (is_valid, is_zero) = (valid >> low & 1, zero >> low & 1);
            let differs =
                (valid >> low ^ is_valid.wrapping_neg()) | (zero >> low ^ is_zero.wrapping_neg());
            let length = i64::from(differs.trailing_zeros()).min(high - low);
            match (is_valid, is_zero) {
                (0, _) => self.skip(length),
                (_, 0) => self.other(length),
                _ => self.zero(length),
            }
            low += length;
        }
    }

    fn missing_until(&mut self, minute: i64) {
        match self.at {
            None => self.at = Some(minute),
            Some(at) => self.skip(minute - at),
        }
    }

    fn skip(&mut self, length: i64) {
        self.missing += length;
        self.advance(length);
    }

    fn zero(&mut self, length: i64) {
        if length == 0 {
            return;
        }
        self.settle_gap();
        self.run += length;
        self.advance(length);
    }

    fn other(&mut self, length: i64) {
        self.settle_gap();
        self.end_run();
        self.advance(length);
    }

    fn advance(&mut self, length: i64) {
        self.at = self.at.map(|at| at + length);
    }

    /// A short gap after a zero minute is part of its run; any other gap ends it.
    fn settle_gap(&mut self) {
        if self.missing > 0 && self.run > 0 && self.missing <= GAP_MIN {
            self.run += self.missing;
        } else if self.missing > 0 {
            self.end_run();
        }
        self.missing = 0;
    }

    fn end_run(&mut self) {
        let end = self.at.unwrap_or(0) - self.missing;
        let start = end - self.run;
        if self.run >= self.choi.window_min {
            self.period = match self.period {
                Some((first, last)) if start - last <= self.choi.spike_min => Some((first, end)),
                earlier => {
                    self.keep(earlier);
                    Some((start, end))
                }
            };
        }
        self.run = 0;
    }

    fn keep(&mut self, period: Option<(i64, i64)>) {
        let least = self.choi.period_min;
        self.found.extend(period.filter(|(start, end)| end - start >= least));
    }

    fn finish(mut self) -> Vec<(i64, i64)> {
        self.end_run();
        let last = self.period.take();
        self.keep(last);
        self.found
    }
}

//! Rest bouts: consolidated rest found by comparing a recording with itself (Roenneberg 2015).
//!
//! A bin of ten minutes is still where its sum is at most 0.15 of the mean of the 24 hours around
//! it. Three still bins in a row are a seed. From a seed on, the bout of every length up to 12
//! hours is correlated with the stillness of those 12 hours, as two series of 0 and 1; the bout
//! ends where the correlation is the highest peak, which is greater than the four after it. A seed
//! without a peak is no bout, nor is whatever lies between bouts.
//!
//! Correlations of such series are ratios of integers, so that they are compared exactly.

use alloc::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::exact;

/// Length of a bin, minutes.
pub const BIN_MIN: i64 = 10;

/// Bins of 12 hours: half a trend window, and the longest bout.
const HALF_DAY: usize = 72;
/// Still bins that make a seed.
const SEED: u8 = 3;
/// Bins after a peak that must lie below it.
const AFTER_PEAK: usize = 4;
/// Share of the trend up to which a bin is still.
const STILL: f64 = 0.15;
/// Greatest sum of a bin. It bounds the sums of a day.
const BIN_MAX: f64 = 10_000_000.0;

/// Finds rest in sums of ten minutes; a bin's state is told at most 24 hours later.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Masda {
    /// The bins of the trend's window, newest last.
    window: VecDeque<i64>,
    /// Their sum.
    total: i64,
    /// Whether bins are still, from the lowest bit on: those whose state is not told yet.
    still: u128,
    /// How many.
    held: u8,
    /// Whether the still bins that come next belong to a seed without a peak.
    discarding: bool,
}

impl Masda {
    /// Before the first bin.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in the sum of the next ten minutes by the clock; `emit` gets whether earlier bins are
    /// rest.
    pub fn feed(&mut self, sum: f64, mut emit: impl FnMut(bool)) {
        let sum = exact::signal(sum.clamp(0.0, BIN_MAX));
        if self.window.len() == 2 * HALF_DAY {
            self.drop_oldest();
        }
        self.window.push_back(sum);
        self.total += sum;
        if self.window.len() >= HALF_DAY {
            self.classify(self.window.len() - HALF_DAY);
        }
        self.settle(false, &mut emit);
    }

    /// Tells the states of the last bins. A recording below 12 hours has no trend and no rest.
    pub fn finish(mut self, mut emit: impl FnMut(bool)) {
        if self.window.len() < HALF_DAY {
            self.held = self.window.len() as u8;
        } else {
            let mut at = self.window.len() - HALF_DAY + 1;
            while at < self.window.len() {
                if at > HALF_DAY {
                    self.drop_oldest();
                    at -= 1;
                }
                self.classify(at);
                self.settle(false, &mut emit);
                at += 1;
            }
        }
        self.settle(true, &mut emit);
    }

    fn drop_oldest(&mut self) {
        self.total -= self.window.pop_front().unwrap_or(0);
    }

    /// Compares a bin of the window with the window's mean.
    fn classify(&mut self, at: usize) {
        let trend = exact::signal_value(self.total) / self.window.len() as f64;
        let still = exact::signal_value(self.window[at]) <= STILL * trend;
        self.still |= u128::from(still) << self.held;
        self.held += 1;
    }

    /// Tells every state that no later bin can change.
    fn settle(&mut self, last: bool, emit: &mut impl FnMut(bool)) {
        while self.held > 0 {
            let run = (self.still.trailing_ones() as u8).min(self.held);
            if run == 0 {
                self.discarding = false;
                self.tell(1, false, emit);
            } else if self.discarding {
                self.tell(run, false, emit);
            } else if run < SEED {
                if run == self.held && !last {
                    return;
                }
                self.tell(run, false, emit);
            } else {
                if usize::from(self.held) < HALF_DAY && !last {
                    return;
                }
                match highest_peak(self.still, usize::from(self.held).min(HALF_DAY)) {
                    Some(end) => self.tell(end, true, emit),
                    None => self.discarding = true,
                }
            }
        }
    }

    fn tell(&mut self, bins: u8, rest: bool, emit: &mut impl FnMut(bool)) {
        self.still >>= bins;
        self.held -= bins;
        (0..bins).for_each(|_| emit(rest));
    }
}

/// The length of the bout whose correlation with the first `n` bits is the highest peak; the first
/// of equals.
fn highest_peak(still: u128, n: usize) -> Option<u8> {
    let whole = i64::from((still & ((1 << n) - 1)).count_ones());
    let (mut rising, mut inside) = ([Correlation::default(); HALF_DAY], 0);
    if whole == n as i64 {
        return None;
    }
    for (at, correlation) in rising.iter_mut().enumerate().take(n - 1) {
        let length = at as i64 + 1;
        inside += i64::from(still >> at & 1 == 1);
        correlation.covariance = n as i64 * inside - length * whole;
        correlation.variance = length * (n as i64 - length);
    }
    let mut best: Option<usize> = None;
    for at in 0..(n - 1).saturating_sub(AFTER_PEAK) {
        let is_peak = rising[at + 1..=at + AFTER_PEAK].iter().all(|later| rising[at].above(later));
        if is_peak && best.is_none_or(|best| rising[at].above(&rising[best])) {
            best = Some(at);
        }
    }
    best.map(|at| at as u8 + 1)
}

/// The correlation of a bout with stillness, up to a factor that all bouts share.
#[derive(Debug, Clone, Copy, Default)]
struct Correlation {
    covariance: i64,
    variance: i64,
}

impl Correlation {
    /// Whether this correlation is the greater one: signed squares are compared crosswise.
    fn above(&self, other: &Self) -> bool {
        let signed = |own: &Self| own.covariance * own.covariance.abs();
        signed(self) * other.variance > signed(other) * self.variance
    }
}

/// A rest bout, in bins since the first one fed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestBout {
    /// Its first bin.
    pub onset: u64,
    /// The bin after its last one.
    pub offset: u64,
}

/// Gathers the states of bins into bouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RestBouts {
    bins: u64,
    rest: u64,
}

impl RestBouts {
    /// Takes in whether the next bin is rest; gives the bout that it ends.
    pub fn feed(&mut self, rest: bool) -> Option<RestBout> {
        let ended = (!rest).then(|| self.finish()).flatten();
        self.bins += 1;
        self.rest = if rest { self.rest + 1 } else { 0 };
        ended
    }

    /// The bout that has not ended.
    pub fn finish(&self) -> Option<RestBout> {
        let bout = RestBout { onset: self.bins - self.rest, offset: self.bins };
        (self.rest > 0).then_some(bout)
    }
}

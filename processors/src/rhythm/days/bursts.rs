//! Heart rate variability of a day: each record of RR intervals analysed by itself, added up by the
//! hour.
//!
//! A record is cleaned by rule R1 (out of range, or more than 20 % from the last kept interval), and
//! no difference is taken across what was dropped. One that covers at least 60 % of 5 minutes is cut
//! into windows ([`Cut`]). What crosses records is not looked at, so that a record counts in whatever
//! order it arrives.

use alloc::{boxed::Box, vec::Vec};

use serde::{Deserialize, Serialize};
use zeitgeber_schemas::Doubles;

use super::{
    super::{
        hrv::{Cleaner, Interval, Judgement, WINDOW_MS},
        slots::Sums,
    },
    cut::Cut,
};
use crate::exact;

/// Steps of the interval grid in one ms.
const MS_ONE: f64 = 256.0;
/// Share of a window that a record must cover to be cut into windows.
const COVERED: f64 = 0.6;

/// Number, sum and sum of squares on the interval grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Moments {
    pub(crate) n: i64,
    sum: i64,
    squares: i64,
}

impl Moments {
    /// Takes in a time, ms.
    pub(crate) fn feed_ms(&mut self, ms: f64) {
        self.feed(libm::rint(ms * MS_ONE) as i64);
    }

    fn feed(&mut self, grid: i64) {
        self.n += 1;
        self.sum += grid;
        self.squares += grid * grid;
    }

    pub(crate) fn combine(&mut self, other: &Self, sign: i64) {
        self.n += sign * other.n;
        self.sum += sign * other.sum;
        self.squares += sign * other.squares;
    }

    /// Mean, ms.
    pub(crate) fn mean(&self) -> Option<f64> {
        (self.n > 0).then(|| self.sum as f64 / MS_ONE / self.n as f64)
    }

    /// Standard deviation with n - 1, ms.
    pub(crate) fn deviation(&self) -> Option<f64> {
        let n = i128::from(self.n);
        let scaled = n * i128::from(self.squares) - i128::from(self.sum) * i128::from(self.sum);
        let variance = scaled as f64 / n as f64 / (n - 1) as f64;
        (self.n > 1).then(|| libm::sqrt(variance) / MS_ONE)
    }

    /// Root mean square, ms.
    pub(crate) fn root_mean_square(&self) -> Option<f64> {
        (self.n > 0).then(|| libm::sqrt(self.squares as f64 / self.n as f64) / MS_ONE)
    }
}

/// A sum of values and their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Mean {
    pub(crate) n: i64,
    sum: i64,
}

impl Mean {
    pub(crate) fn feed(&mut self, value: Option<f64>) {
        if let Some(value) = value.filter(|value| value.is_finite()) {
            self.n += 1;
            self.sum += exact::signal(value);
        }
    }

    pub(crate) fn combine(&mut self, other: &Self, sign: i64) {
        self.n += sign * other.n;
        self.sum += sign * other.sum;
    }

    /// The mean; none without values.
    pub(crate) fn value(&self) -> Option<f64> {
        (self.n > 0).then(|| exact::signal_value(self.sum) / self.n as f64)
    }
}

/// Sums over records.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Bursts {
    /// Intervals, kept or not.
    pub(crate) raw: i64,
    pub(crate) intervals: Moments,
    pub(crate) differences: Moments,
    pub(crate) over: [i64; 2],
    pub(crate) rate: Mean,
    /// Of records that were cut into windows.
    pub(crate) cut: Option<Box<Cut>>,
}

impl Bursts {
    /// Sums of one record.
    pub(crate) fn of(rr_ms: Doubles<'_>) -> Self {
        let mut bursts = Self { raw: rr_ms.len() as i64, ..Self::default() };
        let (mut cleaner, mut end_ms, mut before) = (Cleaner::without_gaps(), 0.0, None);
        for rr_ms in rr_ms.iter() {
            end_ms += rr_ms;
            let judgement = cleaner.feed(Interval { end_ms, rr_ms });
            if !judgement.is_kept() {
                continue;
            }
            let grid = libm::rint(rr_ms * MS_ONE) as i64;
            if let Some(before) = before
                && judgement == Judgement::Adjacent
            {
                let difference: i64 = grid - before;
                bursts.differences.feed(difference);
                let size = difference.abs() as f64 / MS_ONE;
                bursts.over[0] += i64::from(size > 50.0);
                bursts.over[1] += i64::from(size > 20.0);
            }
            bursts.intervals.feed(grid);
            bursts.rate.feed(Some(60_000.0 / rr_ms));
            before = Some(grid);
        }
        if end_ms >= COVERED * WINDOW_MS {
            bursts.cut = Some(Box::new(Cut::of(&rr_ms.iter().collect::<Vec<_>>())));
        }
        bursts
    }

    fn combine(&mut self, other: &Self, narrow: i32) {
        let sign = i64::from(narrow);
        self.raw += sign * other.raw;
        self.intervals.combine(&other.intervals, sign);
        self.differences.combine(&other.differences, sign);
        self.rate.combine(&other.rate, sign);
        if let Some(other) = &other.cut {
            self.cut.get_or_insert_default().combine(other, narrow);
        }
        self.over.iter_mut().zip(other.over).for_each(|(sum, other)| *sum += sign * other);
    }
}

impl Sums for Bursts {
    fn add(&mut self, other: &Self) {
        self.combine(other, 1);
    }

    fn subtract(&mut self, other: &Self) {
        self.combine(other, -1);
    }

    fn heap_bytes(&self) -> usize {
        self.cut.as_ref().map_or(0, |_| size_of::<Cut>())
    }
}

//! A minute series added up over a window: by the hour and by the minute of the day.
//!
//! All sums are integers on the signal grid. The worn minutes are all minutes with the non-wear
//! ones taken away again, which is exact.

use alloc::{boxed::Box, vec, vec::Vec};

use zeitgeber_schemas::ProfileBody;

use super::local::{self, DAY_MIN};
use super::minutes::{Block, Minutes, bits, ones};

/// The minutes `[start, end)` since 1970. The end is a local hour's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Window {
    pub(crate) start: i64,
    pub(crate) end: i64,
}

/// One hour of a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Hour {
    /// Sum of its values, on the grid.
    pub(crate) sum: i64,
    /// How many values.
    pub(crate) count: u32,
    /// Hour of the local day, 0 to 23.
    pub(crate) of_day: u8,
}

/// Sums of a window.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Totals {
    /// The hours in order, the last one ending with the window.
    pub(crate) hours: Vec<Hour>,
    /// Sum of the values of each minute of the local day.
    pub(crate) sums: Box<[i64]>,
    /// How many values each minute of the local day has.
    pub(crate) counts: Box<[u32]>,
    /// How many values there are.
    pub(crate) count: u32,
    /// Their sum.
    pub(crate) sum: i128,
    /// The sum of their squares, on the grid squared.
    pub(crate) sum_squares: i128,
    first_hour: i64,
}

impl Totals {
    /// Adds up a window of a series.
    pub(crate) fn new(minutes: &Minutes, window: Window, profile: &ProfileBody) -> Self {
        let mut totals = Self::empty(window, profile);
        for (block, mask) in minutes.range(window.start, window.end) {
            totals.add(block, mask, profile);
        }
        totals
    }

    /// The same without some periods of the window.
    pub(crate) fn without(
        &self,
        periods: &[(i64, i64)],
        minutes: &Minutes,
        profile: &ProfileBody,
    ) -> Self {
        let mut rest = self.clone();
        for &(from, until) in periods {
            for (block, mask) in minutes.range(from, until) {
                rest.remove(block, mask, profile);
            }
        }
        rest
    }

    fn empty(window: Window, profile: &ProfileBody) -> Self {
        let n_hours = (window.end - window.start + 59).div_euclid(60);
        let first_hour = window.end - 60 * n_hours;
        let hours = (0..n_hours).map(|hour| Hour {
            sum: 0,
            count: 0,
            of_day: (local::clock_minute(profile, first_hour + 60 * hour) / 60) as u8,
        });
        Self {
            hours: hours.collect(),
            sums: vec![0; DAY_MIN as usize].into_boxed_slice(),
            counts: vec![0; DAY_MIN as usize].into_boxed_slice(),
            count: 0,
            sum: 0,
            sum_squares: 0,
            first_hour,
        }
    }

    fn add(&mut self, block: &Block, mask: u64, profile: &ProfileBody) {
        self.count += mask.count_ones();
        self.sum += i128::from(block.sum_of(mask));
        self.sum_squares += block.sum_squares_of(mask);
        for part in self.parts(mask, block.first()) {
            let hour = &mut self.hours[part.hour];
            hour.sum += block.sum_of(part.mask);
            hour.count += part.mask.count_ones();
        }
        let clock = local::clock_minute(profile, block.first()) as usize;
        if mask == ones(0, 60) && clock + 60 <= DAY_MIN as usize {
            let day = &mut self.sums[clock..clock + 60];
            block.add_to(day);
            self.counts[clock..clock + 60].iter_mut().for_each(|count| *count += 1);
            return;
        }
        for index in bits(mask) {
            let minute = (clock + index) % DAY_MIN as usize;
            self.sums[minute] += block.value(index);
            self.counts[minute] += 1;
        }
    }

    fn remove(&mut self, block: &Block, mask: u64, profile: &ProfileBody) {
        self.count -= mask.count_ones();
        self.sum -= i128::from(block.sum_of(mask));
        self.sum_squares -= block.sum_squares_of(mask);
        for part in self.parts(mask, block.first()) {
            let hour = &mut self.hours[part.hour];
            hour.sum -= block.sum_of(part.mask);
            hour.count -= part.mask.count_ones();
        }
        let clock = local::clock_minute(profile, block.first()) as usize;
        for index in bits(mask) {
            let minute = (clock + index) % DAY_MIN as usize;
            self.sums[minute] -= block.value(index);
            self.counts[minute] -= 1;
        }
    }

    /// The minutes of a UTC hour by the local hour they belong to: two where the offset is not in
    /// whole hours.
    fn parts(&self, mask: u64, first: i64) -> impl Iterator<Item = HourPart> + use<> {
        let phase = (self.first_hour - first).rem_euclid(60);
        let later = (first + phase - self.first_hour).div_euclid(60);
        let halves = [(later - 1, mask & ones(0, phase)), (later, mask & ones(phase, 60))];
        halves.into_iter().filter(|(_, mask)| *mask != 0).filter_map(|(hour, mask)| {
            usize::try_from(hour).ok().map(|hour| HourPart { hour, mask })
        })
    }
}

struct HourPart {
    hour: usize,
    mask: u64,
}

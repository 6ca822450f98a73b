//! Days: every family of features of a sealed local day, each in order of time.
//!
//! An analysis of a day looks at the seven days of movement before its end, at the day itself for
//! everything else, and at what the days before it left behind ([`Days`]): the night, the nightly
//! heart, where the models of phase had come to. That stands in the events, so that it is a fold of
//! them like all state, and no history is read. Late data analyses the days anew from the first one
//! that it changes, in order.

mod alertness;
mod analysis;
mod bursts;
mod cut;
mod cycles;
mod draft;
mod heart;
mod light;
mod series;
mod sleep;
mod still;
mod sums;
mod surroundings;

use alloc::{boxed::Box, collections::VecDeque, vec::Vec};

use serde::{Deserialize, Serialize};
use zeitgeber_schemas::{DayAnalysed, Family, FamilyAnalysed};

use super::{
    local,
    timing::Night,
    vitality::{HeartBaseline, HeartNights},
};

pub(crate) use analysis::DayAnalysis;
pub(crate) use series::DaySeries;

/// Days whose night and heart are kept: the baseline of the heart's nights, and the days that late
/// data analyses anew.
const DAYS_KEPT: usize = 72;
/// Days from whose end the models of phase can go on: those that late data analyses anew.
const PHASES_KEPT: usize = 5;
/// Days by which the list grows.
const ROOM: usize = 8;
/// Nights that sleep debt looks at.
const WEEK: i64 = 7;

/// What a day left behind.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Day {
    /// Its end, minutes since 1970.
    end: i64,
    /// Local day that it was, by number.
    number: i64,
    offset_min: i32,
    /// The night that ended in it, ms UTC.
    night: Option<(i64, i64)>,
    sri: Option<f64>,
    /// ln RMSSD and mean heart rate of that night.
    heart: Option<(f64, f64)>,
    /// Where the models of phase had come to; empty for days further back.
    phase: Box<[f64]>,
}

/// The last days, oldest first.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Days(VecDeque<Day>);

impl Days {
    /// Remembers what an analysis says of its day, in place of what an earlier one said.
    pub(crate) fn record(&mut self, event: &DayAnalysed) {
        let end = local::minute_of(event.day_end_ms);
        let of = |family: Family| event.families.iter().find(|found| found.family == family);
        let carry = |family| of(family).map_or(&[][..], |found: &FamilyAnalysed| &found.carry);
        let local_end = end + i64::from(event.offset_min);
        let new = Day {
            end,
            number: (local_end - 1).div_euclid(local::DAY_MIN),
            offset_min: event.offset_min,
            night: match carry(Family::Sleep) {
                [_, onset_ms, wake_ms] => Some((*onset_ms as i64, *wake_ms as i64)),
                _ => None,
            },
            sri: carry(Family::Sleep).first().copied().filter(|sri| *sri >= sleep::NO_SRI + 1.0),
            heart: match carry(Family::Heart) {
                [ln_rmssd, rate] => Some((*ln_rmssd, *rate)),
                _ => None,
            },
            phase: carry(Family::Phase).into(),
        };
        let at = self.0.partition_point(|known| known.end < end);
        match self.0.get_mut(at).filter(|known| known.end == end) {
            Some(known) => *known = new,
            None => {
                if self.0.len() == self.0.capacity() {
                    self.0.reserve_exact(ROOM);
                }
                self.0.insert(at, new);
            }
        }
        while self.0.len() > DAYS_KEPT {
            self.0.pop_front();
        }
        let far = self.0.len().saturating_sub(PHASES_KEPT);
        self.0.iter_mut().take(far).for_each(|day| day.phase = Box::default());
    }

    /// Bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        let phases = self.0.iter().map(|day| size_of_val(&*day.phase)).sum::<usize>();
        self.0.capacity() * size_of::<Day>() + phases
    }

    /// The days that ended before a minute, as the analysis of a later one sees them.
    pub(crate) fn before(&self, minute: i64) -> Known<'_> {
        let n = self.0.partition_point(|day| day.end < minute);
        Known { days: &self.0, n }
    }
}

/// The days up to one.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Known<'a> {
    days: &'a VecDeque<Day>,
    n: usize,
}

/// What vitality makes of the days.
#[derive(Debug, Clone, Default)]
pub(crate) struct Summary {
    pub(crate) sri: Option<f64>,
    pub(crate) sleep_h: Vec<f64>,
    pub(crate) heart: Option<HeartBaseline>,
    pub(crate) low_heart_days: u32,
    pub(crate) resting_rise_bpm: Option<f64>,
}

impl<'a> Known<'a> {
    fn iter(self) -> impl DoubleEndedIterator<Item = &'a Day> {
        self.days.range(..self.n)
    }

    /// Nights, oldest first.
    pub(crate) fn nights(self) -> impl DoubleEndedIterator<Item = Night> {
        self.iter().filter_map(|day| {
            let (onset_ms, wake_ms) = day.night?;
            Some(Night::new(onset_ms, wake_ms, day.offset_min))
        })
    }

    /// Where the models of phase had come to at the last end not before `from`; none where that
    /// is further back.
    pub(crate) fn phase(self, from: i64) -> Option<&'a [f64]> {
        let day = self.iter().rev().take_while(|day| day.end >= from).find(|d| !d.phase.is_empty());
        day.map(|day| &*day.phase)
    }

    /// What the days say together, at the end of the last one.
    pub(crate) fn summary(self) -> Summary {
        let Some(last) = self.iter().next_back() else { return Summary::default() };
        let recent = self.iter().filter(|day| day.number > last.number - WEEK);
        let hours = |(onset_ms, wake_ms): (i64, i64)| (wake_ms - onset_ms) as f64 / 3_600_000.0;
        let mut nights = HeartNights::new();
        for day in self.iter() {
            if let Some((ln_rmssd, _)) = day.heart {
                nights.feed(day.number, ln_rmssd);
            }
        }
        Summary {
            sri: last.sri,
            sleep_h: recent.filter_map(|day| day.night.map(hours)).collect(),
            heart: nights.value(last.number),
            low_heart_days: nights.low_days(),
            resting_rise_bpm: self.resting_rise(last),
        }
    }

    /// Heart rate of the last night over the mean of the nights more than a week before it, of
    /// which there must be 14.
    fn resting_rise(self, last: &Day) -> Option<f64> {
        let (_, rate) = last.heart?;
        let earlier = self.iter().filter(|day| day.number <= last.number - WEEK);
        let (sum, n) = earlier
            .filter_map(|day| day.heart)
            .fold((0.0, 0u32), |(sum, n), (_, rate)| (sum + rate, n + 1));
        (n >= 14).then(|| rate - sum / f64::from(n))
    }
}

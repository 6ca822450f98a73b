//! Light of a local day: how long it was bright, when, and how regular its hours are.
//!
//! The thresholds are those of Brown 2022 and of daylight. Times are of the local clock; a sample
//! stands for its epoch, and only its start is looked at. Melanopic illuminance is meant; photopic
//! lux from a wrist only stands in for it.

mod features;

use alloc::{collections::VecDeque, vec::Vec};

use serde::{Deserialize, Serialize};

use super::nonparametric;

pub use features::FEATURES;

/// At or above these light counts as above: evening, day and daylight, lux.
pub const THRESHOLDS_LUX: [f64; 3] = [10.0, 250.0, 1000.0];

/// Greatest illuminance that is taken for one, lux: several times that of the sun.
pub const LUX_MAX: f64 = 1_000_000.0;

/// Hours that the stability of light looks back by default.
pub const HOURS_MAX: u32 = 28 * 24;

/// Minutes with light that an hour needs.
pub const HOUR_MINUTES: u32 = 30;

const MINUTE_MS: i64 = 60_000;
const HOUR_MS: f64 = 3_600_000.0;
const DAY_MS: i64 = 86_400_000;

/// What a day's light tells about one threshold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Above {
    /// Lux.
    pub threshold_lux: f64,
    /// Time above threshold, min.
    pub tat_min: f64,
    /// Mean light timing: mean time of day above it, h.
    pub mlit_h: Option<f64>,
    /// First light timing, h.
    pub flit_h: Option<f64>,
    /// Last light timing, h.
    pub llit_h: Option<f64>,
}

/// What a day's light tells.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct DailyLight {
    /// Samples.
    pub n: u32,
    /// Mean, lux.
    pub mean_lux: f64,
    /// Mean of log10(lux + 1).
    pub log10_mean_plus1: f64,
    /// Light times duration, lux h.
    pub dose_lux_h: f64,
    /// By threshold, in the order of [`THRESHOLDS_LUX`].
    pub above: [Above; 3],
}

/// Whether a light value can be used.
pub(super) fn valid(lux: f64) -> bool {
    (0.0..=LUX_MAX).contains(&lux)
}

/// Sums of one day.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct LightDay {
    n: u32,
    sum: f64,
    log_sum: f64,
    above: [Times; 3],
}

/// When light was above a threshold, ms of the day.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
struct Times {
    n: u32,
    sum_ms: i64,
    first_ms: i64,
    last_ms: i64,
}

impl LightDay {
    /// Takes in what was measured so many ms after local midnight. A value that is not from 0 to
    /// [`LUX_MAX`] is left out.
    pub fn feed(&mut self, of_day_ms: i64, lux: f64) {
        if !valid(lux) {
            return;
        }
        self.n += 1;
        self.sum += lux;
        self.log_sum += libm::log10(lux + 1.0);
        for (times, _) in
            self.above.iter_mut().zip(THRESHOLDS_LUX).filter(|(_, least)| lux >= *least)
        {
            times.first_ms = if times.n == 0 { of_day_ms } else { times.first_ms.min(of_day_ms) };
            times.last_ms = if times.n == 0 { of_day_ms } else { times.last_ms.max(of_day_ms) };
            times.sum_ms += of_day_ms;
            times.n += 1;
        }
    }

    /// The features, each sample standing for `epoch_s` seconds; none without a sample.
    pub fn value(&self, epoch_s: f64) -> Option<DailyLight> {
        let n = f64::from(self.n);
        let mut above = THRESHOLDS_LUX
            .into_iter()
            .zip(self.above)
            .map(|(lux, times)| times.value(lux, epoch_s));
        (self.n > 0).then(|| DailyLight {
            n: self.n,
            mean_lux: self.sum / n,
            log10_mean_plus1: self.log_sum / n,
            dose_lux_h: self.sum * epoch_s / 3600.0,
            above: core::array::from_fn(|_| above.next().expect("there are as many thresholds")),
        })
    }
}

impl Times {
    fn value(&self, threshold_lux: f64, epoch_s: f64) -> Above {
        let hours = |ms: f64| (self.n > 0).then_some(ms / HOUR_MS);
        Above {
            threshold_lux,
            tat_min: f64::from(self.n) * epoch_s / 60.0,
            mlit_h: hours(self.sum_ms as f64 / f64::from(self.n.max(1))),
            flit_h: hours(self.first_ms as f64),
            llit_h: hours(self.last_ms as f64),
        }
    }
}

/// Makes days of samples.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LightDays {
    epoch_s: f64,
    day: Option<i64>,
    sums: LightDay,
}

impl LightDays {
    /// Days of samples that stand for `epoch_s` seconds each.
    pub fn new(epoch_s: f64) -> Self {
        Self { epoch_s, day: None, sums: LightDay::default() }
    }

    /// Takes in a sample at a local time in ms; gives the day before if this is the first of a new
    /// one, with its number since 1970. A sample of an earlier day than the last is left out.
    pub fn feed(&mut self, local_ms: i64, lux: f64) -> Option<(i64, DailyLight)> {
        let day = local_ms.div_euclid(DAY_MS);
        if !valid(lux) || self.day.is_some_and(|open| day < open) {
            return None;
        }
        let before = if self.day == Some(day) { None } else { self.value() };
        if self.day != Some(day) {
            (self.day, self.sums) = (Some(day), LightDay::default());
        }
        self.sums.feed(local_ms.rem_euclid(DAY_MS), lux);
        before
    }

    /// The day under way, so far.
    pub fn value(&self) -> Option<(i64, DailyLight)> {
        self.day.zip(self.sums.value(self.epoch_s))
    }
}

/// Makes minute means of samples, however few samples a minute has.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct LightMinutes {
    minute: Option<i64>,
    sum: f64,
    n: u32,
}

impl LightMinutes {
    /// Takes in a sample at a time in ms; gives the minute before, numbered since 1970, if this is
    /// the first of a later one. A sample of an earlier minute than the last is left out.
    pub fn feed(&mut self, at_ms: i64, lux: f64) -> Option<(i64, f64)> {
        let minute = at_ms.div_euclid(MINUTE_MS);
        if !valid(lux) || self.minute.is_some_and(|open| minute < open) {
            return None;
        }
        let before = if self.minute == Some(minute) { None } else { self.value() };
        if self.minute != Some(minute) {
            *self = Self { minute: Some(minute), sum: 0.0, n: 0 };
        }
        (self.sum, self.n) = (self.sum + lux, self.n + 1);
        before
    }

    /// The minute under way, so far.
    pub fn value(&self) -> Option<(i64, f64)> {
        self.minute.map(|minute| (minute, self.sum / f64::from(self.n)))
    }
}

/// How stable light's hours are from day to day and how much they change.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct LightStability {
    /// Hours with enough light minutes.
    pub n_hours: u32,
    /// Interdaily stability (Witting 1990), 0 to 1.
    pub is: Option<f64>,
    /// Intradaily variability, 0 to about 3.
    pub iv: Option<f64>,
}

/// Sums of light by the hour over the last hours, [`HOURS_MAX`] by default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LightHours {
    most: u32,
    /// In order: the hour since 1970, the sum of its values, and how many.
    hours: VecDeque<(i64, f64, u32)>,
}

impl Default for LightHours {
    fn default() -> Self {
        Self::new(HOURS_MAX)
    }
}

impl LightHours {
    /// Looks back over so many hours.
    pub const fn new(most: u32) -> Self {
        Self { most, hours: VecDeque::new() }
    }

    /// Takes in a value of a local minute, its mean or each of its samples. One of an earlier hour
    /// than the last is left out.
    pub fn feed(&mut self, local_minute: i64, lux: f64) {
        let hour = local_minute.div_euclid(60);
        let open = self.hours.back().map(|(known, ..)| *known);
        if !valid(lux) || open.is_some_and(|known| hour < known) {
            return;
        }
        if open != Some(hour) {
            self.hours.push_back((hour, 0.0, 0));
            while self.hours.front().is_some_and(|(first, ..)| hour - first >= i64::from(self.most))
            {
                self.hours.pop_front();
            }
        }
        if let Some((_, sum, n)) = self.hours.back_mut() {
            (*sum, *n) = (*sum + lux, *n + 1);
        }
    }

    /// IS and IV in the population form, of the hours that have at least `least` values:
    /// [`HOUR_MINUTES`] where minutes were fed. None where light does not vary.
    pub fn value(&self, least: u32) -> LightStability {
        let mut means: Vec<(Option<f64>, u8)> = Vec::new();
        let mut next = self.hours.front().map_or(0, |(hour, ..)| *hour);
        for (hour, sum, n) in &self.hours {
            let missing = (next..*hour).map(|hour| (None, of_day(hour)));
            means.extend(missing);
            let mean = (*n >= least).then(|| sum / f64::from(*n));
            means.push((mean, of_day(*hour)));
            next = hour + 1;
        }
        let found = nonparametric::variability(&means);
        LightStability { n_hours: found.n_hours, is: found.is, iv: found.iv }
    }
}

fn of_day(hour: i64) -> u8 {
    hour.rem_euclid(24) as u8
}

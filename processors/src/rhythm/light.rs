//! Light by the hour: level, and how often it met the targets of Brown 2022 (day at least 250,
//! evening at most 10, night at most 1 lux).
//!
//! The time of day is judged when a reading arrives, by the profile of that moment. Melanopic
//! illuminance is preferred; photopic lux from a wrist only stands in for it.

use serde::{Deserialize, Serialize};
use zeitgeber_schemas::{Environment, FieldSet, LightSummary, ProfileBody};

use super::{local, slots::Sums};
use crate::exact;

/// The day, in minutes after local midnight.
const DAY: (i64, i64) = (8 * 60, 19 * 60);
/// The evening before usual sleep, minutes.
const EVENING_MIN: i64 = 180;
/// What one reading stands for, minutes.
const READING_MIN: u64 = 5;

/// Sums over readings.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(crate) struct Light {
    n: u32,
    ge_250: u32,
    day: u32,
    day_ge_250: u32,
    evening: u32,
    evening_le_10: u32,
    night: u32,
    night_le_1: u32,
    log_sum: i64,
}

impl Sums for Light {
    fn add(&mut self, other: &Self) {
        self.n += other.n;
        self.ge_250 += other.ge_250;
        self.day += other.day;
        self.day_ge_250 += other.day_ge_250;
        self.evening += other.evening;
        self.evening_le_10 += other.evening_le_10;
        self.night += other.night;
        self.night_le_1 += other.night_le_1;
        self.log_sum += other.log_sum;
    }

    fn subtract(&mut self, other: &Self) {
        self.n -= other.n;
        self.ge_250 -= other.ge_250;
        self.day -= other.day;
        self.day_ge_250 -= other.day_ge_250;
        self.evening -= other.evening;
        self.evening_le_10 -= other.evening_le_10;
        self.night -= other.night;
        self.night_le_1 -= other.night_le_1;
        self.log_sum -= other.log_sum;
    }
}

/// The light value that counts, lux: melanopic where present, else photopic.
pub fn value(environment: &Environment, dropped: FieldSet) -> Option<f64> {
    let kept = |field, value: Option<f64>| value.filter(|_| !dropped.contains(field));
    kept(FieldSet::MEDI_LUX, environment.medi_lux).or(kept(FieldSet::LUX, environment.lux))
}

impl Light {
    /// Sums of one reading.
    pub(crate) fn of(lux: f64, minute: i64, profile: &ProfileBody) -> Self {
        let clock = local::clock_minute(profile, minute);
        let (asleep, awake) = (profile.sleep_start_min.into(), profile.sleep_end_min.into());
        let count = |is: bool| u32::from(is);
        let day = local::in_span(clock, DAY.0, DAY.1);
        let evening = local::in_span(clock, asleep - EVENING_MIN, asleep);
        let night = local::in_span(clock, asleep, awake);
        Self {
            n: 1,
            ge_250: count(lux >= 250.0),
            day: count(day),
            day_ge_250: count(day && lux >= 250.0),
            evening: count(evening),
            evening_le_10: count(evening && lux <= 10.0),
            night: count(night),
            night_le_1: count(night && lux <= 1.0),
            log_sum: exact::signal(libm::log10(lux.max(0.0) + 1.0)),
        }
    }

    /// Sum of log10(lux + 1) on the signal grid, and number.
    pub(crate) const fn log(&self) -> (i64, u32) {
        (self.log_sum, self.n)
    }

    /// Mean of log10(lux + 1).
    pub(crate) fn mean_log(&self) -> Option<f64> {
        (self.n > 0).then(|| exact::signal_value(self.log_sum) / f64::from(self.n))
    }

    /// The features; none without a reading.
    pub(crate) fn summary(&self) -> Option<LightSummary> {
        let share = |part: u32, of: u32| (of > 0).then(|| f64::from(part) / f64::from(of));
        (self.n > 0).then(|| LightSummary {
            n: self.n.into(),
            mean_log10_lux_plus1: self.mean_log(),
            minutes_ge_250: READING_MIN * u64::from(self.ge_250),
            day_frac_ge250: share(self.day_ge_250, self.day),
            evening_frac_le10: share(self.evening_le_10, self.evening),
            night_frac_le1: share(self.night_le_1, self.night),
        })
    }
}

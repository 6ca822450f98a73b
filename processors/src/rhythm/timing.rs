//! Sleep timing from a diary: midsleep, chronotype, social jetlag and regularity (Roenneberg 2012,
//! 2019; Phillips 2017).
//!
//! Clock times are means on the circle of 24 hours. Free days are those of waking on a Saturday or
//! Sunday unless the night says otherwise. Only reported sleep is known: a minute counts as awake
//! because the person reported the sleeps around it, not because anything measured it.

mod features;
mod regularity;

use core::f64::consts::TAU;

use alloc::{collections::VecDeque, vec::Vec};

use serde::{Deserialize, Serialize};

pub use self::features::FEATURES;

use super::local::{self, DAY_MIN};

/// Nights that count.
pub const NIGHTS_MAX: usize = 28;
/// Longest sleep of a diary, ms.
const SLEEP_MAX_MS: i64 = 24 * 3_600_000;
/// 1970-01-01 was a Thursday, 3 from Monday.
const EPOCH_WEEKDAY: i64 = 3;
const SATURDAY: u32 = 5;
/// Longest mean of clock times that still has no direction, of 1.
const NO_DIRECTION: f64 = 1e-9;

/// A reported sleep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Night {
    /// Falling asleep, ms UTC.
    pub onset_ms: i64,
    /// Final awakening, ms UTC.
    pub wake_ms: i64,
    /// Local time at waking, minutes east of UTC.
    pub offset_min: i32,
    /// Whether the day of waking has no work.
    pub free: bool,
}

impl Night {
    /// A sleep whose day of waking is free on Saturdays and Sundays.
    pub fn new(onset_ms: i64, wake_ms: i64, offset_min: i32) -> Self {
        let night = Self { onset_ms, wake_ms, offset_min, free: false };
        Self { free: night.weekday() >= SATURDAY, ..night }
    }

    /// Weekday of waking, 0 for Monday to 6 for Sunday.
    pub fn weekday(&self) -> u32 {
        let day = self.local(local::minute_of(self.wake_ms)).div_euclid(DAY_MIN);
        (day + EPOCH_WEEKDAY).rem_euclid(7) as u32
    }

    /// Clock time halfway between falling asleep and waking, h.
    pub fn midsleep_h(&self) -> f64 {
        let half_ms = self.wake_ms.saturating_sub(self.onset_ms) / 2;
        let middle_ms = self.onset_ms.saturating_add(half_ms);
        let local_ms = middle_ms.saturating_add(i64::from(self.offset_min) * 60_000);
        local_ms.rem_euclid(DAY_MIN * 60_000) as f64 / 3_600_000.0
    }

    /// Time from falling asleep to waking, h.
    pub fn duration_h(&self) -> f64 {
        self.wake_ms.saturating_sub(self.onset_ms) as f64 / 3_600_000.0
    }

    const fn local(&self, minute: i64) -> i64 {
        minute.saturating_add(self.offset_min as i64)
    }

    /// The instant of the local midnight before a minute, in minutes.
    const fn midnight_before(&self, minute: i64) -> i64 {
        minute - self.local(minute).rem_euclid(DAY_MIN)
    }
}

/// The last 28 nights of a diary.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Diary {
    nights: VecDeque<Night>,
    /// End of the night before the oldest one that is kept.
    forgotten_ms: Option<i64>,
}

/// What a diary tells; clock times and durations in hours. What it cannot tell is absent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SleepTiming {
    /// Nights that it stands on.
    pub nights: u32,
    /// Midsleep on work days.
    pub msw_h: Option<f64>,
    /// Midsleep on free days.
    pub msf_h: Option<f64>,
    /// Mean sleep before work days.
    pub sdw_h: Option<f64>,
    /// Mean sleep before free days.
    pub sdf_h: Option<f64>,
    /// Mean sleep of all nights.
    pub sdweek_h: Option<f64>,
    /// Midsleep on free days less half of the sleep made up for: chronotype.
    pub msfsc_h: Option<f64>,
    /// Distance on the clock between the midsleeps of free and of work days.
    pub social_jetlag_h: Option<f64>,
    /// The same with its sign: positive if free days are later.
    pub social_jetlag_signed_h: Option<f64>,
    /// Standard deviation of midsleep (n - 1) around its circular mean, minutes.
    pub midsleep_sd_min: Option<f64>,
    /// Sleep regularity index, -100 to 100.
    pub sri: Option<f64>,
    /// Pairs of minutes that it stands on.
    pub sri_pairs: u32,
}

impl Diary {
    /// No nights yet.
    pub const fn new() -> Self {
        Self { nights: VecDeque::new(), forgotten_ms: None }
    }

    /// Takes in a night, and tells whether it counts: it must end after it begins and within 24
    /// hours, and begin after the one before it ended. Nights older than the last 28 are forgotten.
    pub fn feed(&mut self, night: Night) -> bool {
        let length_ms = night.wake_ms.saturating_sub(night.onset_ms);
        let after = self.nights.back().is_none_or(|before| before.wake_ms <= night.onset_ms);
        if !after || length_ms <= 0 || length_ms > SLEEP_MAX_MS {
            return false;
        }
        self.nights.push_back(night);
        if self.nights.len() > NIGHTS_MAX {
            self.forgotten_ms = self.nights.pop_front().map(|gone| gone.wake_ms);
        }
        true
    }

    /// The nights that count, oldest first.
    pub fn nights(&self) -> impl Iterator<Item = &Night> {
        self.nights.iter()
    }

    /// What the nights tell; none without any.
    pub fn value(&self) -> Option<SleepTiming> {
        if self.nights.is_empty() {
            return None;
        }
        let of = |free: bool| self.nights.iter().filter(move |night| night.free == free);
        let msw_h = circular_mean(of(false).map(Night::midsleep_h));
        let msf_h = circular_mean(of(true).map(Night::midsleep_h));
        let sdw_h = mean(of(false).map(Night::duration_h));
        let sdf_h = mean(of(true).map(Night::duration_h));
        let sdweek_h = mean(self.nights.iter().map(Night::duration_h));
        let made_up_h = sdf_h.zip(sdweek_h).map(|(free, week)| (free - week).max(0.0));
        let jetlag = msf_h.zip(msw_h).map(|(free, work)| around_zero(free - work));
        let (sri, sri_pairs) = self.regularity();
        Some(SleepTiming {
            nights: self.nights.len() as u32,
            msw_h,
            msf_h,
            sdw_h,
            sdf_h,
            sdweek_h,
            msfsc_h: msf_h.zip(made_up_h).map(|(msf, more)| on_clock(msf - 0.5 * more)),
            social_jetlag_h: jetlag.map(f64::abs),
            social_jetlag_signed_h: jetlag,
            midsleep_sd_min: self.midsleep_sd_min(),
            sri,
            sri_pairs,
        })
    }

    fn midsleep_sd_min(&self) -> Option<f64> {
        let centre = circular_mean(self.nights.iter().map(Night::midsleep_h))?;
        let apart = self.nights.iter().map(|night| around_zero(night.midsleep_h() - centre));
        let apart: Vec<f64> = apart.collect();
        let middle = mean(apart.iter().copied())?;
        let squares = apart.iter().fold(0.0, |sum, h| sum + (h - middle) * (h - middle));
        let dof = apart.len().checked_sub(1).filter(|dof| *dof > 0)?;
        Some(60.0 * libm::sqrt(squares / dof as f64))
    }
}

/// Mean of clock times, h; none if they have no common direction.
fn circular_mean(hours: impl Iterator<Item = f64>) -> Option<f64> {
    let (mut sine, mut cosine, mut n) = (0.0, 0.0, 0u32);
    for hour in hours {
        let angle = TAU / 24.0 * hour;
        (sine, cosine, n) = (sine + libm::sin(angle), cosine + libm::cos(angle), n + 1);
    }
    let directed = libm::hypot(sine, cosine) > NO_DIRECTION * f64::from(n);
    directed.then(|| on_clock(libm::atan2(sine, cosine) * 24.0 / TAU))
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values.fold((0.0, 0u32), |(sum, n), value| (sum + value, n + 1));
    (n > 0).then(|| sum / f64::from(n))
}

/// A clock time within 0 to 24 h.
fn on_clock(hour: f64) -> f64 {
    let hour = libm::fmod(hour, 24.0);
    if hour < 0.0 { hour + 24.0 } else { hour }
}

/// A difference of clock times within -12 to 12 h.
fn around_zero(hours: f64) -> f64 {
    on_clock(hours + 12.0) - 12.0
}

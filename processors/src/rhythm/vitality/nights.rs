//! The heart's own baseline: nightly ln RMSSD of the last week against the nights before it
//! (Plews 2013, Buchheit 2014).

use alloc::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{BASELINE_NIGHTS, HeartBaseline};

/// Days of the recent mean.
const RECENT_DAYS: i64 = 7;
/// Most days before them that the baseline stands on.
const BASELINE_DAYS: i64 = 60;
/// z below which a day counts as low.
const LOW_Z: f64 = -1.5;

/// Nightly ln RMSSD, a value a local day. State: 67 nights.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HeartNights {
    nights: VecDeque<(i64, f64)>,
    /// Days in a row, up to the last one fed, with a low z.
    low_days: u32,
}

impl HeartNights {
    /// No nights yet.
    pub const fn new() -> Self {
        Self { nights: VecDeque::new(), low_days: 0 }
    }

    /// Takes in the ln RMSSD (ms) of the night that ends on a local day, of windows that passed the
    /// quality gate, and tells whether it counts: it must be finite, and of a later day than all.
    pub fn feed(&mut self, day: i64, ln_rmssd: f64) -> bool {
        let newest = self.nights.back().map(|(newest, _)| *newest);
        if !ln_rmssd.is_finite() || newest.is_some_and(|newest| day <= newest) {
            return false;
        }
        self.nights.push_back((day, ln_rmssd));
        let oldest = day.saturating_sub(RECENT_DAYS + BASELINE_DAYS);
        let gone = self.nights.partition_point(|(day, _)| *day <= oldest);
        self.nights.drain(..gone);
        let low = self.value(day).and_then(|base| base.z()).is_some_and(|z| z < LOW_Z);
        let in_a_row = newest.is_none_or(|newest| day == newest.saturating_add(1));
        self.low_days = match (low, in_a_row) {
            (true, true) => self.low_days.saturating_add(1),
            (true, false) => 1,
            (false, _) => 0,
        };
        true
    }

    /// The last 7 days to `today` against the up to 60 before them; none without nights in both,
    /// or with a single one before.
    pub fn value(&self, today: i64) -> Option<HeartBaseline> {
        let recent_from = today.saturating_sub(RECENT_DAYS);
        let (from, until) = (recent_from.saturating_sub(BASELINE_DAYS), today.saturating_add(1));
        let (recent, recent_n) = self.sum(recent_from + 1, until, |value| value);
        let (sum, nights) = self.sum(from + 1, recent_from + 1, |value| value);
        if recent_n == 0 || nights < 2 {
            return None;
        }
        let mean = sum / f64::from(nights);
        let (squares, _) =
            self.sum(from + 1, recent_from + 1, |value| (value - mean) * (value - mean));
        let sd = libm::sqrt(squares / f64::from(nights - 1));
        Some(HeartBaseline { ln_rmssd_7d: recent / f64::from(recent_n), mean, sd, nights })
    }

    /// Days in a row, up to the last one fed, with z below -1.5.
    pub const fn low_days(&self) -> u32 {
        self.low_days
    }

    /// Sum over the nights of days `[from, until)`, and their number.
    fn sum(&self, from: i64, until: i64, of: impl Fn(f64) -> f64) -> (f64, u32) {
        self.nights
            .iter()
            .filter(|(day, _)| from <= *day && *day < until)
            .fold((0.0, 0), |(sum, n), (_, value)| (sum + of(*value), n + 1))
    }
}

impl HeartBaseline {
    /// The week's mean in standard deviations from the baseline, clipped to ±3; none below 14
    /// nights or without spread.
    pub fn z(&self) -> Option<f64> {
        let known = self.nights >= BASELINE_NIGHTS && self.sd > 0.0;
        known.then(|| ((self.ln_rmssd_7d - self.mean) / self.sd).clamp(-3.0, 3.0))
    }
}

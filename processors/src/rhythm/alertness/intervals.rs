//! Intervals of absolute time, and where daily spans of the local clock fall.

use alloc::vec::Vec;

use serde::{Deserialize, Serialize};
use zeitgeber_schemas::ProfileBody;

use super::super::local::{self, DAY_MIN};
use super::DAY_MS;

/// From an instant until before another, ms UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Interval {
    /// Its first instant.
    pub from_ms: i64,
    /// The first instant after it.
    pub until_ms: i64,
}

impl Interval {
    /// Whether an instant lies within.
    pub const fn holds(&self, at_ms: i64) -> bool {
        self.from_ms <= at_ms && at_ms < self.until_ms
    }
}

/// Where a daily span of clock minutes, which may pass midnight, falls within the 24 hours after
/// an instant: whole occurrences in order of time, also those under way at either end. A span
/// that ends where it starts never falls.
pub fn daily(profile: &ProfileBody, start_min: u32, end_min: u32, now_ms: i64) -> Vec<Interval> {
    let (start, end) = (i64::from(start_min) % DAY_MIN, i64::from(end_min) % DAY_MIN);
    let length = (end - start).rem_euclid(DAY_MIN);
    let today = local::day(profile, local::minute_of(now_ms));
    (today - 1..=today + 2)
        .map(|day| day * DAY_MIN + start)
        .map(|local| Interval {
            from_ms: local::ms(local::instant(profile, local)),
            until_ms: local::ms(local::instant(profile, local + length)),
        })
        .filter(|span| span.until_ms > now_ms && span.from_ms < now_ms.saturating_add(DAY_MS))
        .filter(|span| span.from_ms < span.until_ms)
        .collect()
}

/// What somebody who keeps to the usual sleep has done since the last waking before an instant: from
/// when on they were asleep or not. Nothing where there is no usual sleep.
pub(super) fn usual_so_far(
    profile: &ProfileBody,
    now_ms: i64,
) -> impl Iterator<Item = (i64, bool)> {
    let (start, end) = (profile.sleep_start_min, profile.sleep_end_min);
    let (mut woke, mut slept) = (None, None);
    for sleep in daily(profile, start, end, now_ms.saturating_sub(DAY_MS)) {
        if sleep.until_ms <= now_ms {
            woke = Some((sleep.until_ms, false));
        } else if sleep.from_ms <= now_ms {
            slept = Some((sleep.from_ms, true));
        }
    }
    woke.into_iter().chain(slept)
}

/// The local clock time of an instant, h.
pub fn clock_hours(profile: &ProfileBody, at_ms: i64) -> f64 {
    let offset_ms = local::ms(local::offset(profile, local::minute_of(at_ms)));
    at_ms.saturating_add(offset_ms).rem_euclid(DAY_MS) as f64 / 3_600_000.0
}

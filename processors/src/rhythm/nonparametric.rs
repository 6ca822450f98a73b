//! Non-parametric rhythm: interdaily stability and intradaily variability of hours (Witting 1990,
//! Van Someren 1999; population form), and the least and most active hours of the mean day.

use alloc::{vec, vec::Vec};

use serde::{Deserialize, Serialize};

use super::window::{Hour, Totals};
use crate::exact;

/// Valid minutes that an hour needs.
pub(crate) const HOUR_MINUTES: u32 = 30;

/// What the hours of a series tell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Variability {
    pub(crate) n_hours: u32,
    pub(crate) is: Option<f64>,
    pub(crate) iv: Option<f64>,
}

/// The least active 5 h and the most active 10 h of the mean day (Van Someren 1999).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Extremes {
    /// Mean of the least active 5 h, in the signal's unit.
    pub l5: f64,
    /// When they begin, minute of the local day.
    pub l5_onset_min: u32,
    /// Mean of the most active 10 h.
    pub m10: f64,
    /// When they begin, minute of the local day.
    pub m10_onset_min: u32,
    /// Relative amplitude `(m10 - l5) / (m10 + l5)`; none where both are 0.
    pub ra: Option<f64>,
}

/// Means of the hours that have at least `least` values.
pub(crate) fn hour_means(hours: &[Hour], least: u32) -> Vec<(Option<f64>, u8)> {
    let mean = |hour: &Hour| exact::signal_value(hour.sum) / f64::from(hour.count);
    hours.iter().map(|hour| ((hour.count >= least).then(|| mean(hour)), hour.of_day)).collect()
}

/// IS and IV of a minute series' hours.
pub(crate) fn minute_variability(totals: &Totals) -> Variability {
    variability(&hour_means(&totals.hours, HOUR_MINUTES))
}

/// IS and IV of hours in order, each with its hour of the day. Differences are taken between
/// adjacent valid hours only, and deviations from the mean of all valid hours.
pub(crate) fn variability(hours: &[(Option<f64>, u8)]) -> Variability {
    let (mut n, mut sum) = (0u32, 0.0);
    let mut of_day = [(0.0, 0u32); 24];
    for (mean, hour) in hours.iter().filter_map(|(mean, hour)| mean.map(|mean| (mean, *hour))) {
        let slot = &mut of_day[usize::from(hour % 24)];
        *slot = (slot.0 + mean, slot.1 + 1);
        (n, sum) = (n + 1, sum + mean);
    }
    let grand = sum / f64::from(n);
    let (mut squares, mut steps, mut pairs, mut before) = (0.0, 0.0, 0u32, None);
    for (mean, _) in hours {
        if let Some(mean) = mean {
            squares += (mean - grand) * (mean - grand);
        }
        if let (Some(mean), Some(before)) = (*mean, before) {
            let step: f64 = mean - before;
            (steps, pairs) = (steps + step * step, pairs + 1);
        }
        before = *mean;
    }
    let (mut between, mut filled) = (0.0, 0u32);
    for (sum, count) in of_day.into_iter().filter(|(_, count)| *count > 0) {
        let deviation = sum / f64::from(count) - grand;
        (between, filled) = (between + deviation * deviation, filled + 1);
    }
    let varies = squares > 0.0;
    Variability {
        n_hours: n,
        is: varies.then(|| f64::from(n) * between / (f64::from(filled) * squares)),
        iv: (varies && pairs > 0).then(|| (steps / f64::from(pairs)) / (squares / f64::from(n))),
    }
}

/// L5, M10 and relative amplitude of a minute series; none where the mean day has a hole. Ties go
/// to the earliest clock minute.
pub(crate) fn extremes(totals: &Totals) -> Option<Extremes> {
    of_mean_day(totals.sums.iter().copied().zip(totals.counts.iter().copied()), 60)
}

/// The same of an hourly series, each hour standing for its mean.
pub(crate) fn hour_extremes(hours: &[Hour]) -> Option<Extremes> {
    let mut bins = [(0i64, 0u32); 24];
    for hour in hours.iter().filter(|hour| hour.count > 0) {
        let bin = &mut bins[usize::from(hour.of_day % 24)];
        *bin = (bin.0 + hour.sum / i64::from(hour.count), bin.1 + 1);
    }
    of_mean_day(bins.into_iter(), 1)
}

/// Of a day of bins, each the sum and the number of its values, `per_hour` of them in an hour.
fn of_mean_day(
    day: impl ExactSizeIterator<Item = (i64, u32)> + Clone,
    per_hour: usize,
) -> Option<Extremes> {
    if day.clone().any(|(_, count)| count == 0) {
        return None;
    }
    let means: Vec<f64> =
        day.map(|(sum, count)| exact::signal_value(sum) / f64::from(count)).collect();
    // The sum of the means before each bin, to where the last window ends.
    let mut before = vec![0.0; 34 * per_hour];
    let (mut sum, around) = (0.0, means.iter().chain(&means));
    for (place, mean) in before[1..].iter_mut().zip(around) {
        sum += mean;
        *place = sum;
    }
    let bin_min = 60 / per_hour as u32;
    let (l5, l5_onset) = extreme(&before, 24 * per_hour, 5 * per_hour, |new, best| new < best);
    let (m10, m10_onset) = extreme(&before, 24 * per_hour, 10 * per_hour, |new, best| new > best);
    let ra = (m10 + l5 > 0.0).then(|| (m10 - l5) / (m10 + l5));
    Some(Extremes {
        l5,
        l5_onset_min: l5_onset * bin_min,
        m10,
        m10_onset_min: m10_onset * bin_min,
        ra,
    })
}

/// The best window of `width` bins, by its mean, and at which of the day's bins it starts.
fn extreme(
    before: &[f64],
    bins: usize,
    width: usize,
    better: impl Fn(f64, f64) -> bool,
) -> (f64, u32) {
    let (mut total, mut start) = (before[width] - before[0], 0);
    let mean = |total: f64| total / width as f64;
    for (at, (from, to)) in (0..).zip(before.iter().zip(&before[width..]).take(bins)) {
        // A better mean has a better total; few of the windows need the division.
        let found = to - from;
        if better(found, total) && better(mean(found), mean(total)) {
            (total, start) = (found, at);
        }
    }
    (mean(total), start)
}

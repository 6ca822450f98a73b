//! Time-domain variability: how far intervals spread, and how far neighbours differ.
//!
//! Spread follows Welford's recurrence, so that nothing cancels over a day of beats and the state
//! is a handful of numbers however many intervals pass (Task Force 1996; SD1 and SD2 from Brennan
//! 2001).

use alloc::vec::Vec;
use core::f64::consts::SQRT_2;

use serde::{Deserialize, Serialize};

use super::clean::Judgement;

/// Running mean and spread.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub(super) struct Spread {
    n: u64,
    mean: f64,
    squares: f64,
}

impl Spread {
    pub(super) const fn new() -> Self {
        Self { n: 0, mean: 0.0, squares: 0.0 }
    }

    pub(super) fn feed(&mut self, value: f64) {
        self.n += 1;
        let from_before = value - self.mean;
        self.mean += from_before / self.n as f64;
        self.squares += from_before * (value - self.mean);
    }

    pub(super) fn mean(&self) -> Option<f64> {
        (self.n > 0).then_some(self.mean)
    }

    /// Standard deviation with n - 1.
    pub(super) fn deviation(&self) -> Option<f64> {
        (self.n > 1).then(|| libm::sqrt(self.squares / (self.n - 1) as f64))
    }
}

/// Sums over intervals between normal beats, fed in order of time.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct TimeDomain {
    intervals: Spread,
    differences: Spread,
    difference_squares: f64,
    rates: f64,
    over_50: u64,
    over_20: u64,
    /// Shortest and longest interval, ms.
    range_ms: Option<(f64, f64)>,
    last_ms: Option<f64>,
}

/// Time-domain features of a stretch of intervals; those that need more of them are none.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TimeFeatures {
    /// Intervals.
    pub n: u64,
    /// Differences between adjacent intervals.
    pub n_diff: u64,
    /// Mean interval, ms.
    pub mean_nn_ms: f64,
    /// Standard deviation of the intervals, ms.
    pub sdnn_ms: Option<f64>,
    /// Root mean square of the differences, ms.
    pub rmssd_ms: Option<f64>,
    /// Standard deviation of the differences, ms.
    pub sdsd_ms: Option<f64>,
    /// Differences of more than 50 ms.
    pub nn50: u64,
    /// Differences of more than 20 ms.
    pub nn20: u64,
    /// Share of `nn50` among the differences, %.
    pub pnn50: Option<f64>,
    /// Share of `nn20` among the differences, %.
    pub pnn20: Option<f64>,
    /// Mean of the rates of single intervals, 1/min.
    pub mean_hr: f64,
    /// Rate of the mean interval, 1/min.
    pub hr_of_mean_nn: f64,
    /// Shortest interval, ms.
    pub min_nn_ms: f64,
    /// Longest interval, ms.
    pub max_nn_ms: f64,
    /// Standard deviation of the intervals over their mean.
    pub cvnn: Option<f64>,
    /// Width of the Poincaré plot across the line of identity, ms.
    pub sd1_ms: Option<f64>,
    /// Its length along that line, ms.
    pub sd2_ms: Option<f64>,
    /// Width over length; none if the length is 0.
    pub sd1_sd2: Option<f64>,
}

impl TimeDomain {
    /// Before the first interval.
    pub const fn new() -> Self {
        Self {
            intervals: Spread::new(),
            differences: Spread::new(),
            difference_squares: 0.0,
            rates: 0.0,
            over_50: 0,
            over_20: 0,
            range_ms: None,
            last_ms: None,
        }
    }

    /// Intervals taken in.
    pub const fn count(&self) -> u64 {
        self.intervals.n
    }

    /// Takes in the next interval, ms, as it was judged; a dropped one counts for nothing.
    pub fn feed(&mut self, rr_ms: f64, judgement: Judgement) {
        if !judgement.is_kept() {
            return;
        }
        if let Some(last_ms) = self.last_ms
            && judgement == Judgement::Adjacent
        {
            let difference = rr_ms - last_ms;
            self.differences.feed(difference);
            self.difference_squares += difference * difference;
            self.over_50 += u64::from(difference.abs() > 50.0);
            self.over_20 += u64::from(difference.abs() > 20.0);
        }
        self.intervals.feed(rr_ms);
        self.rates += 60_000.0 / rr_ms;
        let (least, most) = self.range_ms.unwrap_or((rr_ms, rr_ms));
        self.range_ms = Some((least.min(rr_ms), most.max(rr_ms)));
        self.last_ms = Some(rr_ms);
    }

    /// The features; none before the first interval.
    pub fn value(&self) -> Option<TimeFeatures> {
        let mean_nn_ms = self.intervals.mean()?;
        let (min_nn_ms, max_nn_ms) = self.range_ms?;
        let n_diff = self.differences.n;
        let share = |count: u64| (n_diff > 0).then(|| 100.0 * (count as f64 / n_diff as f64));
        let sdnn_ms = self.intervals.deviation();
        let sdsd_ms = self.differences.deviation();
        let sd1_ms = sdsd_ms.map(|sdsd| sdsd / SQRT_2);
        let sd2_ms = sdnn_ms.zip(sd1_ms).map(|(sdnn, sd1)| {
            let square = 2.0 * sdnn * sdnn - sd1 * sd1;
            libm::sqrt(square.max(0.0))
        });
        let ratio = sd1_ms.zip(sd2_ms.filter(|sd2| *sd2 > 0.0)).map(|(sd1, sd2)| sd1 / sd2);
        Some(TimeFeatures {
            n: self.intervals.n,
            n_diff,
            mean_nn_ms,
            sdnn_ms,
            rmssd_ms: (n_diff > 0).then(|| libm::sqrt(self.difference_squares / n_diff as f64)),
            sdsd_ms,
            nn50: self.over_50,
            nn20: self.over_20,
            pnn50: share(self.over_50),
            pnn20: share(self.over_20),
            mean_hr: self.rates / self.intervals.n as f64,
            hr_of_mean_nn: 60_000.0 / mean_nn_ms,
            min_nn_ms,
            max_nn_ms,
            cvnn: sdnn_ms.map(|sdnn| sdnn / mean_nn_ms),
            sd1_ms,
            sd2_ms,
            sd1_sd2: ratio,
        })
    }
}

/// Median of finite intervals, ms: unlike the rest it needs them all at once.
pub fn median(nn_ms: &[f64]) -> Option<f64> {
    let mut sorted: Vec<f64> = nn_ms.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(upper);
    }
    Some((sorted[sorted.len() / 2 - 1] + upper) / 2.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn summed(nn_ms: &[f64]) -> TimeDomain {
        let mut sums = TimeDomain::default();
        for rr_ms in nn_ms {
            sums.feed(*rr_ms, Judgement::Adjacent);
        }
        sums
    }

    #[test]
    fn nothing_has_no_value_and_one_interval_no_spread() {
        assert_eq!(TimeDomain::default().value(), None);
        assert_eq!(median(&[]), None);
        let one = summed(&[800.0]).value().expect("there is an interval");
        assert_eq!((one.mean_nn_ms, one.mean_hr, one.n_diff), (800.0, 75.0, 0));
        assert_eq!((one.sdnn_ms, one.rmssd_ms, one.pnn50, one.sd2_ms), (None, None, None, None));
    }

    #[test]
    fn no_difference_is_taken_across_a_break() {
        let mut sums = summed(&[800.0, 810.0]);
        sums.feed(1200.0, Judgement::AfterBreak);
        sums.feed(400.0, Judgement::Jump);
        sums.feed(1210.0, Judgement::Adjacent);
        let value = sums.value().expect("there are intervals");
        assert_eq!((value.n, value.n_diff, value.rmssd_ms), (4, 2, Some(10.0)));
    }

    proptest! {
        #[test]
        fn running_sums_agree_with_the_definitions(
            nn_ms in prop::collection::vec(300.0..2000.0_f64, 3..200),
        ) {
            let value = summed(&nn_ms).value().expect("there are intervals");
            let n = nn_ms.len() as f64;
            let mean = nn_ms.iter().sum::<f64>() / n;
            let squares: f64 = nn_ms.iter().map(|nn| (nn - mean) * (nn - mean)).sum();
            let sdnn = libm::sqrt(squares / (n - 1.0));
            prop_assert!((value.mean_nn_ms - mean).abs() <= 1e-11 * mean);
            prop_assert!((value.sdnn_ms.expect("n > 1") - sdnn).abs() <= 1e-11 * sdnn);
            let steps = nn_ms.windows(2).map(|pair| pair[1] - pair[0]);
            let rmssd = libm::sqrt(steps.map(|step| step * step).sum::<f64>() / (n - 1.0));
            prop_assert!((value.rmssd_ms.expect("n > 1") - rmssd).abs() <= 1e-11 * rmssd);
        }

        #[test]
        fn serialising_in_mid_stream_changes_no_bit(
            nn_ms in prop::collection::vec(300.0..2000.0_f64, 2..60), at in 0_usize..60,
        ) {
            let at = at.min(nn_ms.len());
            let before = summed(&nn_ms[..at]);
            let text = serde_json::to_string(&before).expect("it can be written");
            let mut after: TimeDomain = serde_json::from_str(&text).expect("it can be read");
            for rr_ms in &nn_ms[at..] {
                after.feed(*rr_ms, Judgement::Adjacent);
            }
            prop_assert_eq!(after, summed(&nn_ms));
        }
    }
}

//! Intervals: by the influence function, by resampling persons, and two that hold for any n.

use alloc::{vec, vec::Vec};

use super::{
    estimators::{Estimator, Score},
    row::Settings,
    statistics::{critical, percentile},
    sums::{Total, total},
    terms::{Term, Terms},
};
use crate::routing::rng::{GAMMA, mix};

/// How sure two-sided intervals are, each side missing half of the rest.
pub const CONFIDENCE: f64 = 0.95;
/// Share of resamples that may be undefined (no weight in them) before there is no interval.
const UNDEFINED_MAX: f64 = 0.05;
/// Greatest bet of the confidence sequence; below 1.
const BET_MAX: f64 = 0.5;

/// From low to high.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Interval {
    /// 95 % around a value with a standard error from so many independent persons.
    pub fn around(value: f64, se: f64, persons: usize) -> Self {
        let half = if se == 0.0 { 0.0 } else { critical(persons) * se };
        Self { low: value - half, high: value + half }
    }

    /// Whether a value lies in it.
    pub fn contains(&self, value: f64) -> bool {
        self.low <= value && value <= self.high
    }

    /// The part of it between two values.
    pub fn within(self, low: f64, high: f64) -> Self {
        Self { low: self.low.clamp(low, high), high: self.high.clamp(low, high) }
    }

    /// The least interval that holds both.
    pub fn hull(self, other: Self) -> Self {
        Self { low: self.low.min(other.low), high: self.high.max(other.high) }
    }
}

/// The standard error of a mean from its influence function: the spread of the persons' sums, so
/// that rows of one person may depend on each other. With a row a person it is the usual one.
pub fn standard_error(of_rows: &[f64], terms: &Terms) -> f64 {
    let persons = terms.persons();
    if persons < 2 {
        return f64::INFINITY;
    }
    let mut sums = vec![0.0; persons];
    for (at, value) in of_rows.iter().enumerate() {
        sums[terms.person(at)] += value;
    }
    let squares = total(sums.iter().map(|sum| sum * sum));
    let n = terms.len() as f64;
    libm::sqrt(squares * persons as f64 / (persons as f64 - 1.0)) / n
}

/// What resampling gives for an estimator.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Resampled {
    /// Of the value.
    pub value: Interval,
    /// Of the value less that of the log's own policy on the same resampled rows.
    pub difference: Interval,
}

/// Sums of a group of persons for one estimator.
#[derive(Debug, Clone, Copy, Default)]
struct GroupSums {
    plain: f64,
    numerator: f64,
    denominator: f64,
}

/// The percentile bootstrap over persons, numerator and denominator of a ratio together: resample
/// b draws its groups with a counter RNG from (seed, b) alone. None for an estimator of which more
/// than 5 % of the resamples are undefined, and for all where there are fewer than two groups.
///
/// O(replicates * groups * estimators) of time, O(groups * estimators) of memory.
pub fn bootstrap(
    terms: &Terms,
    estimators: &[Estimator],
    settings: &Settings,
) -> Vec<Option<Resampled>> {
    let groups = terms.groups();
    let mut rows = vec![0.0; groups];
    (0..terms.len()).for_each(|at| rows[terms.group(at)] += 1.0);
    let column = |score: &dyn Fn(&Term) -> Score| grouped(terms, score);
    let columns: Vec<[Vec<GroupSums>; 2]> = estimators
        .iter()
        .map(|one| {
            let of_log = column(&|term| one.score_of_log(term, settings));
            [column(&|term| one.score(term, settings)), of_log]
        })
        .collect();
    let mut values = vec![Vec::new(); estimators.len()];
    let mut differences = vec![Vec::new(); estimators.len()];
    let mut counts = vec![0.0; groups];
    let replicates = if groups < 2 { 0 } else { settings.replicates };
    for replicate in 0..replicates {
        resample(&mut counts, settings.seed, replicate);
        let n: f64 = counts.iter().zip(&rows).map(|(count, rows)| count * rows).sum();
        for (at, column) in columns.iter().enumerate() {
            let [value, of_log] = column.each_ref().map(|own| resampled_value(&counts, own, n));
            if let (Some(value), Some(of_log)) = (value, of_log) {
                values[at].push(value);
                differences[at].push(value - of_log);
            }
        }
    }
    let least = f64::from(replicates) * (1.0 - UNDEFINED_MAX);
    let both = values.into_iter().zip(differences);
    both.map(|(values, differences)| {
        let enough = !values.is_empty() && values.len() as f64 >= least;
        let interval = |values: Vec<f64>| percentiles(values).filter(|_| enough);
        Some(Resampled { value: interval(values)?, difference: interval(differences)? })
    })
    .collect()
}

fn grouped(terms: &Terms, score: &dyn Fn(&Term) -> Score) -> Vec<GroupSums> {
    let mut sums = vec![GroupSums::default(); terms.groups()];
    for (at, term) in terms.iter().enumerate() {
        let Score { plain, numerator, denominator } = score(term);
        let sum = &mut sums[terms.group(at)];
        sum.plain += plain;
        sum.numerator += numerator;
        sum.denominator += denominator;
    }
    sums
}

/// How often each group is drawn, as many draws as there are groups.
fn resample(counts: &mut [f64], seed: i64, replicate: u32) {
    counts.fill(0.0);
    let start = mix(seed as u64 ^ mix(u64::from(replicate).wrapping_add(GAMMA)));
    for draw in 1..=counts.len() as u64 {
        let bits = mix(start.wrapping_add(GAMMA.wrapping_mul(draw)));
        counts[((u128::from(bits) * counts.len() as u128) >> 64) as usize] += 1.0;
    }
}

/// None where the estimator's weights are to be normalised and none was drawn.
fn resampled_value(counts: &[f64], column: &[GroupSums], n: f64) -> Option<f64> {
    let (mut plain, mut numerator, mut denominator) = (0.0, 0.0, 0.0);
    for (count, sums) in counts.iter().zip(column) {
        plain += count * sums.plain;
        numerator += count * sums.numerator;
        denominator += count * sums.denominator;
    }
    let is_normalised = column.iter().any(|sums| sums.denominator != 0.0);
    match (is_normalised, denominator == 0.0) {
        (true, true) => None,
        (true, false) => Some(plain / n + numerator / denominator),
        (false, _) => Some(plain / n),
    }
}

fn percentiles(mut values: Vec<f64>) -> Option<Interval> {
    values.sort_unstable_by(f64::total_cmp);
    let low = percentile(&values, 0.5 - 0.5 * CONFIDENCE)?;
    let high = percentile(&values, 0.5 + 0.5 * CONFIDENCE)?;
    Some(Interval { low, high })
}

/// The empirical-Bernstein lower bound of the mean of values within `range` of each other, wrong
/// with probability `delta` (Maurer, Pontil 2009, theorem 4). None of fewer than two.
pub fn bernstein_lower(values: &[f64], range: f64, delta: f64) -> Option<f64> {
    let (mean, variance) = mean_and_variance(values)?;
    let (n, log) = (values.len() as f64, libm::log(2.0 / delta));
    Some(mean - libm::sqrt(2.0 * variance * log / n) - 7.0 * range * log / (3.0 * (n - 1.0)))
}

/// Mean and unbiased variance. None of fewer than two.
pub(super) fn mean_and_variance(values: &[f64]) -> Option<(f64, f64)> {
    if values.len() < 2 {
        return None;
    }
    let n = values.len() as f64;
    let mean = total(values.iter().copied()) / n;
    let squares = total(values.iter().map(|value| (value - mean) * (value - mean)));
    Some((mean, squares / (n - 1.0)))
}

/// Bounds of the candidate's value that hold at any number of persons, 95 % for both together.
///
/// Each is an empirical-Bernstein bound of what clipped weights earn over the least reward (clipping
/// only lowers it, so the bound needs nothing of the weights); the upper one is the lower one of the
/// reward turned round. Persons are the independent units.
pub fn finite_sample(terms: &Terms, range: (f64, f64), clip: f64) -> Option<Interval> {
    let (least, greatest) = range;
    let width = greatest - least;
    let largest = (0..terms.len()).fold(vec![0_u32; terms.persons()], |mut sizes, at| {
        sizes[terms.person(at)] += 1;
        sizes
    });
    let largest = largest.into_iter().max()?;
    let scale = terms.persons() as f64 / terms.len() as f64;
    let delta = 0.5 * (1.0 - CONFIDENCE);
    let bound = |gain: &dyn Fn(f64) -> f64| {
        let mut sums = vec![0.0; terms.persons()];
        for (at, term) in terms.iter().enumerate() {
            sums[terms.person(at)] += term.weight.min(clip) * gain(term.reward) * scale;
        }
        bernstein_lower(&sums, clip * width * f64::from(largest) * scale, delta)
    };
    let low = least + bound(&|reward| reward - least)?;
    let high = greatest - bound(&|reward| greatest - reward)?;
    Some(Interval { low, high }.within(least, greatest))
}

/// The anytime-valid interval at the end of the log: the empirical-Bernstein confidence sequence
/// with predictable plug-in bets for importance-weighted rewards (Waudby-Smith, Wu, Ramdas,
/// Karampatziakis, Mineiro, arXiv:2210.10768). One may look at it after every decision: the
/// probability that it ever misses is 5 %. It takes each row's weighted reward, given the rows
/// before, to be the candidate's value on average, also in a log whose policy learnt.
pub fn confidence_sequence(terms: &Terms, range: (f64, f64)) -> Option<Interval> {
    let (least, greatest) = range;
    let width = greatest - least;
    if terms.is_empty() || width <= 0.0 {
        return None;
    }
    let order = terms.by_time();
    let bound = |gain: &dyn Fn(f64) -> f64| {
        let gains = order.iter().map(|&at| {
            let term = &terms.all[at];
            term.weight * gain(term.reward) / width
        });
        sequence_lower(gains, 0.5 * (1.0 - CONFIDENCE))
    };
    let low = least + width * bound(&|reward| reward - least);
    let high = greatest - width * bound(&|reward| greatest - reward);
    Some(Interval { low, high }.within(least, greatest))
}

/// The lower confidence sequence of the mean of values that are not below 0 and whose mean is at
/// most 1, after the last of them.
fn sequence_lower(values: impl Iterator<Item = f64>, delta: f64) -> f64 {
    let log = libm::log(1.0 / delta);
    let (mut bets, mut won, mut spent) = (Total::default(), Total::default(), Total::default());
    let (mut sum, mut squares, mut t) = (0.5_f64, 0.25_f64, 1.0_f64);
    for value in values {
        let guess = (sum / t).min(1.0);
        let variance = squares / t;
        let bet = libm::sqrt(2.0 * log / (variance * t * libm::log1p(t))).min(BET_MAX);
        let apart = value - guess;
        bets.add(bet);
        won.add(bet * value);
        spent.add(apart * apart * (-libm::log1p(-bet) - bet));
        sum += value;
        t += 1.0;
        squares += (value - sum / t) * (value - sum / t);
    }
    (won.value() - log - spent.value()) / bets.value()
}

//! Drift of the context: each feature in the newest week against all before it.
//!
//! Counted by day, since which week is the newest is known at the end alone. The mean is told as
//! standardised mean difference, (new - old) / sqrt((var new + var old) / 2); the distribution as
//! population stability index, sum (new - old) ln(new / old) over the old one's tenths.

use alloc::{collections::BTreeMap, vec, vec::Vec};

use zeitgeber_schemas::DecisionMade;

use super::{
    judge::Level,
    thresholds::{DRIFT_MIN, MEAN, STABILITY},
};
use crate::exact::FEATURE_ONE;

const DAY_MS: i64 = 86_400_000;
const WEEK_DAYS: i64 = 7;
/// Bins of a feature, each 1/8 wide, the outer ones open.
const BINS: usize = 64;
const BIN_UNITS: i32 = 512;
/// The old distribution is cut into this many parts.
const PARTS: f64 = 10.0;
/// What an empty part counts as, decisions.
const EMPTY: f64 = 0.5;

/// Features by day since 1970 (UTC).
#[derive(Debug, Clone, Default)]
pub(super) struct Drift(BTreeMap<i64, Vec<Tally>>);

/// One feature.
#[derive(Debug, Clone)]
struct Tally {
    n: u64,
    sum: i128,
    squares: i128,
    bins: [u32; BINS],
}

/// How far a feature moved.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct FeatureDrift {
    /// Its number, from 0.
    pub feature: usize,
    /// Mean before the newest week.
    pub before: f64,
    /// Mean in the newest week.
    pub newest: f64,
    /// Standardised mean difference.
    pub standardised: f64,
    /// Population stability index.
    pub stability_index: f64,
    /// The worse of both, by their thresholds.
    pub level: Level,
}

impl Drift {
    pub(super) fn add(&mut self, event: &DecisionMade) {
        let day = self.0.entry(event.at_ms.div_euclid(DAY_MS)).or_default();
        if day.len() < event.features.len() {
            day.resize(event.features.len(), Tally::EMPTY);
        }
        for (tally, &x) in day.iter_mut().zip(&event.features) {
            tally.add(x);
        }
    }

    pub(super) fn merge(&mut self, other: Self) {
        for (day, features) in other.0 {
            merge(self.0.entry(day).or_default(), &features);
        }
    }

    /// Every feature's drift; none where there is too little before or in the newest week.
    pub(super) fn judge(&self) -> Option<Vec<FeatureDrift>> {
        let newest_day = *self.0.keys().next_back()?;
        let (mut old, mut new) = (Vec::new(), Vec::new());
        for (day, features) in &self.0 {
            let is_new = *day > newest_day - WEEK_DAYS;
            merge(if is_new { &mut new } else { &mut old }, features);
        }
        let enough = |all: &[Tally]| all.first().is_some_and(|tally| tally.n >= DRIFT_MIN);
        if !enough(&old) || !enough(&new) {
            return None;
        }
        let both = old.iter().zip(&new).enumerate();
        Some(both.map(|(feature, (old, new))| apart(feature, old, new)).collect())
    }
}

fn merge(into: &mut Vec<Tally>, other: &[Tally]) {
    if into.len() < other.len() {
        into.resize(other.len(), Tally::EMPTY);
    }
    for (own, other) in into.iter_mut().zip(other) {
        own.n += other.n;
        own.sum += other.sum;
        own.squares += other.squares;
        own.bins.iter_mut().zip(other.bins).for_each(|(own, other)| *own += other);
    }
}

fn apart(feature: usize, old: &Tally, new: &Tally) -> FeatureDrift {
    let pooled = libm::sqrt((old.variance() + new.variance()) / 2.0);
    // A feature that never moved is known to one step of its grid.
    let standardised = (new.mean() - old.mean()) / pooled.max(1.0 / FEATURE_ONE);
    let stability_index = stability(old, new);
    let mean = Level::from(libm::fabs(standardised), MEAN);
    let level = mean.max(Level::from(stability_index, STABILITY));
    FeatureDrift {
        feature,
        before: old.mean(),
        newest: new.mean(),
        standardised,
        stability_index,
        level,
    }
}

/// The index over parts of the old distribution that hold a tenth each, as far as bins allow.
fn stability(old: &Tally, new: &Tally) -> f64 {
    let mut parts = vec![(0.0, 0.0)];
    for (&old_count, &new_count) in old.bins.iter().zip(&new.bins) {
        let full = parts.last().is_some_and(|part: &(f64, f64)| part.0 >= old.n as f64 / PARTS);
        if full {
            parts.push((0.0, 0.0));
        }
        if let Some(part) = parts.last_mut() {
            *part = (part.0 + f64::from(old_count), part.1 + f64::from(new_count));
        }
    }
    // What is left behind the last full part belongs to it.
    if parts.len() > 1
        && let Some(rest) = parts.pop_if(|part| part.0 < old.n as f64 / PARTS / 2.0)
        && let Some(last) = parts.last_mut()
    {
        *last = (last.0 + rest.0, last.1 + rest.1);
    }
    let share = |count: f64, n: u64| count.max(EMPTY) / n as f64;
    parts.iter().fold(0.0, |sum, (before, after)| {
        let (before, after) = (share(*before, old.n), share(*after, new.n));
        sum + (after - before) * libm::log(after / before)
    })
}

impl Tally {
    const EMPTY: Self = Self { n: 0, sum: 0, squares: 0, bins: [0; BINS] };

    fn add(&mut self, x: i32) {
        self.n += 1;
        self.sum += i128::from(x);
        self.squares += i128::from(x) * i128::from(x);
        let bin = x.div_euclid(BIN_UNITS) + BINS as i32 / 2;
        self.bins[bin.clamp(0, BINS as i32 - 1) as usize] += 1;
    }

    fn mean(&self) -> f64 {
        self.sum as f64 / self.n.max(1) as f64 / FEATURE_ONE
    }

    fn variance(&self) -> f64 {
        let n = self.n.max(1) as i128;
        let squares = n * self.squares - self.sum * self.sum;
        squares as f64 / (n * n) as f64 / (FEATURE_ONE * FEATURE_ONE)
    }
}

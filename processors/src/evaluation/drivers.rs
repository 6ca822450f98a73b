//! Which decisions drive a result, and how far wrong propensities would move it.

use alloc::{boxed::Box, vec::Vec};

use super::{intervals::Interval, sums::total, terms::Terms};

/// How many driving decisions are told.
pub(super) const DRIVERS: usize = 20;

/// A decision that moves the doubly robust estimate much.
#[derive(Debug, Clone, PartialEq)]
pub struct Driver {
    /// The decision.
    pub id: Box<str>,
    /// The arm that was chosen.
    pub arm: u32,
    /// Its weight.
    pub weight: f64,
    /// Its reward.
    pub reward: f64,
    /// Its share of the squared influence of all decisions, which is the estimate's variance.
    pub share: f64,
}

/// What the self-normalised estimate could be if every propensity were wrong by up to a share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sensitivity {
    /// The share.
    pub error: f64,
    /// From the worst to the best case (a marginal sensitivity model; Tan 2006).
    pub range: Interval,
}

/// The decisions with the greatest influence; of equals the first by id.
pub(super) fn drivers(terms: &Terms, influence: &[f64]) -> Vec<Driver> {
    let all = total(influence.iter().map(|value| value * value));
    let mut places: Vec<usize> = (0..terms.len()).collect();
    let size = |at: &usize| libm::fabs(influence[*at]);
    places.sort_by(|one, other| size(other).total_cmp(&size(one)));
    let told = places.into_iter().take(DRIVERS);
    told.map(|at| {
        let term = &terms.all[at];
        let share = if all > 0.0 { influence[at] * influence[at] / all } else { 0.0 };
        let (arm, weight, reward) = (term.arm, term.weight, term.reward);
        Driver { id: term.id.clone(), arm, weight, reward, share }
    })
    .collect()
}

/// How many equally influential decisions would give the variance's own precision: the effective
/// sample size of the squared influence. Few mean that the standard error is itself a guess.
pub(super) fn decisions_behind(influence: &[f64]) -> f64 {
    let squares: Vec<f64> = influence.iter().map(|value| value * value).collect();
    super::overlap::sum_and_ess(&squares).1
}

/// None where no weight is above 0.
pub(super) fn sensitivity(terms: &Terms, error: f64) -> Option<Sensitivity> {
    let mut rows: Vec<(f64, f64)> = terms.iter().map(|term| (term.reward, term.weight)).collect();
    rows.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.total_cmp(&other.1)));
    let low = extreme(rows.iter().copied(), error)?;
    let turned = rows.iter().rev().map(|&(reward, weight)| (-reward, weight));
    let high = -extreme(turned, error)?;
    Some(Sensitivity { error, range: Interval { low, high } })
}

/// The least self-normalised mean of rewards, which ascend: weights of some first rows as great as
/// they may be, of the others as small.
fn extreme(rows: impl Iterator<Item = (f64, f64)> + Clone, error: f64) -> Option<f64> {
    let (more, less) = (1.0 + error, 1.0 / (1.0 + error));
    let mut weights = total(rows.clone().map(|(_, weight)| weight * less));
    let mut rewards = total(rows.clone().map(|(reward, weight)| reward * weight * less));
    if weights <= 0.0 {
        return None;
    }
    let mut least = rewards / weights;
    for (reward, weight) in rows {
        weights += weight * (more - less);
        rewards += reward * weight * (more - less);
        least = least.min(rewards / weights);
    }
    Some(least)
}

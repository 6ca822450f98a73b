//! One logged decision with what the candidate would have done, and what is set beforehand.

use crate::routing::rng::mix;

/// How far a distribution's sum may lie from 1 before it counts as wrong.
pub(super) const MASS_TOLERANCE: f64 = 1e-6;
/// How far the logged probability of the chosen arm may lie from the distribution's entry.
const PROPENSITY_TOLERANCE: f64 = 1e-9;
/// Greatest magnitude of a reward.
const REWARD_MAX: f64 = 1_000_000.0;

/// A decision of the log. Arms and segments are numbers from 0, below what was announced.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    /// The decision.
    pub id: &'a str,
    /// Whom it was about; rows of one person may depend on each other.
    pub person: &'a str,
    /// When, ms.
    pub at_ms: i64,
    /// The group of contexts that it belongs to; 0 where there is one group.
    pub segment: u32,
    /// Arms that could be chosen.
    pub eligible: &'a [u32],
    /// The arm that was chosen.
    pub chosen: u32,
    /// The probability with which it was to be chosen.
    pub propensity: f64,
    /// The whole logged distribution, in `eligible`'s order, where it is known.
    pub propensities: Option<&'a [f64]>,
    /// What came of it; none where no feedback came.
    pub reward: Option<f64>,
    /// Features on the grid 2^-12, for an outcome model that uses them.
    pub x: &'a [i32],
    /// The part of the log, for cross-fitting: see [`fold_of`].
    pub fold: u32,
    /// The candidate's distribution, in `eligible`'s order.
    pub target: &'a [f64],
}

/// Why a row cannot be weighed at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowFault {
    /// A distribution has another number of entries than there are eligible arms.
    Length,
    /// An arm, segment, fold or feature is beyond what was announced, or an arm is eligible twice.
    Unknown,
    /// The chosen arm is not eligible.
    ChosenNotEligible,
    /// The chosen arm's propensity is not above 0 and at most 1.
    Propensity,
    /// A probability is not between 0 and 1.
    Probability,
    /// The logged distribution gives the chosen arm another probability than its propensity.
    Disagree,
    /// The reward is no number, or beyond ±1,000,000.
    Reward,
}

impl RowFault {
    /// What is wrong, and what would be right.
    pub const fn what(self) -> &'static str {
        match self {
            Self::Length => "a distribution needs one probability for each eligible arm",
            Self::Unknown => {
                "an arm, segment or feature is not among those announced, or an arm is eligible \
                 twice"
            }
            Self::ChosenNotEligible => {
                "the chosen arm is not eligible: log the arms that could be chosen before choosing"
            }
            Self::Propensity => {
                "the propensity is not above 0 and at most 1: log the probability with which the \
                 arm was to be chosen, at the time of the choice"
            }
            Self::Probability => "a probability is not between 0 and 1",
            Self::Disagree => {
                "the logged distribution gives the chosen arm another probability than its \
                 propensity"
            }
            Self::Reward => "the reward is no number or beyond 1,000,000 either way: scale it",
        }
    }
}

impl Row<'_> {
    /// Checks what can be seen of the row alone.
    ///
    /// # Errors
    ///
    /// The first fault.
    pub fn check(&self) -> Result<(), RowFault> {
        let is_probability = |p: &f64| (0.0..=1.0 + MASS_TOLERANCE).contains(p);
        let lengths = self.propensities.map_or(self.eligible.len(), <[f64]>::len);
        if self.target.len() != self.eligible.len() || lengths != self.eligible.len() {
            return Err(RowFault::Length);
        }
        let Some(at) = self.chosen_at() else { return Err(RowFault::ChosenNotEligible) };
        if !all_different(self.eligible) {
            return Err(RowFault::Unknown);
        }
        if !(self.propensity > 0.0 && self.propensity <= 1.0 + MASS_TOLERANCE) {
            return Err(RowFault::Propensity);
        }
        let logged = self.propensities.unwrap_or_default();
        if !self.target.iter().chain(logged).all(is_probability) {
            return Err(RowFault::Probability);
        }
        let apart = logged.get(at).map_or(0.0, |p| libm::fabs(p - self.propensity));
        if apart > PROPENSITY_TOLERANCE {
            return Err(RowFault::Disagree);
        }
        if self.reward.is_some_and(|r| r.is_nan() || libm::fabs(r) > REWARD_MAX) {
            return Err(RowFault::Reward);
        }
        Ok(())
    }

    /// Where the chosen arm stands among the eligible ones.
    pub(super) fn chosen_at(&self) -> Option<usize> {
        self.eligible.iter().position(|&arm| arm == self.chosen)
    }
}

fn all_different(arms: &[u32]) -> bool {
    let ascend = arms.windows(2).all(|pair| pair[0] < pair[1]);
    ascend || arms.iter().enumerate().all(|(at, arm)| !arms[..at].contains(arm))
}

/// What becomes of decisions without feedback.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Missing {
    /// They are left out: feedback is missing at random.
    #[default]
    Drop,
    /// Their reward is 0: no answer is an answer, as with conversions.
    Zero,
}

/// What is set beforehand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Seed of the bootstrap.
    pub seed: i64,
    /// Bootstrap resamples.
    pub replicates: u32,
    /// Weights are clipped here, and SWITCH leaves them for the outcome model.
    pub clip: f64,
    /// Lambda of DRos: weights shrink to lambda w / (w^2 + lambda).
    pub shrinkage: f64,
    /// Lambda of the subgaussian weights w / (1 - lambda + lambda w).
    pub subgaussian: f64,
    /// Propensities below this count as weak support.
    pub floor: f64,
    /// Least and greatest reward; none: the log's own, with 0.
    pub reward_range: Option<(f64, f64)>,
    /// What becomes of decisions without feedback.
    pub missing: Missing,
    /// The candidate must be better than the incumbent by this much, in units of the reward.
    pub margin: f64,
    /// By how much, as a share, propensities are taken to be wrong in the sensitivity.
    pub propensity_error: f64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 1,
            replicates: 2_000,
            clip: 10.0,
            shrinkage: 10.0,
            subgaussian: 0.01,
            floor: 0.001,
            reward_range: None,
            missing: Missing::Drop,
            margin: 0.0,
            propensity_error: 0.1,
        }
    }
}

/// The fold of a person: all of one person's rows fall in one, so that no one is predicted from
/// their own rows.
pub fn fold_of(person: &str, folds: u32) -> u32 {
    ((u128::from(mix(key(person))) * u128::from(folds)) >> 64) as u32
}

/// A number for a text, the same everywhere.
pub(super) fn key(text: &str) -> u64 {
    xxhash_rust::xxh3::xxh3_64(text.as_bytes())
}

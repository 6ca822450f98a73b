//! Where the log and the candidate overlap: weights as a whole, by arm and by segment.

use alloc::{vec, vec::Vec};

use super::{intervals::standard_error, sums::total, terms::Terms, weighing::Tally};

/// What the weights look like.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Weights {
    /// Rows.
    pub n: usize,
    /// Effective sample size (sum w)^2 / sum w^2 (Kish 1965).
    pub ess: f64,
    /// Mean; 1 where propensities and support are right.
    pub mean: f64,
    /// Standard error of the mean.
    pub se: f64,
    /// Greatest.
    pub max: f64,
    /// Share of the sum that the greatest 1 % of the weights hold (at least one of them).
    pub top_share: f64,
    /// Share of weights that are 0.
    pub zero_share: f64,
    /// Least propensity of a chosen arm.
    pub propensity_min: f64,
}

/// An arm in the log and under the candidate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ArmShare {
    /// The arm.
    pub arm: u32,
    /// Share of decisions that chose it.
    pub logged: f64,
    /// Share that the logged distributions expect; none where they are not logged.
    pub expected: Option<f64>,
    /// Share that the candidate would choose it.
    pub target: f64,
    /// Effective sample size of the rows that chose it.
    pub ess: f64,
    /// Share of its decisions without feedback.
    pub missing: f64,
}

/// A segment in the log.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SegmentShare {
    /// The segment.
    pub segment: u32,
    /// Decisions.
    pub rows: u64,
    /// Effective sample size.
    pub ess: f64,
    /// Mean weight.
    pub mean_weight: f64,
    /// Greatest weight.
    pub max_weight: f64,
}

impl Weights {
    /// Of some terms.
    pub fn of(terms: &Terms) -> Self {
        let n = terms.len();
        let mut sorted: Vec<f64> = terms.iter().map(|term| term.weight).collect();
        let (sum, ess) = sum_and_ess(&sorted);
        let mean = sum / n.max(1) as f64;
        let apart: Vec<f64> = sorted.iter().map(|w| w - mean).collect();
        let zeros = sorted.iter().filter(|&&w| w == 0.0).count();
        sorted.sort_unstable_by(|one, other| other.total_cmp(one));
        let top = total(sorted.iter().copied().take((n / 100).max(1)));
        Self {
            n,
            ess,
            mean,
            se: standard_error(&apart, terms),
            max: sorted.first().copied().unwrap_or(0.0),
            top_share: if sum > 0.0 { top / sum } else { 0.0 },
            zero_share: zeros as f64 / n.max(1) as f64,
            propensity_min: terms.iter().map(|term| term.propensity).fold(1.0, f64::min),
        }
    }
}

/// The sum, and the effective sample size; 0 where all weights are 0.
pub(super) fn sum_and_ess(weights: &[f64]) -> (f64, f64) {
    let sum = total(weights.iter().copied());
    let squares = total(weights.iter().map(|w| w * w));
    (sum, if squares > 0.0 { sum * sum / squares } else { 0.0 })
}

pub(super) fn by_arm(terms: &Terms, tally: &Tally) -> Vec<ArmShare> {
    let mut weights = vec![Vec::new(); tally.arms.len()];
    terms.iter().for_each(|term| weights[term.arm as usize].push(term.weight));
    let rows = tally.rows.max(1) as f64;
    let share = |(arm, weights): (usize, Vec<f64>)| {
        let of_arm = &tally.arms[arm];
        ArmShare {
            arm: arm as u32,
            logged: of_arm.chosen as f64 / rows,
            expected: (tally.distributions > 0)
                .then(|| of_arm.expected.value() / tally.distributions as f64),
            target: of_arm.target.value() / rows,
            ess: sum_and_ess(&weights).1,
            missing: of_arm.missing as f64 / of_arm.chosen.max(1) as f64,
        }
    };
    weights.into_iter().enumerate().map(share).collect()
}

pub(super) fn by_segment(terms: &Terms, tally: &Tally) -> Vec<SegmentShare> {
    let mut weights = vec![Vec::new(); tally.segment_rows.len()];
    terms.iter().for_each(|term| weights[term.segment as usize].push(term.weight));
    let share = |(segment, weights): (usize, Vec<f64>)| {
        let (sum, ess) = sum_and_ess(&weights);
        SegmentShare {
            segment: segment as u32,
            rows: tally.segment_rows[segment],
            ess,
            mean_weight: sum / weights.len().max(1) as f64,
            max_weight: weights.iter().copied().fold(0.0, f64::max),
        }
    };
    weights.into_iter().enumerate().map(share).collect()
}

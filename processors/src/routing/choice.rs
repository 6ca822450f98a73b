//! One choice: greatest upper confidence bound, mixed with epsilon over the eligible arms.
//!
//! LinUCB alone is deterministic and its log could not say what another policy would have earned.
//! So a share epsilon of the decisions is spread evenly over the eligible arms, and the whole
//! distribution is logged: epsilon / |E| + (1 - epsilon) [a is greedy], whichever way the coin
//! fell.

use alloc::vec::Vec;

use zeitgeber_schemas::Policy;

use super::{learner::LearnerArm, linucb::Score, rng::Draw};

/// An eligible arm with the features it is scored on.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The arm.
    pub arm: &'a LearnerArm,
    /// Features on the grid 2^-12; the same for every arm, or each arm's own.
    pub x: &'a [i32],
}

/// An eligible arm's part in a choice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// Predicted reward.
    pub mean: f64,
    /// Uncertainty of the prediction, before alpha.
    pub width: f64,
    /// mean + alpha * width.
    pub ucb: f64,
    /// Probability with which it was to be chosen.
    pub propensity: f64,
}

/// What was chosen, and from what.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// One for each candidate, in the candidates' order.
    pub scored: Vec<Scored>,
    /// Index of the greatest ucb; of equals the first.
    pub greedy: usize,
    /// Index of the chosen candidate.
    pub chosen: usize,
    /// Whether the coin came up explore. For diagnosis only.
    pub explore: bool,
    /// Probability with which `chosen` was to be chosen.
    pub propensity: f64,
}

/// Chooses among `candidates`, which stand in registration order. None where there is none: no
/// decision is made. A draw for decision `id` decides about exploring.
pub fn choose(candidates: &[Candidate<'_>], policy: &Policy, id: &[u8]) -> Option<Choice> {
    let epsilon = if policy.epsilon > 0.0 { policy.epsilon.min(1.0) } else { 0.0 };
    let share = match candidates.len() {
        0 => return None,
        1 => 1.0,
        len => epsilon / len as f64,
    };
    let mut scored: Vec<Scored> = candidates
        .iter()
        .map(|candidate| {
            let Score { mean, width } = candidate.arm.score(candidate.x);
            Scored { mean, width, ucb: mean + policy.alpha * width, propensity: share }
        })
        .collect();
    let greedy = first_greatest(&scored);
    if scored.len() > 1 {
        scored[greedy].propensity = share + (1.0 - epsilon);
    }
    let draw = Draw::new(policy.seed, id);
    let explore = draw.coin < epsilon;
    let chosen = if explore { draw.index(scored.len()) } else { greedy };
    let propensity = scored[chosen].propensity;
    Some(Choice { scored, greedy, chosen, explore, propensity })
}

fn first_greatest(scored: &[Scored]) -> usize {
    let mut best = 0;
    for (i, one) in scored.iter().enumerate() {
        if one.ucb > scored[best].ucb {
            best = i;
        }
    }
    best
}

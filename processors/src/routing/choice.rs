//! One choice: a policy values the eligible arms, and an arm is drawn from exactly the distribution
//! that is logged.
//!
//! Every policy is one thing: a rule that gives each eligible arm its share of some equally likely
//! draws. A rule that prefers one arm gives it all of one draw; Thompson sampling gives each arm the
//! draws of the posterior that it wins. A choice without randomness could not say what another
//! policy would have earned, so a share epsilon of the decisions is spread evenly over the eligible
//! arms, whatever the rule: propensity(a) = epsilon / |E| + (1 - epsilon) shares(a) / shares. It is
//! logged for every arm, whichever way the coin fell, and the choice is drawn from it: the coin
//! says whether the pick falls among the eligible arms or among the rule's draws. (A pick favours
//! no one of n by more than 2^-64 n.)

use alloc::{string::String, vec::Vec};

use super::{
    learner::LearnerArm,
    linucb::Score,
    rng::{Draw, Normals},
};

/// Most posterior draws of a decision.
pub const DRAWS_MAX: u32 = 4096;

/// How decisions are made.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Which arm is preferred.
    pub rule: Rule,
    /// Share of decisions spread evenly over the eligible arms.
    pub epsilon: f64,
    /// Seed of the draws.
    pub seed: i64,
}

/// Which of the eligible arms is preferred. Of equals it is the first.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// The greatest mean + alpha * width.
    Linucb {
        /// What a unit of width is worth.
        alpha: f64,
    },
    /// The greatest mean: with epsilon, epsilon-greedy.
    Greedy,
    /// The greatest draw from each arm's posterior, normal(mean, (spread * width)^2), independent
    /// between arms (Agrawal, Goyal 2013, "Thompson sampling for contextual bandits with linear
    /// payoffs"). With shared features the posteriors of arms hang together, which is left out.
    Thompson {
        /// Standard deviation of a unit of width.
        spread: f64,
        /// Draws, at most [`DRAWS_MAX`]: propensities are multiples of 1 / draws before epsilon.
        draws: u32,
    },
    /// The first of these names that is eligible; arms not named come after them.
    Fixed {
        /// Names, the most preferred first.
        arms: Vec<String>,
    },
    /// The next after the arm chosen last, in order of registration.
    RoundRobin,
    /// The least load.
    LeastLoaded,
    /// Advanced arms for what is at least this complex, the others for the rest; where none of
    /// those is eligible, any; among several the least load.
    Threshold {
        /// Complexity from which advanced arms are asked for.
        complexity: f64,
    },
}

/// What is decided about.
#[derive(Debug, Clone, Copy)]
pub struct Occasion<'a> {
    /// The decision's id, which keys its draws.
    pub id: &'a [u8],
    /// How complex it is, for thresholds.
    pub complexity: f64,
    /// Place of the arm chosen last, for round robin.
    pub last: Option<u32>,
}

impl<'a> Occasion<'a> {
    /// A decision of no complexity, after no other.
    pub const fn new(id: &'a [u8]) -> Self {
        Self { id, complexity: 0.0, last: None }
    }
}

/// An eligible arm with the features it is scored on.
#[derive(Debug, Clone, Copy)]
pub struct Candidate<'a> {
    /// The arm.
    pub arm: &'a LearnerArm,
    /// Features on the grid 2^-12; the same for every arm, or each arm's own.
    pub x: &'a [i32],
    /// Its place in order of registration, for round robin.
    pub place: u32,
    /// What it bears already, as a share of what it can: for least loaded and thresholds.
    pub load: f64,
    /// It is for what is complex.
    pub advanced: bool,
}

impl<'a> Candidate<'a> {
    /// An arm that bears nothing.
    pub const fn new(arm: &'a LearnerArm, x: &'a [i32]) -> Self {
        Self { arm, x, place: 0, load: 0.0, advanced: false }
    }
}

/// An eligible arm's part in a choice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scored {
    /// Predicted reward.
    pub mean: f64,
    /// Uncertainty of the prediction.
    pub width: f64,
    /// What the rule compares: under LinUCB mean + alpha * width, under Thompson sampling the share
    /// of draws won.
    pub value: f64,
    /// Probability with which it was to be chosen.
    pub propensity: f64,
}

/// What was chosen, and from what.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// One for each candidate, in the candidates' order.
    pub scored: Vec<Scored>,
    /// Index of the greatest value; of equals the first.
    pub greedy: usize,
    /// Index of the chosen candidate.
    pub chosen: usize,
    /// Whether the coin came up explore. For diagnosis only.
    pub explore: bool,
    /// Probability with which `chosen` was to be chosen.
    pub propensity: f64,
}

/// Chooses among `candidates`, which stand in registration order. None where there is none: no
/// decision is made.
pub fn choose(
    candidates: &[Candidate<'_>],
    policy: &Policy,
    occasion: &Occasion<'_>,
) -> Option<Choice> {
    let scores: Vec<Score> = candidates.iter().map(|one| one.arm.score(one.x)).collect();
    choose_scored(candidates, &scores, policy, occasion)
}

/// Chooses among `candidates` with these `scores`, in the same order.
pub fn choose_scored(
    candidates: &[Candidate<'_>],
    scores: &[Score],
    policy: &Policy,
    occasion: &Occasion<'_>,
) -> Option<Choice> {
    let epsilon = if policy.epsilon > 0.0 { policy.epsilon.min(1.0) } else { 0.0 };
    let floor = match candidates.len() {
        0 => return None,
        len => epsilon / len as f64,
    };
    let (values, shares) = valued(candidates, scores, policy, occasion);
    let total: u32 = shares.iter().sum();
    let propensity = |share: u32| match candidates.len() {
        1 => 1.0,
        _ => floor + (1.0 - epsilon) * (f64::from(share) / f64::from(total)),
    };
    let scored: Vec<Scored> = scores
        .iter()
        .zip(values.iter().zip(&shares))
        .map(|(&Score { mean, width }, (&value, &share))| Scored {
            mean,
            width,
            value,
            propensity: propensity(share),
        })
        .collect();
    let draw = Draw::new(policy.seed, occasion.id);
    let explore = draw.coin < epsilon;
    let chosen = if explore { draw.index(scored.len()) } else { drawn(&shares, draw, total) };
    let propensity = scored[chosen].propensity;
    Some(Choice { greedy: first_greatest(&values), scored, chosen, explore, propensity })
}

/// Index of the greatest of some values; of equals the first.
pub fn first_greatest(values: &[f64]) -> usize {
    let mut best = 0;
    for (i, value) in values.iter().enumerate() {
        if *value > values[best] {
            best = i;
        }
    }
    best
}

/// The arm that has the picked draw, draws counted arm after arm.
fn drawn(shares: &[u32], draw: Draw, total: u32) -> usize {
    let mut left = draw.index(total as usize) as u32;
    for (i, &share) in shares.iter().enumerate() {
        if left < share {
            return i;
        }
        left -= share;
    }
    0
}

/// Each arm's value and its share of the rule's draws.
fn valued(
    candidates: &[Candidate<'_>],
    scores: &[Score],
    policy: &Policy,
    occasion: &Occasion<'_>,
) -> (Vec<f64>, Vec<u32>) {
    let mut shares = alloc::vec![0; candidates.len()];
    if let Rule::Thompson { spread, draws } = policy.rule {
        let draws = draws.clamp(1, DRAWS_MAX);
        let mut normals = Normals::new(policy.seed, occasion.id);
        for _ in 0..draws {
            let sample = |score: &Score| score.mean + spread * score.width * normals.draw();
            let samples: Vec<f64> = scores.iter().map(sample).collect();
            shares[first_greatest(&samples)] += 1;
        }
        let won = |share: &u32| f64::from(*share) / f64::from(draws);
        return (shares.iter().map(won).collect(), shares);
    }
    let values: Vec<f64> = candidates
        .iter()
        .zip(scores)
        .map(|(candidate, score)| value(candidate, score, &policy.rule, occasion))
        .collect();
    shares[first_greatest(&values)] = 1;
    (values, shares)
}

fn value(candidate: &Candidate<'_>, score: &Score, rule: &Rule, occasion: &Occasion<'_>) -> f64 {
    match rule {
        Rule::Linucb { alpha } => score.mean + alpha * score.width,
        Rule::Greedy | Rule::Thompson { .. } => score.mean,
        Rule::Fixed { arms } => {
            let named = arms.iter().rev().position(|name| name == candidate.arm.name());
            named.map_or(0.0, |at| at as f64 + 1.0)
        }
        Rule::RoundRobin => {
            let comes_next = occasion.last.is_none_or(|last| candidate.place > last);
            f64::from(u8::from(comes_next))
        }
        Rule::LeastLoaded => -candidate.load,
        Rule::Threshold { complexity } => {
            let asked_for = (occasion.complexity >= *complexity) == candidate.advanced;
            let base = if asked_for { 2.0 } else { 0.0 };
            base - candidate.load.clamp(0.0, 1.0)
        }
    }
}

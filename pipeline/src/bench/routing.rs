//! Measures the learner on one core: decisions, feedback as exact sums, and eager refactoring.
//!
//! A decision scores every arm on one context and takes the greatest upper bound; a choice goes on to
//! the distribution that is logged and the draw from it. Feedback adds an outcome to an arm's sums;
//! eagerly, the arm is derived from its sums each time as well, and put among those that score.
//! Each figure is the best of some rounds, so that what else the machine does shows little.

use std::{
    fmt::Write as _,
    hint::black_box,
    time::{Duration, Instant},
};

use serde::Serialize;
use zeitgeber_processors::routing::{
    choice::{Candidate, Occasion, Policy, Rule, choose_scored, first_greatest},
    lanes::Lanes,
    learner::{Learner, LearnerArm, Observation},
    linucb::{Derived, Score},
    sums::{ArmSums, Change},
};

/// Features and arms of each measurement.
pub const SIZES: [(usize, usize); 3] = [(10, 3), (32, 10), (64, 50)];
/// Rounds of each figure.
const ROUNDS: u32 = 5;
/// How long a round takes at least.
const ROUND: Duration = Duration::from_millis(150);
/// Steps between two looks at the clock.
const STRIDE: usize = 64;
/// Contexts that come round, a power of two.
const CONTEXTS: usize = 256;
/// What each arm has learnt before.
const LEARNT: usize = 200;
/// What a unit of width is worth.
const ALPHA: f64 = 0.5;

/// The figures of one size.
#[derive(Debug, Clone, Serialize)]
pub struct Size {
    /// Features.
    pub d: usize,
    /// Arms.
    pub k: usize,
    /// Decisions a second: every arm's mean, width and bound, and the greatest.
    pub decide_per_s: f64,
    /// The same with the logged distribution and the draw from it.
    pub choose_per_s: f64,
    /// Outcomes a second into the sums.
    pub feedback_per_s: f64,
    /// Outcomes a second, the arm derived each time.
    pub eager_per_s: f64,
    /// Decisions a second with an outcome and a refactoring each.
    pub pairs_per_s: f64,
    /// Arms side by side score as each by itself, bit by bit.
    pub same_bits: bool,
}

/// All figures.
#[derive(Debug, Clone, Serialize)]
pub struct RoutingFigures {
    /// By size.
    pub sizes: Vec<Size>,
}

/// Measures everything; `say` hears what is going on.
pub fn run(mut say: impl FnMut(&str)) -> RoutingFigures {
    let sizes = SIZES.map(|(d, k)| {
        say(&format!("{d} features, {k} arms"));
        Subject::new(d, k).measure()
    });
    RoutingFigures { sizes: sizes.into() }
}

impl RoutingFigures {
    /// Whether every size scored alike side by side and one by one.
    pub fn ok(&self) -> bool {
        self.sizes.iter().all(|size| size.same_bits)
    }

    /// The figures as a table, a row a size.
    pub fn table(&self) -> String {
        let mut text = format!(
            "  {:>4} {:>4} {:>14} {:>14} {:>14} {:>16} {:>14}\n",
            "d", "k", "decide/s", "choose/s", "feedback/s", "eager feedback/s", "eager pairs/s"
        );
        for size in &self.sizes {
            let Size { d, k, decide_per_s, choose_per_s, feedback_per_s, .. } = size;
            let Size { eager_per_s, pairs_per_s, .. } = size;
            // Writing to a string cannot fail.
            let _ = writeln!(
                text,
                "  {d:>4} {k:>4} {decide_per_s:>14.0} {choose_per_s:>14.0} {feedback_per_s:>14.0} \
                 {eager_per_s:>16.0} {pairs_per_s:>14.0}"
            );
        }
        text
    }
}

/// A learner that has learnt something, and what it is asked.
struct Subject {
    d: usize,
    learner: Learner,
    lanes: Lanes,
    contexts: Vec<Vec<i32>>,
    rewards: Vec<i32>,
}

impl Subject {
    fn new(d: usize, k: usize) -> Self {
        let mut noise = super::rhythm::Noise(7);
        let mut grid = |least: f64, most: f64| {
            let value = least + (most - least) * noise.share();
            zeitgeber_processors::exact::feature(value)
        };
        let contexts: Vec<Vec<i32>> =
            (0..CONTEXTS).map(|_| (0..d).map(|_| grid(-1.0, 1.0)).collect()).collect();
        let rewards: Vec<i32> = (0..CONTEXTS).map(|_| grid(0.0, 1.0)).collect();
        let names: Vec<String> = (0..k).map(|arm| format!("arm{arm}")).collect();
        let mut learner = Learner::new(d, 1.0);
        learner.configure(1.0, names.iter().map(|name| (name.as_str(), false)));
        for name in &names {
            learner.absorb((0..LEARNT).map(|at| Observation {
                arm: name,
                incarnation: 0,
                at_ms: 0,
                x: &contexts[at % CONTEXTS],
                change: Change::Learn(rewards[at % CONTEXTS]),
            }));
        }
        let lanes = Lanes::of(learner.arms().iter().map(LearnerArm::derived), d);
        Self { d, learner, lanes, contexts, rewards }
    }

    fn measure(mut self) -> Size {
        let (d, k) = (self.d, self.learner.arms().len());
        let same_bits = self.scores_alike();
        let (decide_per_s, choose_per_s) = (self.decide(), self.choose());
        let feedback_per_s = self.feedback();
        let (eager_per_s, pairs_per_s) = (self.eager(false), self.eager(true));
        Size {
            d,
            k,
            decide_per_s,
            choose_per_s,
            feedback_per_s,
            eager_per_s,
            pairs_per_s,
            same_bits,
        }
    }

    fn scores_alike(&self) -> bool {
        let (mut values, mut out) = (Vec::new(), Vec::new());
        let bits = |score: &Score| (score.mean.to_bits(), score.width.to_bits());
        self.contexts.iter().all(|x| {
            self.lanes.score(x, &mut values, &mut out);
            let own = self.learner.arms().iter().map(|arm| arm.score(x));
            own.zip(&out).all(|(own, lane)| bits(&own) == bits(lane))
        })
    }

    fn decide(&self) -> f64 {
        let (mut values, mut scores, mut bounds) = (Vec::new(), Vec::new(), Vec::new());
        rate(|at| {
            self.lanes.score(&self.contexts[at % CONTEXTS], &mut values, &mut scores);
            bounds.clear();
            bounds.extend(scores.iter().map(|score: &Score| score.mean + ALPHA * score.width));
            black_box(first_greatest(&bounds));
        })
    }

    fn choose(&self) -> f64 {
        let (mut values, mut scores) = (Vec::new(), Vec::new());
        let policy = Policy { rule: Rule::Linucb { alpha: ALPHA }, epsilon: 0.05, seed: 7 };
        let arms = self.learner.arms();
        let mut candidates = Vec::with_capacity(arms.len());
        rate(|at| {
            let x = &self.contexts[at % CONTEXTS];
            self.lanes.score(x, &mut values, &mut scores);
            candidates.clear();
            candidates.extend(arms.iter().map(|arm| Candidate::new(arm, x)));
            let id = (at as u64).to_le_bytes();
            black_box(choose_scored(&candidates, &scores, &policy, &Occasion::new(&id)));
        })
    }

    fn feedback(&self) -> f64 {
        let mut sums: Vec<ArmSums> =
            self.learner.arms().iter().map(|_| ArmSums::new(self.d)).collect();
        let k = sums.len();
        let rate = rate(|at| {
            sums[at % k].learn(&self.contexts[at % CONTEXTS], self.rewards[at % CONTEXTS]);
        });
        black_box(sums);
        rate
    }

    fn eager(&mut self, decides: bool) -> f64 {
        let Self { learner, lanes, contexts, rewards, .. } = self;
        let k = learner.arms().len();
        let (mut values, mut scores) = (Vec::new(), Vec::new());
        rate(|at| {
            let x = &contexts[at % CONTEXTS];
            if decides {
                lanes.score(x, &mut values, &mut scores);
                black_box(&scores);
            }
            let change = Change::Learn(rewards[at % CONTEXTS]);
            let observation = Observation { arm: "", incarnation: 0, at_ms: 0, x, change };
            learner.absorb_at(at % k, &observation);
            let derived: &Derived = learner.arms()[at % k].derived();
            lanes.set(at % k, derived);
        })
    }
}

/// How often a second a step can be made: the best round.
fn rate(mut step: impl FnMut(usize)) -> f64 {
    let (mut best, mut at) = (0.0_f64, 0);
    for _ in 0..ROUNDS {
        let (begun, first) = (Instant::now(), at);
        let elapsed = loop {
            for _ in 0..STRIDE {
                step(at);
                at += 1;
            }
            let elapsed = begun.elapsed();
            if elapsed >= ROUND {
                break elapsed;
            }
        };
        best = best.max((at - first) as f64 / elapsed.as_secs_f64());
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arms_side_by_side_score_as_each_by_itself_at_every_size() {
        for (d, k) in SIZES {
            let mut subject = Subject::new(d, k);
            assert!(subject.scores_alike(), "{d} features, {k} arms");
            let x = subject.contexts[0].clone();
            let change = Change::Learn(4096);
            let one = Observation { arm: "", incarnation: 0, at_ms: 0, x: &x, change };
            subject.learner.absorb_at(k - 1, &one);
            assert!(!subject.scores_alike(), "an arm learnt that scores as before");
            subject.lanes.set(k - 1, subject.learner.arms()[k - 1].derived());
            assert!(subject.scores_alike(), "{d} features, {k} arms, after feedback");
        }
    }
}

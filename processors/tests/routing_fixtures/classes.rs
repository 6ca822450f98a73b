//! Schema `clf-bandit/1`: a classification set played as a bandit, and a log of it evaluated.
//!
//! The reward is 1 where the arm is the row's class, so that every arm's reward is known and what a
//! policy would have earned is too.

use serde_json::Value;
use sha2::{Digest, Sha256};
use zeitgeber_processors::routing::{
    choice::{Candidate, Occasion, Policy, Rule, choose, first_greatest},
    learner::Learner,
    linucb::{Derived, Score},
    sums::ArmSums,
};

use crate::{
    Verdict,
    json::{GRID, array, integer, integers, near, same},
    ope,
};

/// Relative tolerance of values that are not exact.
const TOLERANCE: f64 = 1e-8;
/// Rows between checkpoints.
const CHECKPOINT: usize = 200;
/// A gap no greater than this is a tie: scores that are equal up to rounding.
const TIE: f64 = 1e-12;

/// The rows, in the order to be played.
struct Set {
    arms: Vec<String>,
    x: Vec<Vec<i32>>,
    y: Vec<usize>,
}

impl Set {
    fn of(fixture: &Value) -> Result<Self, String> {
        let steps = GRID / integer(&fixture["grid"])?;
        let widen = |row: Vec<i32>| row.into_iter().map(|x| x * steps as i32).collect();
        let arms = integer(&fixture["k"])?;
        Ok(Self {
            arms: (0..arms).map(|arm| format!("arm-{arm}")).collect(),
            x: array(&fixture["X_int"])?
                .iter()
                .map(|row| integers(row).map(widen))
                .collect::<Result<_, _>>()?,
            y: places(&fixture["y"])?,
        })
    }

    fn reward(&self, row: usize, arm: usize) -> i32 {
        if self.y[row] == arm { GRID as i32 } else { 0 }
    }
}

fn places(list: &Value) -> Result<Vec<usize>, String> {
    Ok(integers(list)?.into_iter().map(|place| place as usize).collect())
}

/// Plays the rows under every alpha, then evaluates the log of some of them.
pub(crate) fn run(fixture: &Value) -> Verdict {
    let set = Set::of(fixture)?;
    let played = fixture["online_linucb_lambda1"].as_object().ok_or("nothing was played")?;
    for (alpha, wanted) in played {
        let at = |difference| format!("alpha {alpha}: {difference}");
        if alpha == "baselines" {
            baselines(&set, wanted).map_err(at)?;
        } else {
            let alpha = alpha.parse().map_err(|error| format!("{error}"))?;
            Play::of(&set, alpha, set.x.len())?.compare(wanted).map_err(at)?;
        }
    }
    logged(&set, &fixture["ope"]).map_err(|difference| format!("ope: {difference}"))?;
    let evaluated = ope::run_classes(fixture)?;
    Ok(format!("{} rows under {} alphas; {evaluated}", set.x.len(), played.len() - 1))
}

/// One pass over the rows.
struct Play {
    learner: Learner,
    chosen: Vec<u8>,
    rewards: Vec<bool>,
    ties: u32,
    least_gap: f64,
}

impl Play {
    /// LinUCB without exploration over the first `rows`.
    fn of(set: &Set, alpha: f64, rows: usize) -> Result<Self, String> {
        let mut learner = Learner::new(set.x[0].len(), 1.0);
        learner.configure(1.0, set.arms.iter().map(|arm| (arm.as_str(), false)));
        let policy = Policy { rule: Rule::Linucb { alpha }, epsilon: 0.0, seed: 0 };
        let mut play = Self {
            learner,
            chosen: Vec::new(),
            rewards: Vec::new(),
            ties: 0,
            least_gap: f64::INFINITY,
        };
        for (row, x) in set.x.iter().enumerate().take(rows) {
            let arms = play.learner.arms();
            let candidates: Vec<_> = arms.iter().map(|arm| Candidate::new(arm, x)).collect();
            let choice = choose(&candidates, &policy, &Occasion::new(&row.to_le_bytes()));
            let choice = choice.ok_or("nothing to choose from")?;
            let values: Vec<f64> = choice.scored.iter().map(|scored| scored.value).collect();
            play.note_gap(&values);
            let reward = set.reward(row, choice.chosen);
            play.learner.learn(&set.arms[choice.chosen], 0, x, reward);
            play.chosen.push(choice.chosen as u8);
            play.rewards.push(reward > 0);
        }
        Ok(play)
    }

    fn note_gap(&mut self, values: &[f64]) {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let gap = sorted[sorted.len() - 1] - sorted[sorted.len() - 2];
        if gap <= TIE {
            self.ties += 1;
        } else {
            self.least_gap = self.least_gap.min(gap);
        }
    }

    fn earned(&self, rows: usize) -> usize {
        self.rewards[..rows].iter().filter(|reward| **reward).count()
    }

    fn compare(&self, wanted: &Value) -> Result<(), String> {
        let rows = self.chosen.len();
        let hash: String =
            Sha256::digest(&self.chosen).iter().map(|byte| format!("{byte:02x}")).collect();
        same("chosen_sha256", &hash.into(), &wanted["chosen_sha256"])?;
        if !wanted["chosen"].is_null() {
            same("chosen", &self.chosen.clone().into(), &wanted["chosen"])?;
        }
        same("cum_reward", &self.earned(rows).into(), &wanted["cum_reward"])?;
        let regret = rows - self.earned(rows);
        same("regret_vs_perfect", &regret.into(), &wanted["regret_vs_perfect"])?;
        let checkpoints: Vec<_> =
            (1..=rows / CHECKPOINT).map(|at| self.earned(at * CHECKPOINT)).collect();
        same("checkpoints", &checkpoints.into(), &wanted["checkpoints_every_200"])?;
        same("ties", &self.ties.into(), &wanted["ties"])?;
        let wanted = &wanted["min_nonzero_gap"];
        near("min_nonzero_gap", self.least_gap, wanted, 0.0, TOLERANCE)
    }
}

/// What a policy without learning earns, and one that saw every arm's reward of every row.
fn baselines(set: &Set, wanted: &Value) -> Result<(), String> {
    let (rows, arms) = (set.y.len(), set.arms.len());
    let uniform = rows as f64 / arms as f64;
    near("uniform_expected", uniform, &wanted["uniform_expected"], 0.0, TOLERANCE)?;
    let of_arm = |arm| set.y.iter().filter(|y| **y == arm).count();
    let best = (0..arms).map(of_arm).max().unwrap_or(0);
    same("best_fixed_arm", &best.into(), &wanted["best_fixed_arm"])?;
    let informed = ridge(set, arms, |arm| (0..rows).map(move |row| (row, set.reward(row, arm))));
    let hits = (0..rows).filter(|&row| set.y[row] == greedy(&informed, &set.x[row], 0.0)).count();
    same("full_information", &hits.into(), &wanted["full_information_ridge_in_sample"])
}

/// A ridge regression for each arm, on the rows and rewards given for it.
fn ridge<I: Iterator<Item = (usize, i32)>>(
    set: &Set,
    arms: usize,
    rows_of: impl Fn(usize) -> I,
) -> Vec<Derived> {
    let fit = |arm| {
        let mut sums = ArmSums::new(set.x[0].len());
        rows_of(arm).for_each(|(row, reward)| sums.learn(&set.x[row], reward));
        sums.derive(1.0)
    };
    (0..arms).map(fit).collect()
}

fn greedy(arms: &[Derived], x: &[i32], alpha: f64) -> usize {
    let scores = arms.iter().map(|arm| arm.score(x));
    first_greatest(&scores.map(|Score { mean, width }| mean + alpha * width).collect::<Vec<_>>())
}

/// Alpha that the frozen learner learnt and chose with.
const FROZEN_ALPHA: f64 = 0.5;

/// The log's rewards and the choices of the learner frozen before it.
fn logged(set: &Set, ope: &Value) -> Result<(), String> {
    let bounds = places(&ope["rows"])?;
    let (first, rows) = (bounds[0], bounds[1] - bounds[0]);
    let action = places(&ope["log"]["action"])?;
    let rewards: Vec<i32> =
        action.iter().enumerate().map(|(i, arm)| set.reward(first + i, *arm)).collect();
    let ones: Vec<i64> = rewards.iter().map(|reward| i64::from(*reward) / GRID).collect();
    same("reward", &ones.into(), &ope["log"]["reward"])?;
    let play = Play::of(set, FROZEN_ALPHA, first)?;
    let arms: Vec<Derived> = play.learner.arms().iter().map(|arm| arm.derived().clone()).collect();
    let chosen: Vec<usize> =
        (0..rows).map(|i| greedy(&arms, &set.x[first + i], FROZEN_ALPHA)).collect();
    same("greedy_of_frozen_linucb", &chosen.into(), &ope["greedy_of_frozen_linucb"])
}

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
    estimates::{self, Log},
    json::{GRID, array, float, integer, integers, near, near_all, same},
};

/// Relative tolerance of values that are not exact.
const TOLERANCE: f64 = 1e-8;
/// Rows between checkpoints.
const CHECKPOINT: usize = 200;
/// Folds of the cross-fitted reward model.
const FOLDS: usize = 3;
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

/// Plays the rows under every alpha and recomputes what the log's evaluation starts from.
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
    Ok(format!("{} rows under {} alphas, and a log of them", set.x.len(), played.len() - 1))
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

/// The log's rewards, the frozen learner's choices, the reward model and the policies' values.
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
    same("greedy_of_frozen_linucb", &chosen.clone().into(), &ope["greedy_of_frozen_linucb"])?;
    let q = cross_fitted(set, first, &action, &rewards);
    for (name, wanted) in ope["q_sample"].as_object().ok_or("no q_sample")? {
        let i = name.strip_prefix("row").map_or(Ok(rows - 1), str::parse::<usize>);
        let i = i.map_err(|error| format!("{name}: {error}"))?;
        near_all(name, &q[i], wanted, TOLERANCE, TOLERANCE)?;
    }
    let pscores: Vec<f64> =
        array(&ope["log"]["pscore"])?.iter().map(float).collect::<Result<_, _>>()?;
    let rewards = rewards.iter().map(|reward| f64::from(*reward) / GRID as f64).collect();
    let log = Log { action, pscores, rewards, q };
    let expected = ope["expected"].as_object().ok_or("nothing is expected")?;
    for (name, wanted) in expected {
        let at = |difference| format!("{name}: {difference}");
        let policy = policy(name, &chosen, set.arms.len()).map_err(at)?;
        let earned = policy.iter().zip(&set.y[first..]).map(|(shares, y)| shares[*y]).sum::<f64>();
        near("true_value", earned / rows as f64, &wanted["true_value"], 0.0, TOLERANCE)
            .map_err(at)?;
    }
    for (name, wanted) in expected {
        let policy = policy(name, &chosen, set.arms.len())?;
        let at = |difference| format!("{name}: {difference}");
        estimates::compare(&log, &policy, wanted).map_err(at)?;
    }
    Ok(())
}

/// Every row's predicted rewards by a ridge regression on the rows of the other folds.
fn cross_fitted(set: &Set, first: usize, action: &[usize], rewards: &[i32]) -> Vec<Vec<f64>> {
    let fit = |fold| {
        let of_arm = |arm| {
            let is_in = move |i: &usize| i % FOLDS != fold && action[*i] == arm;
            (0..action.len()).filter(is_in).map(move |i| (first + i, rewards[i]))
        };
        ridge(set, set.arms.len(), of_arm)
    };
    let folds: Vec<Vec<Derived>> = (0..FOLDS).map(fit).collect();
    let predicted =
        |i: usize| folds[i % FOLDS].iter().map(move |arm| arm.score(&set.x[first + i]).mean);
    (0..action.len()).map(|i| predicted(i).collect()).collect()
}

/// Every row's distribution under a policy, by its name.
fn policy(name: &str, greedy: &[usize], arms: usize) -> Result<Vec<Vec<f64>>, String> {
    let (shift, epsilon) = match name.rsplit_once("_eps") {
        Some(("frozen_linucb", epsilon)) => (0, epsilon.parse()),
        Some(("adversarial_shift", epsilon)) => (1, epsilon.parse()),
        _ if name == "frozen_linucb_det" => (0, Ok(0.0)),
        _ if name == "uniform" => (0, Ok(1.0)),
        _ => return Err("nobody knows this policy".into()),
    };
    let epsilon: f64 = epsilon.map_err(|error| format!("{error}"))?;
    let of_row = |preferred: &usize| {
        let mut shares = vec![epsilon / arms as f64; arms];
        shares[(preferred + shift) % arms] += 1.0 - epsilon;
        shares
    };
    Ok(greedy.iter().map(of_row).collect())
}

//! Schemas `hybrid-linucb/1` and `discounted-linucb/1`: steps of scores, choice and reward, learnt at
//! once.

use serde_json::Value;
use zeitgeber_processors::routing::{
    choice::first_greatest,
    forgetting::Forgetting,
    learner::{Layout, Learner, Model, Observation},
    sums::Change,
};

use crate::{
    Verdict,
    json::{GRID, array, float, integer, integers, near, near_all, same},
};

/// A distance no greater than this is a tie: bounds that are equal up to rounding.
const TIE: f64 = 1e-12;
/// Milliseconds of a step.
const TICK_MS: i64 = 1000;

/// What a fixture says of every step.
struct Setting {
    arms: Vec<String>,
    own: usize,
    alpha: f64,
    lambda: f64,
    tolerance: f64,
    /// Least distance so far between the two greatest bounds of a step, ties left out.
    least_gap: f64,
}

impl Setting {
    fn of(fixture: &Value) -> Result<Self, String> {
        let config = &fixture["config"];
        same("grid", &GRID.into(), &config["grid"])?;
        let arms = integer(&config["k"])?;
        Ok(Self {
            arms: (0..arms).map(|arm| format!("arm-{arm}")).collect(),
            own: integer(&config["d"])? as usize,
            alpha: float(&config["alpha"])?,
            lambda: float(&config["lambda"])?,
            tolerance: float(&fixture["tolerance"])?,
            least_gap: f64::INFINITY,
        })
    }

    fn learner(&self, shared: usize, model: Model) -> Learner {
        let mut learner = Learner::of(Layout { own: self.own, shared }, model);
        let named = self.arms.iter().map(|arm| (arm.as_str(), false));
        learner.configure(self.lambda, named);
        learner
    }

    /// Compares a step's values and choice; the choice.
    fn compare(&mut self, step: &Value, scores: &Scores) -> Result<usize, String> {
        let ucbs: Vec<f64> =
            scores.means.iter().zip(&scores.widths).map(|(m, w)| m + self.alpha * w).collect();
        near_all("mean", &scores.means, &step["mean"], self.tolerance, self.tolerance)?;
        near_all("ucb", &ucbs, &step["ucb"], self.tolerance, self.tolerance)?;
        let chosen = first_greatest(&ucbs);
        same("chosen", &chosen.into(), &step["chosen"])?;
        let gaps = ucbs.iter().map(|ucb| ucbs[chosen] - ucb).filter(|gap| *gap > TIE);
        self.least_gap = gaps.fold(self.least_gap, f64::min);
        Ok(chosen)
    }

    /// Compares what the fixture says of all steps together.
    fn finish(&self, fixture: &Value) -> Result<(), String> {
        near("min_gap", self.least_gap, &fixture["min_gap"], self.tolerance, 0.0)
    }
}

/// Scores of all arms.
struct Scores {
    means: Vec<f64>,
    widths: Vec<f64>,
}

impl Scores {
    fn of(learner: &Learner, contexts: &[Vec<i32>]) -> Self {
        let scored = learner.arms().iter().zip(contexts).map(|(arm, x)| arm.score(x));
        let (means, widths) = scored.map(|score| (score.mean, score.width)).unzip();
        Self { means, widths }
    }
}

/// Compares every step of a hybrid learner: x of each arm's own, z shared.
pub(crate) fn hybrid(fixture: &Value) -> Verdict {
    let mut setting = Setting::of(fixture)?;
    let shared = integer(&fixture["config"]["m"])? as usize;
    let mut learner = setting.learner(shared, Model::plain(setting.lambda));
    let steps = array(&fixture["steps"])?;
    for (index, step) in steps.iter().enumerate() {
        let at = |difference| format!("step {index}: {difference}");
        let contexts = joined(step).map_err(at)?;
        let scores = Scores::of(&learner, &contexts);
        let chosen = setting.compare(step, &scores).map_err(at)?;
        let reward = integer(&step["reward"])? as i32;
        learner.learn(&setting.arms[chosen], 0, &contexts[chosen], reward);
    }
    setting.finish(fixture)?;
    Ok(format!("{} steps of {} arms", steps.len(), setting.arms.len()))
}

/// Every arm's own features, then its shared ones.
fn joined(step: &Value) -> Result<Vec<Vec<i32>>, String> {
    let pairs = array(&step["X"])?.iter().zip(array(&step["Z"])?);
    pairs.map(|(x, z)| Ok([integers(x)?, integers(z)?].concat())).collect()
}

/// Compares every step of a forgetting learner, the widths of one and of two matrices. A bucket is
/// one step, and a decision's weights are as of the step before it.
pub(crate) fn discounted(fixture: &Value) -> Verdict {
    let mut setting = Setting::of(fixture)?;
    let gamma = float(&fixture["config"]["gamma"])?;
    let steps = array(&fixture["steps"])?;
    let learner = |two_matrices| {
        let forgetting = Forgetting::discounted(TICK_MS, gamma, steps.len(), two_matrices);
        let model = Model { forgetting: Some(forgetting), ..Model::plain(setting.lambda) };
        setting.learner(0, model)
    };
    let (mut learner, mut simple) = (learner(true), learner(false));
    for (index, step) in steps.iter().enumerate() {
        let at = |difference| format!("step {index}: {difference}");
        let contexts = vec![integers(&step["x"])?; setting.arms.len()];
        let scores = Scores::of(&learner, &contexts);
        let chosen = setting.compare(step, &scores).map_err(at)?;
        let (two, one) = (&scores.widths, Scores::of(&simple, &contexts));
        let tolerance = setting.tolerance;
        near_all("width", two, &step["width"], tolerance, tolerance).map_err(at)?;
        let (means, widths) = (&one.means, &one.widths);
        near_all("simple mean", means, &step["mean"], tolerance, tolerance).map_err(at)?;
        near_all("width_simple", widths, &step["width_simple"], tolerance, tolerance)
            .map_err(at)?;
        let observation = Observation {
            arm: &setting.arms[chosen],
            incarnation: 0,
            at_ms: index as i64 * TICK_MS,
            x: &contexts[chosen],
            change: Change::Learn(integer(&step["reward"])? as i32),
        };
        learner.absorb([observation]);
        simple.absorb([observation]);
    }
    setting.finish(fixture)?;
    Ok(format!("{} steps of {} arms, both widths", steps.len(), setting.arms.len()))
}

//! Off-policy value against references: a recorded log with and without exploration (schema ope/1),
//! and classes played as a bandit (the `ope` part of clf-bandit/1).
//!
//! Every value of the expectations is compared; a name that nobody knows fails.

#[path = "ope/learner.rs"]
mod learner;
#[path = "ope/log.rs"]
mod log;

use serde_json::Value;
use zeitgeber_processors::{
    evaluation::{
        Answer, Evaluation, Settings, Terms, Weights,
        diagnostics::{Check, Level},
        estimators::Estimator,
        intervals::{Interval, bernstein_lower, bootstrap, standard_error},
        statistics::{percentile, student_quantile},
    },
    routing::rng::{GAMMA, mix},
};

use learner::{learner_replay, predictions};
use log::{
    Log, RESAMPLES, class_target, float, integer, near, numbers, recorded, recorded_target,
    settings,
};

/// Steps of the feature grid in one.
const ONE: i32 = 4096;

/// What is to be compared, how closely.
struct Case<'a> {
    name: String,
    log: &'a Log,
    target: Vec<Vec<f64>>,
    expected: &'a Value,
    relative: f64,
}

/// Compares an ope/1 fixture; what was compared.
pub(crate) fn run(fixture: &Value) -> Result<String, String> {
    let (mut values, mut refused) = (0, Vec::new());
    let expected = fixture["expected"].as_object().ok_or("there are no expectations")?;
    for (name, expected) in expected {
        if name == "linucb_replay_on_random_log" {
            values += learner_replay(&fixture["logs"]["random"], expected)?;
            continue;
        }
        let (log, policy) = name.split_once("_log->").ok_or_else(|| format!("{name}?"))?;
        let source = &fixture["logs"][log];
        let log = recorded(source)?;
        let target = recorded_target(policy, &fixture["policies"], &log)?;
        let own = expected["on_policy_mean_of_target"].as_f64();
        if let Some(mean) = own {
            // The other log was made by this candidate: its mean is what there is to find.
            let other = if name.starts_with("random") { "bts" } else { "random" };
            near(
                name,
                mean,
                numbers(&fixture["logs"][other]["reward"])?.iter().sum::<f64>()
                    / integer(&fixture["logs"][other]["n"])? as f64,
                1e-9,
            )?;
            values += 1;
        }
        let case = Case { name: name.clone(), log: &log, target, expected, relative: 1e-9 };
        values += case.compare()?;
        refused.extend(case.refusals()?);
    }
    let refused = if refused.is_empty() { "none".into() } else { refused.join(", ") };
    Ok(format!("{values} values; refused: {refused}"))
}

/// Compares the `ope` part of a clf-bandit/1 fixture; what was compared.
pub(crate) fn run_classes(fixture: &Value) -> Result<String, String> {
    let part = &fixture["ope"];
    let range = numbers(&part["rows"])?;
    let steps = integer(&fixture["grid"])? as i32;
    if steps < 1 || ONE % steps != 0 {
        return Err(format!("features on a grid of 1/{steps} are not on the learner's"));
    }
    let grid = ONE / steps;
    let row = |row: &Value| -> Result<Vec<i32>, String> {
        Ok(numbers(row)?.iter().map(|value| *value as i32 * grid).collect())
    };
    let all = fixture["X_int"].as_array().ok_or("X_int is no list")?;
    let rows = range[0] as usize..range[1] as usize;
    let x = all[rows.clone()].iter().map(row).collect::<Result<Vec<_>, _>>()?;
    let log = Log {
        arms: integer(&fixture["k"])? as u32,
        segments: vec![0; x.len()],
        chosen: numbers(&part["log"]["action"])?.iter().map(|a| *a as u32).collect(),
        propensities: numbers(&part["log"]["pscore"])?,
        rewards: numbers(&part["log"]["reward"])?,
        x: Some(x),
    };
    let labels = numbers(&fixture["y"])?[rows].to_vec();
    let greedy = numbers(&part["greedy_of_frozen_linucb"])?;
    let (mut values, mut refused) = (0, Vec::new());
    for (name, expected) in part["expected"].as_object().ok_or("there are no expectations")? {
        let target = class_target(name, &greedy, log.arms)?;
        let right = labels.iter().zip(&target).map(|(label, target)| target[*label as usize]);
        let truth = right.sum::<f64>() / labels.len() as f64;
        near("true_value", truth, float(&expected["true_value"])?, 1e-8)?;
        let case = Case { name: name.clone(), log: &log, target, expected, relative: 1e-8 };
        values += 1 + case.compare()?;
        refused.extend(case.refusals()?);
    }
    values += predictions(&log, &part["q_sample"])?;
    let refused = if refused.is_empty() { "none".into() } else { refused.join(", ") };
    Ok(format!("off-policy: {values} values; refused: {refused}"))
}

impl Case<'_> {
    fn compare(&self) -> Result<usize, String> {
        let terms = self.log.weighed(&self.target)?.terms().map_err(|twice| twice.0.to_string())?;
        let mut values = self.weights(&terms)?;
        let expected = self.expected["estimators"].as_object().ok_or("there are no estimators")?;
        for (name, expected) in expected {
            let compared = if name == "lower_bounds_on_ips_terms_delta0.05" {
                self.bounds(&terms, expected)
            } else {
                self.estimator(&terms, estimator(name)?, expected)
            };
            values += compared.map_err(|what| format!("{}: {name}: {what}", self.name))?;
        }
        Ok(values)
    }

    fn weights(&self, terms: &Terms) -> Result<usize, String> {
        let found = Weights::of(terms);
        let mut logged = vec![false; self.log.arms as usize];
        self.log.chosen.iter().for_each(|&arm| logged[arm as usize] = true);
        let wanted = |arm: usize| self.target.iter().any(|row| row[arm] > 0.0);
        let never = (0..logged.len()).filter(|&arm| !logged[arm] && wanted(arm)).count();
        let expected =
            self.expected["diagnostics"].as_object().ok_or("there are no diagnostics")?;
        for (name, expected) in expected {
            let value = match name.as_str() {
                "n" => found.n as f64,
                "ess" => found.ess,
                "ess_frac" => found.ess / found.n as f64,
                "mean_w" => found.mean,
                "se_mean_w" => found.se,
                "max_w" => found.max,
                "zero_w_frac" => found.zero_share,
                "top1pct_w_share" => found.top_share,
                "min_pscore" => found.propensity_min,
                "actions_pi_e_puts_mass_on_but_never_logged" => never as f64,
                other => return Err(format!("no diagnostic is called {other}")),
            };
            near(&format!("{}: {name}", self.name), value, float(expected)?, self.relative)?;
        }
        Ok(expected.len())
    }

    fn estimator(
        &self,
        terms: &Terms,
        which: Estimator,
        expected: &Value,
    ) -> Result<usize, String> {
        let settings = settings();
        let found = which.apply(terms, &settings).ok_or("it has no value")?;
        let se = standard_error(&found.of_rows, terms);
        let normal = Interval::around(found.value, se, terms.persons());
        let expected = expected.as_object().ok_or("it is no object")?;
        for (key, wanted) in expected {
            match key.as_str() {
                "value" => near(key, found.value, float(wanted)?, self.relative)?,
                // What the reference found, by another program.
                "own_minus_obp" => {
                    let reference = float(&expected["value"])? - float(wanted)?;
                    near(key, found.value, reference, self.relative)?;
                }
                "normal95" | "delta95" => ends(key, normal, wanted, self.relative, 0.0)?,
                "ratio_boot95" => {
                    let resampled = bootstrap(terms, &[which], &settings)[0].ok_or("undefined")?;
                    let within = float(&expected["ratio_boot95_tol"])?;
                    ends(key, resampled.value, wanted, 0.0, within)?;
                }
                "boot95" => {
                    let within = float(&expected["boot95_tol"])?;
                    ends(key, frozen_bootstrap(terms, which, &settings), wanted, 0.0, within)?;
                }
                "boot95_tol" | "ratio_boot95_tol" => {}
                "boot95_is" if wanted == "obp: denominator frozen, known wrong" => {}
                other => return Err(format!("{other} is not known")),
            }
        }
        Ok(expected.keys().filter(|key| !key.ends_with("_tol") && *key != "boot95_is").count())
    }

    fn bounds(&self, terms: &Terms, expected: &Value) -> Result<usize, String> {
        let delta = 0.05;
        let values: Vec<f64> = terms.iter().map(|term| term.weight * term.reward).collect();
        let n = values.len() as f64;
        let found = Estimator::Ips.apply(terms, &settings()).ok_or("IPS has no value")?;
        let se = standard_error(&found.of_rows, terms);
        let range = values.iter().copied().fold(0.0, f64::max);
        let expected = expected.as_object().ok_or("it is no object")?;
        for (name, wanted) in expected {
            let bound = match name.as_str() {
                "bernstein(obp)" => bernstein_lower(&values, range, delta).ok_or("too few")?,
                "hoeffding(obp)" => found.value - range * ((1.0 / delta).ln() / (2.0 * n)).sqrt(),
                "student_t(obp)" => found.value - se * student_quantile(1.0 - delta, n - 1.0),
                other => return Err(format!("no bound is called {other}")),
            };
            near(name, bound, float(wanted)?, self.relative)?;
        }
        Ok(expected.len())
    }

    /// The checks that refuse, which must be those that the expectations call for.
    fn refusals(&self) -> Result<Vec<String>, String> {
        let weighing = self.log.weighed(&self.target)?;
        let found = weighing.finish().map_err(|twice| twice.0.to_string())?;
        let figures = &self.expected["diagnostics"];
        let thin = float(&figures["ess"])? < 50.0;
        let (mean, se) = (float(&figures["mean_w"])?, float(&figures["se_mean_w"])?);
        let off = (mean - 1.0).abs() > (3.0 * se).max(0.01);
        let alone = self.decisions_behind()? < 2.0;
        let called_for =
            [(Check::EffectiveSampleSize, thin), (Check::MeanWeight, off), (Check::Drivers, alone)];
        for (check, wanted) in called_for {
            if refuses(&found, check) != wanted {
                return Err(format!("{}: {} must refuse: {wanted}", self.name, check.name()));
            }
        }
        self.replay(&found)?;
        let reasons = match found.answer {
            Answer::Told(_) => Vec::new(),
            Answer::Refused { reasons, .. } => reasons,
        };
        Ok(reasons.iter().map(|one| format!("{} ({})", self.name, one.check.name())).collect())
    }

    /// How many decisions stand behind the variance of the self-normalised reference value.
    fn decisions_behind(&self) -> Result<f64, String> {
        let value = float(&self.expected["estimators"]["snips"]["value"])?;
        let (mut squares, mut fourths) = (0.0, 0.0);
        for (at, target) in self.target.iter().enumerate() {
            let weight = target[self.log.chosen[at] as usize] / self.log.propensities[at];
            let part = weight * (self.log.rewards[at] - value);
            squares += part.powi(2);
            fourths += part.powi(4);
        }
        Ok(squares * squares / fourths)
    }

    /// Replay is told of an even log only, whatever the reference prints.
    fn replay(&self, found: &Evaluation) -> Result<(), String> {
        let Answer::Told(told) = &found.answer else { return Ok(()) };
        let is_told = told.estimates.iter().any(|one| one.estimator == Estimator::Replay);
        let even = 1.0 / f64::from(self.log.arms);
        let is_even = self.log.propensities.iter().all(|p| (p - even).abs() < 1e-9);
        let is_printed = self.expected["estimators"].get("replay").is_some();
        if is_told == (is_even && is_printed) {
            return Ok(());
        }
        Err(format!("{}: replay is told: {is_told}, the log is even: {is_even}", self.name))
    }
}

fn refuses(found: &Evaluation, check: Check) -> bool {
    found.findings.iter().any(|one| one.check == check && one.level == Level::Refuse)
}

fn estimator(name: &str) -> Result<Estimator, String> {
    Ok(match name {
        "ips" => Estimator::Ips,
        "ips_clip10" => Estimator::IpsClipped,
        "snips" => Estimator::Snips,
        "dm" => Estimator::Dm,
        "dr" => Estimator::Dr,
        "dr_clip10" => Estimator::DrClipped,
        "sndr" => Estimator::Sndr,
        "switch_dr10" => Estimator::SwitchDr,
        "dros10" => Estimator::DrOs,
        "sg_ips.01" => Estimator::IpsSubgaussian,
        "sg_dr.01" => Estimator::DrSubgaussian,
        "replay" => Estimator::Replay,
        other => return Err(format!("no estimator is called {other}")),
    })
}

/// The reference's bootstrap: of the rows' terms, with sums of weights frozen at those of the whole.
fn frozen_bootstrap(terms: &Terms, which: Estimator, settings: &Settings) -> Interval {
    let n = terms.len();
    let mean = |of: &dyn Fn(f64) -> f64| terms.iter().map(|t| of(t.weight)).sum::<f64>() / n as f64;
    let (weight, agreeing) = (mean(&|w| w), mean(&|w| f64::from(u8::from(w > 0.0))));
    let found = which.apply(terms, settings).map_or(0.0, |found| found.value);
    let influence = which.apply(terms, settings).map_or_else(Vec::new, |found| found.of_rows);
    let values: Vec<f64> = terms
        .iter()
        .zip(influence)
        .map(|(term, influence)| match which {
            Estimator::Snips => term.weight * term.reward / weight,
            Estimator::Sndr => term.target_q + term.weight * (term.reward - term.q) / weight,
            Estimator::Replay if term.weight > 0.0 => term.reward / agreeing,
            Estimator::Replay => 0.0,
            _ => found + influence,
        })
        .collect();
    let mut means: Vec<f64> = (0..RESAMPLES)
        .map(|resample| {
            let start = mix(u64::from(resample) + 1);
            let drawn = (1..=n as u64).map(|draw| {
                let bits = mix(start.wrapping_add(GAMMA.wrapping_mul(draw)));
                values[((u128::from(bits) * n as u128) >> 64) as usize]
            });
            drawn.sum::<f64>() / n as f64
        })
        .collect();
    means.sort_by(f64::total_cmp);
    let end = |p| percentile(&means, p).unwrap_or(f64::NAN);
    Interval { low: end(0.025), high: end(0.975) }
}

fn ends(
    key: &str,
    found: Interval,
    wanted: &Value,
    relative: f64,
    absolute: f64,
) -> Result<(), String> {
    let wanted = numbers(wanted)?;
    for (found, wanted) in [(found.low, wanted[0]), (found.high, wanted[1])] {
        if (found - wanted).abs() > absolute + relative * wanted.abs() {
            return Err(format!("{key} is {found}, expected {wanted} within {absolute}"));
        }
    }
    Ok(())
}

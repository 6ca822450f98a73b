//! Off-policy value against references: a recorded log with and without exploration (schema ope/1),
//! and classes played as a bandit (the `ope` part of clf-bandit/1).
//!
//! Every value of the expectations is compared; a name that nobody knows fails.

use serde_json::Value;
use sha2::{Digest, Sha256};
use zeitgeber_processors::{
    evaluation::{
        Answer, Evaluation, Outcomes, Row, RowFault, Settings, Terms, Weighing, Weights,
        diagnostics::{Check, Level},
        estimators::Estimator,
        intervals::{Interval, bernstein_lower, bootstrap, standard_error},
        statistics::{percentile, student_quantile},
    },
    routing::{
        linucb::Derived,
        rng::{GAMMA, mix},
        sums::ArmSums,
    },
};

/// Resamples of the references' bootstrap.
const RESAMPLES: u32 = 2_000;
const FOLDS: u32 = 3;
/// Steps of the feature grid in one.
const ONE: i32 = 4096;

/// A log with what a candidate would have done.
struct Log {
    arms: u32,
    segments: Vec<u32>,
    chosen: Vec<u32>,
    propensities: Vec<f64>,
    rewards: Vec<f64>,
    /// Features of the outcome model; none: it goes by segment.
    x: Option<Vec<Vec<i32>>>,
}

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
    let grid = ONE / integer(&fixture["grid"])? as i32;
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

fn recorded(source: &Value) -> Result<Log, String> {
    let n = integer(&source["n"])? as usize;
    let propensities = match source["pscore"].as_f64() {
        Some(same) => vec![same; n],
        None => numbers(&source["pscore"])?,
    };
    let rewards = numbers(&source["reward"])?;
    near(
        "mean reward",
        rewards.iter().sum::<f64>() / n as f64,
        float(&source["mean_reward"])?,
        1e-9,
    )?;
    let whole = |key: &str| -> Result<Vec<u32>, String> {
        Ok(numbers(&source[key])?.iter().map(|value| *value as u32).collect())
    };
    let (segments, chosen) = (whole("position")?, whole("action")?);
    Ok(Log {
        arms: integer(&source["k"])? as u32,
        segments,
        chosen,
        propensities,
        rewards,
        x: None,
    })
}

fn recorded_target(policy: &str, policies: &Value, log: &Log) -> Result<Vec<Vec<f64>>, String> {
    let arms = log.arms as usize;
    let table = policies["bts_table_k_by_pos"].as_array().ok_or("there is no table")?;
    let table = table.iter().map(numbers).collect::<Result<Vec<_>, _>>()?;
    let of_segment = |segment: u32| -> Result<Vec<f64>, String> {
        let column: Vec<f64> = table.iter().map(|row| row[segment as usize]).collect();
        match policy {
            "bts_table" => Ok(column),
            "uniform" => Ok(vec![float(&policies["uniform"])?; arms]),
            "top1_det" => Ok(one_hot(first_greatest(&column), arms)),
            other => Err(format!("no policy is called {other}")),
        }
    };
    log.segments.iter().map(|&segment| of_segment(segment)).collect()
}

fn class_target(name: &str, greedy: &[f64], arms: u32) -> Result<Vec<Vec<f64>>, String> {
    let mixed = |epsilon: f64, shift: u32| {
        let row = |greedy: &f64| {
            let mut row = vec![epsilon / f64::from(arms); arms as usize];
            row[((*greedy as u32 + shift) % arms) as usize] += 1.0 - epsilon;
            row
        };
        greedy.iter().map(row).collect()
    };
    match name {
        "frozen_linucb_eps0.1" => Ok(mixed(0.1, 0)),
        "frozen_linucb_det" => Ok(mixed(0.0, 0)),
        "uniform" => Ok(mixed(1.0, 0)),
        "adversarial_shift_eps0.05" => Ok(mixed(0.05, 1)),
        other => Err(format!("no policy is called {other}")),
    }
}

impl Log {
    /// Every row, with ids in the rows' order and each row a person of its own.
    fn each(
        &self,
        target: &[Vec<f64>],
        mut what: impl FnMut(&Row<'_>) -> Result<(), RowFault>,
    ) -> Result<(), String> {
        let eligible: Vec<u32> = (0..self.arms).collect();
        for (at, target) in target.iter().enumerate() {
            let id = format!("{at:08}");
            let row = Row {
                id: &id,
                person: &id,
                at_ms: at as i64,
                segment: self.segments[at],
                eligible: &eligible,
                chosen: self.chosen[at],
                propensity: self.propensities[at],
                propensities: None,
                reward: Some(self.rewards[at]),
                x: self.x.as_ref().map_or(&[], |x| &x[at]),
                fold: at as u32 % FOLDS,
                target,
            };
            what(&row).map_err(|fault| format!("row {at}: {}", fault.what()))?;
        }
        Ok(())
    }

    fn weighed(&self, target: &[Vec<f64>]) -> Result<Weighing, String> {
        let (arms, missing) = (self.arms as usize, Settings::default().missing);
        let segments = self.segments.iter().max().map_or(1, |&last| last as usize + 1);
        let mut outcomes = match &self.x {
            None => Outcomes::table(arms, segments, FOLDS, missing),
            Some(x) => Outcomes::ridge(arms, segments, x[0].len(), 1.0, FOLDS, missing),
        };
        self.each(target, |row| outcomes.learn(row))?;
        let mut weighing = Weighing::new(&outcomes, settings());
        self.each(target, |row| weighing.feed(row))?;
        Ok(weighing)
    }
}

fn settings() -> Settings {
    Settings { replicates: RESAMPLES, ..Settings::default() }
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
        for (check, wanted) in [(Check::EffectiveSampleSize, thin), (Check::MeanWeight, off)] {
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

/// The ridge regressions' predictions, each fold's by the learner's sums of the other folds.
fn predictions(log: &Log, expected: &Value) -> Result<usize, String> {
    let x = log.x.as_ref().ok_or("there are no features")?;
    let mut values = 0;
    for (name, wanted) in expected.as_object().ok_or("there is no sample")? {
        let at = match name.strip_prefix("row") {
            Some(number) => number.parse::<usize>().map_err(|error| error.to_string())?,
            None if name == "last" => x.len() - 1,
            None => return Err(format!("no row is called {name}")),
        };
        for (arm, wanted) in numbers(wanted)?.into_iter().enumerate() {
            let mut sums = ArmSums::new(x[0].len());
            let others = (0..x.len()).filter(|row| row % 3 != at % 3);
            for row in others.filter(|&row| log.chosen[row] as usize == arm) {
                sums.learn(&x[row], log.rewards[row] as i32 * ONE);
            }
            near(&format!("q of {name}"), sums.derive(1.0).score(&x[at]).mean, wanted, 1e-8)?;
            values += 1;
        }
    }
    Ok(values)
}

/// A learner that learns only where it agrees with the even log.
fn learner_replay(source: &Value, expected: &Value) -> Result<usize, String> {
    let log = recorded(source)?;
    let sizes = numbers(&source["user_code_sizes"])?;
    let dimension = 1 + sizes.iter().map(|size| *size as usize - 1).sum::<usize>();
    let (alpha, lambda) = (float(&expected["alpha"])?, float(&expected["lambda"])?);
    let mut sums = vec![ArmSums::new(dimension); log.arms as usize];
    let mut derived: Vec<Derived> = sums.iter().map(|sums| sums.derive(lambda)).collect();
    let codes = source["user_codes"].as_array().ok_or("there are no codes")?;
    let (mut chosen, mut matched, mut clicks, mut gap) = (Vec::new(), 0, 0.0, f64::INFINITY);
    for (at, codes) in codes.iter().enumerate() {
        let mut x = vec![0; dimension];
        x[0] = ONE;
        let mut from = 0;
        for (code, size) in numbers(codes)?.iter().zip(&sizes) {
            if *code > 0.0 {
                x[from + *code as usize] = ONE;
            }
            from += *size as usize - 1;
        }
        let rounded = |derived: &Derived| {
            let score = derived.score(&x);
            ((score.mean + alpha * score.width) * 1e11).round() / 1e11
        };
        let scores: Vec<f64> = derived.iter().map(rounded).collect();
        let arm = first_greatest(&scores);
        let apart = scores.iter().map(|score| scores[arm] - score).filter(|&gap| gap > 0.0);
        gap = apart.fold(gap, f64::min);
        chosen.push(arm as u8);
        if arm == log.chosen[at] as usize {
            sums[arm].learn(&x, log.rewards[at] as i32 * ONE);
            derived[arm] = sums[arm].derive(lambda);
            matched += 1;
            clicks += log.rewards[at];
        }
    }
    let expected = expected.as_object().ok_or("it is no object")?;
    let hash: String = Sha256::digest(&chosen).iter().map(|byte| format!("{byte:02x}")).collect();
    for (name, wanted) in expected {
        let found = match name.as_str() {
            "context" | "score_rounding_for_ties" | "alpha" | "lambda" => continue,
            "chosen_sha256" if *wanted == hash => continue,
            "chosen_sha256" => return Err(format!("the choices' hash is {hash}")),
            "matched" => f64::from(matched),
            "clicks" => clicks,
            "value" => clicks / f64::from(matched),
            "dim" => dimension as f64,
            "min_nonzero_gap" => gap,
            other => return Err(format!("{other} is not known")),
        };
        // Scores are rounded to 11 decimals, so their differences are as coarse.
        let within = if name == "min_nonzero_gap" { 1e-5 } else { 1e-9 };
        near(name, found, float(wanted)?, within)?;
    }
    Ok(expected.len() - 4)
}

fn one_hot(arm: usize, arms: usize) -> Vec<f64> {
    (0..arms).map(|other| f64::from(u8::from(other == arm))).collect()
}

fn first_greatest(values: &[f64]) -> usize {
    (0..values.len()).fold(0, |best, at| if values[at] > values[best] { at } else { best })
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

fn near(name: &str, found: f64, wanted: f64, relative: f64) -> Result<(), String> {
    if (found - wanted).abs() <= relative * wanted.abs() {
        return Ok(());
    }
    Err(format!("{name} is {found}, expected {wanted}"))
}

fn float(value: &Value) -> Result<f64, String> {
    value.as_f64().ok_or_else(|| format!("{value} is not a number"))
}

fn integer(value: &Value) -> Result<i64, String> {
    value.as_i64().ok_or_else(|| format!("{value} is not an integer"))
}

fn numbers(value: &Value) -> Result<Vec<f64>, String> {
    value.as_array().ok_or_else(|| format!("{value} is not a list"))?.iter().map(float).collect()
}

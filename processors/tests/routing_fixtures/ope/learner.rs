//! The learner on the same logs: replayed where it agrees with an even log, and as outcome model.

use serde_json::Value;
use sha2::{Digest, Sha256};
use zeitgeber_processors::routing::{linucb::Derived, sums::ArmSums};

use super::{
    ONE,
    log::{Log, first_greatest, float, near, numbers, recorded},
};

/// The ridge regressions' predictions, each fold's by the learner's sums of the other folds.
pub(super) fn predictions(log: &Log, expected: &Value) -> Result<usize, String> {
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
pub(super) fn learner_replay(source: &Value, expected: &Value) -> Result<usize, String> {
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

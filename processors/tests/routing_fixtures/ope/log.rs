//! A fixture's log and candidates as rows.

use serde_json::Value;
use zeitgeber_processors::evaluation::{Outcomes, Row, RowFault, Settings, Weighing};

/// Resamples of the references' bootstrap.
pub(super) const RESAMPLES: u32 = 2_000;
const FOLDS: u32 = 3;

/// A log with what a candidate would have done.
pub(super) struct Log {
    pub(super) arms: u32,
    pub(super) segments: Vec<u32>,
    pub(super) chosen: Vec<u32>,
    pub(super) propensities: Vec<f64>,
    pub(super) rewards: Vec<f64>,
    /// Features of the outcome model; none: it goes by segment.
    pub(super) x: Option<Vec<Vec<i32>>>,
}

pub(super) fn recorded(source: &Value) -> Result<Log, String> {
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

pub(super) fn recorded_target(
    policy: &str,
    policies: &Value,
    log: &Log,
) -> Result<Vec<Vec<f64>>, String> {
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

pub(super) fn class_target(name: &str, greedy: &[f64], arms: u32) -> Result<Vec<Vec<f64>>, String> {
    let mixed = |epsilon: f64, shift: u32| {
        let row = |greedy: &f64| {
            let mut row = vec![epsilon / f64::from(arms); arms as usize];
            row[((*greedy as u32 + shift) % arms) as usize] += 1.0 - epsilon;
            row
        };
        greedy.iter().map(row).collect()
    };
    let epsilon = |text: &str| text.parse::<f64>().map_err(|error| format!("{name}: {error}"));
    match (name, name.strip_prefix("frozen_linucb_eps"), name.strip_prefix("adversarial_shift_eps"))
    {
        ("frozen_linucb_det", ..) => Ok(mixed(0.0, 0)),
        ("uniform", ..) => Ok(mixed(1.0, 0)),
        (_, Some(share), _) => Ok(mixed(epsilon(share)?, 0)),
        (_, _, Some(share)) => Ok(mixed(epsilon(share)?, 1)),
        _ => Err(format!("no policy is called {name}")),
    }
}

impl Log {
    /// Every row, with ids in the rows' order and each row a person of its own.
    pub(super) fn each(
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

    pub(super) fn weighed(&self, target: &[Vec<f64>]) -> Result<Weighing, String> {
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

pub(super) fn settings() -> Settings {
    Settings { replicates: RESAMPLES, ..Settings::default() }
}

pub(super) fn one_hot(arm: usize, arms: usize) -> Vec<f64> {
    (0..arms).map(|other| f64::from(u8::from(other == arm))).collect()
}

pub(super) fn first_greatest(values: &[f64]) -> usize {
    (0..values.len()).fold(0, |best, at| if values[at] > values[best] { at } else { best })
}

pub(super) fn near(name: &str, found: f64, wanted: f64, relative: f64) -> Result<(), String> {
    if (found - wanted).abs() <= relative * wanted.abs() {
        return Ok(());
    }
    Err(format!("{name} is {found}, expected {wanted}"))
}

pub(super) fn float(value: &Value) -> Result<f64, String> {
    value.as_f64().ok_or_else(|| format!("{value} is not a number"))
}

pub(super) fn integer(value: &Value) -> Result<i64, String> {
    value.as_i64().ok_or_else(|| format!("{value} is not an integer"))
}

pub(super) fn numbers(value: &Value) -> Result<Vec<f64>, String> {
    value.as_array().ok_or_else(|| format!("{value} is not a list"))?.iter().map(float).collect()
}

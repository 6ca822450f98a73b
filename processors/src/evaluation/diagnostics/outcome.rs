//! Checks of what an estimate rests on: outcome model, time, and the decisions that drive it.

use alloc::{format, string::String, vec::Vec};

use super::{
    super::{
        drivers::{DRIVERS, decisions_behind, drivers, sensitivity},
        estimators::{Estimator, Influence},
        intervals::{Interval, mean_and_variance, standard_error},
        statistics::chi_square_above,
        sums::total,
    },
    Check, Finding, Ground, Level,
};

const MODEL_WARN: f64 = 3.0;
/// Parts of the log by time.
const SLICES: usize = 4;
const CHANCE_WARN: f64 = 0.01;
const DRIVERS_SHARE_WARN: f64 = 0.5;
const BEHIND_WARN: f64 = 20.0;
const BEHIND_REFUSE: f64 = 5.0;

pub(super) fn findings(ground: &Ground<'_>) -> Vec<Finding> {
    let Some(robust) = Estimator::Dr.apply(ground.terms, ground.settings) else {
        return Vec::new();
    };
    let mut found =
        alloc::vec![model(ground), stability(ground, &robust), driven(ground, &robust),];
    found.extend(moved(ground));
    found
}

/// The mean of w (r - q) is what weighting adds to the outcome model.
fn model(ground: &Ground<'_>) -> Finding {
    let part = |term: &super::super::Term| term.weight * (term.reward - term.q);
    let mean = total(ground.terms.iter().map(part)) / ground.terms.len() as f64;
    let centred: Vec<f64> = ground.terms.iter().map(|term| part(term) - mean).collect();
    let se = standard_error(&centred, ground.terms);
    let z = if se > 0.0 { libm::fabs(mean) / se } else { 0.0 };
    let figures = format!("direct method and weighted rewards are {z:.1} standard errors apart");
    let (level, why) = if z > MODEL_WARN {
        (Level::Warn, ": the outcome model is wrong where the candidate goes; do not use DM")
    } else {
        (Level::Pass, "")
    };
    Finding::new(Check::OutcomeModel, level, figures + why)
}

fn stability(ground: &Ground<'_>, robust: &Influence) -> Finding {
    let order = ground.terms.by_time();
    let slice_len = order.len().div_ceil(SLICES).max(1);
    let (mut square, mut df, mut values) = (0.0, -1.0, String::new());
    for slice in order.chunks(slice_len) {
        let of_slice: Vec<f64> = slice.iter().map(|&at| robust.of_rows[at]).collect();
        let Some((mean, variance)) = mean_and_variance(&of_slice) else { continue };
        if variance > 0.0 {
            square += mean * mean * of_slice.len() as f64 / variance;
            df += 1.0;
        }
        let sign = if values.is_empty() { "" } else { ", " };
        values += &format!("{sign}{:.1}", mean / libm::sqrt(variance / of_slice.len() as f64));
    }
    let chance = chi_square_above(square, df);
    let figures = format!(
        "quarters of the log lie {values} standard errors from the whole (p = {chance:.3})"
    );
    let (level, why) = if chance < CHANCE_WARN {
        (Level::Warn, ": rewards or persons change along the log; the next month may differ too")
    } else {
        (Level::Pass, "")
    };
    Finding::new(Check::Stability, level, figures + why)
}

fn driven(ground: &Ground<'_>, robust: &Influence) -> Finding {
    let share: f64 = drivers(ground.terms, &robust.of_rows).iter().map(|one| one.share).sum();
    let weighted = Estimator::Snips.apply(ground.terms, ground.settings);
    let behind = weighted.map_or(0.0, |found| decisions_behind(&found.of_rows));
    let figures = format!(
        "{DRIVERS} decisions make {:.1} % of the variance; it is as if {behind:.1} decisions made it",
        share * 100.0
    );
    let (level, why) = if behind < BEHIND_REFUSE {
        (
            Level::Refuse,
            ": a standard error from fewer than 5 is a guess; log more, or rewards that are less \
             rare",
        )
    } else if behind < BEHIND_WARN || share > DRIVERS_SHARE_WARN {
        (Level::Warn, ": look at these decisions before believing the result")
    } else {
        (Level::Pass, "")
    };
    Finding::new(Check::Drivers, level, figures + why)
}

fn moved(ground: &Ground<'_>) -> Option<Finding> {
    let found = sensitivity(ground.terms, ground.settings.propensity_error)?;
    let weighted = Estimator::Snips.apply(ground.terms, ground.settings)?;
    let n = ground.terms.len() as f64;
    let mean = total(ground.terms.iter().map(|term| term.reward)) / n;
    let rows = weighted.of_rows.iter().zip(ground.terms.iter());
    let apart: Vec<f64> = rows.map(|(value, term)| value - (term.reward - mean)).collect();
    let se = standard_error(&apart, ground.terms);
    let difference = Interval::around(weighted.value - mean, se, ground.terms.persons());
    let turns = !difference.contains(0.0) && found.range.contains(mean);
    let percent = found.error * 100.0;
    let (level, what) = if turns {
        let why = "would be enough to turn the answer: make sure of them";
        (Level::Warn, format!("propensities wrong by {percent} % {why}"))
    } else {
        (Level::Pass, format!("propensities wrong by {percent} % would not turn the answer"))
    };
    Some(Finding::new(Check::Sensitivity, level, what))
}

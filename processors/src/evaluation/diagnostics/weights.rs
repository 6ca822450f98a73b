//! Checks of the weights: whether the log reaches what the candidate would do.

use alloc::{format, string::String};

use super::{Check, Finding, Ground, Level};

/// Least effective sample size.
pub(in super::super) const ESS_MIN: f64 = 50.0;
const ESS_SHARE_WARN: f64 = 0.01;
/// Standard errors that the mean weight may lie from 1.
const MEAN_WEIGHT_SE: f64 = 3.0;
/// Rounded propensities move the mean weight by less than this.
const MEAN_WEIGHT_ROUNDING: f64 = 0.01;
const MAX_WEIGHT_SHARE_WARN: f64 = 0.05;
const TOP_SHARE_WARN: f64 = 0.5;
const UNSUPPORTED_REFUSE: f64 = 0.01;
const BELOW_FLOOR_WARN: f64 = 0.05;
const CLIPPED_WARN: f64 = 0.05;
/// Mass outside the eligible arms that is more than rounding.
const OUTSIDE_REFUSE: f64 = 0.001;
/// The candidate's share of an arm from which on the arm matters.
const ARM_SHARE: f64 = 0.01;

pub(super) fn mask(ground: &Ground<'_>) -> Finding {
    let (outside, most) = (ground.tally.outside, ground.tally.outside_most);
    let (level, what) = if outside == 0 {
        (Level::Pass, "the candidate chooses among the eligible arms".into())
    } else {
        let what = format!(
            "in {outside} decisions the candidate's probabilities over the eligible arms do not add \
             up to 1 (off by up to {most:.2e}): mask the candidate by the logged eligible set"
        );
        (if most > OUTSIDE_REFUSE { Level::Refuse } else { Level::Warn }, what)
    };
    Finding::new(Check::Mask, level, what)
}

pub(super) fn support(ground: &Ground<'_>) -> Finding {
    let rows = ground.tally.rows.max(1) as f64;
    let unseen = ground.tally.cells.iter().filter(|(chosen, _)| *chosen == 0);
    let never: f64 = unseen.map(|(_, mass)| mass.value()).sum();
    let none = (ground.tally.unsupported.value() + never) / rows;
    let weak = ground.tally.below_floor.value() / rows;
    let floor = ground.settings.floor;
    let figures = format!(
        "{:.2} % of what the candidate would do was never or could not be chosen, {:.2} % had a \
         propensity below {floor}",
        none * 100.0,
        weak * 100.0
    );
    let (level, why) = if none > UNSUPPORTED_REFUSE {
        (Level::Refuse, ": the log cannot say what that would earn; let the policy explore there")
    } else if none > 0.0 || weak > BELOW_FLOOR_WARN {
        (Level::Warn, ": the estimate leans on rare or absent decisions")
    } else {
        (Level::Pass, "")
    };
    Finding::new(Check::Support, level, figures + why)
}

pub(super) fn effective_sample_size(ground: &Ground<'_>) -> Finding {
    let (ess, n) = (ground.weights.ess, ground.weights.n);
    let share = ess / n.max(1) as f64;
    let figures = format!("{ess:.1} of {n} decisions ({:.2} %)", share * 100.0);
    let (level, why) = if !(ess >= ESS_MIN) {
        (Level::Refuse, ": fewer than 50 carry no estimate; log more, or a closer candidate")
    } else if share < ESS_SHARE_WARN {
        (Level::Warn, ": less than 1 % of the log informs the estimate")
    } else {
        (Level::Pass, "")
    };
    Finding::new(Check::EffectiveSampleSize, level, figures + why)
}

pub(super) fn mean_weight(ground: &Ground<'_>) -> Finding {
    let (mean, se) = (ground.weights.mean, ground.weights.se);
    let apart = libm::fabs(mean - 1.0);
    let figures = format!("{mean:.4} ± {se:.4}");
    let (level, why) = if apart <= (MEAN_WEIGHT_SE * se).max(1e-6) {
        (Level::Pass, "")
    } else if apart <= MEAN_WEIGHT_ROUNDING {
        (Level::Warn, ": more than 3 standard errors from 1, as rounded propensities would be")
    } else {
        (
            Level::Refuse,
            ": more than 3 standard errors from 1; propensities are wrong, or decisions that the \
             candidate would make are missing from the log",
        )
    };
    Finding::new(Check::MeanWeight, level, figures + why)
}

pub(super) fn share(ground: &Ground<'_>) -> Finding {
    let weights = &ground.weights;
    let sum = weights.mean * weights.n as f64;
    let of_max = if sum > 0.0 { weights.max / sum } else { 0.0 };
    let figures = format!(
        "greatest {:.2} ({:.1} % of the sum); the greatest 1 % hold {:.1} %; {:.1} % are 0",
        weights.max,
        of_max * 100.0,
        weights.top_share * 100.0,
        weights.zero_share * 100.0
    );
    let is_uneven = of_max > MAX_WEIGHT_SHARE_WARN || weights.top_share > TOP_SHARE_WARN;
    let (level, why) = if is_uneven {
        (Level::Warn, ": a few decisions carry much of the estimate")
    } else {
        (Level::Pass, "")
    };
    Finding::new(Check::Weights, level, figures + why)
}

pub(super) fn clipping(ground: &Ground<'_>) -> Finding {
    let clip = ground.settings.clip;
    let weights = || ground.terms.iter().map(|term| term.weight);
    let over: f64 = weights().filter(|&w| w > clip).map(|w| w - clip).sum();
    let switched: f64 = weights().filter(|&w| w > clip).sum();
    let sum = weights().sum::<f64>().max(f64::MIN_POSITIVE);
    let (over, switched) = (over / sum, switched / sum);
    let figures = format!(
        "{:.1} % of the weight lies above the clip of {clip}, {:.1} % is in weights that SWITCH \
         leaves to the outcome model",
        over * 100.0,
        switched * 100.0
    );
    let (level, why) = if over > CLIPPED_WARN || switched > CLIPPED_WARN {
        (Level::Warn, ": clipped, switched and shrunk estimates are biased by as much")
    } else {
        (Level::Pass, "")
    };
    Finding::new(Check::Clipping, level, figures + why)
}

pub(super) fn overlap(ground: &Ground<'_>) -> Finding {
    let thin = ground.arms.iter().filter(|arm| arm.target >= ARM_SHARE && arm.ess < ESS_MIN);
    let thin_arms = thin.clone().count();
    let mass: f64 = thin.map(|arm| arm.target).sum();
    let rows = ground.tally.rows.max(1) as f64;
    let thin_segments = ground
        .segments
        .iter()
        .filter(|segment| segment.rows as f64 >= ARM_SHARE * rows && segment.ess < ESS_MIN)
        .count();
    if thin_arms + thin_segments == 0 {
        let what: String = "every arm and segment that matters has 50 effective decisions".into();
        return Finding::new(Check::Overlap, Level::Pass, what);
    }
    let what = format!(
        "{thin_arms} arms ({:.1} % of what the candidate would do) and {thin_segments} segments \
         have fewer than 50 effective decisions: do not read numbers by arm or segment there",
        mass * 100.0
    );
    Finding::new(Check::Overlap, Level::Warn, what)
}

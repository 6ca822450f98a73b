//! Checks of the log itself: whether propensities, feedback and persons are what they should be.

use alloc::format;

use super::{
    super::{
        intervals::standard_error,
        statistics::{chi_square_above, normal_two_sided},
        sums::total,
    },
    Check, Finding, Ground, Level,
};

/// Chance of a chi-square as great, below which a check warns, and below which it refuses.
const CHANCE_WARN: f64 = 0.01;
const CHANCE_REFUSE: f64 = 1e-6;
/// Expected decisions that an arm needs in order to be in a chi-square.
const EXPECTED_MIN: f64 = 5.0;
/// How far a logged distribution's sum may lie from 1 by rounding.
const BROKEN_REFUSE: f64 = 0.001;
const MISSING_SPREAD_WARN: f64 = 0.05;
const MISSING_SPREAD_REFUSE: f64 = 0.2;
const MISSING_WARN: f64 = 0.2;
const PERSONS_WARN: usize = 40;
const PERSONS_REFUSE: usize = 10;
const SINGLE_WARN: f64 = 0.5;
const INCUMBENT_WARN: f64 = 3.0;
const INCUMBENT_REFUSE: f64 = 5.0;

pub(super) fn calibration(ground: &Ground<'_>) -> Finding {
    let tally = ground.tally;
    let broken = Level::Refuse;
    if tally.broken > 0 {
        let what = format!(
            "{} logged distributions do not add up to 1 (off by up to {:.2e})",
            tally.broken, tally.broken_most
        );
        let level = if tally.broken_most > BROKEN_REFUSE { broken } else { Level::Warn };
        return Finding::new(Check::Calibration, level, what);
    }
    let (chance, figures) = if tally.distributions > 0 {
        chosen_as_logged(ground)
    } else {
        inverse_propensities(ground)
    };
    let (level, why) = judged(
        chance,
        ": arms were not chosen as often as the propensities say; were they logged at the time of \
         the choice, over the same eligible arms?",
    );
    Finding::new(Check::Calibration, level, figures + why)
}

fn judged(chance: f64, why: &'static str) -> (Level, &'static str) {
    if chance < CHANCE_REFUSE {
        (Level::Refuse, why)
    } else if chance < CHANCE_WARN {
        (Level::Warn, why)
    } else {
        (Level::Pass, "")
    }
}

/// Chi-square of times chosen against the sum of the propensities, each arm by its own variance.
///
/// The factor 1 - share makes it Pearson's statistic where all distributions are the same, and gives
/// it the mean of a chi-square of arms - 1 where they are not.
fn chosen_as_logged(ground: &Ground<'_>) -> (f64, alloc::string::String) {
    let rows = ground.tally.distributions as f64;
    let (mut square, mut arms) = (0.0, 0_u32);
    for arm in &ground.tally.arms {
        let (expected, variance) = (arm.expected.value(), arm.variance.value());
        if expected >= EXPECTED_MIN && variance > 0.0 {
            let apart = arm.chosen_known as f64 - expected;
            square += apart * apart / variance * (1.0 - expected / rows);
            arms += 1;
        }
    }
    let df = f64::from(arms.saturating_sub(1));
    let chance = chi_square_above(square, df);
    let figures = format!(
        "chosen against logged: chi-square {square:.1} with {df} degrees of freedom, p = {chance:.3}"
    );
    (chance, figures)
}

/// Where only the chosen arm's propensity is logged: 1 / (p |E|) has mean 1.
fn inverse_propensities(ground: &Ground<'_>) -> (f64, alloc::string::String) {
    let inverse = |term: &super::super::Term| 1.0 / (term.propensity * f64::from(term.eligible));
    let n = ground.terms.len().max(1) as f64;
    let mean = total(ground.terms.iter().map(inverse)) / n;
    let apart: alloc::vec::Vec<f64> = ground.terms.iter().map(|t| inverse(t) - mean).collect();
    let se = standard_error(&apart, ground.terms);
    let off = libm::fabs(mean - 1.0);
    let chance = if off < 1e-6 { 1.0 } else { normal_two_sided(off / se) };
    let figures = format!(
        "only the chosen arm's propensity is logged; mean of 1 / (p arms) is {mean:.4} ± {se:.4}, \
         p = {chance:.3}"
    );
    (chance, figures)
}

pub(super) fn incumbent(ground: &Ground<'_>) -> Finding {
    let n = ground.terms.len().max(1) as f64;
    let apart: Option<alloc::vec::Vec<f64>> =
        ground.terms.iter().map(|term| Some(term.logged_q? - term.q)).collect();
    let Some(apart) = apart.filter(|apart| !apart.is_empty()) else {
        let what = "the log's own policy has weight 1 and its own mean; its distribution is not \
                    logged, so its doubly robust value cannot be checked";
        return Finding::new(Check::Incumbent, Level::Pass, what);
    };
    let mean = total(apart.iter().copied()) / n;
    let centred: alloc::vec::Vec<f64> = apart.iter().map(|value| value - mean).collect();
    let se = standard_error(&centred, ground.terms);
    let z = if libm::fabs(mean) < 1e-12 { 0.0 } else { libm::fabs(mean) / se };
    let figures = format!(
        "the log's own policy has weight 1; its doubly robust value is its mean {mean:+.2e} \
         ({z:.1} standard errors)"
    );
    let why = ": the outcome model finds another mix of arms than was logged";
    let (level, why) = match z {
        z if z > INCUMBENT_REFUSE => (Level::Refuse, why),
        z if z > INCUMBENT_WARN => (Level::Warn, why),
        _ => (Level::Pass, ""),
    };
    Finding::new(Check::Incumbent, level, figures + why)
}

pub(super) fn missing(ground: &Ground<'_>) -> Finding {
    let rows = ground.tally.rows.max(1) as f64;
    let all: u64 = ground.tally.arms.iter().map(|arm| arm.missing).sum();
    let rate = all as f64 / rows;
    if all == 0 {
        return Finding::new(Check::Feedback, Level::Pass, "every decision has its feedback");
    }
    let (mut square, mut df, mut least, mut most) = (0.0, -1.0, 1.0_f64, 0.0_f64);
    for arm in &ground.tally.arms {
        let n = arm.chosen as f64;
        if n * rate >= EXPECTED_MIN && n * (1.0 - rate) >= EXPECTED_MIN {
            let of_arm = arm.missing as f64 / n;
            square += n * (of_arm - rate) * (of_arm - rate) / (rate * (1.0 - rate));
            df += 1.0;
            (least, most) = (least.min(of_arm), most.max(of_arm));
        }
    }
    let spread = (most - least).max(0.0);
    let chance = chi_square_above(square, df);
    let figures = format!(
        "{:.1} % of decisions have no feedback; by arm {:.1} to {:.1} % (p = {chance:.3})",
        rate * 100.0,
        least.min(most) * 100.0,
        most * 100.0
    );
    let differs = chance < CHANCE_WARN;
    let (level, why) = if differs && spread > MISSING_SPREAD_REFUSE {
        (
            Level::Refuse,
            ": feedback is missing for some arms far more than for others, which biases every \
             estimator; find out why, or count no feedback as 0 if that is what it means",
        )
    } else if (differs && spread > MISSING_SPREAD_WARN) || rate > MISSING_WARN {
        (Level::Warn, ": estimates hold for decisions that get feedback")
    } else {
        (Level::Pass, "")
    };
    Finding::new(Check::Feedback, level, figures + why)
}

pub(super) fn rewards(ground: &Ground<'_>) -> Finding {
    let of = |pick: fn(f64, f64) -> f64| {
        ground.terms.iter().map(|term| term.reward).reduce(pick).unwrap_or(0.0)
    };
    let (least, most) = (of(f64::min), of(f64::max));
    let figures = format!("from {least} to {most}");
    if let Some((low, high)) = ground.settings.reward_range
        && (least < low || most > high)
    {
        let why = format!(", outside the range of {low} to {high} that was given");
        return Finding::new(Check::Rewards, Level::Refuse, figures + &why);
    }
    if least == most {
        let why = ": all are the same, so nothing can be said of how sure a number is";
        return Finding::new(Check::Rewards, Level::Refuse, figures + why);
    }
    Finding::new(Check::Rewards, Level::Pass, figures)
}

pub(super) fn persons(ground: &Ground<'_>) -> Finding {
    let persons = ground.terms.persons();
    let figures = format!("{persons} persons");
    let (level, why) = match persons {
        0..PERSONS_REFUSE => (Level::Refuse, ": intervals need at least 10 independent persons"),
        PERSONS_REFUSE..PERSONS_WARN => (Level::Warn, ": with so few, intervals are rough"),
        _ => (Level::Pass, ""),
    };
    Finding::new(Check::Persons, level, figures + why)
}

pub(super) fn choice(ground: &Ground<'_>) -> Finding {
    let share = ground.tally.single as f64 / ground.tally.rows.max(1) as f64;
    let figures = format!("{:.1} % of decisions had one eligible arm", share * 100.0);
    let (level, why) = if share > SINGLE_WARN {
        (Level::Warn, ": they say nothing of any candidate")
    } else {
        (Level::Pass, "")
    };
    Finding::new(Check::Choice, level, figures + why)
}

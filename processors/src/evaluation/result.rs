//! What an evaluation says: checks always, numbers only where no check refuses.

use alloc::{format, string::String, vec::Vec};
use core::cmp::Reverse;

use super::{
    diagnostics::{Check, Finding, Ground, Level, findings},
    drivers::{Driver, Sensitivity, drivers, sensitivity},
    estimators::{Estimator, Influence},
    intervals::{
        Interval, Resampled, bootstrap, confidence_sequence, finite_sample, standard_error,
    },
    needed::decisions_needed,
    overlap::{ArmShare, SegmentShare, Weights, by_arm, by_segment},
    row::Settings,
    sums::total,
    terms::Terms,
    weighing::Tally,
};

/// Effective decisions that a refused log is to grow to.
const ESS_WANTED: f64 = 50.0;

/// A candidate, evaluated on a log.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Evaluation {
    /// Decisions in the log, those without feedback too.
    pub rows: u64,
    /// Persons of the decisions with feedback.
    pub persons: usize,
    /// The checks, those that refuse first.
    pub findings: Vec<Finding>,
    /// The weights.
    pub weights: Weights,
    /// By arm.
    pub arms: Vec<ArmShare>,
    /// By segment.
    pub segments: Vec<SegmentShare>,
    /// The decisions that drive the result, the most influential first.
    pub drivers: Vec<Driver>,
    /// What the log says of the candidate's worth.
    pub answer: Answer,
}

/// Numbers, or why there are none.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Answer {
    /// The log cannot carry an estimate.
    Refused {
        /// The checks that say so.
        reasons: Vec<Finding>,
        /// Decisions like these that would give 50 effective ones, where that is what is lacking.
        decisions_needed: Option<f64>,
    },
    /// What the log carries.
    Told(Told),
}

/// What the log says of the candidate's worth.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Told {
    /// Mean reward of the log: what the incumbent earned.
    pub incumbent: f64,
    /// Its standard error.
    pub incumbent_se: f64,
    /// The estimates; those that decide first.
    pub estimates: Vec<Estimate>,
    /// Estimators that give nothing here, and why.
    pub left_out: Vec<(Estimator, String)>,
    /// Bounds that hold for any number of persons, 95 %; none of fewer than two persons.
    pub bounds: Option<Interval>,
    /// The interval that holds however often one looks, 95 %.
    pub anytime: Option<Interval>,
    /// Slightly wrong propensities.
    pub sensitivity: Option<Sensitivity>,
    /// What to do.
    pub verdict: Verdict,
    /// Decisions like these after which the difference would be clear, were it what it seems.
    pub decisions_needed: Option<f64>,
}

/// What an estimator says.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Estimate {
    /// The estimator.
    pub estimator: Estimator,
    /// The candidate's mean reward.
    pub value: f64,
    /// Its standard error.
    pub se: f64,
    /// 95 % by the influence function, within what rewards can be.
    pub normal: Interval,
    /// 95 % by resampling persons; none where too few resamples are defined.
    pub bootstrap: Option<Interval>,
    /// Candidate less incumbent.
    pub difference: Difference,
}

/// Candidate less incumbent, both by the same estimator on the same rows.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Difference {
    /// The difference.
    pub value: f64,
    /// Its standard error.
    pub se: f64,
    /// 95 % by the influence function.
    pub normal: Interval,
    /// 95 % by resampling persons.
    pub bootstrap: Option<Interval>,
}

/// What to do with the candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Every deciding interval of the difference lies above the margin.
    Promote,
    /// The log does not tell.
    Hold,
    /// Every deciding interval of the difference lies below the margin.
    Reject,
}

impl Verdict {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Promote => "promote",
            Self::Hold => "hold",
            Self::Reject => "reject",
        }
    }
}

impl Difference {
    /// The wider of both intervals.
    pub fn interval(&self) -> Interval {
        self.bootstrap.map_or(self.normal, |other| self.normal.hull(other))
    }
}

impl Evaluation {
    pub(super) fn new(terms: &Terms, tally: &Tally, settings: &Settings) -> Self {
        let (arms, segments) = (by_arm(terms, tally), by_segment(terms, tally));
        let weights = Weights::of(terms);
        let ground = Ground { terms, tally, settings, weights, arms: &arms, segments: &segments };
        let mut findings = findings(&ground);
        findings.sort_by_key(|one| Reverse(one.level));
        let refused = |finding: &&Finding| finding.level == Level::Refuse;
        let reasons: Vec<Finding> = findings.iter().filter(refused).cloned().collect();
        let robust = Estimator::Dr.apply(terms, settings);
        let drivers = robust.map_or_else(Vec::new, |found| drivers(terms, &found.of_rows));
        let answer = if reasons.is_empty() {
            Answer::Told(Told::new(terms, tally, settings))
        } else {
            let thin = reasons.iter().any(|one| one.check == Check::EffectiveSampleSize);
            let times = ESS_WANTED / weights.ess;
            let needed = (thin && weights.ess > 0.0).then(|| libm::ceil(times * weights.n as f64));
            Answer::Refused { reasons, decisions_needed: needed }
        };
        let persons = terms.persons();
        Self { rows: tally.rows, persons, findings, weights, arms, segments, drivers, answer }
    }

    /// What to do: where the numbers are refused, hold.
    pub fn verdict(&self) -> Verdict {
        match &self.answer {
            Answer::Refused { .. } => Verdict::Hold,
            Answer::Told(told) => told.verdict,
        }
    }
}

impl Told {
    fn new(terms: &Terms, tally: &Tally, settings: &Settings) -> Self {
        let range = settings.reward_range.unwrap_or_else(|| range_of(terms));
        let incumbent = total(terms.iter().map(|term| term.reward)) / terms.len() as f64;
        let own: Vec<f64> = terms.iter().map(|term| term.reward - incumbent).collect();
        let beside = Beside { terms, range, settings };
        let resampled = bootstrap(terms, &Estimator::ALL, settings);
        let (mut estimates, mut left_out) = (Vec::new(), Vec::new());
        for (estimator, resampled) in Estimator::ALL.into_iter().zip(resampled) {
            match estimate(estimator, terms, tally, settings, range) {
                Ok(found) => estimates.push(beside.tell(estimator, &found, resampled)),
                Err(why) => left_out.push((estimator, why)),
            }
        }
        let verdict = verdict(&estimates, settings.margin);
        let first = estimates.iter().find(|one| one.estimator == Estimator::DECIDING[0]);
        let needed = first.filter(|_| verdict == Verdict::Hold).and_then(|one| {
            let apart = libm::fabs(one.difference.value - settings.margin);
            (apart > 0.0).then(|| decisions_needed(terms.len(), one.difference.se, apart))
        });
        Self {
            incumbent,
            incumbent_se: standard_error(&own, terms),
            estimates,
            left_out,
            bounds: finite_sample(terms, range, greatest_weight(tally, settings)),
            anytime: confidence_sequence(terms, range),
            sensitivity: sensitivity(terms, settings.propensity_error),
            verdict,
            decisions_needed: needed,
        }
    }
}

/// Where the bounds clip: no further up than any decision of the log could have had its weight.
fn greatest_weight(tally: &Tally, settings: &Settings) -> f64 {
    let all_known = tally.distributions == tally.rows;
    if all_known { settings.clip.min(tally.weight_most) } else { settings.clip }
}

/// The log's least and greatest reward, with 0.
fn range_of(terms: &Terms) -> (f64, f64) {
    terms
        .iter()
        .fold((0.0_f64, 0.0_f64), |(low, high), term| (low.min(term.reward), high.max(term.reward)))
}

/// An estimator's value, where this log and this candidate have one.
fn estimate(
    estimator: Estimator,
    terms: &Terms,
    tally: &Tally,
    settings: &Settings,
    (least, greatest): (f64, f64),
) -> Result<Influence, String> {
    if estimator == Estimator::Replay {
        if tally.uneven > 0 {
            return Err(format!(
                "replay holds for a log that chose evenly among the eligible arms; {} of {} \
                 decisions did not",
                tally.uneven, tally.rows
            ));
        }
        if tally.mixed > 0 {
            return Err("replay holds for a candidate that always has one choice".into());
        }
    }
    let found = estimator.apply(terms, settings).ok_or("there is no weight to divide by")?;
    if !(least..=greatest).contains(&found.value) {
        return Err(format!(
            "its value lies outside what rewards can be, {least} to {greatest}: too few decisions \
             carry it"
        ));
    }
    Ok(found)
}

/// What every estimate is told beside.
struct Beside<'a> {
    terms: &'a Terms,
    /// Least and greatest reward.
    range: (f64, f64),
    settings: &'a Settings,
}

impl Beside<'_> {
    fn tell(
        &self,
        estimator: Estimator,
        found: &Influence,
        resampled: Option<Resampled>,
    ) -> Estimate {
        let (terms, (least, greatest)) = (self.terms, self.range);
        let persons = terms.persons();
        let se = standard_error(&found.of_rows, terms);
        let of_log = estimator.apply_to_log(terms, self.settings);
        let log = of_log.as_ref().map_or(&[][..], |own| &own.of_rows);
        let pairs = found.of_rows.iter().zip(log);
        let apart: Vec<f64> = pairs.map(|(value, own)| value - own).collect();
        let difference_se = standard_error(&apart, terms);
        let log_value = of_log.as_ref().map_or(0.0, |own| own.value);
        let (value, width) = (found.value - log_value, greatest - least);
        let difference = Difference {
            value,
            se: difference_se,
            normal: Interval::around(value, difference_se, persons).within(-width, width),
            bootstrap: resampled.map(|found| found.difference.within(-width, width)),
        };
        Estimate {
            estimator,
            value: found.value,
            se,
            normal: Interval::around(found.value, se, persons).within(least, greatest),
            bootstrap: resampled.map(|found| found.value.within(least, greatest)),
            difference,
        }
    }
}

/// Both deciding estimators must agree, by the wider of their intervals.
fn verdict(estimates: &[Estimate], margin: f64) -> Verdict {
    let deciding: Vec<Interval> = estimates
        .iter()
        .filter(|one| one.estimator.decides())
        .map(|one| one.difference.interval())
        .collect();
    if deciding.len() < Estimator::DECIDING.len() {
        Verdict::Hold
    } else if deciding.iter().all(|interval| interval.low > margin) {
        Verdict::Promote
    } else if deciding.iter().all(|interval| interval.high < margin) {
        Verdict::Reject
    } else {
        Verdict::Hold
    }
}

//! From counts to signs.

use alloc::{format, string::String, vec::Vec};

use super::{
    drift::FeatureDrift,
    thresholds::{
        AGE_MIN, CHANCE, DECISIONS_MIN, DELAY, EXPECTED_MIN, FALLBACK, MASS, MISSING,
        MISSING_SPREAD, PROPENSITY, Thresholds,
    },
    version::{Arm, Minutes, Version},
};
use crate::evaluation::statistics::{chi_square_above, normal_two_sided};

const MINUTE_MS: f64 = 60_000.0;

/// How a sign looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Too little to judge.
    Unknown,
    /// As designed.
    Green,
    /// To be looked at.
    Yellow,
    /// Not as designed.
    Red,
}

impl Level {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Green => "green",
            Self::Unknown => "unknown",
            Self::Yellow => "yellow",
            Self::Red => "red",
        }
    }

    /// Of what is worse the greater it is.
    pub fn from(value: f64, (yellow, red): Thresholds) -> Self {
        if value >= red {
            Self::Red
        } else if value >= yellow {
            Self::Yellow
        } else {
            Self::Green
        }
    }

    /// Of what is worse the less it is.
    pub fn below(value: f64, (yellow, red): Thresholds) -> Self {
        if value < red {
            Self::Red
        } else if value < yellow {
            Self::Yellow
        } else {
            Self::Green
        }
    }
}

/// What a sign is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Arms are chosen as often as their propensities say.
    Shares,
    /// Propensities add up to 1.
    Mass,
    /// The least propensity of a chosen arm.
    Propensity,
    /// Explorations are as many as epsilon says.
    Exploration,
    /// Decisions in which nothing but doing nothing was eligible.
    Fallback,
    /// How old the analysed hour was.
    Age,
    /// How long feedback takes.
    Delay,
    /// Outcomes that never came.
    Missing,
    /// Outcomes are missing alike for all arms.
    MissingByArm,
}

impl What {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Shares => "arm shares",
            Self::Mass => "propensity sum",
            Self::Propensity => "least propensity",
            Self::Exploration => "exploration",
            Self::Fallback => "fallback",
            Self::Age => "age of the hour",
            Self::Delay => "feedback delay",
            Self::Missing => "missing outcomes",
            Self::MissingByArm => "missing by arm",
        }
    }
}

/// A sign: a figure, what it was judged by, and how it looks.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Sign {
    /// What it is about.
    pub what: What,
    /// How it looks.
    pub level: Level,
    /// The figure that was judged; none where there is none.
    pub value: Option<f64>,
    /// The figure is yellow from here on (for chances and propensities: below), and red.
    pub thresholds: Thresholds,
    /// The figures in words.
    pub figures: String,
}

/// An arm under one version.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct ArmSign {
    /// The arm.
    pub arm: String,
    /// Decisions in which it was eligible.
    pub eligible: u64,
    /// Times chosen.
    pub chosen: u64,
    /// Sum of its propensities.
    pub expected: f64,
    /// Chance of a distance as great (normal); none where too few are expected.
    pub chance: Option<f64>,
    /// Share of its outcomes that never came; none where none has come or is overdue.
    pub missing: Option<f64>,
    /// Interventions of it that were never shown, so that no outcome was to come.
    pub unshown: u64,
}

/// Minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Quantiles {
    /// Half lie below or at it.
    pub p50: u32,
    /// 95 % do.
    pub p95: u32,
    /// 99 % do.
    pub p99: u32,
}

/// A policy version.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct VersionSigns {
    /// Its name.
    pub version: String,
    /// Decisions that it made.
    pub decisions: u64,
    /// The worst of its signs that can be judged.
    pub level: Level,
    /// Mean propensity of what was chosen.
    pub propensity_mean: f64,
    /// Its signs.
    pub signs: Vec<Sign>,
    /// Its arms.
    pub arms: Vec<ArmSign>,
    /// Feedback's delay, minutes.
    pub delay_min: Option<Quantiles>,
    /// Age of the analysed hour at its decision, minutes.
    pub age_min: Option<Quantiles>,
}

/// Whether decisions are made as designed.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Fidelity {
    /// The worst of all signs that can be judged.
    pub level: Level,
    /// By version, by name.
    pub versions: Vec<VersionSigns>,
    /// Drift of the context, newest week against what came before; none: too little of either.
    pub drift: Option<Vec<FeatureDrift>>,
    /// Decisions whose outcome may still come.
    pub awaited: u64,
}

impl Fidelity {
    pub(super) fn new(
        versions: Vec<VersionSigns>,
        drift: Option<Vec<FeatureDrift>>,
        awaited: u64,
    ) -> Self {
        let of_drift = drift.iter().flatten().map(|feature| feature.level);
        let levels = versions.iter().map(|version| version.level).chain(of_drift);
        let level = levels.max().unwrap_or(Level::Unknown);
        Self { level, versions, drift, awaited }
    }
}

impl Version {
    pub(super) fn judge(&self, version: String) -> VersionSigns {
        let mut signs = alloc::vec![
            self.shares(),
            self.mass(),
            self.propensity(),
            self.exploration(),
            self.fallback(),
            self.age(),
            self.delay(),
        ];
        signs.extend(self.missing());
        if self.decisions < DECISIONS_MIN {
            let unknown = |sign: &mut Sign| sign.level = Level::Unknown;
            signs.iter_mut().filter(|sign| sign.level < Level::Red).for_each(unknown);
        }
        VersionSigns {
            version,
            decisions: self.decisions,
            level: signs.iter().map(|sign| sign.level).max().unwrap_or(Level::Unknown),
            propensity_mean: self.propensities.value() / self.decisions.max(1) as f64,
            signs,
            arms: self.arms.iter().map(|(name, arm)| arm.told(name)).collect(),
            delay_min: quantiles(&self.delays),
            age_min: quantiles(&self.ages),
        }
    }

    /// Chi-square as the calibration of an off-policy evaluation has it.
    fn shares(&self) -> Sign {
        let n = self.decisions.max(1) as f64;
        let (mut square, mut arms) = (0.0, 0_u32);
        for arm in self.arms.values() {
            let (expected, variance) = (arm.expected.value(), arm.variance.value());
            if expected >= EXPECTED_MIN && variance > 0.0 {
                let apart = arm.chosen as f64 - expected;
                square += apart * apart / variance * (1.0 - expected / n);
                arms += 1;
            }
        }
        let df = f64::from(arms.saturating_sub(1));
        let chance = chi_square_above(square, df);
        let figures = format!(
            "chosen against the sum of propensities: chi-square {square:.1} with {df} degrees of \
             freedom, p = {chance:.3}"
        );
        let known = (df > 0.0).then_some(chance);
        Sign::of(What::Shares, known, CHANCE, Level::below, figures)
    }

    fn mass(&self) -> Sign {
        let figures = format!("off 1 by up to {:.1e}", self.mass_apart);
        Sign::of(What::Mass, Some(self.mass_apart), MASS, Level::from, figures)
    }

    fn propensity(&self) -> Sign {
        let least = self.propensity_min.unwrap_or(1.0);
        let figures = format!("an arm was chosen with {least:.5}, a weight of {:.0}", 1.0 / least);
        Sign::of(What::Propensity, Some(least), PROPENSITY, Level::below, figures)
    }

    fn exploration(&self) -> Sign {
        let n = self.decisions.max(1) as f64;
        let rate = self.explored as f64 / n;
        let Some(epsilon) = self.epsilon else {
            let figures = format!("{:.2} % explored; its epsilon is not in the log", rate * 100.0);
            return Sign::of(What::Exploration, None, CHANCE, Level::below, figures);
        };
        let sd = libm::sqrt(epsilon * (1.0 - epsilon) / n);
        let chance = match (rate - epsilon, sd) {
            (0.0, _) => 1.0,
            (_, 0.0) => 0.0,
            (apart, sd) => normal_two_sided(apart / sd),
        };
        let figures = format!(
            "{:.2} % explored, epsilon is {:.2} %: p = {chance:.3}",
            rate * 100.0,
            epsilon * 100.0
        );
        Sign::of(What::Exploration, Some(chance), CHANCE, Level::below, figures)
    }

    fn fallback(&self) -> Sign {
        let share = self.fallbacks as f64 / self.decisions.max(1) as f64;
        let figures = format!("in {:.1} % everything else was masked", share * 100.0);
        Sign::of(What::Fallback, Some(share), FALLBACK, Level::from, figures)
    }

    fn age(&self) -> Sign {
        let figures = in_words(&self.ages, "from the hour's end to its decision");
        let value = self.ages.quantile(0.95).map(f64::from);
        Sign::of(What::Age, value, AGE_MIN, Level::from, figures)
    }

    fn delay(&self) -> Sign {
        let figures = in_words(&self.delays, "from decision to feedback");
        let window = self.window_ms.map(|ms| ms as f64 / MINUTE_MS).filter(|min| *min > 0.0);
        let p95 = self.delays.quantile(0.95).map(f64::from);
        let value = p95.zip(window).map(|(p95, window)| p95 / window);
        Sign::of(What::Delay, value, DELAY, Level::from, figures)
    }

    fn missing(&self) -> [Sign; 2] {
        let answered: u64 = self.arms.values().map(|arm| arm.answered).sum();
        let missed: u64 = self.arms.values().map(|arm| arm.missed).sum();
        let n = (answered + missed) as f64;
        let rate = if n > 0.0 { missed as f64 / n } else { 0.0 };
        let (mut square, mut arms, mut least, mut most) = (0.0, 0_u32, 1.0_f64, 0.0_f64);
        for arm in self.arms.values() {
            let of_arm = (arm.answered + arm.missed) as f64;
            if of_arm * rate >= EXPECTED_MIN && of_arm * (1.0 - rate) >= EXPECTED_MIN {
                let own = arm.missed as f64 / of_arm;
                square += of_arm * (own - rate) * (own - rate) / (rate * (1.0 - rate));
                arms += 1;
                (least, most) = (least.min(own), most.max(own));
            }
        }
        let chance = chi_square_above(square, f64::from(arms.saturating_sub(1)));
        let by_chance = chance >= CHANCE.0;
        let spread = if by_chance { 0.0 } else { most - least };
        let by_arm = match arms {
            0 | 1 => "too few outcomes of several arms".into(),
            _ => format!("{:.1} to {:.1} % by arm, p = {chance:.3}", least * 100.0, most * 100.0),
        };
        let all = format!("{missed} of {} that are due never came", answered + missed);
        [
            Sign::of(What::Missing, (n > 0.0).then_some(rate), MISSING, Level::from, all),
            Sign::of(
                What::MissingByArm,
                (arms > 1).then_some(spread),
                MISSING_SPREAD,
                Level::from,
                by_arm,
            ),
        ]
    }
}

impl Sign {
    fn of(
        what: What,
        value: Option<f64>,
        thresholds: Thresholds,
        judge: fn(f64, Thresholds) -> Level,
        figures: String,
    ) -> Self {
        let level = value.map_or(Level::Unknown, |value| judge(value, thresholds));
        Self { what, level, value, thresholds, figures }
    }
}

impl Arm {
    fn told(&self, name: &str) -> ArmSign {
        let (expected, variance) = (self.expected.value(), self.variance.value());
        let z = (self.chosen as f64 - expected) / libm::sqrt(variance);
        let due = self.answered + self.missed;
        ArmSign {
            arm: name.into(),
            eligible: self.eligible,
            chosen: self.chosen,
            expected,
            chance: (expected >= EXPECTED_MIN && variance > 0.0).then(|| normal_two_sided(z)),
            missing: (due > 0).then(|| self.missed as f64 / due as f64),
            unshown: self.unshown,
        }
    }
}

fn quantiles(times: &Minutes) -> Option<Quantiles> {
    let [p50, p95, p99] = [0.5, 0.95, 0.99].map(|share| times.quantile(share));
    Some(Quantiles { p50: p50?, p95: p95?, p99: p99? })
}

fn in_words(times: &Minutes, what: &str) -> String {
    match quantiles(times) {
        None => "none".into(),
        Some(Quantiles { p50, p95, p99 }) => {
            format!("{what} {p50} min at the median, 95 % within {p95}, 99 % within {p99}")
        }
    }
}

//! What is counted of one policy version.

use alloc::{borrow::ToOwned, collections::BTreeMap, string::String};

use zeitgeber_schemas::DecisionMade;

use crate::{evaluation::ExactSum, ledger::NO_INTERVENTION};

const MINUTE_MS: i64 = 60_000;
/// Longer times count as this many minutes: about four months.
const MINUTES_MAX: i64 = 200_000;

/// Counts and exact sums.
#[derive(Debug, Clone, Default)]
pub(super) struct Version {
    pub(super) epsilon: Option<f64>,
    pub(super) window_ms: Option<i64>,
    pub(super) decisions: u64,
    pub(super) explored: u64,
    pub(super) fallbacks: u64,
    /// Greatest distance of a logged distribution's sum from 1.
    pub(super) mass_apart: f64,
    pub(super) propensities: ExactSum,
    pub(super) propensity_min: Option<f64>,
    pub(super) arms: BTreeMap<String, Arm>,
    /// Age of the analysed hour at the decision, by minute.
    pub(super) ages: Minutes,
    /// Feedback's delay, by minute.
    pub(super) delays: Minutes,
}

/// What is counted of an arm.
#[derive(Debug, Clone, Default)]
pub(super) struct Arm {
    pub(super) eligible: u64,
    pub(super) chosen: u64,
    pub(super) expected: ExactSum,
    /// Sum of p (1 - p).
    pub(super) variance: ExactSum,
    pub(super) answered: u64,
    pub(super) missed: u64,
    /// Interventions that were never shown: their outcome is not missing.
    pub(super) unshown: u64,
}

/// Times by the minute.
#[derive(Debug, Clone, Default)]
pub(super) struct Minutes(BTreeMap<u32, u64>);

impl Version {
    pub(super) fn decision(&mut self, event: &DecisionMade) {
        self.decisions += 1;
        self.explored += u64::from(event.explore);
        let nothing_else = event.eligible.iter().all(|arm| arm.arm == NO_INTERVENTION);
        self.fallbacks += u64::from(nothing_else);
        let mut mass = 0.0;
        for one in &event.eligible {
            mass += one.propensity;
            let arm = self.arm(&one.arm);
            arm.eligible += 1;
            arm.expected.add(one.propensity);
            arm.variance.add(one.propensity * (1.0 - one.propensity));
        }
        self.mass_apart = self.mass_apart.max(libm::fabs(mass - 1.0));
        self.arm(&event.chosen).chosen += 1;
        self.propensities.add(event.propensity);
        let least = self.propensity_min.unwrap_or(1.0).min(event.propensity);
        self.propensity_min = Some(least);
        self.ages.add(event.at_ms.saturating_sub(event.analysis_end_ms));
    }

    pub(super) fn answered(&mut self, arm: &str, delay_ms: i64) {
        self.arm(arm).answered += 1;
        self.delays.add(delay_ms);
    }

    pub(super) fn missed(&mut self, arm: &str, unshown: bool) {
        let arm = self.arm(arm);
        *if unshown { &mut arm.unshown } else { &mut arm.missed } += 1;
    }

    fn arm(&mut self, name: &str) -> &mut Arm {
        if !self.arms.contains_key(name) {
            self.arms.insert(name.to_owned(), Arm::default());
        }
        self.arms.get_mut(name).expect("it was just put there")
    }

    pub(super) fn merge(&mut self, other: Self) {
        self.epsilon = self.epsilon.or(other.epsilon);
        self.window_ms = self.window_ms.or(other.window_ms);
        self.decisions += other.decisions;
        self.explored += other.explored;
        self.fallbacks += other.fallbacks;
        self.mass_apart = self.mass_apart.max(other.mass_apart);
        self.propensities.merge(other.propensities);
        self.propensity_min = match (self.propensity_min, other.propensity_min) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        for (name, other) in other.arms {
            let arm = self.arms.entry(name).or_default();
            arm.eligible += other.eligible;
            arm.chosen += other.chosen;
            arm.expected.merge(other.expected);
            arm.variance.merge(other.variance);
            arm.answered += other.answered;
            arm.missed += other.missed;
            arm.unshown += other.unshown;
        }
        self.ages.merge(other.ages);
        self.delays.merge(other.delays);
    }
}

impl Minutes {
    fn add(&mut self, time_ms: i64) {
        let minutes = (time_ms / MINUTE_MS).clamp(0, MINUTES_MAX) as u32;
        *self.0.entry(minutes).or_default() += 1;
    }

    fn merge(&mut self, other: Self) {
        for (minutes, count) in other.0 {
            *self.0.entry(minutes).or_default() += count;
        }
    }

    /// The minute below or at which a share of the times lies; none of none.
    pub(super) fn quantile(&self, share: f64) -> Option<u32> {
        let all: u64 = self.0.values().sum();
        let wanted = libm::ceil(share * all as f64) as u64;
        let mut seen = 0;
        self.0.iter().find_map(|(minutes, count)| {
            seen += count;
            (seen >= wanted.max(1)).then_some(*minutes)
        })
    }
}

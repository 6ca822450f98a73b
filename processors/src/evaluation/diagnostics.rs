//! What is checked before a number may be believed: pass, warn or refuse, each with its reason.

mod feedback;
mod outcome;
mod weights;

use alloc::{string::String, vec::Vec};

use super::{
    overlap::{ArmShare, SegmentShare, Weights},
    row::Settings,
    terms::Terms,
    weighing::Tally,
};

/// How a check went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Nothing speaks against the numbers.
    Pass,
    /// The numbers are shown, with this beside them.
    Warn,
    /// There are no numbers.
    Refuse,
}

/// What is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Check {
    /// The candidate chooses among the eligible arms only.
    Mask,
    /// The log gives what the candidate would choose a probability above 0.
    Support,
    /// Effective sample size.
    EffectiveSampleSize,
    /// The mean weight is 1.
    MeanWeight,
    /// No few weights hold most of the sum.
    Weights,
    /// How much of the weight lies above the clip.
    Clipping,
    /// Each arm and segment that matters to the candidate has decisions.
    Overlap,
    /// Logged propensities add up to 1 and arms were chosen as often as they say.
    Calibration,
    /// The log's own policy, evaluated on its own log.
    Incumbent,
    /// Feedback is missing alike for all arms.
    Feedback,
    /// Rewards differ.
    Rewards,
    /// There are persons enough for intervals.
    Persons,
    /// Decisions in which there was a choice.
    Choice,
    /// The outcome model agrees with the weighted rewards.
    OutcomeModel,
    /// The estimate does not change along the log.
    Stability,
    /// No few decisions make the result.
    Drivers,
    /// Slightly wrong propensities would not turn the answer.
    Sensitivity,
}

impl Check {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Mask => "mask",
            Self::Support => "support",
            Self::EffectiveSampleSize => "effective sample size",
            Self::MeanWeight => "mean weight",
            Self::Weights => "weights",
            Self::Clipping => "clipping",
            Self::Overlap => "overlap",
            Self::Calibration => "calibration",
            Self::Incumbent => "A/A",
            Self::Feedback => "feedback",
            Self::Rewards => "rewards",
            Self::Persons => "persons",
            Self::Choice => "choice",
            Self::OutcomeModel => "outcome model",
            Self::Stability => "stability",
            Self::Drivers => "drivers",
            Self::Sensitivity => "sensitivity",
        }
    }
}

impl Level {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Warn => "warn",
            Self::Refuse => "refuse",
        }
    }
}

/// What a check found.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// The check.
    pub check: Check,
    /// How it went.
    pub level: Level,
    /// The figures, and what they mean where it did not pass.
    pub what: String,
}

impl Finding {
    pub(super) fn new(check: Check, level: Level, what: impl Into<String>) -> Self {
        Self { check, level, what: what.into() }
    }
}

/// What checks look at.
pub(super) struct Ground<'a> {
    pub(super) terms: &'a Terms,
    pub(super) tally: &'a Tally,
    pub(super) settings: &'a Settings,
    pub(super) weights: Weights,
    pub(super) arms: &'a [ArmShare],
    pub(super) segments: &'a [SegmentShare],
}

/// Every check that needs no estimate.
pub(super) fn findings(ground: &Ground<'_>) -> Vec<Finding> {
    let mut found = alloc::vec![
        weights::mask(ground),
        weights::support(ground),
        weights::effective_sample_size(ground),
        weights::mean_weight(ground),
        weights::share(ground),
        weights::clipping(ground),
        weights::overlap(ground),
        feedback::calibration(ground),
        feedback::incumbent(ground),
        feedback::missing(ground),
        feedback::rewards(ground),
        feedback::persons(ground),
        feedback::choice(ground),
    ];
    found.extend(outcome::findings(ground));
    found
}
